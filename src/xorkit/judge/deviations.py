"""The epochs of a run that are no plain descent, where most of them are: mistakes now and then.

Every recorded update is recomputed, so that one in a hundred is seen as well as one in two.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from xorkit.evidence import Array, Run
from xorkit.judge.updates import (
    CLOSE,
    FEW,
    FITTED,
    FOLLOWED,
    Indices,
    cut,
    descent_of,
    gradients_at,
    lengths,
    matches,
    moves,
    ratios,
    relative,
    unseen,
)
from xorkit.reference import Task

MOST = 0.5  # of the updates; where fewer are right, a mistake is no exception
MEANT = 2  # as many epochs with the same mistake; one alone may be an accident
LIKE = 0.01  # how far the length of an update may be from another's to count as the same
ODD = 0.01  # of the updates: what draws a new start is right again at once
NEARBY = 0.5  # of the parameters' length: no new start is so near to where a run was


@dataclass(frozen=True)
class Deviations:
    """How many epochs (backward passes) do what; `first` is the number of the first wrong one."""

    epochs: int = 0
    right: int = 0
    first: int = 0
    carried: int = 0  # the update before is still in the update
    capped: int = 0  # some numbers go as far as their gradient says, the others a length less
    repeated: int = 0  # several backward passes in one update
    emptied: int = 0  # the gradients were zeroed before the step
    stuck: int = 0  # a step moved nothing, although there is a gradient
    skipped: int = 0  # no step, although there is a gradient
    factors: tuple[float, ...] = ()  # of updates that go another length than lr·gradient
    losses: Counter[str] = field(default_factory=Counter)  # updates that follow another loss
    jumps: int = 0  # updates that follow nothing known
    nudges: int = 0  # of these, the ones that go nowhere else

    @property
    def updates(self) -> int:
        """Epochs whose step moved the parameters, or had nothing to move them by."""
        return self.epochs - self.repeated - self.emptied - self.stuck - self.skipped

    @property
    def wrong(self) -> int:
        """Epochs whose mistake is known, whatever it is; those without a step may be looks."""
        several = (
            self.carried
            + self.capped
            + self.repeated
            + self.emptied
            + self.stuck
            + len(self.factors)
        )
        return several + self.losses.total()


def calls(run: Run) -> list[str]:
    """What is called from each backward pass to the next one, the forward passes left out."""
    return re.split("[bg]", re.sub("[fFBSo]", "", run.events))[1:]


def deviations(run: Run, task: Task) -> Deviations | None:
    """What a run whose columns are in the net's order does besides plain descent of the task.

    None where neither its first updates nor most of them are such a descent: there is nothing to
    compare the rest with.
    """
    rows = run.rows
    if len(rows) < 2 or not np.isfinite(rows).all():
        return None
    wanted, went, moving = descent_of(run, task), rows[:-1] - rows[1:], moves(rows)
    right = matches(rows, wanted)
    if not right[np.flatnonzero(moving)[:FEW]].all() and right.mean() < MOST:
        return None
    epochs = len(went)
    if right.all():
        return Deviations(epochs, epochs)
    after = (calls(run) + [""] * epochs)[:epochs]
    still = np.flatnonzero(~right & ~moving)
    wrong = np.flatnonzero(~right & moving)
    found, within = _of_updates(wrong, still, went, wanted, rows, after, task)
    around = "s" in run.events.partition("b")[0]  # a closure's backward pass comes within the step
    idle = Counter(
        "emptied" if "z" in before and step else "stuck" if step and not around else "skipped"
        for before, step, _ in (after[k].partition("s") for k in still if k not in within)
    )
    return replace(
        found,
        epochs=epochs,
        right=int(right.sum()) + found.right,
        first=int(np.argmin(right)) + 1,
        emptied=idle["emptied"],
        stuck=idle["stuck"],
        skipped=idle["skipped"],
    )


def _of_updates(
    wrong: Indices,
    still: Indices,
    went: Array,
    wanted: Array,
    rows: Array,
    after: list[str],
    task: Task,
) -> tuple[Deviations, set[int]]:
    """What the wrong updates are, and the backward passes that belong to the next update."""
    if not len(wrong):
        return Deviations(), set()
    updates, grads, states = went[wrong], wanted[wrong], rows[wrong]
    floor = unseen(states)

    def errors_of(predicted: Array) -> Array:
        return relative(lengths(updates - predicted), grads, floor)

    factors = ratios(updates, grads)
    alike = errors_of(factors[:, None] * grads)
    carried = errors_of(grads + _last_update(went)[wrong])
    capped = errors_of(cut(grads, np.abs(updates).max(axis=1, keepdims=True)))
    losses = FOLLOWED[1:]
    others = map(gradients_at(states, task), losses)
    by_loss = np.stack([errors_of(task.lr * each) for each in others])
    errors = np.nan_to_num(np.stack([alike, carried, capped, by_loss.min(axis=0)]), nan=np.inf)
    rounded = (np.abs(factors - 1) < LIKE) & (alike < FITTED)
    jumps = ~rounded & (errors.min(axis=0) > CLOSE)
    nearest = np.where(rounded | jumps, -1, errors.argmin(axis=0))
    idle, within, repeated, odd = set(still.tolist()), set[int](), 0, list[float]()
    for k, factor in zip(wrong[nearest == 0].tolist(), factors[nearest == 0].tolist(), strict=True):
        before = _within(k, idle, after)
        if before and abs(factor - len(before) - 1) < LIKE:
            repeated += 1
            within |= before
        else:
            odd.append(factor)
    return Deviations(
        right=int(rounded.sum()),  # after all
        carried=int((nearest == 1).sum()),
        capped=int((nearest == 2).sum()),
        repeated=repeated,
        factors=tuple(odd),
        losses=Counter(losses[k] for k in by_loss[:, nearest == 3].argmin(axis=0)),
        jumps=int(jumps.sum()),
        nudges=int((lengths(updates[jumps]) < NEARBY * lengths(states[jumps])).sum()),
    ), within


def _within(k: int, idle: set[int], after: list[str]) -> set[int]:
    """The backward passes just before the k-th whose gradients nothing has zeroed."""
    within: set[int] = set()
    while k - 1 in idle and "z" not in after[k - 1]:
        k -= 1
        within.add(k)
    return within


def _last_update(went: Array) -> Array:
    """Of each epoch (K, P), the last update before it that was one."""
    places = np.where(went.any(axis=1), np.arange(len(went)), -1)
    latest = np.concatenate([[-1], np.maximum.accumulate(places)[:-1]])
    return np.where(latest[:, None] < 0, 0.0, went[latest])
