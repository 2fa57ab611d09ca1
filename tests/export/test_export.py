"""Grades go back to the right people, in the file that each LMS takes."""

from __future__ import annotations

import csv
import html
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.downloads import CLASS, Learner, roster, write_table

from xorkit.export import ExportError, Target, export
from xorkit.verdict import CellVerdict, Diagnosis, Finding, Lateness, Outcome, TestOutcome, Verdict

FAILED = CLASS[5]
REVIEWED = CLASS[7]


def outcome(name: str, points: float, passed: bool = True) -> TestOutcome:
    state: Outcome = "passed" if passed else "failed"
    return TestOutcome(name, state, points, f"The claim of {name}", "" if passed else "Look here.")


def verdict_of(learner: Learner, student: str = "") -> Verdict:
    """A verdict whose score tells whose it is: 4.25 + the learner's number."""
    student = student or learner.login
    if learner == FAILED:
        return Verdict(student, "xor", 40.0, message="The file is a PDF.")
    tests = (outcome("test_rows", 4.25), outcome("test_shape", 1.0, passed=False))
    cells = (
        CellVerdict("test_data", 10.0, tests),
        CellVerdict("test_loop", 30.0, (), manual_score=float(learner.number)),
    )
    finding = Finding(Diagnosis.WRONG_DATA, "Row <2> of Y is 0 & should be 1.", "test_data")
    review = ("Two different answers were found.",) if learner == REVIEWED else ()
    repairs = ("Cells that you added were left out: 1.",)
    return Verdict(student, "xor", 40.0, cells, (finding,), repairs, review)


VERDICTS = tuple(verdict_of(learner) for learner in CLASS)


def score_of(learner: Learner) -> str:
    return "" if learner == FAILED else f"{4.25 + learner.number:g}"


def read(path: Path, separator: str = ",") -> list[list[str]]:
    text = path.read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text), delimiter=separator))


# ---------------------------------------------------------------- a table of our own


def test_the_table_has_a_line_for_every_student_and_a_column_for_every_question(
    tmp_path: Path,
) -> None:
    (path,) = export(VERDICTS, "csv", tmp_path)
    header, *rows = read(path)
    table = {row[0]: dict(zip(header, row, strict=True)) for row in rows}

    assert len(table) == 30
    for learner in CLASS:
        row = table[learner.login]
        assert row["score"] == score_of(learner)
        assert row["max_score"] == "40"
        assert row["test_data"] == ("" if learner == FAILED else "4.25")
        assert row["test_loop"] == ("" if learner == FAILED else str(learner.number))
    assert table[FAILED.login]["status"] == "not_gradable"
    assert table[FAILED.login]["note"] == "The file is a PDF."
    assert table[REVIEWED.login]["status"] == "needs_review"
    assert table[CLASS[0].login]["diagnosis"] == "wrong-data"


@pytest.mark.parametrize("sign", ["=1+1", "+1", "-1", "@sum", "\tx"])
def test_no_cell_of_the_table_is_a_formula(sign: str, tmp_path: Path) -> None:
    (path,) = export([Verdict("ann", "xor", 40.0, message=sign)], "csv", tmp_path)

    assert read(path)[1][-1] == f"'{sign}"


def test_everybody_of_a_group_gets_its_grade(tmp_path: Path) -> None:
    joint = verdict_of(CLASS[3], "ab+jdoe")
    members = {"ab+jdoe": ("ab", "jdoe")}
    (path,) = export([joint, verdict_of(CLASS[4])], "csv", tmp_path, members=members)
    scores = {row[0]: row[2] for row in read(path)[1:]}

    assert scores == {"ab": "7.25", "jdoe": "7.25", CLASS[4].login: "8.25"}


@pytest.mark.parametrize("target", ["csv", "canvas", "moodle"])
def test_a_student_with_two_submissions_is_not_graded_by_chance(
    target: Target, tmp_path: Path
) -> None:
    both = [verdict_of(CLASS[1], "jdoe"), verdict_of(CLASS[3], "ab+jdoe")]
    rows = canvas_rows() if target == "canvas" else moodle_rows()
    path, left_out = export(
        both,
        target,
        tmp_path,
        template=write_table(tmp_path / "template.csv", rows),
        roster=roster(tmp_path / "roster.csv"),
        members={"ab+jdoe": ("ab", "jdoe")},
    )

    ((student, why),) = read(left_out)[1:]
    assert student == "jdoe"
    assert why.startswith("several submissions: ab+jdoe and jdoe; delete the folder of the one")
    points = [cell for row in read(path) for cell in row if cell in ("5.25", "7.25")]
    assert set(points) == {"7.25"}  # the other member's


