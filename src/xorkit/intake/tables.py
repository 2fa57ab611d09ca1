"""CSV files as people and LMSs write them: any separator, any encoding, written back alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xorkit.foreign import for_spreadsheet


@dataclass(frozen=True)
class Table:
    """Header and rows, with what it takes to write the file the way it came."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    separator: str = ","
    encoding: str = "utf-8"

    def write(self, path: Path) -> None:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.separator, lineterminator="\n")
        writer.writerows([self.header, *self.rows])
        path.write_bytes(text.getvalue().encode(self.encoding))


def write_sheet(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of our own for a spreadsheet: whatever stands in it, it computes nothing of it."""
    cells = tuple(tuple(map(for_spreadsheet, row)) for row in rows)
    # Excel wants the mark at the beginning.
    Table(tuple(header), cells, encoding="utf-8-sig").write(path)


def read_table(path: Path) -> Table:
    """Raises ValueError where there is no table, OSError where there is no file."""
    text, encoding = _decoded(path.read_bytes())
    first = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        read = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [tuple(row) for row in read if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"{path} can't be read as a table: {error}.") from error
    if not rows:
        raise ValueError(f"{path} is empty: a table with a header line was expected.")
    return Table(rows[0], tuple(rows[1:]), separator, encoding)


def _decoded(data: bytes) -> tuple[str, str]:
    """The text and its encoding: what spreadsheets save is often neither marked nor UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), "utf-16"
    encoding = "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"
