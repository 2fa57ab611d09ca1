"""A small class, graded for real: each learner's cells run beside the probe, without a kernel."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import torch
from torch import nn

from xorkit import judge as judging
from xorkit import lesson as lessons
from xorkit import probe
from xorkit.conventions import answer_cells, hidden_tests, solution_texts
from xorkit.engine.grading import grade_submission
from xorkit.evidence import CellRun, Evidence, loads
from xorkit.hidden.session import HiddenTests
from xorkit.lesson import Lesson
from xorkit.verdict import Verdict

ROOT = Path(__file__).parents[2]
EPOCHS = 1000  # enough for the seed LEARNS, and a fifth of what the lesson asks for
LEARNS, STALLS = 34, 5  # seeds


@cache
def lesson() -> Lesson:
    """XOR's lesson with fewer passes."""
    loaded = lessons.load(ROOT / "lessons" / "xor.yaml")
    assert loaded.task is not None
    return loaded.model_copy(update={"task": loaded.task.model_copy(update={"epochs": EPOCHS})})


@cache
def _notebook(step: str) -> nbformat.NotebookNode:
    path = ROOT / step / "xor" / "xor.ipynb"
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    return notebook


@cache
def hidden_cells() -> dict[str, str]:
    cells = ((c.metadata.get("nbgrader", {}), c.source) for c in _notebook("source").cells)
    return {about["grade_id"]: hidden_tests(text) for about, text in cells if about.get("grade")}


@cache
def tests() -> HiddenTests:
    return HiddenTests(hidden_cells(), lesson())


@dataclass(frozen=True)
class Learner:
    verdict: Verdict
    answers: dict[str, str]


class Room(dict[str, Learner]):
    """Learners by what is special about them; a failing test needn't print them all."""

    def __repr__(self) -> str:
        return f"Room({', '.join(self)})"


def solutions() -> dict[str, str]:
    texts = solution_texts(_notebook("source"))
    return {name: text.replace("5000", str(EPOCHS)) for name, text in texts.items()}


def released() -> dict[str, str]:
    return {name: cell.source for name, cell in answer_cells(_notebook("release")).items()}


def graded(student: str, answers: Mapping[str, str], seed: int = LEARNS, **more: Any) -> Verdict:
    """The verdict on the solutions with some answer cells replaced; `more` goes into evidence."""
    evidence = _run({**solutions(), **answers}, seed, more)
    verdict, faults = grade_submission(student, evidence, tests())
    assert not faults, faults
    return Verdict.from_json(json.loads(json.dumps(verdict.to_json())))


def _run(cells: Mapping[str, str], seed: int, more: Mapping[str, Any]) -> Evidence:
    course = lesson()
    rng = np.random.default_rng(seed)
    asked = judging.questions(course.trained, course.facts.good, course.facts.stall, rng)
    namespace: dict[str, Any] = {"__name__": "__main__", "torch": torch, "nn": nn}
    probe.recorder().reset()
    torch.manual_seed(seed)
    runs, seen = [], {}
    for grade_id in hidden_cells():
        blank = grade_id.removeprefix("test_")
        source = cells.get(blank, "")
        error = _exec(source, namespace)
        runs.append(CellRun(blank, "error" if error else "ok", error, seconds=1.0))
        names = {**asked, "names": course.names(blank)}
        seen[blank] = loads(json.dumps(probe.observe(blank, namespace, source, names)))
    return Evidence(tuple(runs), dict(cells), seen, asked, **more)


def _exec(source: str, namespace: dict[str, Any]) -> tuple[str, str] | None:
    streams = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with streams[0], streams[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(source, "<cell>", "exec"), namespace)
        except Exception as error:
            return type(error).__name__, str(error)
    return None


class Page(HTMLParser):
    """A page as a parser sees it: its elements with their attributes, and its words."""

    UNSAID = ("style", "script")
    WITHIN_WORDS = ("code", "span", "bdi", "strong", "em", "a")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.parts: list[str] = []
        self._inside: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag in self.UNSAID:
            self._inside.append(tag)
        if tag not in self.WITHIN_WORDS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            self._inside.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.parts.append(data)

    @property
    def words(self) -> str:
        """All that is said, with single spaces."""
        return " ".join("".join(self.parts).split())

    @property
    def ids(self) -> list[str | None]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]
