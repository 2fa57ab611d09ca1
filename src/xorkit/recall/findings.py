"""What an answer says in the rubric's terms, and which of its words nothing there explains."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from xorkit.recall import english
from xorkit.recall.patterns import Match, find_matches, is_conditional
from xorkit.recall.rubric import Case, PatternRole, Phrase, Rubric
from xorkit.recall.text import BOUNDARIES, CLAUSE, OPENING, SENTENCE, Reading

CASES: tuple[Case, ...] = get_args(Case)
NEAR_WORDS = 3  # words: a preposition so close before a noun governs it
RELATIVE = ("that", "which")
OF_WHAT_STANDS_BEFORE = ("we", "i", "is", "are", "was", "were")
POINTS_BACK = {"this", "that", "which", "these", "those", "result"}  # to what was said before


@dataclass(frozen=True)
class Sighting:
    """A phrase of the rubric, found in the answer."""

    phrase: Phrase
    found: Match


@dataclass(frozen=True)
class Findings:
    """Names of the rubric's concepts and misconceptions, as the answer speaks of them.

    `denied` are concepts with a "not" that makes them untrue; `stray` are the indices of words that
    nothing explains; `aside` is a sentence in which nothing belongs to the question.
    """

    reading: Reading
    concepts: tuple[str, ...]
    contradicted: tuple[str, ...]
    denied: tuple[str, ...]
    misconceptions: tuple[str, ...]
    unsure: tuple[str, ...]
    stray: tuple[int, ...]
    beside: frozenset[int]  # of these, those in sentences that nothing explains
    hints: tuple[str, ...]  # concepts not found of which a stray word speaks, and no found one does
    open_clauses: int  # clauses that say something, and nothing explains what
    foreign: tuple[str, ...]  # stray words for things that the question isn't about
    tangled: bool  # nothing right is said but in words that say something wrong, too
    loose_not: bool
    side_not: bool  # a "not" in a clause of its own about something else of the lesson
    aside: str
    silent: bool  # no phrase of the rubric was found, but for remarks

    def complete(self, ways: Iterable[Iterable[str]]) -> bool:
        """Are all concepts of one of these ways to a mark said?"""
        return any(set(self.concepts).issuperset(way) for way in ways)

    @property
    def stray_words(self) -> tuple[str, ...]:
        return tuple(self.reading.words[index] for index in self.stray)


def look(rubric: Rubric, reading: Reading) -> Findings:
    """Find every phrase of the rubric, and what is left unexplained."""
    seen = [
        Sighting(phrase, found)
        for phrase in rubric.phrases_for(reading.vocabulary)
        for found in find_matches(phrase.pattern, reading)
        if not _about_another_thing(rubric, phrase, found, reading)
    ]
    sightings = _each_not_once([_in_its_case(rubric, reading, sighting, seen) for sighting in seen])
    kept = [
        sighting
        for sighting in sightings
        if not (sighting.phrase.role == "remark" and sighting.found.negated)
        and not _outdone(sighting, sightings)
    ]
    explained = {index for sighting in kept for index in sighting.found.said}
    stray = tuple(
        index
        for index in reading.content
        if index not in explained and reading.stems[index] not in rubric.expected
    )
    said = [sighting for sighting in kept if not sighting.found.negated]
    concepts = _names(rubric.concepts, said, "accepts")
    denied = [sighting for sighting in kept if sighting.found.negated]
    loose = [
        _stands_beside(rubric, reading, index, sightings)
        for index in _loose_nots(rubric, reading, denied, explained)
    ]
    return Findings(
        reading,
        concepts=concepts,
        contradicted=_names(rubric.concepts, said, "contradicts"),
        denied=_names(rubric.concepts, denied, "accepts"),
        misconceptions=_names(rubric.misconceptions, said, "misconception"),
        unsure=tuple(
            " ".join(reading.words[index] for index in sorted(s.found.said))
            for s in said
            if s.phrase.role == "unsure"
        ),
        stray=stray,
        beside=frozenset(_beside(reading, explained)).intersection(stray),
        hints=tuple(_hinted(rubric, reading, said, stray)),
        open_clauses=sum(
            len(said_here) > 1 and explained.isdisjoint(said_here)
            for clause in _parts(reading, BOUNDARIES)
            for said_here in [set(reading.content).intersection(clause)]
        ),
        foreign=tuple(
            reading.words[index]
            for index in stray
            if rubric.foreign_words.hold(reading.stems[index])
            and not _belongs(rubric, concepts, reading, index)
        ),
        tangled=_tangled(reading, said),
        loose_not=any(not beside for beside in loose),
        side_not=any(loose),
        aside=_aside(rubric, reading, explained, stray),
        silent=all(sighting.phrase.role in ("remark", *CASES) for sighting in sightings),
    )


def _hinted(
    rubric: Rubric, reading: Reading, said: Sequence[Sighting], stray: Iterable[int]
) -> Iterator[str]:
    """Which of the other concepts may be meant by a word that nothing explains?

    "It sets the weights to zero so that training can start fresh" is no hint at fresh gradients: it
    says something wrong and names no gradient.
    """
    concepts = _names(rubric.concepts, said, "accepts")
    wrong = any(sighting.phrase.role == "misconception" for sighting in said)
    known = [rubric.spoken[name] for name in concepts]
    bases = [reading.stems[index] for index in stray]
    telling = [base for base in bases if not any(words.hold(base) for words in known)]
    for name in rubric.concepts:
        about = rubric.abouts.get(name) if wrong else None
        named = about is None or any(map(about.hold, reading.stems))
        if name not in concepts and named and any(map(rubric.spoken[name].hold, telling)):
            yield name


def _about_another_thing(rubric: Rubric, phrase: Phrase, found: Match, reading: Reading) -> bool:
    """Does the clause speak of a foreign thing, and not of what the concept is about?

    "The losses add up", "a new layer", "the sigmoid that we wrote": a foreign thing within the
    phrase, directly after it, before its "that" or "which", or as the first word of its clause.
    """
    names = [name for name in phrase.names if name in rubric.abouts]
    if phrase.role != "accepts" or not names:
        return False
    words, start = reading.words, reading.clause_starts[found.start]
    said = reading.content
    relative = max(found.start - 1, 0), found.start
    # "the sigmoid that we wrote", "the sigmoid we wrote", "the average input is 0.5"
    of_it = any(words[index] in RELATIVE for index in relative) or (
        words[found.start] in OF_WHAT_STANDS_BEFORE and found.start - 1 in said
    )
    before = [index for index in said if index < found.start][-2:]
    if words[start] == "which" and before:
        start = reading.clause_starts[before[-1]]
    looked_at = [
        *[index for index in said if start <= index < found.end][:1],
        *[index for index in range(found.start, found.end) if index not in found.said],
        *(before if of_it else []),
        *_directly_after(reading, found.end, said),
    ]
    return any(
        rubric.foreign_to[name].hold(reading.stems[index])
        for name in names
        for index in looked_at
        if index not in found.said
    ) and not any(
        rubric.abouts[name].hold(reading.stems[index])
        for name in names
        for index in range(start, found.end)
    )


def _directly_after(reading: Reading, end: int, said: Sequence[int]) -> list[int]:
    """The next word that makes a statement, where only articles and figures stand between."""
    for index in range(end, len(reading.words)):
        word = reading.words[index]
        if not (word in english.FILLERS or word[0].isdigit()):
            return [index] if index in said else []
    return []


def _belongs(rubric: Rubric, concepts: Sequence[str], reading: Reading, index: int) -> bool:
    """Does a foreign word say whose a concept's own thing is: "gradients at earlier weights"?"""
    abouts = [rubric.abouts[name] for name in concepts if name in rubric.abouts]
    before = range(reading.clause_starts[index], index)
    near = (reading.words[place] for place in before[-NEAR_WORDS:])
    return any(word in english.PREPOSITIONS for word in near) and any(
        words.hold(reading.stems[place]) for words in abouts for place in before
    )


