"""The pattern language of the rubrics, and where a pattern is found in an answer.

    clear          the word in any of its forms: clears, cleared, clearing
    computes!      exactly this form
    accumul*       every word that begins so
    (old|earlier)  one of these; each may be several words
    often?         may be missing; so may (…)? and <…>?
    (so|just)*     none, one or several of these
    ...            up to six other words of the same clause
    <gradient>     any of the words that the rubric file lists under that name
    <number>       any number
    ^              here a clause begins (an "and", "because", "then" may stand before)
    $              here a clause ends

Articles and small adverbs between two words of a pattern are skipped: "clears *all the* gradients".
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from xorkit.recall import english
from xorkit.recall.text import BOUNDARIES, FILLER, Reading, stem

LONGEST_GAP = 6  # words: further apart, two words of a learner's sentence seldom belong together

_LEXEME = re.compile(r"\s*(\.\.\.|[()|?^$]|<[^<>]+>|[^\s()|?^$<>]+|[<>])")
_BOUNDARY = "".join(sorted(BOUNDARIES))
_ANY_FORM = "/[^ ]* "  # follows a stem
_SKIP = f"((?:[^ ]*{FILLER} ){{0,2}})"
_GAP = rf"((?:[^ {_BOUNDARY}]+ ){{0,{LONGEST_GAP}}}?)"
_OPENS = "|".join(
    ("and", "becaus", "then", "but", "or", "which", "the", "a", "an", "just", "simply")
)
_CLAUSE_START = rf"(?<![^{_BOUNDARY}] )(?:(?:{_OPENS})/[^ ]* ){{0,2}}"

_TURNS = frozenset(map(stem, english.TURNS))
_TURN_NAMES = frozenset(map(stem, english.TURN_NAMES))
_ANCHORS = {"^": _CLAUSE_START, "$": f"(?=[{_BOUNDARY}]|$)"}


class PatternError(ValueError):
    """A pattern that can't be read: says what was seen and what was wanted."""


@dataclass(frozen=True)
class Words:
    """Single words: whole stems, and beginnings."""

    stems: frozenset[str]
    beginnings: tuple[str, ...] = ()

    def hold(self, base: str) -> bool:
        return base in self.stems or (bool(self.beginnings) and base.startswith(self.beginnings))

    def hold_any(self, stems: frozenset[str]) -> bool:
        return not self.stems.isdisjoint(stems) or (
            bool(self.beginnings) and any(base.startswith(self.beginnings) for base in stems)
        )


_DIGITS = Words(frozenset(), tuple("0123456789"))


