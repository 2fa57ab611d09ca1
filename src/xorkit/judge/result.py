"""What came of the training: the learner's own model, and whether its own training made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from xorkit import reference
from xorkit.evidence import Array, EvidenceError, ModelOutputs, PredictionsObservation, Run
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.judge.data import Data
from xorkit.judge.epochs import Facts, near, stalls
from xorkit.judge.model import Model, judge_model
from xorkit.judge.settings import Settings
from xorkit.judge.training import Training, task_of
from xorkit.judge.updates import (
    EARLY,
    FEW,
    VISIBLE,
    Indices,
    Mechanism,
    averages,
    descent,
    distinct,
    explain,
    gradient_of,
    matches,
    moves,
    order_of,
)
from xorkit.messages import finding, sentence
from xorkit.reference import Net, Task
from xorkit.verdict import Diagnosis, Finding

# Starts of `nn.Linear` have losses of 0.97 times that of always answering the mean and more; a
# start below this share of it has learned something before any training was seen.
UNLEARNED = 0.6
ZERO = 1e-9  # of an update: a thousandth of what float32 shows beside parameters of size 1
FEW_ODD = 0.01  # of the updates: new starts within a run
ENDED = 1e-3  # how far a replayed run may end from where the weights are: float32 makes 1e-5
MOST_REPLAYED = 20_000  # epochs, two seconds
MOST_CUT = 2.0  # times the update before: how far the one may go that the clock interrupted
SHOWN_LOSSES = 200
ALIKE = 0.1  # of the targets' range: predictions that differ by less are told from no others
# Of the way that the parameters go, against their gradients: with PyTorch's optimizers 0.97 and
# more, on paths that are drawn to known weights 0.72 at most.
AGAINST = 0.9
RECENT = 0.9  # of the average of recent gradients, as momentum usually has it
LEAP = 0.15  # of the way in one update: Adam with a rate of 1 makes 0.13, a jump to weights more
PACE = 3.0  # how many times faster than plain descent, or slower, noise makes a parameter; on drawn
# paths, 5 and more, or backwards
MEMORY, CURVED = 100, 1e-10  # of L-BFGS in PyTorch: changes kept, and how large they have to be
COSINE = 0.99  # of what is taken for one of its directions
TRIALS = 25  # lengths that its line search tries at most
LEARNS_BY = 1_000  # states by which it has learned, if it does

Parts = tuple[Data, Model, Settings, Training]


@dataclass(frozen=True)
class Result:
    """What was said of the learner's own model after training."""

    rows: tuple[Claim, ...]  # one a row of the table
    predictions: tuple[float, ...] = ()
    note: Finding | None = None
    review: str = ""  # why a person should look
    losses: tuple[float, ...] = ()  # the learner's own loss, thinned out
    theta: tuple[float, ...] = ()  # the trained parameters, in the order of `sizes`
    sizes: tuple[int, ...] = ()


@np.errstate(all="ignore")  # a training that ends in NaN is evidence like any other
def judge_result(
    seen: PredictionsObservation,
    questions: Mapping[str, Any],
    own: Run | None,
    parts: Parts,
    task: Task,
    facts: Facts,
) -> Result:
    """Whether the own model learned the table, by its own training. Raises EvidenceError."""
    count = len(task.inputs)
    row, model = seen.row, judge_model(seen.model, questions, task)
    if model.net is None and isinstance(seen.model, ModelOutputs):
        if parts[1].net is not None:  # its own cell made another one
            return Result((fails(Diagnosis.NOT_TRAINED, "other-model"),) * count)
        return Result((fails(None, "unknown-model"),) * count)
    if model.net is None or not len(row):
        return Result(_untrained("no-model", (), count, parts))
    if not np.isfinite(row).all():
        return Result((fails(Diagnosis.NOT_TRAINED, "not-finite"),) * count)
    if len(row) != _width(model):
        raise EvidenceError(f"{len(row)} numbers of a model that has {_width(model)}")
    theta = model.parameters(row[None])
    predicted = reference.predict(theta, task.inputs, model.net)[0]
    result = Result(
        (),
        tuple(float(value) for value in predicted[:, 0]),
        theta=tuple(round(float(value), 4) for value in theta[0]),
        sizes=model.net.sizes,
    )
    mine = task_of(parts[0], model.net, parts[2], task)
    about = replace(task, net=model.net)
    way = None if own is None else _way_of(own, row, model, mine, right=parts[-1].right)
    if own is None or way is None:
        return replace(result, rows=_untrained("no-training", result.predictions, count, parts))
    shown = _losses(_some(way.first), about)
    result = replace(result, losses=tuple(round(float(value), 5) for value in shown))
    proved, frozen, review = _proved(way, mine, about, parts[-1])
    if not proved and review and parts[-1].weights_move:
        # It may have been trained by a rule that the judge doesn't know. Where nothing is to be
        # credited anyway, no person need look.
        if not near(theta, about).any() or _alike(theta, about) is not None:
            return _compared(result, theta, way, own, parts, about, facts, frozen)
    elif not proved:
        review = ""  # why nothing was trained has been found already
    if not proved:
        # Where nothing was learned, what put the parameters there is no matter.
        alike = _alike(theta, about) if parts[-1].weights_move else None
        untrained = _untrained("no-descent", result.predictions, count, parts)
        rows = untrained if alike is None else (alike,) * count
        return replace(result, rows=rows, review=review)
    return _compared(result, theta, way, own, parts, about, facts, frozen)


