"""What is kept of each graded submission, beside its notebook in `autograded/`.

`verdict.json` is written last: where it stands, everything else does. `evidence.json.gz` is what
`xorkit rejudge` needs, so that no learner's code has to run again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from xorkit.engine.course import Course, code_version
from xorkit.evidence import Evidence
from xorkit.hidden import MIME, say
from xorkit.verdict import Verdict

VERDICT, EVIDENCE = "verdict.json", "evidence.json.gz"


@dataclass(frozen=True)
class Keys:
    """Digests of what a result depends on: what was run, and what judged it."""

    run: str
    judged: str


def keys(course: Course, texts: Iterable[str], settings: object) -> Keys:
    """The keys of a submission with these cells' texts."""
    task = course.lesson.task
    run = _digest([*texts, repr(settings), str(task), code_version()])
    lesson = course.lesson.model_dump_json()
    return Keys(run, _digest([run, lesson, json.dumps(dict(course.hidden_cells))]))


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def write(path: Path, data: bytes) -> None:
    """Writes a file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def keep(
    course: Course,
    verdict: Verdict,
    key: Keys,
    evidence: Evidence | None,
    notebook: NotebookNode | None,
) -> None:
    """Keeps a result; parts that are None stay as they are."""
    student = verdict.student
    if evidence is not None:
        text = json.dumps(evidence.to_json()).encode()
        write(course.result_path(student, EVIDENCE), gzip.compress(text, compresslevel=1))
    if notebook is not None:
        text = nbformat.writes(notebook).encode("utf-8", "replace")
        write(course.notebook_path("autograded", student), text)
    value = {**verdict.to_json(), "keys": vars(key)}
    text = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    write(course.result_path(student, VERDICT), text)


def verdict_of(course: Course, student: str) -> Verdict | None:
    """The kept verdict; None where there is none, or one of another form."""
    value = _kept(course, student)
    return Verdict.from_json(value) if value else None


def keys_of(course: Course, student: str) -> Keys | None:
    value = _kept(course, student)
    return Keys(**value["keys"]) if value else None


def _kept(course: Course, student: str) -> dict[str, Any] | None:
    try:
        value = json.loads(course.result_path(student, VERDICT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    complete = isinstance(value, dict) and {"keys", "cells", "findings"} <= set(value)
    return value if complete else None


def evidence_of(course: Course, student: str) -> Evidence | None:
    """The kept evidence; None where there is none that can be read."""
    try:
        text = gzip.decompress(course.result_path(student, EVIDENCE).read_bytes())
        return Evidence.from_json(json.loads(text))
    except (OSError, ValueError, KeyError, EOFError):
        return None


def graded_notebook(
    course: Course, rebuilt: NotebookNode, outputs: Mapping[str, Any], verdict: Verdict
) -> NotebookNode:
    """The rebuilt notebook as the formgrader shows it: tests in place, outputs, scores."""
    notebook = nbformat.from_dict(rebuilt)
    tests = {
        cell.metadata.nbgrader["grade_id"]: cell.source
        for cell in course.source.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    }
    verdicts = {cell.grade_id: cell for cell in verdict.cells}
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", cell.get("id"))
        if cell.cell_type != "code":
            continue
        cell.outputs = [nbformat.from_dict(output) for output in outputs.get(grade_id, ())]
        if grade_id in verdicts:
            cell.source = tests[grade_id]
            cell.outputs = _outputs(verdicts[grade_id])
    return notebook


def _outputs(cell: Any) -> list[NotebookNode]:
    """A graded cell's outputs, as `grade` makes them in a kernel."""
    outcome = {MIME: {"needs_review": cell.needs_review, "score": cell.auto_score}}
    return [
        new_output("stream", name="stdout", text=say(cell) + "\n"),
        new_output("display_data", data={**outcome, "text/plain": ""}),
        new_output("execute_result", data={"text/plain": repr(cell.auto_score)}, execution_count=1),
    ]
