"""A hidden cell in the kernel of plain `nbgrader autograde`: gathers evidence, gives the points."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from xorkit import judge as judging
from xorkit.conventions import OUTCOME_MIME, answer_cells, following, hidden_tests
from xorkit.evidence import Evidence, loads
from xorkit.hidden.session import GraderFault, judge
from xorkit.lesson import Lesson, find_lesson
from xorkit.verdict import CellVerdict

LINE_WIDTH = 100  # of lines for a person: the formgrader cuts longer ones off


def say(cell: CellVerdict) -> str:
    """The outcomes of a cell as lines for the learner, and for the person to whom it is left."""
    marks = {"passed": "✓", "failed": "✗", "not_judged": "–"}
    lines = []
    for test in cell.tests:
        lines.append(f"{marks[test.outcome]} {test.claim}")
        for text in f"{test.message}\n{test.note}".splitlines():
            lines += textwrap.wrap(
                text, LINE_WIDTH, initial_indent="    ", subsequent_indent="    "
            )
    waits = ", and those that a person gives" if cell.needs_review else ""
    return "\n".join([*lines, f"{cell.score:g} of {cell.max_score:g} points{waits}"])


class _Live(dict[str, Any]):
    """Observations that are made when they are asked for, in the kernel that runs the notebook."""

    def __init__(
        self,
        lesson: Lesson,
        namespace: dict[str, Any],
        asked: Mapping[str, Any],
        saved: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.lesson, self.namespace, self.asked, self.saved = lesson, namespace, asked, saved

    def __missing__(self, blank: str) -> Any:
        from xorkit import probe  # beside a learner is where torch may be imported

        after = following(self.saved).get(blank, "")
        asked = {**self.asked, "names": self.lesson.names(blank), "next": after}
        seen = probe.observe(self.lesson.role(blank), self.namespace, self._source(blank), asked)
        if "fault" in seen:
            raise GraderFault(str(seen["fault"]))
        self[blank] = loads(json.dumps(seen))
        return self[blank]

    def _source(self, blank: str) -> str:
        """The answer as the notebook's file has it, if that was run, else the cell run before."""
        ran: list[str] = self.namespace["In"]
        saved = self.saved.get(blank)
        return saved if saved is not None and saved in ran else ran[-2]


def _saved(path: Path) -> dict[str, str]:
    """The answers in a notebook's file; none where there is no such file."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        return {}
    return {grade_id: cell.source for grade_id, cell in answer_cells(notebook).items()}


def _user_namespace() -> dict[str, Any]:
    """The names of the notebook that this kernel runs. Raises RuntimeError outside of a kernel."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        raise RuntimeError("graded cells run in a notebook's kernel, or are collected by the judge")
    namespace: dict[str, Any] = shell.user_ns
    return namespace


@functools.cache
def _kernel() -> tuple[Lesson, Evidence]:
    """The lesson and the evidence of the notebook that this kernel runs."""
    from xorkit import probe

    probe.recorder()
    here = Path.cwd()  # nbgrader runs a notebook in its own folder, called after the assignment
    lesson = find_lesson(here.name, here)
    saved = _saved(here / f"{here.name}.ipynb")
    asked: dict[str, Any] = {}
    if lesson.task is not None:
        facts = lesson.facts
        asked = judging.questions(lesson.trained, facts.good, facts.stall, np.random.default_rng())
    live = _Live(lesson, _user_namespace(), asked, saved)
    return lesson, Evidence(answers=saved, observations=live, questions=asked)


def grade(name: str, grade_id: str) -> float | None:
    """Ends a hidden cell: `grade(__name__, "test_data")`. In a kernel it is the cell's points.

    Nothing that the learner's objects print on stderr meanwhile can reach nbgrader, which would
    take all points for it.
    """
    if name != "__main__":
        return None  # the judge collects the cell's tests itself
    from IPython.display import display

    with contextlib.redirect_stderr(io.StringIO()):
        lesson, evidence = _kernel()
        source = hidden_tests(_user_namespace()["In"][-1])
        (cell,) = judge({grade_id: source}, evidence, lesson).cells
    outcomes = {"needs_review": cell.needs_review, "score": cell.score}
    display({OUTCOME_MIME: outcomes, "text/plain": say(cell)}, raw=True)
    return cell.score
