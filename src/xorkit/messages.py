"""The sentences that a person reads: `messages.toml` has one for each code and symptom.

Whoever judges says what was found as a code, a symptom and the facts, in numbers; the sentence is
made of them at the end, by `tell`, and nowhere else. Standard library only: the judge also works
inside a learner's notebook.
"""

from __future__ import annotations

import functools
import pkgutil
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xorkit.verdict import Diagnosis, Fact, Finding

UNCODED = "uncoded"  # the section of findings that carry no code
WHOLE = 0.02  # how far a number may be from the whole one that it is counted as


class MessageError(ValueError):
    """The table of messages doesn't fit, or a finding doesn't fit the table; the text says how."""


@dataclass(frozen=True)
class Template:
    """One sentence of the table, and the facts that it names and that it asserts besides."""

    says: str
    fields: frozenset[str]
    asserts: tuple[str, ...] = ()


MessageTable = Mapping[str, Template]  # by "code.symptom"


class _Words(string.Formatter):
    """`str.format` with counted words (`{n:# step/# steps}`) and lists of numbers."""

    def format_field(self, value: Any, spec: str) -> str:
        if "/" in spec:
            return _counted(value, spec)
        if isinstance(value, tuple):
            return ", ".join(self.format_field(each, spec) for each in value)
        if isinstance(value, float):
            text = format(value, spec or "g")
            return text if text.strip("-0.%") else text.lstrip("-")  # no "-0"
        return format(value, spec)


def _counted(count: float, spec: str) -> str:
    """The alternative for a count: `none/one/many` or `one/many`, with # for the number."""
    *none, one, many = spec.split("/")
    text = one if abs(count - 1) < WHOLE else many
    if none and count == 0:
        text = none[0]
    number = round(count, 2)
    return text.replace("#", f"{int(number) if number == int(number) else number}")


_WORDS = _Words()


def parse_messages(text: str) -> MessageTable:
    """The table as `messages.toml` writes it. Raises MessageError where something doesn't fit."""
    try:
        sections = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MessageError(f"the messages are no TOML: {error}") from error
    table: dict[str, Template] = {}
    for section, rows in sections.items():
        if section != UNCODED and section not in set(Diagnosis):
            raise MessageError(f"[{section}] is no diagnosis code; wanted one of {[*Diagnosis]}")
        for symptom, row in rows.items():
            table[f"{section}.{symptom}"] = _template(f"{section}.{symptom}", row)
    return table


def _template(key: str, row: object) -> Template:
    if not isinstance(row, dict) or not {"says"} <= set(row) <= {"says", "asserts"}:
        raise MessageError(f"[{key}] should have `says`, and may have `asserts`; saw {row!r:.80}")
    says, asserts = row["says"], row.get("asserts", [])
    if not isinstance(says, str) or not isinstance(asserts, list):
        raise MessageError(f"[{key}]: `says` is a text and `asserts` a list; saw {row!r:.80}")
    try:
        fields = frozenset(name for _, name, _, _ in _WORDS.parse(says) if name is not None)
    except ValueError as error:
        raise MessageError(f"[{key}]: {error} in {says!r}") from error
    if not all(name.isidentifier() for name in fields):
        raise MessageError(f"[{key}]: each {{field}} is the name of a fact; saw {sorted(fields)}")
    return Template(" ".join(says.split()), fields, tuple(map(str, asserts)))


@functools.cache
def table() -> MessageTable:
    """The kit's own table."""
    text = pkgutil.get_data("xorkit", "messages.toml")  # also where the judge is packed
    return parse_messages((text or b"").decode("utf-8"))


def message_key(code: Diagnosis | None, symptom: str) -> str:
    """Under which name the sentence of a symptom stands in the table."""
    return f"{code or UNCODED}.{symptom}"


def finding(code: Diagnosis | None, symptom: str, /, **facts: Any) -> Finding:
    """What was found, before it is told: the facts are those that the sentence names, no others.

    Raises MessageError where the table has no such sentence, or it names other facts.
    """
    name = message_key(code, symptom)
    template = table().get(name)
    if template is None:
        raise MessageError(f"messages.toml has no [{name}]")
    if template.fields != set(facts):
        raise MessageError(f"[{name}] names {sorted(template.fields)}, given {sorted(facts)}")
    return Finding(code, symptom=symptom, facts=tuple((n, _fact(v)) for n, v in facts.items()))


def _fact(value: Any) -> Fact:
    """A plain number, text or tuple of numbers, also where NumPy made it."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(map(float, value)) if isinstance(value, list | tuple) else value


def tell(found: Finding, hints: Mapping[str, str] | None = None) -> Finding:
    """The finding with its sentence, and with the lesson's own hint where it has one.

    `hints` go by a code (`wrong-loss`) or by one of its symptoms (`wrong-loss.targets`).
    """
    if found.message or not found.symptom:
        return found
    name = message_key(found.code, found.symptom)
    sentence = _WORDS.vformat(table()[name].says, (), dict(found.facts))
    hints = hints or {}
    hint = hints.get(name) or hints.get(found.code or UNCODED, "")
    if hint and sentence[-1] not in ".?!":  # it ends with the text of an error
        sentence += "."
    return replace(found, message=f"{sentence} {hint}".strip())


def sentence(code: Diagnosis | None, symptom: str, /, **facts: Any) -> str:
    """The sentence of the table at once, where a test says something that is no finding."""
    return tell(finding(code, symptom, **facts)).message
