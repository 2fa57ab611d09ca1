"""A whole class: who is new or changed, who works, what is written. One writer: this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from nbgrader.api import Gradebook

from xorkit import intake
from xorkit.engine import assignment, late, machine, store, submitted, workers
from xorkit.engine.assignment import Assignment
from xorkit.engine.course import Course
from xorkit.engine.gradebook import (
    HandIn,
    Marks,
    all_marks,
    expected,
    hand_ins,
    is_registered,
    missing_file,
    open_gradebook,
    record,
    with_marks,
)
from xorkit.engine.job import Job, JobResult, Settings, failed, holds, not_gradable
from xorkit.engine.lock import BusyError, alone
from xorkit.engine.release import register
from xorkit.engine.store import Keys, StoredResult
from xorkit.lesson import Lesson
from xorkit.verdict import Verdict

NO_KEYS = Keys()
FEW = 40  # submissions that are judged again sooner than another worker has started

Say = Callable[[str], None]  # what the instructor should know meanwhile


@dataclass(frozen=True)
class Progress:
    """One submission that is done: its verdict, and failures of the grader's own."""

    verdict: Verdict
    faults: tuple[str, ...] = ()
    ran: bool = True  # false: judged from kept evidence, or not gradable


def grade(
    course: Course,
    settings: Settings,
    *,
    students: Sequence[str] | None = None,
    everything: bool = False,
    count: int | None = None,
    scheduler: str | None = None,
    begin: Callable[[int], None] = lambda total: None,
    say: Say = lambda text: None,
) -> Iterator[Progress]:
    """Grades what is new or changed in `submitted/`, yielding each submission as it is done.

    `count` workers on this machine (None: one a core; 0: this process), or those of a Dask
    `scheduler`. `begin` is told how many there are to do. Raises CourseError, GradebookError,
    ConfinementError and WorkersError; what was done until then is kept.
    """
    with _class(course) as klass:
        ready: list[Progress] = []
        waiting: list[str] = []
        for student in students or course.students("submitted"):
            if (found := klass.known(student, settings, everything)) is None:
                waiting.append(student)
            elif found.verdict.message:
                ready.append(found)
        if not students:
            klass.tell_of_withdrawn(say)
        begin(len(ready) + len(waiting))
        yield from ready
        if not waiting:
            return
        crew = 0
        if not scheduler:
            wanted = min(machine.cores() if count is None else count, len(waiting))
            crew, settings = machine.fitting(wanted, settings, machine.free_memory(), say)
        jobs = (job for name in waiting if (job := klass.job(name, settings, everything)))
        for done in workers.run(klass.assignment.pack(), jobs, crew, scheduler):
            yield klass.conclude(done)


