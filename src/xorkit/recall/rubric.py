"""What a rubric says, as `lessons/<assignment>.recall.yaml` writes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from xorkit.recall.patterns import Pattern, PatternError, WordGroup, Words, parse_pattern
from xorkit.recall.text import Lexicon, Reading, read_answer, stem
from xorkit.yaml_parts import Text, YamlPart

Points = Literal[0, 1, 2]
Case = Literal["there", "left_out"]
FULL_MARKS: Points = 2
PARTIAL: Points = 1


class _Part(YamlPart):
    model_config = ConfigDict(coerce_numbers_to_str=True)


class Concept(_Part):
    """Something that a right answer says. `ask` is what a learner reads who didn't say it.

    `about`: what a clause must name to count, where it names something `foreign`, of the question
    or of this concept alone. `when`: it is so only where the line asked for is there, or left out.
    """

    label: Text
    ask: Text
    accepts: tuple[Text, ...] = Field(min_length=1)
    contradicts: tuple[Text, ...] = ()
    about: tuple[Text, ...] = ()
    foreign: tuple[Text, ...] = ()
    when: Case | None = None


class Call(_Part):
    """How a clause says that it speaks of what happens where the line is there, or left out."""

    there: tuple[Text, ...] = Field(min_length=1)
    left_out: tuple[Text, ...] = Field(min_length=1)


class Code(_Part):
    """Lines of code or formulas that say several concepts at once."""

    accepts: tuple[Text, ...] = Field(min_length=1)
    credits: tuple[Text, ...] = Field(min_length=1)


class Misconception(_Part):
    """Something wrong that learners believe.

    effect `cap`: with something right beside it half the points, alone none.
    effect `zero`: alone no points; with something right beside it a person decides.
    """

    label: Text
    effect: Literal["cap", "zero"] = "cap"
    feedback: Text
    phrases: tuple[Text, ...] = Field(min_length=1)


class Test(_Part):
    """An answer and the mark that it must not be far from."""

    __test__ = False  # not a test class, whatever its name says to pytest

    answer: Text
    mark: Points
    kind: str = ""


class Figures(_Part):
    """How the second stage did on answers that it had not been fitted on, part by part."""

    answers: int  # that the rules left open
    sure: int
    wrong: int
    serious: int


class Coefficients(_Part):
    """What was fitted for one question."""

    some: dict[str, float]  # for at least half the points
    full: dict[str, float]  # for all of them
    marks: dict[str, tuple[int, int, int]]  # by findings: how many persons gave 0, 1, 2
    figures: Figures


class SecondStage(_Part):
    """What lies beside a lesson as `<assignment>.recall.fit.json`."""

    fitted: str  # the day
    digest: str  # of the answers and marks
    questions: dict[str, Coefficients]


class AskSecondStage(_Part):
    """Whether the second stage is asked, and how likely a mark must be to be given."""

    use: bool = True
    threshold: float = Field(default=0.7, ge=0.5, le=1)


class Rubric(_Part):
    """One question: what is right, what is wrong, and what makes full and half the points."""

    question: Text
    lesson: Text
    model_answer: Text
    full: tuple[tuple[Text, ...], ...] = Field(min_length=1)
    partial: tuple[tuple[Text, ...], ...] = Field(min_length=1)
    concepts: dict[str, Concept] = Field(min_length=1)
    code: tuple[Code, ...] = ()
    call: Call | None = None
    misconceptions: dict[str, Misconception] = {}
    remarks: tuple[Text, ...] = ()
    unsure: tuple[Text, ...] = ()
    tests: tuple[Test, ...] = ()
    words: dict[str, tuple[Text, ...]] = {}
    harmless: tuple[Text, ...] = ()
    foreign: tuple[Text, ...] = ()
    given: tuple[Text, ...] = ()
    ask_second_stage: AskSecondStage = AskSecondStage()
    second_stage: Coefficients | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Rubric:
        known = set(self.concepts)
        named = (
            *(("full", concepts) for concepts in self.full),
            *(("partial", concepts) for concepts in self.partial),
            *(("code", code.credits) for code in self.code),
        )
        for place, concepts in named:
            if unknown := sorted(set(concepts) - known):
                raise ValueError(
                    f"`{place}` names {', '.join(unknown)}; the concepts are {', '.join(known)}"
                )
        self.phrases  # noqa: B018 -- reads every phrase, so that a slip is found on loading
        return self

    @cached_property
    def phrases(self) -> tuple[Phrase, ...]:
        """Every pattern of the rubric, compiled."""
        return tuple(
            Phrase(role, names, self._compiled(text, place))
            for role, names, place, texts in _patterns(self)
            for text in texts
        )

    def phrases_for(self, vocabulary: frozenset[str]) -> Iterator[Phrase]:
        """The phrases that an answer of these stems may hold; of the others a word is missing."""
        anyway, by_stem = self._phrases_by_stem
        found = anyway.union(*(by_stem.get(base, ()) for base in vocabulary))
        return (self.phrases[number] for number in sorted(found))

    @cached_property
    def _phrases_by_stem(self) -> tuple[set[int], Mapping[str, set[int]]]:
        """Phrases by number: those that any answer may hold, and those that need a stem, by it."""
        anyway: set[int] = set()
        by_stem: defaultdict[str, set[int]] = defaultdict(set)
        for number, phrase in enumerate(self.phrases):
            whole = [need.stems for need in phrase.pattern.needs if not need.beginnings]
            if not whole:
                anyway.add(number)
            for base in min(whole, key=len, default=()):
                by_stem[base].add(number)
        return anyway, by_stem

    @cached_property
    def _groups(self) -> dict[str, WordGroup]:
        """The groups of `words` as far as they have been read."""
        return {}

    @cached_property
    def lexicon(self) -> Lexicon:
        stems = frozenset().union(*(phrase.pattern.stems for phrase in self.phrases))
        beginnings = frozenset().union(*(phrase.pattern.beginnings for phrase in self.phrases))
        own = frozenset(map(stem, self.harmless)) | frozenset(
            read_answer(self.question, Lexicon(stems)).stems
        )
        return Lexicon(
            frozenset(word for word in stems | own if len(word) > 1 or word.isalpha()),
            tuple(sorted(beginnings)),
        )

    @cached_property
    def needed(self) -> frozenset[str]:
        """The concepts of the ways to full marks."""
        return frozenset().union(*self.full)

    @cached_property
    def asked(self) -> Reading:
        """The question, read like an answer."""
        return read_answer(self.question, self.lexicon)

    @cached_property
    def expected(self) -> frozenset[str]:
        """Stems that need no explanation in an answer."""
        return frozenset(self.asked.stems) | frozenset(map(stem, self.harmless))

    @cached_property
    def pasted(self) -> tuple[Reading, ...]:
        """What the notebook says itself, read like answers."""
        return tuple(read_answer(text, self.lexicon) for text in self.given)

    @cached_property
    def foreign_words(self) -> Words:
        """Things that an answer is not about: where one stands unexplained, nothing is sure."""
        return self._words(self.foreign, "foreign")

    @cached_property
    def abouts(self) -> dict[str, Words]:
        """By concept the words of `about`, where it says what it is about or what not."""
        return {
            name: self._words(concept.about, f"concept {name}, about")
            for name, concept in self.concepts.items()
            if concept.about or concept.foreign
        }

    @cached_property
    def foreign_to(self) -> dict[str, Words]:
        """By concept the things that it is not about: the question's, and its own."""
        return {
            name: self._words((*self.foreign, *concept.foreign), f"concept {name}, foreign")
            for name, concept in self.concepts.items()
        }

    @cached_property
    def spoken(self) -> dict[str, Words]:
        """By concept every word that its phrases speak of."""
        return {
            name: self._words(concept.accepts, f"concept {name}")
            for name, concept in self.concepts.items()
        }

    def _words(self, texts: tuple[str, ...], place: str) -> Words:
        patterns = [self._compiled(text, place) for text in texts]
        return Words(
            frozenset().union(*(pattern.stems for pattern in patterns)),
            tuple(sorted(frozenset().union(*(pattern.beginnings for pattern in patterns)))),
        )

    def _compiled(self, text: str, place: str) -> Pattern:
        try:
            return parse_pattern(text, self.words, self._groups)
        except PatternError as error:
            raise ValueError(f"{place}: {error}") from None


