"""A whole class: who is new or changed, who works, what is written. One writer: this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from xorkit.engine import assignment, machine, store, submitted, workers
from xorkit.engine.assignment import Assignment
from xorkit.engine.course import Course
from xorkit.engine.gradebook import record
from xorkit.engine.job import Job, JobResult, RunSettings, failed, not_gradable, still_holds
from xorkit.engine.records import Records, opened
from xorkit.engine.store import NO_KEYS, Keys, StoredResult
from xorkit.foreign import first_of
from xorkit.intake.reading import Refusal
from xorkit.progress import over
from xorkit.verdict import Verdict

ONE_WORKER_IS_FASTER = 40  # submissions: they are judged sooner than another worker has started


@dataclass(frozen=True)
class Progress:
    """One submission that is done: its verdict, and failures of the grader's own."""

    verdict: Verdict
    faults: tuple[str, ...] = ()
    ran: bool = True  # false: judged from kept evidence, or not gradable


def grade_class(
    course: Course,
    settings: RunSettings,
    *,
    students: Sequence[str] | None = None,
    everything: bool = False,
    count: int | None = None,
    scheduler: str | None = None,
    begin: Callable[[int], None] = lambda total: None,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[Progress]:
    """Grades what is new or changed in `submitted/`, yielding each submission as it is done.

    `count` workers on this machine (None: one a core, and none for a notebook or two; 0: this
    process), or those of a Dask `scheduler`. `begin` is told how many there are to do. Raises
    CourseError, GradebookError, ConfinementError and WorkersError; what was done is kept.
    """
    with opened(course) as records:
        klass = _Class(course, records.book)
        _tell_of_lateness(records.moved, say)
        ready: list[Progress] = []
        waiting: list[str] = []
        for student in over(students or course.students("submitted"), "looking for changes"):
            if (found := klass.known(student, settings, everything)) is None:
                waiting.append(student)
            elif found.verdict.message:
                ready.append(found)
        if not students:
            klass.tell_of_withdrawn(say)
            klass.tell_of_misplaced(say)
        begin(len(ready) + len(waiting))
        yield from ready
        if not waiting:
            return
        crew = 0
        if not scheduler:
            wanted = machine.crew(count, len(waiting))
            crew, settings = machine.fitting(wanted, settings, machine.free_memory(), say)
        jobs = (job for name in waiting if (job := klass.job(name, settings, everything)))
        for done in workers.run_jobs(klass.assignment, jobs, crew, scheduler):
            yield klass.conclude(done)


def rejudge(
    course: Course,
    students: Sequence[str] | None = None,
    *,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[Verdict, Verdict]]:
    """Judges again from kept evidence, with no learner code; yields verdicts before and after.

    Raises CourseError, GradebookError and WorkersError.
    """
    with opened(course) as records:
        klass = _Class(course, records.book)
        _tell_of_lateness(records.moved, say)
        names = students or course.students("autograded")
        crew = min(machine.cores(), len(names) // ONE_WORKER_IS_FASTER)
        jobs = (job for name in names if (job := klass.kept_job(name)))  # never all in memory
        run = workers.run_jobs(klass.assignment, jobs, crew)
        for done in over(run, "judging again", len(names)):
            before = store.stored_result(course, done.student)
            if done.problem or before is None:
                say(
                    f"{done.student}: {done.problem}; `xorkit grade {course.assignment} --all"
                    f" --student {done.student}` runs it again"
                )
                continue
            yield before.verdict, klass.conclude(done, before).verdict


@dataclass(frozen=True)
class _Class(Records):
    """A course, its records, and what is to be done on it."""

    @cached_property
    def assignment(self) -> Assignment:
        return assignment.of_course(self.course)

    def tell_of_withdrawn(self, say: Callable[[str], None]) -> None:
        """Results stay where the work they are of is gone: a person decides about marks."""
        gone = sorted(set(self.graded()) - set(self.course.students("submitted")))
        if gone:
            say(
                f"{len(gone)} in autograded/ have nothing in submitted/ any more:"
                f" {first_of(gone)}. Their marks are kept; delete their folders there if they"
                " don't count."
            )

    def tell_of_misplaced(self, say: Callable[[str], None]) -> None:
        if found := submitted.misplaced(self.course):
            wanted = self.course.notebook_path("submitted", "LEARNER").relative_to(self.course.root)
            say(
                f"{len(found)} in submitted/ not looked at: {first_of(found)}. Wanted: {wanted};"
                " move them there, or let `xorkit collect` do it."
            )

    # ------------------------------------------------------------------------ what is to be done

    def known(self, student: str, settings: RunSettings, everything: bool) -> Progress | None:
        """What needs no work: an unchanged result, or a file that can't be graded. Else None."""
        if not _is_text(student):
            name = student.encode("utf-8", "backslashreplace").decode()
            text = "The folder's name is no text that a gradebook can hold. Please rename it."
            return Progress(not_gradable(self.assignment, name, text), ran=False)
        try:
            handed = submitted.read_submission(self.course, student)
        except Refusal as error:
            return self._refused(student, str(error))
        kept = store.stored_result(self.course, student)
        own = self.assignment
        current = Keys(file=handed.key, base=own.base, judged=own.judged)
        if kept is None or everything or not still_holds(kept.keys, settings):
            return None
        if replace(kept.keys, run="", limits="", lacks="") != current:
            return None
        return Progress(kept.verdict, ran=False)

    def job(self, student: str, settings: RunSettings, everything: bool) -> Job | None:
        """The file as it is now, with what is kept of its last run."""
        try:
            handed = submitted.read_submission(self.course, student)
        except Refusal:
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
        kept = store.stored_result(self.course, student)
        if kept is None or kept.verdict.message:
            return None
        evidence = store.evidence_bytes(self.course, student)
        notebook = store.notebook_bytes(self.course, student)
        return Job(student, RunSettings(), kept.keys, evidence=evidence, notebook=notebook)

    # --------------------------------------------------------------------------- what is written

    def conclude(self, done: JobResult, before: StoredResult | None = None) -> Progress:
        """Keeps what a worker sent and records it, unless it is what was recorded `before`."""
        verdict = done.verdict or failed(self.assignment, done)
        verdict, hand_in = self.settled(verdict, done.keys)
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
        verdict, hand_in = self.settled(not_gradable(self.assignment, student, message))
        kept = store.stored_result(self.course, student)
        if kept is None or kept.verdict != verdict:
            store.keep_ungraded(self.course, StoredResult(verdict, NO_KEYS))
            record(self.book, verdict, hand_in)
        return Progress(verdict, ran=False)


def _tell_of_lateness(moved: Sequence[str], say: Callable[[str], None]) -> None:
    if moved:
        who = f"{len(moved)}: {first_of(moved)}"
        say(f"Lateness, or what it costs, is another than before for {who}")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
