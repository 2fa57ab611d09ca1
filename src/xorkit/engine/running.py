"""Runs one rebuilt notebook in a confined kernel and keeps what was seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Literal

from nbformat import NotebookNode

from xorkit.cell_text import plain_values
from xorkit.conventions import answer_cells, following, grade_id, metadata, solution_of
from xorkit.engine.autograded import Outputs, harmless
from xorkit.evidence import MIME, NOTHING, CellRun, Evidence, EvidenceError, loads, shown
from xorkit.judge import needed
from xorkit.sandbox import CellResult, Kernel, Warm

SEEN = "__import__('xorkit.probe').probe.Seen({asked!r})"
LOOP = "training_loop"  # the cell whose observation runs it again
OBSERVE_SECONDS = 60.0  # whole runs of an early stopper take 3 s; a hostile cell may hang here
FULL_TIMES = 4  # cells of one notebook that may use all of a cell's time; the rest get a second
LEAST_SECONDS = 1.0  # for a cell of a notebook whose time is used up

Kind = Literal["given", "answer", "extra", "observe"]


@dataclass(frozen=True)
class Step:
    """Something to run: a cell of the notebook, or an observation in a graded cell's place."""

    kind: Kind
    grade_id: str  # of the answer cell; for given and extra cells the cell's id
    source: str
    names: tuple[str, ...] = ()
    following: str = ""  # text of the answer cell after the one that is observed


def steps(
    rebuilt: NotebookNode, master: NotebookNode, names: Mapping[str, Sequence[str]]
) -> list[Step]:
    """What to run of a rebuilt notebook: given cells, answers, kept extra cells, observations.

    The master's own ungraded cells (pictures, things for the curious) define nothing that answers
    need; they are left out.
    """
    ungraded = {cell.id for cell in master.cells if not metadata(cell)}
    answers = {name: cell.source for name, cell in answer_cells(rebuilt).items()}
    after = following(answers)
    found = []
    for cell in rebuilt.cells:
        about, name = metadata(cell), grade_id(cell)
        if cell.cell_type != "code" or cell.get("id") in ungraded:
            continue
        if about.get("solution"):
            found.append(Step("answer", name, cell.source))
        elif about.get("grade"):
            blank = solution_of(name)
            wanted = tuple(names.get(blank, ()))
            text = answers.get(blank, "")
            found.append(Step("observe", blank, text, wanted, after.get(blank, "")))
        else:
            found.append(Step("given" if about else "extra", name, cell.source))
    return found


