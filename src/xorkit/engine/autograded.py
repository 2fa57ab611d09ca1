"""The graded notebook as the formgrader shows it: hidden tests in place, outputs, scores.

An instructor opens it in a browser that may change marks, so what a learner's cell has put out is
kept only in forms that can't carry a script.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import nbformat
from nbformat import NotebookNode, v4
from nbformat.v4 import new_output

from xorkit.conventions import OUTCOME_MIME, grade_id, hidden_tests
from xorkit.hidden.live import say
from xorkit.verdict import CellVerdict

Outputs = list[dict[str, Any]]

PICTURES = ("image/png", "image/jpeg")
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
# Bytes of one cell's outputs: a dozen plots, or ten thousand printed lines; and of all cells'.
LONGEST_OUTPUTS, MOST_OUTPUTS = 1 << 20, 8 << 20
REST_LEFT_OUT = "[the rest of this cell's output was too long and is left out]\n"


def harmless(outputs: Iterable[Mapping[str, Any]], left: int = MOST_OUTPUTS) -> Outputs:
    """A cell's outputs as text and pictures, and not more of them than anybody looks at.

    `left` are the bytes that the notebook's outputs may still take.
    """
    kept: Outputs = []
    room = min(LONGEST_OUTPUTS, left)
    for output in outputs:
        plain = _plain(output)
        room -= len(json.dumps(plain))
        if room < 0:
            return [*kept, new_output("stream", name="stderr", text=REST_LEFT_OUT)]
        kept.append(plain)
    return kept


def _plain(output: Mapping[str, Any]) -> dict[str, Any]:
    if "data" not in output:
        return dict(output)
    data = {kind: value for kind, value in output["data"].items() if _is_plain(kind, value)}
    return {**output, "data": data, "metadata": {}}


def _is_plain(kind: str, value: object) -> bool:
    if kind in PICTURES:
        return isinstance(value, str) and BASE64.fullmatch(value) is not None
    return kind == "text/plain"


def with_outputs(rebuilt: NotebookNode, outputs: Mapping[str, Outputs]) -> NotebookNode:
    """A rebuilt notebook with what its cells put out, by grade_id or, where there is none, id."""
    notebook: NotebookNode = nbformat.from_dict(rebuilt)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found = outputs.get(grade_id(cell), [])
            cell.outputs = [nbformat.from_dict(o) for o in found]
    return notebook


def with_verdicts(
    notebook: NotebookNode, tests: Mapping[str, str], verdicts: Iterable[CellVerdict]
) -> NotebookNode:
    """Puts the graded cells' tests and what they concluded into a notebook; gives it back.

    The learner's own check stays out: in the formgrader it is pages of code between an answer and
    what was found in it.
    """
    by_cell = {verdict.grade_id: verdict for verdict in verdicts}
    for cell in notebook.cells:
        name = grade_id(cell)
        if cell.cell_type == "code" and name in by_cell:
            cell.source = _tests_alone(tests[name])
            cell.outputs = _conclusion(by_cell[name])
    return notebook


def _tests_alone(source: str) -> str:
    """A graded cell's hidden tests, marked as such, so that they can still run in a kernel."""
    tests = hidden_tests(source)
    return f"### BEGIN HIDDEN TESTS\n{tests}### END HIDDEN TESTS" if tests else source


def _conclusion(cell: CellVerdict) -> list[NotebookNode]:
    """A graded cell's outputs, as `grade` makes them in a kernel."""
    outcome = {OUTCOME_MIME: {"needs_review": cell.needs_review, "score": cell.auto_score}}
    shown = {**outcome, "text/plain": say(cell)}
    points = {"text/plain": repr(cell.auto_score)}
    outputs = [
        {"output_type": "display_data", "data": shown, "metadata": {}},
        {"output_type": "execute_result", "data": points, "metadata": {}, "execution_count": 1},
    ]
    return [nbformat.from_dict(output) for output in outputs]  # `new_output` validates for 10 ms


def to_bytes(notebook: NotebookNode) -> bytes:
    """A notebook as a file, in one line: nbformat's own writer takes eight times as long."""
    return json.dumps(notebook, ensure_ascii=False).encode("utf-8", "replace")


def from_bytes(data: bytes | None) -> NotebookNode | None:
    """The notebook that `to_bytes` wrote; None where it can't be read."""
    try:
        notebook: NotebookNode = v4.reads((data or b"").decode("utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return notebook
