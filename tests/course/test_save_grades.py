"""What plain nbgrader saves of a graded cell: the score that was published, or a person's look."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Grade, Gradebook

from xorkit.conventions import OUTCOME_MIME
from xorkit.engine.course import Course
from xorkit.preprocessors import SaveGrades

POINTS = 3.0  # of test_data


def said(score: object, needs_review: bool = False) -> NotebookNode:
    """What `xorkit.hidden.grade` displays."""
    outcome = {"score": score, "needs_review": needs_review}
    output: NotebookNode = new_output("display_data", {OUTCOME_MIME: outcome})
    return output


def value(text: str) -> NotebookNode:
    output: NotebookNode = new_output("execute_result", {"text/plain": text})
    return output


STDERR = new_output("stream", name="stderr", text="a library grumbles")
CRASH = new_output("error", ename="KeyError", evalue="", traceback=[])


@pytest.fixture(scope="module")
def course(new_course: Callable[[str], Course]) -> Course:
    return new_course("marks")


@pytest.fixture
def book(course: Course) -> Iterator[Gradebook]:
    """The gradebook with a learner who has handed in."""
    with Gradebook(course.db_url) as book, book.db.no_autoflush:
        book.update_or_create_student("lee")
        book.update_or_create_submission("xor", "lee")
        yield book
        book.remove_submission("xor", "lee")


def saved(course: Course, outputs: list[NotebookNode]) -> None:
    """Runs SaveGrades on a notebook whose cell test_data has these outputs."""
    notebook = course.release
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs if cell.id == "test_data" else []
    place = {"notebook": "xor", "assignment": "xor", "student": "lee", "db_url": course.db_url}
    SaveGrades().preprocess(notebook, {"nbgrader": place})


def mark(book: Gradebook) -> Grade:
    book.db.expire_all()
    return book.find_grade("test_data", "xor", "xor", "lee")


@pytest.mark.parametrize(
    ("outputs", "score", "waits"),
    [
        pytest.param([said(2.0), value("2.0")], 2.0, False, id="a published score"),
        pytest.param([said(0), value("0")], 0.0, False, id="a published zero"),
        pytest.param([STDERR, said(3.0), value("3.0")], 3.0, False, id="a line on stderr"),
        pytest.param([said(0, True), value("0")], None, True, id="all left to a person"),
        pytest.param([said(1.0, True), value("1.0")], 1.0, True, id="a part left to a person"),
        pytest.param([], None, True, id="no output"),
        pytest.param([value("3.0")], None, True, id="only a value"),
        pytest.param([value("'oops'")], None, True, id="an unreadable value"),
        pytest.param([value("-3")], None, True, id="a negative value"),
        pytest.param([CRASH], None, True, id="tests that broke"),
        pytest.param([said(1.0), said(3.0)], None, True, id="two scores"),
        pytest.param([said("3.0")], None, True, id="a score that is no number"),
        pytest.param([said(POINTS + 1)], None, True, id="more points than there are"),
    ],
)
def test_only_a_score_that_the_tests_published_is_saved(
    course: Course,
    book: Gradebook,
    outputs: list[NotebookNode],
    score: float | None,
    waits: bool,
) -> None:
    saved(course, outputs)

    assert (mark(book).auto_score, bool(mark(book).needs_manual_grade)) == (score, waits)


@pytest.mark.parametrize("outputs", [[said(3.0)], [said(0, True)], []])
def test_what_a_person_decided_stays(
    course: Course, book: Gradebook, outputs: list[NotebookNode]
) -> None:
    mark(book).manual_score = 1.5
    book.db.commit()

    saved(course, outputs)

    assert (mark(book).score, bool(mark(book).needs_manual_grade)) == (1.5, False)
