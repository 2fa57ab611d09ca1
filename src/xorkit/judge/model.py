"""The model: which net gives these outputs?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xorkit import reference
from xorkit.evidence import (
    Array,
    EvidenceError,
    decode,
    read_error,
    read_shapes,
    read_text,
)
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.judge.updates import arrangements, shuffles
from xorkit.reference import Net, Task
from xorkit.verdict import Diagnosis, Finding

# Outputs of a float32 net and of the float64 reference differ by 1e-6; other nets by 1e-2 and more.
SAME = 1e-4
MAX_LAYERS = 4  # deeper nets aren't told from one another: they are wrong here in any case

Shapes = tuple[tuple[int, ...], ...]
Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Model:
    """What was said of a model; `net` and `order` are how the judge can compute it itself."""

    takes_inputs: Claim
    sized: Claim
    hidden_activated: Claim
    output_activated: Claim
    net: Net | None = None
    order: Order | None = None  # recorded columns in the net's order
    shapes: Shapes = ()

    @property
    def right(self) -> bool:
        return bool(self.sized and self.hidden_activated and self.output_activated)

    def parameters(self, rows: Array) -> Array:
        """Recorded rows (K, P) as parameter vectors of `net`."""
        padded = np.concatenate([rows, np.zeros((len(rows), 1))], axis=1)
        assert self.order is not None, "an unexplained model has no parameters to read"  # noqa: S101
        return np.asarray(padded[:, self.order])


@dataclass(frozen=True)
class _Answers:
    """A net that gives the outputs; `twice`: its last sigmoid comes twice."""

    net: Net
    order: Order
    twice: bool


@np.errstate(all="ignore")  # hostile numbers are evidence like any other
def judge_model(
    seen: Mapping[str, Any], questions: Mapping[str, Any], task: Task, grade_id: str = "model"
) -> Model:
    """Which net gives the outputs that this model gave at the judge's parameters?

    Raises EvidenceError where the probe can't have said this.
    """
    if "outputs" not in seen:
        return _no_model(seen, grade_id)
    shapes, raw = read_shapes(seen.get("shapes")), decode(seen["outputs"])
    inputs = np.asarray(questions["inputs"], dtype=np.float64)
    vectors = [np.resize(vector, _width(shapes)) for vector in questions["vectors"]]
    wanted = (len(vectors), len(inputs), task.net.sizes[-1])
    if raw.shape != wanted:
        text = (
            f"For {len(inputs)} rows of inputs the model gives a tensor of shape {raw.shape[1:]};"
            f" one answer a row makes {wanted[1:]}. Which layer comes last?"
        )
        claim = fails(Finding(Diagnosis.WRONG_ARCHITECTURE, text, grade_id))
        return Model(claim, claim, claim, claim, shapes=shapes)
    outputs = raw.astype(np.float64)
    found = _find_net(np.array(vectors, dtype=np.float64), shapes, inputs, outputs, task)
    if found is None:
        return _unknown_model(shapes, task, grade_id)
    claims = _compare(found, _width(shapes), task, grade_id)
    known = None if found.twice else found.net  # with two sigmoids it is no net that we compute
    return Model(HOLDS, *claims, known, found.order, shapes)


def _width(shapes: Sequence[tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes)


def _no_model(seen: Mapping[str, Any], grade_id: str) -> Model:
    error = read_error(seen.get("error"))
    kind = read_text(seen.get("type"))
    if error is None:
        raise EvidenceError("a model without outputs and without an error")
    text = f"The model is a {kind}, and asking it for a prediction ends with {error[0]}: {error[1]}"
    if kind == "NoneType":
        text = "There is no model yet."
    claim = fails(Finding(Diagnosis.WRONG_ARCHITECTURE, text, grade_id))
    return Model(claim, claim, claim, claim)


def _unknown_model(shapes: Shapes, task: Task, grade_id: str) -> Model:
    count = _width(shapes)
    arrow = " → ".join(map(str, task.net.sizes))
    text = (
        f"With its {count} numbers filled in by the grader, the model answers unlike a net {arrow}"
        " with a sigmoid after each layer. Which layers does a prediction pass through, in order?"
    )
    if not count:
        text = "The model has no weights to train. Where do its layers come from?"
    claim = fails(Finding(Diagnosis.WRONG_ARCHITECTURE, text, grade_id))
    sized = HOLDS if shapes == task.net.shapes else claim
    return Model(HOLDS, sized, claim, claim, shapes=shapes)


def _find_net(
    vectors: Array, shapes: Shapes, inputs: Array, outputs: Array, task: Task
) -> _Answers | None:
    padded = np.concatenate([vectors, np.zeros((len(vectors), 1))], axis=1)
    for sizes, order in _layouts(shapes, task):
        theta = padded[:, order]
        for names in itertools.product(reference.ACTIVATIONS, repeat=len(sizes) - 1):
            net = Net(sizes, names)
            predicted = reference.predict(theta, inputs, net)
            if np.allclose(predicted, outputs, rtol=SAME, atol=SAME):
                return _Answers(net, order, twice=False)
            again = reference.sigmoid(predicted)
            if names[-1] == "sigmoid" and np.allclose(again, outputs, rtol=SAME, atol=SAME):
                return _Answers(net, order, twice=True)
    return _find_shuffled(vectors, inputs, outputs, task.net.sizes)


def _find_shuffled(
    vectors: Array, inputs: Array, outputs: Array, sizes: tuple[int, ...]
) -> _Answers | None:
    """A net of these sizes with its numbers in an order that no shapes tell: neuron by neuron."""
    for names in itertools.product(reference.ACTIVATIONS, repeat=len(sizes) - 1):
        net = Net(sizes, names)
        if net.width != vectors.shape[1]:
            return None
        orders = shuffles(net.width)
        for vector, wanted in zip(vectors, outputs, strict=True):
            for some in (slice(1), slice(1, None)):  # one row of inputs leaves few of the orders
                predicted = reference.predict(vector[orders], inputs[some], net)
                close = np.isclose(predicted, wanted[some], rtol=SAME, atol=SAME)
                orders = orders[close.all(axis=(1, 2))]
        if len(orders):
            return _Answers(net, orders[0], twice=False)
    return None


def _layouts(shapes: Shapes, task: Task) -> list[tuple[tuple[int, ...], Order]]:
    """Sizes and parameter orders to try: the lesson's net in any order, then what shapes say."""
    found = [(task.net.sizes, index) for index in arrangements(shapes, task.net)]
    said = _sizes(shapes)
    if said is not None and (not found or said[0] != task.net.sizes):
        found.append(said)
    return found


