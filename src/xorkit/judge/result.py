"""What came of the training: the learner's own model, and whether its own training made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xorkit import reference
from xorkit.evidence import Array, EvidenceError, ModelOutputs, PredictionsObservation, Run
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.judge.data import Data
from xorkit.judge.model import Model, judge_model
from xorkit.judge.passes import ENOUGH, Facts, near
from xorkit.judge.settings import Settings
from xorkit.judge.training import Training
from xorkit.judge.updates import Mechanism, arranged, descent, distinct, explain, matches, moves
from xorkit.messages import finding, sentence
from xorkit.reference import Net, Task
from xorkit.verdict import Diagnosis, Finding

# Starts of `nn.Linear` have losses of 0.97 times that of always answering the mean and more; a
# start below this share of it has learned something before any training was seen.
UNLEARNED = 0.6
FEW_ODD = 0.01  # of the updates: new starts within a run
ENDED = 1e-3  # how far a replayed run may end from where the weights are: float32 makes 1e-5
MOST_REPLAYED = 20_000  # passes, two seconds
SHOWN_LOSSES = 200
ALIKE = 0.1  # of the targets' range: predictions that differ by less are told from no others


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
        return Result((fails(None, "unknown-model"),) * count)
    if model.net is None or not len(row) or not np.isfinite(row).all():
        return Result(_untrained("no-model", (), count, parts))
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
    mine = _own_task(parts, model.net, task)
    rows = None if own is None else _rows_of(own, row, model, mine, right=parts[-1].right)
    if own is None or rows is None:
        return replace(result, rows=_untrained("no-training", result.predictions, count, parts))
    result = replace(result, losses=_thin(_losses(rows, model.net, task)))
    proved, frozen, review = _proved(rows, own, mine, task)
    if not proved:
        known = not parts[-1].weights_move  # why nothing was trained has been found already
        review = "" if known else review
        untrained = _untrained("no-descent", result.predictions, count, parts)
        return replace(result, rows=untrained, review=review)
    return _compared(result, theta, own, parts, replace(task, net=model.net), facts, frozen)


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


def _losses(rows: Array, net: Net, task: Task) -> Array:
    return reference.loss(rows, task.inputs, task.targets, net)


def _thin(losses: Array) -> tuple[float, ...]:
    """Some of the losses, the last among them: as many as a small picture shows."""
    keep = np.unique(np.linspace(0, len(losses) - 1, min(SHOWN_LOSSES, len(losses))).astype(int))
    return tuple(round(float(value), 5) for value in losses[keep])


def _own_task(parts: Parts, net: Net, task: Task) -> Task:
    """What the learner's own training was about: the own table, net and learning rate."""
    data, _, settings, _ = parts
    own = replace(task, net=net, lr=settings.lr or task.lr)
    if data.inputs is None or data.targets is None:
        return own
    return replace(own, inputs=data.inputs, targets=data.targets)


# ------------------------------------------------------------------- did its own training make it?


def _rows_of(own: Run, row: Array, model: Model, mine: Task, *, right: bool) -> Array | None:
    """The run's rows in the net's order, up to where the model now is; None if it never was there.

    A loop may have kept its best parameters and put them back in the end. Nothing may have moved
    only where the loop is right and its start so flat that no step can be seen.
    """
    if own.shapes == model.shapes:
        rows: Array | None = model.parameters(own.rows)
    else:
        rows = arranged(own.rows, own.shapes, mine, mine.net)
    if rows is None:
        return None
    flat = right and len(rows) > 1 and bool(matches(rows, descent(rows, mine, mine.net)).all())
    if not flat and not moves(rows).any():
        return None
    theta = model.parameters(row[None])[0]
    there = np.flatnonzero(np.isclose(rows, theta, rtol=1e-5, atol=1e-6).all(axis=1))
    if not len(there):
        return None
    return rows[: there[0] + 1]


