"""Lateness and its cost: as nbgrader has them, also after the date or a person's mark moved."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from nbformat.v4 import new_notebook
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from support import tiny_course
from support.tiny_course import assert_agrees, graded, hand_in, mark_by_hand
from typer.testing import CliRunner

from xorkit.cli import app
from xorkit.engine import batch, late, records
from xorkit.engine.course import Course, CourseError, importing, nbgrader_config, open_course
from xorkit.engine.late import parsed_due_date
from xorkit.intake.collecting import collect

OWN_PLUGIN = """
from nbgrader.plugins import BasePlugin

class Hourly(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return {rule}
"""
CUSTOM = "c.AssignLatePenalties.plugin_class = 'late.Hourly'"
PLUGINS = {
    "nbgrader's default": ("", ""),
    "none": ('c.LateSubmissionPlugin.penalty_method = "none"', ""),
    "zero": ('c.LateSubmissionPlugin.penalty_method = "zero"', ""),
    "a point an hour": (CUSTOM, "round(total_seconds_late / 3600)"),
    "half a point a day begun": (CUSTOM, "0.5 * -(-total_seconds_late // 86400)"),
    "a share of the score": (CUSTOM, "score * 0.1"),
    "nothing in the first day": (CUSTOM, "None if total_seconds_late < 86400 else 2"),
    "below zero": (CUSTOM, "-3"),
    "more than there is": (CUSTOM, "1000"),
    "one learner is spared": (CUSTOM, "0 if student_id == 'ada' else 2"),
    "a class, not its name": (
        "from late import Hourly\nc.AssignLatePenalties.plugin_class = Hourly",
        "1",
    ),
    "switched off": ("c.AssignLatePenalties.enabled = False", ""),
    "left out": (
        "c.Autograde.autograde_preprocessors = [Execute, LimitOutput, SaveGrades]",
        "",
    ),
}
DUE = (
    ("2026-05-01 23:59", "Europe/Berlin"),
    ("2026-05-01 23:59", "America/Los_Angeles"),
    ("2026-05-01 23:59", "UTC"),
    ("2026-05-01 23:59", "Asia/Kathmandu"),
    ("2026-05-02 01:30 +02:00", None),
    ("2026-05-01 21:59:00 UTC", None),
    ("2026-10-25 02:30", "Europe/Berlin"),  # comes twice
    ("2027-01-01 00:00", "Pacific/Auckland"),
)
TIMES = (  # what timestamp.txt says, in nbgrader's own ways
    "2026-05-01 22:00:00 UTC",
    "2026-05-02 00:00:00.948203 Europe/Berlin",
    "2026-05-01 15:00:00 America/Los_Angeles",
    "2026-05-02 03:45:00 +0200",
    "2026-05-04 10:00:00",
    "2026-05-02T09:00:00+02:00",
)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Two learners' work, graded once; each test moves dates, times and plugins."""
    course = tiny_course.author(tmp_path_factory.mktemp("late"))
    hand_in(course, "ada")
    hand_in(course, "bob", {"number": "number = 8"})
    graded(course)
    return course


@pytest.fixture(autouse=True)
def _as_before(course: Course) -> Iterator[None]:
    kept = [course.root / "nbgrader_config.py", course.root / "gradebook.db"]
    before = {path: path.read_bytes() for path in kept}
    yield
    for path, data in before.items():
        path.write_bytes(data)
    for path in [course.root / "late.py", *course.root.glob("submitted/*/*/timestamp.txt")]:
        path.unlink(missing_ok=True)


def plug(course: Course, name: str) -> None:
    line, rule = PLUGINS[name]
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write(f"\n{line}\n")
    if rule:
        (course.root / "late.py").write_text(OWN_PLUGIN.format(rule=rule))


def stamp(course: Course, student: str, text: str) -> None:
    course.notebook_path("submitted", student).with_name("timestamp.txt").write_text(text + "\n")


Standing = dict[str, tuple[float, float, float]]


def held(db_url: str, assignment: str = "tiny") -> Standing:
    """Score, penalty and seconds late of everyone, by nbgrader's own attributes."""
    with Gradebook(db_url) as book:
        return {
            found.student.id: (found.score, found.late_submission_penalty, found.total_seconds_late)
            for found in book.assignment_submissions(assignment)
        }


def by_nbgrader(course: Course, folder: Path) -> Standing:
    """What autograde would make of the same gradebook, by nbgrader's own code, no kernel run."""
    shutil.copy(course.root / "gradebook.db", folder / "copy.db")
    db_url = f"sqlite:///{folder / 'copy.db'}"
    config = nbgrader_config(course.root)
    listed = config.Autograde.autograde_preprocessors
    for student in course.students("submitted"):
        path = str(course.notebook_path("submitted", student).parent)
        stamp = CourseDirectory(config=config).get_existing_timestamp(path)
        with Gradebook(db_url) as book:
            book.update_or_create_submission(
                "tiny", student, **({"timestamp": stamp} if stamp else {})
            )
        place = {"notebook": "tiny", "assignment": "tiny", "student": student, "db_url": db_url}
        with importing(course.root):
            if (
                AssignLatePenalties in listed
                and (found := AssignLatePenalties(config=config)).enabled
            ):
                found.preprocess(new_notebook(), {"nbgrader": place})
    return held(db_url)


def says_the_same(course: Course, folder: Path) -> Standing:
    """Refreshes, compares with nbgrader's own code and with the verdicts, gives back what holds."""
    verdicts = {verdict.student: verdict for verdict in records.verdicts(course)}
    ours = held(course.db_url)

    assert ours == by_nbgrader(course, folder)
    for student, (score, penalty, seconds) in ours.items():
        verdict = verdicts[student]
        assert (verdict.score, verdict.final_score) == (score, max(0, score - penalty))
        assert ((verdict.late and verdict.late.seconds) or 0) == seconds
    assert_agrees(course)
    return ours


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_plugin_costs_what_it_costs_in_nbgrader(
    plugin: str, course: Course, tmp_path: Path
) -> None:
    plug(course, plugin)
    records.set_due(course, parsed_due_date("2026-05-01 12:00", "UTC"))
    seen = []
    for near, far in (TIMES[:2], TIMES[3:5]):
        stamp(course, "ada", near)
        stamp(course, "bob", far)
        seen.append(says_the_same(course, tmp_path))

    assert all(seconds for standing in seen for _, _, seconds in standing.values())


@pytest.mark.parametrize(("text", "zone"), DUE)
def test_every_due_date_and_zone_is_nbgrader_s(
    text: str, zone: str | None, course: Course, tmp_path: Path
) -> None:
    plug(course, "a point an hour")
    for student, time in zip(("ada", "bob"), TIMES[2::3], strict=True):
        stamp(course, student, time)
    records.set_due(course, parsed_due_date(text, zone))

    says_the_same(course, tmp_path)


def test_a_moved_date_moves_the_penalty_with_nothing_new_to_grade(
    course: Course, tmp_path: Path
) -> None:
    plug(course, "zero")
    stamp(course, "ada", "2026-05-01 12:00:00 UTC")
    costs = []
    for text in ("2026-05-01 11:00", "2026-05-01 13:00", "2026-04-01 00:00", None):
        records.set_due(course, parsed_due_date(text, "UTC") if text else None)
        assert graded(course) == {}
        costs.append(says_the_same(course, tmp_path)["ada"][1])

    assert costs == [5, 0, 5, 0]


def test_a_person_s_mark_moves_the_penalty_and_rejudging_keeps_it(
    course: Course, tmp_path: Path
) -> None:
    plug(course, "zero")
    stamp(course, "bob", "2026-05-01 12:00:00 UTC")
    records.set_due(course, parsed_due_date("2026-05-01 11:00", "UTC"))
    before = says_the_same(course, tmp_path)["bob"]
    mark_by_hand(course, "bob", "test_number", 2.5, extra=0.25)
    list(batch.rejudge(course))
    after = says_the_same(course, tmp_path)["bob"]

    assert (before[:2], after[:2]) == ((3, 3), (4.75, 4.75))


def test_an_extension_that_the_gradebook_knows_counts(course: Course, tmp_path: Path) -> None:
    plug(course, "zero")
    stamp(course, "ada", "2026-05-01 12:00:00 UTC")
    records.set_due(course, parsed_due_date("2026-05-01 11:00", "UTC"))
    with Gradebook(course.db_url) as book:
        book.grant_extension("tiny", "ada", hours=2)

    assert says_the_same(course, tmp_path)["ada"] == (5, 0, 0)


@pytest.mark.parametrize("rule", ["1 / 0", "'three'", "[]"])
def test_a_plugin_that_fails_is_named_and_makes_no_penalty_up(rule: str, course: Course) -> None:
    plug(course, "a point an hour")
    (course.root / "late.py").write_text(OWN_PLUGIN.format(rule=rule))
    stamp(course, "ada", "2026-05-01 12:00:00 UTC")

    with pytest.raises(CourseError, match=r"late policy Hourly .* stops at ada"):
        records.set_due(course, parsed_due_date("2026-05-01 11:00", "UTC"))


def test_a_plugin_that_is_not_there_is_said(course: Course) -> None:
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write(f"\n{CUSTOM}\n")

    with pytest.raises(CourseError, match="late policy can't be loaded"):
        records.verdicts(course)


def test_two_courses_may_call_their_plugins_alike(course: Course, tmp_path: Path) -> None:
    other = shutil.copytree(course.root, tmp_path / "other")
    costs = []
    for root, rule in ((course.root, "1"), (other, "2")):
        here = open_course(root, "tiny")
        plug(here, "a point an hour")
        (root / "late.py").write_text(OWN_PLUGIN.format(rule=rule))
        stamp(here, "ada", "2026-05-01 12:00:00 UTC")
        records.set_due(here, parsed_due_date("2026-05-01 11:00", "UTC"))
        costs.append(held(here.db_url)["ada"][1])

    assert costs == [1, 2]


@pytest.mark.parametrize("text", ["", "  ", "yesterday", "2026-13-01 00:00:00 UTC", "x" * 10**6])
def test_a_timestamp_that_is_none_changes_nothing(text: str, course: Course) -> None:
    stamp(course, "ada", "2026-05-01 12:00:00 UTC")
    records.set_due(course, parsed_due_date("2026-05-01 11:00", "UTC"))
    before = held(course.db_url)
    stamp(course, "ada", text)
    records.verdicts(course)

    assert held(course.db_url) == before


@pytest.mark.parametrize(
    ("text", "zone", "reason"),
    [
        ("soon", None, "no time"),
        ("2026-05-01", None, "no time"),
        ("9999-12-31 23:59", "America/Los_Angeles", "no time"),
        ("2026-05-01 25:00", "UTC", "no time"),
        ("2026-05-01 23:59", "Mars/Olympus", "no time zone"),
        ("2026-05-01 23:59", "../etc/passwd", "no time zone"),
        ("2026-05-01 23:59 +02:00", "UTC", "says its zone itself"),
        ("2026-03-29 02:30", "Europe/Berlin", "clocks are put forward"),
    ],
)
def test_what_is_no_due_date_is_refused(text: str, zone: str | None, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        late.parsed_due_date(text, zone)


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-05-01 23:59", "Europe/Berlin", "2026-05-01 21:59"),
        ("2026-12-01 23:59", "Europe/Berlin", "2026-12-01 22:59"),
        ("2026-05-01 23:59 Europe/Berlin", None, "2026-05-01 21:59"),
        ("2026-05-01T23:59:30Z", None, "2026-05-01 23:59"),
        ("2026-05-01 23:59 -0700", None, "2026-05-02 06:59"),
        ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25 01:30"),  # the second of the two
    ],
)
def test_a_due_date_is_a_point_in_time(text: str, zone: str | None, utc: str) -> None:
    found = late.parsed_due_date(text, zone)

    assert found.astimezone(UTC).strftime("%Y-%m-%d %H:%M") == utc


