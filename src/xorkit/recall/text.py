"""From what a learner typed to words in clauses: contractions, code, signs, spelling, stems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from itertools import accumulate

from rapidfuzz.distance import OSA

from xorkit.recall import english

SENTENCE = "‖"  # between two sentences
CLAUSE = "¦"  # at a comma, colon, bracket
OPENING = "⁞"  # before a word that opens a clause, where no comma stands
FILLER = "~"  # after an article or a small adverb, which patterns skip
BOUNDARIES = frozenset((OPENING, CLAUSE, SENTENCE))
_SMALL = BOUNDARIES | english.SMALL_WORDS
_NO_STATEMENT = _SMALL | english.NEGATORS
SHORT_STEM = 5  # letters of a stem: below, a wrong letter makes another word too easily
LONG = 8  # letters of a stem: from here on two slips of the finger are mended
REMEMBERED = 20_000  # words: a class says the same ones, and each takes 0.1 ms to compare
SHORTEST_BEGINNING = 5  # letters of a pattern's `accumul*`: shorter ones are near to too much

_HELPING = "do|does|did|is|are|was|were|has|have|had|would|could|should|must|need|might"
_CONTRACTIONS = (
    (r"\b(ca|can)'?t\b", "can not"),
    (r"\bcannot\b", "can not"),
    (r"\bwo(?:n't|nt)\b", "will not"),
    (rf"\b({_HELPING})(?:n't|nt)\b", r"\1 not"),
    (r"\bain'?t\b", "is not"),
    (r"\b(it|that|there|what|here|he|she)'s\b|\b(that)s\b", r"\1\2 is"),
    (r"\bits (a|an|the|not|just|only|like|stuck|when|because|always|the same)\b", r"it is \1"),
    (r"\b(we|you|they|i)'(?:re|m)\b", r"\1 are"),
    (r"\b(\w+)'(?:ll|ve|d)\b", r"\1"),
    (r"\b(\w+)'s\b", r"\1"),
    (r"\b(?:teh|hte|th)\b", "the"),
    (r"\bform(?= (?:the|each|every|all|its?|them)\b)", "from"),
    (r"\b(?:adn|nad)\b|&", " and "),
    (r"\b(?:bc|b/c|cuz|coz|cos|cause|becuase|becasue|becouse)\b", "because"),
    (r"\bw/o\b", "without"),
    (r"\bw/(?=\s)", "with"),
    (r"\bnot (only|just|merely|simply)\b", "notonly"),
    (r"\bnothing (but|else than|other than)\b", "only"),
    (r"\b(never|no longer)\b", "not"),
    (r"\bdo-nothing\b", "idle"),
    (r"\baccumulators?\b", "bucket"),  # a thing, where accumulating is what happens in it
    (r"\b(wrt|w\.r\.t\.?)(?=\s)", "with respect to"),
    (r"\b(e\.g|i\.e|resp|vs|etc)\.", r"\1"),
)
_NUMBERS = (
    ("½", "0.5"),
    ("¼", "0.25"),
    (r"(?<![\d.])1\s*/\s*2(?!\d)", "0.5"),
    (r"(?<![\d.])1\s*/\s*4(?!\d)", "0.25"),
    (r"(?<=\d),(?=\d)", "."),
    (r"(?<![\w.])\.(?=\d)", "0."),
    (r"(\d)\.(?=\s|$)", r"\1 . "),
    (r"(?<=\d)\s*%", " percent "),
    (r"\b(\d+)(st|nd|rd|th|x|d)\b", r"\1 \2"),
)
_CODE = (
    (r"\[\s*(\d[\d.]*)(?:\s*,\s*\1)*\s*\]", r" \1 "),  # [0.5, 0.5, 0.5, 0.5]
    (r"\[\s*[-\d.,\s\[\]]*\]", " "),  # the contents of a table of numbers
    (r"\.(data|item|detach)\b(\(\))?", ""),
    (r"\(\s*\)", " "),
    (r"\b[wb]_?\d+(?:(?:\s*[,/]\s*|\s+(?:and\s+)?)[wb]_?\d+)+\b", "weights"),  # w1 w2 b1 b2
    (r"\b(?:[^\W\d]\w*\.)+(?=[^\W\d])", " "),  # p.grad, optimizer.step: the last name counts
    (r"(?<!\w)\.(?=(?:grad|step|backward|zero_grad|parameters)\b)", " "),
    (r"\b(?:d_?(?=[wb]\d*\b))", "d"),
    (r"(?<=[a-zθ])_?[0-9]+\b", ""),  # w1, b_2
)
_DIVISOR = r"(?:lr|learning|eta|gamma|alpha|grad)"
_MATH_NEXT = r"(?:lr|learning|eta|gamma|alpha|step|grad|gradient|\d|\()"
_SIGNS = (
    (r"∇", " gradient "),
    (r"∂", "d"),
    (r"[²]|\*\*\s*2|\^\s*2", " squared "),
    (r"[−‒]", "-"),
    (r"[–—]|--+", f" {CLAUSE} "),
    (r"[×⋅]|(?<=\S)\s*·\s*(?=\S)", " * "),
    (r"-\s*=", " -= "),
    (r"\+\s*=", " += "),
    (r"={2,}", "="),
    (rf"(?m)^\s*[-*•]\s+(?!{_MATH_NEXT})", f" {CLAUSE} "),
    (r"<-|←|:=", " = "),
    (r"->|=>|→|⇒", f" {CLAUSE} "),
)
_TOKEN = re.compile(
    rf"[{CLAUSE}{SENTENCE}]|\d+(?:\.\d+)?|[^\W\d]\w*|-=|\+=|[-+*=]|[.!?\n]+|[,;:()\[\]\"]"
)
_OPERATORS = {"-": "minus", "+": "plus", "*": "times", "=": "equals", "-=": "-=", "+=": "+="}
_STRENGTH = (OPENING, CLAUSE, SENTENCE)
_NOT_PLURAL = ("ss", "us", "is", "as")


@dataclass(frozen=True)
class Reading:
    """An answer as words. `words` are spelled out, `stems` compare; both hold the boundaries."""

    raw: str
    words: tuple[str, ...]
    stems: tuple[str, ...]

    @cached_property
    def line(self) -> str:
        """A space, then every word as `stem/word`, a filler's mark, a space.

        Patterns are searched in it: each begins with the space before its first word.
        """
        pairs = zip(self.stems, self.words, strict=True)
        parts = (f"{base}/{word}{FILLER * (base in _FILLERS)} " for base, word in pairs)
        return " " + "".join(parts)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every stem that occurs."""
        return frozenset(self.stems)

    @cached_property
    def meaning(self) -> frozenset[str]:
        """The stems that carry meaning."""
        pairs = zip(self.words, self.stems, strict=True)
        return frozenset(base for word, base in pairs if word not in _SMALL)

    @cached_property
    def content(self) -> tuple[int, ...]:
        """The indices of words that make a statement: no small words, no "not", no figures."""
        return tuple(
            index
            for index, word in enumerate(self.words)
            if word not in _NO_STATEMENT and not word[0].isdigit()
        )

    @cached_property
    def places(self) -> tuple[int, ...]:
        """For each word the place in the line where it starts."""
        lengths = (len(part) + 1 for part in self.line.split(" ")[:-1])
        return tuple(accumulate(lengths))[:-1]

    @cached_property
    def clause_starts(self) -> tuple[int, ...]:
        """For each word the index where its clause starts."""
        starts, start = [], 0
        for index, word in enumerate(self.words):
            if word in BOUNDARIES:
                start = index + 1
            starts.append(start)
        return tuple(starts)


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The stems that a rubric speaks of, and beginnings (`accumul*`): what spelling repairs to."""

    stems: frozenset[str]
    beginnings: tuple[str, ...] = ()
    _english: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_english", english.KNOWN | set(map(stem, english.KNOWN)))

    def knows(self, word: str) -> bool:
        return word in self._english or stem(word) in self._english or self.speaks_of(word)

    def speaks_of(self, word: str) -> bool:
        return stem(word) in self.stems or word.startswith(self.beginnings)

    @lru_cache(maxsize=REMEMBERED)  # noqa: B019 - a lexicon lives as long as its lesson
    def repair(self, word: str) -> str:
        """The word itself, or the known word that is a slip of the finger away.

        Short words are mended only where letters are swapped or one is missing.
        """
        if len(word) < 3 or not word.isalpha() or self.knows(word):
            return word
        base = stem(word)
        near = [
            (distance, sorted(known) != sorted(part), known[0] != base[0], known)
            for known, part in self._aims(base)
            if (distance := OSA.distance(part, known, score_cutoff=2))
            <= (1 if len(part) < LONG else 2)
            and (distance == 1 or known not in english.SMALL_WORDS)
            and (len(base) >= SHORT_STEM or _same_letters(base, known))
        ]
        return min(near)[3] if near else word

    def _aims(self, base: str) -> Iterator[tuple[str, str]]:
        """Known words, each with the part of the stem that is to be compared with it."""
        for known in self.stems:
            if len(known) > 2 and known.isalpha():
                yield known, base
        for known in english.SMALL_WORDS:
            if len(known) > 4:
                yield known, base
        for known in self.beginnings:
            if len(known) >= SHORTEST_BEGINNING:
                for length in (len(known) - 1, len(known), len(known) + 1):
                    yield known, base[:length]


def read_answer(text: str, lexicon: Lexicon) -> Reading:
    """Split an answer into words and clauses, its spelling repaired towards the lexicon."""
    words: list[str] = []
    for token in _TOKEN.findall(_plain(text)):
        words.extend(_words_of(token, lexicon))
    kept = _without_empty_clauses(words)
    return Reading(text, tuple(kept), tuple(map(stem, kept)))


@lru_cache(maxsize=REMEMBERED)
def stem(word: str) -> str:
    """The form that inflections share: clears, cleared, clearing → clear; biases → bias."""
    if word in BOUNDARIES or not word.isalpha():
        return word
    if word in english.IRREGULAR:
        return english.IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith(_NOT_PLURAL):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("eed"):
            word = _undoubled(word[: -len(ending)])
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


_FILLERS = frozenset(map(stem, english.FILLERS))


def _undoubled(word: str) -> str:
    double = len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz"
    return word[:-1] if double else word


@cache  # compiled when the first answer is read: most commands read none
def _steps() -> list[tuple[re.Pattern[str], str]]:
    steps = (*_SIGNS, *_CONTRACTIONS, *_NUMBERS, *_CODE)
    return [(re.compile(pattern), replacement) for pattern, replacement in steps]


def _plain(text: str) -> str:
    """Lower case, contractions spelled out, numbers in one form, code reduced to its last names."""
    text = re.sub("[‘’´`]", "'", text.casefold())
    text = re.sub("[“”„«»]", '"', text).replace("…", " . ")
    for pattern, replacement in _steps():
        text = pattern.sub(replacement, text)
    text = re.sub(r"\b(?:by|from|in|on|per|to|of)-(?=[^\W\d_])", "", text)  # in-place
    text = re.sub(r"(?<=[^\W\d_])-(?=[^\W\d_])", " ", text)  # hand-written
    text = re.sub(r"((?:[-+*=]|\b(?:minus|plus|times))\s*)?\(([^()]*)\)", _bracket, text)
    if "=" in text:
        text = re.sub(rf"(?<=[\w)])\s*/\s*(?={_DIVISOR})", " divided by ", text)
    if not re.search(r"[=*]", text):  # outside a formula a lonely dash separates clauses
        text = re.sub(rf"\s-\s(?!{_MATH_NEXT})", f" {CLAUSE} ", text)
    return text


def _bracket(match: re.Match[str]) -> str:
    """An aside is a clause of its own; a bracket in a formula is nothing."""
    sign, inside = match.groups(default="")
    formula = re.search(r"[-+*=\d]", inside) and not re.search(
        r"[^\W\d_]{3,}\s+[^\W\d_]{3,}", inside
    )
    return f"{sign} {inside} " if sign or formula else f" {CLAUSE} {inside} {CLAUSE} "


def _words_of(token: str, lexicon: Lexicon) -> Iterable[str]:
    if token in _OPERATORS:
        return [_OPERATORS[token]]
    if token[0] in ".!?\n":
        return [SENTENCE]
    if token in BOUNDARIES or not (token[0].isalnum() or token[0] == "_"):
        return [CLAUSE] if token != SENTENCE else [SENTENCE]
    parts = [token] if lexicon.knows(token) else [part for part in token.split("_") if part]
    words = [lexicon.repair(part) for part in parts]
    return [OPENING, *words] if words and words[0] in english.CLAUSE_OPENERS else words


def _without_empty_clauses(words: list[str]) -> list[str]:
    """No boundary at the ends, of neighbours only the stronger one, none before a last "before"."""
    kept: list[str] = []
    for index, word in enumerate(words):
        if word == OPENING and set(words[index + 2 : index + 3]) <= BOUNDARIES:
            continue
        if word == OPENING and _goes_on(kept, words[index + 1 :]):
            continue
        if word in BOUNDARIES and (not kept or kept[-1] in BOUNDARIES):
            if kept:
                kept[-1] = max(kept[-1], word, key=_STRENGTH.index)
            continue
        kept.append(word)
    return kept[:-1] if kept and kept[-1] in BOUNDARIES else kept


def _goes_on(kept: list[str], rest: list[str]) -> bool:
    """Is this the "before" of "the pass before", or the "which" of "says in which direction"?"""
    word, after = (*rest, "", "")[:2]
    subject = after in english.ARTICLES | english.PRONOUNS or after.endswith("ing")
    last = kept[-1] if kept else ""
    points = last in english.TURNS | english.PREPOSITIONS | english.ARTICLES
    return points and (
        (word in ("before", "after") and not subject) or (word == "which" and last == "in")
    )


def _same_letters(word: str, known: str) -> bool:
    """Are the letters swapped, or is one of them missing, but none wrong?"""
    letters = iter(known)
    return sorted(word) == sorted(known) or (
        3 < len(word) < len(known) and all(letter in letters for letter in word)
    )
