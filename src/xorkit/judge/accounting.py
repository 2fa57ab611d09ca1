"""What the recorder saw around each call of a run: the account that the learner's process gives.

It explains a run that is wrong; it never credits one, because anything in it may be forged.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xorkit.evidence import Array, Run
from xorkit.judge.updates import gradient_of, lengths, ratios
from xorkit.reference import Task

MOST_COMPARED = 16  # epochs that are compared: a wrong loop soon comes to where all gradients are 0
# Relative: nothing is credited by it, and the nearest wrong things differ by more.
LIKE_GRADIENTS = 1e-2
LIKE_STEPS = 1e-3  # relative: momentum of 0.01 makes ten times that


@dataclass
class Epoch:
    """One epoch, from its first backward pass to the next one after the parameters have moved."""

    row: Array  # (P,), where it began
    left: Array  # .grad when it began
    added: Array  # what its backward passes added to .grad
    first: Array  # what the first of them added
    stepped: Array  # how far the steps went
    beside: Array  # how far anything else moved the parameters
    backwards: int = 0
    steps: int = 0

    @property
    def moved(self) -> bool:
        return bool(self.stepped.any() or self.beside.any())


def epochs(run: Run) -> Iterator[Epoch]:
    """The epochs of which every event was looked at closely."""
    rows, grads = run.detail_rows, np.nan_to_num(run.detail_grads)
    nothing = np.zeros(rows.shape[1])
    now: Epoch | None = None
    backward, step = -1, -1  # where the backward pass and the step that are going on began
    for k, letter in enumerate(run.events[: len(rows)]):
        if now is not None and step < 0:
            now.beside = now.beside + rows[k - 1] - rows[k]
        if letter in "bg":
            if now is None or now.moved:
                if now is not None:
                    yield now
                left = grads[k] if letter == "b" else nothing  # the others may be replaced by hand
                now = Epoch(rows[k], left, nothing, nothing, nothing, nothing)
            backward = k if letter == "b" else -1
        elif letter == "s" and now is not None:
            step = k
            if not now.backwards:  # gradients of `torch.autograd.grad`, put in place by hand
                now.added, now.first, now.backwards = grads[k], grads[k], 1
        elif letter == "B" and now is not None and backward >= 0:
            added = grads[k] - grads[backward]
            now.first = now.first if now.backwards else added
            now.added, now.backwards, backward = now.added + added, now.backwards + 1, -1
        elif letter == "S" and now is not None and step >= 0:
            now.stepped = now.stepped + rows[step] - rows[k]
            now.steps, step = now.steps + 1, -1


@dataclass(frozen=True)
class Habits:
    """What most epochs of a run have in common."""

    backwards: float  # an epoch
    steps: float
    scale: float  # the gradients that were computed, as a multiple of the lesson's
    gradients_right: bool  # whether they point where the loss's gradients point
    backward_whole: bool  # whether one backward pass alone points there already
    stepped: bool  # whether steps moved the parameters
    beside: bool  # whether the parameters also moved outside of `step`
    undone: bool  # whether that went further than the steps, and somewhere else than downhill
    leftovers: bool  # whether epochs began with old gradients
    plain: bool  # whether steps go learning rate · what the backward passes left in .grad


def habits(run: Run, task: Task, loss: str = "mse") -> Habits | None:
    """Compared with one of `updates.FOLLOWED`; None where no epoch was seen to its end.

    Nor where no gradient ever passes through .grad: those of `torch.autograd.grad` alone.
    """
    found = [*itertools.islice(epochs(run), MOST_COMPARED)]
    if not found or not {"b", "s"} & set(run.events):
        return None
    moving = (run.rows != run.rows[0]).any(axis=0)  # what is left of the others' gradients is idle
    rows, left, added, first, stepped, beside = (
        np.stack([getattr(epoch, name) for epoch in found])
        for name in ("row", "left", "added", "first", "stepped", "beside")
    )
    true = gradient_of(rows, task, loss)
    scales = ratios(added, true)
    astray = beside - ratios(beside, true)[:, None] * true
    return Habits(
        backwards=float(np.median([epoch.backwards for epoch in found])),
        steps=float(np.median([epoch.steps for epoch in found])),
        scale=float(np.median(scales)),
        gradients_right=_mostly_small(added - scales[:, None] * true, added),
        backward_whole=_mostly_small(first - ratios(first, true)[:, None] * true, first),
        stepped=_mostly(stepped),
        beside=_mostly(beside),
        undone=not _mostly_small(astray, beside) and _size(beside) > _size(stepped),
        leftovers=_mostly(left[min(1, len(left) - 1) :, moving]),
        plain=_mostly_small(stepped - task.lr * (left + added), stepped, LIKE_STEPS),
    )


def gradients_right(run: Run, task: Task, rows: Array) -> bool:
    """Whether the backward passes at most of these rows added the gradients of the task's loss."""
    places = {row.tobytes() for row in rows}
    found = [each for each in epochs(run) if each.row.tobytes() in places]
    if not found:
        return False
    begun, added = (np.stack([getattr(each, name) for each in found]) for name in ("row", "added"))
    true = gradient_of(begun, task)
    return _mostly_small(added - true, true)


def shared(run: Run) -> bool:
    """Whether several backward passes belong to one update.

    As where each row of the table has its own, or where `torch.autograd.grad` looks at what
    `backward` computes once more.
    """
    looked = run.events[: len(run.detail_rows)]
    again = re.search("[bg][^s]*b", looked)  # in most runs a step comes before each next one
    several = [epoch for epoch in epochs(run) if epoch.backwards > 1] if again else []
    if not several:
        return {"g", "B"} <= set(run.events)
    first, added = (
        np.stack([getattr(each, name) for each in several]) for name in ("first", "added")
    )
    return not _mostly_small(first - ratios(first, added)[:, None] * added, first)


def _size(values: Array) -> float:
    return float(np.median(lengths(values)))


def _mostly(values: Array) -> bool:
    """Whether most rows (K, P) are something else than 0."""
    return bool(np.mean(values.any(axis=1)) > 0.5)


def _mostly_small(errors: Array, sizes: Array, share: float = LIKE_GRADIENTS) -> bool:
    """Whether most errors (K, P) are small beside their sizes (K, P), which are not 0."""
    large = lengths(sizes)
    small = lengths(errors) <= share * large
    return _mostly(sizes) and bool(np.mean(small) > 0.5)
