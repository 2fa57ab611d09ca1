"""The training loop and what came of it: order and number of its calls, its epochs, its result.

The loop is judged on the run that it made alone, on the lesson's own objects and from a start that
nobody knew; its epochs are counted in the learner's own run, or in whole runs where there is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from xorkit.evidence import Run, Runs
from xorkit.judge.accounting import shared
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.judge.data import Data
from xorkit.judge.deviations import MEANT, MOST, Deviations, deviations
from xorkit.judge.diagnosis import (
    broken,
    faults,
    now_and_then,
    other_values,
    rebuilt,
    skipped,
    strayed,
)
from xorkit.judge.epochs import ENOUGH, Facts, judge_epochs, near
from xorkit.judge.model import Model
from xorkit.judge.settings import Settings
from xorkit.judge.updates import FEW, Mechanism, explain, in_order, moves
from xorkit.messages import finding
from xorkit.reference import Net, Task
from xorkit.verdict import Diagnosis, Finding

MANY = 10  # forward passes for one backward pass: most of the loop's work comes to nothing
COUNTED = 0.002  # how far from the lesson's number of epochs a loop is that counts to it
# Of the backward passes, without a step; a look at the gradients now and then is no mistake.
IDLE = 0.2

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
    """What was said of the training loop, claim by claim; `review`: why a person should look."""

    weights_move: Claim
    fresh_gradients: Claim
    one_step: Claim
    updates: Claim
    epochs: Claim
    mechanism: Mechanism
    run: Run | None = None  # the one that the claims are about
    own: Run | None = None
    review: str = ""
    descends: Net | None = None  # of which the whole own run is plain descent, update by update

    @property
    def right(self) -> bool:
        return bool(self.fresh_gradients and self.one_step and self.updates and self.epochs)


@dataclass(frozen=True)
class _Trained:
    """A run and what it trains."""

    run: Run
    task: Task

    @property
    def ordered(self) -> Run | None:
        """The run with its columns in the net's order; None where it isn't the task's net."""
        return in_order(self.run, self.task)

    @cached_property
    def seen(self) -> Deviations | None:
        return deviations(self.ordered, self.task) if self.ordered is not None else None

    @property
    def right(self) -> bool:
        """Whether every update is plain descent."""
        return self.seen is not None and self.seen.right == self.seen.epochs


def _own_task(data: Data, model: Model, settings: Settings, task: Task) -> Task | None:
    """What the learner's own loop trains; None where the judge can't compute that."""
    if model.net is None or settings.loss != "mse" or not settings.optimizer_right:
        return None
    return task_of(data, model.net, settings, task)


def task_of(data: Data, net: Net, settings: Settings, task: Task) -> Task:
    """What a loop trains by what the other cells left for it: table, net and learning rate."""
    own = replace(task, net=net, lr=settings.lr or task.lr)
    if data.inputs is None or data.targets is None:
        return own
    return replace(own, inputs=data.inputs, targets=data.targets)


@np.errstate(all="ignore")  # a run that ends in NaN is evidence like any other
def judge_training(
    runs: Runs,
    task: Task,
    facts: Facts,
    others: tuple[Data, Model, Settings] | None = None,
    *,
    again: bool = False,
    ended: bool = False,
) -> Training:
    """The claims about the loop, from its runs.

    `others` is what the other cells left for it, where that is known. `again`: the loop's text lets
    it run a second time, so that the run alone tells all. `ended`: in the notebook it came to its
    end without an error.
    """
    mine = _own_task(*others, task) if others else None
    own = _Trained(runs.own, mine) if runs.own is not None and mine is not None else None
    finished = ended and others is not None and all(part.right for part in others)
    idle = finished and runs.own is None and runs.raised is None
    if idle and moves(runs.alone.rows).any():
        nothing = fails(Diagnosis.NOT_TRAINED, "idle")
        return Training(*(nothing,) * 5, Mechanism("still"), runs.alone)
    if _ended_at_once(runs.alone) and any(moves(run.rows).sum() >= FEW for run in runs.whole[:1]):
        runs = replace(runs, alone=runs.whole[0])
    alone = _Trained(runs.alone, task)
    told = alone.ordered
    mechanism = Mechanism("misfit") if told is None else explain(told.rows, task)
    otherwise = finished and own is not None and mechanism.clean and _otherwise(own, runs)
    if runs.own is not None and not again and (otherwise or _only_own_tells(runs, mechanism)):
        return _by_own(runs.own, own, facts)
    found = _faults(runs, alone, mechanism, own)
    epochs = judge_epochs(runs.own, runs.whole, task, facts, mine, clean=mechanism.clean)
    if found and (found[0].code == Diagnosis.TIMEOUT or runs.alone.error is not None):
        epochs = Claim(False, found[0])
    if found and found[0].code in IDLING and not epochs:
        epochs = Claim(False, found[0])  # the epochs are there, and their updates are missing
    claims = _claims(runs.alone, found) if found else (HOLDS,) * 4
    proved = own.task.net if own is not None and not found and own.right else None
    return Training(*claims, epochs, mechanism, runs.alone, runs.own, descends=proved)


