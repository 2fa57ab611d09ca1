"""What a learner's check ticks is what grading credits, over both tables of ways to write a cell.

One thing a check can't know: whether a loop that was short would have ended elsewhere from another
start. That row is then open; it is never ticked or crossed against the grade.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.workbench import SOLUTION, judged, lesson, lost, notebook, observe, table, verdict

from xorkit.engine.packing import sheet_of

ROWS = table("correct.yaml") | table("mistakes.yaml")
LONG = {name for name, row in ROWS.items() if row.get("full")}  # which need all 5000 epochs
EXPECTED = {"passed": True, "failed": False, "not_judged": None}


NAMES = [name for name in ROWS if name not in LONG]
EVERY = 8  # rows, of which each run of the tests takes one; `--sweep` takes all


@pytest.mark.parametrize(
    "name",
    [
        name if number % EVERY == 0 else pytest.param(name, marks=pytest.mark.sweep)
        for number, name in enumerate(NAMES)
    ],
)
def test_a_check_ticks_what_grading_credits(name: str) -> None:
    row: dict[str, Any] = ROWS[name]

    verdict, seen = judged(row, checked=True)

    graded = {cell.grade_id: cell.tests for cell in verdict.cells}
    assert seen.ticks
    late = ("training_loop",) if row.get("late_check") else seen.ticks
    for blank, ticks in ((each, seen.ticks[each]) for each in late):
        if "is still empty" in str(row.get(blank)):  # of which a check says just that
            assert ticks == [False]
            assert not any(EXPECTED[test.outcome] for test in graded[f"test_{blank}"])
            continue
        assert [EXPECTED[test.outcome] for test in graded[f"test_{blank}"]] == ticks, blank


GIVEN_UP = """
for epoch in range(5000):
    optimizer.zero_grad()
    loss = loss_fn(model(X), Y)
    loss.backward()
    optimizer.step()
    if epoch == {last} and loss.item() > 0.1:
        break
"""


@pytest.mark.parametrize(("last", "open_"), [(3500, True), (100, False)])
def test_a_start_that_leads_nowhere_may_be_given_up_when_that_is_known(
    last: int, *, open_: bool
) -> None:
    course = lesson(5000)
    start = list(course.facts.stall[0])
    stalled = f"torch.nn.utils.vector_to_parameters(torch.tensor({start}), model.parameters())\n"
    cells = {"model": SOLUTION["model"] + stalled, "training_loop": GIVEN_UP.format(last=last)}

    seen = observe({**cells, "predictions": ""}, course, sheet=sheet_of(notebook(), course))

    missed = {} if open_ else {"test_training_loop": 1, "test_predictions": seen.off}
    assert seen.off
    assert lost(verdict(seen, course)) == missed
    assert seen.ticks["training_loop"] == [True, True, True, True, None if open_ else False]
    assert seen.ticks["predictions"].count(True) == (4 if open_ else 4 - seen.off)
