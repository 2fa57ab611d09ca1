"""nbgrader's gradebook: one writer, and never another score than the verdict's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from xorkit.verdict import Verdict


class GradebookError(RuntimeError):
    """The gradebook can't be read or written; the text says which and what to do."""


@contextmanager
def open_gradebook(db_url: str) -> Iterator[Gradebook]:
    """The gradebook, closed again. Raises GradebookError for whatever a database can refuse."""
    try:
        with Gradebook(db_url) as book:
            yield book
    except OperationalError as error:
        reason = str(error.orig)
        advice = {
            "locked": "another program is writing it: close the formgrader's open saves or other"
            " graders, then run the same command again",
            "readonly": "it is read-only: give yourself the right to write it",
            "full": "the disk is full: make room, then run the same command again",
            "unable to open": "the folder is missing or closed to you",
        }
        says = next((text for key, text in advice.items() if key in reason), "see the reason")
        raise GradebookError(
            f"the gradebook {db_url} can't be used ({reason}): {says}. What was graded is kept in"
            " autograded/; nothing is run twice."
        ) from error
    except SQLAlchemyError as error:
        raise GradebookError(f"the gradebook {db_url} can't be used: {error}") from error


def is_registered(book: Gradebook, assignment: str, graded: Iterable[str]) -> bool:
    """Whether the gradebook knows the assignment with just these graded cells."""
    try:
        notebook = book.find_notebook(assignment, assignment)
    except MissingEntry:
        return False
    return {cell.name for cell in notebook.grade_cells} == set(graded)


def manual_scores(book: Gradebook, assignment: str, student: str) -> dict[str, float]:
    """The marks that a person gave in the formgrader, by grade_id."""
    try:
        notebook = book.find_submission_notebook(assignment, assignment, student)
    except MissingEntry:
        return {}
    return {
        grade.name: float(grade.manual_score)
        for grade in notebook.grades
        if grade.manual_score is not None
    }


def record(book: Gradebook, verdict: Verdict, submitted: datetime | None) -> None:
    """Writes a verdict's scores, in one transaction.

    A cell that is left to a person gets no automatic score and nbgrader's `needs_manual_grade`. A
    submission that could not be graded gets no score at all.
    """
    book.update_or_create_student(verdict.student)
    extra = {"timestamp": submitted} if submitted else {}
    with book.db.no_autoflush:  # nbgrader fills the new submission's cells before adding it
        book.update_or_create_submission(verdict.assignment, verdict.student, **extra)
    notebook = book.find_submission_notebook(
        verdict.assignment, verdict.assignment, verdict.student
    )
    scores = {cell.grade_id: cell for cell in verdict.cells}
    for grade in notebook.grades:
        cell = scores.get(grade.name)
        left = cell is None or cell.needs_review
        grade.needs_manual_grade = left and grade.manual_score is None
        grade.auto_score = None if left or cell is None else cell.auto_score
    book.db.commit()


@dataclass(frozen=True)
class Standing:
    """What the gradebook says of one learner: the score, and which cells wait for a person."""

    score: float
    waiting: frozenset[str]


def standings(book: Gradebook, assignment: str) -> Mapping[str, Standing]:
    """What the gradebook says of everyone."""
    try:
        submissions = book.assignment_submissions(assignment)
    except MissingEntry:
        return {}
    found = {}
    for submission in submissions:
        grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
        waiting = frozenset(grade.name for grade in grades if grade.needs_manual_grade)
        found[submission.student.id] = Standing(sum(g.score or 0.0 for g in grades), waiting)
    return found
