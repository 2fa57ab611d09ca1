"""How a rubric does on answers: its own tests, or those of a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from xorkit.recall import english
from xorkit.recall.findings import look
from xorkit.recall.grading import Mark, mark_answer
from xorkit.recall.patterns import parse_pattern
from xorkit.recall.rubric import FULL_MARKS, Rubric
from xorkit.recall.text import read_answer


@dataclass(frozen=True)
class ScoredAnswer:
    """One answer, the rubric's mark, and the mark that a person gave, if one did."""

    answer: object
    mark: Mark
    wanted: int | None


@dataclass(frozen=True)
class Report:
    """A rubric's marks over many answers.

    `phrasings` are the words that kept answers from being marked, the most frequent ones first.
    """

    judged: tuple[ScoredAnswer, ...]
    phrasings: tuple[tuple[str, int], ...]

    @cached_property
    def handed_over(self) -> tuple[ScoredAnswer, ...]:
        return tuple(one for one in self.judged if one.mark.points is None)

    @cached_property
    def gates(self) -> tuple[tuple[str, int], ...]:
        """What handed answers over, and how many; the most frequent first."""
        return tuple(Counter(one.mark.gate or "no text" for one in self.handed_over).most_common())

    @cached_property
    def matched(self) -> tuple[ScoredAnswer, ...]:
        return tuple(one for one, off in self._compared() if off == 0)

    @cached_property
    def missed(self) -> tuple[ScoredAnswer, ...]:
        """Surely marked, with fewer points than a person gave."""
        return tuple(one for one, off in self._compared() if off < 0)

    @cached_property
    def wrongly_credited(self) -> tuple[ScoredAnswer, ...]:
        """Surely marked, with more points than a person gave."""
        return tuple(one for one, off in self._compared() if off > 0)

    @cached_property
    def serious(self) -> tuple[ScoredAnswer, ...]:
        """Full points where a person gave none, or none where a person gave full points."""
        return tuple(one for one, off in self._compared() if abs(off) == FULL_MARKS)

    def _compared(self) -> Iterator[tuple[ScoredAnswer, int]]:
        for one in self.judged:
            if one.mark.points is not None and one.wanted is not None:
                yield one, one.mark.points - one.wanted


def evaluate(rubric: Rubric, answers: Iterable[tuple[object, int | None]]) -> Report:
    """Mark answers and compare with a person's marks (None where nobody has marked yet)."""
    judged = tuple(
        ScoredAnswer(answer, mark_answer(rubric, answer), wanted) for answer, wanted in answers
    )
    unsure = (one.answer for one in judged if one.mark.points is None)
    counted: Counter[str] = Counter()
    for answer in unsure:
        if isinstance(answer, str):
            counted.update(set(_unmatched(rubric, answer)))
    return Report(judged, tuple(counted.most_common()))


@dataclass(frozen=True)
class Change:
    """An answer whose mark a new phrase would change; None stands for a person."""

    answer: object
    before: int | None
    after: int | None
    wanted: int | None


def changes(
    rubric: Rubric, concept: str, phrase: str, answers: Iterable[tuple[object, int | None]]
) -> list[Change]:
    """What a phrase, added to those that a concept accepts, would change.

    Raises ValueError for a concept that the rubric doesn't have, or a phrase that can't be read.
    """
    if concept not in rubric.concepts:
        raise ValueError(f"no concept {concept!r}; there are: {', '.join(rubric.concepts)}")
    parse_pattern(phrase, rubric.words)  # says what is wrong with it, the rubric left out
    old = rubric.concepts[concept]
    wider = old.model_copy(update={"accepts": (*old.accepts, phrase)})
    fields = {name: getattr(rubric, name) for name in type(rubric).model_fields}
    new = Rubric(**{**fields, "concepts": {**rubric.concepts, concept: wider}})
    marked = (
        Change(answer, mark_answer(rubric, answer).points, mark_answer(new, answer).points, wanted)
        for answer, wanted in answers
    )
    return [one for one in marked if one.before != one.after]


def _unmatched(rubric: Rubric, answer: str) -> Iterator[str]:
    """The stretches of an answer that no phrase explains, small words inside them included."""
    reading = read_answer(answer, rubric.lexicon)
    stray = set(look(rubric, reading).stray)
    stretch: list[str] = []
    waiting: list[str] = []
    for index, word in enumerate((*reading.words, "")):
        if index in stray:
            stretch += [*waiting, word] if stretch else [word]
            waiting = []
        elif stretch and word in english.SMALL_WORDS | english.NEGATORS:
            waiting.append(word)
        elif stretch:
            yield " ".join(stretch)
            stretch, waiting = [], []
