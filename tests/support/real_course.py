"""The real lesson, graded as `xorkit grade` does it, in this process and with real kernels."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from support.tiny_course import REPOSITORY
from xorkit.conventions import filled, solution_texts
from xorkit.engine.assignment import Assignment, of_course
from xorkit.engine.autograded import to_bytes
from xorkit.engine.course import open_course
from xorkit.engine.job import Job, JobResult, RunSettings, work


@cache
def real_course() -> tuple[Assignment, Mapping[str, str]]:
    """The assignment and its solutions."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "xor"
        for name in ("source", "lessons", "release"):
            shutil.copytree(REPOSITORY / name, root / name)
        shutil.copy(REPOSITORY / "nbgrader_config.py", root)
        course = open_course(root, "xor")
        return of_course(course), solution_texts(course.source)


def grade_answers(changed: Mapping[str, str], timeout: float = 20) -> JobResult:
    """What comes of the solutions with some answers changed, by grade_id."""
    assignment, solutions = real_course()
    notebook = filled(assignment.release, {**solutions, **changed})
    job = Job("ada", RunSettings(timeout), file=to_bytes(notebook))
    return JobResult.unpack(work(assignment.pack(), job.pack()))