def _ended_at_once(run: Run) -> bool:
    """Whether a run ended by itself after an update or two, as a loop does for what it waits."""
    return run.error is None and not run.stopped and 0 < run.backwards < FEW


def _only_own_tells(runs: Runs, mechanism: Mechanism) -> bool:
    """Whether the learner's own run trained, and running the loop once more shows nothing.

    A loop may leave something behind that keeps it from running a second time: a flag, a file, an
    iterator that is used up.
    """
    own, alone = runs.own, runs.alone
    if own is None or own.backwards < FEW or runs.raised is not None:
        return False
    if not (alone.events or alone.backwards) or alone.error is not None:
        return True
    few = moves(alone.rows).sum() < FEW and not alone.stopped
    return (few or mechanism.kind == "still") and bool(moves(own.rows).sum() >= FEW)


def _otherwise(own: _Trained, runs: Runs) -> bool:
    """Whether the own run trained by another rule than the plain descent of the run alone.

    Not where it is no more than unclear: it may have begun several times.
    """
    if runs.raised is not None or own.ordered is None or own.seen is not None:
        return False
    return explain(own.ordered.rows[: len(runs.alone.rows)], own.task).descends


def _by_own(run: Run, own: _Trained | None, facts: Facts) -> Training:
    """The claims about a loop of which only the learner's own run tells."""
    if own is None or own.ordered is None:
        untold = fails(None, "no-second-run")
        return Training(*(untold,) * 5, Mechanism("misfit"), run, run, str(untold))
    ordered, mine = own.ordered, own.task
    mechanism = explain(ordered.rows, mine)
    seen, born_again = own.seen, rebuilt(run, mechanism, mine)
    if born_again is not None:
        told: tuple[Finding, ...] = (born_again,)
    elif mechanism.clean or (seen is not None and 2 * seen.right > seen.epochs):
        told = tuple(each for each in (_late(own),) if each is not None)
    else:
        told = faults(ordered, mechanism, None, mine)
    claims = _claims(run, told) if told else (HOLDS,) * 4
    return Training(
        *claims, judge_epochs(run, (), mine, facts, clean=mechanism.clean), mechanism, ordered, run
    )


def _faults(
    runs: Runs, trained: _Trained, mechanism: Mechanism, own: _Trained | None
) -> tuple[Finding, ...]:
    """All that is wrong with the loop, most telling first; empty where it is proved."""
    alone, task = trained.run, trained.task
    clean = mechanism.clean and alone.error is None
    born_again = rebuilt(alone, mechanism, task)
    if born_again is not None:
        return (born_again,)
    if runs.replaced and not clean:
        names = ", ".join(runs.replaced)
        return (finding(Diagnosis.TAMPERING, "replaced", names=names),)
    if not runs.tied and (clean or mechanism.kind == "misfit"):
        return (finding(Diagnosis.NOT_TRAINED, "elsewhere", count=alone.rows.shape[1]),)
    if not clean:
        return _of_broken(runs, trained, mechanism, own)
    few = _idle(runs, task) or _too_short(alone)
    if few:
        return (few,)
    whole, parts = (_Trained(run, task) for run in runs.whole), shared(alone)
    judged = (each for each in (trained, *whole, own) if each is not None)
    late = (_late(each, parts=parts) for each in judged)
    return tuple(each for each in late if each is not None)[:1]


