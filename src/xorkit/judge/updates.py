"""Is this recorded run gradient descent, and if not, what is it? Pure functions on arrays.

`rows` (K + 1, P) are the parameters at K backward passes and at the end; an update d_k = rows[k] −
rows[k+1] is explained by the gradients g_k that are recomputed at the rows themselves.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from xorkit import reference
from xorkit.evidence import Array, Run
from xorkit.reference import Derivatives, Net, Task

EPS = float(np.finfo(np.float32).eps)
# A float32 update is exact to half a unit in the last place of θ, plus the rounding of a gradient
# that is summed over four rows. Over 600,000 updates of right loops the largest error was 3.2 times
# this estimate; a learning rate of 0.9999 makes 23 times.
ROUNDING = 8.0
# Relative, for mechanisms that add rounding up over many epochs (sums, momentum). Right loops stay
# below 3e-5, the smallest mistake that people make (a target of shape (4,)) begins at 1e-3.
CLOSE = 3e-4
FITTED = 10 * CLOSE  # where numbers were fitted, they take up some of the error
PLAIN_FIT = 100.0  # how much worse the plain reading of a plain net may fit than another one
SMALLEST = 0.01  # a gradient's terms are as large, and rounded so, even where parameters are tiny
COLLINEAR = 1e-12  # squared: terms that differ by less differ by float32's rounding
FEW = 3  # updates that tell nearly all mistakes apart; one does not
VISIBLE = 1e-5  # length of a step that says something: a thousand times what rounding makes
MAX_ARRANGEMENTS = 48  # orders of a model's parameters that are tried: 2-2-1 has four
MAX_SHUFFLED = 9  # numbers up to which every order of them is tried: 362,880, in half a second
CANDIDATES = 100  # of these orders that one update leaves to be told apart by the next ones
MAX_TARGETS = 16  # numbers up to which the targets that a run was trained on are worked out
MAX_SUBSETS = 6  # rows of data up to which every subset of them is tried as a mini-batch
EARLY = 100  # updates of a longer run that a mechanism has to explain before all are looked at
SLACK = 10.0  # how much worse it may do there: what is fitted to fewer updates fits others worse
TOGETHER = 100  # rows that are averaged in one go: 0.9 to this power is still no small number
BEGUN = 0.1  # how much worse than any of these a first update may fit
ADAPTIVE_CLOSE = 0.03  # their division by a root of tiny gradients magnifies rounding
ADAPTIVE_SHARE = 0.9  # of the updates: far from the first ones the rounding of θ takes over


Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Mechanism:
    """What makes a run's updates.

    kind: clean (θ − lr·∇L, every time), still (nothing moves), sums (of gradients), factor (times
    lr·∇L), schedule (a factor that changes), straight (always the same way, whatever the gradient),
    late (the gradient of the epoch before), targets (others than the lesson's), linear (momentum,
    weight decay), rates (a factor for each number), capped (lr·∇L, but no number goes further than
    some length), adaptive (Adam and its like), part (some rows of the data only), batch (now these
    rows, now those), pulls (another loss of the predictions),
    misfit (no parameters of this net) or unknown. `loss` is the loss whose gradient it is;
    `target-shape`: every prediction is compared with every target.
    """

    kind: str
    loss: str = "mse"
    factor: float = 1.0
    momentum: float = 0.0
    cleared: tuple[int, ...] = ()  # sums: the updates before which the gradients were cleared
    still: tuple[int, ...] = ()  # the columns that never move though their gradient is not 0
    targets: tuple[float, ...] = ()  # pulls: the way in which the first update moves each answer
    name: str = ""  # adaptive: which

    @property
    def clean(self) -> bool:
        return self.kind == "clean" and self.loss == "mse" and not self.still

    @property
    def descends(self) -> bool:
        """Whether it is some way of training: each update follows from gradients alone."""
        return self.kind not in ("still", "straight", "misfit", "unknown")


UNKNOWN = Mechanism("unknown")


def _any_in_row(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """As `flags.any(axis=1)`, in a fifth of its time where rows are short."""
    return np.asarray(flags @ np.ones(flags.shape[1], bool))


def matches(rows: Array, predicted: Array) -> npt.NDArray[np.bool_]:
    """Which updates (K,) of float32 rows (K + 1, P) equal the predicted ones (K, P)."""
    ulp = np.spacing(np.abs(rows[1:]).astype(np.float32))
    bound = ROUNDING * (ulp / 2 + 8 * EPS * (np.abs(predicted) + SMALLEST))
    error = np.abs(rows[:-1] - rows[1:] - predicted)
    return ~_any_in_row(~(error <= bound))


def lengths(vectors: Array) -> Array:
    """The length (K,) of each vector (K, P): as `np.linalg.norm`, in a third of its time."""
    return np.asarray(np.sqrt(np.einsum("kp,kp->k", vectors, vectors)))


def median(values: Array) -> float:
    """As `np.median` of finite values, in a tenth of its time where they are few."""
    ordered, half = np.sort(values), len(values) // 2
    return float((ordered[half] + ordered[~half]) / 2)


def unseen(states: Array) -> Array:
    """How long an update (K,) at each of the states (K, P) has to be, or rounding hides it."""
    largest: Array = functools.reduce(np.maximum, np.abs(states.T), np.asarray(SMALLEST))
    return 4 * EPS / CLOSE * largest


def relative(errors: Array, predicted: Array, floor: Array) -> Array:
    """Errors (K,) relative to the predicted updates (K, P), of which so much (K,) is `unseen`."""
    return np.asarray(errors / (lengths(predicted) + floor))


@dataclass(frozen=True)
class Updates:
    """Updates (K, P) at the states (K, P).

    The states are those of the task's net, with all its numbers; `of` leaves some out.
    """

    went: Array
    states: Array
    task: Task

    @functools.cached_property
    def floor(self) -> Array:
        """How long they have to be (K,) to be seen."""
        return unseen(self.states)

    @functools.cached_property
    def early(self) -> Updates:
        """The first of them, by which most mechanisms are ruled out."""
        return self if len(self.went) <= EARLY else self.at(slice(EARLY))

    @functools.cached_property
    def known(self) -> Derivatives:
        """The derivatives at their states."""
        return reference.derivatives(self.states, self.task.inputs, self.task.net)

    @functools.cached_property
    def grads(self) -> Callable[[str], Array]:
        """lr·gradient (K, P) at their states, of any of FOLLOWED."""
        gradient = gradients_at(self.states, self.task)
        return functools.cache(lambda loss: self.task.lr * gradient(loss))

    def distance(self, predicted: Array) -> Array:
        """How far each update (K,) is from the predicted one (K, P), relative to the prediction."""
        return relative(lengths(self.went - predicted), predicted, self.floor)

    def follow(self, predicted: Array, most: float) -> bool:
        """Whether each of them is that near to the predicted one."""
        return bool(self.distance(predicted).max() <= most)

    def at(self, rows: slice | npt.NDArray[np.bool_]) -> Updates:
        return Updates(self.went[rows], self.states[rows], self.task)

    def of(self, columns: npt.NDArray[np.bool_]) -> Updates:
        """Those of some parameters only."""
        if columns.all():
            return self
        return Updates(self.went[:, columns], self.states[:, columns], self.task)


def moves(rows: Array) -> npt.NDArray[np.bool_]:
    """Which of the backward passes (K,) were followed by a change of any parameter."""
    return _any_in_row(rows[1:] != rows[:-1])


def distinct(rows: Array, count: int | None = None) -> Array:
    """The rows without the repetitions: several backward passes at one point make one update.

    So many of them; None: all.
    """
    if count is not None and len(early := distinct(rows[: EARLY * count])) >= count:
        return early[:count]  # as in any run that doesn't idle at its beginning
    places = np.flatnonzero(np.concatenate([[True], moves(rows)]))
    return np.asarray(rows.take(places[:count], axis=0))


def descent(rows: Array, task: Task) -> Array:
    """lr·∇L (K, P) at all but the last of the rows (K + 1, P)."""
    return task.lr * gradient_of(rows[:-1], task)


# The losses whose gradient an update may follow, the lesson's own first.
FOLLOWED = ("mse", "target-shape", "bce", "mse-again", "bce-again", "l1")


def goal_of(loss: str, task: Task) -> tuple[Array, str]:
    """What one of FOLLOWED compares the predictions with, and by which loss of `reference`."""
    if loss == "target-shape":
        # A target of shape (4,) is compared with every prediction: the same gradient as its mean.
        return np.full_like(task.targets, task.targets.mean()), "mse"
    return task.targets, loss


def gradient_of(rows: Array, task: Task, loss: str = "mse") -> Array:
    """The gradient (K, P) of one of FOLLOWED at rows (K, P) of the task's own net."""
    targets, name = goal_of(loss, task)
    return reference.gradient(rows, task.inputs, targets, task.net, name)