def rejudge(
    course: Course, students: Sequence[str] | None = None, *, say: Say = lambda text: None
) -> Iterator[tuple[Verdict, Verdict]]:
    """Judges again from kept evidence, with no learner code; yields verdicts before and after.

    Raises CourseError, GradebookError and WorkersError.
    """
    with _class(course) as klass:
        jobs = {}
        for student in students or course.students("autograded"):
            if (job := klass.kept_job(student)) is not None:
                jobs[student] = job
        crew = min(machine.cores(), len(jobs) // FEW)
        for done in workers.run(klass.assignment.pack(), jobs.values(), crew):
            before = store.kept(course, done.student)
            if done.problem or before is None:
                say(
                    f"{done.student}: {done.problem}; `xorkit grade {course.assignment} --all"
                    f" --student {done.student}` runs it again"
                )
                continue
            yield before.verdict, klass.conclude(done, before).verdict


def verdicts(course: Course) -> list[Verdict]:
    """All kept verdicts, with the marks that persons gave, agreeing with the gradebook."""
    try:
        with _class(course) as klass:
            return klass.verdicts()
    except BusyError:  # a grader is at work: what there is already, without writing
        with open_gradebook(course.db_url) as book:
            return _Class(course, book).verdicts()


def set_due(course: Course, due: datetime | None) -> list[Verdict]:
    """Sets the due date where nbgrader has it (None: none); gives back all verdicts as of now.

    Raises as `verdicts` does, and BusyError while a grader is at work.
    """
    with _class(course) as klass:
        naive = due and due.astimezone(UTC).replace(tzinfo=None)
        klass.book.update_or_create_assignment(course.assignment, duedate=naive)
        klass = _Class(course, klass.book)  # the other one's late policy has the old date
        klass.agree()
        return klass.verdicts()


def due_date(course: Course) -> datetime | None:
    """When the assignment is due, in UTC; None where the gradebook has no due date."""
    with _class(course) as klass:
        due = klass.late_policy.due
    return due and due.replace(tzinfo=UTC)


def check_off(course: Course, students: Sequence[str]) -> list[Verdict]:
    """Notes that a person has looked at these learners' files; gives back the verdicts as they are.

    A file that comes in later, or another reason to look, wants a look of its own.
    """
    with _class(course) as klass:
        for student in students:
            if (kept := store.kept(course, student)) is not None:
                store.check_off(course, kept)
        klass.agree()
        return [verdict for verdict in klass.verdicts() if verdict.student in students]


@contextmanager
def _class(course: Course) -> Iterator[_Class]:
    """The course with nobody else at work, its gradebook agreeing with every verdict."""
    course.check()
    with alone(course):
        if missing_file(course.db_url):
            register(course)
        with open_gradebook(course.db_url) as book:
            if not is_registered(book, course):
                book.db.rollback()  # nbgrader writes by another connection
                register(course)
            klass = _Class(course, book)
            klass.agree()
            yield klass


@dataclass(frozen=True)
class _Class:
    """A course and its gradebook while a command is at work on it."""

    course: Course
    book: Gradebook

    @cached_property
    def assignment(self) -> Assignment:
        return assignment.of_course(self.course)

    # ------------------------------------------------------------------------- what is kept

    def verdicts(self) -> list[Verdict]:
        marks = all_marks(self.book, self.course.assignment)
        found = ((name, store.kept(self.course, name)) for name in self._graded())
        return [self._by_persons(k, marks.get(n, {})) for n, k in found if k is not None]

    def _by_persons(self, kept: StoredResult, marks: Marks) -> Verdict:
        """The verdict with what persons did: their marks, and that they looked at the file."""
        verdict = with_marks(kept.verdict, marks, self.lesson)
        return replace(
            verdict, checked=store.is_checked(self.course, replace(kept, verdict=verdict))
        )

    @cached_property
    def late_policy(self) -> late.LatePolicy:
        return late.policy(self.course, self.book)

    def agree(self) -> None:
        """Takes over what changed since and records what was not recorded yet.

        That is marks that persons gave, the due date, times and the late policy.
        """
        marks = all_marks(self.book, self.course.assignment)
        known = hand_ins(self.book, self.course.assignment)
        for student in self._graded():
            if (kept := store.kept(self.course, student)) is None:
                continue
            held = known.get(student, HandIn())
            own = marks.get(student)
            marked = kept.verdict if own is None else self._by_persons(kept, own)
            marked, wanted = self.late_policy.apply(marked, held)
            if marked != kept.verdict:
                store.keep_verdict(self.course, replace(kept, verdict=marked))
            if own is None or expected(marked, own) != own or wanted != held:
                record(self.book, marked, wanted, restore=own is None)

    @property
    def lesson(self) -> Lesson:
        return self.course.lesson

    def _graded(self) -> list[str]:
        return self.course.students("autograded")

    def tell_of_withdrawn(self, say: Say) -> None:
        """Results stay where the work they are of is gone: a person decides about marks."""
        gone = sorted(set(self._graded()) - set(self.course.students("submitted")))
        if gone:
            names = ", ".join(gone[:5]) + (" …" if len(gone) > 5 else "")
            say(
                f"{len(gone)} in autograded/ have nothing in submitted/ any more ({names}). Their"
                " marks are kept; delete their folders there if they don't count."
            )

    # ------------------------------------------------------------------------ what is to be done

    def known(self, student: str, settings: Settings, everything: bool) -> Progress | None:
        """What needs no work: an unchanged result, or a file that can't be graded. Else None."""
        if not _is_text(student):
            name = student.encode("utf-8", "backslashreplace").decode()
            text = "The folder's name is no text that a gradebook can hold. Please rename it."
            return Progress(not_gradable(self.assignment, name, text), ran=False)
        try:
            handed = submitted.read(self.course, student)
        except intake.Refusal as error:
            return self._refused(student, str(error))
        kept = store.kept(self.course, student)
        own = self.assignment
        current = Keys(file=handed.key, base=own.base, judged=own.judged)
        if kept is None or everything or not holds(kept.keys, settings):
            return None
        if replace(kept.keys, run="", limits="", lacks="") != current:
            return None
        return Progress(kept.verdict, ran=False)

    def job(self, student: str, settings: Settings, everything: bool) -> Job | None:
        """The file as it is now, with what is kept of its last run."""
        try:
            handed = submitted.read(self.course, student)
        except intake.Refusal:
            return None  # it went away while others were graded; the next run says so
        evidence = None if everything else store.evidence_bytes(self.course, student)
        return Job(
            student=student,
            settings=settings,
            keys=Keys(file=handed.key),
            repairs=handed.repairs,
            review=handed.review,
            file=handed.data,
            evidence=evidence,
            notebook=store.notebook_bytes(self.course, student) if evidence else None,
        )

    def kept_job(self, student: str) -> Job | None:
        kept = store.kept(self.course, student)
        if kept is None or kept.verdict.message:
            return None
        evidence = store.evidence_bytes(self.course, student)
        notebook = store.notebook_bytes(self.course, student)
        return Job(student, Settings(), kept.keys, evidence=evidence, notebook=notebook)

    # --------------------------------------------------------------------------- what is written

    def conclude(self, done: JobResult, before: StoredResult | None = None) -> Progress:
        """Keeps what a worker sent and records it, unless it is what was recorded `before`."""
        verdict = done.verdict or failed(self.assignment, done)
        verdict, hand_in = self._settled(verdict, done.keys)
        kept = StoredResult(verdict, done.keys)
        if verdict.message:
            store.keep_ungraded(self.course, kept)
        else:
            store.keep(self.course, kept, done.evidence, done.notebook)
        if before is None or before.verdict.cells != verdict.cells:
            record(self.book, verdict, hand_in)
        faults = (done.problem, *done.faults) if done.problem else done.faults
        return Progress(verdict, faults, done.ran)

    def _refused(self, student: str, message: str) -> Progress:
        verdict, hand_in = self._settled(not_gradable(self.assignment, student, message))
        kept = store.kept(self.course, student)
        if kept is None or kept.verdict != verdict:
            store.keep_ungraded(self.course, StoredResult(verdict, NO_KEYS))
            record(self.book, verdict, hand_in)
        return Progress(verdict, ran=False)

    def _settled(self, verdict: Verdict, keys: Keys = NO_KEYS) -> tuple[Verdict, HandIn]:
        """The verdict with what persons did and its lateness, and what to record of the latter."""
        name = self.course.assignment
        marks = all_marks(self.book, name, verdict.student).get(verdict.student, {})
        known = hand_ins(self.book, name, verdict.student).get(verdict.student, HandIn())
        by_persons = self._by_persons(StoredResult(verdict, keys), marks)
        return self.late_policy.apply(by_persons, known)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
