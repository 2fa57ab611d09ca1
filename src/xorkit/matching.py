"""The matching exercise: for each job once written by hand, the line that now does it."""

from __future__ import annotations

import ast
import contextlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from pydantic import Field, model_validator

from xorkit.cell_text import QUOTES, assigned_texts, code_of, tables
from xorkit.evidence import Tensor, Thing
from xorkit.yaml_parts import Text, YamlPart

ChoiceStatus = Literal["right", "wrong", "blank", "doubled", "unclear"]

GAP = "..."  # in a line of the menu: whatever the learner may write between the brackets
UNFIT_FOR_A_FORM = "\"'\\\n"  # Colab's forms can't hold them inside an option
LONGEST_SHOWN = 60  # characters of a learner's own text that a message repeats
JOB = r"(?:jobs?)?[ \t_.\[-]*0*(\d+)\]?"  # job_3, Job 3, job3, jobs[3], 3
TEXTS_MADE_PLAIN = 2_000  # remembered: the menu's lines are compared with every choice of a class
SAYS_NOTHING = frozenset(("", "none", "idk", "todo", "n/a", "dontknow", "noidea"))

_JOB_LINE = re.compile(rf"\s*(#?)[ \t]*{JOB}[ \t]*[=:]+(.*)", re.IGNORECASE)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_COMMENT = re.compile(r"(?<=.)#.*")  # not #3, which is a number
_BETWEEN = re.compile(rf"[\s{QUOTES}]")  # what doesn't matter in a line of code that was typed
_GIVEN_TO = re.compile(r"^[a-z_]\w*=(?!=)", re.IGNORECASE)  # loss_fn = …
_ARGUMENT = re.compile(r"(?<=[(,])[a-z_]\w*=(?!=)", re.IGNORECASE)  # in_features=2
_MODULE = re.compile(r"^torch\.nn\.(?:modules\.[a-z]\w*\.)?|^nn\.modules\.[a-z]\w*\.")
_NUMBER = re.compile(r"(?:line|no|nr|number|\#)?[.:]?\(?(\d{1,3})[.):]*", re.IGNORECASE)
_COUNTED = re.compile(r"\(?(\d{1,3})[.):]+(?=\D)")  # 3) nn.BCELoss()


class Line(YamlPart):
    """A line of the menu. `belief` belongs to a line that is right for no job."""

    line: Text
    does: Text
    belief: str = ""
    also: tuple[Text, ...] = ()


class MatchingJob(YamlPart):
    """A job once done by hand. `also` are right spellings that the menu doesn't offer."""

    job: Text
    lesson: Text
    accepts: tuple[Text, ...] = Field(min_length=1)
    also: tuple[Text, ...] = ()


