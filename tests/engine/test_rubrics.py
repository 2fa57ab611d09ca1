"""Persons' marks of the class become tests of the rubrics, and never spoil the rubrics' file."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support.tiny_course import REPOSITORY

from xorkit.engine import rubrics, store
from xorkit.engine.course import Course, open_course
from xorkit.engine.store import Keys, StoredResult
from xorkit.evidence import Evidence
from xorkit.verdict import CellVerdict, Verdict

ANSWER = "It walks every weight a bit down the hill."


@pytest.fixture
def course(tmp_path: Path) -> Course:
    for name in ("source", "lessons"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    shutil.copy(REPOSITORY / "nbgrader_config.py", tmp_path)
    return open_course(tmp_path, "xor")


def marked(course: Course, student: str, mark: float | None) -> None:
    """Keeps an answer that a person gave this mark."""
    keys = Keys(run=student)
    seen = Evidence(observations={"recall_step": {"values": {"recall_step": ANSWER}}})
    cell = CellVerdict("test_recall_step", 2, (), mark)
    verdict = replace(Verdict(student, "xor", 40), cells=(cell,))
    store.keep(course, StoredResult(verdict, keys), store.pack_evidence(seen, keys), None)


def learnt(course: Course) -> list[int]:
    """The marks of the answer among the rubric's tests, read anew."""
    rubric = open_course(course.root, "xor").lesson.recall["recall_step"]
    return [test.mark for test in rubric.tests if test.answer == ANSWER]


def test_a_persons_mark_becomes_a_test_of_the_rubric_once(course: Course) -> None:
    marked(course, "ada", 1.0)
    marked(course, "bob", 1.0)

    _, added = rubrics.add_marks(course)

    assert added == 1
    assert learnt(course) == [1]
    assert rubrics.add_marks(open_course(course.root, "xor"))[1] == 0


@pytest.mark.parametrize(
    "mark", [pytest.param(3.0, id="extra credit"), 0.5, 1.5, pytest.param(None, id="no mark")]
)
def test_a_mark_that_no_rubric_gives_is_no_test(course: Course, mark: float | None) -> None:
    marked(course, "ada", mark)

    _, added = rubrics.add_marks(course)

    assert added == 0
    assert learnt(course) == []
