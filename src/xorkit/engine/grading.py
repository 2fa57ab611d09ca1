"""From evidence to verdict: the hidden tests' outcomes, and what is worth saying first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from xorkit.cell_text import typed_answer
from xorkit.conventions import solution_of
from xorkit.engine import environment
from xorkit.evidence import CellRun, Evidence
from xorkit.hidden.session import SHOWN_ANSWER, HiddenTests, Judgement
from xorkit.judge import Result, Training
from xorkit.judge.updates import descent, in_order
from xorkit.lesson import Lesson
from xorkit.messages import finding, tell
from xorkit.verdict import Details, Diagnosis, Finding, UpdateDetails, Verdict

STILL_EMPTY = "is still empty"  # every unfilled blank of a release says so
CELL_FILE = re.compile(r"<ipython-input-[^>]*>, |\b\d+\.py, ")  # IPython's name for a cell's text
MOST_DRAWN = 1000  # parameters of a net whose surface a page draws: a hundred times the lesson's
DRAWN_UPDATES = 4  # the learner's first updates, as the feedback page draws them
ENDINGS = {
    "timeout": finding(Diagnosis.TIMEOUT, "cell"),
    "memory": finding(Diagnosis.MEMORY, "cell"),
    "died": finding(Diagnosis.CRASH, "process"),
    "garbled": finding(Diagnosis.TAMPERING, "garbled"),
    "output": finding(Diagnosis.CRASH, "output"),
}
TOO_LATE = {
    "not_run": finding(Diagnosis.TIMEOUT, "notebook"),
    "given_up": finding(Diagnosis.CRASH, "processes"),
}


def grade_submission(
    student: str, evidence: Evidence, tests: HiddenTests
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on one submission, and failures of the grader's own."""
    judgement, lesson = tests.judge(evidence), tests.lesson
    evidence = environment.awaiting_clicks(evidence, judgement.findings)
    judgement = environment.excused(judgement, evidence)
    verdict = Verdict(
        student=student,
        assignment=lesson.assignment,
        max_score=lesson.max_score,
        cells=judgement.cells,
        findings=tuple(
            tell(found, lesson.hints) for found in _findings(judgement, evidence, lesson)
        ),
        repairs=evidence.repairs,
        review=evidence.review,
        details=_details(judgement, evidence, lesson),
    )
    return verdict, judgement.faults


def _findings(judgement: Judgement, evidence: Evidence, lesson: Lesson) -> tuple[Finding, ...]:
    """What the judge found, with blanks and crashes named as such, most telling first."""
    failed = {
        solution_of(cell.grade_id)
        for cell in judgement.cells
        if any(test.outcome == "failed" for test in cell.tests)
    }
    by_cell = {run.grade_id: run for run in evidence.cells}
    hanging = environment.hanging(evidence)  # how these ended is the machine's doing
    for name in hanging:
        by_cell.pop(name, None)
    ran = [found for run in by_cell.values() if (found := _of_run(run, run.grade_id in failed))]
    answers = [run for name, run in by_cell.items() if name in evidence.answers]
    ran += _costless(answers, judgement)
    empty = {f.grade_id for f in ran if f.code == Diagnosis.BLANK}
    broken = {
        f.grade_id
        for f in ran
        if f.code != Diagnosis.BLANK and f.grade_id != lesson.cell("training_loop")
    }
    kept = [found for found in judgement.findings if found.grade_id not in empty | broken]
    told = {found.grade_id for found in kept if not found.note}
    # The judge says more of a loop that broke than the name of the error does.
    ran = [f for f in ran if f.grade_id not in told or by_cell[f.grade_id].status != "error"]
    return tuple(dict.fromkeys(sorted([*kept, *ran], key=_rank)))


def _of_run(run: CellRun, failed: bool) -> Finding | None:
    if run.status in TOO_LATE:
        return TOO_LATE[run.status]  # once for all of them
    if run.status in ENDINGS:
        return replace(ENDINGS[run.status], grade_id=run.grade_id)
    if run.error is None or not failed:
        return None  # an error that cost nothing came from another cell's mistake
    name, text = run.error
    if name == "NotImplementedError" and STILL_EMPTY in text:
        stub = finding(Diagnosis.BLANK, "cell", stub=text)
        return replace(stub, grade_id=run.grade_id)
    return _stopped(run, name, text)


def _stopped(run: CellRun, name: str, text: str) -> Finding:
    found = finding(Diagnosis.CRASH, "cell", error=name, text=_in_a_sentence(text))
    return replace(found, grade_id=run.grade_id)


def _in_a_sentence(error: str) -> str:
    """An error's text without IPython's name for the cell, and without a full stop."""
    return CELL_FILE.sub("", error).rstrip(".")


def _costless(runs: Iterable[CellRun], judgement: Judgement) -> list[Finding]:
    """The first cell that stopped with an error, where that cost nothing and nothing explains it.

    A later one, or one below a mistake, may only have met what that left behind.
    """
    mistaken = {
        solution_of(cell.grade_id)
        for cell in judgement.cells
        if any(test.outcome != "passed" for test in cell.tests)
    }
    for run in runs:
        if run.grade_id in mistaken or run.status in {**ENDINGS, **TOO_LATE}:
            return []
        if run.error is not None:
            name, text = run.error
            said = finding(None, "stopped", error=name, text=_in_a_sentence(text))
            return [replace(said, grade_id=run.grade_id, note=True)]
    return []


FIRST = (Diagnosis.TAMPERING, Diagnosis.MEMORY, Diagnosis.TIMEOUT)
LAST = (Diagnosis.NOT_TRAINED, Diagnosis.BAD_START)


def _rank(found: Finding) -> int:
    """What explains the rest comes first, what only follows from it last."""
    if found.code in FIRST:
        return 0
    return 2 if found.code in LAST else 1


def _details(judgement: Judgement, evidence: Evidence, lesson: Lesson) -> Details:
    judged = judgement.judged
    details: Details = {"seconds": evidence.seconds, "lacks": environment.details(evidence)}
    details["matching"] = [vars(choice) for choice in judged.get("matching", {}).values()]
    details["recall"] = {
        name: {**vars(mark), "credited": list(mark.credited), "answer": _text(evidence, name)}
        for name, mark in judged.items()
        if name in lesson.recall
    }
    training: Training | None = judged.get("training")
    result: Result | None = judged.get("result")
    if result is not None:
        details["losses"], details["predictions"] = result.losses, result.predictions
        details["theta"] = result.theta if len(result.theta) <= MOST_DRAWN else []
        details["sizes"] = result.sizes
    if training is not None:
        details["drawn"] = len(training.own.rows) - 1 if training.own else 0
        if (updates := _updates(training, lesson)) is not None:
            details["updates"] = updates
    return details


def _text(evidence: Evidence, question: str) -> str:
    """What the learner answered, as far as a page shows it; empty where it was no text."""
    answer = typed_answer(evidence, question)
    return answer[:SHOWN_ANSWER] if isinstance(answer, str) else ""


def _updates(training: Training, lesson: Lesson) -> UpdateDetails | None:
    """The first updates of the loop alone, beside lr·gradient at the same points."""
    task, run = lesson.trained, training.run
    ordered = in_order(run, task) if run is not None else None
    if ordered is None or len(ordered.rows) < 2:
        return None
    few = ordered.rows[: DRAWN_UPDATES + 1]
    return {
        "moved": np.round(few[1:] - few[:-1], 6).tolist(),
        "downhill": np.round(-descent(few, task), 6).tolist(),
    }
