"""The data, the model, the loss and the optimizer: each judged by what it does."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xorkit import reference
from xorkit.evidence import Array, decode, read_error
from xorkit.judge.updates import MAX_ARRANGEMENTS, arrangements
from xorkit.reference import Net, Task
from xorkit.verdict import Finding

# Outputs of a float32 net and of the float64 reference differ by 1e-6; other nets by 1e-2 and more.
SAME = 1e-4


@dataclass(frozen=True)
class Judged:
    """One claim about a blank: whether it holds, and if not what was seen."""

    holds: bool
    finding: Finding | None = None

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return self.finding.message if self.finding else ""


HOLDS = Judged(True)


def missing(code: str, message: str, grade_id: str) -> Judged:
    return Judged(False, Finding(code, message, grade_id))


# ------------------------------------------------------------------------------------- the data


@dataclass(frozen=True)
class Data:
    """What was said of X and Y; `inputs` and `targets` are the learner's own, if usable."""

    inputs_right: Judged
    targets_shaped: Judged
    targets_right: Judged
    inputs: Array | None = None
    targets: Array | None = None


def judge_data(seen: Mapping[str, Any], task: Task) -> Data:
    """X and Y against the task's table; the rows may stand in any order."""
    x, y = _numbers(seen.get("X")), _numbers(seen.get("Y"))
    n, n_in = task.inputs.shape
    n_out = task.targets.shape[1]
    inputs = _tensor("X", seen.get("X"), x, (n, n_in))
    shaped = _tensor("Y", seen.get("Y"), y, (n, n_out))
    table = {tuple(row): tuple(goal) for row, goal in zip(task.inputs, task.targets, strict=True)}
    if inputs and x is not None and {tuple(row) for row in x} != set(table):
        text = f"X holds the rows {_rows(x)}. Which questions does the table ask, each just once?"
        inputs = missing("wrong-data", text, "data")
    right = shaped
    if shaped and y is not None:
        keys = x if inputs and x is not None else task.inputs
        wrong = [k for k in range(n) if table[tuple(keys[k])] != tuple(y[k])]
        if wrong:
            k = wrong[0]
            text = f"For the inputs {_row(keys[k])} your target is {_row(y[k])}. What is it in the table?"
            right = missing("wrong-data", text, "data")
    return Data(inputs, shaped, right, x if inputs else None, y if shaped else None)


def _numbers(seen: object) -> Array | None:
    if not isinstance(seen, Mapping) or "array" not in seen:
        return None
    if not str(seen.get("dtype")).startswith(("float", "bfloat")):
        return None
    return decode(seen["array"]).astype(np.float64)


def _tensor(name: str, seen: object, array: Array | None, shape: tuple[int, ...]) -> Judged:
    if array is not None and array.shape == shape:
        return HOLDS
    if array is not None:
        code = "target-shape" if name == "Y" else "wrong-data"
        text = (
            f"{name} has the shape {array.shape}, wanted {shape}: print {name}.shape and compare."
        )
        return missing(code, text, "data")
    seen = seen if isinstance(seen, Mapping) else {}
    if "array" in seen:
        text = f"{name} holds numbers of type {seen.get('dtype')}; the net counts with decimals."
    elif seen.get("type") in (None, "NoneType"):
        text = f"There is no {name} yet."
    else:
        text = f"{name} is a {seen['type']}; wanted a tensor of shape {shape}."
    return missing("wrong-data", text, "data")


def _row(row: Sequence[float] | Array) -> str:
    return "(" + ", ".join(f"{value:g}" for value in row) + ")"


def _rows(rows: Array) -> str:
    return ", ".join(_row(row) for row in rows)


# ------------------------------------------------------------------------------------ the model


