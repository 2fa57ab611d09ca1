"""Every right way of the table keeps all points; every mistake costs its own, by its own name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.workbench import SOLUTION, judged, lesson, lost, observe, table, verdict, wanted_loss

CORRECT, MISTAKES = table("correct.yaml"), table("mistakes.yaml")
KEPT = 3  # of the seven points of test_training_loop, by a loop whose updates aren't the lesson's
OTHER_UPDATES = {
    "no-zero-grad",
    "zero-grad-not-every-pass",
    "zero-grad-before-step",
    "no-backward",
    "no-step",
    "step-before-backward",
    "step-outside-loop",
    "step-twice",
    "backward-twice",
    "detached-loss",
    "target-shape",
    "wrong-sign",
    "wrong-loss",
    "wrong-optimizer",
}
# Of the rows that need all of the lesson's passes, those that every run of the tests can wait for.
WAITED_FOR = {
    "an end as soon as it has learned",
    "several tries that end as soon as one has learned",
    "a thousand passes",
    "an end long before it has learned",
}


def names(rows: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    long = {name for name, row in rows.items() if row.get("full")} - WAITED_FOR
    return [pytest.param(n, marks=pytest.mark.sweep) if n in long else n for n in rows]


@pytest.mark.parametrize("name", names(CORRECT))
def test_a_right_way_keeps_every_point(name: str) -> None:
    found, _ = judged(CORRECT[name])

    assert lost(found) == {}
    assert [finding.code for finding in found.findings if not finding.note] == []


@pytest.mark.parametrize("name", names(MISTAKES))
def test_a_mistake_costs_its_own_points_and_is_named(name: str) -> None:
    row: dict[str, Any] = MISTAKES[name]

    found, seen = judged(row)

    assert lost(found) == wanted_loss(row, seen.off)
    assert found.diagnosis[0] == row["code"]


def test_a_loop_that_does_not_descend_the_lessons_loss_keeps_at_most_three_points() -> None:
    rows = [
        row
        for row in MISTAKES.values()
        if row["code"] in OTHER_UPDATES and "training_loop" in row and "data" not in row
    ]

    assert len(rows) >= 100
    assert all(7 - row["loses"].get("test_training_loop", 0) <= KEPT for row in rows)


def test_a_later_try_that_learns_is_as_good_as_a_first_one() -> None:
    row = CORRECT["several tries that end as soon as one has learned"]

    found, seen = judged(row, seed=1)

    assert seen.evidence.observations["training_loop"]["own"]["models"] == 2
    assert lost(found) == {}


def test_a_right_loop_from_a_flat_spot_keeps_all_points_and_hears_how_common_that_is() -> None:
    course = lesson()
    start = course.facts.stall[0]
    cells = {
        "model": SOLUTION["model"]
        + f"torch.nn.utils.vector_to_parameters(torch.tensor({list(start)}), model.parameters())\n"
    }

    seen = observe(cells, course)
    found = verdict(seen, course)

    assert seen.off
    assert lost(found) == {}
    assert found.diagnosis == ("bad-start",)
    assert (
        f"{course.facts.stalled} of {course.facts.starts} random starts"
        in found.findings[0].message
    )
