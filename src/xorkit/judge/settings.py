"""The loss and the optimizer: judged by the values and the steps that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xorkit import reference
from xorkit.evidence import Array, EvidenceError, read_error, read_numbers, read_text, shown
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.reference import Task
from xorkit.verdict import Diagnosis, Finding

SAME = 1e-4  # relative; float32 makes 1e-6, the nearest other loss or rate that people choose 1e-1


@dataclass(frozen=True)
class Settings:
    """What was said of the loss and the optimizer; `loss` and `lr` are the learner's own."""

    loss_right: Claim
    optimizer_right: Claim
    rate_right: Claim
    loss: str | None = None
    lr: float | None = None

    @property
    def right(self) -> bool:
        return bool(self.loss_right and self.optimizer_right and self.rate_right)


LOSS_NAMES = {
    "sum": "the sum of the squared errors. What did lesson 6 do with the sum?",
    "half": "half the mean squared error. Where does the half come from?",
    "bce": "binary cross-entropy, a good loss, but not the one that this lesson compares.",
    "mse-again": "what comes out if each answer is squashed once more. Where is that done?",
    "bce-again": "cross-entropy of answers that are squashed once more. Which loss was lesson 6's?",
    "l1": "the mean of the plain errors. What happened to each error in lesson 6?",
}


@np.errstate(all="ignore")  # hostile numbers are evidence like any other
def judge_settings(seen: Mapping[str, Any], questions: Mapping[str, Any], task: Task) -> Settings:
    """Which loss gives these values, and which rule moved the parameters?

    Raises EvidenceError where the probe can't have said this.
    """
    loss_right, loss = _judge_loss(_part(seen, "loss"), questions)
    optimizer_right, rate_right, lr = _judge_optimizer(_part(seen, "optimizer"), questions, task)
    return Settings(loss_right, optimizer_right, rate_right, loss, lr)


