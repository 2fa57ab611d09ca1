"""A learner's page: the points, what to mend next, and what the learner's own loop did, drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from xorkit.conventions import solution_of
from xorkit.lesson import Lesson
from xorkit.pages.rendering import render
from xorkit.pages.training import drawn
from xorkit.pages.words import plural, praise
from xorkit.verdict import CellVerdict, Finding, Outcome, TestOutcome, Verdict


@dataclass(frozen=True)
class TestLine:
    """Tests that say the same of several rows, and what was seen where they failed."""

    text: str
    outcome: Outcome
    passed: int
    total: int
    messages: tuple[str, ...]


@dataclass(frozen=True)
class ExerciseFeedback:
    """One graded cell as the page shows it."""

    name: str
    title: str
    look: str
    cell: CellVerdict
    claims: tuple[TestLine, ...]
    said: tuple[str, ...]  # what was found beyond the claims
    blank: bool
    choices: Sequence[Mapping[str, Any]]  # of a matching exercise
    question: str
    mark: Mapping[str, Any] | None  # of a free-text answer
    text: str  # of the answer cell, as handed in

    @property
    def missing(self) -> float:
        """Points that were lost, and are not with a person."""
        return 0 if self.cell.needs_review else self.cell.max_score - self.cell.score

    @property
    def open_jobs(self) -> tuple[int, ...]:
        """The jobs of a matching exercise for which nothing is chosen."""
        return tuple(choice["job"] for choice in self.choices if choice["status"] == "blank")

    @property
    def advice(self) -> str:
        """Where to read on; the marks of free text name their lesson themselves."""
        return "" if self.mark is not None else self.look

    @property
    def sentences(self) -> tuple[str, ...]:
        """What to say of it, the most telling first."""
        if self.choices:
            wrong = [choice for choice in self.choices if not choice["points"]]
            wrong.sort(key=lambda choice: bool(choice["status"] == "blank"))
            return (*self.said, *(choice["message"] for choice in wrong))
        if self.mark is not None:
            return (*self.said, str(self.mark["message"]))
        found = (message for claim in self.claims for message in claim.messages)
        return tuple(dict.fromkeys([*self.said, *found]))


def feedback_page(
    verdict: Verdict, lesson: Lesson, *, answers: Mapping[str, str] | None = None
) -> str:
    """The page of one learner; `answers` are the answer cells' texts as handed in."""
    exercises = [_exercise(cell, verdict, lesson, answers or {}) for cell in verdict.cells]
    todo = [exercise for exercise in exercises if exercise.missing]
    first, loop = _first(verdict, todo), lesson.cell("training_loop")
    return render(
        "feedback.html",
        lesson=lesson,
        verdict=verdict,
        exercises=exercises,
        first=first,
        later=[exercise for exercise in todo if exercise is not first],
        notes=[finding for finding in verdict.findings if finding.note],
        elsewhere=_elsewhere(verdict),
        opening=_opening(verdict),
        share=verdict.final_score / verdict.max_score if verdict.max_score else 0.0,
        training=drawn(verdict, lesson),
        loop_right=any(e.name == loop and e.cell.score == e.cell.max_score for e in exercises),
    )


def _elsewhere(verdict: Verdict) -> list[Finding]:
    """What was found in cells that bear no points of their own."""
    cells = {solution_of(cell.grade_id) for cell in verdict.cells}
    return [f for f in verdict.findings if not f.note and f.grade_id not in cells]


def _opening(verdict: Verdict) -> str:
    waiting = len(verdict.needs_review)
    if not waiting:
        return praise(verdict.score / verdict.max_score if verdict.max_score else 0)
    left = plural(waiting, "answer waits for a person", "answers wait for a person")
    return f"{left}, so the points may still go up."


def _first(verdict: Verdict, todo: Sequence[ExerciseFeedback]) -> ExerciseFeedback | None:
    """Where to begin: with the exercise of the most telling finding, else the first that lost."""
    by_name = {exercise.name: exercise for exercise in todo}
    told = (by_name[found.grade_id] for found in verdict.findings if found.grade_id in by_name)
    return next(told, todo[0] if todo else None)


def _exercise(
    cell: CellVerdict, verdict: Verdict, lesson: Lesson, answers: Mapping[str, str]
) -> ExerciseFeedback:
    name = solution_of(cell.grade_id)
    part = lesson.parts.get(name)
    own = [found for found in verdict.findings if found.grade_id == name and not found.note]
    blank = any(found.code == "blank" for found in own)
    # The claims of a blank aren't shown, so that they tell nothing.
    told = set() if blank else {t.message for each in verdict.cells for t in each.tests}
    matching = lesson.matching is not None and name == lesson.cell("matching")
    rubric = lesson.recall.get(name)
    mark = verdict.details.get("recall", {}).get(name) if rubric else None
    return ExerciseFeedback(
        name=name,
        title=lesson.title_of(name),
        look=part.look if part else "",
        cell=cell,
        claims=tuple(_claims(cell.tests)),
        said=tuple(found.message for found in own if found.message not in told),
        blank=blank,
        choices=verdict.details.get("matching", ()) if matching else (),
        question=rubric.question if rubric else "",
        mark={"answer": "", **mark} if mark else None,
        text=answers.get(name, ""),
    )


def _claims(tests: Sequence[TestOutcome]) -> Iterator[TestLine]:
    """Neighbours that claim the same become one: a parametrised test is one claim of many rows."""
    told: set[str] = set()  # what explains several claims is said at the first
    for text, group in groupby(tests, key=lambda test: test.claim or test.name):
        rows = list(group)
        outcomes = {row.outcome for row in rows}
        worst: Outcome = next(o for o in ("failed", "not_judged", "passed") if o in outcomes)
        new = (row.message for row in rows if row.message and row.message not in told)
        messages = tuple(dict.fromkeys(new))
        told.update(messages)
        passed = sum(row.outcome == "passed" for row in rows)
        yield TestLine(text, worst, passed, len(rows), messages)
