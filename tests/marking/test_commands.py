"""What the commands beside the marking page say and leave behind."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xorkit.cli import app
from xorkit.engine import records, store
from xorkit.engine.course import Course
from xorkit.intake.records import LogEntry, add_to_log
from xorkit.pages import writing

LEARNER = "learner03"


def run(course: Course, *arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments, "--course", str(course.root)])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_file_is_ticked_off_and_leaves_the_report(course: Course) -> None:
    kept = store.stored_result(course, LEARNER)
    assert kept is not None
    doubtful = replace(kept.verdict, review=("Two answers to 4.",))
    store.keep_verdict(course, replace(kept, verdict=doubtful))
    report = course.path("report", "xor.html")
    run(course, "report", "xor")
    assert "1 file to check" in report.read_text("utf-8")

    assert f"{LEARNER}: checked" in run(course, "checked", "xor", LEARNER)
    assert "learner04: nothing wanted a look" in run(course, "checked", "xor", "learner04")

    run(course, "report", "xor")
    assert "1 file to check" not in report.read_text("utf-8")
    assert "Checked: Two answers to 4." in report.read_text("utf-8")
    (verdict,) = [v for v in records.verdicts(course) if v.student == LEARNER]
    assert verdict.checked


def test_what_was_exported_before_is_up_to_date_after_marks(course: Course) -> None:
    template = course.root / "gradebook.csv"
    template.write_text("Student,ID,SIS User ID,SIS Login ID,Section,xor (1)\nA,1,,learner03,,\n")
    run(course, "export", "xor", "--to", "canvas", "--template", str(template))
    table = course.root / "waiting.csv"
    run(course, "mark", "xor", "--csv", str(table))
    grades = course.path("exported", "canvas", "canvas.csv")
    grades.unlink()

    said = run(course, "mark", "xor", "--from", str(table))

    assert f"Up to date: {grades}" in said
    assert grades.exists()
    template.unlink()
    said = run(course, "mark", "xor", "--from", str(table))
    assert "Not up to date, run xorkit export xor --to canvas" in said
    assert f"Up to date: {course.path('exported', 'csv', 'grades.csv')}" in said


@pytest.mark.parametrize(
    ("since", "shown"),
    [((), ("old.ipynb", "new.ipynb")), (("--since", "2026-05-02"), ("new.ipynb",))],
)
def test_the_report_shows_what_was_collected_since(
    since: tuple[str, ...], shown: tuple[str, ...], course: Course
) -> None:
    entries = [
        LogEntry("2026-04-01T10:00:00+00:00", LEARNER, "old.ipynb", "taken"),
        LogEntry("2026-06-01T10:00:00+00:00", LEARNER, "new.ipynb", "taken", "", "old.ipynb"),
    ]
    course.path("collected").mkdir(exist_ok=True)
    (course.path("collected", "xor.jsonl")).unlink(missing_ok=True)
    add_to_log(course.path("submitted"), "xor", entries)

    run(course, "report", "xor", *since)

    page = course.path("report", "xor.html").read_text("utf-8")
    assert [name for name in ("old.ipynb", "new.ipynb") if f"<td>{name}</td>" in page] == list(
        shown
    )


def test_pages_are_written_only_where_what_they_show_has_changed(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = len(course.students("autograded"))
    shutil.rmtree(course.path("feedback"), ignore_errors=True)
    monkeypatch.setattr(writing, "WORTH_PROCESSES", 2)
    assert f"Wrote {count} feedback pages" in run(course, "feedback")  # by several processes
    monkeypatch.undo()
    assert f"Wrote 0 feedback pages into {course.path('feedback')}; {count} are" in run(
        course, "feedback"
    )
    run(course, "report")
    report = course.path("report", "xor.html")
    before = report.stat().st_mtime_ns
    run(course, "report")
    assert report.stat().st_mtime_ns == before

    kept = store.stored_result(course, "learner05")
    assert kept is not None
    store.keep_verdict(course, replace(kept, verdict=replace(kept.verdict, review=("Odd.",))))

    assert "Wrote 1 feedback pages" in run(course, "feedback")
    run(course, "report")
    assert report.stat().st_mtime_ns > before


def test_whose_lateness_changed_is_known_once(course: Course) -> None:
    records.set_due(course, datetime(2026, 1, 1, tzinfo=UTC))
    stamp = course.path("submitted", LEARNER, "xor", "timestamp.txt")
    stamp.parent.mkdir(parents=True)
    stamp.write_text("2026-01-02 00:00:00 UTC")

    for moved in ((LEARNER,), ()):
        with records.opened(course) as own:
            assert own.moved == moved
    records.set_due(course, None)


@pytest.mark.parametrize("here", [True, False])
def test_the_report_finds_the_jupyter_that_is_open_on_the_course(
    here: bool, course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    root = course.root if here else tmp_path
    server = {"pid": os.getpid(), "root_dir": str(root), "url": "http://localhost:9911/lab/"}
    (tmp_path / "jpserver-1.json").write_text(json.dumps(server))
    (tmp_path / "jpserver-2.json").write_text("[]")

    run(course, "report")

    page = course.path("report", "xor.html").read_text("utf-8")
    address = "http://localhost:9911/lab/" if here else "http://localhost:8888/"
    assert f'"{address}formgrader/manage_students/{LEARNER}/xor"' in page
