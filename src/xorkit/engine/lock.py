"""One grader at a time on a course: two would undo each other's results."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from xorkit.engine.course import Course, CourseError

LOCK = (".xorkit", "lock")


class BusyError(CourseError):
    """Another xorkit is at work on this course."""


@contextmanager
def alone(course: Course) -> Iterator[None]:
    """Nobody else is at work meanwhile, on any system; a killed grader's lock is gone with it.

    Raises BusyError, and CourseError where the folder can't be written.
    """
    with closing(_locked(course.root.joinpath(*LOCK))):
        yield


def _locked(path: Path) -> sqlite3.Connection:
    """A database that is locked until it is closed, by whatever locks this system has."""
    try:
        path.parent.mkdir(exist_ok=True)
        database = sqlite3.connect(path, timeout=0, isolation_level=None)
        database.execute("BEGIN EXCLUSIVE")
    except (OSError, sqlite3.OperationalError) as error:
        if "locked" in str(error):
            raise BusyError(
                f"another xorkit is at work on {path.parents[1]}: wait until it has ended, then run"
                " the same command again"
            ) from error
        raise CourseError(f"{path} can't be written ({error}): is the folder read-only?") from error
    return database
