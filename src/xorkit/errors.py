"""The one kind of error that a command says in a line instead of a traceback."""

from __future__ import annotations


class KitError(Exception):
    """Something that a person can mend: the text says what was seen, wanted, and to be done."""
