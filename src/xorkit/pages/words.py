"""What the pages say of numbers and codes."""

from __future__ import annotations

import math
from typing import Final

# The verdict's diagnosis codes, as an instructor reads them.
DIAGNOSES: Final = {
    "blank": "left a blank empty",
    "crash": "a cell stopped with an error",
    "timeout": "a cell was still running when its time was over",
    "memory": "a cell needed more memory than there is",
    "wrong-data": "inputs or targets are not the table's",
    "wrong-architecture": "the model has other layers or activations",
    "wrong-loss": "another loss than the task's",
    "wrong-optimizer": "another optimizer than plain gradient descent",
    "wrong-lr": "another learning rate",
    "no-zero-grad": "slopes are never cleared: they add up from pass to pass",
    "zero-grad-not-every-pass": "slopes are cleared in some passes only",
    "zero-grad-before-step": "slopes are cleared between backward and step",
    "no-backward": "slopes are never computed",
    "no-step": "the weights are never moved",
    "step-before-backward": "step comes before the slopes of its pass",
    "step-outside-loop": "step stands outside of the loop",
    "step-twice": "each pass moves the weights more than once",
    "backward-twice": "each pass computes its slopes more than once",
    "detached-loss": "the loss is cut off from the weights",
    "target-shape": "targets of another shape than the predictions",
    "wrong-sign": "each step goes uphill",
    "frozen-parameters": "the optimizer holds none or only some of the weights",
    "model-rebuilt-in-loop": "the model is made anew in every pass",
    "too-few-epochs": "the loop ends too early",
    "not-trained": "predictions that no training produced",
    "environment": "met something that Colab has and the grading machine hasn't (costs nothing)",
    "bad-start": "an unlucky start that got stuck (costs nothing)",
    "tampering": "what came back was not written by the grader's recorder",
}

EASY, HARD = 0.85, 0.5  # of an exercise's points that a class earns
# Usual limits for the correlation of an item with the rest of a test (Ebel and Frisbie, 1991).
TELLING, FAIR = 0.4, 0.2
FEW_LEARNERS = 10  # below, a correlation is mostly chance
CHANCE = 2.0  # two standard errors of a correlation that is really 0: each is 1/√learners


def plural(count: float, one: str, many: str = "") -> str:
    """The count with its word: 1 point, 2 points."""
    return f"{count:g} {one if count == 1 else many or one + 's'}"


def difficulty(share: float | None) -> str:
    """An exercise's difficulty from the share of its points that the class earned."""
    if share is None:
        return "no marks yet"
    if share >= EASY:
        return "easy"
    return "hard" if share < HARD else "middling"


def discrimination(correlation: float | None, learners: int) -> str:
    """How well an exercise tells strong learners from weak ones, as a sentence."""
    if learners < FEW_LEARNERS:
        return "Too few learners to say what it tells."
    if correlation is None:
        return "It tells nothing: all of them have the same."
    if correlation >= TELLING:
        return "It tells a lot."
    if correlation >= FAIR:
        return "It tells something."
    if correlation < -CHANCE / math.sqrt(learners):
        return "Have a look at it: who does well elsewhere does badly here."
    return "It tells hardly anything."


def praise(share: float) -> str:
    """The first thing that a learner reads, by the share of the points."""
    if share >= 1:
        return "All of it. Well done!"
    if share >= 0.8:
        return "Nearly everything stands. Well done!"
    if share >= 0.5:
        return "A good part of it stands."
    return "A start is made." if share > 0 else "Nothing counts yet, and that can change quickly."
