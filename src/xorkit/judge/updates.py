"""Is this recorded run gradient descent, and if not, what is it? Pure functions on arrays.

`rows` (K + 1, P) are the parameters at K passes and at the end; an update d_k = rows[k] −
rows[k+1] is explained by the gradients g_k that are recomputed at the rows themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xorkit import reference
from xorkit.evidence import Array
from xorkit.reference import Net, Task

# A float32 update is exact to half a unit in the last place of θ, plus the rounding of a gradient
# that is summed over four rows. Over 600,000 updates of right loops the largest error was 3.2 times
# this estimate; a learning rate of 0.9999 makes 23 times.
ROUNDING = 8.0
# Relative, for mechanisms that add rounding up over many passes (sums, momentum). Right loops stay
# below 3e-5, the smallest mistake that people make (a target of shape (4,)) begins at 1e-3.
CLOSE = 3e-4
MAX_ARRANGEMENTS = 48  # orders of a model's parameters that are tried: 2-2-1 has four
MAX_SUBSETS = 6  # rows of data up to which every subset of them is tried as a mini-batch
ADAPTIVE_ROWS = 200  # updates from which Adam and its like are told apart before all are checked


@dataclass(frozen=True)
class Mechanism:
    """What makes a run's updates.

    kind: clean (θ − lr·∇L, every time), still (nothing moves), sums (of gradients), factor
    (times lr·∇L), schedule (a factor that changes), linear (momentum or weight decay), adaptive
    (Adam and its like), some (a part of the parameters never moves), batch (of fewer rows than all)
    or unknown. `loss` is the loss whose gradient it is; `target-shape` is the mean squared error of
    every prediction with every target.
    """

    kind: str
    loss: str = "mse"
    factor: float = 1.0
    momentum: float = 0.0
    cleared: tuple[int, ...] = ()  # sums: the updates before which the gradients were cleared
    still: tuple[int, ...] = ()  # some: the columns that never move
    name: str = ""  # adaptive: which
    error: float = 0.0  # of the worst update, relative

    @property
    def clean(self) -> bool:
        return self.kind == "clean" and self.loss == "mse"


def matches(rows: Array, predicted: Array) -> npt.NDArray[np.bool_]:
    """Which updates (K,) of float32 rows (K + 1, P) equal the predicted ones (K, P)."""
    ulp = np.spacing(np.abs(rows[1:]).astype(np.float32)).astype(np.float64)
    eps = float(np.finfo(np.float32).eps)
    bound = ROUNDING * (ulp / 2 + 8 * eps * (np.abs(predicted) + 0.01))
    error = np.abs(rows[:-1] - rows[1:] - predicted)
    return np.asarray((error <= bound).all(axis=1))


def distance(updates: Array, predicted: Array, scale: Array) -> Array:
    """How far each update (K,) is from the predicted one, relative to the prediction.

    `scale` is the size of the parameters: below its float32 rounding nothing is seen.
    """
    floor = np.finfo(np.float32).eps * scale
    size = np.linalg.norm(predicted, axis=1) + floor / CLOSE
    return np.asarray(np.linalg.norm(updates - predicted, axis=1) / size)


def moves(rows: Array) -> npt.NDArray[np.bool_]:
    """Which of the passes (K,) were followed by a change of any parameter."""
    return np.asarray((rows[1:] != rows[:-1]).any(axis=1))


def distinct(rows: Array) -> Array:
    """The rows without the repetitions: several passes at one point make one update."""
    return rows[np.concatenate([[True], moves(rows)])]


def gradients(task: Task, net: Net) -> Iterator[tuple[str, Callable[[Array], Array]]]:
    """The gradients that an update may follow, the lesson's own first."""
    inputs, targets = task.inputs, task.targets

    def of(name: str, goal: Array) -> Callable[[Array], Array]:
        return lambda rows: reference.gradient(rows, inputs, goal, net, name)

    yield "mse", of("mse", targets)
    # A target of shape (4,) is compared with every prediction: the same slope as its mean.
    yield "target-shape", of("mse", np.full_like(targets, targets.mean()))
    yield "bce", of("bce", targets)
    yield "l1", of("l1", targets)


