"""The class report: one page for the instructor, from the verdicts and the log of collecting."""

from __future__ import annotations

import functools
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from xorkit.conventions import solution_of
from xorkit.engine import environment
from xorkit.foreign import first_of
from xorkit.intake.records import LogEntry
from xorkit.lesson import Lesson
from xorkit.pages import class_statistics as about
from xorkit.pages import pictures
from xorkit.pages.rendering import link, render
from xorkit.pages.svg import OTHER, STUCK, YOU
from xorkit.pages.words import DIAGNOSES, FORMGRADER, difficulty, discrimination, repair_kind
from xorkit.verdict import CellVerdict, Diagnosis, Verdict

FEEDBACK = "../feedback/{student}/{assignment}/{assignment}.html"
NOTEBOOK = "../autograded/{student}/{assignment}/{assignment}.ipynb"
SHOWN_ROWS = 150  # of the table at once: 1,000 open in half the time, and nobody reads so many
BINS = 20  # bars that show how the points are spread
TEACH = 6  # what is worth teaching again: more than this is no choice any more
LOG_SHOWN, OWN_LOG_SHOWN = 300, 5  # entries of the log: of the class, and of one learner


@dataclass(frozen=True)
class LearnerGroup:
    """Something that is true of these learners; `key` is how a button of the page finds them."""

    key: str
    text: str
    students: tuple[str, ...]
    look: str = ""  # where to read about it again


@dataclass(frozen=True)
class MissingPoints:
    """Points that are missing in an exercise, and why, where that is known."""

    exercise: str
    points: float
    why: str


@dataclass(frozen=True)
class HeatCell:
    """One exercise of one learner: what the cell shows, its shade, and what it is sorted by."""

    text: str
    shade: str
    order: float


@dataclass(frozen=True)
class LearnerRow:
    """One learner as the table shows it."""

    verdict: Verdict
    members: Sequence[str]
    heat: tuple[HeatCell, ...]
    losses: tuple[MissingPoints, ...]
    reason: str
    keys: tuple[str, ...]
    moved: float | None  # since the last run; None: new
    log: tuple[LogEntry, ...]


@dataclass(frozen=True)
class ExerciseReport:
    """One exercise over the class, in numbers and words."""

    title: str
    item: about.ExerciseStatistics
    difficulty: str
    warning: str
    lost: LearnerGroup


@dataclass(frozen=True)
class Moves:
    """Who has other points than in the last run, with both, the greatest loss first; who is new."""

    changed: tuple[tuple[str, float, float], ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]


class _Kinds:
    """All that learners can be filtered by, each under a key of its own."""

    def __init__(self) -> None:
        self.of: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, key: str, text: str, students: Iterable[str], look: str = "") -> LearnerGroup:
        kind = LearnerGroup(key, text, tuple(students), look)
        for student in kind.students:
            self.of[student].append(key)
        return kind

    def all(self, prefix: str, groups: Mapping[str, Sequence[str]]) -> list[LearnerGroup]:
        return [self.add(f"{prefix}{k}", *group) for k, group in enumerate(groups.items())]


def report_page(
    verdicts: Sequence[Verdict],
    lesson: Lesson,
    *,
    before: Mapping[str, float] | None = None,
    members: Mapping[str, Sequence[str]] | None = None,
    log: Sequence[LogEntry] = (),
    waiting: Sequence[str] = (),
    feedback_link: str = FEEDBACK,
    formgrader_link: str = f"http://localhost:8888/{FORMGRADER}",
) -> str:
    """The page on a class.

    `before` are the points of the last run, `members` who handed in together, both by student;
    `log` is what was collected, oldest first; `waiting` are those whose file, as it is now, isn't
    graded yet. The links are addresses with {student} and {assignment} in them.
    """
    verdicts = sorted(verdicts, key=lambda verdict: verdict.student)
    graded = [verdict for verdict in verdicts if verdict.cells]
    kinds = _Kinds()
    exercises = [_exercise(item, graded, lesson, kinds) for item in about.items(graded)]
    diagnoses = [
        kinds.add(f"d-{code}", DIAGNOSES[code], students, _look(code, graded, lesson))
        for code, students in about.grouped(graded, lambda verdict: verdict.diagnosis).items()
    ]
    beliefs = kinds.all("b", about.grouped(graded, _beliefs))
    questions = about.question_statistics(graded, lesson)
    misconceptions = {
        question.name: kinds.all(f"m-{question.name}-", question.misconceptions)
        for question in questions
    }
    scores = [verdict.final_score for verdict in graded]
    values: dict[str, Any] = {
        "todo": _todo(verdicts, waiting, kinds),
        "tiles": _tiles(verdicts, kinds),
        "bins": _bins(graded, lesson, kinds),
        "exercises": exercises,
        "diagnoses": diagnoses,
        "beliefs": beliefs,
        "questions": questions,
        "misconceptions": misconceptions,
        "repairs": _repairs(verdicts, kinds),
        "teach": _teach(graded, diagnoses, beliefs, misconceptions, lesson),
    }
    own_log: defaultdict[str, list[LogEntry]] = defaultdict(list)
    for entry in log:
        own_log[entry.student].append(entry)
    rows = [
        _row(v, lesson, kinds, before or {}, (members or {}).get(v.student, ()), own_log[v.student])
        for v in verdicts
    ]
    return render(
        "report.html",
        script="report.js",
        lesson=lesson,
        verdicts=verdicts,
        graded=graded,
        rows=rows,
        shown_rows=SHOWN_ROWS,
        first_of=first_of,
        late=any(verdict.late for verdict in verdicts),
        median=statistics.median(scores) if scores else 0,
        curves=_curves(graded, lesson),
        stuck=f"d-{Diagnosis.BAD_START}",
        confusion=about.confusion(graded, lesson.matching) if lesson.matching else None,
        seconds=_seconds(graded),
        moves=_moves(verdicts, before) if before else None,
        log=log[: -LOG_SHOWN - 1 : -1],
        logged=len(log),
        feedback=_linked(feedback_link, lesson),
        notebook=_linked(NOTEBOOK, lesson),
        formgrader=_linked(formgrader_link, lesson),
        **values,
    )