def _part(seen: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = seen.get(name)
    if not isinstance(part, Mapping):
        raise EvidenceError(f"wanted what was seen of the {name}, saw {shown(part)}")
    return part


def _fails(code: Diagnosis, text: str) -> Claim:
    return fails(Finding(code, text, "loss_and_optimizer"))


def _ended(seen: Mapping[str, Any], name: str, what: str) -> str:
    """What to say of an object that raised when it was asked."""
    error, kind = read_error(seen.get("error")), read_text(seen.get("type"))
    if error is None:
        raise EvidenceError(f"{name} gave neither an answer nor an error")
    if kind == "NoneType":
        return f"There is no {name} yet."
    return f"{name} is a {kind}, and {what} ends with {error[0]}: {error[1]}"


def _judge_loss(seen: Mapping[str, Any], questions: Mapping[str, Any]) -> tuple[Claim, str | None]:
    if "values" not in seen:
        text = _ended(seen, "loss_fn", "asking it about four predictions and targets")
        return _fails(Diagnosis.WRONG_LOSS, text), None
    values = seen["values"]
    if not isinstance(values, list) or len(values) != len(questions["pairs"]):
        raise EvidenceError(f"wanted values of the loss, saw {shown(values)}")
    # A NaN arrives as None: JSON has no word for it.
    own = np.array([v if isinstance(v, float) else np.nan for v in values], dtype=np.float64)
    wanted = {
        name: np.array([_loss(name, p, t) for p, t in questions["pairs"]])
        for name in reference.LOSSES
    }
    name = next((n for n, w in wanted.items() if np.allclose(own, w, rtol=SAME, atol=0)), None)
    if name == "mse":
        return _judge_slopes(seen, questions), name
    says = f"That is {LOSS_NAMES[name]}" if name else "Which errors does it average, and how?"
    text = (
        f"On the grader's four predictions your loss_fn gives {own[0]:.4f}, the mean squared error"
        f" is {wanted['mse'][0]:.4f}. {says}"
    )
    return _fails(Diagnosis.WRONG_LOSS, text), name


def _judge_slopes(seen: Mapping[str, Any], questions: Mapping[str, Any]) -> Claim:
    """Whether a loss that has the right values also tells the way downhill."""
    pairs = np.asarray(questions["pairs"], dtype=np.float64)
    slopes = read_numbers(seen.get("slopes"), pairs.ndim - 1)
    wanted = np.stack([reference.MSE.slope(p[None], t[None])[0] for p, t in pairs])
    if slopes.shape != wanted.shape:
        raise EvidenceError(f"wanted slopes of shape {wanted.shape}, saw {slopes.shape}")
    if np.allclose(slopes, wanted, rtol=SAME, atol=SAME):
        return HOLDS
    if not slopes[0].any():
        text = (
            f"The value of your loss_fn is right, {seen['values'][0]:.4f}, but no way leads from it"
            " back to the predictions. Where does a number that remembers how it was made become a"
            " plain one?"
        )
        return _fails(Diagnosis.DETACHED_LOSS, text)
    text = (
        "The values of your loss_fn are right, but its slopes aren't those of the mean squared"
        " error. What happens between the predictions and the value?"
    )
    return _fails(Diagnosis.WRONG_LOSS, text)


def _loss(name: str, predictions: Any, targets: Any) -> float:
    p, t = (np.asarray(values, dtype=np.float64)[None] for values in (predictions, targets))
    return float(reference.LOSSES[name].value(p, t)[0])


def _judge_optimizer(
    seen: Mapping[str, Any], questions: Mapping[str, Any], task: Task
) -> tuple[Claim, Claim, float | None]:
    if "rows" not in seen:
        text = _ended(seen, "optimizer", "asking it for a step")
        claim = _fails(Diagnosis.WRONG_OPTIMIZER, text)
        return claim, claim, None
    rows = read_numbers(seen["rows"], 2)
    if len(rows) != len(questions["grads"]) + 1:
        raise EvidenceError(f"{len(rows) - 1} steps for {len(questions['grads'])} gradients")
    grads = np.array([np.resize(g, rows.shape[1]) for g in questions["grads"]], dtype=np.float64)
    updates = rows[:-1] - rows[1:]
    moving = updates.any(axis=0)
    if not moving.any() or not np.isfinite(rows).all():
        text = (
            "The optimizer's steps move none of the model's numbers. For which list of numbers was"
            " it made?"
        )
        claim = _fails(Diagnosis.FROZEN_PARAMETERS, text)
        return claim, claim, None
    return _judge_steps(read_text(seen.get("type")), updates, grads, moving, task)


def _left_out(moving: Any) -> Claim:
    text = (
        f"The optimizer moves {int(moving.sum())} of the model's {len(moving)} numbers. Who moves"
        " the others?"
    )
    return _fails(Diagnosis.FROZEN_PARAMETERS, text)


def _differ(rates: Array) -> bool:
    return not np.allclose(rates, rates[0], rtol=10 * SAME, atol=0)


def _judge_steps(
    kind: str, updates: Array, grads: Array, moving: Any, task: Task
) -> tuple[Claim, Claim, float | None]:
    lr = float((updates[0] * grads[0]).sum() / (grads[0][moving] ** 2).sum())
    rates = (updates * grads).sum(axis=0) / (grads**2).sum(axis=0)
    if np.allclose(updates, rates * grads, rtol=SAME, atol=1e-6) and _differ(rates[moving]):
        low, high = rates[moving].min(), rates[moving].max()
        text = (
            f"Some of the model's numbers go {low:.4g} times the slope, others {high:.4g} times."
            " How far does the lesson go?"
        )
        claim = _fails(Diagnosis.WRONG_LR, text)
        return HOLDS if moving.all() else _left_out(moving), claim, None
    errors = np.abs(updates - lr * grads)[:, moving]
    close = errors <= 1e-6 + SAME * np.abs(lr * grads[:, moving])
    right = [bool(step.all()) for step in close]
    first, plain = right[0], all(right)
    optimizer = HOLDS
    if not plain:
        text = (
            f"For the same slopes, {kind} doesn't always go the same way: its steps are more than"
            " lr · slope. What was the plain rule of lesson 7?"
        )
        optimizer = _fails(Diagnosis.WRONG_OPTIMIZER, text)
    elif not moving.all():
        optimizer = _left_out(moving)
    if not first:
        text = f"The steps of {kind} aren't lr · slope, so there is no learning rate to compare."
        return optimizer, _fails(Diagnosis.WRONG_OPTIMIZER, text), None
    if abs(lr - task.lr) <= SAME * task.lr:
        return optimizer, HOLDS, lr
    text = (
        f"Each step goes {lr:.4g} times the slope, in this lesson {task.lr:g} times. Which number"
        " says how far?"
    )
    code = Diagnosis.WRONG_LR
    if lr < 0:
        text, code = (
            "The steps go uphill. In which direction does w −= lr · slope go?",
            Diagnosis.WRONG_SIGN,
        )
    return optimizer, _fails(code, text), lr