def gradients_at(rows: Array, task: Task) -> Callable[[str], Array]:
    """The gradients (K, P) of any of FOLLOWED, by one pass where that holds few numbers."""
    if rows.size * task.targets.size > reference.AT_ONCE:
        return functools.partial(gradient_of, rows, task)
    known = reference.derivatives(rows, task.inputs, task.net)
    return lambda loss: known.gradient(*goal_of(loss, task))


def explain(rows: Array, task: Task, like: Mechanism = UNKNOWN) -> Mechanism:
    """What makes the updates of these rows: the simplest mechanism that fits all of them.

    Where they are no plain descent, a mechanism `like` that is tried first.
    """
    if not len(rows) or not moves(rows).any():
        return Mechanism("still")
    if not np.isfinite(rows).all():
        return UNKNOWN
    states = distinct(rows)
    updates = Updates(states[:-1] - states[1:], states[:-1], task)
    descents = (at.grads("mse") for at in (updates.early, updates))
    if all(matches(states[: len(wanted) + 1], wanted).all() for wanted in descents):
        # Where all gradients are as small as rounding, anything that hardly moves would match them.
        seen = lengths(updates.early.grads("mse")[:FEW]) > VISIBLE
        return Mechanism("clean" if seen.all() else "still")
    attempts: list[Callable[[], Mechanism | None]] = [
        lambda: _by_gradients(_PLAIN, updates),
        lambda: _tried(_straight, updates),
        lambda: _tried(_targets, updates),
        lambda: _by_gradients((_late, _rates, *_OTHERS), updates),
        lambda: _by_gradients(_OTHERS, updates, cleared=False),
        lambda: _tried(_batch, updates),
        lambda: _tried(_pulls, updates),
    ]
    same, whole = _KINDS.get(like.name or like.kind), _WHOLE.get(like.kind)
    if same:
        again = functools.partial(_by_gradients, (same,), updates, losses=(like.loss,))
        attempts[:0] = [again, functools.partial(again, cleared=False)]
    if whole:
        attempts.insert(0, functools.partial(_tried, whole, updates))
    return next((each for attempt in attempts if (each := attempt())), UNKNOWN)


