"""CSV files as people and LMSs write them: any separator, any encoding, written back alike."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xorkit.foreign import for_spreadsheet

_MAX_BYTES = 64 * 2**20  # a hundred thousand people with all their columns
_WORKBOOK = ("PK\x03\x04", "\xd0\xcf\x11", "ÐÏ\x11")  # as .xlsx, .ods and .xls begin


@dataclass(frozen=True)
class TextTable:
    """Header and rows, with what it takes to write the file the way it came."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    separator: str = ","
    encoding: str = "utf-8"

    def write(self, path: Path) -> None:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.separator, lineterminator="\n")
        writer.writerows([self.header, *self.rows])
        # Only comments, which are HTML, can have a character that an LMS's old encoding lacks.
        path.write_bytes(text.getvalue().encode(self.encoding, "xmlcharrefreplace"))


def write_sheet(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of our own for a spreadsheet: whatever stands in it, it computes nothing of it."""
    cells = tuple(tuple(map(for_spreadsheet, row)) for row in rows)
    # Excel wants the mark at the beginning.
    TextTable(tuple(header), cells, encoding="utf-8-sig").write(path)


def read_table(path: Path) -> TextTable:
    """Raises ValueError where there is no table, OSError where there is no file."""
    if not path.exists():
        raise FileNotFoundError(f"There is no table {str(path)!r}. Wanted: the path of a CSV file.")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path} has more than {_MAX_BYTES >> 20} MB: no table of people has.")
    text, encoding = _decoded(path.read_bytes())
    if text.startswith(_WORKBOOK):
        raise ValueError(f"{path} is a spreadsheet's own file. Wanted: the same saved as CSV.")
    first, _, rest = text.lstrip().partition("\n")
    if told := re.fullmatch(r"sep=(.)\s*", first, re.IGNORECASE):  # what Excel is told by
        separator, text = told[1], rest
    else:
        separator = max(",;\t", key=first.count)
    try:
        read = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [tuple(row) for row in read if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"{path} can't be read as a table: {error}.") from error
    if not rows:
        raise ValueError(f"{path} is empty: a table with a header line was expected.")
    return TextTable(rows[0], tuple(rows[1:]), separator, encoding)


def _decoded(data: bytes) -> tuple[str, str]:
    """The text and its encoding: what spreadsheets save is often neither marked nor UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), "utf-16"
    if data[:1] == b"\x00" or data[1:2] == b"\x00":
        encoding = "utf-16-be" if data[:1] == b"\x00" else "utf-16-le"
        return data.decode(encoding, "replace"), encoding
    encoding = "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"