@dataclass(frozen=True)
class Model:
    """What was said of a model; `net` and `order` are how the judge can compute it itself."""

    takes_inputs: Judged
    sized: Judged
    hidden_activated: Judged
    output_activated: Judged
    net: Net | None = None
    order: Array | None = None  # recorded columns in the net's order
    shapes: tuple[tuple[int, ...], ...] = ()

    @property
    def right(self) -> bool:
        return bool(self.sized and self.hidden_activated and self.output_activated)

    def parameters(self, rows: Array) -> Array:
        """Recorded rows (K, P) as parameter vectors of `net`."""
        padded = np.concatenate([rows, np.zeros((len(rows), 1))], axis=1)
        assert self.order is not None, "an unexplained model has no parameters to read"  # noqa: S101
        return np.asarray(padded[:, self.order.astype(int)])


def judge_model(
    seen: Mapping[str, Any], questions: Mapping[str, Any], task: Task, grade_id: str = "model"
) -> Model:
    """Which net gives the outputs that this model gave at the judge's parameters?"""
    if "outputs" not in seen:
        return _no_model(seen, task, grade_id)
    outputs = decode(seen["outputs"]).astype(np.float64)
    inputs = np.asarray(questions["inputs"], dtype=np.float64)
    wanted = (len(questions["vectors"]), len(inputs), task.net.sizes[-1])
    if outputs.shape != wanted:
        text = f"For {len(inputs)} rows of inputs the model gives a tensor of shape {outputs.shape[1:]}, wanted {wanted[1:]}."
        fails = missing("wrong-architecture", text, grade_id)
        return Model(fails, fails, fails, fails)
    shapes = tuple(tuple(int(n) for n in shape) for shape in seen["shapes"])
    width = sum(int(np.prod(shape)) for shape in shapes)
    vectors = [(list(v) * (width // len(v) + 1))[:width] for v in questions["vectors"]]
    found = _find_net(np.array(vectors, dtype=np.float64), shapes, inputs, outputs, task)
    if found is None:
        return _unknown_model(shapes, task, grade_id)
    net, order, twice = found
    sized, hidden, last = _compare(net, order, twice, width, task, grade_id)
    known = net if not twice else None  # no lesson's net: can't be recomputed with one sigmoid
    return Model(HOLDS, sized, hidden, last, known, order, shapes)


def _no_model(seen: Mapping[str, Any], task: Task, grade_id: str) -> Model:
    error = read_error(seen.get("error"))
    kind = seen.get("type", "NoneType")
    if kind == "NoneType":
        text = "There is no model yet."
    elif error:
        text = f"The model ({kind}) can't be asked for a prediction: {error[0]}: {error[1]}"
    else:
        text = f"model is a {kind}, which can't predict."
    fails = missing("wrong-architecture", text, grade_id)
    return Model(fails, fails, fails, fails)


def _unknown_model(shapes: Sequence[tuple[int, ...]], task: Task, grade_id: str) -> Model:
    count = sum(int(np.prod(shape)) for shape in shapes)
    arrow = " → ".join(map(str, task.net.sizes))
    text = (
        f"With its {count} numbers filled in by the grader, the model answers unlike a net {arrow}"
        " with a sigmoid after each layer. Which layers does a prediction pass through, in order?"
    )
    fails = missing("wrong-architecture", text, grade_id)
    if not count:
        text = "The model has no weights to train: where do its layers come from?"
        fails = missing("wrong-architecture", text, grade_id)
    return Model(HOLDS, fails, fails, fails, shapes=tuple(shapes))


def _find_net(
    vectors: Array, shapes: Sequence[tuple[int, ...]], inputs: Array, outputs: Array, task: Task
) -> tuple[Net, Array, bool] | None:
    """The net, the order of its parameters, and whether its last sigmoid comes twice."""
    padded = np.concatenate([vectors, np.zeros((len(vectors), 1))], axis=1)
    for sizes, order in _layouts(shapes, task):
        theta = padded[:, order.astype(int)]
        depth = len(sizes) - 1
        for names in itertools.product(reference.ACTIVATIONS, repeat=depth):
            net = Net(sizes, names)
            with np.errstate(over="ignore"):
                predicted = reference.predict(theta, inputs, net)
            if np.allclose(predicted, outputs, rtol=SAME, atol=SAME):
                return net, order, False
            if names[-1] == "sigmoid":
                again = reference.sigmoid(predicted)
                if np.allclose(again, outputs, rtol=SAME, atol=SAME):
                    return net, order, True
    return None


def _layouts(shapes: Sequence[tuple[int, ...]], task: Task) -> list[tuple[tuple[int, ...], Array]]:
    """Sizes and parameter orders to try: the lesson's net in any order, then what the shapes say."""
    found = [
        (task.net.sizes, index)
        for index in itertools.islice(arrangements(shapes, task.net), MAX_ARRANGEMENTS)
    ]
    said = _sizes(shapes)
    if said is not None and said[0] != task.net.sizes:
        found.append(said)
    return found if len(shapes) <= 2 * 4 else []  # 4 layers make 256 pairs of activations, 5 1024


def _sizes(shapes: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], Array] | None:
    """The layers that shapes in the order of `nn.Linear` tell, with or without biases."""
    width = sum(int(np.prod(shape)) for shape in shapes)
    sizes: list[int] = []
    order: list[int] = []
    at, rest = 0, list(shapes)
    while rest:
        weight = rest.pop(0)
        if len(weight) != 2 or (sizes and weight[1] != sizes[-1]):
            return None
        sizes = sizes or [weight[1]]
        sizes.append(weight[0])
        order += range(at, at + weight[0] * weight[1])
        at += weight[0] * weight[1]
        if rest and rest[0] == (weight[0],):
            rest.pop(0)
            order += range(at, at + weight[0])
            at += weight[0]
        else:
            order += [width] * weight[0]  # the column of zeros: no bias
    return (tuple(sizes), np.array(order)) if len(sizes) > 1 else None


def _compare(
    net: Net, order: Array, twice: bool, width: int, task: Task, grade_id: str
) -> tuple[Judged, Judged, Judged]:
    sized = hidden = last = HOLDS
    arrow = " → ".join(map(str, net.sizes))
    goal = " → ".join(map(str, task.net.sizes))
    if net.sizes != task.net.sizes:
        text = f"Your model goes {arrow}; the net of lesson 10 goes {goal}."
        sized = missing("wrong-architecture", text, grade_id)
    elif (order == width).any():
        text = f"Your model has {width} numbers to learn, lesson 10's net {task.net.width}. Which were the others, besides the weights?"
        sized = missing("wrong-architecture", text, grade_id)
    if len(net.sizes) < 3:
        text = (
            "There is no hidden layer between inputs and output, so nothing can be squashed there."
        )
        hidden = missing("wrong-architecture", text, grade_id)
    elif any(name != "sigmoid" for name in net.activations[:-1]):
        name = next(name for name in net.activations[:-1] if name != "sigmoid")
        seen = "nothing squashes the numbers" if name == "none" else f"{name} stands"
        text = f"After the hidden layer {seen}. What did you put there in lesson 10, and what for?"
        hidden = missing("wrong-architecture", text, grade_id)
    if twice:
        text = "The output is squashed twice, so that every answer lies between 0.50 and 0.73."
        last = missing("wrong-architecture", text, grade_id)
    elif net.activations[-1] != "sigmoid":
        name = net.activations[-1]
        seen = "nothing" if name == "none" else name
        text = f"After the output layer stands {seen}. What keeps an answer between 0 and 1?"
        last = missing("wrong-architecture", text, grade_id)
    return sized, hidden, last


# ------------------------------------------------------------------- the loss and the optimizer


@dataclass(frozen=True)
class Settings:
    """What was said of the loss and the optimizer; `loss` and `lr` are the learner's own."""

    loss_right: Judged
    optimizer_right: Judged
    rate_right: Judged
    loss: str | None = None
    lr: float | None = None


LOSS_NAMES = {
    "sum": "the sum of the squared errors, four times their mean",
    "half": "half the mean squared error",
    "bce": "binary cross-entropy: a good loss, but not the one this lesson compares",
    "l1": "the mean of the plain errors, not of their squares",
}


def judge_settings(seen: Mapping[str, Any], questions: Mapping[str, Any], task: Task) -> Settings:
    """Which loss gives these values, and which rule moved the parameters?"""
    loss_right, loss = _judge_loss(seen.get("loss", {}), questions)
    optimizer = seen.get("optimizer", {})
    if "rows" not in optimizer:
        error = read_error(optimizer.get("error"))
        kind = optimizer.get("type", "NoneType")
        text = "There is no optimizer yet."
        if kind != "NoneType":
            text = f"optimizer ({kind}) can't make a step: {error[1] if error else ''}"
        fails = missing("wrong-optimizer", text, "loss_and_optimizer")
        return Settings(loss_right, fails, fails, loss)
    rows = decode(optimizer["rows"]).astype(np.float64)
    grads = np.array([list(g)[: rows.shape[1]] for g in questions["grads"]], dtype=np.float64)
    right, rate, lr = _judge_optimizer(optimizer, rows, grads, task)
    return Settings(loss_right, right, rate, loss, lr)


def _judge_loss(seen: Mapping[str, Any], questions: Mapping[str, Any]) -> tuple[Judged, str | None]:
    values = seen.get("values")
    if not isinstance(values, list) or len(values) != len(questions["pairs"]):
        error = read_error(seen.get("error"))
        kind = seen.get("type", "NoneType")
        text = "There is no loss_fn yet."
        if kind != "NoneType":
            text = f"loss_fn ({kind}) gives no number for predictions and targets: {error[1] if error else ''}"
        return missing("wrong-loss", text, "loss_and_optimizer"), None
    wanted = {name: [_loss(name, p, t) for p, t in questions["pairs"]] for name in reference.LOSSES}
    name = next((n for n, w in wanted.items() if np.allclose(values, w, rtol=SAME, atol=0)), None)
    if name == "mse":
        return HOLDS, name
    says = LOSS_NAMES.get(name or "", "no loss that the grader knows")
    text = f"On the grader's example your loss_fn gives {values[0]:.4f}, the mean squared error is {wanted['mse'][0]:.4f}. It looks like {says}."
    return missing("wrong-loss", text, "loss_and_optimizer"), name


def _loss(name: str, predictions: Any, targets: Any) -> float:
    p, t = (np.asarray(values, dtype=np.float64)[None] for values in (predictions, targets))
    return float(reference.LOSSES[name].value(p, t)[0])


def _judge_optimizer(
    seen: Mapping[str, Any], rows: Array, grads: Array, task: Task
) -> tuple[Judged, Judged, float | None]:
    updates = rows[:-1] - rows[1:]
    kind = str(seen.get("type"))
    moving = updates.any(axis=0)
    if not moving.any() or not seen.get("held"):
        text = "The optimizer holds none of the model's parameters, so its steps move nothing. Which list did it get?"
        fails = missing("frozen-parameters", text, "loss_and_optimizer")
        return fails, fails, None
    lr = float((updates[0] * grads[0]).sum() / (grads[0][moving] ** 2).sum())
    plain = np.allclose(updates[:, moving], lr * grads[:, moving], rtol=1e-4, atol=1e-6)
    optimizer = HOLDS
    if not plain:
        text = f"Given the gradients, {kind} doesn't move by lr · gradient: its steps depend on more than the slope of now. The lesson's rule is plain w −= lr · grad."
        optimizer = missing("wrong-optimizer", text, "loss_and_optimizer")
    elif not moving.all():
        text = f"The optimizer moves only {int(moving.sum())} of the model's {len(moving)} numbers. Who moves the others?"
        optimizer = missing("frozen-parameters", text, "loss_and_optimizer")
    if not plain:
        text = f"With {kind} the step isn't lr · gradient, so there is no learning rate to compare."
        return optimizer, missing("wrong-optimizer", text, "loss_and_optimizer"), None
    if abs(lr - task.lr) <= 1e-4 * task.lr:
        return optimizer, HOLDS, lr
    text = f"Your optimizer goes {lr:.4g} times the gradient, the lesson {task.lr:g} times."
    return optimizer, missing("wrong-lr", text, "loss_and_optimizer"), lr
