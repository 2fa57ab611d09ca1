"""What the recorder saw around each call of a run: the account that the learner's process gives.

It explains a run that is wrong; it never credits one, because anything in it may be forged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xorkit.evidence import Array, Run
from xorkit.judge.updates import gradients, ratios
from xorkit.reference import Task

MOST = 16  # passes that are compared: a wrong loop soon comes to where all slopes are 0
LIKE = 1e-2  # relative: nothing is credited by it, and the nearest wrong things differ by more


@dataclass(frozen=True)
class Pass:
    """One pass, from its first walk back to the next one after the weights have moved."""

    row: Array  # (P,), where it began
    left: Array  # .grad when it began
    slope: Array  # what its walks added to .grad
    first: Array  # what the first of them added
    used: Array  # .grad when the last step was over
    stepped: Array  # how far the steps went
    beside: Array  # how far anything else moved the weights
    walks: int = 0
    steps: int = 0

    @property
    def moved(self) -> bool:
        return bool(self.stepped.any() or self.beside.any())


def passes(run: Run) -> list[Pass]:
    """The passes of which every event was looked at closely."""
    rows, grads = run.detail_rows, np.nan_to_num(run.detail_grads)
    nothing = np.zeros(rows.shape[1])
    found: list[Pass] = []
    now: Pass | None = None
    walk, step = -1, -1  # where the walk and the step that are going on began
    for k, letter in enumerate(run.events[: len(rows)]):
        if now is not None and step < 0:
            now = replace(now, beside=now.beside + rows[k - 1] - rows[k])
        if letter in "bg":
            if now is None or now.moved:
                found += [now] if now is not None else []
                left = grads[k] if letter == "b" else nothing  # the others may be replaced by hand
                now = Pass(rows[k], left, nothing, nothing, nothing, nothing, nothing)
            walk = k if letter == "b" else -1
        elif letter == "s" and now is not None:
            step = k
            if not now.walks:  # gradients that `torch.autograd.grad` gave, put in place by hand
                now = replace(now, slope=grads[k], first=grads[k], walks=1)
        elif letter == "B" and now is not None and walk >= 0:
            added = grads[k] - grads[walk]
            first = now.first if now.walks else added
            now = replace(now, slope=now.slope + added, first=first, walks=now.walks + 1)
            walk = -1
        elif letter == "S" and now is not None and step >= 0:
            went = now.stepped + rows[step] - rows[k]
            now, step = replace(now, used=grads[k], stepped=went, steps=now.steps + 1), -1
    return found


@dataclass(frozen=True)
class Habits:
    """What most passes of a run have in common."""

    walks: float  # a pass
    steps: float
    scale: float  # the slopes that were walked, as a multiple of the lesson's
    slopes_right: bool  # whether they point where the loss's slopes point
    walks_whole: bool  # whether one walk alone points there already
    stepped: bool  # whether steps moved the weights
    steps_plain: bool  # whether each step goes lr · .grad
    beside: bool  # whether the weights also moved outside of `step`
    undone: bool  # whether that went further than the steps, and somewhere else than downhill
    leftovers: bool  # whether passes began with old slopes


def habits(run: Run, task: Task, loss: str = "mse") -> Habits | None:
    """Compared with a loss of `updates.gradients`; None where no pass was seen to its end."""
    found = passes(run)[:MOST]
    if not found:
        return None
    names = ("row", "slope", "first", "used", "stepped", "beside")
    moving = (run.rows != run.rows[0]).any(axis=0)  # what is left of the others' gradients is idle
    rows, slopes, first, used, stepped, beside = (
        np.stack([getattr(p, name) for p in found]) for name in names
    )
    true = dict(gradients(task, task.net))[loss](rows)
    scales = ratios(slopes, true)
    steps = np.array([p.steps for p in found])
    astray = beside - ratios(beside, true)[:, None] * true
    return Habits(
        walks=float(np.median([p.walks for p in found])),
        steps=float(np.median(steps)),
        scale=float(np.median(scales)),
        slopes_right=_mostly_small(slopes - scales[:, None] * true, slopes),
        walks_whole=_mostly_small(first - ratios(first, true)[:, None] * true, first),
        stepped=_mostly(stepped),
        steps_plain=_mostly_small(stepped - task.lr * steps[:, None] * used, stepped),
        beside=_mostly(beside),
        undone=not _mostly_small(astray, beside) and _size(beside) > _size(stepped),
        leftovers=_mostly(np.stack([p.left for p in found[1:] or found])[:, moving]),
    )


def _size(values: Array) -> float:
    return float(np.median(np.linalg.norm(values, axis=1)))


def _mostly(values: Array) -> bool:
    """Whether most rows (K, P) are something else than 0."""
    return bool(np.mean(values.any(axis=1)) > 0.5)


def _mostly_small(errors: Array, sizes: Array) -> bool:
    """Whether most errors (K, P) are small beside their sizes (K, P), which are not 0."""
    large = np.linalg.norm(sizes, axis=1)
    small = np.linalg.norm(errors, axis=1) <= LIKE * large
    return _mostly(sizes) and bool(np.mean(small) > 0.5)