# ---------------------------------------------------------------- Canvas

CANVAS_HEADER = (
    "Student",
    "ID",
    "SIS User ID",
    "SIS Login ID",
    "Section",
    "Warm-up (99120)",
    "XOR lab (99123)",
    "Imported Assignments Current Score",
    "Final Score",
)


def canvas_rows(points: str = "40.00") -> list[list[str]]:
    rows = [
        list(CANVAS_HEADER),
        ["", "", "", "", "", "", "Manual Posting", "(read only)", "(read only)"],
        ["    Points Possible", "", "", "", "", "5.00", points, "(read only)", "(read only)"],
    ]
    for p in CLASS:
        name = f"{p.last}, {p.first}"
        ids = [str(p.canvas), f"sis{p.number}", p.login]
        rows.append([name, *ids, "Lab 1 and Lab 2", "3.00", "", "60.00", "60.00"])
    rows.append(["Student, Test", "999", "", "f00ba4", "Lab 1", "", "", "", ""])
    return rows


@pytest.fixture
def gradebook(tmp_path: Path) -> Path:
    return write_table(tmp_path / "grades.csv", canvas_rows(), "utf-8-sig")


def check_canvas(path: Path, template: Sequence[Sequence[str]]) -> None:
    """Only this assignment's column has changed, each row to its own person's points."""
    column = CANVAS_HEADER.index("XOR lab (99123)")
    numbers = {str(p.canvas): p for p in CLASS}
    for before, after in zip(template, read(path), strict=True):
        learner = numbers.get(before[1])
        wanted = list(before)
        wanted[column] = score_of(learner) if learner else before[column]
        assert after == wanted


def test_canvas_gets_its_own_gradebook_back_with_one_column_filled(
    tmp_path: Path, gradebook: Path
) -> None:
    path, left_out = export(VERDICTS, "canvas", tmp_path / "out", template=gradebook)

    check_canvas(path, canvas_rows())
    assert read(left_out)[1:] == [[FAILED.login, "The file is a PDF."]]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")


def test_students_who_are_called_by_canvas_s_own_ids_are_found(
    tmp_path: Path, gradebook: Path
) -> None:
    verdicts = [verdict_of(p, str(p.canvas)) for p in CLASS]
    path, _ = export(verdicts, "canvas", tmp_path / "out", template=gradebook)

    check_canvas(path, canvas_rows())


def test_a_roster_tells_who_is_who_where_the_gradebook_has_other_ids(tmp_path: Path) -> None:
    rows = [[*row[:2], "", "", *row[4:]] for row in canvas_rows()]
    rows[0] = list(CANVAS_HEADER)
    template = write_table(tmp_path / "grades.csv", rows)
    people = roster(tmp_path / "roster.csv")
    path, _ = export(VERDICTS, "canvas", tmp_path / "out", template=template, roster=people)

    check_canvas(path, rows)


def test_a_gradebook_with_semicolons_comes_back_with_semicolons(tmp_path: Path) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(canvas_rows("40,00"))
    template = tmp_path / "grades.csv"
    template.write_text(text.getvalue(), encoding="utf-8")
    path, _ = export(VERDICTS, "canvas", tmp_path / "out", template=template)

    assert read(path, ";")[0] == list(CANVAS_HEADER)
    assert [row[6] for row in read(path, ";") if row[1] == str(CLASS[0].canvas)] == ["4.25"]


def test_who_is_excused_in_canvas_stays_excused(tmp_path: Path) -> None:
    rows = canvas_rows()
    rows[3][6] = "EX"
    template = write_table(tmp_path / "grades.csv", rows)
    path, _ = export(VERDICTS, "canvas", tmp_path / "out", template=template)

    assert read(path)[3][6] == "EX"


def test_who_is_not_in_the_gradebook_is_listed(tmp_path: Path, gradebook: Path) -> None:
    stranger = verdict_of(CLASS[0], "stranger")
    _, left_out = export([stranger], "canvas", tmp_path / "out", template=gradebook)

    assert read(left_out)[1][0] == "stranger"


def test_two_people_of_one_name_are_not_mixed_up(tmp_path: Path, gradebook: Path) -> None:
    namesake = verdict_of(CLASS[0], "Jane_Doe")
    path, left_out = export([namesake], "canvas", tmp_path / "out", template=gradebook)

    assert "several rows fit" in read(left_out)[1][1]
    assert all(row[6] == "" for row in read(path)[3:])


