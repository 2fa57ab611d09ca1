"""Verdicts as grades for an LMS, in the file that it takes back."""

from __future__ import annotations

import html
import json
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, RootModel

from xorkit.engine.course import Course
from xorkit.engine.settled import settled_verdicts
from xorkit.errors import KitError
from xorkit.files import write_file
from xorkit.intake.records import members_of
from xorkit.intake.roster import Person, Roster, people_of, read_roster, titles_of
from xorkit.intake.tables import TextTable, read_table, write_sheet
from xorkit.verdict import CellVerdict, TestOutcome, Verdict

Target = Literal["csv", "canvas", "moodle", "gradescope"]
LEFT_OUT_FILE = "left-out.csv"
SHOWN_REASONS = 2  # why learners are left out: the file has them all
_LATE = ("raw_score", "late_submission_penalty", "seconds_late", "late")
# Columns of Canvas's gradebook that are no assignments.
_CANVAS_OWN = re.compile(
    r"(Student|LastName|FirstName|ID|SIS User ID|SIS Login ID|Section|Integration ID|Root Account)$"
    r"|.*(Current|Final|Override) (Score|Points|Grade|Status)"
)


class ExportError(KitError, ValueError):
    """The grades can't be written so; says what was seen and what to do."""


@dataclass(frozen=True)
class _Order:
    """What to export where."""

    verdicts: tuple[Verdict, ...]
    members: Mapping[str, Sequence[str]]
    out: Path
    template: Path | None
    people: Roster
    feedback: Path | None
    left_out: list[tuple[str, str]] = field(default_factory=list)  # who, and why

    def students(self, verdict: Verdict) -> Sequence[str]:
        """Whom it is about: who handed in alone, or together."""
        return self.members.get(verdict.student) or (verdict.student,)

    def by_student(self) -> dict[str, Verdict]:
        """The verdict of every single student, also of those who handed in together.

        Whoever has several is left out.
        """
        found: defaultdict[str, list[Verdict]] = defaultdict(list)
        for verdict in self.verdicts:
            for student in self.students(verdict):
                found[student].append(verdict)
        for student, several in found.items():
            if len(several) > 1:
                folders = " and ".join(sorted(verdict.student for verdict in several))
                why = f"several submissions: {folders}; delete the folder of the one that does not"
                self.left_out.append((student, f"{why} count in submitted/ and in autograded/"))
        return {student: own[0] for student, own in found.items() if len(own) == 1}


