"""The pages as files of the course, written anew only where what they show has changed.

What makes pages is imported where one is made: Matplotlib starts as slowly as all else together.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from xorkit.engine.course import Course, code_version
from xorkit.engine.store import VERDICT, evidence_of, verdict_of
from xorkit.files import digest, write_file
from xorkit.intake.records import members_of, read_log
from xorkit.pages.words import FORMGRADER
from xorkit.progress import over
from xorkit.verdict import Verdict

WORTH_PROCESSES = 200  # pages that take longer than another process needs to start
BATCHES = 8  # for each process: so often the bar moves
MARK = "\n<!-- made from {} -->\n"  # the end of a page: by it an unchanged one is known
USUAL_SERVER = "http://localhost:8888/"


def write_feedback(course: Course, verdicts: Sequence[Verdict]) -> int:
    """Writes the pages of these learners that are not up to date; gives back how many."""
    looks = _looks(course)
    made_from = {v.student: _made_from(course, looks, v.student) for v in verdicts}
    pages = {student: feedback_path(course, student) for student in made_from}
    stale = [v for v in verdicts if not _is_current(pages[v.student], made_from[v.student])]
    if len(stale) < WORTH_PROCESSES:
        for verdict in over(stale, "writing feedback"):
            _write_page(course, verdict, looks)
        return len(stale)
    from xorkit.engine.machine import cores

    size = len(stale) // (BATCHES * cores()) + 1
    batches = [[v.student for v in stale[k : k + size]] for k in range(0, len(stale), size)]
    spawn = multiprocessing.get_context("spawn")  # a fork would share the gradebook's connection
    with ProcessPoolExecutor(cores(), spawn) as pool:
        done = pool.map(_write_pages, repeat(replace(course)), batches, repeat(looks))
        for _ in over(done, "writing feedback", len(batches)):
            pass
    return len(stale)


def _write_pages(course: Course, students: Sequence[str], looks: str) -> None:
    for student in students:
        if (verdict := verdict_of(course, student)) is not None:
            _write_page(course, verdict, looks)


def _write_page(course: Course, verdict: Verdict, looks: str) -> None:
    from xorkit.pages.feedback_page import feedback_page

    evidence = evidence_of(course, verdict.student)
    page = feedback_page(verdict, course.lesson, answers=evidence.answers if evidence else None)
    page += MARK.format(_made_from(course, looks, verdict.student))
    write_file(feedback_path(course, verdict.student), page.encode())


def feedback_path(course: Course, student: str) -> Path:
    return course.notebook_path("feedback", student).with_suffix(".html")


def _looks(course: Course) -> str:
    """A digest of what all pages of a course share: the lesson, our words and templates."""
    templates = sorted(Path(__file__).with_name("templates").iterdir())
    own = (path.read_bytes() for path in (*templates, *course.lesson_files))
    return digest([code_version(), *own])


def _made_from(course: Course, looks: str, *students: str) -> str:
    """A digest of what a page about these learners shows."""
    files = (course.result_path(name, VERDICT).read_bytes() for name in students)
    return digest(chain([looks], files))  # one at a time: a big class's are 100 MB


def _is_current(page: Path, made_from: str) -> bool:
    mark = MARK.format(made_from).encode()
    with suppress(OSError), page.open("rb") as file:
        file.seek(-len(mark), os.SEEK_END)
        return file.read() == mark
    return False


def write_report(
    course: Course,
    verdicts: Sequence[Verdict],
    *,
    waiting: Sequence[str] = (),
    since: datetime | None = None,
) -> Path:
    """Writes the class report, with the log of what was collected, from `since` on.

    `waiting` are those whose files, as they are now, are not graded yet.
    Points that changed are told against those of the last report that was another one.
    """
    path = course.path("report", f"{course.assignment}.html")
    submitted = course.path("submitted")
    members = members_of(submitted, course.assignment)
    log = read_log(submitted, course.assignment, since)
    formgrader = _formgrader(course)
    shown = [formgrader, repr((members, log, waiting)), *(repr(v.checked) for v in verdicts)]
    made_from = digest([_made_from(course, _looks(course), *(v.student for v in verdicts)), *shown])
    if _is_current(path, made_from):
        return path
    from xorkit.pages.report_page import report_page

    last = path.with_suffix(".marks.json")
    before: dict[str, Any] = json.loads(last.read_text("utf-8")) if last.exists() else {}
    page = report_page(
        verdicts,
        course.lesson,
        before=before,
        members=members,
        log=log,
        waiting=waiting,
        formgrader_link=formgrader,
    )
    write_file(path, (page + MARK.format(made_from)).encode())
    marks = {verdict.student: verdict.final_score for verdict in verdicts if verdict.cells}
    write_file(last, json.dumps(marks).encode())
    return path


def _formgrader(course: Course) -> str:
    """Where the formgrader shows a learner: in the Jupyter that is open on this course, if any."""
    from jupyter_core.paths import jupyter_runtime_dir

    for path in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            server = json.loads(path.read_text("utf-8"))
            os.kill(server["pid"], 0)  # else it was killed, and left its file behind
            if Path(server["root_dir"]).resolve() == course.root:
                return str(server["url"]) + FORMGRADER
    return USUAL_SERVER + FORMGRADER
