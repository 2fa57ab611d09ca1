"""What is kept of a collection: a record beside each submission, and a log of what was done."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from xorkit.files import sha256, write_file
from xorkit.intake import clock
from xorkit.intake.cells import as_mapping, sound

RECORD = "intake.json"
TIMESTAMP = "timestamp.txt"  # as nbgrader calls it
LOGS = "collected"
FILE_TIMES = "the files' times"
_SEVERAL = re.compile(rb'"members": *\[[^\]]*,')  # few are: the notebooks of the others aren't read
_MAX_BYTES = 2**20  # a record with a hundred repairs has 20 KB


@dataclass(frozen=True)
class Record:
    """Where a submission came from and what was done to it.

    Times are ISO 8601 texts in UTC: `handed_in` is the LMS's, `modified` the file's own; `turn` is
    a number of the LMS's (`lms`) that grows with each hand-in, `user` its id of who handed it in.
    `sha256` is the original's, `notebook` that of the rebuilt notebook, which tells whether
    somebody has changed it since. `refused` is why there is no notebook.
    """

    source: str = ""
    sha256: str = ""
    notebook: str = ""
    repairs: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    handed_in: str = ""
    modified: str = ""
    turn: int = 0
    lms: str = ""
    user: str = ""
    late: bool | None = None
    members: tuple[str, ...] = ()
    refused: str = ""

    def compared(self, other: Record) -> tuple[int, str]:
        """Whether it was handed in after (1) or before (-1) another, and by what that is told.

        The LMS's own numbers count before its times, those before the files' times; 0 where none
        of them tells.
        """
        if self.turn != other.turn and self.turn and other.turn and self.lms == other.lms:
            return (1 if self.turn > other.turn else -1), "the numbers that the LMS gives"
        if self.handed_in and other.handed_in:
            return _sign(self.handed_in, other.handed_in), "the LMS's times"
        own, others = (record.handed_in or record.modified for record in (self, other))
        return (_sign(own, others) if own and others else 0), FILE_TIMES


def _sign(time: str, other: str) -> int:
    apart = datetime.fromisoformat(time) - datetime.fromisoformat(other)
    return 0 if abs(apart) <= clock.RESOLUTION else 1 if apart > timedelta() else -1


def read_record(notebook: Path) -> Record:
    """The record beside a submitted notebook, or in its place; an empty one where none fits."""
    path = notebook.parent / RECORD
    try:
        regular = all(stat.S_ISREG(p.lstat().st_mode) for p in (path, notebook) if _is_there(p))
        if not regular or path.stat().st_size > _MAX_BYTES:  # a pipe would be waited for
            return Record(modified=_modified(notebook))
        kept = json.loads(path.read_text(encoding="utf-8"))
        now = sha256(notebook.read_bytes()) if notebook.exists() else ""
    except (OSError, ValueError, RecursionError):
        return Record(modified=_modified(notebook))
    record = _record(as_mapping(kept))
    return record if record.notebook == now else Record(modified=_modified(notebook))


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _record(kept: Mapping[str, Any]) -> Record:
    """A record from JSON; what is not of the kind that `write_record` writes is left out."""
    turn, late = kept.get("turn"), kept.get("late")
    return Record(
        source=_text(kept.get("source")),
        sha256=_text(kept.get("sha256")),
        notebook=_text(kept.get("notebook")),
        repairs=_texts(kept.get("repairs")),
        review=_texts(kept.get("review")),
        handed_in=_time(kept.get("handed_in")),
        modified=_time(kept.get("modified")),
        turn=turn if isinstance(turn, int) else 0,
        lms=_text(kept.get("lms")),
        user=_text(kept.get("user")),
        late=late if isinstance(late, bool) else None,
        members=_texts(kept.get("members")),
        refused=_text(kept.get("refused")),
    )


def _text(value: object) -> str:
    return sound(value) if isinstance(value, str) else ""


def _time(value: object) -> str:
    try:
        return as_text(datetime.fromisoformat(_text(value)).astimezone(UTC))
    except (ValueError, OverflowError):
        return ""


def _texts(values: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_text, values))) if isinstance(values, list) else ()


def _modified(path: Path) -> str:
    try:
        return as_text(clock.file_time(path.stat().st_mtime))
    except OSError:
        return ""


def as_text(time: datetime | None) -> str:
    try:
        return time.astimezone(UTC).isoformat() if time else ""
    except OverflowError:  # on the last day of the year 9999
        return ""


def as_bytes(notebook: Mapping[str, Any]) -> bytes:
    """A rebuilt notebook as a file."""
    return json.dumps(notebook, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def write_submission(folder: Path, name: str, notebook: Mapping[str, Any], record: Record) -> None:
    """The notebook, its record, and the time as nbgrader reads it; raises OSError."""
    data = as_bytes(notebook)
    _refuse_link(folder)
    write_file(folder / name, data)
    write_times(folder, replace(record, notebook=sha256(data)))


def write_times(folder: Path, record: Record) -> None:
    """The record, and its time as nbgrader reads it, or none; raises OSError."""
    if record.handed_in:
        time = datetime.fromisoformat(record.handed_in)
        write_file(folder / TIMESTAMP, f"{time:%Y-%m-%d %H:%M:%S} UTC\n".encode())
    else:
        (folder / TIMESTAMP).unlink(missing_ok=True)  # an earlier file's
    write_record(folder, record)


def write_record(folder: Path, record: Record) -> None:
    """The record alone, also where there is no notebook; raises OSError."""
    _refuse_link(folder)
    text = json.dumps(asdict(record), ensure_ascii=False, indent=1) + "\n"
    write_file(folder / RECORD, text.encode())


def _refuse_link(folder: Path) -> None:
    """Raises OSError where a submission's folder is somewhere else in truth."""
    for path in (folder.parent, folder):
        if path.is_symlink():
            raise OSError(f"{path} is a link to somewhere else")