def _width(model: Model) -> int:
    return sum(int(np.prod(shape)) for shape in model.shapes)


def _untrained(
    symptom: str, predictions: tuple[float, ...], count: int, parts: Parts
) -> tuple[Claim, ...]:
    """No row is credited; where the loop moved nothing, the cause has been named already."""
    facts = {"predictions": predictions} if predictions else {}
    if parts[-1].weights_move:
        claim = fails(Diagnosis.NOT_TRAINED, symptom, **facts)
    else:
        claim = fails(None, "untrained" if predictions else "no-model", **facts)
    return (claim,) * count


def _losses(rows: Array, task: Task) -> Array:
    return reference.loss(rows, task.inputs, task.targets, task.net)


def _some(rows: Array) -> Array:
    """Some of the rows, the last among them: as many as a small picture shows."""
    count = min(SHOWN_LOSSES, len(rows))
    return np.asarray(rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))])


@dataclass(frozen=True)
class _Way:
    """How a run came to where the model is now, in the net's order, as far as it was recorded."""

    first: Array  # (K + 1, P), from the start on
    end: Array  # (L + 1, P), empty where the first rows lead there already
    between: int  # epochs of which nothing was kept


def _way_of(own: Run, row: Array, model: Model, mine: Task, *, right: bool) -> _Way | None:
    """The run up to where the model is now; None if it never was there.

    A loop may have kept its best parameters and put them back in the end. Nothing may have moved
    only where the loop is right and its start so flat that no step can be seen.
    """
    theta = model.parameters(row[None])[0]
    if own.shapes == model.shapes:
        tables = (model.parameters(own.rows), model.parameters(own.end_rows))
    else:
        index = _placed(own, theta)
        if index is None:
            index = order_of(own, mine)
        if index is None:
            return None
        tables = (own.rows[:, index], own.end_rows[:, index])
    first, end = tables
    if not moves(first).any():
        flat = right and len(first) > 1 and matches(first, descent(first, mine)).all()
        if not flat:
            return None
    last = end if len(end) else first
    # A loop whose time is over is ended within an update, of which nothing is kept.
    if own.stopped and len(last) > 1:
        on, before = np.linalg.norm([theta - last[-1], last[-1] - last[-2]], axis=1)
        theta = last[-1] if on <= MOST_CUT * before else theta
    for k, rows in enumerate(tables):
        there = _where(rows, theta)
        if len(there) and k == 0:
            return _Way(rows[: there[0] + 1], end[:0], 0)
        if len(there):
            return _Way(first, rows[: there[0] + 1], own.backwards + 1 - len(first) - len(end))
    return None


def _where(rows: Array, theta: Array) -> Indices:
    """The rows that are these parameters (P,); most are told from them by their first number."""
    there = np.flatnonzero(_same(rows[:, 0], theta[0]))
    return there[_same(rows[there], theta).all(axis=1)]


def _same(values: Array, others: Array) -> npt.NDArray[np.bool_]:
    """Which of them are the same but for what was rounded on the way."""
    return np.isclose(values, others, rtol=1e-5, atol=1e-6)


def _placed(own: Run, theta: Array) -> Indices | None:
    """The columns that hold the model's parameters (P,) where the run came to these very values.

    Their gradients don't tell it: a net whose hidden neurons change places has the same ones.
    """
    rows = np.concatenate([own.rows, own.end_rows])
    if rows.shape[1] != len(theta):
        return None
    order = np.argsort(theta)
    there = _same(np.sort(rows, axis=1), theta[order]).all(axis=1)
    if not there.any():
        return None
    index = np.empty(len(theta), np.intp)
    index[order] = np.argsort(rows[np.flatnonzero(there)[-1]])
    return index


# ------------------------------------------------------------------- did its own training make it?