@pytest.mark.parametrize("target", ["canvas", "moodle"])
def test_of_two_students_whom_one_row_fits_neither_gets_it(target: Target, tmp_path: Path) -> None:
    rows = canvas_rows() if target == "canvas" else moodle_rows()
    other = CLASS[4]
    names = ("Conan_O'Brien", str(CLASS[8].canvas if target == "canvas" else CLASS[8].moodle))
    verdicts = [*(verdict_of(CLASS[k], name) for k, name in enumerate(names)), verdict_of(other)]
    said: list[str] = []
    path, left_out = export(
        verdicts,
        target,
        tmp_path,
        template=write_table(tmp_path / "template.csv", rows),
        roster=roster(tmp_path / "roster.csv"),
        say=said.append,
    )

    column = rows[0].index("XOR lab (99123)" if target == "canvas" else "Grade")
    before = [row[column] for row in rows]
    changed = [
        row[column] for row, old in zip(read(path), before, strict=True) if row[column] != old
    ]
    assert changed == [score_of(other)]
    left = read(left_out)[1:]
    assert [row[0] for row in left] == sorted(names)
    assert all(
        f" fits {' and '.join(sorted(names))}; mend the row's ids, or" in row[1] for row in left
    )
    assert [line.split(".")[0] for line in said] == [f"2 of 3 left out, see {tmp_path}/left-out"]
    assert f"2: {left[0][1]}" in said[0]


def test_other_points_in_canvas_are_refused(tmp_path: Path) -> None:
    template = write_table(tmp_path / "grades.csv", canvas_rows("100.00"))
    with pytest.raises(ExportError, match="counts 100 points, the assignment 40"):
        export(VERDICTS, "canvas", tmp_path / "out", template=template)


@pytest.mark.parametrize(
    ("columns", "refused"),
    [
        (["Warm-up (1)"], "Warm-up"),
        (["XOR lab (1)", "XOR project (2)"], "XOR project"),
        ([], "none"),
    ],
)
def test_a_gradebook_without_one_fitting_column_is_refused(
    columns: list[str], refused: str, tmp_path: Path
) -> None:
    rows = [["Student", "ID", "Section", *columns], ["Doe, Jane", "1", "", *columns]]
    template = write_table(tmp_path / "grades.csv", rows)
    with pytest.raises(ExportError, match=refused):
        export(VERDICTS, "canvas", tmp_path / "out", template=template)


def test_the_column_called_just_like_the_assignment_is_preferred(tmp_path: Path) -> None:
    rows = [["Student", "ID", "Section", "XOR lab (1)", "xor (2)"], ["Doe, J", "jdoe", "", "", ""]]
    template = write_table(tmp_path / "grades.csv", rows)
    path, *_ = export([VERDICTS[0]], "canvas", tmp_path / "out", template=template)

    assert read(path)[1][3:] == ["", "4.25"]


@pytest.mark.parametrize("target", ["canvas", "moodle"])
@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n", "\x00\x00"])
def test_a_missing_or_strange_template_is_refused(
    target: str, content: str | None, tmp_path: Path
) -> None:
    template = tmp_path / "grades.csv"
    if content is not None:
        template.write_text(content)
    for given in (None, template):
        with pytest.raises(ExportError):
            export(VERDICTS, target, tmp_path / "out", template=given)  # type: ignore[arg-type]


# ---------------------------------------------------------------- Moodle

MOODLE_HEADER = (
    "Identifier",
    "Full name",
    "Email address",
    "Status",
    "Grade",
    "Maximum Grade",
    "Grade can be changed",
    "Last modified (submission)",
    "Last modified (grade)",
    "Feedback comments",
)
MOODLE_IN_GERMAN = (
    "ID",
    "Vollständiger Name",
    "E-Mail-Adresse",
    "Status",
    "Bewertung",
    "Bestwertung",
    "Bewertung kann geändert werden",
    "Zuletzt geändert (Abgabe)",
    "Zuletzt geändert (Bewertung)",
    "Feedback als Kommentar",
)


def moodle_rows(
    header: Sequence[str] = MOODLE_HEADER, word: str = "Participant "
) -> list[list[str]]:
    rows = [list(header)]
    for p in CLASS:
        person = [f"{word}{p.moodle}", p.name, p.email]
        dates = ["Friday, 20 November 2026, 3:00 PM", "-"]
        rows.append([*person, "Submitted for grading - Not graded", "", "40.00", "Yes", *dates, ""])
    return rows


