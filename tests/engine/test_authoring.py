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
    "a claim that nobody makes": (
        "test_training_loop",
        "training.updates",
        "training.update",
        "cell test_training_loop: training.update is no claim; there are weights_move, fresh_",
    ),
    "a test that needs another one's old name": (
        "test_training_loop",
        '@hidden.needs("test_weights_move")',
        '@hidden.needs("test_moves")',
        "test_updates needs test_moves, which isn't above it",
    ),
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


MENUS = {  # text of XOR's matching cell and what stands instead of it; what is said
    "a line is missing in a menu": (
        'job_3 = "nn.Linear(2, 2)"  # @param ["(choose a line)", "loss.backward()", ',
        'job_3 = "nn.Linear(2, 2)"  # @param ["(choose a line)", ',
        "cell matching: the menu of job_3 isn't the list of lines in lessons/xor.matching.yaml",
    ),
    "a menu is no list any more": (
        'job_3 = "nn.Linear(2, 2)"  # @param ["(choose a line)", ',
        'job_3 = "nn.Linear(2, 2)"  # @param ["(choose a line)" ',
        "the menu of job_3",
    ),
    "a job is gone": ("job_9 = ", "last = ", "cell matching: no line `job_9"),
    "a job is another one": ("Your sigmoid()", "The sigmoid()", "cell matching: job 4 doesn't say"),
}


@pytest.mark.parametrize(("old", "new", "says"), MENUS.values(), ids=MENUS)
def test_a_matching_cell_that_asks_something_else_is_named(old: str, new: str, says: str) -> None:
    xor = open_course(ROOT, "xor")
    (changed,) = (c for c in xor.source.cells if c.id == "matching")
    assert old in changed.source
    changed.source = changed.source.replace(old, new)

    (found,) = problems(xor.source, xor.lesson)

    assert says in found


def test_two_cells_of_one_id_are_named(course: Course) -> None:
    source = copy.deepcopy(course.source)
    source.cells.append(copy.deepcopy(source.cells[-1]))
    source.cells[-1].metadata["nbgrader"] = {"grade_id": "ones", "solution": False}

    assert "cell ones: 2 cells have this ID; give each one of its own" in problems(
        source, course.lesson
    )


def test_a_check_above_the_set_up_is_named(course: Course) -> None:
    source = copy.deepcopy(course.source)
    (given,) = (c for c in source.cells if "from xorkit.selfcheck" in c.source)
    source.cells.remove(given)
    source.cells.append(given)

    (found,) = problems(source, course.lesson)

    assert "it calls check above the cell with" in found


def test_the_two_courses_have_none(course: Course) -> None:
    xor = open_course(ROOT, "xor")

    assert problems(course.source, course.lesson) == []
    assert problems(xor.source, xor.lesson) == []
