"""What is recorded of a class: the kept verdicts and the gradebook, which never disagree.

Whatever only reads or sets marks (pages, exports, marking, due dates) needs no more than this, and
starts faster for it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from nbgrader.api import Gradebook

from xorkit.engine import late, settled, store
from xorkit.engine.course import Course, CourseError
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
    sqlite_file,
    with_marks,
)
from xorkit.engine.lock import BusyError, alone
from xorkit.engine.store import NO_KEYS, Keys, StoredResult
from xorkit.progress import over
from xorkit.verdict import Verdict


@dataclass(frozen=True)
class Records:
    """A course and its gradebook while a command is at work on it."""

    course: Course
    book: Gradebook
    moved: tuple[str, ...] = ()  # whose lateness or its cost had changed when these were opened

    def verdicts(self) -> list[Verdict]:
        marks = all_marks(self.book, self.course.assignment)
        names = over(self.graded(), "reading verdicts")
        found = ((name, store.stored_result(self.course, name)) for name in names)
        return [self.by_persons(k, marks.get(n, {})) for n, k in found if k is not None]

    def by_persons(self, kept: StoredResult, marks: Marks) -> Verdict:
        """The verdict with what persons did: their marks, and that they looked at the file."""
        verdict = with_marks(kept.verdict, marks, self.course.lesson)
        return replace(
            verdict, checked=store.is_checked(self.course, replace(kept, verdict=verdict))
        )

    @cached_property
    def late_policy(self) -> late.LatePolicy:
        return late.late_policy(self.course, self.book)

    def agree(self) -> tuple[str, ...]:
        """Takes over what changed since and records what was not recorded yet.

        That is marks that persons gave, the due date, times and the late policy. Gives back whose
        lateness, or its cost, is another one now.
        """
        moved = []
        marks = all_marks(self.book, self.course.assignment)
        known = hand_ins(self.book, self.course.assignment)
        for student in over(self.graded(), "checking the gradebook"):
            if (kept := store.stored_result(self.course, student)) is None:
                continue
            held = known.get(student, HandIn())
            own = marks.get(student)
            marked = kept.verdict if own is None else self.by_persons(kept, own)
            marked, wanted = self.late_policy.apply(marked, held)
            if marked.late != kept.verdict.late:
                moved.append(student)
            if marked != kept.verdict:
                store.keep_verdict(self.course, replace(kept, verdict=marked))
            if own is None or expected(marked, own) != own or wanted != held:
                record(self.book, marked, wanted, restore=own is None)
        return tuple(moved)

    def graded(self) -> list[str]:
        return self.course.students("autograded")

    def settled(self, verdict: Verdict, keys: Keys = NO_KEYS) -> tuple[Verdict, HandIn]:
        """The verdict with what persons did and its lateness, and what to record of the latter."""
        name = self.course.assignment
        marks = all_marks(self.book, name, verdict.student).get(verdict.student, {})
        known = hand_ins(self.book, name, verdict.student).get(verdict.student, HandIn())
        by_persons = self.by_persons(StoredResult(verdict, keys), marks)
        return self.late_policy.apply(by_persons, known)


@contextmanager
def opened(course: Course) -> Iterator[Records]:
    """The records with nobody else at work, the gradebook agreeing with every verdict."""
    course.check()
    with alone(course):
        if missing_file(course.db_url):
            _register(course)
        with open_gradebook(course.db_url) as book:
            if not is_registered(book, course):
                book.db.rollback()  # nbgrader writes by another connection
                _register(course)
            moved = Records(course, book).agree()
            yield Records(course, book, moved)


def _register(course: Course) -> None:
    """Makes the assignment known to the gradebook, in a process of its own.

    nbgrader's converters take some 35 MB that would be missing where a class is large. Raises
    CourseError.
    """
    command = [sys.executable, "-P", "-m", "xorkit.engine.release"]
    command += [str(course.root), course.assignment]
    done = subprocess.run(  # noqa: S603 - our own module, no shell
        command, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CourseError(done.stderr.strip())


def verdicts(course: Course) -> list[Verdict]:
    """All kept verdicts, with the marks that persons gave, agreeing with the gradebook."""
    file = sqlite_file(course.db_url)
    before = settled.state(course, file) if file else None
    try:
        with opened(course) as records:
            found, by_nbgrader = records.verdicts(), records.late_policy.is_nbgraders
        if file and before and by_nbgrader:
            settled.note(course, file, before)
        return found
    except BusyError:  # a grader is at work: what there is already, without writing
        with open_gradebook(course.db_url) as book:
            return Records(course, book).verdicts()


def set_due(course: Course, due: datetime | None) -> list[Verdict]:
    """Sets the due date where nbgrader has it (None: none); gives back all verdicts as of now.

    Raises as `verdicts` does, and BusyError while a grader is at work.
    """
    with opened(course) as records:
        naive = due and due.astimezone(UTC).replace(tzinfo=None)
        records.book.update_or_create_assignment(course.assignment, duedate=naive)
        records = Records(course, records.book)  # the other one's late policy has the old date
        records.agree()
        return records.verdicts()


def due_date(course: Course) -> datetime | None:
    """When the assignment is due, in UTC; None where the gradebook has no due date."""
    with opened(course) as records:
        due = records.late_policy.due
    return due and due.replace(tzinfo=UTC)


def check_off(course: Course, students: Sequence[str]) -> list[Verdict]:
    """Notes that a person has looked at these learners' files; gives back the verdicts as they are.

    A file that comes in later, or another reason to look, wants a look of its own.
    """
    with opened(course) as records:
        for student in students:
            if (kept := store.stored_result(course, student)) is not None:
                store.note_check(course, kept)
        records.agree()
        return [verdict for verdict in records.verdicts() if verdict.student in students]