def export(
    verdicts: Iterable[Verdict],
    target: Target,
    out: Path,
    *,
    template: Path | None = None,
    roster: Path | None = None,
    feedback: Path | None = None,
    members: Mapping[str, Sequence[str]] | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Write the grades into the folder `out` and return the files.

    `template` is the LMS's own export (Canvas's gradebook, Moodle's grading worksheet), which is
    filled and otherwise kept; `roster` tells which of its people is which student; `feedback` is
    the folder with the learners' pages; `members` are the students of those who handed in
    together. Who could not be written is in `left-out.csv`, and `say` is told how many. Raises
    ExportError.
    """
    try:
        people = read_roster(roster) if roster else Roster(())
    except ValueError as error:
        raise ExportError(str(error)) from error
    order = _Order(tuple(verdicts), members or {}, out, template, people, feedback)
    if not order.verdicts:
        raise ExportError("Nothing is graded yet, so there is nothing to export.")
    out.mkdir(parents=True, exist_ok=True)
    (out / LEFT_OUT_FILE).unlink(missing_ok=True)  # of an earlier export
    written = list(_TARGETS[target](order))
    if order.left_out:
        written.append(out / LEFT_OUT_FILE)
        write_sheet(written[-1], ("student", "why"), order.left_out)
        reasons = Counter(why for _, why in order.left_out).most_common()
        shown = ". ".join(f"{count}: {why}" for why, count in reasons[:SHOWN_REASONS])
        more = " …" if len(reasons) > SHOWN_REASONS else ""
        everybody = {student for v in order.verdicts for student in order.students(v)}
        count = f"{len(order.left_out)} of {len(everybody)}"
        say(f"{count} left out, see {written[-1]}. {shown}{more}")
    return written


class _ExportRecord(BaseModel):
    """How an export was last made."""

    output: Path
    template: Path | None
    roster: Path | None


class _ExportRecords(RootModel[dict[Target, _ExportRecord]]):
    """By target, as `exported/<assignment>.json` keeps it."""


def export_course(
    course: Course,
    target: Target,
    *,
    output: Path | None = None,
    template: Path | None = None,
    roster: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Export a course's grades, and keep how, for `export_again`. Raises ExportError, OSError.

    `say` is told who is not graded yet, and how many could not be written.
    """
    folder = output or course.path("exported", target)
    written = export(
        settled_verdicts(course, say),
        target,
        folder,
        template=template,
        roster=roster,
        feedback=course.path("feedback"),
        members=members_of(course.path("submitted"), course.assignment),
        say=say,
    )
    paths = {"output": folder, "template": template, "roster": roster}
    how = _ExportRecord.model_validate(
        {name: path and path.absolute() for name, path in paths.items()}
    )
    kept = _ExportRecords({**_made(course), target: how})
    write_file(_kept_at(course), kept.model_dump_json(indent=1).encode())
    return written


def export_again(course: Course) -> Iterator[tuple[Target, list[Path] | Exception]]:
    """Make the table of grades, and whatever was exported before, anew; or say why one can't be."""
    made = _made(course)
    for target in {"csv": None, **made}:
        how = made.get(target)
        try:
            yield target, export_course(course, target, **dict(how) if how else {})
        except (ExportError, OSError) as error:
            yield target, error


def _made(course: Course) -> dict[Target, _ExportRecord]:
    try:
        return _ExportRecords.model_validate_json(_kept_at(course).read_bytes()).root
    except (OSError, ValueError):  # nothing was exported yet, or the file isn't ours
        return {}


def _kept_at(course: Course) -> Path:
    return course.path("exported", f"{course.assignment}.json")


# ---------------------------------------------------------------- a table of our own


def _csv(order: _Order) -> Iterator[Path]:
    """One line a student, one column a question."""
    cells = dict.fromkeys(cell.grade_id for verdict in order.verdicts for cell in verdict.cells)
    columns = (
        "student",
        "status",
        "score",
        "max_score",
        *cells,
        *_LATE,
        "diagnosis",
        "comments",
        "note",
    )
    rows = (_csv_row(*pair, tuple(cells)) for pair in sorted(order.by_student().items()))
    path = order.out / "grades.csv"
    write_sheet(path, columns, rows)
    yield path


def _csv_row(student: str, verdict: Verdict, columns: Sequence[str]) -> tuple[str, ...]:
    scores = {cell.grade_id: _number(cell.score) for cell in verdict.cells}
    note = " ".join(filter(None, [verdict.message, *verdict.review]))
    return (
        student,
        verdict.status,
        _score(verdict),
        _number(verdict.max_score),
        *(scores.get(column, "") for column in columns),
        *_lateness(verdict),
        " ".join(verdict.diagnosis),
        "\n".join(_comments(verdict)),
        note,
    )


def _lateness(verdict: Verdict) -> tuple[str, ...]:
    """What nbgrader's export calls so, then by how much the submission was late."""
    if verdict.status == "not_gradable":
        return ("", "", *_late_by(verdict))
    penalty = verdict.late.penalty if verdict.late else 0
    return (_number(verdict.score), _number(penalty), *_late_by(verdict))


def _late_by(verdict: Verdict) -> tuple[str, str]:
    if verdict.late is None:
        return "", ""
    seconds = verdict.late.seconds
    return "" if seconds is None else f"{seconds:.0f}", str(verdict.late)


def _comments(verdict: Verdict) -> list[str]:
    """What persons wrote to the learner, with the exercise that each is about."""
    return [
        f"{cell.grade_id.removeprefix('test_').replace('_', ' ')}: {cell.comment}"
        for cell in verdict.cells
        if cell.comment
    ]


def _score(verdict: Verdict) -> str:
    """The points after a late penalty, or nothing where nothing could be graded."""
    return "" if verdict.status == "not_gradable" else _number(verdict.final_score)


def _number(points: float) -> str:
    return f"{round(points, 2):g}"


# ---------------------------------------------------------------- filling an LMS's own export


@dataclass
class _Template:
    """A table of an LMS with its people, while grades are entered."""

    table: TextTable
    people: tuple[Person, ...]
    titles: Sequence[str]  # of its columns, as they are called in English
    left_out: list[tuple[str, str]]
    rows: list[list[str]] = field(init=False)
    known: Roster = field(init=False)

    def __post_init__(self) -> None:
        width = len(self.table.header)
        self.known = Roster(tuple(person for person in self.people if person.student))
        self.rows = [[*row, *[""] * (width - len(row))] for row in self.table.rows]

    def places(self, order: _Order) -> Iterator[tuple[str, Verdict, int]]:
        """Every student's verdict and row. Who has no row, or none of his own, is left out."""
        fitting: defaultdict[int, list[str]] = defaultdict(list)
        grades = order.by_student()
        for student in sorted(grades):
            if (row_index := self._row_of(student, order.people)) is not None:
                fitting[row_index].append(student)
        for row_index, students in fitting.items():
            if len(students) == 1:
                yield students[0], grades[students[0]], row_index
                continue
            who = " and ".join(students)
            for student in students:
                why = f"the row of {', '.join(filter(None, self.table.rows[row_index][:2]))}"
                why += f" fits {who}; mend the row's ids, or delete the folder of who doesn't count"
                self.left_out.append((student, f"{why} in submitted/ and in autograded/"))

    def _row_of(self, student: str, roster: Roster) -> int | None:
        """The student's row; None, and why in `left_out`, where that is not sure."""
        own = [person for person in roster.people if person.student == student]
        ids = [student, *(name for person in own for name in person.ids)]
        names = [student.replace("_", " "), *(name for person in own for name in person.names)]
        found = self.known.whom(ids, names)
        rows = [i for i, person in enumerate(self.people) if person in found]
        if len(rows) == 1:
            return rows[0]
        seen = "several rows fit" if rows else "no row fits"
        self.left_out.append((student, f"{seen}; a roster can tell which"))
        return None

    def write(self, path: Path) -> Iterator[Path]:
        rows = tuple(tuple(row) for row in self.rows)
        replace(self.table, rows=rows).write(path)
        yield path


def _template(order: _Order, what: str) -> _Template:
    if order.template is None:
        raise ExportError(f"{what} is needed: name it with --template.")
    try:
        table = read_table(order.template)
        people = people_of(table, order.template.name)
        return _Template(table, people, titles_of(table), order.left_out)
    except (OSError, ValueError) as error:
        raise ExportError(f"{what} can't be read: {error}") from error


def _check_maximum(order: _Order, seen: str, where: str) -> None:
    """The LMS must count in the same points, or every grade would mean something else."""
    wanted = {verdict.max_score for verdict in order.verdicts}
    try:
        there = float(seen.replace(",", "."))
    except ValueError:
        return
    if wanted != {there}:
        points = " or ".join(map(_number, sorted(wanted)))
        raise ExportError(
            f"{where} counts {_number(there)} points, the assignment {points}. Set the points of "
            f"the assignment there to {points}, and export its table once more."
        )


def _canvas(order: _Order) -> Iterator[Path]:
    """The instructor's gradebook with this assignment's column filled."""
    filled = _template(order, "The CSV that Canvas's gradebook exports")
    column = _canvas_column(filled.table.header, order.verdicts[0].assignment)
    for row in filled.rows:
        if "Points Possible" in row[0]:
            _check_maximum(order, row[column], filled.table.header[column])
    for student, verdict, row_index in filled.places(order):
        if verdict.status == "not_gradable":
            filled.left_out.append((student, verdict.message))
        elif filled.rows[row_index][column].strip().upper() != "EX":  # excused stays excused
            filled.rows[row_index][column] = _score(verdict)
    yield from filled.write(order.out / "canvas.csv")


def _canvas_column(header: Sequence[str], assignment: str) -> int:
    """The column of the assignment: called like it, or the only one with its name in it."""
    titles = {i: re.sub(r"\s*\(\d+\)$", "", title).casefold() for i, title in enumerate(header)}
    titles = {i: title for i, title in titles.items() if not _CANVAS_OWN.match(header[i])}
    name = assignment.casefold()
    same = [i for i, title in titles.items() if title == name]
    having = [i for i, title in titles.items() if re.search(rf"\b{re.escape(name)}\b", title)]
    for found in (same, having):
        if len(found) == 1:
            return found[0]
    raise ExportError(
        f"The gradebook needs one column whose title has {name!r} in it. Its columns are: "
        f"{', '.join(header[i] for i in titles) or 'none'}. Rename the assignment in Canvas, or "
        "the column in the file, and export once more."
    )


def _moodle(order: _Order) -> Iterator[Path]:
    """The grading worksheet with grades and comments, and the pages as Moodle takes them."""
    filled = _template(order, "The grading worksheet that Moodle's assignment exports")
    grade, maximum, comment = _moodle_columns(filled)
    pages: dict[str, Path] = {}
    for _, verdict, row_index in filled.places(order):
        row = filled.rows[row_index]
        if maximum is not None:
            _check_maximum(order, row[maximum], filled.table.header[maximum])
        if verdict.status != "not_gradable":
            row[grade] = _score(verdict)
        if comment is not None:
            row[comment] = _comment(verdict)
        if page := _page(order, verdict):
            pages[_moodle_folder(filled, row_index)] = page
    yield from filled.write(order.out / "moodle.csv")
    if pages:
        yield _zip_pages(order.out / "moodle-feedback.zip", pages)


def _moodle_columns(filled: _Template) -> tuple[int, int | None, int | None]:
    """Where grade, maximum and comments stand: by their English names, else by their make.

    In any language the maximum is the same number in every row, right of the grade, and the
    comments are the last column.
    """
    header = filled.titles
    if "grade" in header:
        maximum = header.index("maximum grade") if "maximum grade" in header else None
        comment = header.index("feedback comments") if "feedback comments" in header else None
        return header.index("grade"), maximum, comment
    for i in range(2, len(header)):
        values = {row[i] for row in filled.rows}
        if len(values) == 1 and re.fullmatch(r"\d+[.,]\d+", next(iter(values))):
            return i - 1, i, len(header) - 1 if len(header) > i + 3 else None
    raise ExportError(
        "The worksheet has no column for grades. Its columns are: "
        f"{', '.join(filled.table.header)}. In Moodle, turn on the feedback type “Offline grading "
        "worksheet” and download the worksheet again."
    )


def _comment(verdict: Verdict) -> str:
    """A short comment in HTML: the points, what was seen, what was mended."""
    if verdict.status == "not_gradable":
        lines = [f"This could not be graded yet: {verdict.message}"]
    else:
        lines = [f"{_score(verdict)} of {_number(verdict.max_score)} points."]
    if verdict.late:
        lines.append(f"Handed in {verdict.late}.")
    lines += _comments(verdict)
    lines += [finding.message for finding in verdict.findings]
    lines += verdict.repairs
    return "<br>".join(html.escape(line).replace("\n", "<br>") for line in lines)


def _page(order: _Order, verdict: Verdict) -> Path | None:
    if order.feedback is None:
        return None
    folder = order.feedback / verdict.student / verdict.assignment
    page = folder / f"{verdict.assignment}.html"
    return page if page.is_file() else None


def _moodle_folder(filled: _Template, row_index: int) -> str:
    """The folder by which Moodle knows whose file it is: full name, number, kind of file.

    The underscore at the end is wanted before 4.1 and allowed since.
    """
    header, row = filled.titles, filled.rows[row_index]
    name = row[header.index("full name")] if "full name" in header else "Participant"
    plain = re.sub(r"[\\/:*?\"<>|_]+", " ", name).strip() or "Participant"
    number = re.sub(r"\D+", "", row[0])  # of "Participant 1236059", in any language
    return f"{plain}_{number}_assignsubmission_file_"


def _zip_pages(path: Path, pages: Mapping[str, Path]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, page in pages.items():
            archive.write(page, f"{folder}/{page.name}")
    return path


# ---------------------------------------------------------------- Gradescope


def _gradescope(order: _Order) -> Iterator[Path]:
    """A `results.json` for every submission, as its autograder would have written it."""
    for verdict in sorted(order.verdicts, key=lambda verdict: verdict.student):
        if verdict.status != "not_gradable":
            path = order.out / verdict.student / "results.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(_results(verdict), ensure_ascii=False, indent=1)
            path.write_text(text + "\n", encoding="utf-8")
            yield path
        else:
            order.left_out.extend((name, verdict.message) for name in order.students(verdict))


def _results(verdict: Verdict) -> dict[str, Any]:
    output = [finding.message for finding in verdict.findings] + list(verdict.repairs)
    if verdict.late:
        output.insert(0, f"Handed in {verdict.late}.")
    return {
        "score": round(verdict.final_score, 2),
        "output": "\n".join(output),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": [test for cell in verdict.cells for test in _tests(cell)],
    }


def _tests(cell: CellVerdict) -> Iterator[dict[str, Any]]:
    """The cell's tests; as one where a person's mark stands for all of them."""
    if cell.manual_score is not None:
        said = {"output": cell.comment} if cell.comment else {}
        yield {"name": cell.grade_id, "score": cell.score, "max_score": cell.max_score, **said}
        return
    for test in cell.tests:
        yield {
            "name": test.claim or test.name,
            "number": cell.grade_id,
            "score": test.points if test.outcome == "passed" else 0.0,
            "max_score": test.points,
            "output": test.message or _unjudged(test),
            **({} if test.outcome == "not_judged" else {"status": test.outcome}),
        }


def _unjudged(test: TestOutcome) -> str:
    return "A person will look at this." if test.review else ""


_TARGETS: Mapping[Target, Callable[[_Order], Iterator[Path]]] = {
    "csv": _csv,
    "canvas": _canvas,
    "moodle": _moodle,
    "gradescope": _gradescope,
}
