"""The matching exercise: for each job once written by hand, the line that now does it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Status = Literal["right", "wrong", "blank", "doubled", "unknown"]

GAP = "..."  # in a line of the menu: whatever the learner may write between the brackets
UNFIT_FOR_A_FORM = "\"'\\\n"  # Colab's forms can't hold them inside an option
SHOWN = 60  # characters of a learner's own text that a message repeats


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(_Part):
    """A line of the menu. `belief` belongs to a line that is right for no job."""

    line: Text
    does: Text
    belief: str = ""


class MatchingJob(_Part):
    """A job once done by hand. `also` are right spellings that the menu doesn't offer."""

    job: Text
    lesson: Text
    accepts: tuple[Text, ...] = Field(min_length=1)
    also: tuple[Text, ...] = ()


class MatchingExercise(_Part):
    """The menu and the jobs, as `lessons/<assignment>.matching.yaml` writes them."""

    placeholder: Text
    lines: tuple[Line, ...] = Field(min_length=2)
    jobs: tuple[MatchingJob, ...] = Field(min_length=1)

    @property
    def options(self) -> tuple[str, ...]:
        """What the notebook's menus offer, in order; the first one means "not chosen yet"."""
        return (self.placeholder, *(line.line for line in self.lines))

    @property
    def max_points(self) -> int:
        return len(self.jobs)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> MatchingExercise:
        problems = list(_problems(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self


@dataclass(frozen=True)
class MatchingChoice:
    """What was chosen for one job, and what to say about it.

    `chosen` is the line as the lesson file spells it, None where no single line was chosen.
    `misconception` is what the chosen line gives away about the learner, for the class report.
    """

    job: int
    chosen: str | None
    status: Status
    points: int
    message: str
    misconception: str = ""


def grade_matching(
    exercise: MatchingExercise, values: Mapping[str, object]
) -> tuple[MatchingChoice, ...]:
    """One choice per job, from the names `job_1`, `job_2`, … that a learner's cell left behind."""
    answers = [values.get(f"job_{number}") for number, _ in _numbered(exercise)]
    named = [
        _lines_in(exercise, job, value) for job, value in zip(exercise.jobs, answers, strict=True)
    ]
    chosen = [lines[0] if len(lines) == 1 else None for lines in named]
    return tuple(
        _choice(exercise, number, value, lines, chosen)
        for number, (value, lines) in enumerate(zip(answers, named, strict=True), 1)
    )


def _choice(
    exercise: MatchingExercise,
    number: int,
    value: object,
    lines: Sequence[str],
    chosen: Sequence[str | None],
) -> MatchingChoice:
    job = exercise.jobs[number - 1]
    title = f"Job {number} ({job.job})"
    if len(lines) > 1:
        names = " and ".join(f"`{line}`" for line in lines)
        message = f"{title}: here stand {names}. Which single line does this job?"
        return MatchingChoice(number, None, "doubled", 0, message)
    if not lines:
        return _no_line(exercise, number, title, value)
    line = lines[0]
    if line in (*job.accepts, *job.also):
        return MatchingChoice(number, line, "right", 1, f"{title}: `{line}`, right.")
    meaning = next(known for known in exercise.lines if known.line == line)
    message = (
        f"{title}: you chose `{line}`. That line {meaning.does}. "
        f"Is that the job? Look at {job.lesson} again.{_elsewhere(number, line, chosen)}"
    )
    return MatchingChoice(number, line, "wrong", 0, message, meaning.belief)


def _no_line(exercise: MatchingExercise, number: int, title: str, value: object) -> MatchingChoice:
    if _is_blank(exercise, value):
        return MatchingChoice(number, None, "blank", 0, f"{title}: nothing is chosen yet.")
    if isinstance(value, str):
        shown = value.strip() if len(value.strip()) <= SHOWN else f"{value.strip()[:SHOWN]}…"
        message = f"{title}: `{shown}` is not a line of the menu. Choose one of its lines."
    else:
        message = (
            f"{title}: `job_{number}` holds a {type(value).__name__}, not a text. "
            "Choose a line of the menu and keep the quotation marks round it."
        )
    return MatchingChoice(number, None, "unknown", 0, message)


def _elsewhere(number: int, line: str, chosen: Sequence[str | None]) -> str:
    others = [str(n) for n, other in enumerate(chosen, 1) if other == line and n != number]
    return f" You chose the same line for job {' and '.join(others)}." if others else ""


def _is_blank(exercise: MatchingExercise, value: object) -> bool:
    if value is None or value is Ellipsis:
        return True
    return isinstance(value, str) and _plain(value) in ("", GAP, _plain(exercise.placeholder))


def _lines_in(exercise: MatchingExercise, job: MatchingJob, value: object) -> tuple[str, ...]:
    """The lines that a value names: none, the chosen one, or several."""
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        found = [line for part in value for line in _lines_in(exercise, job, part)]
        return tuple(dict.fromkeys(found))
    if not isinstance(value, str) or _is_blank(exercise, value):
        return ()
    known = (*(line.line for line in exercise.lines), *job.also)
    whole = [line for line in known if _fits(_plain(line), _plain(value))]
    return tuple(whole[:1] or _named_in(_plain(value), known))


def _named_in(text: str, known: Iterable[str]) -> list[str]:
    """Lines that stand inside a longer text, longest first so that `a.step()` hides `a.step`."""
    found = []
    for line in sorted(known, key=len, reverse=True):
        if _plain(line) in text:
            found.append(line)
            text = text.replace(_plain(line), " ")
    return found if len(found) > 1 else []


def _fits(line: str, text: str) -> bool:
    """Is this text the line, with anything between brackets where the line says `...`?"""
    start, gap, end = line.partition(GAP)
    if text == line or not gap:
        return text == line
    inside = text[len(start) : len(text) - len(end)]
    return len(text) >= len(start + end) and text == start + inside + end and _closed(inside)


def _closed(text: str) -> bool:
    """Does every bracket that closes here open here?"""
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            return False
    return depth == 0


def _plain(text: str) -> str:
    """Without what doesn't matter in a line of code that was typed: quotes, spaces, case."""
    return re.sub(r"[\s\"'`´‘’“”]", "", text).casefold()


def _numbered(exercise: MatchingExercise) -> Iterator[tuple[int, MatchingJob]]:
    return enumerate(exercise.jobs, 1)


def _problems(exercise: MatchingExercise) -> Iterator[str]:
    names = [line.line for line in exercise.lines]
    for option in exercise.options:
        if unfit := sorted(set(option) & set(UNFIT_FOR_A_FORM)):
            yield f"the line {option!r} holds {' '.join(unfit)!r}, which a form can't show"
        if sum(_plain(option) == _plain(other) for other in exercise.options) > 1:
            yield f"the line {option!r} stands in the menu twice"
    for number, job in _numbered(exercise):
        for line in job.accepts:
            if line not in names:
                yield f"job {number} accepts {line!r}, which is not among the lines"
    used = {line for job in exercise.jobs for line in job.accepts}
    for entry in exercise.lines:
        if entry.belief and entry.line in used:
            yield f"the line {entry.line!r} is right for a job: remove its belief"
        if not entry.belief and entry.line not in used:
            yield f"the line {entry.line!r} is right for no job: say which belief it stands for"
