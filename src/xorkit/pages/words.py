"""What the pages say of numbers and codes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from xorkit.verdict import Diagnosis

# nbgrader's page of one learner's notebooks of an assignment, on a Jupyter server.
FORMGRADER = "formgrader/manage_students/{student}/{assignment}"
# The verdict's diagnosis codes, as an instructor reads them.
DIAGNOSES: Final[Mapping[Diagnosis, str]] = {
    Diagnosis.BLANK: "left an exercise empty",
    Diagnosis.CRASH: "a cell stopped with an error",
    Diagnosis.TIMEOUT: "a cell was still running when its time was over",
    Diagnosis.MEMORY: "a cell needed more memory than there is",
    Diagnosis.WRONG_DATA: "inputs or targets differ from the table's",
    Diagnosis.WRONG_ARCHITECTURE: "the model has other layers or activations",
    Diagnosis.WRONG_LOSS: "another loss than the task's",
    Diagnosis.WRONG_OPTIMIZER: "another optimizer than plain gradient descent",
    Diagnosis.WRONG_LR: "another learning rate",
    Diagnosis.NO_ZERO_GRAD: "gradients are never zeroed: they accumulate over the epochs",
    Diagnosis.ZERO_GRAD_NOT_EVERY_PASS: "gradients are zeroed in some epochs only",
    Diagnosis.ZERO_GRAD_BEFORE_STEP: "gradients are zeroed between backward and step",
    Diagnosis.NO_BACKWARD: "gradients are never computed",
    Diagnosis.NO_STEP: "the parameters are never updated",
    Diagnosis.STEP_BEFORE_BACKWARD: "step comes before the backward pass of its epoch",
    Diagnosis.STEP_OUTSIDE_LOOP: "step stands outside of the loop",
    Diagnosis.STEP_TWICE: "more than one update in each epoch",
    Diagnosis.BACKWARD_TWICE: "more than one backward pass in each epoch",
    Diagnosis.DETACHED_LOSS: "the loss is detached from the parameters",
    Diagnosis.TARGET_SHAPE: "targets of another shape than the predictions",
    Diagnosis.WRONG_SIGN: "each update goes uphill",
    Diagnosis.FROZEN_PARAMETERS: "the optimizer holds none or only some of the parameters",
    Diagnosis.MODEL_REBUILT_IN_LOOP: "a new model is built in every epoch",
    Diagnosis.TOO_FEW_EPOCHS: "the loop ends too early",
    Diagnosis.NOT_TRAINED: "predictions that no training produced",
    Diagnosis.BAD_START: "an unlucky random start that got stuck (costs nothing)",
    Diagnosis.ENVIRONMENT: "the grader's machine lacked something that Colab has (costs nothing)",
    Diagnosis.TAMPERING: "what came back was not written by the grader's recorder",
}

EASY, HARD = 0.85, 0.5  # of an exercise's points that a class earns
# Usual limit for the correlation of an item with the rest of a test (Ebel and Frisbie, 1991).
FAIR = 0.2
FEW_LEARNERS = 10  # below, a correlation is mostly chance
CHANCE = 2.0  # two standard errors of a correlation that is really 0: each is 1/√learners

# "Exercise 4 · The training loop: it was in 2 parts, …": the cell first, then what was done to it.
NAMED_CELL = re.compile(r"^[^:]+: (?=it was |its |your )")


def plural(count: float, one: str, many: str = "") -> str:
    """The count with its word: 1 point, 2 points."""
    return f"{count:g} {one if count == 1 else many or one + 's'}"


def difficulty(share: float | None) -> str:
    """An exercise's difficulty from the share of its points that the class earned."""
    if share is None:
        return "no marks yet"
    if share >= EASY:
        return "easy"
    return "hard" if share < HARD else "of medium difficulty"


def discrimination(correlation: float | None, learners: int) -> str:
    """A warning where an exercise fails to separate strong from weak learners; else nothing."""
    if learners < FEW_LEARNERS or correlation is None or correlation >= FAIR:
        return ""
    if correlation < -CHANCE / math.sqrt(learners):
        return "Check this exercise: learners who do well elsewhere do badly here."
    return "Does not separate strong from weak learners."


def repair_kind(text: str) -> str:
    """What a repair did, without the cell and the numbers that differ from file to file."""
    cell, _, listed = NAMED_CELL.sub("", text).partition(": ")
    kind = re.sub(r"\d+", "…", f"{cell}." if listed else cell)
    return kind[:1].upper() + kind[1:]


def praise(share: float) -> str:
    """The first thing that a learner reads, by the share of the points."""
    if share >= 1:
        return "Everything is right. Well done!"
    if share >= 0.8:
        return "Nearly everything is right. Well done!"
    if share >= 0.5:
        return "A good part of it is right."
    return "You have made a start." if share > 0 else "No points yet. That can change quickly."
