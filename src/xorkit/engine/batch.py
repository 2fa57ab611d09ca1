"""A whole class: who is new or changed, who works, what is written. One writer: this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from nbformat import NotebookNode

from xorkit import intake
from xorkit.engine import results, workers
from xorkit.engine.course import Course
from xorkit.engine.gradebook import (
    Gradebook,
    is_registered,
    manual_scores,
    open_gradebook,
    record,
    standings,
)
from xorkit.engine.grading import grade as grade_evidence
from xorkit.engine.release import generate
from xorkit.engine.results import Keys
from xorkit.engine.running import Step, steps
from xorkit.engine.work import Done, Job, Settings
from xorkit.evidence import Evidence
from xorkit.verdict import Verdict


@dataclass(frozen=True)
class Progress:
    """One submission that is done: its verdict, and failures of the grader's own."""

    verdict: Verdict
    faults: tuple[str, ...] = ()
    ran: bool = True  # false: judged again from kept evidence


@dataclass(frozen=True)
class _Submission:
    student: str
    rebuilt: NotebookNode
    plan: tuple[Step, ...]
    repairs: tuple[str, ...]
    review: tuple[str, ...]
    submitted: datetime | None
    keys: Keys


def grade(
    course: Course,
    settings: Settings,
    *,
    students: Sequence[str] | None = None,
    everything: bool = False,
    count: int | None = None,
    scheduler: str | None = None,
    begin: Callable[[int], None] = lambda total: None,
) -> Iterator[Progress]:
    """Grades what is new or changed in `submitted/`, yielding each submission as it is done.

    `count` workers on this machine (None: one a core), or those of a Dask `scheduler`. `begin` is
    told how many there are to do. Raises CourseError, GradebookError and ConfinementError.
    """
    with _class(course) as book:
        waiting: dict[str, _Submission] = {}
        ready: list[Progress] = []
        for student in students or course.students("submitted"):
            found = _look(course, settings, student)
            if isinstance(found, Verdict):
                ready += _refused(course, book, found, everything)
            elif everything or results.keys_of(course, student) != found.keys:
                kept = results.keys_of(course, student)
                if not everything and kept is not None and kept.run == found.keys.run:
                    ready += _judge_again(course, book, student, found.keys)
                else:
                    waiting[student] = found
        begin(len(waiting) + len(ready))
        yield from ready
        lesson = course.lesson.model_dump_json()
        jobs = (Job(s.student, s.plan, lesson, settings) for s in waiting.values())
        for done in workers.run(jobs, len(waiting), count, scheduler):
            yield _conclude(course, book, waiting[done.student], done)


def rejudge(
    course: Course, students: Sequence[str] | None = None
) -> Iterator[tuple[Verdict, Verdict]]:
    """Judges again from kept evidence, with no learner code; yields verdicts before and after."""
    with _class(course) as book:
        for student in students or course.students("autograded"):
            before, kept = results.verdict_of(course, student), results.keys_of(course, student)
            if before is None or kept is None or not before.cells:
                continue
            key = results.keys(course, (), None)
            for progress in _judge_again(course, book, student, replace(key, run=kept.run)):
                yield before, progress.verdict


@contextmanager
def _class(course: Course) -> Iterator[Gradebook]:
    """The gradebook, knowing the assignment, and agreeing with every verdict that is kept."""
    course.check()
    with open_gradebook(course.db_url) as book:
        registered = is_registered(book, course.assignment, course.hidden_cells)
    if not registered:
        generate(course, course.root / "release")
    with open_gradebook(course.db_url) as book:
        _agree(course, book)
        yield book


def _agree(course: Course, book: Gradebook) -> None:
    """Takes over marks that persons gave since, and writes verdicts that were not recorded yet."""
    known = standings(book, course.assignment)
    for student in course.students("autograded"):
        verdict = results.verdict_of(course, student)
        if verdict is None:
            continue
        marked = with_marks(verdict, manual_scores(book, course.assignment, student))
        if marked != verdict:
            kept = results.keys_of(course, student)
            if kept is not None:
                results.keep(course, marked, kept, None, None)
        standing = known.get(student)
        if standing is None or (standing.score, standing.waiting) != (
            marked.score,
            frozenset(marked.needs_review) if marked.cells else standing.waiting,
        ):
            record(book, marked, None)


def with_marks(verdict: Verdict, marks: Mapping[str, float]) -> Verdict:
    """The verdict with a person's marks, which are final."""
    cells = tuple(replace(c, manual_score=marks.get(c.grade_id)) for c in verdict.cells)
    return replace(verdict, cells=cells)


