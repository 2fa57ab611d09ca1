"""The pages as files of the course."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from xorkit.engine.course import Course
from xorkit.engine.store import VERDICT, evidence_of
from xorkit.files import write_file
from xorkit.intake.records import members_of, read_log
from xorkit.pages.feedback_page import feedback_page
from xorkit.pages.report_page import report_page
from xorkit.verdict import Verdict


def write_feedback(course: Course, verdicts: Sequence[Verdict], *, stale_only: bool = False) -> int:
    """Writes a page for each of these learners; gives back how many.

    `stale_only` leaves out those whose page is younger than their verdict.
    """
    count = 0
    for verdict in verdicts:
        path = feedback_path(course, verdict.student)
        if stale_only and _is_younger(path, course.result_path(verdict.student, VERDICT)):
            continue
        evidence = evidence_of(course, verdict.student)
        answers = evidence.answers if evidence else None
        write_file(path, feedback_page(verdict, course.lesson, answers=answers).encode())
        count += 1
    return count


def feedback_path(course: Course, student: str) -> Path:
    return course.notebook_path("feedback", student).with_suffix(".html")


def _is_younger(page: Path, verdict: Path) -> bool:
    try:
        return page.stat().st_mtime_ns > verdict.stat().st_mtime_ns
    except OSError:
        return False


def write_report(
    course: Course, verdicts: Sequence[Verdict], *, since: datetime | None = None
) -> Path:
    """Writes the class report, with the log of what was collected, from `since` on.

    Points that changed are told against those of the last report.
    """
    path = course.path("report", f"{course.assignment}.html")
    last = path.with_suffix(".marks.json")
    before: dict[str, Any] = json.loads(last.read_text("utf-8")) if last.exists() else {}
    submitted = course.path("submitted")
    page = report_page(
        verdicts,
        course.lesson,
        before=before,
        members=members_of(submitted, course.assignment),
        log=read_log(submitted, course.assignment, since),
    )
    write_file(path, page.encode())
    marks = {verdict.student: verdict.final_score for verdict in verdicts if verdict.cells}
    write_file(last, json.dumps(marks).encode())
    return path