def _linked(template: str, lesson: Lesson) -> Callable[[str], str]:
    return functools.partial(_address, template, lesson.assignment)


def _address(template: str, assignment: str, student: str) -> str:
    return link(template, student=student, assignment=assignment)


# --------------------------------------------------------------------------- what is to do, and who


@dataclass(frozen=True)
class _ToDo:
    """What waits for the instructor: files to grade, answers to mark, files to check, and why."""

    waiting: Sequence[str]  # to be graded
    answers: int
    mark: LearnerGroup
    check: tuple[LearnerGroup, ...]
    ungraded: tuple[LearnerGroup, ...]
    lacks: tuple[str, ...]  # what the grader's machine lacks, and what mends it
    lacking: LearnerGroup  # who met that

    @property
    def checks(self) -> int:
        return len({student for kind in self.check for student in kind.students})


def _todo(verdicts: Sequence[Verdict], waiting: Sequence[str], kinds: _Kinds) -> _ToDo | None:
    refused = about.grouped(verdicts, lambda v: () if v.cells else (v.message,))
    todo = _ToDo(
        waiting,
        sum(len(verdict.needs_review) for verdict in verdicts),
        LearnerGroup(
            "mark", "an answer to mark", tuple(v.student for v in verdicts if v.needs_review)
        ),
        tuple(kinds.all("c", about.grouped(verdicts, _checks))),
        tuple(kinds.all("u", refused)),
        tuple(environment.to_do(verdicts)),
        kinds.add("lacks", "met what this machine lacks", filter(None, map(_lacking, verdicts))),
    )
    some = todo.waiting or todo.answers or todo.check or todo.ungraded or todo.lacks
    return todo if some else None


def _checks(verdict: Verdict) -> Sequence[str]:
    return verdict.review if verdict.needs_check else ()


def _lacking(verdict: Verdict) -> str:
    """The learner, where the notebook met something that is to do; else nothing."""
    return verdict.student if any(environment.lacks_to_do(verdict)) else ""


def _tiles(verdicts: Sequence[Verdict], kinds: _Kinds) -> list[LearnerGroup]:
    """Counts that say how the class stands; each shows its learners."""
    tiles: tuple[tuple[str, str, str, Callable[[Verdict], bool]], ...] = (
        ("", "learner", "learners", lambda verdict: True),
        ("full", *2 * ("with all points",), lambda v: v.score == v.max_score),
        ("late", *2 * ("late",), lambda v: v.late is not None),
        ("mark", *2 * ("with answers to mark",), lambda v: bool(v.needs_review)),
        ("check", "file to check", "files to check", lambda v: v.needs_check),
        ("ungraded", *2 * ("not gradable",), lambda v: not v.cells),
    )
    found = []
    for key, singular, several, fits in tiles:
        students = [verdict.student for verdict in verdicts if fits(verdict)]
        text = singular if len(students) == 1 else several
        found.append(kinds.add(key, text, students))
    return found


def _bins(graded: Sequence[Verdict], lesson: Lesson, kinds: _Kinds) -> list[LearnerGroup]:
    """Bars of learners with about as many points, and how many of each still wait."""
    width = lesson.max_score / BINS
    members: list[list[str]] = [[] for _ in range(BINS)]
    for verdict in graded:
        members[min(BINS - 1, max(0, int(verdict.final_score / width)))].append(verdict.student)
    return [
        kinds.add(f"p{k}", f"{k * width:g} to {(k + 1) * width:g} points", students)
        for k, students in enumerate(members)
    ]


# ------------------------------------------------------------------------------------ the table


def _row(
    verdict: Verdict,
    lesson: Lesson,
    kinds: _Kinds,
    before: Mapping[str, float],
    members: Sequence[str],
    log: Sequence[LogEntry],
) -> LearnerRow:
    losses = tuple(_losses(verdict, lesson))
    cells = {cell.grade_id: cell for cell in verdict.cells}
    old = before.get(verdict.student)
    return LearnerRow(
        verdict,
        members,
        tuple(_heat(cells.get(grade_id)) for grade_id in lesson.points),
        losses,
        _reason(verdict, losses),
        tuple(kinds.of[verdict.student]),
        None if old is None or not verdict.cells else verdict.final_score - old,
        tuple(log[: -OWN_LOG_SHOWN - 1 : -1]),
    )


