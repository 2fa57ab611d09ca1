"""What the commands beside the marking page say and leave behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from xorkit.cli import app
from xorkit.engine import records, store
from xorkit.engine.course import Course
from xorkit.intake.records import LogEntry, add_to_log

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
