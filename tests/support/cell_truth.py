"""Whether a sentence about data, model, loss, optimizer or result is true of what was observed.

As in `truth`, with PyTorch's own layers and losses, and nothing of the judge's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from support.truth import ACTIVATIONS, SHAPES, Watched, along, close, mse, predict, same
from xorkit.evidence import (
    Array,
    Evidence,
    Failure,
    LossValues,
    ModelOutputs,
    OptimizerSteps,
    Tensor,
    Thing,
    read_data,
    read_model,
    read_predictions,
    read_settings,
    read_training,
)

# Where the task's net has its parameters among a model's: layers as they are, or a layer a neuron.
PLACES: dict[tuple[tuple[int, ...], ...], list[int]] = {
    SHAPES: list(range(9)),
    ((1, 2), (1,), (1, 2), (1,), (1, 2), (1,)): [0, 1, 3, 4, 2, 5, 6, 7, 8],
}

Facts = Mapping[str, Any]


class Observed:
    """What was seen of a notebook's cells, and asked of them."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.asked = evidence, evidence.questions
        self.seen = evidence.observations

    def table(self, name: str) -> Tensor | Thing:
        data = read_data(self.seen["data"])
        return data.inputs if name == "X" else data.targets

    def shape(self, name: str) -> str:
        seen = self.table(name)
        return str(seen.array.shape) if isinstance(seen, Tensor) else ""

    def missing(self, name: str) -> bool:
        """Whether no cell gives anything to this name."""
        return not any(f"{name} =" in text for text in self.evidence.answers.values())

    @property
    def array(self) -> Array:
        """X, as it was left."""
        x = self.table("X")
        assert isinstance(x, Tensor)
        return x.array

    @cached_property
    def model(self) -> ModelOutputs:
        seen = read_model(self.seen["model"])
        assert isinstance(seen, ModelOutputs)
        return seen

    @property
    def count(self) -> int:
        return sum(int(np.prod(shape)) for shape in self.model.shapes)

    def is_net(self, *names: str) -> bool:
        """Whether the model's outputs are those of the task's layers with these activations."""
        places = PLACES.get(self.model.shapes)
        if places is None:
            return False
        x = torch.tensor(self.asked["inputs"], dtype=torch.float64)
        made = [
            predict(torch.tensor(vector, dtype=torch.float64)[places], names, x).numpy()
            for vector in self.asked["vectors"]
        ]
        return bool(np.allclose(made, self.model.outputs, atol=1e-4))

    @cached_property
    def loss(self) -> LossValues:
        seen = read_settings(self.seen["loss_and_optimizer"]).loss
        assert isinstance(seen, LossValues)
        return seen

    def loss_is(self, facts: Facts, of: Callable[..., torch.Tensor] | None) -> bool:
        """Whether the first pair's loss is as told, and that of this function for all pairs."""
        pairs = [
            [torch.tensor(each, dtype=torch.float64) for each in p] for p in self.asked["pairs"]
        ]
        told = close(facts["seen"], self.loss.values[0])
        right = "wanted" not in facts or close(
            facts["wanted"], float(F.mse_loss(pairs[0][0], pairs[0][1]))
        )
        alike = of is None or np.allclose(self.loss.values, [of(*p) for p in pairs], rtol=1e-4)
        return bool(told and right and alike)

    def failed(self, cell: str, facts: Facts) -> bool:
        """Whether the object was asked and ended with this error."""
        if cell == "model":
            seen: Any = read_model(self.seen["model"])
        else:
            seen = getattr(read_settings(self.seen["loss_and_optimizer"]), cell)
        return isinstance(seen, Failure) and seen.error == (facts["error"], facts["text"])

    @cached_property
    def steps(self) -> tuple[Array, Array]:
        """What the optimizer's steps changed, and the gradients that they were given."""
        seen = read_settings(self.seen["loss_and_optimizer"]).optimizer
        assert isinstance(seen, OptimizerSteps)
        rows = seen.rows
        return rows[:-1] - rows[1:], np.array(
            [np.resize(g, rows.shape[1]) for g in self.asked["grads"]]
        )

    @property
    def rates(self) -> Array:
        """How many times its gradient the first step moves each parameter."""
        went, grads = self.steps
        return np.asarray(went[0] / grads[0])

    @property
    def end(self) -> Array:
        """The parameters of the model in the end."""
        return read_predictions(self.seen["predictions"]).row

    @cached_property
    def own(self) -> Watched | None:
        own = read_training(self.seen["training_loop"]).own
        return Watched(own) if own is not None else None

    @property
    def led_there(self) -> bool:
        """Whether the learner's own run moved parameters, and to where the model is in the end."""
        if self.own is None or not self.own.moving.any():
            return False
        rows = self.own.run.rows
        return rows.shape[1] == len(self.end) and bool(
            np.isclose(rows, self.end, atol=1e-6).all(axis=1).any()
        )

    @property
    def trained(self) -> bool:
        """Whether the own run began where nothing is learned, and only went along gradients."""
        run = self.own
        if run is None or run.run.shapes != SHAPES:
            return False
        start = float(mse(predict(torch.tensor(run.run.rows[0]))))
        return start > 0.15 and all(map(along, run.went, run.grads))

    @property
    def failed_in_the_end(self) -> bool:
        return isinstance(read_predictions(self.seen["predictions"]).model, Failure)

    @property
    def same_model(self) -> bool:
        """Whether the model in the end has the layers, and computes what that of its cell does."""
        end = read_predictions(self.seen["predictions"]).model
        if not isinstance(end, ModelOutputs) or end.shapes != self.model.shapes:
            return False
        return bool(np.allclose(end.outputs, self.model.outputs, atol=1e-4))

    @property
    def plain(self) -> bool:
        """Whether all steps are the same multiple of their gradients."""
        went, grads = self.steps
        rate = (went[0] @ grads[0]) / (grads[0] @ grads[0])
        return all(same(w, rate * g) for w, g in zip(went, grads, strict=True))

    @property
    def slopes(self) -> Array:
        """The gradients of the mean squared error for the pairs that the loss was asked for."""
        found = []
        for p, t in self.asked["pairs"]:
            p = torch.tensor(p, dtype=torch.float64, requires_grad=True)
            (slope,) = torch.autograd.grad(F.mse_loss(p, torch.tensor(t, dtype=torch.float64)), p)
            found.append(slope.numpy())
        return np.array(found)

    def stopped(self, facts: Facts) -> bool:
        """Whether such an error was met, and the line that is told is one of a cell."""
        runs = read_training(self.seen["training_loop"])
        met = [runs.raised, runs.alone.error, *(cell.error for cell in self.evidence.cells)]
        told = str(facts.get("stopped", facts))
        line = told.split("`")[1] if told.startswith("The line `") else ""
        cells = "".join(self.evidence.answers.values())  # before their epochs were counted anew
        return re.sub(r"\d+", "", line) in re.sub(r"\d+", "", cells) and any(
            error[0] in told and error[1][:20] in told for error in met if error is not None
        )


