"""What waits as a table, and the marks that come back in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from xorkit import marking
from xorkit.engine import records, store
from xorkit.engine.course import Course
from xorkit.engine.store import Keys, StoredResult
from xorkit.intake.tables import TextTable, read_table
from xorkit.marking.marks import GivenMark


@pytest.fixture
def table(course: Course, tmp_path: Path) -> Path:
    """What waits, as it was written."""
    marking.write_waiting(marking.waiting(course), tmp_path / "waiting.csv")
    return tmp_path / "waiting.csv"


def filled(path: Path, *values: tuple[int, str, str], separator: str = ",") -> Path:
    """The table with (row, column, text) filled in, as a spreadsheet saves it."""
    read = read_table(path)
    rows = [list(row) for row in read.rows]
    for row, column, text in values:
        rows[row][read.header.index(column)] = text
    replace(read, rows=tuple(map(tuple, rows)), separator=separator).write(path)
    return path


def given(course: Course, path: Path) -> list[tuple[GivenMark, str]]:
    return list(marking.give_marks(course, marking.read_marks(course, path)))


def test_every_answer_stands_in_a_row_like_with_like(course: Course, table: Path) -> None:
    read = read_table(table)
    rows = [dict(zip(read.header, row, strict=True)) for row in read.rows]
    waits = {(v.student, cell) for v in records.verdicts(course) for cell in v.needs_review}

    assert sorted((row["student"], row["cell"]) for row in rows) == sorted(waits)
    assert all(row["points"] == "" and row["of"] == "2" and row["answer"] for row in rows)
    kinds = [(row["cell"], row["group"]) for row in rows]
    assert kinds == sorted(kinds, key=kinds.index)  # those of a group stand together


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_marks_come_back_with_comments_and_change_when_they_are_read_again(
    separator: str, course: Course, table: Path
) -> None:
    row = read_table(table).rows[0]
    student, cell = row[2], row[8]
    values = [(0, "points", "1,5"), (0, "comment", "=Half of it.")]

    assert given(course, filled(table, *values, separator=separator)) == []
    assert given(course, filled(table, (0, "points", "1"))) == []

    (verdict,) = [v for v in records.verdicts(course) if v.student == student]
    (marked,) = [c for c in verdict.cells if c.grade_id == cell]
    assert (marked.manual_score, marked.comment, marked.needs_review) == (1, "=Half of it.", False)


def test_a_comment_alone_leaves_the_answer_waiting(course: Course, table: Path) -> None:
    last = len(read_table(table).rows) - 1
    student = read_table(table).rows[last][2]

    assert given(course, filled(table, (last, "comment", "I come back to this."))) == []

    (verdict,) = [v for v in records.verdicts(course) if v.student == student]
    commented = [c for c in verdict.cells if c.comment == "I come back to this."]
    assert [c.needs_review for c in commented] == [True]


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("points", "two", "'two' are no points; wanted 0 to 2"),
        ("points", "3", "3 points; wanted 0 to 2"),
        ("points", "-1", "-1 points; wanted 0 to 2"),
        ("points", "nan", "nan points; wanted 0 to 2"),
        ("student", "nobody", "nothing graded of 'nobody'"),
        ("cell", "test_nothing", "in the cell 'test_nothing'"),
        ("cell", "", "where the column `cell` is empty"),
        ("id", "0123456789ab", "has another answer than this row's id"),
    ],
)
def test_a_table_with_one_bad_row_gives_no_mark_and_says_which(
    column: str, text: str, said: str, course: Course, table: Path
) -> None:
    before = records.verdicts(course)
    last = len(read_table(table).rows) - 1
    bad = filled(table, (0, "points", "2"), (last, "points", "2"), (last, column, text))

    with pytest.raises(marking.MarksError, match="no mark was given") as caught:
        given(course, bad)

    assert f"row {last + 2}: " in str(caught.value)
    assert said in str(caught.value)
    assert records.verdicts(course) == before


@pytest.mark.parametrize(
    ("column", "text", "differ"),
    [("points", "2", True), ("comment", "No.", True), ("of", "", False)],
)
def test_two_rows_for_one_answer_give_a_mark_only_where_they_agree(
    column: str, text: str, differ: bool, course: Course, table: Path
) -> None:
    read = read_table(filled(table, (2, "points", "1")))
    replace(read, rows=(*read.rows, read.rows[2])).write(table)
    last = len(read.rows)
    twice = filled(table, (last, column, text))
    student, cell = read.rows[2][2], read.rows[2][8]
    if not differ:
        marks = marking.read_marks(course, twice)
        own = [m for m in marks if (m.answer.student, m.answer.cell) == (student, cell)]
        assert [mark.points for mark in own] == [1]
        return
    said = f"rows 4 and {last + 2} differ, and both are for {student}, {cell}; keep one of them"

    with pytest.raises(marking.MarksError, match=said):
        marking.read_marks(course, twice)


def test_another_table_is_refused_with_what_is_missing(course: Course, tmp_path: Path) -> None:
    TextTable(("student", "grade"), (("ada", "2"),)).write(tmp_path / "other.csv")

    with pytest.raises(marking.MarksError, match=r"has no column points, cell, id; wanted"):
        marking.read_marks(course, tmp_path / "other.csv")
    with pytest.raises(marking.MarksError, match="can't be read"):
        marking.read_marks(course, tmp_path / "none.csv")


def test_a_mark_that_somebody_else_gave_meanwhile_stands(course: Course, table: Path) -> None:
    mine = marking.read_marks(course, filled(table, (1, "points", "2")))
    theirs = marking.read_marks(course, filled(table, (1, "points", "0")))
    assert list(marking.give_marks(course, theirs)) == []

    ((_, said),) = marking.give_marks(course, mine)

    assert said == "somebody gave 0 points in the meantime; that mark stands"


def test_what_a_spreadsheet_takes_for_a_number_is_still_found(
    course: Course, tmp_path: Path
) -> None:
    waits = next(v for v in records.verdicts(course) if v.needs_review)
    store.keep_verdict(course, StoredResult(replace(waits, student="007"), Keys()))
    marking.write_waiting(marking.waiting(course), tmp_path / "waiting.csv")
    read = read_table(tmp_path / "waiting.csv")
    row = next(number for number, row in enumerate(read.rows) if row[2] == "007")

    table = filled(tmp_path / "waiting.csv", (row, "student", "7"), (row, "points", "1"))
    marks = marking.read_marks(course, table)

    assert [mark.points for mark in marks if mark.answer.student == "007"] == [1]
    assert all(row[9][0].isalpha() for row in read.rows)  # the id
