"""Free text against a rubric: full or half the points, none on evidence, or a person looks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from xorkit.recall import english, gates
from xorkit.recall.patterns import Found, find
from xorkit.recall.rubric import FULL, PARTIAL, Misconception, Phrase, Rubric
from xorkit.recall.text import BOUNDARIES, SENTENCE, Reading, read

# Content words that nothing in the rubric accounts for. A right answer in other words has many.
STRAY_IN_FULL = 3
STRAY_SHARE_IN_FULL = 0.4
STRAY_IN_PARTIAL = 1
STRAY_IN_ZERO = 2

PERSON = "A person will read this answer and mark it: it is written in a way that I can't judge."


@dataclass(frozen=True)
class Mark:
    """Points where sure; None where a person looks. `message` is for the learner, `note` not."""

    points: int | None
    credited: tuple[str, ...] = ()
    misconceptions: tuple[str, ...] = ()
    message: str = ""
    note: str = ""


@dataclass(frozen=True)
class Sighting:
    """A phrase of the rubric found in the answer."""

    phrase: Phrase
    found: Found


@dataclass(frozen=True)
class Findings:
    """What the answer says in the rubric's terms; `stray` are its words that nothing explains."""

    concepts: tuple[str, ...]
    contradicted: tuple[str, ...]
    denied: tuple[str, ...]
    misconceptions: tuple[str, ...]
    stray: tuple[str, ...]
    unsure: tuple[str, ...]
    loose_not: bool
    content: int
    aside: str  # a sentence in which nothing belongs to the question
    silent: bool  # no phrase of the rubric was found at all


def grade(rubric: Rubric, answer: object) -> Mark:
    """Mark one answer: whatever the learner's cell left behind."""
    if answer is None or answer is Ellipsis:
        return _nothing(rubric, "the answer is empty")
    if not isinstance(answer, str):
        note = f"not a text but a {type(answer).__name__}"
        return Mark(None, message=PERSON, note=note)
    reading = read(answer, rubric.lexicon)
    if reason := gates.says_nothing(answer, reading, rubric.asked):
        return _nothing(rubric, reason)
    findings = look(rubric, reading)
    if findings.silent and gates.only_asks(reading, rubric.asked):
        return _nothing(rubric, "the answer says nothing beyond the question")
    if not (findings.concepts or findings.misconceptions) and gates.is_bare_code(answer):
        return _nothing(rubric, "a call alone explains nothing")
    reason = gates.needs_person(answer, reading, rubric.lexicon)
    return _person(rubric, findings, reason) if reason else _decide(rubric, findings)


def look(rubric: Rubric, reading: Reading) -> Findings:
    """Find every phrase of the rubric, and what is left unexplained."""
    sightings = _each_not_once(
        [
            Sighting(phrase, found)
            for phrase in rubric.phrases
            for found in find(phrase.pattern, reading)
        ]
    )
    kept = [sighting for sighting in sightings if not _outdone(sighting, sightings)]
    explained = {index for sighting in kept for index in sighting.found.said}
    stray = _stray(rubric, reading, explained)
    return Findings(
        concepts=_names(rubric.concepts, kept, "accepts", negated=False),
        contradicted=_names(rubric.concepts, kept, "contradicts", negated=False),
        denied=_names(rubric.concepts, kept, "accepts", negated=True),
        misconceptions=_names(rubric.misconceptions, kept, "misconception", negated=False),
        stray=tuple(reading.words[index] for index in stray),
        unsure=tuple(
            s.found.pattern for s in kept if s.phrase.role == "unsure" and not s.found.negated
        ),
        loose_not=_loose_not(reading, kept, explained),
        content=len(_content(reading)),
        aside=_foreign_sentence(reading, explained, stray),
        silent=not sightings,
    )


def _each_not_once(sightings: Sequence[Sighting]) -> list[Sighting]:
    """A "not" that one phrase holds doesn't turn round a later phrase of other words.

    "It learned nothing and says 0.5": the "nothing" belongs to what was learned.
    """
    return [
        replace(
            sighting,
            found=replace(sighting.found, nots=sighting.found.nots - _used_up(sighting, sightings)),
        )
        if sighting.found.nots and sighting.phrase.role == "accepts"
        else sighting
        for sighting in sightings
    ]


def _used_up(sighting: Sighting, others: Iterable[Sighting]) -> frozenset[int]:
    return frozenset().union(
        *(
            other.found.said
            for other in others
            if other.found.end <= sighting.found.start and not other.found.negated
        )
    )


def _outdone(sighting: Sighting, others: Iterable[Sighting]) -> bool:
    """Does a phrase that says something else explain more of the same words?

    On the same concept the one with more words counts of two that overlap; otherwise one that holds all
    the words of this one and more.
    """
    return any(
        _stance(other) != _stance(sighting)
        and (
            other.found.said > sighting.found.said
            or (
                _same_concept(other.phrase, sighting.phrase)
                and other.found.start < sighting.found.end
                and sighting.found.start < other.found.end
                and _weight(other) > _weight(sighting)
            )
        )
        for other in others
    )


def _stance(sighting: Sighting) -> tuple[str, bool]:
    return sighting.phrase.role, sighting.found.negated


def _same_concept(one: Phrase, other: Phrase) -> bool:
    concepts = ("accepts", "contradicts")
    if (one.role in concepts) != (other.role in concepts):
        return False
    return bool(set(one.names) & set(other.names))