Check = Callable[..., bool]
MISSING = {
    "wrong-data": "",
    "wrong-architecture": "model",
    "wrong-loss": "loss_fn",
    "wrong-optimizer": "optimizer",
}
LOSSES: Mapping[str, Callable[..., torch.Tensor]] = {
    "sum": lambda p, t: F.mse_loss(p, t, reduction="sum"),
    "half": lambda p, t: F.mse_loss(p, t) / 2,
    "bce": F.binary_cross_entropy,
    "mse-again": lambda p, t: F.mse_loss(torch.sigmoid(p), t),
    "bce-again": F.binary_cross_entropy_with_logits,
    "l1": F.l1_loss,
}


def _loss_is(of: Callable[..., torch.Tensor], o: Observed, f: Facts) -> bool:
    return o.loss_is(f, of)


CHECKS: Mapping[str, Check] = {
    "wrong-data.no-tensor": lambda o, f: getattr(o.table(f["name"]), "type", "") == f["kind"],
    **{
        f"{code}.shape": lambda o, f: o.shape(f["name"]) == f["seen"] != f["wanted"]
        for code in ("wrong-data", "target-shape")
    },
    **{
        f"{code}.missing": lambda o, f, place=place: o.missing(f.get("name", place))
        for code, place in MISSING.items()
    },
    "wrong-data.rows": lambda o, f: (
        {tuple(row) for row in o.array} != {(0, 0), (0, 1), (1, 0), (1, 1)}
    ),
    "wrong-data.target": lambda o, f: (
        float(f["target"]) != sum(map(float, f["inputs"].split(", "))) % 2
    ),
    "wrong-data.dtype": lambda o, f: getattr(o.table(f["name"]), "dtype", "") == f["kind"],
    "wrong-data.other-dtype": lambda o, f: (
        getattr(o.table("X"), "dtype", "") == f["kind"] != f["model"]
    ),
    "wrong-architecture.error": lambda o, f: o.failed("model", f),
    "wrong-architecture.output-shape": lambda o, f: (
        str(o.model.outputs.shape[1:]) == f["seen"] != f["wanted"]
    ),
    "wrong-architecture.no-parameters": lambda o, f: o.model.shapes == (),
    "wrong-architecture.unlike": lambda o, f: (
        f["count"] == o.count and not o.is_net("sigmoid", "sigmoid")
    ),
    "wrong-architecture.sizes": lambda o, f: (
        f["seen"].split(" → ")[1:] == [str(shape[0]) for shape in o.model.shapes if len(shape) == 2]
    ),
    "wrong-architecture.no-biases": lambda o, f: f["seen"] == o.count < f["wanted"],
    "wrong-architecture.no-hidden-layer": lambda o, f: (
        len([shape for shape in o.model.shapes if len(shape) == 2]) == 1
    ),
    "wrong-architecture.hidden-linear": lambda o, f: any(o.is_net("none", a) for a in ACTIVATIONS),
    "wrong-architecture.hidden-activation": lambda o, f: o.is_net(f["seen"], "sigmoid"),
    "wrong-architecture.output-twice": lambda o, f: o.is_net("sigmoid", "twice"),
    "wrong-architecture.output-linear": lambda o, f: o.is_net("sigmoid", "none"),
    "wrong-architecture.output-activation": lambda o, f: o.is_net("sigmoid", f["seen"]),
    "frozen-parameters.model": lambda o, f: (
        f["count"] == o.count
        and f["frozen"]
        == sum(
            int(np.prod(shape))
            for shape, trains in zip(o.model.shapes, o.model.trains, strict=True)
            if not trains
        )
    ),
    "wrong-loss.error": lambda o, f: o.failed("loss", f),
    "wrong-loss.value": lambda o, f: o.loss_is(f, None) and not close(f["seen"], f["wanted"]),
    **{
        f"wrong-loss.value-{name}": functools.partial(_loss_is, loss)
        for name, loss in LOSSES.items()
    },
    "wrong-loss.gradient": lambda o, f: not np.allclose(o.loss.gradients, o.slopes, rtol=1e-3),
    "detached-loss.loss-fn": lambda o, f: o.loss_is(f, F.mse_loss) and not o.loss.gradients.any(),
    "wrong-optimizer.error": lambda o, f: o.failed("optimizer", f),
    "wrong-optimizer.steps": lambda o, f: not o.plain,
    "wrong-optimizer.no-rate": lambda o, f: not o.plain,
    "wrong-lr.rates": lambda o, f: (
        close(f["low"], o.rates[o.rates != 0].min()) and close(f["high"], o.rates.max())
    ),
    "wrong-lr.rate": lambda o, f: same(o.steps[0][0], f["seen"] * o.steps[1][0]),
    "wrong-sign.steps": lambda o, f: bool((o.rates < 0).all()),
    "frozen-parameters.no-steps": lambda o, f: not o.rates.any(),
    "frozen-parameters.some-steps": lambda o, f: (
        (f["moving"], f["count"]) == (np.count_nonzero(o.rates), len(o.rates))
    ),
    "not-trained.no-training": lambda o, f: not o.led_there,
    "not-trained.no-descent": lambda o, f: not o.trained,
    "not-trained.idle": lambda o, f: o.own is None or not o.own.run.backwards,
    "not-trained.no-model": lambda o, f: not o.end.size or o.failed_in_the_end,
    "not-trained.not-finite": lambda o, f: not np.isfinite(o.end).all(),
    "not-trained.other-model": lambda o, f: not o.same_model,
}


def is_true(name: str, facts: Facts, evidence: Evidence) -> bool | None:
    """Whether the sentence `code.symptom` is true of what was seen; None where nothing is asked."""
    if "stopped" in facts:
        return Observed(evidence).stopped(facts)
    return CHECKS[name](Observed(evidence), facts) if name in CHECKS else None