PatternRole = Literal[
    "accepts", "contradicts", "misconception", "remark", "unsure", "there", "left_out"
]


@dataclass(frozen=True)
class Phrase:
    """A compiled pattern and what finding it means for which concepts or misconception."""

    role: PatternRole
    names: tuple[str, ...]
    pattern: Pattern


def _patterns(
    rubric: Rubric,
) -> Iterator[tuple[PatternRole, tuple[str, ...], str, tuple[str, ...]]]:
    for name, concept in rubric.concepts.items():
        yield "accepts", (name,), f"concept {name}", concept.accepts
        yield "contradicts", (name,), f"concept {name}, contradicts", concept.contradicts
    for code in rubric.code:
        yield "accepts", code.credits, "code", code.accepts
    for name, misconception in rubric.misconceptions.items():
        yield "misconception", (name,), f"misconception {name}", misconception.phrases
    if rubric.call is not None:
        yield "there", (), "call, there", rubric.call.there
        yield "left_out", (), "call, left_out", rubric.call.left_out
    yield "remark", (), "remarks", rubric.remarks
    yield "unsure", (), "unsure", rubric.unsure


class Rubrics(_Part):
    """All recall questions of a lesson. What stands beside `questions` is for every one of them."""

    words: dict[str, tuple[Text, ...]] = {}
    harmless: tuple[Text, ...] = ()
    remarks: tuple[Text, ...] = ()
    second_stage: AskSecondStage = AskSecondStage()
    questions: dict[str, Rubric] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _share(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("questions"), Mapping):
            return data
        questions = {
            name: _with_shared(question, data) if isinstance(question, Mapping) else question
            for name, question in data["questions"].items()
        }
        return {**data, "questions": questions}


def _with_shared(question: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    lists = {
        name: (*(question.get(name) or ()), *(shared.get(name) or ()))
        for name in ("harmless", "remarks")
    }
    return {
        "ask_second_stage": shared.get("second_stage") or {},
        **question,
        **lists,
        "words": {**(shared.get("words") or {}), **(question.get("words") or {})},
    }