@pytest.mark.parametrize(
    ("header", "word"), [(MOODLE_HEADER, "Participant "), (MOODLE_IN_GERMAN, "Teilnehmer/in")]
)
def test_moodle_gets_its_own_worksheet_back_with_grades_and_comments(
    header: Sequence[str], word: str, tmp_path: Path
) -> None:
    template = write_table(tmp_path / "worksheet.csv", moodle_rows(header, word))
    verdicts = [verdict_of(p, str(p.moodle)) for p in CLASS]
    (path,) = export(verdicts, "moodle", tmp_path / "out", template=template)

    before, after = moodle_rows(header, word), read(path)
    assert after[0] == before[0]
    for learner, row, old in zip(CLASS, after[1:], before[1:], strict=True):
        assert row[:4] + row[5:9] == old[:4] + old[5:9]
        assert row[4] == score_of(learner)
        if learner == FAILED:
            assert "PDF" in row[9]
        else:
            assert row[9].startswith(f"{score_of(learner)} of 40 points.<br>Row &lt;2&gt; of Y")


@pytest.mark.parametrize("header", [MOODLE_HEADER, MOODLE_IN_GERMAN])
def test_a_worksheet_tells_who_is_who_by_name_in_both_languages(
    header: Sequence[str], tmp_path: Path
) -> None:
    template = write_table(tmp_path / "worksheet.csv", moodle_rows(header, "Teilnehmer/in"))
    page = tmp_path / "pages" / "Zoë_Müller" / "xor" / "xor.html"
    page.parent.mkdir(parents=True)
    page.touch()
    path, pages = export(
        [verdict_of(CLASS[2], "Zoë_Müller")],
        "moodle",
        tmp_path / "out",
        template=template,
        feedback=tmp_path / "pages",
    )

    assert [row[4] for row in read(path)[1:] if row[4]] == [score_of(CLASS[2])]
    with zipfile.ZipFile(pages) as archive:
        assert archive.namelist()[0].startswith(f"Zoë Müller_{CLASS[2].moodle}_")


def moodle_reads(path: str, known: set[str]) -> tuple[str, str] | None:
    """Whose file it is and what it is called, by Moodle's own rules for an uploaded zip."""
    parts = path.split("/")
    while parts:
        info = parts.pop(0).split("_", 4)
        if len(info) < 4 or info[1] not in known or info[2:4] != ["assignsubmission", "file"]:
            continue
        parts.insert(0, info[4] if len(info) > 4 else "")
        return info[1], "/".join(parts).lstrip("/")
    return None


def test_moodle_finds_the_owner_of_every_feedback_page(tmp_path: Path) -> None:
    template = write_table(tmp_path / "worksheet.csv", moodle_rows())
    pages = tmp_path / "feedback"
    for p in CLASS:
        page = pages / p.login / "xor" / "xor.html"
        page.parent.mkdir(parents=True)
        page.write_text(f"page of {p.number}")
    people = roster(tmp_path / "roster.csv")
    written = export(
        VERDICTS, "moodle", tmp_path / "out", template=template, roster=people, feedback=pages
    )

    known = {str(p.moodle) for p in CLASS}
    with zipfile.ZipFile(written[-1]) as archive:
        inside = {name: archive.read(name).decode() for name in archive.namelist()}
    found = {moodle_reads(name, known): page for name, page in inside.items()}
    assert found == {(str(p.moodle), "xor.html"): f"page of {p.number}" for p in CLASS}


def test_blind_marking_keeps_names_out(tmp_path: Path) -> None:
    rows = [[row[0], *row[3:]] for row in moodle_rows()]
    rows = [[row[0], "Username" if not i else f"user{i}", *row[1:]] for i, row in enumerate(rows)]
    template = write_table(tmp_path / "worksheet.csv", rows)
    pages = tmp_path / "feedback"
    page = pages / "user1" / "xor" / "xor.html"
    page.parent.mkdir(parents=True)
    page.write_text("page")
    verdict = verdict_of(CLASS[0], "user1")
    written = export([verdict], "moodle", tmp_path / "out", template=template, feedback=pages)

    with zipfile.ZipFile(written[-1]) as archive:
        (name,) = archive.namelist()
    assert name == f"Participant_{CLASS[0].moodle}_assignsubmission_file_/xor.html"


# ---------------------------------------------------------------- Gradescope


