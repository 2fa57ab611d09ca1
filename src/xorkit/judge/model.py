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
from xorkit.evidence import Array, Failure, ModelOutputs
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.judge.updates import arrangements, shuffles
from xorkit.reference import Net, Task
from xorkit.verdict import Diagnosis

# Outputs of a float32 net and of the float64 reference differ by 1e-6; other nets by 1e-2 and more.
SAME_OUTPUTS = 1e-4
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
        assert self.order is not None, "an unexplained model has no parameters to read"  # noqa: S101
        if self.order.max() == rows.shape[1]:  # a missing bias: a column of zeros beyond the last
            rows = np.concatenate([rows, np.zeros((len(rows), 1))], axis=1)
        return np.asarray(rows.take(self.order, axis=1))


@dataclass(frozen=True)
class _Answers:
    """A net that gives the outputs; `twice`: its last sigmoid comes twice."""

    net: Net
    order: Order
    twice: bool


@np.errstate(all="ignore")  # hostile numbers are evidence like any other
def judge_model(seen: ModelOutputs | Failure, questions: Mapping[str, Any], task: Task) -> Model:
    """Which net gives the outputs that this model gave at the judge's parameters?

    Raises EvidenceError where the probe can't have said this.
    """
    if isinstance(seen, Failure):
        return _no_model(seen)
    shapes, outputs = seen.shapes, seen.outputs
    inputs = np.asarray(questions["inputs"], dtype=np.float64)
    vectors = [np.resize(vector, _width(shapes)) for vector in questions["vectors"]]
    wanted = (len(vectors), len(inputs), task.net.sizes[-1])
    if outputs.shape != wanted:
        claim = fails(
            Diagnosis.WRONG_ARCHITECTURE,
            "output-shape",
            rows=len(inputs),
            seen=str(outputs.shape[1:]),
            wanted=str(wanted[1:]),
        )
        return Model(claim, claim, claim, claim, shapes=shapes)
    found = _find_net(np.array(vectors, dtype=np.float64), shapes, inputs, outputs, task)
    if found is None:
        return _unknown_model(shapes, task)
    claims = _compare(found, seen, task)
    known = None if found.twice else found.net  # with two sigmoids it is no net that we compute
    return Model(HOLDS, *claims, known, found.order, shapes)


def _width(shapes: Sequence[tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes)


def _no_model(seen: Failure) -> Model:
    if seen.missing:
        claim = fails(Diagnosis.WRONG_ARCHITECTURE, "missing")
    else:
        name, text = seen.error
        claim = fails(Diagnosis.WRONG_ARCHITECTURE, "error", kind=seen.type, error=name, text=text)
    return Model(claim, claim, claim, claim)


def _unknown_model(shapes: Shapes, task: Task) -> Model:
    count = _width(shapes)
    if count:
        claim = fails(Diagnosis.WRONG_ARCHITECTURE, "unlike", count=count, net=str(task.net))
    else:
        claim = fails(Diagnosis.WRONG_ARCHITECTURE, "no-parameters")
    sized = HOLDS if shapes == task.net.shapes else claim
    hidden = claim if len(task.net.sizes) > 2 else HOLDS  # not asked for
    return Model(HOLDS, sized, hidden, claim, shapes=shapes)


def _find_net(
    vectors: Array, shapes: Shapes, inputs: Array, outputs: Array, task: Task
) -> _Answers | None:
    padded = np.concatenate([vectors, np.zeros((len(vectors), 1))], axis=1)
    ends = inputs.shape[1], outputs.shape[2]
    for sizes, order in _layouts(shapes, task):
        if (sizes[0], sizes[-1]) != ends:
            continue  # the model itself makes other inputs of these, or other outputs
        theta = padded[:, order]
        for names in itertools.product(reference.ACTIVATIONS, repeat=len(sizes) - 1):
            net = Net(sizes, names)
            predicted = reference.predict(theta, inputs, net)
            if np.allclose(predicted, outputs, rtol=SAME_OUTPUTS, atol=SAME_OUTPUTS):
                return _Answers(net, order, twice=False)
            again = reference.sigmoid(predicted)
            if names[-1] == "sigmoid" and np.allclose(
                again, outputs, rtol=SAME_OUTPUTS, atol=SAME_OUTPUTS
            ):
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
                close = np.isclose(predicted, wanted[some], rtol=SAME_OUTPUTS, atol=SAME_OUTPUTS)
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


def _compare(found: _Answers, seen: ModelOutputs, task: Task) -> tuple[Claim, Claim, Claim]:
    """sized, hidden_activated, output_activated of a net that was found out."""
    return _sized(found, seen, task), _hidden(found.net, task.net), _output(found, task.net)


def _sized(found: _Answers, model: ModelOutputs, task: Task) -> Claim:
    """Whether it has the task's layers, all of them, to train."""
    width = _width(model.shapes)
    if found.net.sizes != task.net.sizes:
        seen, wanted = (" → ".join(map(str, net.sizes)) for net in (found.net, task.net))
        return fails(Diagnosis.WRONG_ARCHITECTURE, "sizes", seen=seen, wanted=wanted)
    if (found.order == width).any():
        return fails(Diagnosis.WRONG_ARCHITECTURE, "no-biases", seen=width, wanted=task.net.width)
    frozen = _width([s for s, trains in zip(model.shapes, model.trains, strict=True) if not trains])
    if frozen:
        return fails(Diagnosis.FROZEN_PARAMETERS, "model", frozen=frozen, count=width)
    return HOLDS


def _hidden(net: Net, task: Net) -> Claim:
    """Whether the task's activations follow the hidden layers, where it has any."""
    wanted = task.activations[:-1]
    seen = net.activations[:-1]
    if wanted and not seen:
        return fails(Diagnosis.WRONG_ARCHITECTURE, "no-hidden-layer")
    odd = next((name for name in seen if name not in wanted), "") if wanted else ""
    if odd == "none":
        return fails(Diagnosis.WRONG_ARCHITECTURE, "hidden-linear")
    return fails(Diagnosis.WRONG_ARCHITECTURE, "hidden-activation", seen=odd) if odd else HOLDS


def _output(found: _Answers, task: Net) -> Claim:
    seen = found.net.activations[-1]
    if found.twice:
        return fails(Diagnosis.WRONG_ARCHITECTURE, "output-twice")
    if seen == task.activations[-1]:
        return HOLDS
    if seen == "none":
        return fails(Diagnosis.WRONG_ARCHITECTURE, "output-linear")
    return fails(Diagnosis.WRONG_ARCHITECTURE, "output-activation", seen=seen)