def _heat(cell: CellVerdict | None) -> HeatCell:
    if cell is None:
        return HeatCell("", "absent", -2)
    if cell.needs_review:
        return HeatCell("?", "waits", -1)
    share = cell.score / cell.max_score if cell.max_score else 1
    shade = "all" if share >= 1 else "none" if share <= 0 else "most" if share > 0.5 else "some"
    return HeatCell(f"{cell.score:g}", shade, cell.score)


def _losses(verdict: Verdict, lesson: Lesson) -> Iterator[MissingPoints]:
    """Where points are missing, most first, and why where that is known."""
    why: dict[str, str] = {}
    for finding in verdict.findings:
        if finding.code and not finding.note:
            why.setdefault(lesson.kind(finding.grade_id), DIAGNOSES[finding.code])
    for kind, missing in lesson.missing(verdict).items():
        yield MissingPoints(kind, missing, why.get(kind, ""))


def _reason(verdict: Verdict, losses: Sequence[MissingPoints]) -> str:
    """Where the missing points went, in a line; also what waits, and what lateness cost."""
    parts = [f"{loss.exercise} −{loss.points:g}" for loss in losses]
    if verdict.late and verdict.late.penalty:
        parts.append(f"late −{round(verdict.late.penalty, 2):g}")
    if verdict.needs_review:
        parts.append(f"{len(verdict.needs_review)} to mark")
    return verdict.message if not verdict.cells else ", ".join(parts)


# ------------------------------------------------------------------------- what to teach, and more


def _exercise(
    item: about.ExerciseStatistics, graded: Sequence[Verdict], lesson: Lesson, kinds: _Kinds
) -> ExerciseReport:
    title = lesson.title_of(solution_of(item.grade_id))
    lost = [v.student for v in graded for c in v.cells if c.grade_id == item.grade_id and _lost(c)]
    return ExerciseReport(
        title,
        item,
        difficulty(item.share),
        discrimination(item.correlation, len(item.scores)),
        kinds.add(f"x-{item.grade_id}", f"points missing in {title}", lost),
    )


def _lost(cell: CellVerdict) -> bool:
    return not cell.needs_review and cell.score < cell.max_score


def _look(code: Diagnosis, graded: Sequence[Verdict], lesson: Lesson) -> str:
    """Where the lesson tells of what a diagnosis is about."""
    cells = (f.grade_id for v in graded for f in v.findings if f.code == code and not f.note)
    part = lesson.parts.get(next(cells, ""))
    return part.look if part else ""


def _teach(
    graded: Sequence[Verdict],
    diagnoses: Sequence[LearnerGroup],
    beliefs: Sequence[LearnerGroup],
    misconceptions: Mapping[str, Sequence[LearnerGroup]],
    lesson: Lesson,
) -> list[LearnerGroup]:
    """The mistakes that most learners share; neither an empty exercise nor a note is one."""
    costly = {f.code for v in graded for f in v.findings if not f.note} - {Diagnosis.BLANK}
    matching = lesson.parts.get(lesson.cell("matching"))
    found = [kind for kind in diagnoses if kind.key.removeprefix("d-") in costly]
    found += [
        LearnerGroup(kind.key, f"“{kind.text}”", kind.students, matching.look if matching else "")
        for kind in beliefs
    ]
    found += [
        LearnerGroup(kind.key, kind.text, kind.students, lesson.recall[name].lesson)
        for name, own in misconceptions.items()
        for kind in own
    ]
    found.sort(key=lambda kind: -len(kind.students))
    return found[:TEACH]


def _repairs(verdicts: Sequence[Verdict], kinds: _Kinds) -> list[tuple[LearnerGroup, str]]:
    """Repairs by what was done, each with one of them in full."""
    texts = {repair_kind(text): text for v in reversed(verdicts) for text in v.repairs}
    groups = about.grouped(verdicts, lambda verdict: map(repair_kind, verdict.repairs))
    return [(kind, texts[kind.text]) for kind in kinds.all("r", groups)]


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
        losses, epochs = verdict.details.get("losses"), verdict.details.get("drawn")
        if losses and epochs and np.isfinite(losses).all():
            groups[_colour(verdict)].append((epochs, losses))
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
    if Diagnosis.BAD_START in verdict.diagnosis:
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


def _moves(verdicts: Sequence[Verdict], before: Mapping[str, float]) -> Moves | None:
    """None where all is as it was."""
    after = {verdict.student: verdict.final_score for verdict in verdicts if verdict.cells}
    both = [(s, before[s], after[s]) for s in after if before.get(s, after[s]) != after[s]]
    both.sort(key=lambda move: move[2] - move[1])
    new = tuple(student for student in after if student not in before)
    gone = tuple(student for student in sorted(before) if student not in after)
    return Moves(tuple(both), new, gone) if both or new or gone else None
