"""Texts that others wrote: harmless wherever they are shown, in a terminal, a page or a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Controls (a terminal obeys them), reversals of the text that follows, lone surrogates and what is
# no character: nobody can or should show them.
UNSHOWABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
SHOWN_NAMES = 5  # in one line: with a dozen letters each they fit, and nobody reads a hundred
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


def showable(text: str) -> str:
    """The text, with a mark in the place of each character that can't be shown."""
    return UNSHOWABLE.sub("\ufffd", text)


def for_terminal(text: str) -> str:
    """As `showable`; a carriage return, by which a line overwrites itself, is marked as well."""
    return showable(text).replace("\r", "\ufffd")


def for_spreadsheet(text: str) -> str:
    """As `showable`, and shown rather than computed by a spreadsheet."""
    text = showable(text)
    return f"'{text}" if text.startswith(FORMULA) else text


def from_spreadsheet(text: str) -> str:
    """The text that `for_spreadsheet` was given."""
    bare = text[1:]
    return bare if text.startswith("'") and for_spreadsheet(bare) == text else text


def first_of(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
