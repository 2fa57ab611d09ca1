"""How random starts of a task end: computed once by the reference, kept as a small data file."""

from __future__ import annotations

from typing import Any

import numpy as np

from xorkit import reference
from xorkit.evidence import Array
from xorkit.reference import Task

SEED = 10  # any; fixed so that the same command makes the same file
SURVEYED_STARTS = 1000
KEPT_STARTS = 24  # starts of each kind that the grader picks from
CURVE_POINTS = 100
# A stalled start's loss lies at 0.125 and above, a learned one's below 0.01 (1 in 20 above 0.002).
CLEARLY_STALLED = 0.1


def survey(task: Task, *, starts: int = SURVEYED_STARTS, seed: int = SEED) -> dict[str, Any]:
    """Trains `starts` random starts at once and counts.

    `stalled` are those with a prediction that is not near its target after the task's epochs.
    """
    theta = reference.random_starts(np.random.default_rng(seed), starts, task.net.sizes)
    begin = theta.copy()
    learned_at = np.full(starts, task.epochs + 1)
    shown = np.unique(np.linspace(0, task.epochs, CURVE_POINTS).astype(int))
    curves = np.empty((len(shown), starts))
    for epoch in range(task.epochs + 1):
        if epoch in shown:
            values = reference.loss(theta, task.inputs, task.targets, task.net)
            curves[np.searchsorted(shown, epoch)] = values
        if epoch % 10 == 0:
            near = _near(theta, task)
            learned_at = np.where(near, np.minimum(learned_at, epoch), learned_at)
        theta = reference.descend(theta, task.inputs, task.targets, task.net, lr=task.lr, epochs=1)
    learned = learned_at <= task.epochs
    low, middle, high = np.quantile(curves[:, learned], [0.1, 0.5, 0.9], axis=1)
    return {
        "starts": starts,
        "stalled": int((~learned).sum()),
        "typical": int(np.quantile(learned_at[learned], 0.5)),
        "slowest": int(np.quantile(learned_at[learned], 0.95)),
        "good": _some(begin[learned_at <= task.epochs // 2]),
        "stall": _some(begin[_hardest(learned_at, curves[-1])]),
        "curve_epochs": shown.tolist(),
        "curves": {
            name: np.round(values, 4).tolist()
            for name, values in (("low", low), ("middle", middle), ("high", high))
        },
    }


def _hardest(learned_at: Array, last: Array) -> Array:
    """Which starts clearly don't learn; of a task that all of them learn, which take longest."""
    stalled = (last > CLEARLY_STALLED) & (learned_at == learned_at.max())
    return np.asarray(stalled if stalled.any() else learned_at == learned_at.max())


def _near(theta: Array, task: Task) -> Array:
    predicted = reference.predict(theta, task.inputs, task.net)
    return np.asarray((np.abs(predicted - task.targets) <= task.near).all(axis=(1, 2)))


def _some(starts: Array) -> list[list[float]]:
    return [[round(float(value), 5) for value in start] for start in starts[:KEPT_STARTS]]
