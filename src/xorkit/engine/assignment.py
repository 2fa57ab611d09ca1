"""What a worker must know of an assignment, as bytes: its machine may not have the course."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import nbformat
from nbformat import NotebookNode

from xorkit import judge
from xorkit.conventions import hidden_tests
from xorkit.engine.course import Course, code_version
from xorkit.files import digest
from xorkit.hidden.session import HiddenTests
from xorkit.intake.released import ReleasedNotebook, released
from xorkit.lesson import Lesson


@dataclass(frozen=True)
class Assignment:
    """The released notebook, the graded cells with their hidden tests, and the lesson.

    `base` and `judged` are digests of what running and judging depend on beside the answers.
    """

    release: NotebookNode
    graded_cells: Mapping[str, str]
    lesson: Lesson
    code: str  # the version of the kit that made it

    @cached_property
    def tests(self) -> HiddenTests:
        cells = {grade_id: hidden_tests(text) for grade_id, text in self.graded_cells.items()}
        return HiddenTests(cells, self.lesson)

    @cached_property
    def plan(self) -> ReleasedNotebook:
        """The release, ready for answers to be found."""
        return released(self.release)

    @cached_property
    def base(self) -> str:
        return digest([json.dumps(self.release), self.task, self.code])

    @cached_property
    def judged(self) -> str:
        return digest([self.lesson.model_dump_json(), json.dumps(self.graded_cells), self.code])

    @property
    def task(self) -> str:
        return f"{self.lesson.task} {self.lesson.cells}"

    def names(self) -> Mapping[str, list[str]]:
        """The names that each answer cell is to leave behind, where the lesson knows them."""
        return {answer.grade_id: self.lesson.names(answer.grade_id) for answer in self.plan.answers}

    def questions(self, epochs: int | None = None) -> dict[str, Any]:
        """Fresh questions for one submission; none where the lesson trains nothing.

        `epochs` is how many to ask for, where not the lesson's number.
        """
        import numpy as np

        if self.lesson.task is None:
            return {}
        facts = self.lesson.facts
        rng = np.random.default_rng()
        return judge.questions(self.lesson.trained, facts.good, facts.stall, rng, epochs)

    def pack(self) -> bytes:
        value = {
            "release": self.release,
            "graded_cells": dict(self.graded_cells),
            "lesson": self.lesson.model_dump(mode="json"),
            "code": self.code,
        }
        return gzip.compress(json.dumps(value).encode(), mtime=0)


def of_course(course: Course) -> Assignment:
    return Assignment(course.release, course.graded_cells, course.lesson, code_version())


@functools.lru_cache(maxsize=4)
def unpack(data: bytes) -> Assignment:
    """The assignment that `pack` wrote; a worker's jobs nearly all have the same."""
    value = json.loads(gzip.decompress(data))
    release = nbformat.from_dict(value["release"])
    lesson = Lesson.model_validate(value["lesson"])
    return Assignment(release, value["graded_cells"], lesson, value["code"])