def _of_broken(
    runs: Runs, trained: _Trained, mechanism: Mechanism, own: _Trained | None
) -> tuple[Finding, ...]:
    """What is wrong with a loop that is no plain descent when run alone, or that broke."""
    alone, run, task = trained.run, trained.ordered, trained.task
    after = runs.own or next(iter(runs.whole), None)
    if alone.error is not None and (runs.raised is None or not _same(alone.error, runs.raised)):
        if runs.own is not None and runs.raised is not None:
            # What the learner has seen, not what the grader met.
            return (broken(replace(runs.own, error=runs.raised, line=runs.line)),)
        return (broken(alone, alone=True),)
    forwards, updates = alone.events.count("f"), int(moves(alone.rows).sum())
    if alone.error is None and 0 < updates < FEW and forwards > MANY * alone.backwards:
        few = finding(Diagnosis.STEP_OUTSIDE_LOOP, "few", forwards=forwards, updates=updates)
        return (few,)
    otherwise = run is not None and mechanism.kind == "schedule" and other_values(run, task)
    if alone.error is None and mechanism.kind not in WHOLLY and not otherwise:
        seen = (_exceptions(each) for each in (trained, own) if each is not None)
        told = next((each for each in seen if each is not None), None)
        if told is not None:
            return (told,)
    return faults(run or alone, mechanism, after, task)


IDLING = (Diagnosis.NO_STEP, Diagnosis.ZERO_GRAD_BEFORE_STEP)

# What is said of all updates of a run, not of some of them.
WHOLLY = ("still", "straight", "factor", "sums", "late", "part", "batch", "misfit")


def _exceptions(trained: _Trained) -> Finding | None:
    """What some updates of a run do of which most are right, where all of these are explained."""
    seen = trained.seen
    if seen is None or seen.jumps or seen.right < MOST * seen.epochs:
        return None
    return now_and_then(seen, trained.task)


def _same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two errors are the same but for numbers in their texts."""
    plain = [(name, re.sub(r"\d+", "", text)) for name, text in (one, other)]
    return plain[0] == plain[1]


def _late(trained: _Trained, *, parts: bool = False) -> Finding | None:
    """What a run does now and then, or later, that is no plain descent.

    `parts`: several backward passes make one update, as where each row has its own.
    """
    run, ordered, task = trained.run, trained.ordered, trained.task
    if not moves(run.rows).any():
        return None  # another cell's doing: a loop that moves nothing is told when it runs alone
    seen = trained.seen
    if seen is None or ordered is None:
        return None
    told = now_and_then(seen, task)
    if told is not None:
        return told
    # A backward pass without a step may be a look at the gradients, which comes on top of the
    # lesson's epochs; a step that is left out is missing in their number.
    counted = abs(run.backwards - task.epochs) <= COUNTED * task.epochs and not run.stopped
    gives_up = seen.skipped > IDLE * seen.epochs and seen.updates < ENOUGH * task.epochs
    gives_up = gives_up and not near(ordered.rows, task).all()
    if seen.skipped >= MEANT and (counted or gives_up) and not parts:
        return skipped(seen)
    return strayed(seen)


def _too_short(run: Run) -> Finding | None:
    """Two updates tell nothing of what an epoch finds when it begins."""
    count = int(moves(run.rows).sum())
    if count >= FEW:
        return None
    forwards = run.events.count("f")
    if forwards > MANY * run.backwards:
        return finding(Diagnosis.STEP_OUTSIDE_LOOP, "few", forwards=forwards, updates=count)
    return finding(Diagnosis.TOO_FEW_EPOCHS, "short", updates=count)


def _idle(runs: Runs, task: Task) -> Finding | None:
    """Backward passes over all rows without a step, in a loop that makes too few steps for it."""
    run = runs.alone
    idle = int((~moves(run.rows)).sum())
    backwards = max(each.backwards for each in (run, runs.own, *runs.whole) if each is not None)
    updates = backwards * (1 - idle / run.backwards)
    if idle <= IDLE * run.backwards or updates >= ENOUGH * task.epochs or shared(run):
        return None
    made = run.backwards - idle
    return finding(Diagnosis.NO_STEP, "idle", backwards=run.backwards, updates=made)


def _claims(run: Run, found: tuple[Finding, ...]) -> tuple[Claim, Claim, Claim, Claim]:
    """weights_move, fresh_gradients, one_step, updates: which of them the faults break."""
    wrong = Claim(False, found[0])
    if not moves(run.rows).any() or found[0].code in NOTHING_SHOWN:
        return wrong, wrong, wrong, wrong
    fresh, step = (
        next((Claim(False, each) for each in found if each.code in codes), HOLDS)
        for codes in (CLEARING, STEPPING)
    )
    if moves(run.rows).sum() < FEW:  # nothing could be seen of a second epoch
        fresh, step = wrong, wrong
    told = (fresh.finding, step.finding)
    rest = next((each for each in found if each not in told), found[0])
    return HOLDS, fresh, step, Claim(False, rest)


NOTHING_SHOWN = (Diagnosis.MODEL_REBUILT_IN_LOOP, Diagnosis.TAMPERING, Diagnosis.NOT_TRAINED)