def off_by(rows: Array, task: Task) -> float:
    """How far the median update of these rows is from plain descent, relative to that."""
    states = distinct(rows)
    wanted = descent(states, task)
    errors = lengths(states[:-1] - states[1:] - wanted) / (lengths(wanted) + 1e-300)
    return median(errors) if len(errors) else math.inf


Attempt = Callable[[Updates, Array, float], Mechanism | None]
Way = Callable[[Array], Array]  # of updates (K, P), by their gradients (K, P)


def _tried(
    attempt: Callable[[Updates, float], Mechanism | None], updates: Updates
) -> Mechanism | None:
    """What an attempt finds in all updates, once it has found something in the first ones.

    It is told how many times as bad as usual they may fit.
    """
    if updates.early is not updates and attempt(updates.early, SLACK) is None:
        return None
    return attempt(updates, 1.0)


def _by_gradients(
    attempts: Sequence[Attempt],
    updates: Updates,
    *,
    losses: Sequence[str] = FOLLOWED,
    cleared: bool = True,
) -> Mechanism | None:
    """What makes the updates from lr·gradients (K, P) of one of the losses at their states.

    Not `cleared`: from what steps find in .grad where nobody ever clears it.
    """
    moving = np.asarray(updates.went.any(axis=0))
    columns = slice(None) if moving.all() else moving
    first = updates.at(slice(1)).of(moving)

    @functools.cache
    def begins(loss: str, way: Way) -> bool:
        """Whether the first update goes that way, with some weight decay: most mechanisms do."""
        steps = way(updates.early.grads(loss)[:1, columns])  # the same ones, cleared or not
        factor, decay = _shares(steps, first)
        return first.follow(factor * steps + decay * first.states, BEGUN)

    def found_by(attempt: Attempt, loss: str, at: Updates, slack: float) -> Mechanism | None:
        grads = at.grads(loss)[:, columns]
        return attempt(at.of(moving), grads if cleared else np.cumsum(grads, axis=0), slack)

    for attempt, loss in itertools.product(attempts, losses):
        if attempt in _WAYS and not begins(loss, _WAYS[attempt]):
            continue
        found = _tried(functools.partial(found_by, attempt, loss), updates)
        if found is not None:
            seen = 4 * EPS * np.abs(updates.states).max()
            frozen = ~moving & (np.abs(updates.grads(loss)) > seen).any(axis=0)
            return replace(found, loss=loss, still=tuple(np.flatnonzero(frozen).tolist()))
    return None


