"""What recording and judging cost: `python bench/judge.py [rounds]`.

Prints the time of the lesson's training with the recorder over the same without it (two warm
processes, rounds interleaved, seconds of the processor), what an endless loop adds to memory, and
the seconds that judging one submission takes: with its own pytest session beyond the time that
pytest needs for no test at all, and in a session that stays open, as `xorkit grade` has it: of the
right loop, and of loops that are tried by every reading before they are told. Seconds mean little
on a machine whose pace is unknown: the slowest judging is shown over the plain training, too. Takes
two minutes.
"""

from __future__ import annotations

import functools
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import workbench as w  # noqa: E402 - the tests' own harness, beside no package
from warm import EPOCHS, WarmProcess  # noqa: E402 - beside this file

from xorkit.hidden.session import judge  # noqa: E402

RECORD = "import xorkit.probe as probe\nprobe.recorder()"
ENDLESS = 12 * EPOCHS  # three times what is kept of the epochs
LIGHT = 5  # judgements in a round: one takes some milliseconds
HARD = (  # mistakes, by their names in the table
    "forgotten zero_grad",
    "momentum in the training cell",
    "Adam in the training cell",
    "Adam and no zero_grad",
    "an optimizer that the judge has no name for",
    "a penalty on large weights",
    "a step after each of the four rows",
)


def main(rounds: int) -> None:
    torch.set_num_threads(1)  # as the kernels that are graded
    with WarmProcess() as plain, WarmProcess(RECORD) as recorded:
        pairs = [(plain.train(), recorded.train()) for _ in range(rounds)]
        before = resident(recorded.pid)
        recorded.train(ENDLESS)
        grown = resident(recorded.pid) - before
    bare = [theirs for theirs, _ in pairs]
    show("plain training (s)", bare)
    show("recorded training / plain", [mine / theirs for theirs, mine in pairs])
    show(f"memory that {ENDLESS} more epochs add (MiB)", [grown / (1 << 20)])

    course = w.lesson()
    hidden, evidence = w.hidden_cells(), w.observe({}, course).evidence
    tests = w.tests_of(course.trained.epochs)
    tests.judge(evidence)
    judge(hidden, evidence, course)
    alone, empty, open_ = [], [], []
    for _ in range(rounds):
        alone.append(seconds(lambda: judge(hidden, evidence, course)))
        empty.append(seconds(lambda: judge({}, evidence, course)))
        open_.append(seconds(lambda: [tests.judge(evidence) for _ in range(LIGHT)]) / LIGHT)
    show("pytest without any test (s)", empty)
    show(
        "judging one submission beyond that (s)", [a - e for a, e in zip(alone, empty, strict=True)]
    )
    show("judging one submission in an open session (s)", open_)
    mistakes, judging = w.table("mistakes.yaml"), []
    for name in HARD:
        cells = {blank: text for blank, text in mistakes[name].items() if blank in w.SOLUTION}
        hard = w.observe(cells, course).evidence
        took = [seconds(functools.partial(tests.judge, hard)) for _ in range(LIGHT * rounds)]
        show(name, took)
        judging.append(statistics.median(took))
    show("judging the slowest of these / plain training", [max(judging) / each for each in bare])


def resident(pid: int) -> int:
    """Bytes that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def seconds(once: Callable[[], object]) -> float:
    started = time.process_time()
    once()
    return time.process_time() - started


def show(name: str, values: list[float]) -> None:
    low, high = min(values), max(values)
    print(f"{name:52} {statistics.median(values):8.3f}   [{low:.3f} - {high:.3f}]")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
