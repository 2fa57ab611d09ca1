"""What the sandbox costs: `python bench/sandbox.py [rounds]`.

Prints the time from a request to a kernel that answers, the memory of a worker and of each
running submission, and the time of the lesson's own training inside a kernel, with and without
confinement, over its time in a plain warm process. The rounds of the last are interleaved.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from warm import WarmProcess, training

from xorkit.sandbox import Kernel, Limits, Warm

MiB = 1 << 20
SUBMISSIONS = 4  # at once, for the memory


def main(rounds: int) -> None:
    with ExitStack() as stack:
        confined = stack.enter_context(Warm(Limits(), preload=("torch",)))
        unconfined = stack.enter_context(Warm(Limits(), confined=False, preload=("torch",)))
        plain = stack.enter_context(WarmProcess())
        for warm in (confined, unconfined):
            warm.start().close()  # the server itself starts with the first kernel
        measure("kernel ready, confined (s)", rounds, lambda: time_to_ready(confined))
        measure("kernel ready, unconfined (s)", rounds, lambda: time_to_ready(unconfined))
        memory(confined)
        trainings(rounds, plain, confined, unconfined)


def time_to_ready(warm: Warm) -> float:
    started = time.perf_counter()
    with warm.start():
        return time.perf_counter() - started


def train(kernel: Kernel) -> float:
    """Seconds of the training loop alone."""
    return float(str(kernel.run(training()).outputs[0]["text"]))


def trainings(rounds: int, plain: WarmProcess, confined: Warm, unconfined: Warm) -> None:
    ratios: dict[str, list[float]] = {}
    for _ in range(rounds):
        limit = plain.train()
        for name, warm in (("confined", confined), ("unconfined", unconfined)):
            started = time.perf_counter()
            with warm.start() as kernel:
                loop = train(kernel)
            whole = time.perf_counter() - started
            ratios.setdefault(f"training, {name} / plain", []).append(loop / limit)
            ratios.setdefault(f"start + training + end, {name} / plain", []).append(whole / limit)
    for name, values in ratios.items():
        show(name, values)


def memory(warm: Warm) -> None:
    with ExitStack() as stack:
        kernels = [stack.enter_context(warm.start()) for _ in range(SUBMISSIONS)]
        for kernel in kernels:
            train(kernel)
        asked = [kernel.run("import os; print(os.getppid(), os.getpid())") for kernel in kernels]
        pids = [str(ran.outputs[0]["text"]).split() for ran in asked]
        show("fork server, resident (MiB)", [rollup(pids[0][0])["Rss"] / MiB])
        show("fork server, its share (PSS, MiB)", [rollup(pids[0][0])["Pss"] / MiB])
        show("submission after training, private (MiB)", [private(pid) / MiB for _, pid in pids])
    show("this process, resident (MiB)", [rollup("self")["Rss"] / MiB])


def private(pid: str) -> int:
    found = rollup(pid)
    return found["Private_Clean"] + found["Private_Dirty"]


def rollup(pid: str) -> dict[str, int]:
    """Bytes by kind of memory, all mappings of a process together."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines}


def measure(name: str, rounds: int, once: Callable[[], float]) -> None:
    show(name, [once() for _ in range(rounds)])


def show(name: str, values: list[float]) -> None:
    low, high = min(values), max(values)
    print(f"{name:48} {statistics.median(values):8.3f}   [{low:.3f} - {high:.3f}]")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
