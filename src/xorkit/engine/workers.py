"""Who works: processes of this machine, or a Dask cluster's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from xorkit.engine.work import Done, Job, work

AHEAD = 2  # jobs that wait per worker: none is ever idle, and few are lost with a worker


def run(
    jobs: Iterable[Job], total: int, count: int | None, scheduler: str | None
) -> Iterator[Done]:
    """Each job's outcome, as it comes. Raises ConfinementError where nothing can be confined."""
    if not total:
        return
    if scheduler:
        yield from _on_cluster(jobs, scheduler)
        return
    yield from _here(jobs, min(count or os.cpu_count() or 1, total))


def _here(jobs: Iterable[Job], count: int) -> Iterator[Done]:
    waiting = iter(jobs)
    left: list[Job] = []  # those whose worker died under them
    pool = _pool(count)
    running: dict[Future[bytes], Job] = {}
    try:
        while True:
            while len(running) < AHEAD * count and (job := next(waiting, None)):
                running[pool.submit(work, job.pack())] = job
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                job = running.pop(future)
                try:
                    yield Done.unpack(future.result())
                except BrokenProcessPool:
                    left.append(job)
            if left and not running:
                pool.shutdown(wait=False)
                pool = _pool(count)
                yield from _one_by_one(left)
                left.clear()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pool(count: int) -> ProcessPoolExecutor:
    # spawn: a fork of this process would inherit its database connection and its threads
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


def _one_by_one(jobs: Iterable[Job]) -> Iterator[Done]:
    """Jobs whose worker died, each with a worker of its own: which of them kills it?"""
    for job in jobs:
        with _pool(1) as pool:
            try:
                yield Done.unpack(pool.submit(work, job.pack()).result())
            except BrokenProcessPool:
                text = "the grader's worker died twice while this notebook ran"
                yield Done(job.student, problem=text)


def _on_cluster(jobs: Iterable[Job], scheduler: str) -> Iterator[Done]:
    from distributed import Client, as_completed

    with Client(scheduler) as client:
        names = {}
        for job in jobs:
            future = client.submit(work, job.pack(), pure=False, retries=2)
            names[future] = job.student
        for future in as_completed(list(names)):
            student = names.pop(future)
            if future.status == "finished":
                yield Done.unpack(future.result())
            else:
                yield Done(student, problem=f"the cluster gave up: {future.exception()}")