@dataclass
class _Notebook:
    """One notebook on its way through kernels: a new one wherever a cell has ended the last."""

    warm: Warm
    questions: Mapping[str, Any]
    seconds: float  # of one cell
    left: float = 0.0  # seconds that all cells together may still take
    again: list[str] = field(default_factory=list)  # what a new kernel runs first
    kernel: Kernel | None = None
    cells: list[CellRun] = field(default_factory=list)
    observations: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Outputs] = field(default_factory=dict)

    def start(self) -> Kernel:
        """The running kernel, or a new one in the state that the last one was in."""
        while self.kernel is None:
            self.kernel = self.warm.start()
            for source in tuple(self.again):
                if not self.timed(source, self.seconds).alive:
                    self.again.remove(source)  # it ends kernels now and then
                    break
        return self.kernel

    def timed(self, source: str, seconds: float, then: str | None = None) -> CellResult:
        """Runs a cell in the running kernel, within what is left of the notebook's time."""
        assert self.kernel is not None  # noqa: S101 - only `start` and `run` call this
        limit = max(LEAST_SECONDS, min(seconds, self.left))
        ran = self.kernel.run(source, seconds=limit, then=then)
        self.left -= ran.seconds
        if not ran.alive:
            self.close()
        return ran

    def run(self, source: str, seconds: float, then: str | None = None) -> CellResult:
        self.start()
        return self.timed(source, seconds, then)

    def close(self) -> None:
        if self.kernel is not None:
            self.kernel.close()
            self.kernel = None

    def take(self, step: Step, after: Sequence[Step]) -> None:
        """Runs a cell, or observes one. `after` are the observations that come next."""
        if step.kind == "observe":
            if step.grade_id not in self.observations:
                self._observe(step)
            return
        self.observations |= _read(step, after)
        ran = self._ran(step, [each for each in after if each.grade_id not in self.observations])
        self.outputs[step.grade_id] = harmless(ran.outputs)
        if ran.status in ("ok", "error"):
            self.again.append(step.source)
        self.cells.append(CellRun(step.grade_id, ran.status, ran.error, round(ran.seconds, 3)))

    def _ran(self, step: Step, after: Sequence[Step]) -> CellResult:
        """Runs a cell and, where it is likely to end, observes it in the same message."""
        if not after or "while" in step.source:
            return self.run(step.source, self.seconds)
        ran = self.run(step.source, self.seconds, _question(after, self.questions))
        if ran.status in ("ok", "error") or (ran.alive and ran.traceback):
            self.observations |= _seen(ran.value, after)
            return ran
        # Was it the cell, or the learner's objects when they were asked? Alone, the cell will tell.
        self.close()
        self.left += ran.seconds
        return self.run(step.source, self.seconds)

    def _observe(self, step: Step) -> None:
        seen = self._asked(step, self.questions)
        if not seen and step.grade_id == LOOP:
            # The run to the end took too long or ended the process: its first updates may not.
            seen = self._asked(step, {**self.questions, "epochs": 0})
        self.observations |= seen

    def _asked(self, step: Step, questions: Mapping[str, Any]) -> dict[str, Any]:
        """What the probe saw, by blank; nothing where the learner's code ended the observation."""
        ran = self.run(NOTHING, OBSERVE_SECONDS, _question([step], questions))
        seen = _seen(ran.value, [step])
        if not seen and ran.status in ("ok", "error"):
            return {step.grade_id: {"fault": f"the probe gave no answer ({ran.error})"}}
        return seen


def _read(cell: Step, asked: Sequence[Step]) -> dict[str, Any]:
    """Observations of plain values, off the text of the cell just above: no need to ask."""
    values = plain_values(cell.source) if any(step.names for step in asked) else None
    return {
        step.grade_id: {"values": {name: values[name] for name in step.names}}
        for step in asked
        if values is not None and step.names and values.keys() >= set(step.names)
    }


def _question(asked: Sequence[Step], questions: Mapping[str, Any]) -> str:
    """The expression whose value is what the probe sees of some cells."""
    each = [
        [
            step.grade_id,
            step.source,
            {**needed(step.grade_id, questions), "names": step.names, "next": step.following},
        ]
        for step in asked
    ]
    return SEEN.format(asked=json.dumps(each))


def _seen(value: Mapping[str, Any], asked: Sequence[Step]) -> dict[str, Any]:
    """The observations that are the value of an expression, by blank: none where it has another."""
    names = [step.grade_id for step in asked]
    try:
        found = loads(str(value[MIME])) if MIME in value else {}
        if not isinstance(found, dict):
            raise EvidenceError(f"wanted observations by blank, saw {shown(found)}")
    except EvidenceError as error:
        return {name: {"hostile": str(error)} for name in names}
    return {name: found[name] for name in names if name in found}


def run(
    plan: Sequence[Step], questions: Mapping[str, Any], warm: Warm, seconds: float
) -> tuple[Evidence, dict[str, Outputs]]:
    """What was seen while the steps ran, and each cell's outputs by grade_id.

    `seconds` are one cell's. Raises SandboxError where no kernel could be had; nothing that
    learners write raises.
    """
    notebook = _Notebook(warm, questions, seconds, FULL_TIMES * max(seconds, OBSERVE_SECONDS))
    try:
        for number, step in enumerate(plan, 1):
            after = takewhile(lambda each: each.kind == "observe", plan[number:])
            notebook.take(step, tuple(after))
    finally:
        notebook.close()
    answers = {step.grade_id: step.source for step in plan if step.kind == "answer"}
    evidence = Evidence(tuple(notebook.cells), answers, notebook.observations, dict(questions))
    return evidence, notebook.outputs