def _shares(steps: Array, updates: Updates) -> tuple[float, float]:
    """How many times the steps (K, P) and the states fit the updates best, by least squares."""
    terms = np.stack([steps.ravel(), updates.states.ravel()])
    (one, both), (_, two) = terms @ terms.T  # as lstsq, in a tenth of its time
    first, second = terms @ updates.went.ravel() / (one * two - both**2 + 1e-300)
    return float(first * two - second * both), float(second * one - first * both)


def _clean(updates: Updates, grads: Array, slack: float) -> Mechanism | None:
    return Mechanism("clean") if updates.follow(grads, slack * CLOSE) else None


def ratios(updates: Array, grads: Array) -> Array:
    """How many times lr·gradient each update goes: the last axis is the parameters'."""
    return np.asarray((updates * grads).sum(axis=-1) / ((grads**2).sum(axis=-1) + 1e-300))


def _factor(updates: Updates, grads: Array, slack: float) -> Mechanism | None:
    """Right directions, another length, the same for all updates."""
    factor = median(ratios(updates.went, grads))
    if not updates.follow(factor * grads, slack * CLOSE):
        return None
    return Mechanism("factor", factor=factor)


def _sums(updates: Updates, grads: Array, slack: float) -> Mechanism | None:
    """Each update is fresh, or the one before is still in it: gradients that add up."""
    went = updates.went
    factor = float(ratios(went[:1], grads[:1])[0])
    if abs(factor - 1) < 0.01:
        factor = 1.0
    fresh = factor * grads
    carried = fresh + _before(went)
    # Each number is fresh or carried by itself: clearing may reach a part of the model only.
    by_fresh, by_carried = np.abs(went - fresh), np.abs(went - carried)
    errors = lengths(np.minimum(by_fresh, by_carried))
    nearer = np.where(
        (by_fresh <= by_carried).sum(axis=1)[:, None] * 2 > went.shape[1], fresh, carried
    )
    if relative(errors, nearer, updates.floor).max() > slack * CLOSE:
        return None
    cleared = lengths(by_fresh) <= lengths(by_carried)
    return Mechanism("sums", factor=factor, cleared=tuple(np.flatnonzero(cleared).tolist()))


def _before(values: Array) -> Array:
    """Of each of the values (K, P) the one before; nothing before the first."""
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])


