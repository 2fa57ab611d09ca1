"""What grading costs: plain `nbgrader autograde` and the kit on the same class, in one run.

    python bench/grading.py [--few 2] [--many 8] [--whole 34] [--rounds 3]

Times are of the processor, of a process and all that it started, so that other work on the machine
tells less; wall times stand beside them. A cost per submission is the difference between a class of
`few` and a larger one, so that what is paid once (imports, fork servers) is told apart. That takes
ten seconds, more or less: where a submission takes half of one, the larger class is a `whole` one;
for nbgrader, which takes twelve, `many` will do. Memory is weighed in runs of its own, of `many`:
on two cores, who weighs two workers takes a share of one from them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from warm import WarmProcess

from xorkit.conventions import filled, solution_texts
from xorkit.engine.course import Course, open_course
from xorkit.engine.gradebook import open_gradebook
from xorkit.engine.records import verdicts
from xorkit.engine.release import generate

REPOSITORY = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
MiB = 1 << 20
TRAINING = """
import contextlib, io, json, sys, time
import torch
torch.set_num_threads(1)
cells = json.load(sys.stdin)
times = []
for _ in range(4):
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec("import torch\\nfrom torch import nn", names)
        for name in ("data", "model", "loss_and_optimizer"):
            exec(cells[name], names)
        before = time.process_time()
        exec(cells["training_loop"], names)
        times.append(time.process_time() - before)
print(sum(times[1:]) / len(times[1:]))
"""


BARE_ROUNDS = 4  # trainings that are timed side by side: one takes a second or two


@dataclass(frozen=True)
class Cost:
    """Seconds of the processor and of the clock, and the most memory at once in MiB."""

    processor: float
    wall: float
    memory: float = 0.0


def course_of(folder: Path, count: int) -> Course:
    """The repository's course with a class of its own."""
    for name in ("source", "lessons"):
        shutil.copytree(REPOSITORY / name, folder / name)
    shutil.copy(REPOSITORY / "nbgrader_config.py", folder)
    course = open_course(folder, "xor")
    generate(course, folder / "release")
    for number in range(count):
        path = course.notebook_path("submitted", f"s{number:03}")
        path.parent.mkdir(parents=True)
        answers = dict(variations(solution_texts(course.source), number))
        nbformat.write(filled(course.release, answers), path)
    return course


def variations(solutions: dict[str, str], number: int) -> Iterator[tuple[str, str]]:
    """Half of a class that is right, a quarter without zero_grad, a quarter with a wrong loss."""
    for name, text in solutions.items():
        if name == "model":  # a start of its own, the same one whoever grades
            text = f"torch.manual_seed({number})\n{text}"
        if name == "training_loop" and number % 4 == 1:
            yield name, "\n".join(line for line in text.split("\n") if "zero_grad" not in line)
        elif name == "loss_and_optimizer" and number % 4 == 3:
            yield name, text.replace("MSELoss", "L1Loss")
        else:
            yield name, text


