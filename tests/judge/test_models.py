"""Whatever model answers the table's rows, the judge says which net it is or that it is another."""

from __future__ import annotations

import itertools
import json
from functools import cache
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.workbench import lesson
from torch import nn

from xorkit import judge as judging
from xorkit.evidence import loads, read_model, read_predictions
from xorkit.judge.claims import HOLDS
from xorkit.judge.data import Data
from xorkit.judge.settings import Settings
from xorkit.judge.training import Training
from xorkit.judge.updates import Mechanism
from xorkit.probe.asking import ask_model
from xorkit.probe.observations import observe_predictions
from xorkit.probe.rerun import quiet

COURSE = lesson(60)
TASK, FACTS = COURSE.trained, COURSE.start_facts
ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "none": lambda z: z,
    "sine": torch.sin,
}
INPUTS = {
    "as they are": lambda x: x,
    "with their product": lambda x: torch.cat([x, x[:, :1] * x[:, 1:]], 1),
    "twice": lambda x: torch.cat([x, x], 1),
    "one of them": lambda x: x[:, :1],
    "swapped": lambda x: x.flip(1),
    "with a one": lambda x: torch.cat([x, torch.ones_like(x[:, :1])], 1),
}
DTYPES = [torch.float32, torch.float64, torch.float16, torch.complex64, torch.int64]


@cache
def asked() -> dict[str, Any]:
    good, stall = COURSE.facts.good, COURSE.facts.stall
    return judging.questions(TASK, good, stall, np.random.default_rng(0))


class Odd(nn.Module):
    """A model of drawn widths, activations and types, whose output is made a column."""

    def __init__(self, draw: Any) -> None:
        super().__init__()
        self.of = INPUTS[draw(st.sampled_from(sorted(INPUTS)))]
        n_in = self.of(torch.zeros(1, 2)).shape[1]
        widths = [n_in, *draw(st.lists(st.integers(1, 4), max_size=3)), draw(st.integers(1, 3))]
        bias = draw(st.booleans())
        self.layers = nn.ModuleList(nn.Linear(n, m, bias) for n, m in itertools.pairwise(widths))
        self.after = [draw(st.sampled_from(sorted(ACTIVATIONS))) for _ in self.layers]
        if draw(st.booleans()):
            self.register_buffer("shift", torch.tensor(0.3))
        if draw(st.booleans()) and len({layer.weight.shape for layer in self.layers}) == 1:
            for layer in self.layers:
                layer.weight = self.layers[0].weight
        if draw(st.booleans()):
            self.extra = nn.Parameter(torch.ones(()))
        dtype = draw(st.sampled_from(DTYPES))
        for name, parameter in [*self.named_parameters()]:
            owner = self.get_submodule(name.rpartition(".")[0])
            trains = draw(st.booleans()) and dtype.is_floating_point
            new = nn.Parameter(parameter.data.to(dtype), requires_grad=trains)
            setattr(owner, name.rpartition(".")[2], new)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.of(x)
        for layer, name in zip(self.layers, self.after, strict=True):
            x = ACTIVATIONS[name](layer(x))
        x = x * getattr(self, "extra", 1) + getattr(self, "shift", 0)
        return x.real.sum(dim=1, keepdim=True).float() if x.is_complex() else x.sum(1, True).float()


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_model_breaks_the_judge(data: st.DataObject) -> None:
    model = Odd(data.draw)

    with quiet():
        said = ask_model(model, asked())
    seen = read_model(loads(json.dumps(said)))
    found = judging.judge_model(seen, asked(), TASK)

    claims = (found.takes_inputs, found.sized, found.hidden_activated, found.output_activated)
    assert all(claim or str(claim) for claim in claims)
    assert "broadcast" not in " ".join(map(str, claims))
    trained = [p for p in model.parameters() if p.requires_grad]
    assert not found.right or sum(p.numel() for p in trained) == TASK.net.width

    with quiet():
        said = observe_predictions({"model": model}, "", asked())
    row = read_predictions(loads(json.dumps(said)))
    parts = (
        Data(HOLDS, HOLDS, HOLDS, TASK.inputs, TASK.targets),
        found,
        Settings(HOLDS, HOLDS, HOLDS, "mse", TASK.lr),
        Training(HOLDS, HOLDS, HOLDS, HOLDS, HOLDS, Mechanism("clean")),
    )
    result = judging.judge_result(row, asked(), None, parts, TASK, FACTS)
    assert not any(result.rows)
