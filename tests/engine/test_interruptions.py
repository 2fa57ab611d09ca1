"""Killed at any moment, locked out, or out of room: what was graded stays, and nothing is half."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from support.tiny_course import assert_agrees, graded, hand_in, kept_files, marks, scores

from xorkit.engine import records, workers
from xorkit.engine.assignment import Assignment
from xorkit.engine.course import Course, CourseError, open_course
from xorkit.engine.gradebook import GradebookError
from xorkit.engine.job import JobResult
from xorkit.engine.lock import alone

# Whatever changes a file or the gradebook goes through one of these.
WRITES = ((os, "replace"), (os, "fsync"), (os, "unlink"), (os, "mkdir"), (Session, "commit"))
MOST_WRITES = 200


@pytest.fixture
def three(course: Course) -> Course:
    """Three who handed in, one of them no notebook."""
    hand_in(course, "ada")
    hand_in(course, "bob", {"number": "number = 8", "words": 'words = "maybe"'})
    hand_in(course, "eve").write_text("no notebook", "utf-8")
    return course


@pytest.fixture
def done(three: Course, monkeypatch: pytest.MonkeyPatch) -> list[JobResult]:
    """What the workers send for them, once; from now on they send just this."""
    real, sent = workers.run_jobs, {}

    def run(assignment: Assignment, jobs: Any, *_: Any) -> Iterator[JobResult]:
        for job in jobs:
            if job.student not in sent:
                (sent[job.student],) = real(assignment, [job], 0)
            yield sent[job.student]

    monkeypatch.setattr(workers, "run_jobs", run)
    elsewhere = three.root.with_name("elsewhere")
    shutil.copytree(three.root, elsewhere)
    graded(open_course(elsewhere, "tiny"))
    return list(sent.values())


def _dies_at(number: int, work: Callable[[], object]) -> bool:
    """Does the work in a process that is killed before its n-th write; whether it got there."""
    if pid := os.fork():
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)
    try:
        _die_at(number)
        work()
        os._exit(0)
    finally:
        os._exit(1)


def _die_at(number: int) -> None:
    count = 0

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return call

    for owner, name in WRITES:
        setattr(owner, name, dying(getattr(owner, name)))


@pytest.mark.usefixtures("done")
def test_a_grader_killed_before_any_of_its_writes_goes_on_as_if_nothing_had_been(
    three: Course,
) -> None:
    authored = three.root.with_name("authored")
    shutil.copytree(three.root, authored)
    graded(three)
    wanted = (kept_files(three), marks(three))
    for number in range(1, MOST_WRITES):
        root = three.root.with_name(f"killed-{number}")
        shutil.copytree(authored, root)
        killed = _dies_at(number, lambda root=root: graded(open_course(root, "tiny")))  # type: ignore[misc]

        graded(open_course(root, "tiny"))

        assert (kept_files(open_course(root, "tiny")), marks(open_course(root, "tiny"))) == wanted
        shutil.rmtree(root)
        if not killed:
            break
    assert 10 < number < MOST_WRITES - 1
    assert_agrees(three)


def _xorkit(course: Course, *words: str) -> list[str]:
    return [sys.executable, "-m", "xorkit", *words, "--course", str(course.root)]


def _running_on(course: Course) -> subprocess.Popen[bytes]:
    """`xorkit grade` at work on a class of which the first one is done."""
    process = subprocess.Popen(
        _xorkit(course, "grade", "tiny", "--workers", "1", "--json"), stdout=subprocess.DEVNULL
    )
    while not list(course.path("autograded").glob("*/tiny/verdict.json")):
        assert process.poll() is None
        time.sleep(0.01)
    return process


def _children(pid: int) -> set[int]:
    """All descendants of a process."""
    listed = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found: set[int] = set()
    more = {pid}
    while more := {child for child, parent in pairs if parent in more} - found:
        found |= more
    return found


@pytest.mark.sweep  # kills by the clock: right on a quiet machine only
def test_a_killed_grader_takes_its_workers_along_and_the_next_one_does_only_the_rest(
    course: Course,
) -> None:
    slow = {"number": "import time\ntime.sleep(0.3)\nnumber = 7"}
    for number in range(8):
        hand_in(course, f"s{number}", slow)
    process = _running_on(course)
    children = _children(process.pid)
    process.kill()
    process.wait()
    before = kept_files(course)
    finished = {Path(name).parts[0] for name in before if name.endswith("verdict.json")}
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in children):
        assert time.monotonic() < deadline, "a worker or a kernel outlives its grader"
        time.sleep(0.05)

    done = graded(course)

    assert 0 < len(finished) < 8
    assert set(done) == {f"s{number}" for number in range(8)} - finished
    after = kept_files(course)
    assert {name: after[name] for name in before if Path(name).parts[0] in finished} == {
        name: data for name, data in before.items() if Path(name).parts[0] in finished
    }
    assert not [name for name in after if name.endswith(".part")]
    assert scores(course) == {f"s{number}": 5 for number in range(8)}


def test_a_second_grader_waits_its_turn(course: Course) -> None:
    hand_in(course, "ada")
    graded(course)
    with alone(course):
        done = subprocess.run(_xorkit(course, "grade", "tiny"), capture_output=True, text=True)
        seen = records.verdicts(course)

    assert done.returncode == 2
    assert "another xorkit is at work" in done.stderr
    assert [verdict.student for verdict in seen] == ["ada"], "reading needs no turn"
    assert graded(course) == {}


def test_a_locked_gradebook_is_one_clear_error(course: Course) -> None:
    hand_in(course, "ada")
    with sqlite3.connect(course.root / "gradebook.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(GradebookError, match="another program is writing it"):
            graded(course)
    other.close()
    graded(course)
    assert scores(course) == {"ada": 5}


@pytest.mark.usefixtures("done")
def test_a_gradebook_that_fills_up_loses_nothing(three: Course) -> None:
    def limit(connection: sqlite3.Connection, _: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", limit)
    try:
        for number in range(100):
            hand_in(three, f"s{number}").write_text("no notebook", "utf-8")
        with pytest.raises(GradebookError, match="the disk is full"):
            graded(three)
    finally:
        event.remove(Engine, "connect", limit)
    graded(three)
    assert_agrees(three)


def test_a_read_only_gradebook_is_one_clear_error(course: Course) -> None:
    hand_in(course, "ada")
    url = f"sqlite:///file:{course.root}/gradebook.db?mode=ro&uri=true"
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.CourseDirectory.db_url = {url!r}\n")

    with pytest.raises(GradebookError, match="read-only"):
        graded(open_course(course.root, "tiny"))


@pytest.mark.usefixtures("done")
def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(
    three: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = os.fsync, 0

    def fsync(handle: int) -> None:
        nonlocal count
        count += 1
        if count == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        graded(three)
    assert not [name for name in kept_files(three) if name.endswith(".part")]
    graded(three)

    assert scores(three)["ada"] == 5
    assert_agrees(three)


def test_a_course_folder_that_cannot_be_written_is_one_clear_error(course: Course) -> None:
    (course.root / ".xorkit").write_text("in the way", "utf-8")

    with pytest.raises(CourseError, match="can't be written"):
        graded(course)