def test_the_commands_agree_from_the_due_date_to_the_export(course: Course) -> None:
    plug(course, "zero")
    stamp(course, "ada", "2026-02-01 00:00:00 UTC")
    said = {}
    for command in (
        ["due", "tiny", "2026-01-01 12:00", "--zone", "UTC"],
        ["grade", "tiny", "--all"],
        ["export", "tiny"],
    ):
        done = CliRunner().invoke(app, [*command, "--course", str(course.root)])
        assert done.exit_code == 0, done.output
        said[command[0]] = " ".join(done.output.split())
    assert "30.5 days late, −5 points" in said["grade"]
    ours = held(course.db_url)
    autograde = ["autograde", "tiny", "--student", "ada", "--force"]
    nbgrader = str(Path(sys.executable).with_name("nbgrader"))
    subprocess.run([nbgrader, *autograde], cwd=course.root, capture_output=True, check=True)

    assert ours == held(course.db_url)
    assert ours["ada"] == (5, 5, 2635200)
    text = (course.root / "exported" / "csv" / "grades.csv").read_text("utf-8-sig")
    row = next(row for row in csv.DictReader(text.splitlines()) if row["student"] == "ada")
    assert (row["score"], row["raw_score"], row["late_submission_penalty"]) == ("0", "5", "5")
    assert (row["seconds_late"], row["late"]) == ("2635200", "30.5 days late, −5 points")