@dataclass(frozen=True)
class Pattern:
    """A phrase of a rubric. `stems` and `beginnings` are the words that it speaks of.

    An answer must hold a word of each of `needs`: where it doesn't, nothing is compiled, which
    takes longer than all else in marking.
    """

    text: str
    expression: str = field(repr=False)
    needs: tuple[Words, ...] = field(repr=False)
    stems: frozenset[str] = field(repr=False)
    beginnings: frozenset[str] = field(repr=False)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Compiled on first use: a rubric that is only loaded costs no time."""
        return re.compile(f" (?=({self.expression}))")


@dataclass(frozen=True)
class Match:
    """A place where a pattern matches: its words (indices), without those that fell into gaps.

    `nots` are the negators before or inside it that it doesn't hold itself; one of them belongs to
    an "if" where the clause begins so ("if you don't clear …"), unless it holds that one itself.
    """

    start: int
    end: int
    said: frozenset[int]
    nots: frozenset[int]
    conditional: bool

    @property
    def negated(self) -> bool:
        return len(self.nots) > self.conditional


def parse_pattern(
    text: str, groups: Mapping[str, tuple[str, ...]], known: dict[str, WordGroup] | None = None
) -> Pattern:
    """Read a pattern; raises PatternError where it can't be read.

    `known` keeps what groups were read as, for the next pattern with the same groups.
    """
    parser = _Parser(text, groups, {} if known is None else known)
    body = parser.whole()
    if not (parser.stems or parser.beginnings):
        raise PatternError(f"“{text}” holds no word")
    stems, beginnings = frozenset(parser.stems), frozenset(parser.beginnings)
    return Pattern(text, body.expression, body.needs, stems, beginnings)


def find_matches(pattern: Pattern, reading: Reading) -> Iterator[Match]:
    """Every place where the pattern matches, the shortest match for each beginning."""
    if not all(need.hold_any(reading.vocabulary) for need in pattern.needs):
        return
    starts = reading.places
    for match in pattern.regex.finditer(reading.line):
        first, last = match.span(1)
        start, end = starts.index(first), bisect_right(starts, last - 1)
        texts = match.groups()[1:]  # a pattern has hundreds of gaps, most of them in other words
        gaps = (match.span(group) for group, text in enumerate(texts, 2) if text)
        skipped = {
            index
            for left, right in gaps
            for index in range(start, end)
            if left <= starts[index] < right
        }
        said = frozenset(range(start, end)) - skipped
        clause = reading.clause_starts[start]
        nots = {index for index in range(clause, end) if reading.words[index] in english.NEGATORS}
        conditional = is_conditional(reading, clause) and nots.isdisjoint(said)
        yield Match(start, end, said, frozenset(nots - said), conditional)


def is_conditional(reading: Reading, clause: int) -> bool:
    """Does the clause that starts here only say what would happen: "if not …", "not calling it"?"""
    first, following = (*reading.words[clause : clause + 2], "")[:2]
    doing = following.endswith("ing") and not following.endswith("thing")
    return first in english.CONDITIONS or (first == "not" and doing)


@dataclass(frozen=True)
class _Part:
    """A piece of a pattern: its regular expression, and of which words one must be there."""

    expression: str
    needs: tuple[Words, ...] = ()


@dataclass(frozen=True)
class WordGroup:
    """What `<name>` stands for, and all words in it."""

    part: _Part
    stems: Set[str]
    beginnings: Set[str]


class _Parser:
    """Turns a pattern into a regular expression over `Reading.line`; collects its words."""

    def __init__(
        self,
        text: str,
        groups: Mapping[str, tuple[str, ...]],
        known: dict[str, WordGroup],
        inside: str = "",
    ) -> None:
        self.text = text
        self.groups = groups
        self.known = known
        self.inside = inside  # names of the groups that we are in, to notice a circle
        self.stems: set[str] = set()
        self.beginnings: set[str] = set()
        self.rest = _LEXEME.findall(re.sub(r"(?<=[^\W\d])-(?=[^\W\d])", " ", text))

    def whole(self) -> _Part:
        body = self._sequence()
        if self.rest:
            raise PatternError(f"“{self.text}” has a “{self.rest[0]}” too many")
        return body

    def _sequence(self) -> _Part:
        items: list[str] = []
        needs: list[Words] = []
        gap_before = True
        while self.rest and self.rest[0] not in "|)":
            if self.rest[0] == "...":
                self.rest.pop(0)
                if not items or not self.rest or self.rest[0] in ("|", ")", "..."):
                    raise PatternError(f"“{self.text}”: “...” stands between two words")
                items.append(_GAP)
                gap_before = True
                continue
            if self.rest[0] in _ANCHORS:
                items.append(_ANCHORS[self.rest.pop(0)])
                continue
            item = self._item()
            items.append(item.expression if gap_before else _SKIP + item.expression)
            needs += item.needs
            gap_before = False
        if not items:
            raise PatternError(f"“{self.text}” has an empty place")
        return _Part("".join(items), tuple(needs))

    def _item(self) -> _Part:
        lexeme = self.rest.pop(0)
        if lexeme == "(":
            item = self._alternatives()
        elif lexeme.startswith("<"):
            item = self._group(lexeme[1:-1])
        elif lexeme == "?":
            raise PatternError(f"“{self.text}”: a “?” follows a word, without a space between")
        else:
            item = self._word(lexeme)
        times = {"?": "?", "*": f"{{0,{LONGEST_GAP}}}"}.get(self.rest[0]) if self.rest else None
        if times is None:
            return item
        self.rest.pop(0)
        return _Part(f"(?:{item.expression}){times}")

    def _alternatives(self) -> _Part:
        choices = [self._sequence()]
        while self.rest and self.rest[0] == "|":
            self.rest.pop(0)
            choices.append(self._sequence())
        if not self.rest or self.rest.pop(0) != ")":
            raise PatternError(f"“{self.text}”: a bracket “(” is not closed")
        return _one_of(choices)

    def _group(self, name: str) -> _Part:
        if name == "number":
            return _Part("[0-9][^ ]* ", (_DIGITS,))
        if name not in self.groups:
            known = ", ".join(sorted(self.groups)) or "none"
            raise PatternError(f"“{self.text}” uses <{name}>, which is not in `words` ({known})")
        if f"<{name}>" in self.inside:
            raise PatternError(f"<{name}> is explained by itself in `words`")
        if name not in self.known:
            inside = f"{self.inside}<{name}>"
            phrases = [_Parser(t, self.groups, self.known, inside) for t in self.groups[name]]
            part = _one_of([phrase.whole() for phrase in phrases])
            stems = set[str]().union(*(phrase.stems for phrase in phrases))
            beginnings = set[str]().union(*(phrase.beginnings for phrase in phrases))
            self.known[name] = WordGroup(part, stems, beginnings)
        group = self.known[name]
        self.stems |= group.stems
        self.beginnings |= group.beginnings
        return group.part

    def _word(self, word: str) -> _Part:
        word = word.casefold()
        if word in BOUNDARIES or not re.fullmatch(r"[\w.]+[*!]?|-=|\+=", word):
            raise PatternError(
                f"“{self.text}”: “{word}” is not a word; write signs as words (minus)"
            )
        if word.endswith("*"):
            self.beginnings.add(word[:-1])
            needed = Words(frozenset(), (word[:-1],))
            return _Part(re.escape(word[:-1]) + r"[^ ]* ", (needed,))
        base = stem(word.rstrip("!"))
        self.stems.add(base)
        if base in _TURN_NAMES and not word.endswith("!"):
            self.stems |= _TURNS
            return _Part(f"(?:{'|'.join(sorted(_TURNS))}){_ANY_FORM}", (Words(_TURNS),))
        exactly = f"/{re.escape(word[:-1])}{FILLER}? "
        form = exactly if word.endswith("!") else _ANY_FORM
        return _Part(f"{re.escape(base)}{form}", (Words(frozenset((base,))),))


def _one_of(choices: list[_Part]) -> _Part:
    """Any of these. What is needed is the rarest word of each; nothing, where one needs nothing."""
    expressions = (choice.expression for choice in choices)
    runs = [
        _one_word(run) if words else "|".join(run)
        for words, run in groupby(expressions, key=_is_one_word)
    ]
    expression = runs[0] if _is_one_word(runs[0]) and not runs[1:] else f"(?:{'|'.join(runs)})"
    if not all(choice.needs for choice in choices):
        return _Part(expression)
    rarest = [min(choice.needs, key=_size) for choice in choices]
    stems = frozenset[str]().union(*(words.stems for words in rarest))
    return _Part(expression, (Words(stems, sum((words.beginnings for words in rarest), ())),))


def _is_one_word(expression: str) -> bool:
    """Is it a stem, or one of several, in any form?"""
    stems = expression.removesuffix(_ANY_FORM)
    return stems != expression and not {"/", " "}.intersection(stems)


def _one_word(expressions: Iterable[str]) -> str:
    """Any of these words: their stems in one list are compiled in a third of the time."""
    stems = dict.fromkeys(expression.removesuffix(_ANY_FORM) for expression in expressions)
    return f"(?:{'|'.join(stems)}){_ANY_FORM}"


def _size(words: Words) -> int:
    return len(words.stems) + len(words.beginnings)
