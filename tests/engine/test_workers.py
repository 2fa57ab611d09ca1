"""Workers that die, that can't confine, that have another version; a cluster that loses one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import dask
import psutil
import pytest
from support.tiny_course import assert_agrees, graded, hand_in, kept_files, scores

from xorkit.engine import batch, machine, workers
from xorkit.engine.assignment import Assignment, of_course, unpack
from xorkit.engine.course import Course
from xorkit.engine.job import Job, JobResult, RunSettings, work
from xorkit.engine.store import Keys
from xorkit.engine.workers import WorkersError
from xorkit.guest.limits import MiB
from xorkit.sandbox import ConfinementError
from xorkit.verdict import Verdict

SLEEPY = {"number": "import time\ntime.sleep(3)\nnumber = 7"}


def _kernels(worker: psutil.Process) -> list[psutil.Process]:
    """The kernels that run under a worker's fork server."""
    with suppress(psutil.NoSuchProcess):
        servers = [p for p in worker.children() if "xorkit.guest.server" in p.cmdline()]
        return [kernel for server in servers for kernel in server.children()]
    return []


def _kill_a_busy_worker() -> None:
    """Kills a worker that has a notebook running."""
    own = psutil.Process()
    while not (busy := [worker for worker in own.children() if _kernels(worker)]):
        time.sleep(0.02)
    busy[0].kill()
    while _kernels(busy[0]):  # else the next one who looks takes it for another worker
        time.sleep(0.02)


def test_a_worker_that_dies_costs_nobody_a_result(course: Course) -> None:
    names = [f"s{number}" for number in range(5)]
    for name in names:
        hand_in(course, name, {"number": "import time\ntime.sleep(0.5)\nnumber = 7"})
    found = batch.grade_class(course, RunSettings(), count=2)
    done = [next(found)]
    _kill_a_busy_worker()

    done += found

    assert sorted(progress.verdict.student for progress in done) == names
    assert scores(course) == dict.fromkeys(names, 5)


@pytest.mark.parametrize(
    ("learners", "count", "crew"), [(2, None, 0), (3, None, 2), (1, 1, 1), (5, 0, 0)]
)
def test_a_notebook_or_two_are_run_without_a_worker(
    course: Course,
    monkeypatch: pytest.MonkeyPatch,
    learners: int,
    count: int | None,
    crew: int,
) -> None:
    asked: list[int] = []

    def run(assignment: Assignment, jobs: object, count: int, *_: object) -> Iterator[JobResult]:
        asked.append(count)
        return iter(())

    monkeypatch.setattr(machine, "cores", lambda: 2)
    monkeypatch.setattr(machine, "free_memory", lambda: None)
    monkeypatch.setattr(workers, "run_jobs", run)
    for number in range(learners):
        hand_in(course, f"s{number}")

    list(batch.grade_class(course, RunSettings(), count=count))

    assert asked == [crew]


@pytest.mark.sweep  # kills by the clock: right on a quiet machine only
def test_what_kills_its_worker_twice_is_not_gradable_and_tried_again_next_time(
    course: Course,
) -> None:
    job = Job("ada", RunSettings(), file=hand_in(course, "ada", SLEEPY).read_bytes())
    killers = ThreadPoolExecutor(1)
    killed = [killers.submit(_kill_a_busy_worker) for _ in range(2)]

    (done,) = workers.run_jobs(of_course(course), iter([job]), 1)

    assert all(future.exception() is None for future in killed)
    assert (done.verdict, done.problem) == (None, workers.DIED)
    assert done.keys == Keys()


