"""The class at a glance: one page for the instructor, from the verdicts alone."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from xorkit.conventions import solution_of
from xorkit.engine import environment
from xorkit.lesson import Lesson
from xorkit.pages import class_statistics as about
from xorkit.pages import pictures
from xorkit.pages.rendering import link, render
from xorkit.pages.svg import OTHER, STUCK, YOU
from xorkit.pages.words import DIAGNOSES, FEW_LEARNERS, difficulty, discrimination
from xorkit.verdict import Verdict

FEEDBACK = "../feedback/{student}/{assignment}/{assignment}.html"
# nbgrader's page of one learner's notebooks of an assignment, on its usual port.
FORMGRADER = "http://localhost:8888/formgrader/manage_students/{student}/{assignment}"
STUCK_CODE = "bad-start"


@dataclass(frozen=True)
class Exercise:
    """One exercise over the class, in numbers and words."""

    title: str
    item: about.Item
    difficulty: str
    tells: str


@dataclass(frozen=True)
class Moves:
    """Who has other points than in the last run, with both, the greatest loss first; who is new."""

    changed: tuple[tuple[str, float, float], ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]


def report(
    verdicts: Sequence[Verdict],
    lesson: Lesson,
    *,
    before: Mapping[str, float] | None = None,
    feedback_link: str = FEEDBACK,
    formgrader_link: str = FORMGRADER,
) -> str:
    """The page on a class; `before` are the points of the last run, by student.

    The links are addresses with {student} and {assignment} in them.
    """
    verdicts = sorted(verdicts, key=lambda verdict: verdict.student)
    graded = [verdict for verdict in verdicts if verdict.cells]
    scores = [verdict.score for verdict in graded]
    return render(
        "report.html",
        script="report.js",
        lesson=lesson,
        verdicts=verdicts,
        graded=graded,
        refused=about.grouped(verdicts, lambda v: () if v.cells else (v.message,)),
        waiting=[verdict for verdict in graded if verdict.needs_review],
        looks=about.grouped(graded, lambda verdict: verdict.review),
        lacks=environment.to_do(verdicts),
        scores=scores,
        median=statistics.median(scores) if scores else 0,
        complete=sum(score == lesson.max_score for score in scores),
        points=_points(graded, lesson),
        exercises=[_exercise(item, lesson) for item in about.items(graded)],
        diagnoses=about.grouped(graded, lambda verdict: verdict.diagnosis),
        words=DIAGNOSES,
        few=FEW_LEARNERS,
        curves=_curves(graded, lesson),
        stuck=STUCK_CODE,
        confusion=about.confusion(graded, lesson.matching) if lesson.matching else None,
        beliefs=about.grouped(graded, _beliefs),
        questions=about.questions(graded, lesson),
        repairs=about.grouped(verdicts, lambda verdict: verdict.repairs),
        seconds=_seconds(graded),
        moves=_moves(verdicts, before) if before else None,
        before=before or {},
        feedback=_linked(feedback_link, lesson),
        formgrader=_linked(formgrader_link, lesson),
    )


def _linked(template: str, lesson: Lesson) -> Callable[[str], str]:
    return functools.partial(_address, template, lesson.assignment)


def _address(template: str, assignment: str, student: str) -> str:
    return link(template, student=student, assignment=assignment)


def _points(graded: Sequence[Verdict], lesson: Lesson) -> Markup | None:
    if not graded:
        return None
    waiting = [bool(verdict.needs_review) for verdict in graded]
    return pictures.points([v.score for v in graded], waiting, lesson.max_score)


def _exercise(item: about.Item, lesson: Lesson) -> Exercise:
    name = solution_of(item.grade_id)
    part = lesson.parts.get(name)
    return Exercise(
        part.title if part else name.replace("_", " "),
        item,
        difficulty(item.share),
        discrimination(item.correlation, len(item.scores)),
    )


def _beliefs(verdict: Verdict) -> list[str]:
    choices = verdict.details.get("matching", ())
    return [choice["misconception"] for choice in choices if choice["misconception"]]


@dataclass(frozen=True)
class Curves:
    """The picture of all losses, and how many there are of each kind."""

    picture: Markup
    baseline: float
    learned: int
    stuck: int
    mistaken: int
    without: int


def _curves(graded: Sequence[Verdict], lesson: Lesson) -> Curves | None:
    groups: dict[str, list[tuple[int, Sequence[float]]]] = {OTHER: [], YOU: [], STUCK: []}
    for verdict in graded if lesson.task else ():
        losses, passes = verdict.details.get("losses"), verdict.details.get("drawn")
        if losses and passes and np.isfinite(losses).all():
            groups[_colour(verdict)].append((passes, losses))
    if not any(groups.values()):
        return None
    counts = {colour: len(group) for colour, group in groups.items()}
    return Curves(
        pictures.many_losses(groups, lesson),
        pictures.baseline(lesson.trained),
        learned=counts[YOU],
        stuck=counts[STUCK],
        mistaken=counts[OTHER],
        without=len(graded) - sum(counts.values()),
    )


def _colour(verdict: Verdict) -> str:
    if STUCK_CODE in verdict.diagnosis:
        return STUCK
    return OTHER if any(not finding.note for finding in verdict.findings) else YOU


def _seconds(graded: Sequence[Verdict]) -> Mapping[str, Any] | None:
    """How long submissions ran: the middle one, 19 of 20, all of them, and the slowest."""
    times = sorted((float(v.details.get("seconds", 0)), v.student) for v in graded)
    if not times:
        return None
    middle, most = np.quantile([time for time, _ in times], [0.5, 0.95])
    total = sum(time for time, _ in times)
    return {"median": middle, "most": most, "total": total, "slowest": times[: -1 - 3 : -1]}


def _moves(verdicts: Sequence[Verdict], before: Mapping[str, float]) -> Moves:
    after = {verdict.student: verdict.score for verdict in verdicts if verdict.cells}
    both = [(s, before[s], after[s]) for s in after if before.get(s, after[s]) != after[s]]
    both.sort(key=lambda move: move[2] - move[1])
    new = tuple(student for student in after if student not in before)
    gone = tuple(student for student in sorted(before) if student not in after)
    return Moves(tuple(both), new, gone)
