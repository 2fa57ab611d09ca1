"""What the sandbox costs: `python bench/sandbox.py [rounds]`.

Prints the time from a request to a kernel that answers, the memory of a worker and of each
running submission, and the time of the lesson's own training inside a kernel, with and without
confinement, over its time in a plain warm process. The rounds of the last are interleaved.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from xorkit.sandbox import Kernel, Limits, Warm

MiB = 1 << 20
SUBMISSIONS = 4  # at once, for the memory
TRAINING = """
import time
import torch
torch.set_num_threads(1)
torch.manual_seed(1)
X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
model = torch.nn.Sequential(
    torch.nn.Linear(2, 2), torch.nn.Sigmoid(), torch.nn.Linear(2, 1), torch.nn.Sigmoid()
)
loss_fn = torch.nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
started = time.perf_counter()
for epoch in range(5000):
    loss = loss_fn(model(X), Y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(time.perf_counter() - started, flush=True)
"""
PLAIN = f"TRAINING = {TRAINING!r}\nwhile input(): exec(TRAINING, {{}})"


def main(rounds: int) -> None:
    with ExitStack() as stack:
        confined = stack.enter_context(Warm(Limits(), preload=("torch",)))
        unconfined = stack.enter_context(Warm(Limits(), confined=False, preload=("torch",)))
        plain = stack.enter_context(PlainProcess())
        for warm in (confined, unconfined):
            warm.start().close()  # the server itself starts with the first kernel
        measure("kernel ready, confined (s)", rounds, lambda: time_to_ready(confined))
        measure("kernel ready, unconfined (s)", rounds, lambda: time_to_ready(unconfined))
        memory(confined)
        training(rounds, plain, confined, unconfined)


class PlainProcess:
    """A warm Python that trains whenever it is asked to: the time that can't be beaten."""

    def __enter__(self) -> PlainProcess:
        self._process = subprocess.Popen(  # noqa: S603 - our own code, no shell
            [sys.executable, "-c", PLAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.train()
        return self

    def train(self) -> float:
        print("again", file=self._process.stdin, flush=True)
        return float(cast(IO[str], self._process.stdout).readline())

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def time_to_ready(warm: Warm) -> float:
    started = time.perf_counter()
    with warm.start():
        return time.perf_counter() - started


def train(kernel: Kernel) -> float:
    """Seconds of the training loop alone."""
    return float(str(kernel.run(TRAINING).outputs[0]["text"]))


def training(rounds: int, plain: PlainProcess, confined: Warm, unconfined: Warm) -> None:
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