def _proved(way: _Way, mine: Task, about: Task, training: Training) -> tuple[bool, int, str]:
    """Whether training brought the parameters from an unlearned start to where they are.

    The second part is how many of them it left as they were, though they have a gradient; the third
    says why a person should look, where the judge can't tell.
    """
    rows, loop = way.first, training.mechanism
    if not _unlearned(rows[0], about):
        return False, 0, ""
    # Where all of them are known to be plain descent, the first ones tell whether they move.
    some = rows[: EARLY + 1] if training.descends == mine.net else rows
    # What had no name when the loop ran alone has none here: whether it follows is soon seen.
    nameless = loop.kind == "unknown"
    follows = nameless and _follows(rows, mine)
    mechanism = loop if follows else explain(some, mine, loop)
    if not nameless:
        follows = mechanism.kind == "unknown" and _follows(rows, mine)
    descends = mechanism.descends or follows
    if descends and not len(way.end):
        return True, len(mechanism.still), ""
    if descends:
        epochs = len(rows) - 1 + len(way.end) + way.between
        doubt = sentence(None, "long-run", epochs=epochs, unseen=way.between)
        goes_on = _goes_on(way, mechanism, mine)
        return goes_on, len(mechanism.still), "" if goes_on else doubt
    jumps = None if len(way.end) else _jumps(rows, mine)
    if jumps is not None:
        return _all_unlearned(jumps, about), 0, ""
    first, last = _losses(rows[[0, -1]], about)
    falls = last < first and mechanism.kind != "straight"
    return False, 0, sentence(None, "unknown-rule") if falls else ""


def _follows(rows: Array, mine: Task) -> bool:
    """Whether updates whose rule has no name here follow the gradients all the same.

    Nearly everywhere a parameter goes against its own gradient, or the average of the recent ones;
    or each goes as far as its gradients say on average, as with noise.
    """
    went, grads = rows[:-1] - rows[1:], descent(rows, mine)
    far = np.abs(went)
    if not np.isfinite(rows).all():
        return False
    if _quasi_newton(distinct(rows), mine):
        return True
    if far.sum(axis=1).max() > LEAP * far.sum():
        return False
    for used in (grads, averages(grads, RECENT)):
        told = far * (np.abs(used) > VISIBLE)
        if told[went * used > 0].sum() > AGAINST * told.sum():
            return True
    pace = (went * grads).sum(axis=0) / ((grads**2).sum(axis=0) + 1e-300)
    return bool(((pace < PACE) & (pace * PACE > 1)).all())


def _quasi_newton(states: Array, mine: Task) -> bool:
    """Whether steps of L-BFGS (Liu and Nocedal, 1989) learned whatever the last state has right.

    Far away, where float32 tells its directions no more, it may unlearn some of them. States that
    predict the same for all rows have learned none.

    It goes along a direction that the gradients so far tell. A line search tries several lengths,
    and goes on from one of them: that from which the next direction leads to the next state.
    """
    states, end = states[:LEARNS_BY], states
    grads, base, explained = gradient_of(states[:-1], mine), 0, 0
    pairs: list[tuple[Array, Array]] = []

    def ways_from(at: int) -> tuple[list[tuple[Array, Array]], Array]:
        change = states[at] - states[base], grads[at] - grads[base]
        more = [*pairs, change][-MEMORY:] if change[0] @ change[1] > CURVED else pairs
        return more, _two_loops(grads[at], more)

    ways = [ways_from(0)] if len(grads) else []  # from each state since the base
    for k in range(1, len(states)):
        likeness = [_cosine(states[k] - states[base + n], way) for n, (_, way) in enumerate(ways)]
        best = int(np.argmax(likeness))
        if not likeness[best] > COSINE or len(ways) - best > TRIALS:
            break
        explained = k
        if best:
            base, pairs, ways = base + best, ways[best][0], ways[best : best + 1]
        ways += [ways_from(at) for at in range(base + len(ways), min(k + 1, len(grads)))]
    predicted = reference.predict(states[: explained + 1], mine.inputs, mine.net)
    predicted = predicted[(np.ptp(predicted, axis=1) > ALIKE * np.ptp(mine.targets, axis=0)).any(1)]
    learned = (np.abs(predicted - mine.targets) <= mine.near).all(axis=2).any(axis=0)
    return explained > FEW and bool((learned >= near(end, mine)).all())


def _cosine(way: Array, direction: Array) -> float:
    return float(way @ direction / (np.linalg.norm(way) * np.linalg.norm(direction) + 1e-300))


def _two_loops(grad: Array, pairs: Sequence[tuple[Array, Array]]) -> Array:
    """The direction (P,) of L-BFGS by the changes of parameters and gradients so far."""
    way, shares = -grad, []
    for moved, turned in reversed(pairs):
        shares.append(moved @ way / (moved @ turned))
        way = way - shares[-1] * turned
    if pairs:
        moved, turned = pairs[-1]
        way = way * (moved @ turned) / (turned @ turned)
    for (moved, turned), share in zip(pairs, reversed(shares), strict=True):
        way = way + moved * (share - turned @ way / (moved @ turned))
    return way


