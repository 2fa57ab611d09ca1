"""What a graded cell tells the learner, and the person to whom it is left."""

from __future__ import annotations

from xorkit.hidden.live import LINE_WIDTH, say
from xorkit.verdict import CellVerdict, TestOutcome

PASSED = TestOutcome("test_part", "passed", 1, "It holds a part.")
LEFT = TestOutcome("test_whole", "not_judged", 1, "It holds the whole.", "A person reads it.", True)


def test_points_that_are_sure_are_told_from_those_that_a_person_gives() -> None:
    assert say(CellVerdict("test_words", 2, (PASSED,))).endswith("\n1 of 2 points")
    assert say(CellVerdict("test_words", 2, (PASSED, LEFT))).endswith(
        "\n1 of 2 points, and those that a person gives"
    )


def test_a_long_answer_is_told_in_lines_that_fit_the_formgrader() -> None:
    answer = "It adds them up, and then it adds them up again. " * 20
    left = TestOutcome(**{**vars(LEFT), "note": f"“{answer}”\nWhy a person: nothing is sure"})

    lines = say(CellVerdict("test_words", 2, (left,))).splitlines()

    assert max(len(line) for line in lines) <= LINE_WIDTH
    assert lines[1].strip() == "A person reads it."
    assert lines[-2].strip() == "Why a person: nothing is sure"
    assert " ".join(line.strip() for line in lines[2:-2]) == f"“{answer.strip()} ”"
