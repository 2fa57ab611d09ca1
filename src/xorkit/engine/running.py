"""Runs one rebuilt notebook in a confined kernel and keeps what was seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nbformat import NotebookNode

from xorkit.answers import answer_cells, following
from xorkit.engine.graded import Outputs, harmless
from xorkit.engine.literals import Plain, literals
from xorkit.evidence import CellRun, Evidence, EvidenceError, loads
from xorkit.judge import needed
from xorkit.sandbox import Kernel, Ran, Warm

MIME = "application/vnd.xorkit.evidence+json"  # of the probe's answer
SEEN = "__import__('xorkit.probe').probe.Seen({blank!r}, {source!r}, {asked!r})"
LOOP = "training_loop"  # the cell whose observation runs it again, for seconds
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
    ungraded = {cell.id for cell in master.cells if "nbgrader" not in cell.metadata}
    answers = {name: cell.source for name, cell in answer_cells(rebuilt).items()}
    after = following(answers)
    found = []
    for cell in rebuilt.cells:
        about = cell.metadata.get("nbgrader", {})
        grade_id = str(about.get("grade_id", cell.get("id", "")))
        if cell.cell_type != "code" or cell.get("id") in ungraded:
            continue
        if about.get("solution"):
            found.append(Step("answer", grade_id, cell.source))
        elif about.get("grade"):
            blank = grade_id.removeprefix("test_")
            wanted = tuple(names.get(blank, ()))
            text = answers.get(blank, "")
            found.append(Step("observe", blank, text, wanted, after.get(blank, "")))
        else:
            found.append(Step("given" if about else "extra", grade_id, cell.source))
    return found


@dataclass
class _Notebook:
    """One notebook on its way through kernels: a new one wherever a cell has ended the last."""

    warm: Warm
    questions: Mapping[str, Any]
    seconds: float  # of one cell
    left: float = 0.0  # seconds that all cells together may still take
    again: list[str] = field(default_factory=list)  # what a new kernel runs first
    unrun: list[str] = field(default_factory=list)  # what the kernel has yet to run before the next
    known: dict[str, Plain] = field(default_factory=dict)  # values that these leave behind
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

    def timed(self, source: str, seconds: float, then: str | None = None) -> Ran:
        """Runs a cell within what is left of the notebook's time."""
        assert self.kernel is not None  # noqa: S101 - only `start` and `run` call this
        limit = max(LEAST_SECONDS, min(seconds, self.left))
        ran = self.kernel.run(source, seconds=limit, then=then)
        self.left -= ran.seconds
        if not ran.alive:
            self.close()
        return ran

    def run(self, source: str, seconds: float, then: str | None = None) -> Ran:
        """Runs a cell, and before it those whose values were read off their text."""
        before, self.unrun, self.known = self.unrun, [], {}
        self.again += before
        for each in before if self.kernel is not None else ():
            if not self.timed(each, self.seconds).alive:
                break  # what the notebook does to its kernel; a new one runs them all
        self.start()
        return self.timed(source, seconds, then)

    def close(self) -> None:
        if self.kernel is not None:
            self.kernel.close()
            self.kernel = None

    def take(self, step: Step, after: Step | None) -> None:
        """Runs a cell, or observes one. `after` is what is taken next."""
        if step.kind == "observe":
            if step.grade_id not in self.observations:
                self._observe(step)
            return
        if (values := literals(step.source)) is not None:
            self.unrun.append(step.source)
            self.known |= values
            self.outputs[step.grade_id] = []
            self.cells.append(CellRun(step.grade_id, "ok"))
            return
        ran = self._ran(step, after)
        self.outputs[step.grade_id] = harmless(ran.outputs)
        if ran.status in ("ok", "error"):
            self.again.append(step.source)
        self.cells.append(CellRun(step.grade_id, ran.status, ran.error, round(ran.seconds, 3)))

    def _ran(self, step: Step, after: Step | None) -> Ran:
        """Runs a cell and, where neither is likely to take long, observes it in one message."""
        long = "while" in step.source or (after is not None and after.grade_id == LOOP)
        if after is None or after.kind != "observe" or long:
            return self.run(step.source, self.seconds)
        ran = self.run(step.source, self.seconds, self._question(after, self.questions))
        if ran.status in ("ok", "error"):
            if (seen := _seen(ran.value)) is not None:
                self.observations[after.grade_id] = seen
            return ran
        # Was it the cell, or the learner's objects when they were asked? Alone, the cell will tell.
        self.close()
        self.left += ran.seconds
        return self.run(step.source, self.seconds)

    def _observe(self, step: Step) -> None:
        if step.names and self.known.keys() >= set(step.names):
            seen = {"values": {name: self.known[name] for name in step.names}}
            self.observations[step.grade_id] = seen
            return
        seen = self._asked(step, self.questions)
        if seen is None and step.grade_id == LOOP:
            # The run to the end took too long or ended the process: its first updates may not.
            seen = self._asked(step, {**self.questions, "epochs": 0})
        if seen is not None:
            self.observations[step.grade_id] = seen

    def _asked(self, step: Step, questions: Mapping[str, Any]) -> Any:
        """What the probe saw; None where the learner's code ended the observation."""
        ran = self.run("pass", OBSERVE_SECONDS, self._question(step, questions))
        seen = _seen(ran.value)
        if seen is None and ran.status in ("ok", "error"):
            return {"fault": f"the probe gave no answer ({ran.error})"}
        return seen

    def _question(self, step: Step, questions: Mapping[str, Any]) -> str:
        asked = {**needed(step.grade_id, questions), "names": step.names, "next": step.following}
        return SEEN.format(blank=step.grade_id, source=step.source, asked=json.dumps(asked))


def _seen(value: Mapping[str, Any]) -> Any:
    """The observation that is the value of an expression; None where it has another one."""
    try:
        return loads(str(value[MIME])) if MIME in value else None
    except EvidenceError as error:
        return {"hostile": str(error)}


def run(
    plan: Sequence[Step], questions: Mapping[str, Any], warm: Warm, seconds: float
) -> tuple[Evidence, dict[str, Outputs]]:
    """What was seen while the steps ran, and each cell's outputs by grade_id.

    `seconds` are one cell's. Raises SandboxError where no kernel could be had; nothing that
    learners write raises.
    """
    notebook = _Notebook(warm, questions, seconds, FULL_TIMES * max(seconds, OBSERVE_SECONDS))
    try:
        for step, after in zip(plan, [*plan[1:], None], strict=True):
            notebook.take(step, after)
    finally:
        notebook.close()
    answers = {step.grade_id: step.source for step in plan if step.kind == "answer"}
    evidence = Evidence(tuple(notebook.cells), answers, notebook.observations, dict(questions))
    return evidence, notebook.outputs
