"""What the grader itself knows of English: `english.toml`, read once."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from collections.abc import Iterable, Mapping
from itertools import groupby

END = "(end)"  # what `<end>` stands for: after a sentence's last word
_DATA = tomllib.loads((pkgutil.get_data("xorkit.recall", "english.toml") or b"").decode())


def _words(text: str) -> frozenset[str]:
    """The words of a text: `<name>` stands for a list, `-word` and `-<name>` take away."""
    more: set[str] = set()
    less: set[str] = set()
    for minus, name, word in re.findall(r"(-(?=[\w<]))?(?:<(\w+)>|(\S+))", text):
        named = _words(_DATA["words"][name]) if name and name != "end" else {word or END}
        (less if minus else more).update(named)
    return frozenset(more - less)


def _list(name: str) -> frozenset[str]:
    return _words(_DATA["words"][name])


def _pairs(rows: Iterable[tuple[str, str]]) -> Mapping[str, frozenset[str]]:
    """By left word every right one, from rows of left and right words."""
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        lefts, rights = map(_words, row)
        found |= {word: found.get(word, frozenset()) | rights for word in lefts}
    return found


def _gate(name: str) -> re.Pattern[str]:
    """Rows that start with a word's edge in one group behind it: searched in half the time."""
    parts = []
    for at_an_edge, rows in groupby(_DATA["gates"][name], key=lambda row: row.startswith(r"\b")):
        rest = "|".join(row.removeprefix(r"\b") for row in rows)
        parts.append(rf"\b(?:{rest})" if at_an_edge else rest)
    return re.compile("|".join(parts))


ARTICLES = _list("articles")
PREPOSITIONS = _list("prepositions")
PRONOUNS = _list("pronouns")
OPERATORS = _list("operators")
BINDING = _list("binding")
CLAUSE_OPENERS = _list("clause_openers")
TURN_NAMES = _list("turn_names")
TURNS = _list("turns")
CONDITIONS = _list("conditions")
FILLERS = _list("fillers")
NEGATORS = _list("negators")
COMPARISONS = _list("comparisons")
SMALL_WORDS = _list("small_words")
LOOSE = _list("loose")
KNOWN = SMALL_WORDS | NEGATORS | _list("frequent_words")  # what a spelling repair leaves alone
IRREGULAR: dict[str, str] = {
    form: base for base, forms in _DATA["irregular"].items() for form in forms.split()
}
NEVER_NEIGHBOURS = _pairs(_DATA["order"]["never"])  # by word what never follows it
FINE_NEIGHBOURS = frozenset(tuple(pair.split()) for pair in _DATA["order"]["fine"])
OTHER_LANGUAGES = {name: _words(text) - KNOWN for name, text in _DATA["other_languages"].items()}

NOTHING_SAID = _gate("nothing_said")
TO_THE_GRADER = _gate("to_the_grader")
TURNED_ROUND = _gate("turned_round")