def _late(updates: Updates, grads: Array, slack: float) -> Mechanism | None:
    """Each update follows the gradient of the epoch before."""
    later = updates.at(slice(1, None))
    if len(later.went) < FEW - 1 or not later.follow(grads[:-1], slack * CLOSE):
        return None
    return Mechanism("late")


def _linear(updates: Updates, grads: Array, slack: float) -> Mechanism | None:
    """Shares of the update before (momentum: Polyak, 1964), of the gradient before, of θ itself."""
    went = updates.went
    if len(went) < 2 * FEW:
        return None
    terms = np.stack([grads, _before(went), _before(grads), updates.states])
    sizes = lengths(terms.reshape(len(terms), -1)) + 1e-300
    flat = terms.reshape(len(terms), -1) / sizes[:, None]
    # By the normal equations, in a twentieth of the time that `lstsq` takes by the terms.
    factors, *_ = np.linalg.lstsq(flat @ flat.T, flat @ went.ravel(), rcond=COLLINEAR)
    factors = factors / sizes
    # numpy 2.3 calls the result of any float, which it is not.
    if not updates.follow(np.tensordot(factors, terms, axes=1), slack * FITTED):  # type: ignore[arg-type]
        return None
    factor, momentum, *_ = (float(value) for value in factors)
    return Mechanism("linear", factor=factor, momentum=momentum) if factor > CLOSE else None


def _schedule(updates: Updates, grads: Array, slack: float) -> Mechanism | None:
    """Right directions, lengths that change."""
    factors = ratios(updates.went, grads)
    if not updates.follow(factors[:, None] * grads, slack * CLOSE):
        return None
    return Mechanism("schedule", factor=median(factors))


def _rates(updates: Updates, grads: Array, slack: float) -> Mechanism | None:
    """A length of its own for each number, the same for all updates."""
    if len(updates.went) < 2 * FEW:
        return None
    rates = (updates.went * grads).sum(axis=0) / ((grads**2).sum(axis=0) + 1e-300)
    factor = median(rates)
    if not updates.follow(rates * grads, slack * CLOSE):
        return None
    alike = updates.follow(factor * grads, FITTED)
    if slack == 1 and (alike or rates.min() < 0):  # all updates together tell it
        return None
    return Mechanism("rates", factor=factor)


def _capped(updates: Updates, grads: Array, slack: float) -> Mechanism | None:
    """No number goes further than the same length, however large its gradient is.

    Where all would, the updates also go the very same way as long as no gradient changes its sign.
    """
    most = float(np.abs(updates.went).max())
    if not updates.follow(cut(grads, most), slack * CLOSE):
        return None
    return Mechanism("capped", factor=most)


def cut(grads: Array, most: float | Array) -> Array:
    """Gradients of which no number is larger than `most`, as `clip_grad_value_` leaves them."""
    return np.clip(grads, -most, most)


def _adaptive(name: str, updates: Updates, grads: Array, slack: float) -> Mechanism | None:
    """Adam (Kingma and Ba, 2015) or one of its like, any lr and any decay; `slack` isn't needed."""
    steps = ADAPTIVE[name](grads)
    factor, decay = _shares(steps, updates)
    close = updates.distance(factor * steps + decay * updates.states) <= ADAPTIVE_CLOSE
    if close.mean() < ADAPTIVE_SHARE:
        return None
    return Mechanism("adaptive", name=name, factor=factor)


def averages(values: Array, decay: float) -> Array:
    """Exponential moving averages along the first axis, from zero."""
    result, current = np.empty_like(values), np.zeros_like(values[0])
    for begin in range(0, len(values), TOGETHER):
        block = values[begin : begin + TOGETHER]
        powers = decay ** np.arange(1, len(block) + 1)[:, None]
        rows = powers * (current + (1 - decay) * np.cumsum(block / powers, axis=0))
        result[begin : begin + TOGETHER], current = rows, rows[-1]
    return result


def _adam(g: Array) -> Array:
    steps = np.arange(1, len(g) + 1)[:, None]
    mean = averages(g, 0.9) / (1 - 0.9**steps)
    square = averages(g**2, 0.999) / (1 - 0.999**steps)
    return np.asarray(mean / (np.sqrt(square) + 1e-8))