def test_gradescope_gets_results_for_every_submission(tmp_path: Path) -> None:
    *written, left_out = export(VERDICTS, "gradescope", tmp_path)

    assert len(written) == 29
    for learner in CLASS:
        path = tmp_path / learner.login / "results.json"
        if learner == FAILED:
            assert not path.exists()
            continue
        results = json.loads(path.read_text(encoding="utf-8"))
        assert results["score"] == 4.25 + learner.number
        assert results["tests"][0] == {
            "name": "The claim of test_rows",
            "number": "test_data",
            "score": 4.25,
            "max_score": 4.25,
            "output": "",
            "status": "passed",
        }
        assert (results["tests"][1]["status"], results["tests"][1]["score"]) == ("failed", 0)
        assert sum(test["score"] for test in results["tests"]) == results["score"]
    assert read(left_out)[1:] == [[FAILED.login, "The file is a PDF."]]


def test_what_could_not_be_judged_is_neither_passed_nor_failed_for_gradescope(
    tmp_path: Path,
) -> None:
    open_test = TestOutcome("test_words", "not_judged", 2.0, "In your words", review=True)
    cell = CellVerdict("test_recall", 2.0, (open_test,))
    (path,) = export([Verdict("ann", "xor", 2.0, (cell,))], "gradescope", tmp_path)

    (test,) = json.loads(path.read_text())["tests"]
    assert "status" not in test
    assert test["output"] == "A person will look at this."


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("target", ["csv", "canvas", "moodle", "gradescope"])
def test_there_is_nothing_to_export_before_anything_is_graded(target: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Nothing is graded yet"):
        export([], target, tmp_path / "out")  # type: ignore[arg-type]


def test_the_list_of_an_earlier_export_does_not_stay(tmp_path: Path, gradebook: Path) -> None:
    export([verdict_of(CLASS[0], "stranger")], "canvas", tmp_path / "out", template=gradebook)
    export([VERDICTS[0]], "canvas", tmp_path / "out", template=gradebook)

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["canvas.csv"]


def test_what_a_person_wrote_reaches_the_lms(tmp_path: Path) -> None:
    cell = CellVerdict("test_recall_step", 2.0, (), 1.0, "=Say <what> moves.")
    verdict = Verdict("ann", "xor", 40.0, (cell,))

    (path,) = export([verdict], "csv", tmp_path)
    (results,) = export([verdict], "gradescope", tmp_path)

    header, row = read(path)
    assert row[header.index("comments")] == "recall step: =Say <what> moves."
    assert "=Say <what> moves." in results.read_text("utf-8")


@pytest.mark.parametrize(
    ("late", "points", "said"),
    [
        (Lateness(7200.0, 3.0), "1.25", "2 hours late, −3 points"),
        (Lateness(90.0, 0.0), "4.25", "1.5 minutes late"),
        (Lateness(86400.0 * 30, 99.0), "0", "30 days late, −99 points"),
        (Lateness(1.0, 0.5), "3.75", "1 second late, −0.5 points"),
        (Lateness(None), "4.25", "late, says the LMS"),
    ],
)
def test_every_lms_gets_the_points_after_the_penalty_and_is_told_of_it(
    late: Lateness, points: str, said: str, tmp_path: Path, gradebook: Path
) -> None:
    verdict = replace(verdict_of(CLASS[0]), late=late)
    worksheet = write_table(tmp_path / "worksheet.csv", moodle_rows()[:4], "cp1252")
    (table,) = export([verdict], "csv", tmp_path / "csv")
    canvas, *_ = export([verdict], "canvas", tmp_path / "canvas", template=gradebook)
    people = roster(tmp_path / "roster.csv")
    moodle, *_ = export([verdict], "moodle", tmp_path / "moodle", template=worksheet, roster=people)
    (results,) = export([verdict], "gradescope", tmp_path / "gradescope")
    header, row = read(table)
    ours = dict(zip(header, row, strict=True))
    line = next(r for r in csv.reader(moodle.read_text("cp1252").splitlines()) if "Jane" in r[1])
    found = json.loads(results.read_text("utf-8"))

    assert (ours["score"], ours["raw_score"], ours["late"]) == (points, "4.25", said)
    assert ours["seconds_late"] == ("" if late.seconds is None else f"{late.seconds:.0f}")
    assert points in next(r for r in read(canvas) if r[1] == str(CLASS[0].canvas))
    assert line[MOODLE_HEADER.index("Grade")] == points
    assert said in html.unescape(line[-1])
    assert (f"{found['score']:g}", found["output"].split("\n")[0]) == (points, f"Handed in {said}.")