def test_canvas_s_late_is_said_and_costs_nothing_until_a_time_is_known(
    course: Course, tmp_path: Path
) -> None:
    plug(course, "zero")
    records.set_due(course, parsed_due_date("2026-05-01 12:00", "UTC"))
    download = tmp_path / "doejane_LATE_1234_9999_tiny.ipynb"
    download.write_bytes(course.notebook_path("submitted", "ada").read_bytes())
    collect([download], course.path("submitted"), course.release, assignment="tiny")
    try:
        first = graded(course)["1234"].verdict
        stamp(course, "1234", "2026-05-01 13:00:00 UTC")
        second = next(v for v in records.verdicts(course) if v.student == "1234")
        stamp(course, "1234", "2026-05-01 11:00:00 UTC")
        third = next(v for v in records.verdicts(course) if v.student == "1234")
    finally:
        for step in ("submitted", "autograded"):
            shutil.rmtree(course.path(step, "1234"))

    assert (str(first.late), first.final_score) == ("late, says the LMS", 5)
    assert (str(second.late), second.final_score) == ("1 hour late, −5 points", 0)
    assert (third.late, third.final_score) == (None, 5)


def test_a_file_that_is_collected_without_a_time_loses_that_of_the_one_before(
    course: Course, tmp_path: Path
) -> None:
    plug(course, "zero")
    records.set_due(course, parsed_due_date("2026-05-01 12:00", "UTC"))
    stamp(course, "ada", "2026-05-02 12:00:00 UTC")
    records.verdicts(course)
    before = held(course.db_url)["ada"]
    folder = course.notebook_path("submitted", "ada").parent
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    new = tmp_path / "in" / "ada" / "tiny.ipynb"
    new.parent.mkdir(parents=True)
    new.write_bytes(hand_in(course, "ada", {"number": "number = 8"}).read_bytes())
    for path, data in kept.items():
        path.write_bytes(data)
    os.utime(new, (4_000_000_000, 4_000_000_000))
    collect([tmp_path / "in"], course.path("submitted"), course.release, assignment="tiny")
    after = graded(course)["ada"].verdict
    for path in folder.iterdir():
        path.unlink()
    for path, data in kept.items():
        path.write_bytes(data)

    assert before == (5, 5, 86400)
    assert (after.late, after.final_score) == (None, 3)
