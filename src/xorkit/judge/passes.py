"""How many passes a loop makes, and whether stopping earlier was because it had learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xorkit import reference
from xorkit.evidence import Array, Run
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.judge.diagnosis import broken
from xorkit.judge.updates import arranged
from xorkit.reference import Net, Task
from xorkit.verdict import Diagnosis

ENOUGH = 0.98  # of the lesson's passes: counting from 1 or stopping at the last print is no mistake


@dataclass(frozen=True)
class Facts:
    """What many starts of this lesson do, by the reference: see `xorkit facts`."""

    starts: int
    stalled: int
    typical: int  # passes after which half of those that learn have learned


def near(rows: Array, net: Net, task: Task) -> Array:
    """Which predictions (N,) at the last of the rows are near their targets."""
    predicted = reference.predict(rows[-1:], task.inputs, net)[0]
    return np.asarray((np.abs(predicted - task.targets) <= task.near).all(axis=1))


def judge_passes(
    own: Run | None, whole: tuple[Run, ...], share: float, task: Task, facts: Facts
) -> Claim:
    """Whether the loop makes its passes; stopping because it has learned is no fault.

    `share` of the walks back end in an update: four walks may share one, row by row.

    Whole runs were made from a start that learns and from one that stalls: a loop that stops after
    the same number of passes on both counts them, it doesn't look at its loss. Where they took too
    long to tell and the own run came to its end, the learner has the benefit of the doubt.
    """
    runs = [run for run in (own, *whole) if run is not None and run.passes]
    count = round(share * max((run.passes for run in runs), default=0))
    broke = next((run for run in whole if run.error is not None), None)
    if broke is not None and broke.error is not None and count < ENOUGH * task.epochs:
        return Claim(False, broken(broke, *broke.error))
    if not count:
        return fails(Diagnosis.TOO_FEW_EPOCHS, "none")
    endless = next((run for run in whole if run.stopped and run.models == 1), None)
    slow = endless is not None and endless.total < task.epochs and own is not None
    if endless is not None and not slow and not _ends_when_learned(own, whole, task):
        return fails(Diagnosis.TIMEOUT, "endless", backwards=endless.passes)
    if count >= ENOUGH * task.epochs or slow or _looks(whole, task):
        return HOLDS
    first = own if own is not None else runs[0]
    made = round(share * first.passes)
    if len({run.passes for run in whole}) > 1:
        return fails(Diagnosis.TOO_FEW_EPOCHS, "early", epochs=made)
    return fails(Diagnosis.TOO_FEW_EPOCHS, "count", epochs=made, typical=facts.typical)


def _ends_when_learned(own: Run | None, whole: tuple[Run, ...], task: Task) -> bool:
    """Whether only the start that stalls kept the loop from ending, and the own run ended."""
    return own is not None and not whole[0].stopped and _learned(whole[0], task)


def _looks(whole: tuple[Run, ...], task: Task) -> bool:
    """Whether the loop ended sooner where it learned sooner, or tried until it had learned."""
    if len(whole) < 2 or not _learned(whole[0], task):
        return False
    # A loop that draws its own start, always the same one, can't be caught counting.
    same_start = np.array_equal(whole[0].rows[:1], whole[1].rows[:1])
    return same_start or whole[0].total != whole[1].total


def _learned(run: Run, task: Task) -> bool:
    rows = arranged(run.rows, run.shapes, task, task.net)
    return rows is not None and bool(near(rows, task.net, task).all())