def _proved(rows: Array, own: Run, mine: Task, task: Task) -> tuple[bool, int, str]:
    """Whether training brought the parameters from an unlearned start to where they are.

    The second part is how many of them it left as they were, though they have a gradient; the third
    says why a person should look, where the judge can't tell.
    """
    whole = own.complete or len(rows) < len(own.rows)
    kept = rows if whole else rows[:-1]
    if not _unlearned(kept[0], task, mine.net):
        return False, 0, ""
    mechanism = explain(kept, mine, mine.net)
    if mechanism.descends:
        proved = whole or _replayed(rows, own, mechanism, mine)
    else:
        jumps = _jumps(kept, mine)
        proved = whole and jumps is not None and _all_unlearned(jumps, task, mine.net)
        if jumps is not None and not proved:
            return False, 0, ""
    if proved:
        return True, len(mechanism.still), ""
    losses = _losses(rows, mine.net, task)
    falls = bool(losses[-1] < losses[0]) and len(rows) > 100 and mechanism.kind != "straight"
    return False, 0, sentence(None, "unknown-rule") if falls else ""


def _unlearned(row: Array, task: Task, net: Net) -> bool:
    baseline = float(((task.targets - task.targets.mean(axis=0)) ** 2).mean())
    return float(_losses(row[None], net, task)[0]) >= UNLEARNED * baseline


def _replayed(rows: Array, own: Run, mechanism: Mechanism, mine: Task) -> bool:
    """Whether plain descent leads from the last pass that was kept to where the weights are.

    A longer run than the recorder keeps is a known function of where it stopped keeping.
    """
    rest = own.passes - (len(rows) - 2)
    plain = mechanism.kind in ("clean", "factor") and mechanism.loss == "mse"
    if not plain or mechanism.still or rest > MOST_REPLAYED or not moves(rows[:-1]).all():
        return False
    lr = mine.lr * (mechanism.factor if mechanism.kind == "factor" else 1.0)
    end = reference.descend(rows[-2:-1], mine.inputs, mine.targets, mine.net, lr=lr, epochs=rest)
    return bool(np.allclose(end, rows[-1:], rtol=ENDED, atol=ENDED))


def _jumps(rows: Array, mine: Task) -> Array | None:
    """Where a run of plain descent went on after something else than a step; None if it is none."""
    states = distinct(rows)
    wrong = np.flatnonzero(~matches(states, descent(states, mine, mine.net)))
    return states[wrong + 1] if len(wrong) <= FEW_ODD * len(states) else None


def _all_unlearned(rows: Array, task: Task, net: Net) -> bool:
    return all(_unlearned(row, task, net) for row in rows)


# ------------------------------------------------------------------------------ and is it near?


def _compared(
    result: Result,
    theta: Array,
    own: Run,
    parts: Parts,
    mine: Task,
    facts: Facts,
    frozen: int,
) -> Result:
    """The rows of a model that its own training made, all but `frozen` of its parameters."""
    data, model, settings, training = parts
    reached = near(theta, mine.net, mine)
    blanks = (data.inputs_right, data.targets_right, model.right, settings.right, training.right)
    if not reached.all() and all(blanks) and not frozen:
        end = float(_losses(theta, mine.net, mine)[0])
        if _stalls(theta, own, mine):
            return replace(result, rows=(HOLDS,) * len(reached), note=_bad_start(end, facts))
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


def _stalls(theta: Array, own: Run, mine: Task) -> bool:
    """Whether the passes that a right loop saved by stopping early wouldn't have helped either."""
    rest = mine.epochs - own.passes
    if rest <= (1 - ENOUGH) * mine.epochs:
        return True
    end = reference.descend(theta, mine.inputs, mine.targets, mine.net, lr=mine.lr, epochs=rest)
    return not near(end, mine.net, mine).all()


def _bad_start(end: float, facts: Facts) -> Finding:
    return replace(
        finding(Diagnosis.BAD_START, "flat", loss=end, stalled=facts.stalled, starts=facts.starts),
        note=True,
    )


def _unreached(task: Task, k: int, value: float) -> Claim:
    inputs = ", ".join(f"{number:g}" for number in task.inputs[k])
    return fails(None, "prediction", inputs=inputs, seen=value, wanted=task.targets[k, 0])
