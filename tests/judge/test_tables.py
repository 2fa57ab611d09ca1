"""Every right way of the table keeps all points; every mistake costs its own, by its own name."""

from __future__ import annotations

from typing import Any

import pytest
from workbench import judged, lost, table, wanted_loss

CORRECT, MISTAKES = table("correct.yaml"), table("mistakes.yaml")
HALF = 3.5  # of the seven points of test_training_loop
ORDER_AND_NUMBER = {
    "no-zero-grad",
    "zero-grad-not-every-pass",
    "zero-grad-before-step",
    "no-backward",
    "no-step",
    "step-before-backward",
    "step-outside-loop",
    "step-twice",
    "backward-twice",
}


@pytest.mark.parametrize("name", CORRECT)
def test_a_right_way_keeps_every_point(name: str) -> None:
    verdict, _ = judged(CORRECT[name])

    assert lost(verdict) == {}
    assert [finding.code for finding in verdict.findings if not finding.note] == []


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_costs_its_own_points_and_is_named(name: str) -> None:
    row: dict[str, Any] = MISTAKES[name]

    verdict, seen = judged(row)

    assert lost(verdict) == wanted_loss(row, seen.off)
    assert verdict.diagnosis[0] == row["code"]


def test_a_mistake_of_order_or_number_keeps_at_most_half_of_the_loop() -> None:
    rows = [row for row in MISTAKES.values() if row["code"] in ORDER_AND_NUMBER]

    assert len(rows) >= 20
    assert all(row["loses"].get("test_training_loop", 0) >= HALF for row in rows)
