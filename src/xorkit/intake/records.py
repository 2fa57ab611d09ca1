"""What is kept beside a submission, so that its repairs reach the verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xorkit.files import sha256, write
from xorkit.intake.cells import as_mapping, sound

RECORD = "intake.json"


@dataclass(frozen=True)
class Record:
    """Where a submission came from and what was done to it.

    Times are ISO 8601 texts: `handed_in` is the LMS's, `modified` the file's own; `turn` is a
    number that grows with each hand-in. `sha256` is the original's, `notebook` that of the
    rebuilt notebook, which tells whether somebody has changed it since. `refused` is why there is
    no notebook.
    """

    source: str = ""
    sha256: str = ""
    notebook: str = ""
    repairs: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    handed_in: str = ""
    modified: str = ""
    turn: int = 0
    late: bool | None = None
    members: tuple[str, ...] = ()
    refused: str = ""

    def is_newer_than(self, other: Record) -> bool:
        """By the LMS's time, else by its turns, else by the files' own times."""
        if self.handed_in and other.handed_in:
            return self.handed_in > other.handed_in
        if self.turn and other.turn:
            return self.turn > other.turn
        return self.modified > other.modified


def read_record(notebook: Path) -> Record:
    """The record beside a submitted notebook, or in its place; an empty one where none fits."""
    try:
        kept = json.loads((notebook.parent / RECORD).read_text(encoding="utf-8"))
        now = sha256(notebook.read_bytes()) if notebook.exists() else ""
    except (OSError, ValueError):
        return Record(modified=_modified(notebook))
    record = _record(as_mapping(kept))
    return record if record.notebook == now else Record(modified=_modified(notebook))


def _record(kept: Mapping[str, Any]) -> Record:
    """A record from JSON; what is not of the kind that `write_record` writes is left out."""
    turn, late = kept.get("turn"), kept.get("late")
    return Record(
        source=_text(kept.get("source")),
        sha256=_text(kept.get("sha256")),
        notebook=_text(kept.get("notebook")),
        repairs=_texts(kept.get("repairs")),
        review=_texts(kept.get("review")),
        handed_in=_text(kept.get("handed_in")),
        modified=_text(kept.get("modified")),
        turn=turn if isinstance(turn, int) else 0,
        late=late if isinstance(late, bool) else None,
        members=_texts(kept.get("members")),
        refused=_text(kept.get("refused")),
    )


def _text(value: object) -> str:
    return sound(value) if isinstance(value, str) else ""


def _texts(values: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_text, values))) if isinstance(values, list) else ()


def _modified(path: Path) -> str:
    try:
        return as_text(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    except OSError:
        return ""


def as_text(time: datetime | None) -> str:
    return time.astimezone(UTC).isoformat() if time else ""


def write_submission(folder: Path, name: str, notebook: Mapping[str, Any], record: Record) -> None:
    """The notebook, its record, and the time as nbgrader reads it; raises OSError."""
    data = json.dumps(notebook, ensure_ascii=False, sort_keys=True).encode() + b"\n"
    write(folder / name, data)
    if record.handed_in:
        time = datetime.fromisoformat(record.handed_in)
        write(folder / "timestamp.txt", f"{time:%Y-%m-%d %H:%M:%S} UTC\n".encode())
    else:
        (folder / "timestamp.txt").unlink(missing_ok=True)  # an earlier file's
    write_record(folder, replace(record, notebook=sha256(data)))


def write_record(folder: Path, record: Record) -> None:
    """The record alone, also where there is no notebook; raises OSError."""
    text = json.dumps(asdict(record), ensure_ascii=False, indent=1) + "\n"
    write(folder / RECORD, text.encode())


def members_of(submitted: Path, assignment: str) -> Mapping[str, tuple[str, ...]]:
    """Who handed in together: the members of every group folder in `submitted/`.

    A student's own folder never has members, whatever a record in it says.
    """
    folders = sorted(path.parent for path in submitted.glob(f"*/{assignment}/{RECORD}"))
    records = {path.parent.name: read_record(path / f"{assignment}.ipynb") for path in folders}
    found = {name: record.members for name, record in records.items()}
    groups = ((name, members) for name, members in found.items() if len(members) > 1)
    return {name: members for name, members in groups if name not in members}