def _look(course: Course, settings: Settings, student: str) -> _Submission | Verdict:
    """A submission rebuilt from what was handed in, or the verdict that it can't be graded."""
    path = course.notebook_path("submitted", student)
    try:
        data = _bytes(course, student)
        read, mended = intake.read_notebook(data)
        rebuilt = intake.rebuild(course.release, read)
    except intake.Refused as error:
        return not_gradable(course, student, str(error))
    noted = _noted(course, student)
    names = {blank: course.lesson.names(blank) for blank in rebuilt.answers}
    plan = tuple(steps(rebuilt.notebook, course.release, names))
    key = results.keys(course, (f"{step.kind}\0{step.source}" for step in plan), settings)
    return _Submission(
        student,
        rebuilt.notebook,
        plan,
        tuple(dict.fromkeys([*noted.get("repairs", ()), *mended, *rebuilt.repairs])),
        tuple(dict.fromkeys([*noted.get("review", ()), *rebuilt.review])),
        _timestamp(path.with_name("timestamp.txt")),
        key,
    )


def _bytes(course: Course, student: str) -> bytes:
    """The handed-in file: by the right name, else the only notebook there."""
    path = course.notebook_path("submitted", student)
    if path.is_file() and not path.is_symlink():
        return path.read_bytes()
    others = [p for p in sorted(path.parent.glob("*")) if p.is_file() and not p.is_symlink()]
    notebooks = [p for p in others if ".ipynb" in p.name]
    if len(notebooks) == 1:
        return notebooks[0].read_bytes()
    seen = ", ".join(p.name for p in others) or "nothing"
    raise intake.Refused(
        f"No {path.name} in {path.parent.relative_to(course.root)}, only {seen}. Ask {student} for"
        " the notebook itself: in Colab, File → Download → Download .ipynb."
    )


def _noted(course: Course, student: str) -> Mapping[str, Sequence[str]]:
    """What `xorkit collect` noted beside the file: repairs, and why a person should look."""
    path = course.notebook_path("submitted", student).with_name("intake.json")
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _timestamp(path: object) -> datetime | None:
    """When it was handed in, as nbgrader's timestamp.txt says."""
    from nbgrader.utils import parse_utc

    try:
        return parse_utc(open(str(path), encoding="utf-8").read().strip())
    except (OSError, ValueError):
        return None


def not_gradable(course: Course, student: str, message: str) -> Verdict:
    return Verdict(student, course.assignment, course.lesson.max_score, message=message)


def _refused(
    course: Course, book: Gradebook, verdict: Verdict, everything: bool
) -> Iterator[Progress]:
    before = results.verdict_of(course, verdict.student)
    if everything or before is None or before.cells or before.message != verdict.message:
        results.keep(course, verdict, Keys("", ""), None, None)
        record(book, verdict, None)
        yield Progress(verdict)


def _judge_again(course: Course, book: Gradebook, student: str, key: Keys) -> Iterator[Progress]:
    evidence = results.evidence_of(course, student)
    if evidence is None:
        return
    marks = manual_scores(book, course.assignment, student)
    verdict, faults = grade_evidence(student, evidence, course.lesson, course.hidden_cells, marks)
    results.keep(course, verdict, key, None, None)
    record(book, verdict, None)
    yield Progress(verdict, faults, ran=False)


def _conclude(course: Course, book: Gradebook, submission: _Submission, done: Done) -> Progress:
    """Judges what came back from a worker, keeps it and records it."""
    student = submission.student
    if done.evidence is None:
        verdict = not_gradable(course, student, f"The grader failed: {done.problem}")
        results.keep(course, verdict, Keys("", ""), None, None)
        record(book, verdict, submission.submitted)
        return Progress(verdict, (done.problem,))
    evidence = replace(
        Evidence.from_json(done.evidence), repairs=submission.repairs, review=submission.review
    )
    marks = manual_scores(book, course.assignment, student)
    verdict, faults = grade_evidence(student, evidence, course.lesson, course.hidden_cells, marks)
    notebook = results.graded_notebook(course, submission.rebuilt, done.outputs, verdict)
    results.keep(course, verdict, submission.keys, evidence, notebook)
    record(book, verdict, submission.submitted)
    return Progress(verdict, faults)


def verdicts(course: Course) -> Iterable[Verdict]:
    """All kept verdicts, with the marks that persons gave, agreeing with the gradebook."""
    with _class(course):
        found = (results.verdict_of(course, s) for s in course.students("autograded"))
        return [verdict for verdict in found if verdict is not None]