def _sizes(shapes: Shapes) -> tuple[tuple[int, ...], Order] | None:
    """The layers that shapes in the order of `nn.Linear` tell, with or without biases."""
    width = _width(shapes)
    sizes: list[int] = []
    order: list[int] = []
    at, rest = 0, list(shapes)
    while rest:
        weight = rest.pop(0)
        if len(weight) != 2 or (sizes and weight[1] != sizes[-1]) or not math.prod(weight):
            return None
        sizes = [*(sizes or [weight[1]]), weight[0]]
        order += range(at, at + math.prod(weight))
        at += math.prod(weight)
        if rest and rest[0] == (weight[0],):
            rest.pop(0)
            order += range(at, at + weight[0])
            at += weight[0]
        else:
            order += [width] * weight[0]  # the column of zeros: no bias
    fits = 1 < len(sizes) <= MAX_LAYERS + 1
    return (tuple(sizes), np.array(order, dtype=np.int64)) if fits else None


def _compare(found: _Answers, width: int, task: Task, grade_id: str) -> tuple[Claim, Claim, Claim]:
    """sized, hidden_activated, output_activated of a net that was found out."""
    net = found.net

    def claim(text: str | None) -> Claim:
        return fails(Finding(Diagnosis.WRONG_ARCHITECTURE, text, grade_id)) if text else HOLDS

    sized = None
    if net.sizes != task.net.sizes:
        own, goal = (" → ".join(map(str, sizes)) for sizes in (net.sizes, task.net.sizes))
        sized = f"Your model goes {own}; the net of lesson 10 went {goal}. What differs?"
    elif (found.order == width).any():
        sized = (
            f"Your model has {width} numbers to learn, lesson 10's net had {task.net.width}. Which"
            " were the others, besides the weights?"
        )
    hidden = None
    odd = next((name for name in net.activations[:-1] if name != "sigmoid"), "")
    if len(net.sizes) < 3:
        hidden = "Inputs lead straight to the output. What stood between them in lesson 10?"
    elif odd:
        seen = "nothing squashes the numbers" if odd == "none" else f"{odd} stands"
        hidden = f"After the hidden layer {seen}. What did you put there in lesson 10, and why?"
    last = None
    if found.twice:
        last = "All answers lie between 0.50 and 0.73. What squashes the output twice?"
    elif net.activations[-1] != "sigmoid":
        seen = (
            "nothing stands" if net.activations[-1] == "none" else f"{net.activations[-1]} stands"
        )
        last = f"After the output layer {seen}. What keeps an answer between 0 and 1?"
    return claim(sized), claim(hidden), claim(last)
