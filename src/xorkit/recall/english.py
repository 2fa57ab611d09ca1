"""What the grader itself knows of English: `english.toml`, read once."""

from __future__ import annotations

import pkgutil
import re
import tomllib

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


def _gate(name: str) -> re.Pattern[str]:
    return re.compile("|".join(_DATA["gates"][name]))


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
NEVER_NEIGHBOURS = [(_words(left), _words(right)) for left, right in _DATA["order"]["never"]]
FINE_NEIGHBOURS = frozenset(tuple(pair.split()) for pair in _DATA["order"]["fine"])
OTHER_LANGUAGES = {name: _words(text) - KNOWN for name, text in _DATA["other_languages"].items()}

NOTHING_SAID = _gate("nothing_said")
TO_THE_GRADER = _gate("to_the_grader")
TURNED_ROUND = _gate("turned_round")
