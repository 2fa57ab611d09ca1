"""However large what a learner makes is, the verdict stays as small as what anybody reads."""

from __future__ import annotations

import json

import pytest
from support import workbench

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
