"""The cells of a notebook of any make as plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from xorkit.intake.texts import Text

# A comment or a heading, without its signs, pictures and what Colab's forms add.
_TITLE = re.compile(r"#+ *(?:@title\b)?[\W_]*(\w.*?) *(?:\{ *[\w-]+:.*\})? *")


@dataclass(frozen=True)
class Cell(Text):
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
