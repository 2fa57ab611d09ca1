"""The answers that wait for a person: question by question, like with like."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from xorkit.conventions import solution_of
from xorkit.engine import store
from xorkit.engine.course import Course
from xorkit.engine.records import verdicts
from xorkit.lesson import Lesson
from xorkit.recall import Rubric
from xorkit.verdict import CellVerdict, Verdict

QUOTED = re.compile(r"“[^”]*”")  # what a reason repeats of the answer
STRAY = "unexplained"  # words that differ from answer to answer, and make no other kind of answer


@dataclass(frozen=True)
class WaitingAnswer:
    """What a learner wrote in a cell that a person marks, and why it is left to a person."""

    student: str
    cell: str  # the graded cell's grade_id
    text: str
    is_code: bool
    reason: str
    findings: Mapping[str, str]  # what the rubric found, by kind
    max_score: float
    sure: float  # points that are earned whatever a person thinks of the rest
    mark: float | None  # a person's, where there is one
    comment: str  # a person's, too

    @property
    def id(self) -> str:
        """Changes with the text: a mark is for what was read, not for what came in later."""
        digest = hashlib.sha256(self.text.encode("utf-8", "replace")).hexdigest()
        return f"a{digest[:11]}"  # a letter first: a spreadsheet makes 1.2E+11 of 123456789012

    @property
    def likeness(self) -> tuple[str, ...]:
        """Equal for answers in which the same was found."""
        found = (f"{kind}: {text}" for kind, text in self.findings.items() if kind != STRAY)
        return QUOTED.sub("…", self.reason), *found


@dataclass(frozen=True)
class Group:
    """Answers in which the same was found."""

    reason: str
    findings: Mapping[str, str]
    answers: tuple[WaitingAnswer, ...]


@dataclass(frozen=True)
class WaitingQuestion:
    """One graded cell with all its answers that wait."""

    cell: str
    title: str
    max_score: float
    rubric: Rubric | None
    groups: tuple[Group, ...]

    @property
    def answers(self) -> tuple[WaitingAnswer, ...]:
        return tuple(answer for group in self.groups for answer in group.answers)


def waiting(course: Course) -> list[WaitingQuestion]:
    """What waits, in the notebook's order; the largest group of each question first."""
    by_cell: defaultdict[str, list[WaitingAnswer]] = defaultdict(list)
    for verdict in verdicts(course):
        for answer in _answers(course, verdict, verdict.needs_review):
            by_cell[answer.cell].append(answer)
    order = [cell for cell in course.lesson.points if cell in by_cell]
    return [_question(course.lesson, cell, by_cell[cell]) for cell in order]


def answer_at(course: Course, student: str, cell: str) -> WaitingAnswer | None:
    """What a learner's graded cell holds now, waiting or not; None where there is none."""
    verdict = store.verdict_of(course, student)
    return next(_answers(course, verdict, [cell]), None) if verdict else None


def _question(lesson: Lesson, cell: str, answers: Iterable[WaitingAnswer]) -> WaitingQuestion:
    name = solution_of(cell)
    part = lesson.parts.get(name)
    return WaitingQuestion(
        cell,
        part.title if part else name.replace("_", " "),
        lesson.max_points(cell),
        lesson.recall.get(name),
        tuple(_groups(answers)),
    )


def _groups(answers: Iterable[WaitingAnswer]) -> Iterator[Group]:
    alike: defaultdict[tuple[str, ...], list[WaitingAnswer]] = defaultdict(list)
    for answer in answers:
        alike[answer.likeness].append(answer)
    for members in sorted(alike.values(), key=lambda group: (-len(group), group[0].likeness)):
        members.sort(key=lambda answer: (answer.text.casefold().split(), answer.student))
        shared = {k: v for k, v in members[0].findings.items() if k != STRAY}
        yield Group(members[0].likeness[0], shared, tuple(members))


def _answers(course: Course, verdict: Verdict, cells: Container[str]) -> Iterator[WaitingAnswer]:
    for cell in verdict.cells:
        if cell.grade_id in cells:
            name = solution_of(cell.grade_id)
            mark = verdict.details.get("recall", {}).get(name, {})
            if answer := str(mark.get("answer", "")):
                yield _answer(verdict.student, cell, answer, str(mark["note"]), is_code=False)
            else:
                evidence = store.evidence_of(course, verdict.student)
                code = evidence.answers.get(name, "") if evidence else ""
                yield _answer(verdict.student, cell, code, str(mark.get("note", "")), is_code=True)


def _answer(
    student: str, cell: CellVerdict, text: str, note: str, *, is_code: bool
) -> WaitingAnswer:
    notes = (f"{test.claim} {test.note or test.message}" for test in cell.tests if test.review)
    reason, findings = _read(note) if note else (" ".join(dict.fromkeys(notes)), {})
    return WaitingAnswer(
        student,
        cell.grade_id,
        text,
        is_code,
        reason,
        findings,
        cell.max_score,
        cell.auto_score,
        cell.manual_score,
        cell.comment,
    )


def _read(note: str) -> tuple[str, dict[str, str]]:
    """A rubric's note as its reason and what was found: "reason; found: …; unexplained: …"."""
    reason, *parts = note.split("; ")
    found = {}
    for part in parts:
        kind, colon, text = part.partition(": ")
        if colon:
            found[kind] = text
    return reason, found
