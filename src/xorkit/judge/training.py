"""The training loop and what came of it: order and number of its calls, its passes, its result.

The loop is judged on the run that it made alone, on the lesson's own objects and from a start that
nobody knew; its passes are counted in the learner's own run, or in whole runs where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xorkit.evidence import Run, Runs
from xorkit.judge.claims import HOLDS, Claim
from xorkit.judge.diagnosis import faults, later_fault, rebuilt
from xorkit.judge.passes import ENOUGH, Facts, judge_passes, near
from xorkit.judge.updates import (
    FEW,
    Mechanism,
    arrangement,
    descent,
    distinct,
    explain,
    matches,
    moves,
)
from xorkit.messages import finding
from xorkit.reference import Task
from xorkit.verdict import Diagnosis, Finding

IDLE = 0.2  # of walks back that no step follows; a look at the slopes now and then is no mistake

# What each fault of order or number breaks, besides `updates`, which any fault breaks.
CLEARING = (
    Diagnosis.NO_ZERO_GRAD,
    Diagnosis.ZERO_GRAD_NOT_EVERY_PASS,
    Diagnosis.ZERO_GRAD_BEFORE_STEP,
)
STEPPING = (
    Diagnosis.STEP_TWICE,
    Diagnosis.BACKWARD_TWICE,
    Diagnosis.STEP_BEFORE_BACKWARD,
    Diagnosis.STEP_OUTSIDE_LOOP,
    Diagnosis.NO_STEP,
    Diagnosis.NO_BACKWARD,
)


@dataclass(frozen=True)
class Training:
    """What was said of the training loop, claim by claim."""

    weights_move: Claim
    fresh_slopes: Claim
    one_step: Claim
    updates: Claim
    passes: Claim
    mechanism: Mechanism
    run: Run | None = None  # alone
    own: Run | None = None

    @property
    def right(self) -> bool:
        return bool(self.fresh_slopes and self.one_step and self.updates and self.passes)


@np.errstate(all="ignore")  # a run that ends in NaN is evidence like any other
def judge_training(runs: Runs, task: Task, facts: Facts) -> Training:
    """The claims about the loop, from its runs."""
    run = in_order(runs.alone, task)
    mechanism = Mechanism("misfit") if run is None else explain(run.rows, task, task.net)
    found = _faults(runs, run, mechanism, task)
    share = min(1.0, (moves(runs.alone.rows).sum() + 1) / max(1, runs.alone.passes))
    passes = judge_passes(runs.own, runs.whole, share, task, facts)
    if found and (found[0].code == Diagnosis.TIMEOUT or runs.alone.error is not None):
        passes = Claim(False, found[0])
    claims = _claims(runs.alone, found) if found else (HOLDS,) * 4
    return Training(*claims, passes, mechanism, runs.alone, runs.own)


def in_order(run: Run, task: Task) -> Run | None:
    """The run with its columns in the net's order; None where it isn't the lesson's net."""
    index = arrangement(run.rows, run.shapes, task, task.net)
    if index is None:
        return None
    tables = ("rows", "detail_rows", "detail_grads")
    return replace(run, **{name: getattr(run, name)[:, index] for name in tables})


def _faults(runs: Runs, run: Run | None, mechanism: Mechanism, task: Task) -> tuple[Finding, ...]:
    """All that is wrong with the loop, most telling first; empty where it is proved."""
    alone = runs.alone
    clean = mechanism.clean and alone.error is None
    born_again = rebuilt(alone, task)
    if born_again is not None:
        return (born_again,)
    if runs.replaced and not clean:
        return (_tampered(runs.replaced),)
    if not runs.tied and (clean or mechanism.kind == "misfit"):
        return (_elsewhere(alone, task),)
    if not clean:
        after = runs.own if runs.own is not None else next(iter(runs.whole), None)
        return faults(run or alone, mechanism, after, task)
    few = _idle(runs, task) or _too_short(alone)
    if few:
        return (few,)
    ordered = (in_order(each, task) for each in (*runs.whole, runs.own) if each is not None)
    late = (
        later_fault(each, task) or _gives_up(each, alone, task)
        for each in ordered
        if each is not None
    )
    return tuple(each for each in late if each is not None)[:1]