def members_of(submitted: Path, assignment: str) -> Mapping[str, tuple[str, ...]]:
    """Who handed in together: the members of every group folder in `submitted/`.

    A student's own folder never has members, whatever a record in it says.
    """
    paths = sorted(submitted.glob(f"*/{assignment}/{RECORD}"))
    named = [path for path in paths if _SEVERAL.search(path.read_bytes()[:_MAX_BYTES])]
    records = {p.parents[1].name: read_record(p.with_name(f"{assignment}.ipynb")) for p in named}
    found = {name: record.members for name, record in records.items()}
    groups = ((name, members) for name, members in found.items() if len(members) > 1)
    return {name: members for name, members in groups if name not in members}


# ------------------------------------------------------------------------------------ the log


@dataclass(frozen=True)
class LogEntry:
    """One line of the log: at `time` (ISO 8601, UTC) a file (`source`) met a `fate`, and why.

    `fate` is one of collect's; of the files that were set aside each learner's are one entry.
    `replaced` is the file whose place it took.
    """

    time: str
    student: str
    source: str
    fate: str
    reason: str = ""
    replaced: str = ""


def log_path(submitted: Path, assignment: str) -> Path:
    """One JSON object a line, beside `submitted/`."""
    return submitted.parent / LOGS / f"{assignment}.jsonl"


def add_to_log(submitted: Path, assignment: str, entries: Iterable[LogEntry]) -> None:
    """Adds entries at the end; what was said before and changed nothing is not said again."""
    said = {_said(entry) for entry in read_log(submitted, assignment)}
    new = [entry for entry in entries if entry.fate == "taken" or _said(entry) not in said]
    if new:
        path = log_path(submitted, assignment)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in new)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(lines)


def _said(entry: LogEntry) -> LogEntry:
    return replace(entry, time="")


def read_log(
    submitted: Path, assignment: str, since: datetime | None = None
) -> tuple[LogEntry, ...]:
    """What the log says, oldest first, from `since` (with a zone) on; a spoiled line is left out.

    None of it is there before the first collection.
    """
    try:
        text = log_path(submitted, assignment).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    entries = (_entry(line) for line in text.splitlines())
    return tuple(
        entry
        for entry in entries
        if entry and (since is None or datetime.fromisoformat(entry.time) >= since)
    )


def _entry(line: str) -> LogEntry | None:
    try:
        entry = LogEntry(**json.loads(line))
        return entry if datetime.fromisoformat(entry.time).tzinfo else None
    except (ValueError, TypeError, RecursionError):
        return None
