"""The self-check of the training loop: what it says about each way of writing the loop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

LOOPS = yaml.safe_load((Path(__file__).parent / "loops.yaml").read_text(encoding="utf-8"))
FIRST_LINE = "# ✏️ Exercise 4 · The training loop\n"


def rows_of(group: str) -> list[Any]:
    loops = {name: loop for name, loop in LOOPS[group].items() if "kernel" not in loop}
    return [pytest.param(loop, id=name) for name, loop in loops.items()]


def watched(loop: dict[str, Any], names: dict[str, Any], look: Any) -> Any:
    exec(loop.get("before", ""), names)
    names["In"] += [FIRST_LINE + loop["code"], "# the check itself: def _check(names)"]
    return look("test_training_loop", names)


@pytest.mark.parametrize("loop", rows_of("right"))
def test_a_right_loop_gets_no_cross(loop, solved, look):
    table = watched(loop, solved, look)

    assert table.wrong == [], table.text
    assert len(table.rows) >= 5
    assert loop.get("says", "") in table.text


@pytest.mark.parametrize("loop", rows_of("wrong"))
def test_a_wrong_loop_gets_a_cross_where_it_is_wrong(loop, solved, look):
    table = watched(loop, solved, look)

    assert loop["wrong"] == table.wrong, table.text
    assert loop["says"] in table.text


@pytest.mark.parametrize("loop", rows_of("right") + rows_of("wrong"))
def test_watching_leaves_everything_as_it_was(loop, solved, look):
    exec(loop.get("before", ""), solved)
    kept = {name: value for name, value in solved.items() if name != "show_check"}
    own = [p for group in solved["optimizer"].param_groups for p in group["params"]]
    weights = [p.clone() for p in own]
    patched = (torch.autograd.backward, torch.autograd.grad, torch.optim.Optimizer.zero_grad)
    random, trace = torch.get_rng_state(), sys.gettrace()

    watched({"code": loop["code"]}, solved, look)

    ours = {"_check", "_report", "show_check"}
    assert kept == {name: value for name, value in solved.items() if name not in ours}
    assert all(map(torch.equal, weights, own))
    assert patched == (
        torch.autograd.backward,
        torch.autograd.grad,
        torch.optim.Optimizer.zero_grad,
    )
    assert torch.equal(random, torch.get_rng_state())
    assert trace is sys.gettrace()
    assert torch.is_grad_enabled()
