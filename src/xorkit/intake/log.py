"""The log of what was collected, refused and replaced, and why: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

FOLDER = "collected"  # beside `submitted/`


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
    return submitted.parent / FOLDER / f"{assignment}.jsonl"


def add(submitted: Path, assignment: str, entries: Iterable[LogEntry]) -> None:
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
