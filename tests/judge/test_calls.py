"""A call that is named but not made gets a sentence of its own, in feedback and in notebook."""

from __future__ import annotations

import pytest
from support.workbench import SOLUTION, judged

from xorkit.messages import sentence

LOOP = SOLUTION["training_loop"]
ROWS = {  # the cell, its text, and what is named without a call
    "zero_grad": ("training_loop", LOOP.replace("zero_grad()", "zero_grad"), "optimizer.zero_grad"),
    "step": ("training_loop", LOOP.replace("step()", "step"), "optimizer.step"),
    "backward": ("training_loop", LOOP.replace("backward()", "backward"), "loss.backward"),
    "a loss": (
        "loss_and_optimizer",
        SOLUTION["loss_and_optimizer"].replace("MSELoss()", "MSELoss"),
        "nn.MSELoss",
    ),
    "a model": ("model", "model = nn.Sequential\n", "nn.Sequential"),
}


@pytest.mark.parametrize(("cell", "text", "name"), ROWS.values(), ids=ROWS)
def test_what_is_named_but_not_called_is_said(cell: str, text: str, name: str) -> None:
    verdict, _ = judged({cell: text})

    messages = [found.message for found in verdict.findings if found.grade_id == cell]
    assert messages[0].startswith(sentence(None, "named-only", name=name))


def test_another_mistake_beside_it_keeps_its_own_sentence() -> None:
    text = LOOP.replace(
        "optimizer.step()", "optimizer.step()\n    optimizer.step()\n    loss.backward"
    )

    verdict, _ = judged({"training_loop": text})

    assert all("doesn't call it" not in found.message for found in verdict.findings)