def test_where_nothing_can_be_confined_the_run_ends_and_nothing_is_scored(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(course, "ada")
    hand_in(course, "bob")

    def outcome(assignment: Assignment, job: Job) -> JobResult:
        problem = "no Landlock here: install a kernel that has it"
        return JobResult(job.student, problem=problem, fatal="confinement")

    monkeypatch.setattr(workers, "outcome", outcome)
    with pytest.raises(ConfinementError, match="install a kernel"):
        graded(course)

    assert kept_files(course) == {}
    assert scores(course) == {}


def test_a_worker_of_another_version_is_told_apart(course: Course) -> None:
    hand_in(course, "ada")
    own = replace(of_course(course), code="another")

    with pytest.raises(WorkersError, match="another version"):
        list(workers.run_jobs(own, [Job("ada", RunSettings(), file=b"{}")], 0))


def test_a_fault_of_the_grader_is_told_to_the_instructor_and_costs_only_that_one(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(course, "ada")
    hand_in(course, "bob")
    from xorkit.engine import job as module
    from xorkit.intake.rebuilding import accepted as real

    def accepted(plan: object, notebook: object) -> object:
        if not failing:
            return real(plan, notebook)  # type: ignore[arg-type]
        failing.pop()
        raise ZeroDivisionError("a mistake of ours")

    failing = [True]
    monkeypatch.setattr(module, "accepted", accepted)
    done = graded(course)

    assert done["ada"].verdict.status == "not_gradable"
    assert "The grader failed" in done["ada"].verdict.message
    assert "ZeroDivisionError" in done["ada"].faults[0]
    assert scores(course) == {"ada": 0, "bob": 5}
    assert list(graded(course)) == ["ada"], "it is tried again"
    assert_agrees(course)


def test_what_a_worker_needs_and_sends_passes_as_bytes(course: Course) -> None:
    own = of_course(course)
    job = Job(
        "ada", RunSettings(2, 3, False), Keys("f"), ("a",), ("b",), file=b"\n\0", evidence=b""
    )
    verdict = Verdict("ada", "tiny", 5, message="why\nnot")
    done = JobResult("ada", verdict, Keys(run="r"), ("x",), True, evidence=b"\n\n", notebook=None)

    assert unpack(own.pack()).judged == own.judged
    assert unpack(own.pack()).base == own.base
    assert Job.unpack(job.pack()) == job
    assert JobResult.unpack(done.pack()) == done


def test_rubbish_for_a_job_is_an_answer_too(course: Course) -> None:
    done = JobResult.unpack(work(b"rubbish", Job("ada", RunSettings(), file=b"{}").pack()))

    assert done.problem
    assert done.verdict is None


GiB = 1 << 30


@pytest.mark.parametrize(
    ("count", "memory", "free", "workers_", "left", "says"),
    [
        (8, 2 * GiB, None, 8, 2 * GiB, ""),
        (8, 2 * GiB, 64 * GiB, 8, 2 * GiB, ""),
        (8, 2 * GiB, 8 * GiB, 3, 2 * GiB, "3 of 8 workers"),
        (2, 2 * GiB, 1 * GiB, 1, 1 * GiB - machine.WORKER, "one worker"),
        (2, 2 * GiB, 100 * MiB, 1, machine.LEAST_CELL_MEMORY, "one worker"),
        (0, 2 * GiB, 1 * GiB, 0, 1 * GiB - machine.WORKER, "one worker"),
    ],
)
def test_no_more_notebooks_run_than_memory_has_room_for(
    count: int, memory: int, free: int | None, workers_: int, left: int, says: str
) -> None:
    said: list[str] = []

    crew, settings = machine.fitting(count, RunSettings(memory=memory), free, said.append)

    assert (crew, settings.memory) == (workers_, left)
    assert says in "".join(said)
    assert bool(says) == bool(said)


def test_free_memory_is_what_the_machine_and_its_container_leave() -> None:
    free = machine.free_memory()

    assert free is not None
    assert 0 < free <= psutil.virtual_memory().total


# ------------------------------------------------------------------------------------ a cluster


@dataclass
class Cluster:
    """A Dask scheduler and workers, each a process of its own, sharing no folder."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""

    def start(self, *words: str) -> None:
        folder = self.folder / str(len(self.processes))
        folder.mkdir()
        self.processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--no-dashboard"],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def start_scheduler(self) -> None:
        place = self.folder / "scheduler.json"
        self.start("scheduler", "--port", "0", "--scheduler-file", str(place))
        while not place.exists() or not place.read_text():
            time.sleep(0.02)
        self.address = json.loads(place.read_text())["address"]

    def start_worker(self) -> None:
        self.start("worker", self.address, "--nthreads", "1", "--no-nanny")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    try:
        found.start_scheduler()
        yield found
    finally:
        for process in found.processes:
            process.kill()
            process.wait()


def test_a_cluster_that_loses_a_worker_loses_no_result(course: Course, cluster: Cluster) -> None:
    cluster.start_worker()
    cluster.start_worker()
    names = [f"s{number:02}" for number in range(12)]
    for name in names:
        hand_in(course, name, {"number": "import time\ntime.sleep(0.5)\nnumber = 7"})
    hand_in(course, "zoe").write_text("no notebook", "utf-8")

    done = []
    for progress in batch.grade_class(course, RunSettings(), scheduler=cluster.address):
        done.append(progress)
        if len(done) == 3:
            cluster.processes[1].kill()

    assert sorted(progress.verdict.student for progress in done) == [*names, "zoe"]
    assert scores(course) == {**dict.fromkeys(names, 5), "zoe": 0}
    assert_agrees(course)


def test_a_scheduler_that_goes_away_is_one_clear_error(course: Course, cluster: Cluster) -> None:
    hand_in(course, "ada")  # nobody is there to grade it
    with ThreadPoolExecutor(1) as killers:

        def kill_it() -> None:
            time.sleep(2)
            cluster.processes[0].kill()

        killers.submit(kill_it)

        with pytest.raises(WorkersError, match="is gone"):
            graded(course, scheduler=cluster.address)
    assert kept_files(course) == {}


def test_a_wrong_address_is_one_clear_error(course: Course) -> None:
    hand_in(course, "ada")

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(WorkersError, match="no Dask scheduler answers"),
    ):
        graded(course, scheduler="tcp://127.0.0.1:9")