def bare_training(solutions: dict[str, str]) -> float:
    """Processor seconds of the lesson's training in a warm process."""
    done = subprocess.run(  # noqa: S603 - our own code, no shell
        [sys.executable, "-c", TRAINING],
        input=json.dumps(solutions),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def bare_scaling() -> float:
    """How many times as much two bare trainings do at once as one alone: the machine's limit."""

    def wall(*processes: WarmProcess) -> float:
        started = time.monotonic()
        with ThreadPoolExecutor(len(processes)) as threads:
            list(threads.map(lambda each: [each.train() for _ in range(BARE_ROUNDS)], processes))
        return time.monotonic() - started

    with WarmProcess() as one, WarmProcess() as other:
        return 2 * wall(one) / wall(one, other)


def cost_of(words: list[str], folder: Path, *, weigh: bool = False) -> Cost:
    """What a command costs, with everything that it starts; to `weigh` it slows it."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    most: list[float] = [0.0]
    with subprocess.Popen(  # noqa: S603 - our own commands, no shell
        words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        watch = threading.Thread(target=_watch, args=(process.pid, most))
        if weigh:
            watch.start()
        _, complaints = process.communicate()
        if weigh:
            watch.join()
    if process.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(words)} failed:\n{complaints.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(processor, time.monotonic() - started, most[0])


def _watch(pid: int, most: list[float]) -> None:
    """Keeps the largest sum of what a process and its descendants hold (shared pages shared)."""
    while psutil.pid_exists(pid):
        total = 0
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return
            for one in (process, *process.children(recursive=True)):
                total += one.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        most[0] = max(most[0], total / MiB)
        time.sleep(0.2)


def grading(course: Course, workers: int, *, weigh: bool = False) -> Cost:
    words = ["grade", "xor", "--all", "--workers", str(workers)]
    return cost_of([str(BIN / "xorkit"), *words], course.root, weigh=weigh)


def autograding(course: Course) -> Cost:
    shutil.rmtree(course.path("autograded"), ignore_errors=True)
    return cost_of([str(BIN / "nbgrader"), "autograde", "xor", "--force"], course.root)


def scores(course: Course) -> dict[str, float]:
    with open_gradebook(course.db_url) as book:
        return {s.student.id: s.score for s in book.assignment_submissions("xor")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--few", type=int, default=2)
    parser.add_argument("--many", type=int, default=8)
    parser.add_argument(
        "--whole",
        type=int,
        default=34,
        help="from --many, whose scores are compared, to 39, as `rejudge` takes workers beyond",
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["PATH"] = os.pathsep.join([str(BIN), os.environ["PATH"]])
    with tempfile.TemporaryDirectory(prefix="xorkit-bench-") as name:
        few = course_of(Path(name, "few"), options.few)
        many = course_of(Path(name, "many"), options.many)
        whole = course_of(Path(name, "whole"), options.whole)
        rounds = [_round(few, many, whole, options) for _ in range(options.rounds)]
    print(f"\n{options.rounds} rounds, medians")
    for key in rounds[0]:
        print(f"  {key:56} {statistics.median(found[key] for found in rounds):8.2f}")


def _round(
    few: Course, many: Course, whole: Course, options: argparse.Namespace
) -> dict[str, float]:
    """Everything once, one after the other, so that ratios are of the same moment.

    Machines have good minutes and bad ones: bare trainings stand around what is compared with them.
    """
    solutions = solution_texts(many.source)
    stock = _each(autograding(few), autograding(many), options.many - options.few)
    by_nbgrader = scores(many)
    more = options.whole - options.few
    bare = [bare_training(solutions)]
    one_few, one_whole = grading(few, 1), grading(whole, 1)
    bare, scaling = [*bare, bare_training(solutions)], [bare_scaling()]
    two_few, two_whole = grading(few, 2), grading(whole, 2)
    scaling += [bare_scaling()]
    memory = [grading(many, workers, weigh=True).memory for workers in (1, 2)]
    one, two = _each(one_few, one_whole, more), _each(two_few, two_whole, more)
    again = (_rejudged(whole) - _rejudged(few)) / more
    # The larger class begins with the same submissions.
    by_kit = {verdict.student: verdict.score for verdict in verdicts(whole)}
    found = {
        "bare training, processor seconds": statistics.fmean(bare),
        "nbgrader autograde, processor seconds a submission": stock.processor,
        "xorkit grade, processor seconds a submission": one.processor,
        "xorkit grade : bare training": one.processor / statistics.fmean(bare),
        "nbgrader : xorkit, one worker (processor)": stock.processor / one.processor,
        "nbgrader : xorkit, one worker (wall)": stock.wall / one.wall,
        "nbgrader : xorkit, two workers (wall)": stock.wall / two.wall,
        "two workers : one worker (wall)": one.wall / two.wall,
        "two bare trainings : one (wall)": statistics.fmean(scaling),
        "most memory with one worker, MiB": memory[0],
        "most memory with two workers, MiB": memory[1],
        "rejudge, submissions per processor second": 1 / again,
        "learners whose scores differ": sum(
            by_kit[name] != score for name, score in by_nbgrader.items()
        ),
    }
    print(json.dumps({key: round(value, 3) for key, value in found.items()}), flush=True)
    return found


def _each(few: Cost, larger: Cost, more: int) -> Cost:
    """What each of the `more` submissions costs that a larger class has."""
    return Cost((larger.processor - few.processor) / more, (larger.wall - few.wall) / more)


def _rejudged(course: Course) -> float:
    """Processor seconds of judging a whole class again, in a process that is already at work."""
    from xorkit.engine.batch import rejudge

    list(rejudge(course))
    before = time.process_time()
    list(rejudge(course))
    return time.process_time() - before


if __name__ == "__main__":
    main()
