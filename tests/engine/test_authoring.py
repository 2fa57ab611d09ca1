"""What a mistake in an authored notebook is called, and what the build says to change."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from xorkit.engine.authoring import problems
from xorkit.engine.course import Course, open_course

ROOT = Path(__file__).parents[2]
MISTAKES = {  # cell; text and what stands instead of it; what is said
    "another cell's grade": (
        "test_ones",
        'grade(__name__, "test_ones")',
        'grade(__name__, "test_training_loop")',
        'cell test_ones: end it with `hidden.grade(__name__, "test_ones")`',
    ),
    "a check of nothing": ("test_ones", 'check("ones")', 'check("one")', "names no exercise"),
    "no set-up for the checks": ("given", "from xorkit.selfcheck", "# from", "set-up cell"),
    "a test without points": ("test_ones", "def test_ones", "def test_one", "the points in"),
    "a test without a sentence": (
        "test_ones",
        '"""AND is 1',
        'r"".join  # """AND',
        "cell test_ones",
    ),
    "a first line that is code": (
        "ones",
        "# ✏️ Exercise 2 · Reading the table",
        "x = 0",
        "cell ones: begin",
    ),
    "a region without an end": ("ones", "### END SOLUTION", "", "1 times ### BEGIN SOLUTION and 0"),
    "no region": ("ones", "###", "#", "cell ones: nothing to empty"),
    "a blank without a comment": ("ones", "# Blank 2a", "# Do", "cell ones: say above the region"),
    "no hidden tests": ("test_ones", "HIDDEN TESTS", "TESTS", "cell test_ones: no hidden tests"),
    "hidden tests that are no Python": ("test_ones", "assert seen", "asert seen", "can't read"),
}


@pytest.fixture(scope="module")
def course() -> Course:
    return open_course(ROOT / "examples" / "and", "and")


@pytest.mark.parametrize(("cell", "old", "new", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_cell(
    cell: str, old: str, new: str, says: str, course: Course
) -> None:
    source = copy.deepcopy(course.source)
    (changed,) = (c for c in source.cells if c.metadata.get("nbgrader", {}).get("grade_id") == cell)
    assert old in changed.source
    changed.source = changed.source.replace(old, new)

    found = problems(source, course.lesson)

    assert says in "\n".join(found)


def test_the_two_courses_have_none(course: Course) -> None:
    xor = open_course(ROOT, "xor")

    assert problems(course.source, course.lesson) == []
    assert problems(xor.source, xor.lesson) == []
