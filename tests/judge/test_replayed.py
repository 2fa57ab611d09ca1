"""A run recorded elsewhere, a table of right gradients, earns nothing: nobody asked for it."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache

import pytest
from support import workbench

from xorkit.cell_text import only_trains
from xorkit.engine.grading import grade_submission
from xorkit.evidence import Evidence

EPOCHS = 300
IDLE = "for epoch in range(5000):\n    pass"


@cache
def right(seed: int) -> Evidence:
    return workbench.observe({}, workbench.lesson(EPOCHS), seed=seed).evidence


@cache
def idle() -> Evidence:
    """Of a loop that does nothing, asked with other questions."""
    return workbench.observe({"training_loop": IDLE}, workbench.lesson(EPOCHS), seed=2).evidence


def points(evidence: Evidence) -> float:
    verdict, faults = grade_submission("eve", evidence, workbench.tests_of(EPOCHS))
    assert faults == ()
    assert verdict.status == "graded"
    return next(cell.score for cell in verdict.cells if cell.grade_id == "test_training_loop")


@pytest.mark.parametrize("kept", ["alone", "own", "whole", "all"])
def test_a_run_of_somebody_else_earns_nothing(kept: str) -> None:
    theirs = right(1).observations["training_loop"]
    loop = copy.deepcopy(idle().observations["training_loop"])
    loop.update(theirs if kept == "all" else {kept: theirs[kept]})

    assert points(replace(idle(), observations={**idle().observations, "training_loop": loop})) == 0


def test_ones_own_run_of_an_earlier_time_earns_nothing() -> None:
    later = right(3)
    seen = {**later.observations, "training_loop": right(1).observations["training_loop"]}

    assert points(later) == 7
    assert points(replace(later, observations=seen)) == 0


@pytest.mark.parametrize(
    "line",
    [
        "torch.manual_seed(0)",
        "model.apply(again)",
        "start()",
        "model[0].weight.data = w",
        "w[0] = 1",
        "import helper",
        "def step(): pass",
        "f = lambda: 0",
        "class Net: pass",
        "model = nn.Linear(2, 2)",
        "a = (",
    ],
)
def test_a_cell_that_may_begin_elsewhere_is_not_suspected(line: str) -> None:
    assert only_trains(workbench.SOLUTION["training_loop"])
    assert not only_trains(f"{line}\n{workbench.SOLUTION['training_loop']}")
