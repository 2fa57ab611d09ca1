"""A notebook of any make as plain values, and what its texts say."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# Longer texts are not parsed: nobody writes one by hand, and the compiler's time is not free.
PARSED_CHARACTERS = 200_000
_MAGIC = re.compile(r"^(\s*)(?:[%!]|\w+\s*=\s*[%!])[^\n]*$", re.MULTILINE)
_BOUND = re.compile(
    r"^(?:def|class|import|from\s+\S+\s+import)\s+(\w+)|^(\w+)\s*(?::[^=\n]+)?=(?!=)"
)


@dataclass(frozen=True)
class Cell:
    """One cell: its kind (`code`, `markdown`, `raw`), its text and whatever tells who it is."""

    kind: str
    source: str
    grade_id: str = ""
    ids: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def nbgrader(self) -> Mapping[str, Any]:
        return as_mapping(self.metadata.get("nbgrader"))


def as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def text_of(source: object) -> str:
    """A cell's text from a string or a list of lines; what UTF-8 can't carry is replaced."""
    if isinstance(source, list):
        lines = [line for line in source if isinstance(line, str)]
        glue = "" if any(line.endswith("\n") for line in lines[:-1]) else "\n"
        source = glue.join(lines)
    if not isinstance(source, str):
        return ""
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return source.encode("utf-8", "replace").decode("utf-8")


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
    source = text_of(raw["source"] if "source" in raw else raw.get("input"))
    ids = (metadata.get("id"), raw.get("id"))
    grade_id = as_mapping(metadata.get("nbgrader")).get("grade_id")
    return Cell(
        kind=_kind(raw),
        source=source,
        grade_id=grade_id if isinstance(grade_id, str) else "",
        ids=tuple(dict.fromkeys(name for name in ids if isinstance(name, str) and name)),
        metadata=metadata,
    )


def _kind(raw: Mapping[str, Any]) -> str:
    kind = raw.get("cell_type")
    if kind in ("code", "markdown", "raw"):
        return str(kind)
    if kind in ("heading", "html"):  # format 3
        return "markdown"
    return "code" if "outputs" in raw or "execution_count" in raw else "markdown"


def plain_lines(text: str) -> tuple[str, ...]:
    """The lines that matter when two texts are compared: no empty ones, no space at the end.

    Comments are compared by their ASCII words alone, as a file that was once saved in an old
    encoding has lost the pictures and dots in them.
    """
    lines = (line.rstrip() for line in text.splitlines())
    return tuple(_ascii(line) if line.lstrip().startswith("#") else line for line in lines if line)


def _ascii(comment: str) -> str:
    words = " ".join(re.findall(r"[!->@-~]+", comment))
    return words if words.strip("# ") else comment


def words_of(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in re.findall(r"[^\W\d_]{3,}", text))


def is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


@dataclass(frozen=True)
class Names:
    """What a text of Python leaves behind, and what it needs from the cells around it."""

    bound: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()
    parsed: bool = True


def names_in(source: str) -> Names:
    """The names of a cell's text; guessed from its words where this Python can't parse it."""
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
        if top and (symbol.is_assigned() or symbol.is_imported()):
            bound.add(symbol.get_name())
        if not top and symbol.is_declared_global() and symbol.is_assigned():
            bound.add(symbol.get_name())
    return Names(frozenset(bound), frozenset(used) - _BUILTINS)


_BUILTINS = frozenset(dir(builtins))


def _walk(
    table: symtable.SymbolTable,
) -> Iterator[tuple[symtable.SymbolTable, symtable.Symbol]]:
    waiting = [table]
    while waiting:
        scope = waiting.pop()
        yield from ((scope, symbol) for symbol in scope.get_symbols())
        waiting.extend(scope.get_children())


def without_magics(source: str) -> str:
    """IPython's own lines (`%`, `!`) as `pass`, so that the rest can be parsed as Python."""
    return _MAGIC.sub(r"\1pass", source)


def _symbols(source: str) -> symtable.SymbolTable | None:
    if len(source) > PARSED_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the compiler thinks of a learner's text
            return symtable.symtable(without_magics(source), "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def statements(source: str) -> tuple[str, ...]:
    """The texts of a cell's top-level statements; none where it can't be parsed."""
    if _symbols(source) is None:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = ast.parse(without_magics(source)).body
    lines = source.split("\n")
    starts = [min([s.lineno, *(d.lineno for d in getattr(s, "decorator_list", ()))]) for s in body]
    ends = [statement.end_lineno or statement.lineno for statement in body]
    return tuple("\n".join(lines[a - 1 : b]) for a, b in zip(starts, ends, strict=True))
