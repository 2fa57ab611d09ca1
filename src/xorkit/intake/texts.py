"""What a cell's text says: the lines that matter, the names it sets and needs."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

# Longer texts are not parsed: nobody writes one by hand, and the compiler's time is not free.
PARSED_CHARACTERS = 200_000
_MAGIC = re.compile(r"^([ \t]*)(?:[%!]|\w+[ \t]*=[ \t]*[%!])[^\n]*$", re.MULTILINE)
_BOUND = re.compile(
    r"^(?:def|class|import|from\s+\S+\s+import)\s+(\w+)|^(\w+)\s*(?::[^=\n]+)?=(?!=)"
)
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Names:
    """What a text of Python leaves behind, and what it needs from the cells around it.

    Where this Python can't parse it (`parsed` is false), the names are guessed from its words.
    """

    bound: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()
    parsed: bool = True


@dataclass(frozen=True)
class Text:
    """A text with its kind (`code`, `markdown`, `raw`)."""

    kind: str
    source: str

    @cached_property
    def lines(self) -> tuple[str, ...]:
        return plain_lines(self.source)

    @cached_property
    def names(self) -> Names:
        return _names(self.source)

    def is_same(self, other: Text) -> bool:
        """Whether all lines that matter are the same."""
        return self.source == other.source or self.lines == other.lines

    @property
    def is_indented(self) -> bool:
        """Whether it begins in the middle of something."""
        return self.source.strip("\n")[:1].isspace()

    @property
    def is_blank(self) -> bool:
        return not self.source.strip()


def plain_lines(text: str) -> tuple[str, ...]:
    """The lines that matter when two texts are compared: no empty ones, no space at the end.

    Comments are compared by their ASCII signs alone, as a file that was once saved in an old
    encoding has lost the pictures and dots in them.
    """
    lines = (line.rstrip() for line in text.splitlines())
    return tuple(_ascii(line) if is_comment(line) else line for line in lines if line)


def _ascii(comment: str) -> str:
    words = " ".join(re.findall(r"[!->@-~]+", comment))
    return words if words.strip("# ") else comment


def is_comment(line: str) -> bool:
    return line.lstrip()[:1] == "#"


def _names(source: str) -> Names:
    table = _symbols(source)
    if table is None:
        bound = {a or b for line in source.splitlines() for a, b in _BOUND.findall(line)}
        words = frozenset(re.findall(r"[^\W\d]\w*", source))
        return Names(frozenset(bound), words - _BUILTINS, parsed=False)
    bound, used = set(), set()
    for scope, symbol in _walk(table):
        top = scope is table
        if symbol.is_referenced() and (top or symbol.is_global()):
            used.add(symbol.get_name())
        if symbol.is_imported() if top else symbol.is_declared_global():
            bound.add(symbol.get_name())
        if top and symbol.is_assigned():
            bound.add(symbol.get_name())
    return Names(frozenset(bound), frozenset(used) - _BUILTINS)


def _walk(table: symtable.SymbolTable) -> Iterator[tuple[symtable.SymbolTable, symtable.Symbol]]:
    waiting = [table]
    while waiting:
        scope = waiting.pop()
        yield from ((scope, symbol) for symbol in scope.get_symbols())
        waiting.extend(scope.get_children())


def _symbols(source: str) -> symtable.SymbolTable | None:
    if len(source) > PARSED_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the compiler thinks of a learner's text
            return symtable.symtable(_without_magics(source), "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _without_magics(source: str) -> str:
    """IPython's own lines (`%`, `!`) as `pass`, so that the rest can be parsed as Python."""
    return _MAGIC.sub(r"\1pass", source)


def parsed(source: str) -> list[ast.stmt]:
    """The top-level statements of a text; none where it can't be parsed."""
    if _symbols(source) is None:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(_without_magics(source)).body
    except (RecursionError, MemoryError):  # a tree takes more than its table of names
        return []


def statements(source: str) -> tuple[str, ...]:
    """The texts of a cell's top-level statements; none where it can't be parsed."""
    lines, body = source.split("\n"), parsed(source)
    starts = [min([s.lineno, *(d.lineno for d in getattr(s, "decorator_list", ()))]) for s in body]
    ends = [statement.end_lineno or statement.lineno for statement in body]
    return tuple("\n".join(lines[a - 1 : b]) for a, b in zip(starts, ends, strict=True))
