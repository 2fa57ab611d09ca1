"""nbgrader's gradebook: one writer, and never another score than the verdict's."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from nbgrader.api import Assignment as AssignmentRow
from nbgrader.api import (
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    InvalidEntry,
    MissingEntry,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import make_url, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from xorkit.conventions import solution_of
from xorkit.engine.course import Course
from xorkit.errors import KitError
from xorkit.foreign import showable
from xorkit.lesson import Lesson
from xorkit.verdict import CellVerdict, Verdict


class GradebookError(KitError, RuntimeError):
    """The gradebook can't be read or written; the text says which and what to do."""


ADVICE = {
    "locked": "another program is writing it: close the formgrader's open saves or other graders,"
    " then run the same command again",
    "readonly": "it is read-only: give yourself the right to write it",
    "full": "the disk is full: make room, then run the same command again",
    **dict.fromkeys(
        ("not a database", "malformed"),
        "it is damaged, or no gradebook: put a copy of it back, or move it away and run the same"
        " command again, which makes a new one from autograded/ (due dates are to be set again)",
    ),
    "unable to open": "the folder is missing or closed to you",
}


@contextmanager
def open_gradebook(db_url: str) -> Iterator[Gradebook]:
    """The gradebook, closed again. Raises GradebookError for whatever a database can refuse."""
    log = logging.getLogger("tornado.application")  # where nbgrader puts what it then raises
    before, log.disabled = log.disabled, True
    try:
        with Gradebook(db_url) as book:
            yield book
    except (SQLAlchemyError, InvalidEntry) as error:
        # nbgrader makes an InvalidEntry of everything, full disks included.
        cause = error.__context__ if isinstance(error, InvalidEntry) else error
        raise GradebookError(_refusal(db_url, cause or error)) from error
    finally:
        log.disabled = before


def _refusal(db_url: str, error: BaseException) -> str:
    reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    says = next(
        (text for key, text in ADVICE.items() if key in reason),
        "mend that, then run the same command again",
    )
    return (
        f"the gradebook {db_url} can't be used ({reason}): {says}. What was graded is kept in"
        " autograded/; nothing is run twice."
    )


def sqlite_file(db_url: str) -> Path | None:
    """Where a SQLite gradebook is, or is to be; None for any other."""
    url = make_url(db_url)
    name = url.database or ":memory:"
    if url.get_backend_name() != "sqlite" or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name)


def missing_file(db_url: str) -> Path | None:
    """Where a SQLite gradebook is to be that isn't there yet; None for any other."""
    path = sqlite_file(db_url)
    return None if path is None or path.exists() else path


def is_registered(book: Gradebook, course: Course) -> bool:
    """Whether the gradebook knows the assignment with just its graded cells, and all others."""
    try:
        notebook = book.find_notebook(course.assignment, course.assignment)
    except MissingEntry:
        return False
    points = {cell: course.lesson.max_points(cell) for cell in course.graded_cells}
    known = {cell.name: cell.max_score for cell in notebook.grade_cells}
    return known == points and {cell.name for cell in notebook.source_cells} == course.own_cells


@dataclass(frozen=True)
class GradebookMark:
    """What the gradebook holds of one graded cell. `manual` and `extra` are a person's."""

    auto: float | None = None
    manual: float | None = None
    extra: float = 0.0
    waits: bool = True  # for a person
    comment: str = ""  # a person's, beside the answer

    def final(self, auto: float) -> float | None:
        """The points that a person decided on; None where nobody did."""
        if self.manual is None and not self.extra:
            return None
        return (auto if self.manual is None else self.manual) + self.extra


Marks = Mapping[str, GradebookMark]  # by grade_id


@dataclass(frozen=True)
class HandIn:
    """When a submission came and what its lateness cost, as the gradebook holds it.

    `timestamp` is in UTC without a zone, as nbgrader has it; `penalty` is None where none is set.
    """

    timestamp: datetime | None = None
    extension: timedelta | None = None
    penalty: float | None = None


def hand_ins(book: Gradebook, assignment: str, student: str | None = None) -> dict[str, HandIn]:
    """What the gradebook holds of everyone's lateness, or of one's, by student."""
    query = (
        select(
            SubmittedAssignment.student_id,
            SubmittedAssignment.timestamp,
            SubmittedAssignment.extension,
            SubmittedNotebook.late_submission_penalty,
        )
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(AssignmentRow, AssignmentRow.id == SubmittedAssignment.assignment_id)
        .where(AssignmentRow.name == assignment)
    )
    if student is not None:
        query = query.where(SubmittedAssignment.student_id == student)
    return {name: HandIn(*held) for name, *held in book.db.execute(query)}


def all_marks(book: Gradebook, assignment: str, student: str | None = None) -> dict[str, Marks]:
    """What the gradebook holds of everyone, or of one, by student."""
    columns = (Grade.auto_score, Grade.manual_score, Grade.extra_credit, Grade.needs_manual_grade)
    said = {
        (name, cell): text
        for name, cell, text in _rows(book, assignment, student, Comment, Comment.manual_comment)
    }
    found: defaultdict[str, dict[str, GradebookMark]] = defaultdict(dict)
    for name, cell, auto, manual, extra, waits in _rows(book, assignment, student, Grade, *columns):
        texts = (said.get((name, place)) for place in _commented(cell))
        comment = next(filter(None, texts), "")
        found[name][cell] = GradebookMark(auto, manual, extra or 0.0, waits, comment)
    return dict(found)


