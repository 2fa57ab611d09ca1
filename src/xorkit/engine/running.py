"""Runs one rebuilt notebook in a confined kernel and keeps what was seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nbformat import NotebookNode

from xorkit.evidence import CellRun, Evidence, EvidenceError, loads
from xorkit.sandbox import Kernel, Ran, Warm

MIME = "application/vnd.xorkit.evidence+json"  # as the probe publishes it
PREPARE = "__import__('xorkit.probe').probe.recorder()"
PUBLISH = "__import__('xorkit.probe').probe.publish({blank!r}, {source!r}, {asked!r})"
OBSERVE_SECONDS = 60.0  # whole runs of an early stopper take 3 s; a hostile cell may hang here

Kind = Literal["given", "answer", "extra", "observe"]


@dataclass(frozen=True)
class Step:
    """Something to run: a cell of the notebook, or an observation in a graded cell's place."""

    kind: Kind
    grade_id: str  # of the answer cell; for given and extra cells the cell's id
    source: str
    names: tuple[str, ...] = ()


def steps(
    rebuilt: NotebookNode, master: NotebookNode, names: Mapping[str, Sequence[str]]
) -> list[Step]:
    """What to run of a rebuilt notebook: given cells, answers, kept extra cells, observations.

    The master's own ungraded cells (pictures, things for the curious) define nothing that answers
    need; they are left out.
    """
    ungraded = {cell.id for cell in master.cells if "nbgrader" not in cell.metadata}
    answers: dict[str, str] = {}
    found = []
    for cell in rebuilt.cells:
        about = cell.metadata.get("nbgrader", {})
        grade_id = str(about.get("grade_id", cell.get("id", "")))
        if cell.cell_type != "code" or cell.get("id") in ungraded:
            continue
        if about.get("solution"):
            answers[grade_id] = cell.source
            found.append(Step("answer", grade_id, cell.source))
        elif about.get("grade"):
            blank = grade_id.removeprefix("test_")
            wanted = tuple(names.get(blank, ()))
            found.append(Step("observe", blank, answers.get(blank, ""), wanted))
        else:
            found.append(Step("given" if about else "extra", grade_id, cell.source))
    return found


@dataclass
class _Notebook:
    """One notebook on its way through kernels: a new one wherever a cell has ended the last."""

    warm: Warm
    questions: Mapping[str, Any]
    given: list[str]
    kernel: Kernel | None = None
    cells: list[CellRun] = field(default_factory=list)
    observations: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def start(self) -> Kernel:
        """The running kernel, or a new one in which the given cells so far have run."""
        if self.kernel is None:
            self.kernel = self.warm.start()
            for source in (PREPARE, *self.given):
                self.kernel.run(source)
        return self.kernel

    def run(self, source: str, seconds: float | None = None) -> Ran:
        kernel = self.start()
        ran = kernel.run(source, seconds=seconds)
        if not ran.alive:
            self.close()
        return ran

    def close(self) -> None:
        if self.kernel is not None:
            self.kernel.close()
            self.kernel = None

    def take(self, step: Step) -> None:
        if step.kind == "observe":
            self._observe(step)
            return
        ran = self.run(step.source)
        self.outputs[step.grade_id] = ran.outputs
        if step.kind == "given":
            self.given.append(step.source)
        self.cells.append(CellRun(step.grade_id, ran.status, ran.error, round(ran.seconds, 3)))

    def _observe(self, step: Step) -> None:
        asked = json.dumps({**self.questions, "names": list(step.names)})
        code = PUBLISH.format(blank=step.grade_id, source=step.source, asked=asked)
        ran = self.run(code, OBSERVE_SECONDS)
        seen = _published(ran.outputs)
        if seen is not None:
            self.observations[step.grade_id] = seen


def _published(outputs: Sequence[Mapping[str, Any]]) -> Any:
    """The observation among a cell's outputs; None where the cell was ended before it."""
    for output in outputs:
        data = output.get("data")
        if isinstance(data, Mapping) and MIME in data:
            try:
                return loads(json.dumps(data[MIME]))
            except EvidenceError as error:
                return {"hostile": str(error)}
    return None


def run(
    plan: Sequence[Step], questions: Mapping[str, Any], warm: Warm
) -> tuple[Evidence, dict[str, list[dict[str, Any]]]]:
    """What was seen while the steps ran, and each cell's outputs by grade_id.

    Raises SandboxError where no kernel could be had; nothing that learners write raises.
    """
    notebook = _Notebook(warm, questions, [])
    try:
        for step in plan:
            notebook.take(step)
    finally:
        notebook.close()
    answers = {step.grade_id: step.source for step in plan if step.kind == "answer"}
    evidence = Evidence(tuple(notebook.cells), answers, notebook.observations, dict(questions))
    return evidence, notebook.outputs
