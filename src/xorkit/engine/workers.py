"""Who works: processes of this machine, or a Dask cluster's. Jobs and outcomes travel as bytes."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from xorkit.engine.assignment import Assignment
from xorkit.engine.job import Job, JobResult, outcome, work
from xorkit.errors import KitError
from xorkit.sandbox import ConfinementError

END_SECONDS = 5.0  # for a worker to end its kernels and delete their files
QUEUED = 256  # jobs on their way at once: more than one writer can keep up with, in 60 MB
DIED = "the grader's worker died twice while this notebook ran"


class WorkersError(KitError, RuntimeError):
    """Nobody works: the text says who was wanted and what to do."""


def run_jobs(
    assignment: Assignment, jobs: Iterable[Job], count: int, scheduler: str | None = None
) -> Iterator[JobResult]:
    """Each job's outcome, as it comes: from `count` processes here, or from a cluster.

    With `count` 0 the jobs are done in this process. Raises ConfinementError where nothing can be
    confined, and WorkersError.
    """
    if scheduler:
        found = _on_cluster(assignment.pack(), jobs, scheduler)
    elif count:
        found = _here(assignment.pack(), jobs, count)
    else:
        found = (outcome(assignment, job) for job in jobs)
    for done in found:
        if done.fatal == "confinement":
            raise ConfinementError(done.problem)
        if done.fatal == "version":
            raise WorkersError(
                "workers have another version of xorkit or of a library than this command: install"
                " the same ones everywhere, then run the same command again"
            )
        yield done


# ---------------------------------------------------------------------------- on this machine


class _Worker:
    """A process with at most one job at a time."""

    def __init__(self, assignment: bytes) -> None:
        # spawn: a fork of this process would inherit its database connection and its threads
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.job: Job | None = None
        self.ready = False
        self._process = context.Process(target=_serve, args=(theirs, assignment), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        self.job = job
        with suppress(ConnectionError):  # it has just died: `receive` says so
            self.pipe.send_bytes(job.pack())

    def receive(self) -> bytes | None:
        """What it sent: nothing once it is ready, an outcome; None where it has died."""
        try:
            data = self.pipe.recv_bytes()
        except (EOFError, OSError):
            return None
        self.ready = True
        return data

    def end(self) -> None:
        self.pipe.close()
        if self.job is not None or not self.ready:
            self._process.terminate()  # whatever it does now is of no use any more
        self._process.join(END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(pipe: Connection, assignment: bytes) -> None:
    """What a worker does until the grader is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's to handle
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with its kernels, and tidily
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pipe.send_bytes(b"")
    with suppress(EOFError, ConnectionError):
        while True:
            pipe.send_bytes(work(assignment, pipe.recv_bytes()))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _here(assignment: bytes, jobs: Iterable[Job], count: int) -> Iterator[JobResult]:
    waiting = iter(jobs)
    lost: list[Job] = []  # those whose worker died under them
    tried_again: set[str] = set()
    crew: dict[Connection, _Worker] = {}
    try:
        for _ in range(count):
            _join(crew, _Worker(assignment))
        while crew:
            for pipe in wait(list(crew)):
                worker = crew[pipe]  # type: ignore[index]  # wait gives back what it was given
                data, job = worker.receive(), worker.job
                worker.job = None
                if data is None:
                    crew.pop(worker.pipe).end()
                    if not worker.ready:
                        raise WorkersError("a worker process ended before it could start")
                    if job is not None and job.student not in tried_again:
                        tried_again.add(job.student)
                        lost.append(job)
                        job = None
                    _join(crew, _Worker(assignment))
                elif (following := lost.pop() if lost else next(waiting, None)) is not None:
                    worker.give(following)
                else:
                    crew.pop(worker.pipe).end()
                if job is not None:
                    yield JobResult.unpack(data) if data else JobResult(job.student, problem=DIED)
    finally:
        for worker in crew.values():
            worker.end()


def _join(crew: dict[Connection, _Worker], worker: _Worker) -> None:
    crew[worker.pipe] = worker


# -------------------------------------------------------------------------------- on a cluster


def _on_cluster(assignment: bytes, jobs: Iterable[Job], scheduler: str) -> Iterator[JobResult]:
    from distributed import as_completed

    waiting = iter(jobs)
    with _client(scheduler) as client:
        students: dict[Any, str] = {}

        def more() -> Iterator[Any]:
            while len(students) < QUEUED and (job := next(waiting, None)) is not None:
                future = client.submit(work, assignment, job.pack(), pure=False)
                students[future] = job.student
                yield future

        done = as_completed(more())  # type: ignore[no-untyped-call]
        for future in done:
            student = students.pop(future)
            done.update(list(more()))  # type: ignore[no-untyped-call]
            if future.status == "finished":
                yield JobResult.unpack(future.result())
            elif future.status == "error":
                yield JobResult(student, problem=f"the cluster gave up: {future.exception()}")
            else:
                raise WorkersError(
                    f"the scheduler at {scheduler} is gone. What was graded is kept: run the same"
                    " command again to go on"
                )


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    """A connection to a Dask scheduler. Raises WorkersError where there is none to be had."""
    if importlib.util.find_spec("distributed") is None:
        raise WorkersError("--scheduler needs Dask: pip install 'xorkit[cluster]'")
    from distributed import Client

    try:
        client = Client(scheduler)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise WorkersError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`,"
            " or look at the address that it prints"
        ) from error
    with client:
        yield client
