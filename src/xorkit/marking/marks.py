"""Marks on their way into the gradebook, and what is written anew after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nbgrader.api import MissingEntry

from xorkit.engine.course import Course
from xorkit.engine.gradebook import give, open_gradebook
from xorkit.engine.settled import settled_class
from xorkit.export import export_again
from xorkit.marking.waiting import WaitingAnswer, answer_at
from xorkit.pages.writing import write_feedback, write_report


@dataclass(frozen=True)
class GivenMark:
    """A person's mark for one answer. Without points the answer goes on waiting.

    `before` is the mark that the person saw there.
    """

    answer: WaitingAnswer
    points: float | None
    comment: str = ""
    before: float | None = None

    def problem(self, course: Course) -> str:
        """Why this mark can't be given; nothing where it can."""
        most = self.answer.max_score
        if self.points is not None and not 0 <= self.points <= most:
            return f"{self.points:g} points; wanted 0 to {most:g}"
        now = answer_at(course, self.answer.student, self.answer.cell)
        if now is None or now.id != self.answer.id:
            return "the answer has changed since you read it; look at it again"
        return ""


def give_marks(course: Course, marks: Sequence[GivenMark]) -> Iterator[tuple[GivenMark, str]]:
    """Writes marks and comments where the formgrader writes them; yields those that can't be given.

    Each comes with the reason. Raises GradebookError.
    """
    with open_gradebook(course.db_url) as book:
        for mark in marks:
            place = (course.assignment, mark.answer.student, mark.answer.cell)
            if problem := mark.problem(course):
                yield mark, problem
                continue
            try:
                stands = give(book, place, mark.points, mark.comment, before=mark.before)
            except MissingEntry:
                yield mark, "the gradebook has no such learner or cell; run `xorkit grade`"
                continue
            if stands != mark.points:
                yield mark, f"somebody gave {stands:g} points in the meantime; that mark stands"


def bring_up_to_date(course: Course) -> Iterator[str]:
    """Feedback, report and every export that was made, after new marks; says which are."""
    found, waiting = settled_class(course)
    write_feedback(course, found)
    yield f"Up to date: {course.path('feedback')}"
    yield f"Up to date: {write_report(course, found, waiting=waiting)}"
    for target, made in export_again(course):
        if isinstance(made, Exception):
            command = f"xorkit export {course.assignment} --to {target}"
            yield f"Not up to date, run {command}: {made}"
        else:
            yield from (f"Up to date: {path}" for path in made)
