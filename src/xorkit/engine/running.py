"""Runs one rebuilt notebook in a confined kernel and keeps what was seen."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Literal

from nbformat import NotebookNode

from xorkit.cell_text import plain_values
from xorkit.conventions import answer_cells, following, grade_id, metadata, solution_of
from xorkit.engine.autograded import MOST_OUTPUTS, Outputs, harmless
from xorkit.engine.environment import lacks_of, told
from xorkit.engine.newer_python import Portable, portable
from xorkit.evidence import (
    BY_ITSELF,
    MIME,
    NOTHING,
    QUESTION,
    CellRun,
    Evidence,
    EvidenceError,
    loads,
    read_error,
    shown,
)
from xorkit.guest.standins import install_lines, installs
from xorkit.intake.cells import CellText
from xorkit.judge import needed
from xorkit.lesson import Lesson
from xorkit.sandbox import GARBLED, CellResult, Kernel, Warm

LOOP_ROLE = "training_loop"  # the role of the cell whose observation runs it again
OBSERVE_SECONDS = 60.0  # whole runs of an early stopper take 3 s; a hostile cell may hang here
# The whole of a notebook may take as long as four cells and one observation that use all of their
# time, and then, a second at a time, as long as all other cells of the longest honest notebook.
FULL_TIMES = 4
REST_SECONDS = 30.0
LEAST_SECONDS = 1.0  # for a cell once only the rest is left
MOST_KERNELS = 12  # in a new one all cells run again: each answer may end one, and few mishaps more
STUCK = ("timeout", "died", "output")  # ways in which a cell may end
SILENT_RECORDER = "the grader's recorder was kept from answering"

Kind = Literal["given", "answer", "extra", "observe"]


@dataclass(frozen=True)
class Step:
    """Something to run: a cell of the notebook, or an observation in a graded cell's place."""

    kind: Kind
    grade_id: str  # of the answer cell; for given and extra cells the cell's id
    source: str
    role: str = ""  # of the cell that is observed, in its lesson
    names: tuple[str, ...] = ()
    following: str = ""  # text of the answer cell after the one that is observed
    python: str = ""  # the oldest that reads the text as handed in, where this one doesn't
    runs: bool = True  # whether `source` is that text, written for this one


def steps(rebuilt: NotebookNode, master: NotebookNode, lesson: Lesson) -> list[Step]:
    """What to run of a rebuilt notebook: given cells, answers, kept extra cells, observations.

    The master's own ungraded cells (pictures, things for the curious) define nothing that answers
    need; they are left out.
    """
    ungraded = {cell.id for cell in master.cells if not metadata(cell)}
    read = {name: portable(cell.source) for name, cell in answer_cells(rebuilt).items()}
    answers = {name: answer.text for name, answer in read.items()}
    after = following(answers)
    found = []
    for cell in rebuilt.cells:
        about, name = metadata(cell), grade_id(cell)
        if cell.cell_type != "code" or cell.get("id") in ungraded:
            continue
        if about.get("solution"):
            found.append(_to_run("answer", name, read[name]))
        elif about.get("grade"):
            blank = solution_of(name)
            about_it = lesson.role(blank), tuple(lesson.names(blank)), after.get(blank, "")
            found.append(Step("observe", blank, answers.get(blank, ""), *about_it))
        else:
            found.append(_to_run("given" if about else "extra", name, portable(cell.source)))
    return found


def _to_run(kind: Kind, grade_id: str, text: Portable) -> Step:
    return Step(kind, grade_id, text.text, python=text.python, runs=text.runs)