def explain(rows: Array, task: Task, net: Net) -> Mechanism:
    """What makes the updates of these rows: the simplest mechanism that fits all of them."""
    if not len(rows) or not moves(rows).any():
        return Mechanism("still")
    if not np.isfinite(rows).all():
        return Mechanism("unknown", error=float("inf"))
    lr = task.lr
    if matches(rows, lr * reference.gradient(rows[:-1], task.inputs, task.targets, net)).all():
        return Mechanism("clean")
    states = distinct(rows)
    updates = states[:-1] - states[1:]
    scale = np.abs(states[:-1]).max(axis=1)
    errors = []
    for name, gradient in gradients(task, net):
        slopes = lr * gradient(states[:-1])
        found = _explain_with(updates, slopes, scale)
        if found is not None:
            return Mechanism(loss=name, **found)
        errors.append(float(distance(updates, slopes, scale).max()))
    found = _batch(updates, states, task, net, scale)
    return Mechanism(**found) if found else Mechanism("unknown", error=errors[0])


def _explain_with(updates: Array, slopes: Array, scale: Array) -> dict[str, object] | None:
    """The mechanism that makes the updates (K, P) from lr·gradients (K, P); None if none does."""
    for attempt in (_clean, _sums, _some, _factor, _linear, _delayed, _adaptive):
        found = attempt(updates, slopes, scale)
        if found is not None:
            return found
    return None


def _clean(updates: Array, slopes: Array, scale: Array) -> dict[str, object] | None:
    worst = distance(updates, slopes, scale).max()
    return {"kind": "clean", "error": float(worst)} if worst <= CLOSE else None


def _sums(updates: Array, slopes: Array, scale: Array) -> dict[str, object] | None:
    """Sums of gradients: each update is either fresh or the sum since the last fresh one."""
    total = np.zeros_like(slopes[0])
    cleared = []
    for k, (update, slope) in enumerate(zip(updates, slopes, strict=True)):
        choices = np.stack([slope, total + slope])
        error = distance(np.stack([update, update]), choices, scale[[k, k]])
        if error.min() > CLOSE:
            return None
        fresh = k == 0 or error[0] <= error[1]
        if fresh:
            cleared.append(k)
        total = choices[0] if fresh else choices[1]
    return {"kind": "sums", "cleared": tuple(cleared)}


def _some(updates: Array, slopes: Array, scale: Array) -> dict[str, object] | None:
    """Right updates of some parameters, none of the others."""
    still = ~updates.any(axis=0)
    if not still.any():
        return None
    rest = distance(updates[:, ~still], slopes[:, ~still], scale).max()
    missing = tuple(np.flatnonzero(still).tolist())
    return {"kind": "some", "still": missing} if rest <= CLOSE else None


def _factor(updates: Array, slopes: Array, scale: Array) -> dict[str, object] | None:
    """Right directions, another length: the same for all updates, or a schedule."""
    factors = (updates * slopes).sum(axis=1) / ((slopes**2).sum(axis=1) + 1e-300)
    if distance(updates, factors[:, None] * slopes, scale).max() > CLOSE:
        return None
    typical = float(np.median(factors))
    same = distance(updates, typical * slopes, scale).max() <= CLOSE
    return {"kind": "factor" if same else "schedule", "factor": typical}


def _linear(updates: Array, slopes: Array, scale: Array) -> dict[str, object] | None:
    """Each update adds a share of the one before: momentum (Polyak, 1964)."""
    if len(updates) < 3:
        return None
    terms = np.stack([slopes[1:].ravel(), updates[:-1].ravel()], axis=1)
    (factor, momentum), *_ = np.linalg.lstsq(terms, updates[1:].ravel())
    predicted = factor * slopes[1:] + momentum * updates[:-1]
    if distance(updates[1:], predicted, scale[1:]).max() > 10 * CLOSE:  # two fitted numbers
        return None
    return {"kind": "linear", "factor": float(factor), "momentum": float(momentum)}


def _delayed(updates: Array, slopes: Array, scale: Array) -> dict[str, object] | None:
    """Each update follows the gradient of the pass before."""
    if len(updates) < 3 or distance(updates[1:], slopes[:-1], scale[1:]).max() > CLOSE:
        return None
    return {"kind": "delayed"}


