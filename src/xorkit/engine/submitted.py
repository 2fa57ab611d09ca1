"""What lies in `submitted/`: any name, any kind of file, links that lead elsewhere."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from xorkit.engine.course import Course
from xorkit.files import digest
from xorkit.intake.reading import ASK, MAX_FILE_BYTES, Refusal
from xorkit.intake.records import TIMESTAMP, read_record


@dataclass(frozen=True)
class Submission:
    """A learner's file, with what `xorkit collect` noted about it."""

    data: bytes
    repairs: tuple[str, ...]
    review: tuple[str, ...]

    @property
    def key(self) -> str:
        return digest([self.data, *self.repairs, "", *self.review])


def read_submission(course: Course, student: str) -> Submission:
    """Raises intake.Refused where there is nothing that may be read."""
    path = _file(course, student)
    try:
        # Never through a link, and never waiting for a pipe's other end.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | _BINARY)
        with open(handle, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)  # intake says what it thinks of more
        record = read_record(path)
    except OSError as error:
        where = path.relative_to(course.root)
        raise Refusal(f"{where} can't be read: {error.strerror or error}.") from error
    return Submission(data, tuple(record.repairs), tuple(record.review))


LONGEST_TIME = 100  # characters of a timestamp.txt
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change line ends


def _file(course: Course, student: str) -> Path:
    """The handed-in file: by the right name, else the only notebook there."""
    wanted = course.notebook_path("submitted", student)
    for folder in (wanted.parent.parent, wanted.parent):
        if folder.is_symlink():
            raise _refused(course, folder, "is a link to somewhere else")
    if not wanted.parent.is_dir():
        raise _refused(course, wanted.parent, "is no folder")
    kinds = {path: _kind(path) for path in sorted(wanted.parent.iterdir())}
    if kinds.get(wanted) == "file":
        return wanted
    notebooks = [path for path, kind in kinds.items() if kind == "file" and ".ipynb" in path.name]
    if len(notebooks) == 1:
        return notebooks[0]
    if wanted in kinds:
        raise _refused(course, wanted, f"is a {kinds[wanted]}")
    if not notebooks and (reason := read_record(wanted).refused):
        raise Refusal(reason)
    seen = ", ".join(path.name for path in kinds) or "nothing"
    raise _refused(course, wanted.parent, f"holds no {wanted.name}, only {seen[:200]}")


def _kind(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISLNK(mode):
        return "link to somewhere else"
    return "folder" if stat.S_ISDIR(mode) else "pipe or device"


def _refused(course: Course, path: Path, what: str) -> Refusal:
    return Refusal(f"{path.relative_to(course.root)} {what}. {ASK}")


def misplaced(course: Course) -> list[str]:
    """What lies in `submitted/` where no command looks for a submission of any assignment."""
    known = {course.assignment, *(path.name for path in course.path("source").iterdir())}
    learners = {*course.students("submitted")}
    found = []
    for folder in sorted(course.path("submitted").glob("[!.]*")):
        if folder.name in learners:
            continue
        try:
            inside = sorted(path.name for path in folder.iterdir())
        except NotADirectoryError:
            found.append(folder.name)
        except OSError as error:
            found.append(f"{folder.name} ({error.strerror or error})")
        else:
            if known.isdisjoint(inside):
                found.append(f"{folder.name}/{inside[0]}" if inside else f"{folder.name} (empty)")
    return found


def handed_in(course: Course, student: str, known: datetime | None) -> tuple[datetime | None, bool]:
    """When it was handed in (UTC, without a zone), and whether the LMS called it late.

    As in nbgrader, timestamp.txt says when; without one what the gradebook has `known` stands,
    unless the file was collected since then without any time.
    """
    from nbgrader.utils import parse_utc

    notebook = course.notebook_path("submitted", student)
    record = read_record(notebook)
    path = notebook.with_name(TIMESTAMP)
    try:
        if _kind(path) == "file":
            with path.open(encoding="utf-8") as file:
                text = file.read(LONGEST_TIME).strip()
            return parse_utc(text) if text else known, bool(record.late)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, OverflowError):
        return known, bool(record.late)
    return None if record.notebook else known, bool(record.late)