@dataclass
class _Notebook:
    """One notebook on its way through kernels: a new one wherever a cell has ended the last."""

    warm: Warm
    questions: Mapping[str, Any]
    observed: Sequence[Step]  # all observations of the notebook
    seconds: float  # of one cell
    left: float  # seconds that all of it together may still take
    processor: float  # seconds of the processor that all of it together may still take
    kernels: int = 0  # that were started
    again: list[str] = field(default_factory=list)  # what a new kernel runs first
    kernel: Kernel | None = None
    distrusted: bool = False  # whether a living kernel once gave no answer
    cells: list[CellRun] = field(default_factory=list)
    observations: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    installs: set[str] = field(default_factory=set)  # packages that its own commands install
    lost: set[str] = field(default_factory=set)  # names that cells couldn't leave behind here
    outputs: dict[str, Outputs] = field(default_factory=dict)
    room: int = field(default_factory=lambda: MOST_OUTPUTS)  # bytes that they may still take

    @property
    def over(self) -> Literal["", "not_run", "given_up"]:
        """Why no more of it is run, as the status of the cells that come too late."""
        if self.left <= 0 or self.processor < LEAST_SECONDS:
            return "not_run"
        return "given_up" if self.kernels >= MOST_KERNELS and self.kernel is None else ""

    def start(self) -> None:
        """Where no kernel runs and it isn't over, a new one in the state that the last was in."""
        while self.kernel is None and not self.over:
            begun = time.monotonic()
            self.kernel = self.warm.start(self.processor)
            self.left -= time.monotonic() - begun
            self.kernels += 1
            for source in tuple(self.again):
                if not self.timed(source, self.seconds).alive:
                    self.again.remove(source)  # it ends kernels now and then
                    break

    def timed(self, source: str, seconds: float, then: str | None = None) -> CellResult:
        """Runs a cell in the running kernel, within what is left of the notebook's time."""
        assert self.kernel is not None  # noqa: S101 - only `start` and `run` call this
        limit = max(LEAST_SECONDS, min(seconds, self.left - REST_SECONDS))
        ran = self.kernel.run(source, seconds=limit, then=then)
        self.left -= ran.seconds - ran.waited
        if not ran.alive:
            self.close()
        return ran

    def run(self, source: str, seconds: float, then: str | None = None) -> CellResult | None:
        """Runs a cell, in a new kernel where the last is gone; None where the notebook is over."""
        self.start()
        return None if self.over else self.timed(source, seconds, then)

    def close(self) -> None:
        if self.kernel is not None:
            self.kernel.close()
            self.processor -= self.kernel.processor
            self.kernel = None

    def take(self, step: Step, after: Sequence[Step]) -> None:
        """Runs a cell, or observes one. `after` are the observations that come next."""
        if step.kind == "observe":
            if step.grade_id not in self.observations:
                self._observe(step)
            return
        self.observations |= _read(step, after)
        ran = self._ran(step, [each for each in after if each.grade_id not in self.observations])
        if ran is None:
            self.cells.append(CellRun(step.grade_id, self.over))
            return
        outputs, lacks = told(ran.outputs, self.installs)
        self.outputs[step.grade_id] = harmless(outputs, self.room)
        self.room -= len(json.dumps(self.outputs[step.grade_id]))
        if ran.status in BY_ITSELF:
            self.again.append(step.source)
        lacks += lacks_of(ran.error, step.source, step.python, step.runs, self.lost)
        if any(lack.hangs for lack in lacks):
            self.lost |= CellText("code", step.source).names.bound
        seconds, error = round(ran.seconds, 3), read_error(ran.error)
        status = "garbled" if error is not None and error[0] == GARBLED else ran.status
        if status == "died" and step.kind == "extra" and installs(step.source):
            status = "ok"  # it restarts after an install, as Colab asks for
        self.cells.append(CellRun(step.grade_id, status, error, seconds, lacks))

    def _ran(self, step: Step, after: Sequence[Step]) -> CellResult | None:
        """Runs a cell and, where it is likely to end, observes it in the same message."""
        if not after or "while" in step.source:
            return self.run(step.source, self.seconds)
        ran = self.run(step.source, self.seconds, _question(after, self.questions))
        if ran is None or ran.status in BY_ITSELF or (ran.alive and ran.traceback):
            self.observations |= _seen(ran.value, after) if ran is not None else {}
            return ran
        # Was it the cell, or the learner's objects when they were asked? Alone, the cell will tell.
        self.close()
        return self.run(step.source, self.seconds)

    def _observe(self, step: Step) -> None:
        seen, ended = self._asked(step, self.questions)
        if ended in STUCK and step.role == LOOP_ROLE:
            # The run to the end took too long or ended the process: its first updates may not.
            seen, ended = self._asked(step, {**self.questions, "epochs": 0})
        cells = (cell for cell in self.cells if cell.grade_id == step.grade_id)
        if ended in STUCK and any(cell.status not in BY_ITSELF for cell in cells):
            ended = ""  # so did the cell itself, as will be told
        if not seen and ended and not self.distrusted:
            self.distrusted = True
            self.close()  # the next one has run nothing but the cells before
            seen, later = self._asked(step, self.questions)
            ended = later or ended
        if not seen and ended:
            self._blame(step.grade_id)
        self.observations |= seen

    def _asked(self, step: Step, questions: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """What the probe saw, by blank, and how the asking ended where someone must answer for it.

        Not where the memory was used up, or the notebook is over.
        """
        ran = self.run(NOTHING, OBSERVE_SECONDS, _question([step], questions))
        if ran is None:
            return {}, ""
        return _seen(ran.value, [step]), ran.status if ran.status in (*BY_ITSELF, *STUCK) else ""

    def _blame(self, blank: str) -> None:
        """Notes whose doing it is that a kernel doesn't answer what it was asked of a cell.

        What the kernel says of itself is not believed: it is the learner's doing where a kernel
        that runs nothing of the learner's answers, and else the grader's.
        """
        if blank in self.control:
            self.observations[blank] = {"hostile": SILENT_RECORDER}
        else:
            self.faults[blank] = "the probe gives no answer, even about an empty notebook"

    @functools.cached_property
    def control(self) -> dict[str, Any]:
        """What the probe says of an empty notebook, by blank."""
        empty = [replace(step, source="", following="") for step in self.observed]
        with self.warm.start() as kernel:
            question = _question(empty, self.questions)
            return _seen(kernel.run(NOTHING, seconds=OBSERVE_SECONDS, then=question).value, empty)


def _read(cell: Step, asked: Sequence[Step]) -> dict[str, Any]:
    """Observations of plain values, off the text of the cell just above: no need to ask."""
    values = plain_values(cell.source) if any(step.names for step in asked) else None
    return {
        step.grade_id: {"values": {name: values[name] for name in step.names}}
        for step in asked
        if values is not None and step.names and values.keys() >= set(step.names)
    }


def _question(asked: Sequence[Step], questions: Mapping[str, Any]) -> str:
    """What to ask the kernel after a cell, to learn what the probe sees of some cells."""
    each = [
        [
            step.grade_id,
            step.role,
            step.source,
            {**needed(step.role, questions), "names": step.names, "next": step.following},
        ]
        for step in asked
    ]
    return QUESTION + json.dumps(each)


def _seen(value: Mapping[str, Any], asked: Sequence[Step]) -> dict[str, Any]:
    """The observations in a kernel's answer, by blank: none of what it calls faulty itself."""
    names = [step.grade_id for step in asked]
    try:
        found = loads(str(value[MIME])) if MIME in value else {}
        if not isinstance(found, dict):
            raise EvidenceError(f"wanted observations by blank, saw {shown(found)}")
    except EvidenceError as error:
        return {name: {"hostile": str(error)} for name in names}
    return {name: found[name] for name in names if name in found and not _faulty(found[name])}


def _faulty(observation: object) -> bool:
    return isinstance(observation, dict) and "fault" in observation


def run_plan(
    plan: Sequence[Step], questions: Mapping[str, Any], warm: Warm, seconds: float
) -> tuple[Evidence, dict[str, Outputs]]:
    """What was seen while the steps ran, and each cell's outputs by grade_id.

    `seconds` are one cell's. Raises SandboxError where no kernel could be had; nothing that
    learners write raises.
    """
    begun, whole = time.monotonic(), FULL_TIMES * seconds + OBSERVE_SECONDS + REST_SECONDS
    observed = [step for step in plan if step.kind == "observe"]
    processor = warm.limits.processor_seconds
    notebook = _Notebook(warm, questions, observed, seconds, whole, processor)
    if lines := [line for step in plan for line in install_lines(step.source)]:
        kept = "\n".join(f"# pip install{line}" for line in lines)  # outlives a restart in Colab
        notebook.installs, notebook.again = installs(kept), [kept]
    try:
        for number, step in enumerate(plan, 1):
            after = takewhile(lambda each: each.kind == "observe", plan[number:])
            notebook.take(step, tuple(after))
    finally:
        notebook.close()
    answers = {step.grade_id: step.source for step in plan if step.kind == "answer"}
    evidence = Evidence(
        tuple(notebook.cells),
        answers,
        notebook.observations,
        dict(questions),
        notebook.faults,
        round(time.monotonic() - begun, 2),
    )
    return evidence, notebook.outputs