def _adaptive(updates: Array, slopes: Array, scale: Array) -> dict[str, object] | None:
    """Adam (Kingma and Ba, 2015), RMSprop and Adagrad with PyTorch's defaults and any lr."""
    few = slice(0, ADAPTIVE_ROWS)
    for name, rule in ADAPTIVE.items():
        for rows in (few, slice(None)):
            steps = rule(slopes[rows])
            factor = float((updates[rows] * steps).sum() / ((steps**2).sum() + 1e-300))
            # Division by a root of tiny gradients magnifies their rounding.
            if np.median(distance(updates[rows], factor * steps, scale[rows])) > 100 * CLOSE:
                break
        else:
            return {"kind": "adaptive", "name": name, "factor": factor}
    return None


def _averages(values: Array, decay: float) -> Array:
    """Exponential moving averages along the first axis, from zero."""
    result, current = np.empty_like(values), np.zeros_like(values[0])
    for k, value in enumerate(values):
        current = decay * current + (1 - decay) * value
        result[k] = current
    return result


def _adam(g: Array) -> Array:
    steps = np.arange(1, len(g) + 1)[:, None]
    mean = _averages(g, 0.9) / (1 - 0.9**steps)
    square = _averages(g**2, 0.999) / (1 - 0.999**steps)
    return np.asarray(mean / (np.sqrt(square) + 1e-8))


ADAPTIVE: dict[str, Callable[[Array], Array]] = {
    "Adam": _adam,
    "RMSprop": lambda g: g / (np.sqrt(_averages(g**2, 0.99)) + 1e-8),
    "Adagrad": lambda g: g / (np.sqrt(np.cumsum(g**2, axis=0)) + 1e-10),
}


def _batch(
    updates: Array, states: Array, task: Task, net: Net, scale: Array
) -> dict[str, object] | None:
    """Updates that look at a part of the rows only: mini-batches, one row at a time."""
    count = len(task.inputs)
    if count > MAX_SUBSETS:
        return None
    best = np.full(len(updates), np.inf)
    for size in range(1, count + 1):
        for chosen in itertools.combinations(range(count), size):
            part = list(chosen)
            inputs, targets = task.inputs[part], task.targets[part]
            slopes = task.lr * reference.gradient(states[:-1], inputs, targets, net)
            best = np.minimum(best, distance(updates, slopes, scale))
    return {"kind": "batch"} if best.max() <= CLOSE else None


def arrangements(shapes: Sequence[tuple[int, ...]], net: Net) -> Iterator[npt.NDArray[np.int64]]:
    """Every way to read recorded columns as the net's parameter vector, the plain one first.

    Each is an index array: `rows[:, index]` is in the net's order. A custom module may hold its
    parameters in another order, and its weights transposed.
    """
    sizes = [int(np.prod(shape)) for shape in shapes]
    wanted = [int(np.prod(shape)) for shape in net.shapes]
    if sorted(sizes) != sorted(wanted):
        return
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    blocks = [
        np.arange(offsets[i], offsets[i + 1]).reshape(shape) for i, shape in enumerate(shapes)
    ]
    orders = [
        order
        for order in itertools.permutations(range(len(blocks)))
        if [sizes[i] for i in order] == wanted
    ]
    orders.sort(key=lambda order: [shapes[i] for i in order] != list(net.shapes))
    count = 0
    for order in orders:
        readings = [
            [blocks[i].ravel()]
            if min(blocks[i].shape, default=1) <= 1 or blocks[i].ndim < 2
            else [blocks[i].ravel(), blocks[i].T.ravel()]
            for i in order
        ]
        for reading in itertools.product(*readings):
            yield np.concatenate(reading)
            count += 1
            if count == MAX_ARRANGEMENTS:
                return


def arranged(rows: Array, shapes: Sequence[tuple[int, ...]], task: Task, net: Net) -> Array | None:
    """The rows in the net's order, by whichever arrangement fits its gradients best.

    None where the recorded shapes can't be this net.
    """
    if tuple(map(tuple, shapes)) == net.shapes:
        return rows
    early = distinct(rows)[:8]
    best, least = None, np.inf
    for index in arrangements(shapes, net):
        slopes = reference.gradient(early[:-1][:, index], task.inputs, task.targets, net)
        error = np.abs((early[:-1] - early[1:])[:, index] - task.lr * slopes).sum()
        if best is None or error < least:
            best, least = rows[:, index], error
    return best