def _tampered(replaced: tuple[str, ...]) -> Finding:
    return finding(Diagnosis.TAMPERING, "replaced", names=", ".join(replaced))


def _elsewhere(run: Run, task: Task) -> Finding:
    count = run.rows.shape[1]
    return finding(Diagnosis.NOT_TRAINED, "elsewhere", backwards=run.passes, count=count)


def _too_short(run: Run) -> Finding | None:
    """Two updates tell nothing of what a pass finds when it begins."""
    count = int(moves(run.rows).sum())
    if count >= FEW:
        return None
    forwards = run.events.count("f")
    if forwards > 10 * run.passes:
        return finding(Diagnosis.STEP_OUTSIDE_LOOP, "few", forwards=forwards, updates=count)
    return finding(Diagnosis.TOO_FEW_EPOCHS, "short", updates=count)


def _idle(runs: Runs, task: Task) -> Finding | None:
    """Walks back over all rows that no step follows, in a loop that makes too few steps for it."""
    run = runs.alone
    idle = int((~moves(run.rows)).sum())
    passes = max(each.passes for each in (run, runs.own, *runs.whole) if each is not None)
    updates = passes * (1 - idle / run.passes)
    if idle <= IDLE * run.passes or updates >= ENOUGH * task.epochs or _shared(run):
        return None
    made = run.passes - idle
    return finding(Diagnosis.NO_STEP, "idle", backwards=run.passes, updates=made)


def _gives_up(run: Run, alone: Run, task: Task) -> Finding | None:
    """A run on the lesson's own net that stops moving the weights long before it has learned."""
    rows = run.rows if run.complete else run.rows[:-1]
    downhill = matches(rows, descent(rows, task, task.net))
    updates = int((moves(rows) | downhill).sum())  # where all is flat, a right step is none
    share = moves(alone.rows).sum() / max(1, alone.passes)
    most = len(rows) - 1
    first = distinct(rows)[: FEW + 1]
    if len(first) <= FEW or not matches(first, descent(first, task, task.net)).all():
        return None  # not the lesson's data, loss or rate: nothing to compare with
    if updates >= (share - IDLE) * most or updates >= ENOUGH * task.epochs:
        return None
    if near(rows, task.net, task).all():
        return None
    return finding(Diagnosis.NO_STEP, "stops", backwards=most, updates=updates)


def _shared(run: Run) -> bool:
    """Whether several walks add up to one slope, as when every row is walked by itself."""
    looked = run.events[: len(run.detail_grads)]
    grads = np.nan_to_num(run.detail_grads[[k for k, e in enumerate(looked) if e == "B"]])
    return bool(len(grads) > 1 and (grads[1:] != grads[:-1]).any(axis=1).mean() > 1 - IDLE / 2)


def _claims(run: Run, found: tuple[Finding, ...]) -> tuple[Claim, Claim, Claim, Claim]:
    """weights_move, fresh_slopes, one_step, updates: which of them the faults break."""
    wrong = Claim(False, found[0])
    if not moves(run.rows).any() or found[0].code in NOTHING_SHOWN:
        return wrong, wrong, wrong, wrong
    fresh, step = (
        next((Claim(False, each) for each in found if each.code in codes), HOLDS)
        for codes in (CLEARING, STEPPING)
    )
    if moves(run.rows).sum() < FEW:  # nothing could be seen of a second pass
        fresh, step = wrong, wrong
    told = (fresh.finding, step.finding)
    rest = next((each for each in found if each not in told), found[0])
    return HOLDS, fresh, step, Claim(False, rest)


NOTHING_SHOWN = (Diagnosis.MODEL_REBUILT_IN_LOOP, Diagnosis.TAMPERING, Diagnosis.NOT_TRAINED)