def _in_its_case(
    rubric: Rubric, reading: Reading, sighting: Sighting, others: Sequence[Sighting]
) -> Sighting:
    """What is said of the other case is said the other way round.

    "With zero_grad the gradients add up" is the opposite of what happens, and with a "not" it is
    right.
    """
    phrase, found = sighting.phrase, sighting.found
    if rubric.call is None or phrase.role not in ("accepts", "contradicts"):
        return sighting
    cases = {rubric.concepts[name].when for name in phrase.names}
    said_of = {
        other.phrase.role: other
        for other in others
        if other.phrase.role in CASES
        and not other.found.nots
        and _is_said_of(reading, sighting, other, others)
    }
    if len(said_of) != 1 or not cases.isdisjoint({None, *said_of}):
        return sighting
    (case,) = said_of.values()
    nots = {index for index in found.said if reading.words[index] in english.NEGATORS}
    if (found.nots | nots) - case.found.said:
        if phrase.role == "contradicts" and nots:
            phrase = replace(phrase, role="accepts")
        return Sighting(phrase, replace(found, nots=frozenset()))
    role: PatternRole = "contradicts" if phrase.role == "accepts" else phrase.role
    return Sighting(replace(phrase, role=role), found)


def _is_said_of(
    reading: Reading, sighting: Sighting, case: Sighting, others: Iterable[Sighting]
) -> bool:
    """Does a statement stand in the clause that names the case, or in that one's main clause?"""
    clause = reading.clause_starts[case.found.start]
    own, words = reading.clause_starts[sighting.found.start], reading.words
    if own == clause:
        return sighting.found.said.isdisjoint(case.found.said)
    states = any(
        other.phrase.role in ("accepts", "contradicts", "misconception")
        and reading.clause_starts[other.found.start] == clause
        for other in others
    )
    end = _clause_end(reading, clause)
    if states or clause != case.found.start:
        return False
    follows = own == end + 1 and words[end : end + 1] == (CLAUSE,)
    precedes = (
        clause > 1 and words[clause - 1] == OPENING and reading.clause_starts[clause - 2] == own
    )
    return follows or precedes


