"""What luck does: `python bench/luck.py` trains the lesson's net from many random starts, by hand.

It prints how often a right loop stalls, and how often a loop without `zero_grad` reaches XOR.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xorkit import lesson, reference

STARTS = 1000


def main() -> None:
    task = lesson.load(Path(__file__).parents[1] / "lessons" / "xor.yaml").trained
    for name, forget in (("a right loop", False), ("without zero_grad", True)):
        theta = reference.random_starts(np.random.default_rng(0), STARTS, task.net.sizes)
        total = np.zeros_like(theta)
        for _ in range(task.epochs):
            gradient = reference.gradient(theta, task.inputs, task.targets, task.net)
            total = total + gradient if forget else gradient
            theta = theta - task.lr * total
        off = np.abs(reference.predict(theta, task.inputs, task.net) - task.targets)
        reached = int((off < task.near).all(axis=(1, 2)).sum())
        print(f"{name}: {reached} of {STARTS} starts reach XOR, {STARTS - reached} don't")


if __name__ == "__main__":
    main()
