"""What a learner's training did: its pictures, and the words beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from xorkit import reference
from xorkit.evidence import Array
from xorkit.lesson import Lesson
from xorkit.pages import pictures
from xorkit.verdict import Verdict

# Of an update's length: the kept updates are rounded, and nobody sees less in a picture.
SAME_STEP = 0.02
SHORT, LONG = 0.01, 99.5  # times: between them two digits say enough
AGREE = 0.02  # how far the kept parameters' predictions may be from the kept ones


@dataclass(frozen=True)
class Prediction:
    """A row of the lesson's table and what the learner's network predicts for it."""

    inputs: str
    target: float
    value: float
    near: bool


@dataclass(frozen=True)
class LossCurve:
    """What there is to show of a training; empty where nothing was seen or nothing is trained."""

    loss: Markup | None = None
    baseline: float = 0.0
    surface: Markup | None = None
    table: Sequence[Prediction] = ()
    updates: Markup | None = None
    moves: tuple[str, ...] = ()


def drawn(verdict: Verdict, lesson: Lesson) -> LossCurve:
    """The pictures of what `verdict.details` keeps of a training."""
    if lesson.task is None:
        return LossCurve()
    details = verdict.details
    updates, moves = _updates(details.get("updates", {}))
    return LossCurve(
        loss=_loss(details, lesson),
        baseline=pictures.baseline(lesson.trained),
        surface=_surface(details, lesson),
        table=_table(details, lesson),
        updates=updates,
        moves=moves,
    )


def _numbers(value: object) -> Array | None:
    """Kept numbers as an array; None where there are none, or any that can't be drawn."""
    array = np.array(value if value is not None else [], dtype=np.float64)
    return array if array.size and np.isfinite(array).all() else None


def _loss(details: Mapping[str, Any], lesson: Lesson) -> Markup | None:
    losses, epochs = _numbers(details.get("losses")), int(details.get("drawn", 0))
    return pictures.loss_picture(losses, epochs, lesson) if losses is not None and epochs else None


def _table(details: Mapping[str, Any], lesson: Lesson) -> list[Prediction]:
    task, predicted = lesson.trained, _numbers(details.get("predictions"))
    if predicted is None or predicted.shape != (len(task.inputs),) or task.targets.shape[1] != 1:
        return []
    rows = zip(task.inputs, task.targets[:, 0], predicted, strict=True)
    return [
        Prediction(
            pictures.row(row), float(goal), float(value), bool(abs(value - goal) <= task.near)
        )
        for row, goal, value in rows
    ]


def _surface(details: Mapping[str, Any], lesson: Lesson) -> Markup | None:
    """The surface of a net of the lesson's kind; None for nets that it can't be drawn for."""
    theta, predicted = _numbers(details.get("theta")), _numbers(details.get("predictions"))
    if theta is None or predicted is None:
        return None
    net = reference.lesson_net(tuple(details["sizes"]))
    if net.sizes[0] != 2 or net.sizes[-1] != 1 or theta.shape != (net.width,):
        return None
    answers = reference.predict(theta[None], lesson.trained.inputs, net)[0, :, 0]
    if answers.shape != predicted.shape or np.abs(answers - predicted).max() > AGREE:
        return None  # the learner's net has other activations than the lesson's
    return pictures.surface(theta, net, lesson.trained)


def _updates(kept: Mapping[str, Any]) -> tuple[Markup | None, tuple[str, ...]]:
    """The first updates as a picture, and each of them in words."""
    moved, downhill = _numbers(kept.get("moved")), _numbers(kept.get("downhill"))
    if moved is None or downhill is None:
        return None, ()
    words = tuple(
        f"Epoch {k}: {_move(move, step)}."
        for k, (move, step) in enumerate(zip(moved, downhill, strict=True), 1)
    )
    return pictures.updates(moved, downhill, " ".join(words)), words


def _move(move: Array, step: Array) -> str:
    """One update beside the one that was asked for."""
    length, asked = float(np.linalg.norm(move)), float(np.linalg.norm(step))
    if not length:
        return "the parameters did not change"
    if np.linalg.norm(move - step) <= SAME_STEP * asked:
        return "the update that was asked for"
    if not asked:
        return "an update where none was asked for"
    along = float(move @ step) / (length * asked)
    way = "another direction" if abs(along) < 1 - SAME_STEP else "the right direction"
    return (
        f"{'uphill' if along < SAME_STEP - 1 else way}, {_times(length / asked)} as long as asked"
    )


def _times(ratio: float) -> str:
    if ratio < SHORT:
        return "less than a hundredth"
    return f"{ratio:.2g} times" if ratio < LONG else f"{ratio:.0f} times"