ADAPTIVE: dict[str, Callable[[Array], Array]] = {
    "Adam": _adam,
    "signSGD": np.sign,
    "RMSprop": lambda g: g / (np.sqrt(averages(g**2, 0.99)) + 1e-8),
    "Adagrad": lambda g: g / (np.sqrt(np.cumsum(g**2, axis=0)) + 1e-10),
}
_ADAPTIVE = {name: functools.partial(_adaptive, name) for name in ADAPTIVE}
_PLAIN = (_clean, _factor, _sums, _schedule, _capped)
_OTHERS: tuple[Attempt, ...] = (_linear, *_ADAPTIVE.values())
# By the kind, or the name, of what they find.
_KINDS: dict[str, Attempt] = _ADAPTIVE | {
    each.__name__[1:]: each for each in (*_PLAIN, _late, _rates, _linear)
}
# The way of the first update, by its gradient: there, averages and sums have nothing else to say.
_WAYS: dict[Attempt, Way] = {
    **dict.fromkeys((_clean, _factor, _sums, _schedule, _linear), np.asarray),
    **dict.fromkeys(_ADAPTIVE.values(), np.sign),
}


def _straight(updates: Updates, slack: float) -> Mechanism | None:
    """Whether all updates go the very same way: no gradient of a curved loss does."""
    if len(updates.went) < FEW:
        return None
    ways = updates.went / lengths(updates.went)[:, None]
    return Mechanism("straight") if np.abs(ways - ways[0]).max() < slack * FITTED else None


def _targets(updates: Updates, slack: float) -> Mechanism | None:
    """Other targets than the lesson's, always the same: the gradient is linear in them."""
    task, count = updates.task, updates.task.targets.size
    if len(updates.went) < FEW or count > MAX_TARGETS:
        return None
    known = updates.known
    without = task.lr * known.gradient(np.zeros_like(task.targets))
    terms = 2 * task.lr / count * known.by_parameter.transpose(2, 0, 1)  # (K, P, count)
    targets, *_ = np.linalg.lstsq(terms.reshape(-1, count), (without - updates.went).ravel())
    if not updates.follow(without - terms @ targets, slack * FITTED):
        return None
    return Mechanism("targets", targets=tuple(float(value) for value in targets))


def _pulls(updates: Updates, slack: float) -> Mechanism | None:
    """Any other loss of the predictions, whatever it is: a gradient of its own in each of them."""
    task = updates.task
    if len(updates.went) < FEW or 2 * task.targets.size >= updates.states.shape[1]:
        return None  # so many free numbers would explain any update
    terms = np.ascontiguousarray(updates.known.by_parameter.transpose(2, 0, 1))  # (K, P, count)
    pulls = (np.linalg.pinv(terms) @ updates.went[:, :, None]) / -task.lr
    predicted = -task.lr * (terms @ pulls)[:, :, 0]
    if not updates.follow(predicted, slack * FITTED):
        return None
    return Mechanism("pulls", targets=tuple(float(value) for value in pulls[0, :, 0]))


def _batch(updates: Updates, slack: float) -> Mechanism | None:
    """Updates that look at a part of the rows only: mini-batches, one row at a time."""
    if len(updates.task.inputs) > MAX_SUBSETS:
        return None
    parts, most = _parts(len(updates.task.inputs)), slack * CLOSE
    first = _looked_at(updates.early, parts, most)
    if first is None:
        return None

    def looks_at(at: Updates, part: int) -> bool:
        rows, carried = parts[part]
        return not carried and at.follow(_of_part(rows, at), most)

    usual = int(np.bincount(first).argmax())
    if looks_at(updates.early, usual) and looks_at(updates, usual):
        return Mechanism("part")
    # Taken in turn, each part is computed where it is due and nowhere else.
    turns = next(
        n for n in range(1, len(first) + 1) if (first[n:] == first[: len(first) - n]).all()
    )
    in_turn = (looks_at(updates.at(slice(k, None, turns)), first[k]) for k in range(turns))
    if updates.early is updates or all(in_turn):
        return Mechanism("batch")
    return None if _looked_at(updates, parts, most) is None else Mechanism("batch")