def _rows(
    book: Gradebook, assignment: str, student: str | None, kind: type[Any], *columns: Any
) -> Iterable[Any]:
    """Student, cell and these columns of all grades or comments of an assignment."""
    query = (
        select(SubmittedAssignment.student_id, BaseCell.name, *columns)
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(kind, kind.notebook_id == SubmittedNotebook.id)
        .join(BaseCell, BaseCell.id == kind.cell_id)
        .join(AssignmentRow, AssignmentRow.id == SubmittedAssignment.assignment_id)
        .where(AssignmentRow.name == assignment)
    )
    if student is not None:
        query = query.where(SubmittedAssignment.student_id == student)
    return book.db.execute(query)  # type: ignore[no-any-return]


def _commented(cell: str) -> tuple[str, str]:
    """Where the formgrader keeps the comments on a graded cell: at the answer, else at itself."""
    return solution_of(cell), cell


def with_marks(verdict: Verdict, marks: Marks, lesson: Lesson) -> Verdict:
    """The verdict with a person's marks, which are final.

    Where nothing could be graded, the cells that a person had marked before are all there is, and
    a person should look again.
    """
    if not verdict.message:
        cells = tuple(
            _marked(cell, marks.get(cell.grade_id, GradebookMark())) for cell in verdict.cells
        )
        return replace(verdict, cells=cells)
    cells = tuple(
        CellVerdict(name, lesson.max_points(name), (), final, mark.comment)
        for name, mark in marks.items()
        if (final := mark.final(0)) is not None
    )
    return replace(verdict, cells=cells, review=(verdict.message,) if cells else ())


def _marked(cell: CellVerdict, mark: GradebookMark) -> CellVerdict:
    return replace(cell, manual_score=mark.final(cell.auto_score), comment=mark.comment)


def expected(verdict: Verdict, marks: Marks) -> Marks:
    """What the gradebook has to hold for a verdict: a person's marks as they are, and ours.

    A cell that is left to a person, with no point that is sure, gets no automatic score. Nor do
    the cells of a submission that could not be graded.
    """
    cells = {cell.grade_id: cell for cell in verdict.cells}
    return {name: _expected(cells.get(name), mark) for name, mark in marks.items()}


def _expected(cell: CellVerdict | None, mark: GradebookMark) -> GradebookMark:
    if cell is None or not cell.tests:
        return replace(mark, auto=None, waits=mark.manual is None)
    sure = cell.auto_score if cell.auto_score or not cell.needs_review else None
    return replace(mark, auto=sure, waits=cell.needs_review)


def record(book: Gradebook, verdict: Verdict, hand_in: HandIn, *, restore: bool = False) -> None:
    """Writes a verdict's scores, its time and its late penalty, in one transaction.

    A person's marks stay as they are; `restore` brings back those of a gradebook that was lost.
    """
    book.update_or_create_student(verdict.student)
    with book.db.no_autoflush:  # nbgrader fills the new submission's cells before adding it
        book.update_or_create_submission(
            verdict.assignment, verdict.student, timestamp=hand_in.timestamp
        )
    place = (verdict.assignment, verdict.assignment, verdict.student)
    notebook = book.find_submission_notebook(*place)
    cells = {cell.grade_id: cell for cell in verdict.cells}
    query = select(Grade, BaseCell.name).join(BaseCell, BaseCell.id == Grade.cell_id)
    for grade, name in book.db.execute(query.where(Grade.notebook_id == notebook.id)).all():
        cell = cells.get(name)
        if restore and cell is not None:
            grade.manual_score = cell.manual_score
            if cell.comment:  # to look for its place takes half the time of a submission
                _write_comment(book, verdict.assignment, verdict.student, name, cell.comment)
        mark = GradebookMark(grade.auto_score, grade.manual_score, grade.extra_credit or 0.0)
        mark = _expected(cell, mark)
        grade.auto_score, grade.needs_manual_grade = mark.auto, mark.waits
    notebook.late_submission_penalty = hand_in.penalty
    book.db.commit()


def give(
    book: Gradebook,
    place: tuple[str, str, str],
    points: float | None,
    comment: str,
    *,
    before: float | None,
) -> float | None:
    """Writes a person's mark and comment where the formgrader writes them; None takes a mark back.

    `place` is assignment, student and graded cell. Gives back the mark that then stands: somebody
    else's, where it is no longer the one `before`. Raises MissingEntry where there is no such cell.
    """
    assignment, student, cell = place
    grade = book.find_grade(cell, assignment, assignment, student)
    if grade.manual_score not in (before, points):
        return float(grade.manual_score)
    grade.manual_score, grade.needs_manual_grade = points, points is None
    _write_comment(book, assignment, student, cell, comment)
    book.db.commit()
    return points


def _write_comment(book: Gradebook, assignment: str, student: str, cell: str, comment: str) -> None:
    for name in _commented(cell):
        with suppress(MissingEntry):
            found = book.find_comment(name, assignment, assignment, student)
            found.manual_comment = showable(comment) or None
            return
