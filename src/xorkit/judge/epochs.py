"""How many epochs a loop makes, and whether stopping earlier was because it had learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xorkit import reference
from xorkit.evidence import Array, Run
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.judge.diagnosis import broken
from xorkit.judge.updates import descent_of, in_order, matches, moves, order_of
from xorkit.reference import Task
from xorkit.verdict import Diagnosis

ENOUGH = 0.98  # of the lesson's epochs: counting from 1 or stopping at the last print is no mistake
SOON = 20  # epochs: a loop that looks at its accuracy does so in each of them, or in every tenth


@dataclass(frozen=True)
class Facts:
    """What many starts of this lesson do, by the reference: see `xorkit facts`."""

    starts: int
    stalled: int
    typical: int  # epochs after which half of those that learn have learned


def near(rows: Array, task: Task) -> Array:
    """Which predictions (N,) at the last of the rows are near their targets."""
    predicted = reference.predict(rows[-1:], task.inputs, task.net)[0]
    return np.asarray((np.abs(predicted - task.targets) <= task.near).all(axis=1))


def judge_epochs(
    own: Run | None,
    whole: tuple[Run, ...],
    task: Task,
    facts: Facts,
    mine: Task | None = None,
    *,
    clean: bool,
) -> Claim:
    """Whether the loop makes its epochs; stopping because it has learned is no fault.

    Stopping before is one, from whichever start it is seen.

    In a `clean` run those count that made an update. Where the updates are at fault, that is not
    said a second time: there a backward pass is enough.

    Whole runs were made from a start that learns and from one that stalls: a loop that stops after
    the same number of epochs on both counts them, it doesn't look at its loss. Where they took too
    long to tell, what the own run shows is all that counts.
    `mine` is what the own run trains, where that is known; else each of its backward passes counts.
    """
    runs = [run for run in (own, *whole) if run is not None and run.backwards]
    count = max((_updates(run, mine if run is own else task) for run in runs), default=0)
    made = count if clean else max((run.backwards for run in runs), default=0)
    enough = made >= ENOUGH * task.epochs
    broke = next((run for run in whole if run.error is not None), None)
    if broke is not None and not enough:
        return Claim(False, broken(broke))
    if not runs and clean:
        return fails(None, "unseen-epochs")
    if not count:
        return fails(Diagnosis.TOO_FEW_EPOCHS, "none")
    ended = own is not None and not own.stopped
    if own is not None and ended and _at_accuracy(own, task) and not _learned(own, task):
        return fails(Diagnosis.TOO_FEW_EPOCHS, "accuracy", epochs=_updates(own, mine))
    endless = _endless(own, whole, task)
    if endless is not None and not ended:
        return fails(Diagnosis.TIMEOUT, "endless", backwards=endless.backwards)
    if clean and own is not None and mine is not None and _too_soon(own, mine, facts):
        return _few(_updates(own, mine), whole, facts)
    sooner = next((run for run in whole if _too_soon(run, task, facts)), None)
    if clean and sooner is not None and len({run.total for run in whole}) > 1:
        return fails(Diagnosis.TOO_FEW_EPOCHS, "elsewhere", epochs=_updates(sooner, task))
    if enough or _looks(whole, task) or (endless and own is not None and _learned(own, task)):
        return HOLDS
    first = (own, mine) if own is not None else (runs[0], task)
    return _few(_updates(*first), whole, facts)


def _updates(run: Run, task: Task | None) -> int:
    """The epochs after which the parameters moved, or had no gradient that float32 could show.

    Where nothing moves at all, that is another cell's doing: a loop that moves nothing has lost
    these points already. So it is where another net than the task's was trained, or by an optimizer
    of which nothing is known. Their epochs count.
    """
    if task is None:
        return run.backwards
    moving = moves(run.rows)
    ordered = in_order(run, task)
    if ordered is None or not moving.any():
        return run.backwards
    if not moving.all():
        moving = moving | matches(ordered.rows, descent_of(ordered, task))
    later = run.backwards - len(moving)  # of a longer run not every epoch is kept
    return int(moving.sum()) + (later if len(run.end_rows) > 1 else 0)


def _too_soon(run: Run, task: Task, facts: Facts) -> bool:
    """Whether a run ended before it had learned, where going on would have helped."""
    return _unlearned(run, task) is not None and not gave_up(run, task, facts)


def gave_up(run: Run, task: Task, facts: Facts) -> bool:
    """Whether a run ended from a start that leads nowhere: that is no mistake.

    But for before the epoch by which half of those that learn have learned: until then nobody
    knows where it leads.
    """
    rows = _unlearned(run, task)
    if rows is None or run.total < facts.typical:
        return False
    return stalls(rows[-1:], run.backwards, task)


def _unlearned(run: Run, task: Task) -> Array | None:
    """The last rows, in the net's order, of a run that ended by itself before it had learned."""
    early = run.error is None and 0 < run.total < ENOUGH * task.epochs
    rows = _ordered(run, task) if early else None
    return None if rows is None or near(rows, task).all() else rows


def stalls(theta: Array, made: int, task: Task) -> bool:
    """Whether the epochs that a loop saved at parameters (1, P) wouldn't have helped either."""
    rest = task.epochs - made
    if rest <= (1 - ENOUGH) * task.epochs:
        return True
    end = reference.descend(theta, task.inputs, task.targets, task.net, lr=task.lr, epochs=rest)
    return not near(end, task).all()


def _endless(own: Run | None, whole: tuple[Run, ...], task: Task) -> Run | None:
    """A run that had to be ended; None where only a start that stalls kept it from ending."""
    if own is not None and own.stopped:
        waits = len(whole) == 1 and not whole[0].stopped and _learned(whole[0], task)
        return None if waits else own
    return next((run for run in whole if run.stopped and run.backwards == run.total), None)


def _few(made: int, whole: tuple[Run, ...], facts: Facts) -> Claim:
    """What to say of a loop that ended too early."""
    if len({run.backwards for run in whole}) > 1:
        return fails(Diagnosis.TOO_FEW_EPOCHS, "early", epochs=made)
    return fails(Diagnosis.TOO_FEW_EPOCHS, "count", epochs=made, typical=facts.typical)


def _at_accuracy(run: Run, task: Task) -> bool:
    """Whether a run ended just when all predictions had come to the right side of the middle."""
    asked = run.backwards == task.epochs  # then it didn't end for what it had come to
    rows = None if asked else _ordered(run, task)
    if rows is None or len(rows) < SOON:
        return False
    middle = (task.targets.min() + task.targets.max()) / 2
    predicted = reference.predict(rows[[-1, -SOON]], task.inputs, task.net)
    sides = ((predicted > middle) == (task.targets > middle)).all(axis=(1, 2))
    return bool(sides[0] and not sides[1])


def _looks(whole: tuple[Run, ...], task: Task) -> bool:
    """Whether the loop ended sooner where it learned sooner, or tried until it had learned."""
    if len(whole) < 2 or not _learned(whole[0], task):
        return False
    # A loop that draws its own start, always the same one, can't be caught counting.
    same_start = np.array_equal(whole[0].rows[:1], whole[1].rows[:1])
    return same_start or whole[0].total != whole[1].total


def _learned(run: Run, task: Task) -> bool:
    rows = _ordered(run, task)
    return rows is not None and bool(near(rows, task).all())


def _ordered(run: Run, task: Task) -> Array | None:
    """A whole run's last rows in the net's order of parameters, where its shapes tell that."""
    index = order_of(run, task) if run.complete else None
    return None if index is None else run.rows[-SOON:].take(index, axis=1)
