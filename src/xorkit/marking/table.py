"""The answers that wait as a table for a spreadsheet, and the marks that come back in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xorkit.engine.course import Course
from xorkit.engine.records import verdicts
from xorkit.errors import KitError
from xorkit.foreign import from_spreadsheet
from xorkit.intake.tables import read_table, write_sheet
from xorkit.marking.marks import GivenMark
from xorkit.marking.waiting import WaitingAnswer, WaitingQuestion, answer_at

COLUMNS = ("question", "group", "student", "answer", "seen", "points", "of", "comment")
KEYS = ("cell", "id")  # which answer of which cell a mark is for


class MarksError(KitError, ValueError):
    """A table of marks that can't be read; the text says where, what was seen, what to do."""


def write_waiting(questions: Sequence[WaitingQuestion], path: Path) -> int:
    """Writes what waits, with an empty column for the points; gives back how many rows."""
    rows = [
        _row(question, number, answer)
        for question in questions
        for number, group in enumerate(question.groups, 1)
        for answer in group.answers
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sheet(path, (*COLUMNS, *KEYS), rows)
    return len(rows)


def _row(question: WaitingQuestion, group: int, answer: WaitingAnswer) -> tuple[str, ...]:
    seen = "; ".join([answer.reason, *(f"{k}: {v}" for k, v in answer.findings.items())])
    asked = question.rubric.question if question.rubric else question.title
    texts = (asked, str(group), answer.student, answer.text, seen)
    most = f"{answer.max_score:g}"
    return (*texts, "", most, answer.comment, answer.cell, answer.id)


def read_marks(course: Course, path: Path) -> list[GivenMark]:
    """The marks of a table whose points are filled in; rows without points or comment are left out.

    Raises MarksError where any row can't be read: then no mark is given.
    """
    try:
        table = read_table(path)
    except OSError as error:
        raise MarksError(f"{path} can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise MarksError(str(error)) from error
    header = [title.strip().casefold() for title in table.header]
    if missing := [name for name in ("student", "points", *KEYS) if name not in header]:
        raise MarksError(
            f"{path} has no column {', '.join(missing)}; wanted a table that"
            f" `xorkit mark {course.assignment} --csv FILE` wrote, with its points filled in"
        )
    verdicts(course)  # takes over what was marked since, so that no older mark is compared with
    problems: list[str] = []
    marks: dict[tuple[str, str], tuple[int, GivenMark]] = {}
    for number, texts in enumerate(table.rows, 2):
        row = dict(zip(header, texts, strict=False))
        if row.get("points", "").strip() or row.get("comment", "").strip():
            try:
                mark = _mark(course, row)
            except MarksError as error:
                problems.append(f"row {number}: {error}")
                continue
            answer = mark.answer
            first, known = marks.setdefault((answer.student, answer.cell), (number, mark))
            if known != mark:
                problems.append(
                    f"rows {first} and {number} differ, and both are for {answer.student},"
                    f" {answer.cell}; keep one of them"
                )
    if problems:
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        listed = "\n  ".join(problems[:10])
        raise MarksError(f"{path}: no mark was given, because of\n  {listed}{more}")
    return [mark for _, mark in marks.values()]


def _mark(course: Course, row: Mapping[str, str]) -> GivenMark:
    student, cell = from_spreadsheet(row.get("student", "")), row.get("cell", "").strip()
    answer = answer_at(course, student, cell) or _without_zeros(course, student, cell)
    if answer is None:
        where = f"in the cell {cell!r}" if cell else "where the column `cell` is empty"
        raise MarksError(f"nothing graded of {student!r} {where}")
    if row.get("id", "").strip() != answer.id:
        raise MarksError(f"{student} has another answer than this row's id; write the table again")
    points = _points(row.get("points", "").strip(), answer)
    comment = from_spreadsheet(row.get("comment", "").strip())
    mark = GivenMark(answer, points, comment, before=answer.mark)
    if problem := mark.problem(course):
        raise MarksError(f"{student}: {problem}")
    return mark


def _without_zeros(course: Course, student: str, cell: str) -> WaitingAnswer | None:
    """The answer of the one learner whose name a spreadsheet made this number of: 007 → 7."""
    names = [v.student for v in verdicts(course) if v.student.lstrip("0") == student]
    return answer_at(course, names[0], cell) if len(names) == 1 and student.isdigit() else None


def _points(text: str, answer: WaitingAnswer) -> float | None:
    """The points in a field; those that there are already where only a comment was written."""
    if not text:
        return answer.mark
    try:
        return float(text.replace(",", "."))
    except ValueError:
        wanted = f"wanted 0 to {answer.max_score:g}"
        raise MarksError(f"{answer.student}: {text!r} are no points; {wanted}") from None