_Part = tuple[tuple[int, ...], bool]  # rows; whether what the update before left in .grad is added


def _parts(count: int) -> list[_Part]:
    """The parts of so many rows of data, the small ones first."""
    return [
        (part, carried)
        for size in range(1, count)
        for carried in (False, True)
        for part in itertools.combinations(range(count), size)
    ]


def _of_part(rows: tuple[int, ...], at: Updates) -> Array:
    """lr·gradient (K, P) of the loss of some rows of the data."""
    task, part = at.task, [*rows]
    return task.lr * reference.gradient(at.states, task.inputs[part], task.targets[part], task.net)


def _looked_at(updates: Updates, parts: Sequence[_Part], most: float) -> Indices | None:
    """Which of the parts each update looks at; None where one looks at none of them."""
    told = np.empty(len(updates.went), np.intp)
    left, before, places = updates, _before(updates.went), np.arange(len(told))
    of_rows: dict[int, Array] = {}  # the gradients of single rows at those that are left
    for index, (rows, carried) in enumerate(parts):
        of_rows |= {k: _of_part((k,), left) for k in rows if k not in of_rows}
        grads = functools.reduce(np.add, [of_rows[k] for k in rows]) / len(rows)
        went = left.went - before if carried else left.went
        explained = relative(lengths(went - grads), grads, left.floor) <= most
        told[places[explained]] = index
        if explained.all():
            return told
        if explained.any():
            rest = ~explained
            left, before, places = left.at(rest), before[rest], places[rest]
            of_rows = {k: grads[rest] for k, grads in of_rows.items()}
    return None


# What is tried by more than gradients alone, by the kind of what it finds.
_WHOLE = {
    "straight": _straight,
    "targets": _targets,
    "part": _batch,
    "batch": _batch,
    "pulls": _pulls,
}


def arrangements(shapes: Sequence[tuple[int, ...]], net: Net) -> Iterator[npt.NDArray[np.int64]]:
    """Every way to read recorded columns as the net's parameter vector, the plain one first.

    Each is an index array: `rows[:, index]` is in the net's order. A custom module may hold its
    parameters in another order, and its weights transposed. Gives MAX_ARRANGEMENTS at most.
    """
    sizes = [math.prod(shape) for shape in shapes]
    wanted = [math.prod(shape) for shape in net.shapes]
    if sorted(sizes) != sorted(wanted):
        return
    ends = list(itertools.accumulate(sizes))
    blocks = [
        np.arange(end - n, end).reshape(s) for end, n, s in zip(ends, sizes, shapes, strict=True)
    ]
    orders = [
        order
        for order in itertools.permutations(range(len(blocks)))
        if [sizes[i] for i in order] == wanted
    ]
    orders.sort(key=lambda order: [shapes[i] for i in order] != list(net.shapes))
    readings = (
        np.concatenate(reading)
        for order in orders
        for reading in itertools.product(*([*_readings(blocks[i])] for i in order))
    )
    yield from itertools.islice(readings, MAX_ARRANGEMENTS)


