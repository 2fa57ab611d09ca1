"""A warm Python beside the benchmarks that trains whenever it is asked to."""

from __future__ import annotations

import subprocess
import sys
from typing import IO, cast

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
started = time.process_time()
for epoch in range(EPOCHS):
    loss = loss_fn(model(X), Y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(time.process_time() - started, flush=True)
"""
SERVE = "while (line := input()): exec(TRAINING.replace('EPOCHS', line), {})"
EPOCHS = 5000  # the lesson's


def training(epochs: int = EPOCHS) -> str:
    """The lesson's own training as code that prints its processor seconds."""
    return TRAINING.replace("EPOCHS", str(epochs))


class WarmProcess:
    """Trains in a process of its own, warmed up; `before` runs there first."""

    def __init__(self, before: str = "") -> None:
        self._code = f"{before}\nTRAINING = {TRAINING!r}\n{SERVE}"

    def __enter__(self) -> WarmProcess:
        self._process = subprocess.Popen(  # noqa: S603 - our own code, no shell
            [sys.executable, "-c", self._code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.train()
        return self

    def train(self, epochs: int = EPOCHS) -> float:
        """Processor seconds of the training loop alone."""
        print(epochs, file=self._process.stdin, flush=True)
        return float(cast(IO[str], self._process.stdout).readline())

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