def _clause_end(reading: Reading, index: int) -> int:
    """Where the clause ends that the index is in."""
    later = range(index, len(reading.words))
    return next((k for k in later if reading.words[k] in BOUNDARIES), len(reading.words))


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
    before = (
        other.found.said
        for other in others
        if other.found.end <= sighting.found.start
        and not other.found.negated
        and other.phrase.role not in CASES
    )
    return frozenset().union(*before)


def _outdone(sighting: Sighting, others: Iterable[Sighting]) -> bool:
    """Does a phrase that says something else explain more of the same words?

    Of two on the same concept that overlap the one with more words counts; otherwise one that
    holds all the words of this one and more.
    """
    return any(
        other.found.start < sighting.found.end
        and sighting.found.start < other.found.end
        and _stance(other) != _stance(sighting)
        and (
            other.found.said > sighting.found.said
            or (_same_concept(other.phrase, sighting.phrase) and _weight(other) > _weight(sighting))
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


def _names(order: Iterable[str], sightings: Iterable[Sighting], role: str) -> tuple[str, ...]:
    names = {name for s in sightings if s.phrase.role == role for name in s.phrase.names}
    return tuple(name for name in order if name in names)


def _loose_nots(
    rubric: Rubric, reading: Reading, denied: Iterable[Sighting], explained: set[int]
) -> Iterator[int]:
    """Every "not" whose meaning no phrase accounts for.

    One that turns a misconception round is accounted for: denying what is wrong is right. So is
    one after "if" ("if you don't clear …"), "instead of", and "not calling it" where the rubric
    knows what happens then.
    """
    denials = {
        index
        for sighting in denied
        if sighting.phrase.role == "misconception" and len(sighting.found.nots) == 1
        for index in sighting.found.nots
    }
    for index, word in enumerate(reading.words):
        if word not in english.NEGATORS - english.COMPARISONS:
            continue
        uncalled = rubric.call is None and reading.stems[index : index + 2] == ("not", "call")
        conditional = is_conditional(reading, reading.clause_starts[index])
        if uncalled or not (conditional or index in explained | denials):
            yield index


def _stands_beside(
    rubric: Rubric, reading: Reading, index: int, sightings: Iterable[Sighting]
) -> bool:
    """Does a "not" belong to a statement of its own: "it doesn't touch a single weight"?

    Its clause then names things of the lesson and touches no concept, has no other "not", and
    either a "but" brings what is so, or it is a "without", or it has a subject and no "that"
    follows it, which would make it speak of the next clause.
    """
    words, start = reading.words, reading.clause_starts[index]
    end = _clause_end(reading, index)
    clause = range(start, end)
    if set(words[start:index]) & POINTS_BACK or reading.stems[index + 1 : index + 2] == ("call",):
        return False
    if sum(words[k] in english.NEGATORS for k in clause) > 1:
        return False
    if any(
        sighting.phrase.role in ("accepts", "contradicts")
        and not sighting.found.said.isdisjoint(clause)
        for sighting in sightings
    ):
        return False
    if words[index] == "without":
        return bool(set(reading.content).intersection(range(index, end)))
    if "but" not in words[end + 1 : end + 2] and (
        "that" in words[end + 1 : end + 2] or index == start
    ):
        return False
    return any(rubric.lexicon.speaks_of(reading.words[k]) for k in reading.content if k in clause)


def _aside(rubric: Rubric, reading: Reading, explained: set[int], stray: Sequence[int]) -> str:
    """A sentence with words that the rubric never speaks of, and none that it explains."""
    strange = {index for index in stray if not rubric.lexicon.speaks_of(reading.words[index])}
    for sentence in _sentences(reading):
        if strange.intersection(sentence) and not explained.intersection(sentence):
            words = (reading.words[index] for index in sentence)
            return " ".join(word for word in words if word not in BOUNDARIES)
    return ""


def _tangled(reading: Reading, said: Iterable[Sighting]) -> bool:
    of_meaning = frozenset(reading.content)
    by_role: dict[str, list[frozenset[int]]] = {}
    for sighting in said:
        by_role.setdefault(sighting.phrase.role, []).append(sighting.found.said & of_meaning)
    wrong = frozenset().union(*by_role.get("misconception", ()))
    right = by_role.get("accepts", [])
    return bool(wrong and right) and all(words & wrong for words in right)


def _beside(reading: Reading, explained: set[int]) -> Iterator[int]:
    for sentence in _sentences(reading):
        if not explained.intersection(sentence):
            yield from sentence


def _sentences(reading: Reading) -> Iterator[range]:
    return _parts(reading, {SENTENCE})


def _parts(reading: Reading, between: Container[str]) -> Iterator[range]:
    start = 0
    for end, word in enumerate((*reading.words, SENTENCE)):
        if word in between:
            yield range(start, end)
            start = end + 1
