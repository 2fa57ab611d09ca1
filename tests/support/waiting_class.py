"""A course whose class waits for a person: real rubrics on real answers, and nothing was run."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from xorkit import recall
from xorkit.engine import records, store
from xorkit.engine.course import Course, open_course
from xorkit.engine.store import Keys, StoredResult
from xorkit.lesson import Lesson
from xorkit.verdict import CellVerdict, TestOutcome, Verdict

ROOT = Path(__file__).parents[2]
COUNT = 73  # answers that wait in the class that is marked in a browser
HELDOUT = ROOT / "tests" / "recall" / "heldout.yaml"


def waiting_course(root: Path, count: int) -> Course:
    """The XOR course in an empty folder, with exactly this many answers that wait."""
    for name in ("source", "lessons", "release"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    course = open_course(root, "xor")
    for verdict in _verdicts(course.lesson, count):
        store.keep_verdict(course, StoredResult(verdict, Keys()))
    assert sum(len(v.needs_review) for v in records.verdicts(course)) == count
    return course


def _verdicts(lesson: Lesson, count: int) -> Iterator[Verdict]:
    """Learners who earned all points that the grader gives, as many as have so many to wait."""
    unsure = {name: _unsure(lesson, name) for name in lesson.recall}
    left = count
    for number in itertools.count():
        if not left:
            return
        names = list(lesson.recall)[:left]
        left -= len(names)
        yield _verdict(lesson, f"learner{number:02d}", {name: next(unsure[name]) for name in names})


def _unsure(lesson: Lesson, name: str) -> Iterator[dict[str, object]]:
    """Answers to a question that the rubric leaves to a person, with what it says of them."""
    answers = [item["answer"] for item in yaml.safe_load(HELDOUT.read_text("utf-8"))[name]]
    more = (f"It is for the frobnication of the quux, I think, as in {k}." for k in range(1000))
    for answer in itertools.chain(answers, more):
        mark = recall.mark_answer(lesson.recall[name], answer)
        if mark.points is None:
            yield {**vars(mark), "answer": answer}


def _verdict(lesson: Lesson, student: str, marks: dict[str, dict[str, object]]) -> Verdict:
    cells = tuple(
        _cell(lesson, cell, cell.removeprefix("test_") in marks) for cell in lesson.points
    )
    details: Any = {"recall": marks, "matching": []}
    return Verdict(student, lesson.assignment, lesson.max_score, cells, details=details)


def _cell(lesson: Lesson, cell: str, waits: bool) -> CellVerdict:
    most = lesson.max_points(cell)
    if waits:
        test = TestOutcome("test_part", "not_judged", most, "It says a part.", review=True)
    else:
        test = TestOutcome("test_all", "passed", most, "All of it.")
    return CellVerdict(cell, most, (test,))