def _readings(block: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """A parameter's columns row by row, and where that differs column by column."""
    yield block.ravel()
    if block.ndim > 1 and min(block.shape) > 1:
        yield block.T.ravel()


@functools.cache
def shuffles(count: int) -> npt.NDArray[np.int64]:
    """Every order of so many numbers: a net may be written neuron by neuron, or as one vector.

    None (0, count) where they are too many to try them all.
    """
    if count > MAX_SHUFFLED:
        return np.empty((0, count), np.int64)
    return np.array([*itertools.permutations(range(count))], np.int64)


def arrangement(
    rows: Array, shapes: Sequence[tuple[int, ...]], task: Task
) -> npt.NDArray[np.int64] | None:
    """The reading of recorded columns that fits the net's gradients at the first rows best.

    None where the recorded shapes can't be this net.
    """
    net = task.net
    columns, shapes = _trained(rows, shapes, net)
    early, plain = distinct(rows, FEW + 1)[:, columns], tuple(shapes) == net.shapes

    def misfit(readings: Sequence[npt.NDArray[np.int64]]) -> tuple[Array, Array]:
        """How badly each reading (R,) fits, and what is no better than it can be told."""
        states = early[:, np.stack(readings)]  # (FEW + 1, R, P)
        updates, begun = states[:-1] - states[1:], states[:-1].reshape(-1, net.width)
        # What stays behind is told apart later. However far they go, and be it uphill: those of a
        # target of another shape are as common as the loss's own.
        gradients = map(gradients_at(begun, task), FOLLOWED[:2])
        ways = (each.reshape(updates.shape) * updates.any(axis=0) for each in gradients)
        errors = np.min([_astray(updates, way) for way in ways], axis=0)
        # Where a single number moves, every reading fits it.
        least = EPS * np.abs(updates).sum(axis=(0, 2))
        return np.maximum(least, np.nan_to_num(errors, nan=np.inf)), least

    if plain:  # the net's own shapes in the net's own order
        errors, least = misfit([np.arange(net.width)])
        if errors <= PLAIN_FIT * least:
            return columns
    readings = [*arrangements(shapes, net)]
    if not readings and len(columns) == net.width:
        readings = _likely(early, task)
    if not readings:
        return None
    errors, _ = misfit(readings)
    if plain:
        errors[0] /= PLAIN_FIT
    return columns[readings[int(np.argmin(errors))]]


def _astray(updates: Array, ways: Array) -> Array:
    """How far (R,) the updates (K, R, P) of each reading go beside their ways (K, R, P)."""
    along = ratios(updates, ways)[:, :, None] * ways
    return np.asarray(np.abs(updates - along).sum(axis=(0, 2)))


def _trained(
    rows: Array, shapes: Sequence[tuple[int, ...]], net: Net
) -> tuple[npt.NDArray[np.int64], tuple[tuple[int, ...], ...]]:
    """Columns and shapes of what may be the net's.

    Of too many numbers those that move: inputs that require a gradient are leaves of the loss, too.
    """
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    blocks = np.split(np.arange(rows.shape[1]), ends[:-1])
    kept = list(range(len(shapes)))
    if rows.shape[1] > net.width:
        kept = [k for k in kept if (rows[:, blocks[k]] != rows[:1, blocks[k]]).any()]
    columns = np.concatenate([blocks[k] for k in kept]) if kept else np.empty(0, np.int64)
    return columns, tuple(tuple(shapes[k]) for k in kept)


def _likely(states: Array, task: Task) -> list[npt.NDArray[np.int64]]:
    """The orders of single numbers in which the first update goes downhill, best first."""
    orders = shuffles(task.net.width)
    if len(states) < 2 or not len(orders):
        return [np.arange(task.net.width)][: len(orders)]
    updates = (states[0] - states[1])[orders]
    grads = task.lr * gradient_of(states[0][orders], task)
    errors = lengths(updates - ratios(updates, grads)[:, None] * grads)
    return [*orders[np.argsort(errors, kind="stable")[:CANDIDATES]]]


@functools.lru_cache(4)  # several claims ask for the order of the same run
def order_of(run: Run, task: Task) -> Indices | None:
    """The run's columns in the order of the task's net; None where they can't be this net's."""
    return arrangement(run.rows, run.shapes, task)


@functools.lru_cache(4)
def in_order(run: Run, task: Task) -> Run | None:
    """The run with its columns in that order."""
    index = order_of(run, task)
    if index is None:
        return None
    tables = ("rows", "end_rows", "detail_rows", "detail_grads")
    return replace(run, **{name: getattr(run, name).take(index, axis=1) for name in tables})


@functools.lru_cache(2)
def descent_of(ordered: Run, task: Task) -> Array:
    """The `descent` at the rows of a run that is in the net's order."""
    return descent(ordered.rows, task)
