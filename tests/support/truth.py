"""Whether a sentence about a training loop is true of a recorded run.

What a sentence says is tried on the run itself, with the losses and gradients of PyTorch's own
autograd and optimizers: nothing here comes from the judge that made the sentence.
"""

from __future__ import annotations

import functools
import itertools
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from xorkit.evidence import Array, Run

SHAPES = ((2, 2), (2,), (1, 2), (1,))  # of the net that the oracle computes
SAME = 3e-3  # relative: what float32 and a few hundred additions make is less
X = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
Y = torch.tensor([[0.0], [1], [1], [0]], dtype=torch.float64)
Loss = Callable[[torch.Tensor], torch.Tensor]

ACTIVATIONS: Mapping[str, Loss] = {
    "none": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "twice": lambda x: torch.sigmoid(torch.sigmoid(x)),
}
LOSSES: Mapping[str, Loss] = {
    "bce": lambda p: F.binary_cross_entropy(p, Y),
    "mse-again": lambda p: F.mse_loss(torch.sigmoid(p), Y),
    "bce-again": lambda p: F.binary_cross_entropy(torch.sigmoid(p), Y),
    "l1": lambda p: F.l1_loss(p, Y),
}


def mse(p: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(p, Y)


def broadcast(p: torch.Tensor) -> torch.Tensor:
    """Each prediction against each target, as PyTorch broadcasts them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return F.mse_loss(p, Y.flatten())


def predict(
    theta: torch.Tensor, names: Sequence[str] = ("sigmoid", "sigmoid"), x: torch.Tensor = X
) -> torch.Tensor:
    w1, b1, w2, b2 = torch.split(theta, [4, 2, 2, 1])
    hidden, output = (ACTIVATIONS[name] for name in names)
    return output(F.linear(hidden(F.linear(x, w1.reshape(2, 2), b1)), w2.reshape(1, 2), b2))


def gradients(
    rows: Array, loss: Loss = mse, names: Sequence[str] = ("sigmoid", "sigmoid")
) -> Array:
    found = []
    for row in rows:
        theta = torch.tensor(row, dtype=torch.float64, requires_grad=True)
        found.append(torch.autograd.grad(loss(predict(theta, names)), theta)[0].numpy())
    return np.array(found).reshape(rows.shape)


def _mse_of_rows(rows: list[int], predictions: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(predictions[rows], Y[rows])


def same(one: Array, other: Array) -> bool:
    """Whether two vectors are the same but for rounding."""
    size = np.linalg.norm(one) + np.linalg.norm(other)
    return bool(np.linalg.norm(one - other) <= SAME * size + 1e-6)


def close(one: float, other: float) -> bool:
    return abs(one - other) <= 0.02 * max(abs(one), abs(other)) + 1e-9


class Watched:
    """A run, as far as it was recorded, and what PyTorch says of it."""

    def __init__(self, run: Run) -> None:
        self.run, self.events = run, run.events
        self.text = run.error[1] if run.error else ""
        self.all = run.rows[:-1] - run.rows[1:]  # by backward pass
        self.moving = np.asarray(self.all.any(axis=1))
        self.parts = [re.sub("[fFBSo]", "", each) for each in re.split("[bg]", run.events)[1:]]

    @property
    def end(self) -> torch.Tensor:
        """The last parameters that were recorded."""
        return torch.tensor(self.run.rows[-1], dtype=torch.float64)

    @functools.cached_property
    def all_grads(self) -> Array:
        return gradients(self.run.rows[:-1])

    @property
    def went(self) -> Array:
        return self.all[self.moving]

    @property
    def begun(self) -> Array:
        return self.run.rows[:-1][self.moving]

    @property
    def grads(self) -> Array:
        return self.all_grads[self.moving]

    @property
    def used(self) -> tuple[Array, Array]:
        """What steps find in `.grad`: the gradients, or their sums where nobody zeroes them."""
        return self.grads, np.cumsum(self.grads, axis=0)

    @property
    def factors(self) -> Array:
        """How many times its gradient each update goes."""
        return np.asarray((self.went * self.grads).sum(axis=1) / (self.grads**2).sum(axis=1))

    def stored(self, letter: str, at: int = 0) -> Array:
        """`.grad` at these events (NaN: None), or so many events later."""
        looked = self.events[: len(self.run.detail_grads)]
        places = [k + at for k, each in enumerate(looked) if each == letter]
        return self.run.detail_grads[[k for k in places if k < len(looked)]]

    @functools.cached_property
    def added(self) -> list[tuple[Array, Array]]:
        """What all backward passes at one place added to `.grad`, and the gradient there."""
        grads, found = np.nan_to_num(self.run.detail_grads), dict[bytes, list[Array]]()
        for k in range(len(grads) - 1):
            if self.events[k : k + 2] == "bB":
                row = self.run.detail_rows[k]
                found.setdefault(row.tobytes(), [row, 0 * row])[1] += grads[k + 1] - grads[k]
        pairs = [*found.values()][:-1]  # the last of them may have been cut short
        return [(total, gradients(row[None])[0]) for row, total in pairs]

    def follow(self, loss: Loss) -> bool:
        """Whether the updates go along this loss's gradient, or carry the last update with them."""
        carried = np.concatenate([0 * self.went[:1], self.went[:-1]])
        return all(
            along(went, gradient) or along(went - last, gradient)
            for went, last, gradient in zip(
                self.went[:20], carried, gradients(self.begun[:20], loss), strict=False
            )
        )

    def follow_some_rows(self) -> bool:
        subsets = [[*c] for n in (1, 2, 3) for c in itertools.combinations(range(4), n)]
        of = [gradients(self.begun[:20], functools.partial(_mse_of_rows, c)) for c in subsets]
        carried = np.concatenate([np.zeros((1, 9)), self.went[:-1]])
        return all(
            any(along(went, g[k]) or along(went - carried[k], g[k]) for g in of)
            for k, went in enumerate(self.went[:20])
        )

    def carries(self, k: int) -> bool:
        """Whether update k of all is its gradient and the update before."""
        before = self.all[:k][self.moving[:k]]
        last = before[-1] if len(before) else 0 * self.all[k]
        return same(self.all[k], self.all_grads[k] + last)

    def plain(self, k: int) -> bool:
        return same(self.all[k], self.all_grads[k])

    def count(self, odd: Callable[[int], bool]) -> int:
        """Of how many backward passes something holds that are no plain descent."""
        return sum(odd(k) for k in range(len(self.all)) if not self.plain(k))


def along(went: Array, gradient: Array) -> bool:
    factor = (went @ gradient) / (gradient @ gradient + 1e-300)
    return same(went, factor * gradient) and bool(went.any())


def adds_up(w: Watched, grads: Array, ratio: float) -> bool:
    """Whether the second update is its gradient and the first update, so many times as long."""
    grads = grads * w.went.any(axis=0)  # of the parameters that move
    own = (w.went[0] @ grads[0]) / (grads[0] @ grads[0]) * grads[1]
    longer = float(np.linalg.norm(w.went[1]) / np.linalg.norm(own))
    return same(w.went[1], own + w.went[0]) and close(longer, ratio)


def nothing(grads: Array) -> bool:
    return len(grads) > 0 and not np.nan_to_num(grads).any()


def as_optimizer(w: Watched, name: str, grads: Array) -> bool:
    """Whether PyTorch's optimizer of this name makes the updates of these gradients."""
    if name == "signSGD":
        return bool((np.sign(w.went) == np.sign(grads)).mean() > 0.95)
    theta = torch.zeros(9, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)([theta], lr=1.0)
    for went, grad in zip(w.went[:20], grads[:20], strict=True):
        before = theta.detach().clone().numpy()
        theta.grad = torch.tensor(grad)
        optimizer.step()
        step = before - theta.detach().numpy()
        if went @ step < 0.97 * np.linalg.norm(went) * np.linalg.norm(step):
            return False
    return True


def share(w: Watched, grads: Array) -> float:
    """How much of the update before is in each, fitted beside gradients and parameters."""
    last, before = (np.concatenate([0 * x[:1], x[:-1]]) for x in (w.went, grads))
    terms = np.stack([grads, last, before, w.begun]).reshape(4, -1).T
    return float(np.linalg.lstsq(terms, w.went.ravel(), rcond=None)[0][1])


def pulled(w: Watched, seen: Array) -> bool:
    """Whether the first update is these gradients of the predictions, taken to the parameters."""
    theta = torch.tensor(w.begun[0], requires_grad=True)
    weights = torch.tensor(seen, dtype=torch.float64).reshape(4, 1)
    led = torch.autograd.grad((predict(theta) * weights).sum(), theta)[0].numpy()
    return bool(np.linalg.norm(led - w.went[0]) < 0.01 * np.linalg.norm(led) + 2e-3)


Check = Callable[[Watched, Mapping[str, Any]], bool]


def _follows(loss: Loss, w: Watched, _: Mapping[str, Any]) -> bool:
    return w.follow(loss)


def _often(w: Watched, f: Mapping[str, Any], odd: Callable[[int], bool]) -> bool:
    """Whether just so many of the epochs do something."""
    near = abs(w.count(odd) - f["count"]) <= 0.02 * f["count"]
    return bool(f["epochs"] == len(w.all) and near)


def _later(w: Watched, f: Mapping[str, Any]) -> bool:
    """Whether just so many updates are no plain descent, the first of them in this epoch."""
    first = next((k for k in range(len(w.all)) if not w.plain(k)), -1)
    return f["first"] == 1 + first and _often(w, f, lambda k: True)


def _ended_unlearned(w: Watched, epochs: int) -> bool:
    off = (predict(w.end) - Y).abs().max() > 0.25
    return abs(epochs - w.run.backwards) <= 1 and bool(off)


def _idle(w: Watched, k: int) -> bool:
    return not w.moving[k] and bool(w.all_grads[k].any())


CHECKS: dict[str, Check] = {
    "no-zero-grad.sums": lambda w, f: (
        "z" not in w.events
        and any(adds_up(w, gradients(w.begun[:2], loss), f["ratio"]) for loss in (mse, broadcast))
    ),
    "no-zero-grad.leftovers": lambda w, f: (
        "z" not in w.events and bool(np.nan_to_num(w.stored("b")[1:]).any())
    ),
    "zero-grad-not-every-pass.leftovers": lambda w, f: bool(np.nan_to_num(w.stored("b")[1:]).any()),
    "zero-grad-not-every-pass.sums": lambda w, f: (
        f["updates"] == len(w.went)
        and f["clean"] < len(w.went)
        and sum(same(a, w.factors[0] * b) for a, b in zip(w.went, w.grads, strict=True))
        <= f["clean"]
    ),
    "zero-grad-before-step.gone": lambda w, f: (
        (bool(np.nan_to_num(w.stored("B")).any()) and nothing(w.stored("s")))
        or all("z" in part.partition("s")[0] for part in w.parts[:-1])
    ),
    "no-backward.nothing": lambda w, f: set(w.events + w.run.before) == {"z"},
    "no-backward.forward-only": lambda w, f: "f" in w.events and not set("bgs") & set(w.events),
    "no-backward.steps-only": lambda w, f: "s" in w.events and not set("bg") & set(w.events),
    "backward-twice.factor": lambda w, f: (
        close(float(w.factors[0]), f["factor"]) and close(len(w.all) / len(w.went), f["backwards"])
    ),
    "backward-twice.crash": lambda w, f: "a second time" in w.text,
    "step-before-backward.crash": lambda w, f: "inplace" in w.text,
    "crash.stale-graph": lambda w, f: "inplace" in w.text or "a second time" in w.text,
    "frozen-parameters.no-gradients": lambda w, f: "does not require grad" in w.text,
    "detached-loss.cut": lambda w, f: bool(w.text),
    "detached-loss.no-gradient": lambda w, f: bool(np.isnan(w.stored("B")).all()),
    "detached-loss.zero-gradient": lambda w, f: nothing(w.stored("B")),
    "no-step.never": lambda w, f: not set("so") & set(w.events) and not w.moving.any(),
    "no-step.idle": lambda w, f: (f["backwards"], f["updates"]) == (len(w.all), len(w.went)),
    "no-step.now-and-then": lambda w, f: _often(
        w, f, lambda k: _idle(w, k) and "s" not in w.parts[k]
    ),
    "no-step.nothing-moved": lambda w, f: _often(w, f, lambda k: _idle(w, k)),
    "step-before-backward.empty": lambda w, f: nothing(w.stored("s")) and not w.moving.any(),
    "step-before-backward.late": lambda w, f: all(map(same, w.went[1:], w.grads[:-1])),
    "step-outside-loop.at-end": lambda w, f: (
        f["backwards"] == len(w.all) and w.moving.sum() == 1 and bool(w.moving[-1])
    ),
    "step-outside-loop.few": lambda w, f: (
        (f["forwards"], f["updates"]) == (w.events.count("f"), w.moving.sum())
    ),
    "step-twice.factor": lambda w, f: (
        close(float(w.factors[0]), f["factor"])
        and np.median([p.count("s") for p in w.parts]) in (f["steps"], f["steps"] - 1)
    ),
    "step-twice.steps": lambda w, f: np.median([p.count("s") for p in w.parts]) == f["steps"],
    "step-twice.several": lambda w, f: np.median([p.count("s") for p in w.parts]) == f["steps"],
    "step-twice.batches": lambda w, f: w.follow_some_rows(),
    "step-twice.now-and-then": lambda w, f: _often(
        w, f, lambda k: same(w.all[k], f["factor"] * w.all_grads[k])
    ),
    "wrong-sign.uphill": lambda w, f: bool((w.factors < 0).all()),
    "wrong-sign.loss": lambda w, f: (
        bool(w.added) and all(along(a, g) and a @ g < 0 for a, g in w.added[:3])
    ),
    "wrong-sign.now-and-then": lambda w, f: _often(
        w, f, lambda k: along(-w.all[k], w.all_grads[k]) and w.all[k] @ w.all_grads[k] < 0
    ),
    "wrong-lr.factor": lambda w, f: any(
        all(map(same, w.went, f["factor"] * grads)) for grads in w.used
    ),
    "wrong-lr.parameters": lambda w, f: (
        bool((w.went * w.grads >= 0).all()) and not any(map(along, w.went, w.grads))
    ),
    "wrong-lr.capped": lambda w, f: all(
        same(a, np.clip(b, -f["most"], f["most"])) for a, b in zip(w.went, w.grads, strict=True)
    ),
    "wrong-lr.capped-now-and-then": lambda w, f: _often(
        w, f, lambda k: same(w.all[k], np.clip(w.all_grads[k], -(m := np.abs(w.all[k]).max()), m))
    ),
    "wrong-lr.schedule": lambda w, f: (
        all(map(along, w.went, w.grads))
        and close(w.factors.min(), f["low"])
        and close(w.factors.max(), f["high"])
    ),
    "wrong-lr.now-and-then": lambda w, f: _often(w, f, lambda k: along(w.all[k], w.all_grads[k])),
    "wrong-loss.zero": lambda w, f: not w.run.losses.any(),
    "wrong-loss.first-value": lambda w, f: (
        close(w.run.losses[0], f["seen"])
        and close(float(F.mse_loss(predict(torch.tensor(w.run.rows[0])), Y)), f["wanted"])
    ),
    "wrong-loss.scale": lambda w, f: (
        f["count"] == 4 and bool(w.added) and all(same(a, f["scale"] * g) for a, g in w.added)
    ),
    "wrong-loss.targets": lambda w, f: w.follow(
        lambda p: F.mse_loss(p, torch.tensor(f["targets"], dtype=torch.float64).reshape(4, 1))
    ),
    "wrong-loss.some-rows": lambda w, f: w.follow_some_rows(),
    "wrong-loss.other-rows": lambda w, f: w.follow_some_rows(),
    "wrong-loss.pulls": lambda w, f: (
        pulled(w, f["seen"]) and not np.allclose(f["seen"], f["wanted"], atol=5e-3)
    ),
    **{f"wrong-loss.{name}": functools.partial(_follows, loss) for name, loss in LOSSES.items()},
    "wrong-loss.unlike": lambda w, f: close(
        float(
            np.median(np.linalg.norm(w.went - w.grads, axis=1) / np.linalg.norm(w.grads, axis=1))
        ),
        f["error"],
    ),
    "wrong-loss.unlike-unmeasured": lambda w, f: not np.isfinite(w.run.rows).all(),
    "wrong-architecture.misfit": lambda w, f: f["seen"] == w.run.rows.shape[1] != f["wanted"],
    "wrong-architecture.trained-net": lambda w, f: all(
        map(same, w.went, gradients(w.begun, names=re.findall(r"\((\w+)\)", f["seen"])))
    ),
    "target-shape.broadcast": lambda w, f: f["goal"] == 0.5 and w.follow(broadcast),
    "target-shape.now-and-then": lambda w, f: _often(
        w, f, lambda k: same(w.all[k], gradients(w.run.rows[k : k + 1], broadcast)[0])
    ),
    "wrong-loss.now-and-then": lambda w, f: _often(
        w,
        f,
        lambda k: any(
            same(w.all[k], gradients(w.run.rows[k : k + 1], loss)[0]) for loss in LOSSES.values()
        ),
    ),
    "zero-grad-not-every-pass.now-and-then": lambda w, f: _often(w, f, w.carries),
    "zero-grad-before-step.now-and-then": lambda w, f: _often(
        w, f, lambda k: _idle(w, k) and "z" in w.parts[k].partition("s")[0]
    ),
    "backward-twice.now-and-then": lambda w, f: _often(
        w, f, lambda k: w.moving[k] and along(w.all[k], w.all_grads[k]) and not w.moving[k - 1]
    ),
    "wrong-optimizer.momentum": lambda w, f: any(
        abs(share(w, grads) - f["share"]) < 0.02 for grads in w.used
    ),
    "wrong-optimizer.adaptive": lambda w, f: any(
        as_optimizer(w, f["name"], grads) for grads in w.used
    ),
    "wrong-optimizer.besides": lambda w, f: (
        bool(w.added)
        and all(along(a, g) for a, g in w.added[:9])
        and not all(map(same, w.went, w.grads))
    ),
    "wrong-optimizer.later": lambda w, f: _later(w, f),
    "wrong-loss.later": lambda w, f: (
        _later(w, f) and not all(same(added, gradient) for added, gradient in w.added)
    ),
    "frozen-parameters.elsewhere": lambda w, f: (
        bool(np.nan_to_num(w.stored("B")).any()) and not w.moving.any()
    ),
    "frozen-parameters.some": lambda w, f: (
        f["count"] == 9
        and f["still"] == ((~w.went.any(axis=0)) & (np.abs(w.grads).max(axis=0) > 1e-7)).sum()
    ),
    "model-rebuilt-in-loop.models": lambda w, f: (
        (f["backwards"], f["models"]) == (w.run.total, w.run.models)
    ),
    "model-rebuilt-in-loop.undone": lambda w, f: (
        not w.moving.any() and bool((w.run.detail_rows != w.run.rows[0]).any())
    ),
    "model-rebuilt-in-loop.overwritten": lambda w, f: not all(map(along, w.went[:9], w.grads[:9])),
    "not-trained.straight": lambda w, f: all(along(each, w.went[0]) for each in w.went),
    "not-trained.nothing": lambda w, f: not w.events + w.run.before,
    "not-trained.elsewhere": lambda w, f: not w.run.on_model and f["count"] == w.run.rows.shape[1],
    "too-few-epochs.count": lambda w, f: abs(f["epochs"] - w.run.backwards) <= 1,
    "too-few-epochs.early": lambda w, f: _ended_unlearned(w, f["epochs"]),
    "too-few-epochs.elsewhere": lambda w, f: _ended_unlearned(w, f["epochs"]),
    "too-few-epochs.short": lambda w, f: f["updates"] == len(w.went),
    "too-few-epochs.none": lambda w, f: not w.moving.any(),
    "too-few-epochs.accuracy": lambda w, f: (
        f["epochs"] == w.run.backwards
        and bool(((predict(w.end) > 0.5) == (Y > 0.5)).all())
        and bool(((predict(w.end) - Y).abs() > 0.25).any())
    ),
    "detached-loss.new-leaf": lambda w, f: w.run.shapes == (Y.shape,) and f["count"] == len(Y),
    "tampering.replaced": lambda w, f: (
        not len(w.went) or not w.moving.all() or not all(map(same, w.went, w.grads))
    ),
    "bad-start.flat": lambda w, f: bool(((predict(w.end) - Y).abs() > 0.25).any()),
    "bad-start.zero-gradient": lambda w, f: not gradients(w.run.rows[:1]).any(),
    "bad-start.alike": lambda w, f: bool(
        (w.run.rows[0][[0, 1, 4, 6]] == w.run.rows[0][[2, 3, 5, 7]]).all()
    ),
    "timeout.endless": lambda w, f: w.run.stopped and f["backwards"] == w.run.backwards,
    "timeout.no-backward": lambda w, f: w.run.stopped and not w.run.backwards,
}


# What is asked of calls and errors alone holds of any model's run.
OF_CALLS = (
    *("no-backward", "detached-loss", "crash", "not-trained", "model-rebuilt", "timeout"),
    "wrong-architecture.misfit",
)


def is_true(name: str, facts: Mapping[str, Any], run: Run) -> bool | None:
    """Whether the sentence `code.symptom` is true of a run; None where that can't be tried."""
    if name not in CHECKS or (run.shapes != SHAPES and not name.startswith(OF_CALLS)):
        return None
    try:
        with np.errstate(all="ignore"):
            return bool(CHECKS[name](Watched(run), facts))
    except IndexError:  # the run has fewer updates than the check looks at
        return False