def _weight(sighting: Sighting) -> tuple[int, bool]:
    return len(sighting.found.said), not sighting.found.negated


def _names(
    order: Iterable[str], sightings: Iterable[Sighting], role: str, *, negated: bool
) -> tuple[str, ...]:
    names = {
        name
        for sighting in sightings
        if sighting.phrase.role == role and sighting.found.negated == negated
        for name in sighting.phrase.names
    }
    return tuple(name for name in order if name in names)


def _content(reading: Reading) -> list[int]:
    return [
        index
        for index, word in enumerate(reading.words)
        if word not in BOUNDARIES
        and word not in english.SMALL_WORDS
        and word not in english.NEGATORS
        and not word[0].isdigit()
    ]


def _stray(rubric: Rubric, reading: Reading, explained: set[int]) -> list[int]:
    return [
        index
        for index in _content(reading)
        if index not in explained and reading.stems[index] not in rubric.expected
    ]


def _loose_not(reading: Reading, kept: Sequence[Sighting], explained: set[int]) -> bool:
    """Is there a "not" whose meaning no phrase accounts for?

    One that turns a misconception round is accounted for: denying what is wrong is right.
    """
    denials = {
        index
        for sighting in kept
        if sighting.phrase.role == "misconception" and len(sighting.found.nots) == 1
        for index in sighting.found.nots
    }
    return any(
        word in english.NEGATORS - english.COMPARISONS
        and index not in explained | denials
        and reading.words[reading.clause_starts[index]] not in english.CONDITIONS
        for index, word in enumerate(reading.words)
    )


def _foreign_sentence(reading: Reading, explained: set[int], stray: Sequence[int]) -> str:
    """A sentence in which nothing belongs to the question."""
    start = 0
    for end, word in enumerate((*reading.words, SENTENCE)):
        if word == SENTENCE:
            inside = range(start, end)
            if not explained.intersection(inside) and any(index in inside for index in stray):
                return " ".join(w for w in reading.words[start:end] if w not in BOUNDARIES)
            start = end + 1
    return ""


def _decide(rubric: Rubric, findings: Findings) -> Mark:
    if findings.unsure:
        return _person(rubric, findings, "a phrase that the rubric leaves to a person")
    if findings.aside:
        return _person(rubric, findings, f"“{findings.aside}” has nothing to do with the question")
    right = set(findings.concepts)
    wrong = bool(findings.misconceptions or findings.contradicted)
    if findings.loose_not or right.intersection(findings.denied):
        return _person(rubric, findings, "a “not” that the rubric doesn't account for")
    if right and findings.contradicted:
        return _person(rubric, findings, "something right beside its opposite")
    if not wrong and any(right.issuperset(needed) for needed in rubric.full):
        many = len(findings.stray) > max(STRAY_IN_FULL, STRAY_SHARE_IN_FULL * findings.content)
        return _unexplained(rubric, findings) if many else _sure(rubric, findings, FULL)
    if wrong and not right:
        many = len(findings.stray) > STRAY_IN_ZERO
        return _unexplained(rubric, findings) if many else _sure(rubric, findings, 0)
    if right and any(right.issuperset(needed) for needed in rubric.partial):
        if any(_misconception(rubric, name).effect == "zero" for name in findings.misconceptions):
            return _person(rubric, findings, "something right beside something very wrong")
        many = len(findings.stray) > (STRAY_IN_ZERO if wrong else STRAY_IN_PARTIAL)
        return _unexplained(rubric, findings) if many else _sure(rubric, findings, PARTIAL)
    return _person(rubric, findings, "nothing that the rubric knows")


def _misconception(rubric: Rubric, name: str) -> Misconception:
    return rubric.misconceptions[name]


def _sure(rubric: Rubric, findings: Findings, points: int) -> Mark:
    labels = tuple(rubric.concepts[name].label for name in findings.concepts)
    said = [f"Credited: {'; '.join(labels)}."] if labels else []
    wrong = [rubric.misconceptions[name].feedback for name in findings.misconceptions]
    missing = [] if points == FULL else _missing(rubric, findings)
    return Mark(
        points,
        labels,
        tuple(rubric.misconceptions[name].label for name in findings.misconceptions),
        " ".join([*said, *wrong, *missing]),
        _summary(findings),
    )


def _missing(rubric: Rubric, findings: Findings) -> list[str]:
    """A question about what is missing on the shortest way to full marks."""
    ways = [[name for name in way if name not in findings.concepts] for way in rubric.full]
    questions = [rubric.concepts[name].ask for name in min(ways, key=len)[:1]]
    return [*questions, f"Look at {rubric.lesson} again."]


def _nothing(rubric: Rubric, reason: str) -> Mark:
    message = f"No points: {reason}. Look at {rubric.lesson} and try it in your own words."
    return Mark(0, message=message, note=reason)


def _unexplained(rubric: Rubric, findings: Findings) -> Mark:
    return _person(rubric, findings, f"unexplained: {', '.join(findings.stray)}")


def _person(rubric: Rubric, findings: Findings, reason: str) -> Mark:
    return Mark(None, message=PERSON, note=f"{reason}; {_summary(findings)}")


def _summary(findings: Findings) -> str:
    parts = {
        "found": findings.concepts,
        "contradicted": findings.contradicted,
        "denied": findings.denied,
        "misconceptions": findings.misconceptions,
        "left to a person": findings.unsure,
        "unexplained": findings.stray,
    }
    return "; ".join(f"{name}: {', '.join(items)}" for name, items in parts.items() if items)
