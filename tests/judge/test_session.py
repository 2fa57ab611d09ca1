"""What a hidden test raises, as it is told: to the learner, a person, or as the kit's fault."""

from __future__ import annotations

import pytest
from support.workbench import lesson

from xorkit.evidence import Evidence
from xorkit.hidden.session import HiddenTests

LATE = """
import pytest

@pytest.fixture
def thing():
    yield 1
    raise RuntimeError("too late")

def test_it(thing):
    assert thing == 1
"""


@pytest.mark.parametrize(
    ("code", "outcome", "message", "review", "fault"),
    [
        ("def test_it(): pass", "passed", "", False, None),
        ("def test_it(): assert 0, 'not so'", "failed", "not so", False, None),
        ("def test_it(): 1 / 0", "not_judged", None, True, "ZeroDivisionError: division"),
        ("def test_it(): raise SystemExit(3)", "not_judged", None, True, "SystemExit: 3"),
        ("def test_it(nothing): pass", "not_judged", None, True, "FixtureLookupError: ('nothing'"),
        ("import pytest\ndef test_it(): pytest.skip('no')", "not_judged", "no", False, None),
        (LATE, "passed", "", False, "RuntimeError: too late"),
    ],
)
def test_what_a_hidden_test_raises(
    code: str, outcome: str, message: str | None, review: bool, fault: str | None
) -> None:
    own = lesson(60).model_copy(update={"points": {"test_cell": {"test_it": 1}}})
    tests = HiddenTests({"test_cell": code}, own)

    for _ in range(2):  # the second time from the session that stays open
        judgement = tests.judge(Evidence())

        (cell,) = judgement.cells
        (found,) = cell.tests
        assert (found.outcome, found.review) == (outcome, review)
        assert message is None or found.message == message
        assert len(judgement.faults) == (fault is not None)
        assert fault is None or fault in judgement.faults[0]


@pytest.mark.parametrize("cells", [{}, {"test_cell": "x = 1"}])
def test_cells_without_tests_break_nothing(cells: dict[str, str]) -> None:
    tests = HiddenTests(cells, lesson(60).model_copy(update={"points": {"test_cell": {"a": 1}}}))

    for _ in range(2):
        judgement = tests.judge(Evidence())

        assert judgement.faults == ()
        assert [(cell.grade_id, cell.score) for cell in judgement.cells] == [(c, 0) for c in cells]
