"""Training loops without PyTorch: any order of calls, many starts at once, in float32.

What such a loop does is known by construction, so it tells whether the judge sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xorkit import reference
from xorkit.evidence import Array, Run
from xorkit.reference import Task

LOOKED = 400  # events whose parameters and gradients are kept, as the probe does

Single = npt.NDArray[Any]  # of float32


@dataclass(frozen=True)
class Loop:
    """A loop: what each epoch calls, in letters, and what its parts are set to.

    f forward, z zero_grad, b backward, s step, r the start put back. A step must not stand between
    a forward and its backward: PyTorch would raise there.
    """

    order: str = "fzbs"
    before: str = ""  # called once
    after: str = ""
    clear_every: int = 1  # z clears in every so many epochs only
    step_every: int = 1
    lr: float = 1.0  # times the lesson's
    loss: str = "mse"
    scale: float = 1.0  # of the loss
    flat_target: bool = False  # each prediction compared with every target
    targets: tuple[float, ...] = ()  # others than the lesson's
    momentum: float = 0.0
    decay: float = 0.0
    shrink: float = 1.0  # of lr, from epoch to epoch
    held: tuple[int, ...] = ()  # the columns that the optimizer moves; all if empty


class _State:
    """The parameters (K, P) of K runs, their gradients, and what a recorder keeps of them."""

    def __init__(self, starts: Array, loop: Loop, task: Task, room: int) -> None:
        self.begin: Single = starts.astype(np.float32)
        self.theta: Single = self.begin.copy()
        self.grad: Single | None = None
        self.velocity: Single | None = None
        self.loop, self.task = loop, task
        self.lr = np.float32(task.lr * loop.lr)
        self.rows = np.empty((room, *starts.shape), np.float32)
        self.backwards = 0
        self.events: list[str] = []
        self.looked: list[tuple[Single, Single]] = []
        self.losses: list[Single] = []
        self.inputs: Single = task.inputs.astype(np.float32)
        goal: Single = task.targets
        if loop.targets:
            goal = np.reshape(loop.targets, task.targets.shape)
        if loop.flat_target:
            goal = np.full_like(goal, goal.mean())
        self.goal: Single = goal.astype(np.float32)

    def note(self, letter: str) -> None:
        self.events.append(letter)
        if len(self.looked) < LOOKED:
            nothing = np.full_like(self.theta, np.nan)
            grad = nothing if self.grad is None else self.grad.copy()
            self.looked.append((self.theta.copy(), grad))

    def call(self, letter: str, epoch: int) -> None:
        getattr(self, f"_{letter}")(epoch)

    def _f(self, epoch: int) -> None:
        self.note("f")

    def _z(self, epoch: int) -> None:
        if epoch % self.loop.clear_every == 0:
            self.grad = None
            self.note("z")

    def _b(self, epoch: int) -> None:
        self.note("b")
        self.rows[self.backwards] = self.theta
        self.backwards += 1
        net, name = self.task.net, self.loop.loss
        self.losses.append(reference.loss(self.theta, self.inputs, self.goal, net, name))
        grad: Single = reference.gradient(self.theta, self.inputs, self.goal, net, name)
        grad = (self.loop.scale * grad).astype(np.float32)
        self.grad = grad if self.grad is None else self.grad + grad
        self.note("B")

    def _s(self, epoch: int) -> None:
        if epoch % self.loop.step_every:
            return
        self.note("s")
        if self.grad is not None:
            move = self.grad + np.float32(self.loop.decay) * self.theta
            if self.loop.momentum:
                kept = np.zeros_like(move) if self.velocity is None else self.velocity
                move = self.velocity = np.float32(self.loop.momentum) * kept + move
            held = list(self.loop.held) or slice(None)
            self.theta[:, held] -= (self.lr * move)[:, held]
        self.lr *= np.float32(self.loop.shrink)
        self.note("S")

    def _r(self, epoch: int) -> None:
        self.theta = self.begin.copy()

    def runs(self, *, stopped: bool) -> Iterator[Run]:
        events = "".join(self.events)
        for k in range(len(self.theta)):
            rows = np.concatenate([self.rows[: self.backwards, k], self.theta[k][None]])
            yield Run(
                shapes=self.task.net.shapes,
                rows=rows.astype(np.float64),
                events=events,
                before="",
                detail_rows=np.array([row[k] for row, _ in self.looked], np.float64),
                detail_grads=np.array([grad[k] for _, grad in self.looked], np.float64),
                losses=np.array([loss[k] for loss in self.losses[:64]], np.float64),
                backwards=self.backwards,
                total=self.backwards,
                stopped=stopped,
            )


def simulate(
    starts: Array, loop: Loop, task: Task, epochs: int, *, stopped: bool = False
) -> list[Run]:
    """What a recorder sees of a loop of so many epochs from each of the starts (K, P).

    `stopped`: it was ended at the next backward pass, and what comes after the loop isn't reached.
    """
    backwards = max(1, loop.order.count("b"))
    state = _State(starts, loop, task, room=backwards * epochs + len(loop.before + loop.after))
    with np.errstate(all="ignore"):  # a loop without clearing may run away
        for letter in loop.before:
            state.call(letter, 0)
        for epoch in range(epochs):
            for letter in loop.order:
                state.call(letter, epoch)
        for letter in loop.order.partition("b")[0] if stopped else loop.after:
            state.call(letter, epochs)
    return list(state.runs(stopped=stopped and "b" in loop.order))
