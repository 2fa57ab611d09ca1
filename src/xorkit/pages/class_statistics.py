"""A class in numbers: what each exercise, choice and question says about those who did it."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from xorkit.lesson import Lesson
from xorkit.matching import MatchingExercise as Matching
from xorkit.verdict import Verdict

Name = TypeVar("Name", bound=str)
NOTHING, UNKNOWN = "nothing chosen", "none of the lines"


@dataclass(frozen=True)
class ExerciseStatistics:
    """One exercise over the class; learners whose answer waits for a person are left out."""

    grade_id: str
    max_score: float
    scores: tuple[float, ...]
    rests: tuple[float, ...]  # the same learners' points in everything else
    waiting: int

    @property
    def share(self) -> float | None:
        """The share of its points that the class earned."""
        return statistics.fmean(self.scores) / self.max_score if self.scores else None

    @property
    def full(self) -> int:
        return sum(score == self.max_score for score in self.scores)

    @property
    def correlation(self) -> float | None:
        """Item-rest correlation; None where all learners have the same."""
        return correlation(self.scores, self.rests)


def correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Pearson's; None where it isn't defined."""
    if len(one) < 2 or len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return statistics.correlation(one, other)


def items(verdicts: Sequence[Verdict]) -> list[ExerciseStatistics]:
    """Every exercise of the graded submissions, in the notebook's order."""
    cells = {c.grade_id: c.max_score for verdict in verdicts for c in verdict.cells}
    return [_item(verdicts, grade_id, max_score) for grade_id, max_score in cells.items()]


def _item(verdicts: Sequence[Verdict], grade_id: str, max_score: float) -> ExerciseStatistics:
    pairs, waiting = [], 0
    for verdict in verdicts:
        for cell in verdict.cells:
            if cell.grade_id == grade_id and cell.needs_review:
                waiting += 1
            elif cell.grade_id == grade_id:
                pairs.append((cell.score, verdict.score - cell.score))
    scores, rests = zip(*pairs, strict=True) if pairs else ((), ())
    return ExerciseStatistics(grade_id, max_score, scores, rests, waiting)


def grouped(
    verdicts: Iterable[Verdict], names: Callable[[Verdict], Iterable[Name]]
) -> dict[Name, list[str]]:
    """What verdicts are called -> the students, the commonest first."""
    found: defaultdict[Name, list[str]] = defaultdict(list)
    for verdict in verdicts:
        for name in dict.fromkeys(names(verdict)):
            found[name].append(verdict.student)
    return dict(sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0])))


@dataclass(frozen=True)
class Confusion:
    """Who chose which line for which job: counts, jobs by lines."""

    lines: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    right: tuple[tuple[bool, ...], ...]


def confusion(verdicts: Sequence[Verdict], matching: Matching) -> Confusion:
    """The matching exercise of a class, with the lines that somebody chose or that are right."""
    counts: defaultdict[tuple[int, str], int] = defaultdict(int)
    for verdict in verdicts:
        for choice in verdict.details.get("matching", ()):
            counts[choice["job"], _chosen(choice)] += 1
    accepted = [{*job.accepts, *job.also} for job in matching.jobs]
    used = {line for _, line in counts} | {line for job in matching.jobs for line in job.accepts}
    menu = [line.line for line in matching.lines]
    also = sorted(used - {*menu, NOTHING, UNKNOWN})
    lines = [line for line in (*menu, *also, NOTHING, UNKNOWN) if line in used]
    return Confusion(
        tuple(lines),
        tuple(tuple(counts[k, line] for line in lines) for k in range(1, len(accepted) + 1)),
        tuple(tuple(line in right for line in lines) for right in accepted),
    )


def _chosen(choice: Mapping[str, Any]) -> str:
    if choice["chosen"] is not None:
        return str(choice["chosen"])
    return NOTHING if choice["status"] == "blank" else UNKNOWN


@dataclass(frozen=True)
class ReviewQueue:
    """An answer that is left to a person."""

    student: str
    answer: str
    reason: str


@dataclass(frozen=True)
class QuestionStatistics:
    """A free-text question over the class: how many got what, by whom it was marked."""

    name: str
    full: int = 0
    part: int = 0
    none: int = 0
    by_person: int = 0  # of those three
    waiting: tuple[ReviewQueue, ...] = ()
    credited: Mapping[str, int] = field(default_factory=dict)
    misconceptions: Mapping[str, Sequence[str]] = field(default_factory=dict)


def question_statistics(verdicts: Sequence[Verdict], lesson: Lesson) -> list[QuestionStatistics]:
    return [_question(verdicts, name) for name in lesson.recall]


def _question(verdicts: Sequence[Verdict], name: str) -> QuestionStatistics:
    cells = [(v, c) for v in verdicts for c in v.cells if c.grade_id == f"test_{name}"]
    marked = [(v, c) for v, c in cells if not c.needs_review]
    full = sum(c.score == c.max_score for _, c in marked)
    none = sum(c.score == 0 for _, c in marked)
    ideas = grouped(verdicts, lambda verdict: _mark(verdict, name).get("credited", ()))
    return QuestionStatistics(
        name=name,
        full=full,
        part=len(marked) - full - none,
        none=none,
        by_person=sum(c.manual_score is not None for _, c in marked),
        waiting=tuple(
            ReviewQueue(v.student, _mark(v, name).get("answer", ""), _mark(v, name).get("note", ""))
            for v, c in cells
            if c.needs_review
        ),
        credited={idea: len(students) for idea, students in ideas.items()},
        misconceptions=grouped(verdicts, lambda v: _mark(v, name).get("misconceptions", ())),
    )


def _mark(verdict: Verdict, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = verdict.details.get("recall", {}).get(name, {})
    return found
