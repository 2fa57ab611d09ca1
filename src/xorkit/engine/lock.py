"""One grader at a time on a course: two would undo each other's results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from xorkit.engine.course import Course, CourseError

LOCK = (".xorkit", "lock")


class BusyError(CourseError):
    """Another xorkit is at work on this course."""


@contextmanager
def alone(course: Course) -> Iterator[None]:
    """Nobody else is at work meanwhile, on any system; a killed grader's lock is gone with it.

    Raises BusyError, and CourseError where the folder can't be written.
    """
    path = course.root.joinpath(*LOCK)
    lock = FileLock(path)
    try:
        path.parent.mkdir(exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise BusyError(
            f"another xorkit is at work on {course.root}: wait until it has ended, then run the"
            " same command again"
        ) from error
    except (OSError, NotImplementedError) as error:  # the second: a file system without locks
        raise CourseError(f"{path} can't be written ({error}): is the folder read-only?") from error
    try:
        yield
    finally:
        lock.release()
