"""What a cell that only gives plain values to names leaves behind, read off its text.

Choices and typed answers are such cells: what they do is known without running them.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Mapping

Plain = str | int | float | None
LONGEST = 20_000  # characters of a cell; whatever is longer than ten pages may as well be run
LARGEST_INT = 1 << 53  # in JSON a larger number may be read as another one


def literals(source: str) -> Mapping[str, Plain] | None:
    """The values by name; None for a cell that does, prints or warns of anything else."""
    if len(source) > LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the cell would show them
            return {
                name: value
                for node in ast.parse(source).body
                for name, value in _assigned(node).items()
            }
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _assigned(node: ast.stmt) -> dict[str, Plain]:
    """Raises ValueError for any other statement."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
            return {name: _plain(value)}
    raise ValueError(f"line {node.lineno} is more than a name and its value")


def _plain(value: object) -> Plain:
    """Raises ValueError for what JSON has no faithful form of."""
    match value:
        case str():
            value.encode()  # a UnicodeError is a ValueError
            return value
        case int() if abs(value) <= LARGEST_INT:
            return value
        case float() if math.isfinite(value):
            return value
        case None:
            return None
    raise ValueError(f"a {type(value).__name__}")