class MatchingExercise(YamlPart):
    """The menu and the jobs, as `lessons/<assignment>.matching.yaml` writes them."""

    placeholder: Text
    lines: tuple[Line, ...] = Field(min_length=2)
    typed: tuple[Line, ...] = ()
    jobs: tuple[MatchingJob, ...] = Field(min_length=1)

    @property
    def options(self) -> tuple[str, ...]:
        """What the notebook's menus offer, in order; the first one means "not chosen yet"."""
        return (self.placeholder, *(line.line for line in self.lines))

    @property
    def max_points(self) -> int:
        return len(self.jobs)

    @cached_property
    def _spellings(self) -> tuple[_Spelling, ...]:
        """Every way to write a line, the plainest first; those of single jobs left out."""
        lines = [*self.lines, *self.typed]
        whole = [_Spelling(own.line, text) for own in lines for text in (own.line, *own.also)]
        return (*whole, *(short for one in whole for short in _shortened(one)))

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> MatchingExercise:
        problems = list(_problems(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self


@dataclass(frozen=True)
class _Spelling:
    """A way to write a line of the menu; in a short one upper and lower case matter."""

    line: str
    text: str
    short: bool = False

    def fits(self, text: str) -> bool:
        ours, theirs = _plain(self.text), _plain(text)
        if not self.short:
            ours, theirs = ours.casefold(), theirs.casefold()
        before, bracket, _ = ours.partition("(")
        if theirs == ours or GAP not in ours:
            return theirs == ours
        return (
            theirs.startswith(before + bracket)
            and theirs.endswith(")")
            and _closed(theirs[len(before) + 1 : -1])
        )


def _shortened(spelling: _Spelling) -> Iterator[_Spelling]:
    """Without its module (`Sigmoid()`), and where it names a class without brackets, too."""
    name, bracket, inside = spelling.text.partition("(")
    parts = name.split(".")
    is_class = bool(bracket) and parts[-1][:1].isupper()
    for start in range(len(parts)):
        short = ".".join(parts[start:])
        if start and " " not in name:
            yield _Spelling(spelling.line, short + bracket + inside, short=True)
        if is_class:
            yield _Spelling(spelling.line, short, short=True)


@dataclass(frozen=True)
class MatchingChoice:
    """What was chosen for one job, and what to say about it.

    `chosen` is the line as the lesson file spells it, None where no single line was chosen.
    `misconception` is what the chosen line gives away about the learner, for the class report.
    Where the status is `unclear` a person decides: `note` says to that person what stands there.
    """

    job: int
    chosen: str | None
    status: ChoiceStatus
    points: int
    message: str
    misconception: str = ""
    note: str = ""


@dataclass(frozen=True)
class _Entry:
    """What stands for a job: a text (None: nothing at all), of anything else its type too."""

    text: str | None
    type: str = ""
    lines: tuple[str, ...] = ()  # the lines of the menu that it names
    remark: str = ""  # a comment beside it that names a line of the menu


def grade_matching(
    exercise: MatchingExercise, values: Mapping[str, object], source: str = ""
) -> tuple[MatchingChoice, ...]:
    """One choice per job, from the names `job_1`, `job_2`, … that a learner's cell left behind.

    Where a name is missing or holds no text, the cell's text (`source`) is read line by line.
    """
    entries = _entries(exercise, values, source)
    chosen = [entry.lines[0] if len(entry.lines) == 1 else None for entry in entries]
    lost = _names_a_line(exercise, source)
    return tuple(
        _choice(exercise, number, entry, chosen, lost=lost)
        for number, entry in enumerate(entries, 1)
    )


def _entries(exercise: MatchingExercise, values: Mapping[str, object], source: str) -> list[_Entry]:
    source = _narrow(source)
    beside = assigned_texts(source, JOB)
    remarks = _remarks(exercise, source)
    below: dict[str, str] = {}  # a list or dict of all, where the job's own name says nothing
    for table in tables(source):
        below |= _numbered_by(exercise, table)
    entries = []
    for number, job in enumerate(exercise.jobs, 1):
        entry = _entry(values.get(f"job_{number}"), beside.get(str(number)))
        if _is_blank(exercise, entry.text) and str(number) in below:
            entry = _Entry(below[str(number)])
        lines = _lines_in(exercise, job, entry.text or "")
        entries.append(_Entry(entry.text, entry.type, lines, remarks.get(str(number), "")))
    return entries


def _remarks(exercise: MatchingExercise, source: str) -> dict[str, str]:
    """By job the comment beside it, or the line taken out by a “#”, that names a line."""
    found = {}
    for line in source.split("\n"):
        if match := _JOB_LINE.match(line):
            taken_out, number, rest = match.groups()
            comment = (rest if taken_out else rest.partition("#")[2]).strip()
            if not comment.startswith("@") and _names_one(exercise, comment):  # no form's menu
                found[number] = comment
    return found


def _numbered_by(exercise: MatchingExercise, table: Mapping[str, str]) -> dict[str, str]:
    """A table's texts by job: its keys are the jobs' numbers or names, or it lists them all.

    A list of pairs is such a table, too.
    """
    with contextlib.suppress(SyntaxError, ValueError, TypeError):  # TypeError: no pair
        table = {str(key): str(text) for key, text in map(ast.literal_eval, table.values())}
    found = {match[1]: text for key, text in table.items() if (match := _key(key))}
    if "0" in found:  # counted from 0, as lists are
        found = {str(int(number) + 1): text for number, text in found.items()}
    wanted = {str(number) for number, _ in _numbered(exercise)}
    return found if found.keys() == wanted and len(table) == len(wanted) else {}


def _key(text: str) -> re.Match[str] | None:
    return re.fullmatch(JOB, text.strip(), re.IGNORECASE)


def _entry(value: object, beside: str | None) -> _Entry:
    match value:
        case str():
            return _Entry(value)
        case None:
            return _Entry(beside)
        case bool():
            return _Entry(beside or str(value), "bool")
        case int() | float():
            return _Entry(f"{value:g}", type(value).__name__)
        case Thing():
            return _Entry(beside if beside is not None else value.text, value.type)
        case Tensor():
            return _Entry(beside or "", "tensor")
        case list() | tuple():
            return _Entry(str(value), type(value).__name__)
    return _Entry(beside, "" if value is Ellipsis else type(value).__name__)


def _choice(
    exercise: MatchingExercise,
    number: int,
    entry: _Entry,
    chosen: Sequence[str | None],
    *,
    lost: bool,
) -> MatchingChoice:
    job = exercise.jobs[number - 1]
    title = f"Job {number} ({job.job})"
    right = (*job.accepts, *job.also)
    if entry.lines and set(entry.lines) <= set(right):
        line = entry.lines[0]
        return MatchingChoice(number, line, "right", 1, f"{title}: `{line}`, right.")
    if len(entry.lines) > 1:
        names = " and ".join(f"`{line}`" for line in entry.lines)
        message = f"{title}: here stand {names}. Which single line does this job?"
        return MatchingChoice(number, None, "doubled", 0, message)
    if not entry.lines:
        return _no_line(exercise, number, title, entry, chosen, lost=lost)
    line = entry.lines[0]
    meaning = next(known for known in (*exercise.lines, *exercise.typed) if known.line == line)
    message = (
        f"{title}: you chose `{line}`. That line {meaning.does}. "
        f"Is that the job? Look at {job.lesson} again.{_elsewhere(number, line, chosen)}"
    )
    return MatchingChoice(number, line, "wrong", 0, message, meaning.belief)


def _no_line(
    exercise: MatchingExercise,
    number: int,
    title: str,
    entry: _Entry,
    chosen: Sequence[str | None],
    *,
    lost: bool,
) -> MatchingChoice:
    if not _is_blank(exercise, entry.text):
        shown = _shown(entry.text or "")
        holds = f"`job_{number}` holds {_article(entry.type)}, not a text: " if entry.type else ""
        note = f"{holds}`{shown}` is not a line of the list"
    elif entry.remark:
        note = f"`{_shown(entry.remark)}` stands only in a comment"
    elif lost:
        note = "the cell names lines of the list, but not as `job_1`, `job_2`, …"
    elif entry.text:
        return MatchingChoice(number, None, "blank", 0, f"{title}: nothing is chosen yet.")
    else:
        others = sum(line is not None for line in chosen)
        counts = (
            f"; the {others} other{'s count' if others > 1 else ' counts'}" if others else " yet"
        )
        return MatchingChoice(number, None, "blank", 0, f"{title} has no value{counts}.")
    message = f"{title}: a person will read what stands here."
    return MatchingChoice(number, None, "unclear", 0, message, note=note)


def _elsewhere(number: int, line: str, chosen: Sequence[str | None]) -> str:
    others = [str(n) for n, other in enumerate(chosen, 1) if other == line and n != number]
    return f" You chose the same line for job {' and '.join(others)}." if others else ""


def _is_blank(exercise: MatchingExercise, text: str | None) -> bool:
    plain = _plain(text or "").casefold()
    return plain in SAYS_NOTHING | {_plain(exercise.placeholder).casefold()} or not any(
        character.isalnum() for character in plain
    )


def _shown(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_SHOWN else f"{words[:LONGEST_SHOWN]}…"


def _article(kind: str) -> str:
    return f"an {kind}" if kind[:1].casefold() in "aeiou" else f"a {kind}"


def _lines_in(exercise: MatchingExercise, job: MatchingJob, text: str) -> tuple[str, ...]:
    """The lines that a text names: none, the chosen one, or several."""
    if _is_blank(exercise, text):
        return ()
    if (parts := _parts(text)) is not None:
        found = [line for part in parts for line in _lines_in(exercise, job, part)]
        return tuple(dict.fromkeys(found))
    if match := _NUMBER.fullmatch(_BETWEEN.sub("", text)):
        return _line_number(exercise, int(match[1]))
    if match := _COUNTED.match(_BETWEEN.sub("", text)):
        rest = _lines_in(exercise, job, text.partition(match[0][-1])[2])
        return rest if rest == _line_number(exercise, int(match[1])) else ()
    own = tuple(_Spelling(line, line) for line in job.also)
    spellings = (*exercise._spellings, *own)
    if whole := [one.line for one in spellings if not one.short and one.fits(text)]:
        return (whole[0],)
    short = {one.line for one in spellings if one.short and one.fits(text)}
    return tuple(short) if len(short) == 1 else _named_in(text, spellings)


def _line_number(exercise: MatchingExercise, number: int) -> tuple[str, ...]:
    """The lines are numbered from 1, in the order of the lesson file and of the notebook's list."""
    return (exercise.lines[number - 1].line,) if 1 <= number <= len(exercise.lines) else ()


def _parts(text: str) -> list[str] | None:
    """The entries of a list that stands where one text was asked for."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [code_of(item, text.strip()) for item in node.elts]
    return None


def _named_in(text: str, spellings: Sequence[_Spelling]) -> tuple[str, ...]:
    """Lines that stand inside a longer text, longest first so that `a.step()` hides `a.step`.

    A single one among other words is none: who knows whether it was chosen or refused.
    """
    rest, found = _plain(text).casefold(), []
    known = {_plain(one.text).casefold(): one.line for one in spellings if not one.short}
    for plain in sorted(known, key=len, reverse=True):
        if plain in rest:
            found.append(known[plain])
            rest = rest.replace(plain, " ")
    lines = tuple(dict.fromkeys(found))
    return lines if len(lines) > 1 else ()


def _names_a_line(exercise: MatchingExercise, source: str) -> bool:
    """Does the cell name lines of the menu in places that belong to no job, or as a comment?"""
    return any(
        any(_same(line.line, comment) for line in exercise.lines)
        if (comment := text.strip().removeprefix("#")) != text.strip()
        else _names_one(exercise, text)
        for text in source.split("\n")
        if not _is_of_a_job(exercise, text)
    )


def _is_of_a_job(exercise: MatchingExercise, text: str) -> bool:
    match = re.match(rf"\s*{JOB}[ \t]*[=:]", text, re.IGNORECASE)
    return match is not None and 0 < int(match[1]) <= len(exercise.jobs)


def _names_one(exercise: MatchingExercise, text: str) -> bool:
    plain = _plain(text).casefold()
    return any(_plain(line.line).casefold() in plain for line in exercise.lines)


def _closed(text: str) -> bool:
    """Does every bracket that closes here open here?"""
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            return False
    return depth == 0


@lru_cache(maxsize=TEXTS_MADE_PLAIN)
def _plain(text: str) -> str:
    """A line of code without comment, quotes, spaces, brackets around it, and its name and “=”."""
    text = _BETWEEN.sub("", _COMMENT.sub("", _narrow(text))).rstrip(";:,.").lstrip(".")
    text = _ARGUMENT.sub("", _GIVEN_TO.sub("", text))
    if text[:1] == "(" and text[-1:] == ")" and _closed(text[1:-1]):
        text = text[1:-1]
    return _MODULE.sub("nn.", text)


def _narrow(text: str) -> str:
    """Full-width signs, hard spaces and “…” as what they stand for; those without width go."""
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text))


def _same(line: str, other: str) -> bool:
    return _plain(line).casefold() == _plain(other).casefold()


def _numbered(exercise: MatchingExercise) -> Iterator[tuple[int, MatchingJob]]:
    return enumerate(exercise.jobs, 1)


def _problems(exercise: MatchingExercise) -> Iterator[str]:
    names = [line.line for line in exercise.lines]
    for option in exercise.options:
        if unfit := sorted(set(option) & set(UNFIT_FOR_A_FORM)):
            yield f"the line {option!r} holds {' '.join(unfit)!r}, which a form can't show"
        if sum(_same(option, other) for other in exercise.options) > 1:
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
