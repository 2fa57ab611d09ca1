"""A verdict is the same after it was written and read, whatever it says."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from xorkit.verdict import CellVerdict, Finding, Lateness, TestOutcome, Verdict

POINTS = st.integers(0, 9) | st.floats(0, 9)
TESTS = st.builds(TestOutcome, points=POINTS, claim=..., message=..., review=..., note=...)
CELLS = st.builds(
    CellVerdict,
    max_score=POINTS,
    tests=st.lists(TESTS, max_size=4).map(tuple),
    manual_score=st.none() | POINTS,
    comment=...,
)
FINDINGS = st.builds(Finding, message=..., grade_id=..., note=..., symptom=...)
VERDICTS = st.builds(
    Verdict,
    max_score=POINTS,
    cells=st.lists(CELLS, max_size=3, unique_by=lambda cell: cell.grade_id).map(tuple),
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    repairs=...,
    review=...,
    checked=...,
    message=...,
    late=st.none() | st.builds(Lateness, seconds=st.none() | POINTS, penalty=POINTS),
)
ALIKE = tuple(TestOutcome("test_x", "passed", points) for points in (1, 1.0))


@given(VERDICTS)
@example(Verdict("a", "xor", 2, (CellVerdict("test", 2, ALIKE),)))
def test_what_is_read_is_what_was_written(verdict: Verdict) -> None:
    written = json.dumps(verdict.to_json())
    read = Verdict.from_json(json.loads(written))

    assert read == verdict
    assert json.dumps(read.to_json()) == written  # numbers keep their type: 1 is not 1.0


def test_outcomes_that_many_learners_share_are_kept_once() -> None:
    test = TestOutcome("test_x", "passed", 1, "It is so.")
    verdicts = [Verdict(name, "xor", 1, (CellVerdict("test", 1, (test,)),)) for name in "ab"]
    one, other = (Verdict.from_json(json.loads(json.dumps(v.to_json()))) for v in verdicts)

    assert one.cells[0].tests[0] is other.cells[0].tests[0]