def _flat(row: Array, mine: Task) -> bool:
    """Whether every gradient at these parameters (P,) is 0, so that plain descent stays there."""
    return bool(mine.lr * np.abs(gradient_of(row[None], mine)).max() < ZERO)


def _unlearned(row: Array, about: Task) -> bool:
    baseline = float(((about.targets - about.targets.mean(axis=0)) ** 2).mean())
    return float(_losses(row[None], about)[0]) >= UNLEARNED * baseline


def _goes_on(way: _Way, mechanism: Mechanism, mine: Task) -> bool:
    """Whether what wasn't kept of a long run is known all the same.

    It is where nothing was learned in it, and where plain descent leads from its begin to its end.
    """
    before, after = (near(rows, mine) for rows in (way.first, way.end))
    if (after <= before).all():
        return True
    plain = mechanism.kind in ("clean", "factor") and mechanism.loss == "mse"
    if not plain or mechanism.still or way.between > MOST_REPLAYED or not moves(way.first).all():
        return False
    mine = replace(mine, lr=mine.lr * mechanism.factor)
    end = reference.descend(
        way.first[-1:], mine.inputs, mine.targets, mine.net, lr=mine.lr, epochs=way.between + 1
    )
    met = np.allclose(end, way.end[:1], rtol=ENDED, atol=ENDED)
    return bool(met and matches(way.end, descent(way.end, mine)).all())


def _jumps(rows: Array, mine: Task) -> Array | None:
    """Where a run of plain descent went on after something else than a step; None if it is none."""
    states = distinct(rows)
    wrong = np.flatnonzero(~matches(states, descent(states, mine)))
    return states[wrong + 1] if len(wrong) <= FEW_ODD * len(states) else None


def _all_unlearned(rows: Array, about: Task) -> bool:
    return all(_unlearned(row, about) for row in rows)


# ------------------------------------------------------------------------------ and is it near?


def _compared(
    result: Result,
    theta: Array,
    way: _Way,
    own: Run,
    parts: Parts,
    mine: Task,
    facts: Facts,
    frozen: int,
) -> Result:
    """The rows of a model that its own training made, all but `frozen` of its parameters."""
    data, model, settings, training = parts
    reached = near(theta, mine)
    blanks = (data.inputs_right, data.targets_right, model.right, settings.right, training.right)
    if not reached.all() and all(blanks) and not frozen:
        end = float(_losses(theta, mine)[0])
        if stalls(theta, own.backwards, mine):
            note = _bad_start(way.first[0], end, mine, facts)
            return replace(result, rows=(HOLDS,) * len(reached), note=note)
    if (alike := _alike(theta, mine)) is not None:
        return replace(result, rows=(alike,) * len(reached))
    if frozen:
        count = mine.net.width
        left_out = fails(Diagnosis.FROZEN_PARAMETERS, "some", still=frozen, count=count)
        return replace(result, rows=tuple(HOLDS if ok else left_out for ok in reached))
    claims = (
        HOLDS if ok else _unreached(mine, k, result.predictions[k]) for k, ok in enumerate(reached)
    )
    return replace(result, rows=tuple(claims))


def _alike(theta: Array, mine: Task) -> Claim | None:
    """What to say of a model that predicts the same for all rows: it may be near some by chance."""
    predicted = reference.predict(theta, mine.inputs, mine.net)[0]
    if (np.ptp(predicted, axis=0) > ALIKE * np.ptp(mine.targets, axis=0)).any():
        return None
    return fails(None, "constant", low=predicted.min(), high=predicted.max())


def _bad_start(start: Array, end: float, mine: Task, facts: Facts) -> Finding:
    if _flat(start, mine):
        note = finding(Diagnosis.BAD_START, "zero-gradient")
    elif _twins(start, mine.net):
        note = finding(Diagnosis.BAD_START, "alike", loss=end)
    else:
        note = finding(
            Diagnosis.BAD_START, "flat", loss=end, stalled=facts.stalled, starts=facts.starts
        )
    return replace(note, note=True)


def _twins(start: Array, net: Net) -> bool:
    """Whether the neurons of a hidden layer begin with the same weights, biases and outputs."""
    ends = np.cumsum([int(np.prod(shape)) for shape in net.shapes])[:-1]
    parts = [part.reshape(s) for part, s in zip(np.split(start, ends), net.shapes, strict=True)]
    return any(
        np.ptp(np.column_stack([*parts[at : at + 2], parts[at + 2].T]), axis=0).max() == 0
        for at in range(0, len(parts) - 2, 2)
    )


def _unreached(task: Task, k: int, value: float) -> Claim:
    inputs = ", ".join(f"{number:g}" for number in task.inputs[k])
    return fails(None, "prediction", inputs=inputs, seen=value, wanted=task.targets[k, 0])
