"""The cells of a notebook of any make as plain values, and what their text says."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# Longer texts are not parsed: nobody writes one by hand, and the compiler's time is not free.
PARSED_CHARACTERS = 200_000
# What magics bind: `%%capture output`, `%time name = ...`.
_BY_MAGIC = re.compile(
    r"^(?:%%capture(?:[ \t]+--\S+)*[ \t]+(\w+)|[ \t]*%time[ \t]+(\w+)[ \t]*=(?!=)(.*))",
    re.MULTILINE,
)
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
class CellText:
    """A text with its kind (`code`, `markdown`, `raw`)."""

    kind: str
    source: str

    @cached_property
    def lines(self) -> tuple[str, ...]:
        return plain_lines(self.source)

    @cached_property
    def names(self) -> Names:
        return _names(self.source)

    def is_same(self, other: CellText) -> bool:
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
    for output, assigned, of in _BY_MAGIC.findall(source):
        bound.add(output or assigned)
        used |= set(re.findall(r"[^\W\d]\w*", of))
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


# A comment or a heading, without its signs, pictures and what Colab's forms add.
_TITLE = re.compile(r"#+ *(?:@title\b)?[\W_]*(\w.*?) *(?:\{ *[\w-]+:.*\})? *")


@dataclass(frozen=True)
class Cell(CellText):
    """One cell: its text and whatever tells which cell it is."""

    grade_id: str = ""
    ids: tuple[str, ...] = ()
    nbgrader: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def first_line(self) -> str:
        """The first line that holds anything."""
        return self.source.strip().partition("\n")[0]

    @property
    def title(self) -> str:
        """How a person would call it: by its first line, where that is a comment or a heading."""
        found = _TITLE.fullmatch(self.first_line)
        return found[1] if found else self.grade_id


def as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def cells_of(notebook: object) -> tuple[Cell, ...]:
    """The cells of a notebook of any format version, in order; what is no cell is left out."""
    return tuple(_cell(raw) for raw in _raw_cells(as_mapping(notebook)))


def _raw_cells(notebook: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Formats 2 and 3 keep their cells in worksheets, format 4 at the top."""
    sheets = notebook.get("worksheets")
    for holder in (notebook, *(sheets if isinstance(sheets, list) else ())):
        cells = as_mapping(holder).get("cells")
        yield from (raw for raw in (cells if isinstance(cells, list) else ()) if as_mapping(raw))


def _cell(raw: Mapping[str, Any]) -> Cell:
    metadata = as_mapping(raw.get("metadata"))
    nbgrader = as_mapping(metadata.get("nbgrader"))
    ids = (metadata.get("id"), raw.get("id"))
    grade_id = nbgrader.get("grade_id")
    return Cell(
        kind=_kind(raw),
        source=_source(raw["source"] if "source" in raw else raw.get("input")),
        grade_id=sound(grade_id) if isinstance(grade_id, str) else "",
        ids=tuple(dict.fromkeys(sound(name) for name in ids if isinstance(name, str) and name)),
        nbgrader=nbgrader,
    )


def _kind(raw: Mapping[str, Any]) -> str:
    kind = raw.get("cell_type")
    if kind in ("code", "markdown", "raw"):
        return str(kind)
    if kind in ("heading", "html"):  # format 3
        return "markdown"
    return "code" if "outputs" in raw or "execution_count" in raw else "markdown"


def _source(source: object) -> str:
    """A cell's text from a string or a list of lines."""
    if isinstance(source, list):
        lines = [line for line in source if isinstance(line, str)]
        glue = "" if any(line.endswith("\n") for line in lines[:-1]) else "\n"
        source = glue.join(lines)
    if not isinstance(source, str):
        return ""
    return sound(source.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", ""))


def sound(text: str) -> str:
    """The text without halves of characters, which can be neither printed nor saved."""
    return text.encode("utf-8", "replace").decode("utf-8")
