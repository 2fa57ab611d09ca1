"""However large what a learner makes is, the verdict stays as small as what anybody reads."""

from __future__ import annotations

import json

import pytest
import torch
from support import workbench
from torch import nn

from xorkit import probe
from xorkit.probe import recording

LARGE = "900_000"
BIG = {
    "a name of a type": ("data", f"X = type('E' * {LARGE}, (), {{}})()"),
    "how an object looks": (
        "data",
        f"X = type('E', (), {{'__repr__': lambda self: 'x' * {LARGE}}})()\nY = X",
    ),
    "a name of a model": ("model", f"model = type('M' * {LARGE}, (nn.Module,), {{}})()"),
    "a wide model": (
        "model",
        "model = nn.Sequential(nn.Linear(2, 20_000), nn.Sigmoid(), nn.Linear(20_000, 1),"
        " nn.Sigmoid())",
    ),
    "a tensor": ("data", "X = torch.zeros(3000, 3)\nY = torch.zeros(3000, 1)"),
    "an error's name and text": (
        "training_loop",
        f"raise type('Z' * {LARGE}, (Exception,), {{}})('q' * {LARGE})",
    ),
    "an error in a loss": (
        "loss_and_optimizer",
        f"def loss_fn(p, t): raise type('B' * {LARGE}, (Exception,), {{}})('y' * {LARGE})\n"
        f"optimizer = type('O' * {LARGE}, (), {{'step': lambda self: None}})()",
    ),
}
LARGEST = 40_000  # letters of a verdict: four times that of a learner who has nothing right


@pytest.mark.parametrize("name", BIG)
def test_no_large_verdict_comes_of(name: str) -> None:
    blank, text = BIG[name]
    course = workbench.lesson(60)

    verdict = workbench.verdict(workbench.observe_apart({blank: text}, course), course)

    assert len(json.dumps(verdict.to_json())) < LARGEST


BY_HAND = {
    "model": """
w = [torch.randn(2, 2), torch.zeros(2), torch.randn(2, 1), torch.zeros(1)]
w = [t.requires_grad_() for t in w]
def model(x):
    return torch.sigmoid(torch.sigmoid(x @ w[0] + w[1]) @ w[2] + w[3])
""",
    "loss_and_optimizer": "loss_fn = nn.MSELoss()\noptimizer = torch.optim.SGD(w, lr=1.0)",
    "training_loop": """
for epoch in range(5000):
    grads = torch.autograd.grad(loss_fn(model(X), Y), w)
    w = [(t - g).detach().requires_grad_() for t, g in zip(w, grads)]
""",
}


def test_new_tensors_in_each_epoch_are_sought_in_no_other_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe.recorder()  # which knows the modules that are made from now on
    others = [nn.Linear(2, 1) for _ in range(30)]
    asked: list[nn.Module] = []

    def parameters_of(model: object, inputs: torch.Tensor | None = None) -> list[torch.Tensor]:
        asked.extend(each for each in others if each is model)
        return seek(model, inputs)

    seek = recording.parameters_of
    monkeypatch.setattr(recording, "parameters_of", parameters_of)
    seen = workbench.observe(BY_HAND, workbench.lesson(300))

    assert [run.status for run in seen.evidence.cells] == ["ok"] * len(seen.evidence.cells)
    assert len(asked) < 10 * len(others)
