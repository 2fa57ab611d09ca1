"""A course that is graded in a moment: two answers, a tested number and words for a person."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from xorkit.conventions import filled, solution_texts
from xorkit.engine import batch
from xorkit.engine.batch import Progress
from xorkit.engine.course import Course, open_course
from xorkit.engine.gradebook import Marks, all_marks, open_gradebook
from xorkit.engine.job import RunSettings
from xorkit.engine.release import generate
from xorkit.engine.store import verdict_of

REPOSITORY = Path(__file__).parents[2]
LESSON = """
assignment: tiny
title: A tiny course
parts:
  number: {title: The number, look: lesson 1}
  words: {title: The words, look: lesson 2}
points:
  test_number: {test_is_whole: 1, test_is_seven: 2}
  test_words: {test_says_something: 1, test_says_why: 1}
"""
CELLS = {
    "setup": "import math",
    "number": """# ✏️ Exercise 1 · The number
# Blank 1a · Seven, as a whole number (lesson 1)
### BEGIN SOLUTION
number = 7
### END SOLUTION""",
    "test_number": '''print(number)
### BEGIN HIDDEN TESTS
from xorkit.hidden import grade, needs


def test_is_whole(values):
    """It is a whole number."""
    assert type(values("number")["number"]) is int, "Which type counts?"


@needs("test_is_whole")
def test_is_seven(values):
    """It is seven."""
    assert values("number")["number"] == 7, "How many days has a week?"


grade(__name__, "test_number")
### END HIDDEN TESTS''',
    "words": """# ✏️ Exercise 2 · The words
# Blank 2a · Why seven? (lesson 2)
### BEGIN SOLUTION
words = "because a week has so many days"
### END SOLUTION""",
    "test_words": '''print(words)
### BEGIN HIDDEN TESTS
from xorkit.hidden import Abstain, grade


def test_says_something(values):
    """It says something."""
    assert values("words")["words"], "What would you say to a friend?"


def test_says_why(values):
    """It says why."""
    if "maybe" in values("words")["words"]:
        raise Abstain("A person reads this.")
    assert "because" in values("words")["words"], "Why?"


grade(__name__, "test_words")
### END HIDDEN TESTS''',
}
POINTS = {"test_number": 3, "test_words": 2}


def author(root: Path) -> Course:
    """The course as it is authored and built, in an empty folder."""
    cells = [new_markdown_cell("# Tiny")]
    for name, text in CELLS.items():
        about = {
            "grade_id": name,
            "grade": name in POINTS,
            "solution": name in ("number", "words"),
            "locked": name not in ("number", "words"),
            "task": False,
            "schema_version": 3,
        }
        if name in POINTS:
            about["points"] = POINTS[name]
        cells.append(new_code_cell(text, id=name, metadata={"nbgrader": about}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    (root / "source" / "tiny").mkdir(parents=True)
    nbformat.write(notebook, root / "source" / "tiny" / "tiny.ipynb")
    (root / "lessons").mkdir()
    (root / "lessons" / "tiny.yaml").write_text(LESSON, "utf-8")
    shutil.copy(REPOSITORY / "nbgrader_config.py", root)
    course = open_course(root, "tiny")
    generate(course, root / "release")
    return course


def hand_in(course: Course, student: str, answers: Mapping[str, str] | None = None) -> Path:
    """The solved notebook with some answers changed, where `xorkit grade` looks for it."""
    notebook = filled(course.release, {**solution_texts(course.source), **(answers or {})})
    path = course.notebook_path("submitted", student)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def graded(
    course: Course, settings: RunSettings | None = None, **options: Any
) -> dict[str, Progress]:
    """One run of the grader, in this process unless `count` says otherwise; by student."""
    found = batch.grade_class(course, settings or RunSettings(), **{"count": 0, **options})
    return {progress.verdict.student: progress for progress in found}


def marks(course: Course) -> dict[str, Marks]:
    """What the gradebook holds, by student."""
    with open_gradebook(course.db_url) as book:
        return all_marks(book, course.assignment)


def scores(course: Course) -> dict[str, float]:
    """What nbgrader itself says of each learner."""
    with open_gradebook(course.db_url) as book:
        submissions = book.assignment_submissions(course.assignment)
        return {submission.student.id: submission.score for submission in submissions}


def mark_by_hand(course: Course, student: str, cell: str, points: float, extra: float = 0) -> None:
    """What the formgrader does when a person gives a mark."""
    with open_gradebook(course.db_url) as book:
        grade = book.find_grade(cell, course.assignment, course.assignment, student)
        grade.manual_score, grade.extra_credit = points, extra
        grade.needs_manual_grade = False
        book.db.commit()


def kept_files(course: Course) -> dict[str, bytes]:
    """Every file in autograded/, by its path there."""
    root = course.path("autograded")
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def assert_agrees(course: Course) -> None:
    """The gradebook and the verdicts say the same of everyone, cell by cell."""
    with open_gradebook(course.db_url) as book:
        for student in course.students("autograded"):
            verdict = verdict_of(course, student)
            assert verdict is not None
            place = (course.assignment, course.assignment, student)
            grades = book.find_submission_notebook(*place).grades
            cells = {cell.grade_id: cell for cell in verdict.cells}

            assert verdict.score == book.find_submission(course.assignment, student).score
            for grade in grades:
                cell = cells.get(grade.name)
                assert grade.score == (cell.score if cell else 0)
                waits = cell.needs_review if cell and cell.tests else grade.manual_score is None
                assert grade.needs_manual_grade == waits
