"""What the learner's process is asked. Chosen anew for each submission, so that nobody knew it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xorkit import reference
from xorkit.evidence import Array, Run
from xorkit.judge.epochs import ENOUGH
from xorkit.reference import Task

UPDATES = 48  # a few dozen: enough for "every tenth epoch" to show, and 0.01 s
VECTORS = 6  # parameter vectors at which a model is asked for its outputs
WIDTH = 64  # numbers in each, more than any sensible answer has; they repeat if need be
MORE_INPUTS = 3  # besides the task's own
TRIES = 1000
NOTABLE = 0.01  # of the gradient's size: thirty times what the judge takes for rounding
TABLES, NET = ("X", "Y"), ("X", "Y", "layers", "activations", "lr")
NEEDED = {  # by role; nothing that comes before the loop is told from where it will start
    "model": (*TABLES, "inputs", "vectors"),
    "loss_and_optimizer": (*NET, "pairs", "grads"),
    "training_loop": (*NET, "start", "good", "stall", "epochs", "enough", "updates"),
    "predictions": (*TABLES, "inputs", "vectors"),
}
HALF = 2e-3  # how far a number of the start may be off in a model of half precision
TINY = 1e-4  # a hundredth of a gradient that float32 computes well


def questions(
    task: Task,
    good: Sequence[Any],
    stall: Sequence[Any],
    rng: np.random.Generator,
    epochs: int | None = None,
) -> dict[str, Any]:
    """Random questions as plain data. `good` and `stall` are starts known to learn and to stall.

    Asked for are the task's epochs, where no other number is given.
    """
    epochs = task.epochs if epochs is None else epochs
    n, n_in = task.inputs.shape
    extra = rng.uniform(-1, 2, size=(MORE_INPUTS, n_in))
    shape = (3, 2, n, task.targets.shape[1])
    return {
        "X": task.inputs.tolist(),
        "Y": task.targets.tolist(),
        "layers": list(task.net.sizes),
        "activations": list(task.net.activations),
        "lr": task.lr,
        "epochs": epochs,
        "enough": math.ceil(ENOUGH * epochs),
        "updates": UPDATES,
        "start": _short(vetted_start(task, rng)).tolist(),
        "good": list(good[int(rng.integers(len(good)))]),
        "stall": list(stall[int(rng.integers(len(stall)))]),
        "vectors": _short(rng.normal(0, 1.5, size=(VECTORS, WIDTH))).tolist(),
        "inputs": _short(np.concatenate([task.inputs, extra])).tolist(),
        "pairs": _short(rng.uniform(0.05, 0.95, size=shape)).tolist(),
        "grads": _short(rng.normal(0, 1, size=(3, task.net.width))).tolist(),
    }


def begins_as_asked(run: Run, asked: Mapping[str, Any]) -> bool:
    """Whether a run's first parameters are those of the start that it was given, in any order."""
    start, first = np.sort(asked["start"]), np.sort(run.rows[0])
    return start.shape == first.shape and bool(np.allclose(start, first, atol=HALF))


def needed(role: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the questions that the observation of a cell of this role takes."""
    return {name: asked[name] for name in NEEDED.get(role, ()) if name in asked}


def _short(values: Array) -> Array:
    """Rounded to float32, so that both sides compute with the same numbers."""
    return np.asarray(values.astype(np.float32).astype(np.float64))


def vetted_start(task: Task, rng: np.random.Generator) -> Array:
    """A random start (P,) at which every mistake shows."""
    for start in reference.random_starts(rng, TRIES, task.net.sizes):
        if _shows_everything(start[None], task):
            return np.asarray(start)
    raise ValueError(
        f"none of {TRIES} random starts of a net {task.net.sizes} shows every mistake: do the"
        " task's inputs or its targets all agree?"
    )


def _shows_everything(start: Array, task: Task) -> bool:
    """Whether what mistakes change is a notable part of the gradient at a start (1, P).

    Each weight matrix and each bias has a gradient of its own (frozen layers), comparing each
    prediction with every target turns it (the least visible mistake), another loss is no multiple
    of it, and one update changes it (old gradients, late gradients, momentum).
    """

    def gradient(theta: Array, goal: Array, loss: str = "mse") -> Array:
        return np.asarray(reference.gradient(theta, task.inputs, goal, task.net, loss)[0])

    own = gradient(start, task.targets)
    ends = np.cumsum([math.prod(shape) for shape in task.net.shapes])[:-1]
    broadcast = gradient(start, np.full_like(task.targets, task.targets.mean()))
    after = gradient(start - task.lr * own, task.targets)
    bce = gradient(start, task.targets, "bce")
    unlike = bce - own * (bce @ own) / (own @ own)
    differences = [*np.split(own, ends), broadcast - own, after - own]
    notable = NOTABLE * np.linalg.norm(own)
    return bool(
        notable > TINY
        and min(map(np.linalg.norm, differences)) > notable
        and np.linalg.norm(unlike) > NOTABLE / 2 * np.linalg.norm(bce)
    )
