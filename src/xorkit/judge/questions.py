"""What the learner's process is asked. Chosen anew for each submission, so that nobody knew it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xorkit import reference
from xorkit.evidence import Array
from xorkit.reference import Task

UPDATES = 48  # a few dozen: enough for "every tenth pass" to show, and 0.01 s
VECTORS = 6  # parameter vectors at which a model is asked for its outputs
WIDTH = 64  # numbers in each, more than any sensible answer has; they repeat if need be
MORE_INPUTS = 3  # besides the task's own
TRIES = 1000


def questions(
    task: Task, good: Sequence[Any], stall: Sequence[Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Random questions as plain data. `good` and `stall` are starts known to learn and to stall."""
    n, n_in = task.inputs.shape
    extra = rng.uniform(-1, 2, size=(MORE_INPUTS, n_in))
    shape = (3, 2, n, task.targets.shape[1])
    return {
        "X": task.inputs.tolist(),
        "Y": task.targets.tolist(),
        "layers": list(task.net.sizes),
        "lr": task.lr,
        "epochs": task.epochs,
        "updates": UPDATES,
        "start": _short(vetted_start(task, rng)).tolist(),
        "good": list(good[rng.integers(len(good))]),
        "stall": list(stall[rng.integers(len(stall))]),
        "vectors": _short(rng.normal(0, 1.5, size=(VECTORS, WIDTH))).tolist(),
        "inputs": _short(np.concatenate([task.inputs, extra])).tolist(),
        "pairs": _short(rng.uniform(0.05, 0.95, size=shape)).tolist(),
        "grads": _short(rng.normal(0, 1, size=(3, task.net.width))).tolist(),
    }


def _short(values: Array) -> Array:
    """Rounded to float32, so that both sides compute with the same numbers."""
    return np.asarray(values.astype(np.float32).astype(np.float64))


def vetted_start(task: Task, rng: np.random.Generator) -> Array:
    """A random start (P,) at which every mistake shows.

    Each weight matrix and each bias gets at least a hundredth of the slope, and comparing each
    prediction with every target (the least visible mistake) turns it by at least a hundredth.
    """
    for start in reference.random_starts(rng, TRIES, task.net.sizes):
        slope = reference.gradient(start[None], task.inputs, task.targets, task.net)[0]
        size = np.linalg.norm(slope)
        goal = np.full_like(task.targets, task.targets.mean())
        other = reference.gradient(start[None], task.inputs, goal, task.net)[0]
        ends = np.cumsum([int(np.prod(shape)) for shape in task.net.shapes])[:-1]
        parts = [np.linalg.norm(part) for part in np.split(slope, ends)]
        if min(parts) > size / 100 and np.linalg.norm(other - slope) > size / 100:
            return np.asarray(start)
    raise ValueError(
        f"none of {TRIES} random starts of a net {task.net.sizes} shows every mistake: do the"
        " task's inputs or its targets all agree?"
    )
