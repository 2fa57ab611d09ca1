"""The loss and the optimizer: judged by the values and the steps that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xorkit import reference
from xorkit.evidence import (
    Array,
    EvidenceError,
    Failure,
    LossValues,
    OptimizerSteps,
    SettingsObservation,
)
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.reference import Task
from xorkit.verdict import Diagnosis

SAME_VALUE = (
    1e-4  # relative; float32 makes 1e-6, the nearest other loss or rate that people choose 1e-1
)


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


@np.errstate(all="ignore")  # hostile numbers are evidence like any other
def judge_settings(seen: SettingsObservation, questions: Mapping[str, Any], task: Task) -> Settings:
    """Which loss gives these values, and which rule moved the parameters?

    Raises EvidenceError where the probe can't have said this.
    """
    loss_right, loss = _judge_loss(seen.loss, questions)
    optimizer_right, rate_right, lr = _judge_optimizer(seen.optimizer, questions, task)
    return Settings(loss_right, optimizer_right, rate_right, loss, lr)


def _ended(seen: Failure, code: Diagnosis) -> Claim:
    """What to say of an object that raised when it was asked."""
    if seen.missing:
        return fails(code, "missing")
    name, text = seen.error
    return fails(code, "error", kind=seen.type, error=name, text=text)


def _judge_loss(
    seen: LossValues | Failure, questions: Mapping[str, Any]
) -> tuple[Claim, str | None]:
    if isinstance(seen, Failure):
        return _ended(seen, Diagnosis.WRONG_LOSS), None
    own = seen.values
    if len(own) != len(questions["pairs"]):
        raise EvidenceError(f"{len(own)} values of the loss for {len(questions['pairs'])} pairs")
    wanted = {
        name: np.array([_loss(name, p, t) for p, t in questions["pairs"]])
        for name in reference.LOSSES
    }
    name = next(
        (n for n, w in wanted.items() if np.allclose(own, w, rtol=SAME_VALUE, atol=0)), None
    )
    if name == "mse":
        return _judge_gradients(seen, questions), name
    symptom = f"value-{name}" if name else "value"
    return fails(Diagnosis.WRONG_LOSS, symptom, seen=own[0], wanted=wanted["mse"][0]), name


def _judge_gradients(seen: LossValues, questions: Mapping[str, Any]) -> Claim:
    """Whether a loss that has the right values also tells the way downhill."""
    pairs = np.asarray(questions["pairs"], dtype=np.float64)
    gradients = seen.gradients
    wanted = np.stack([reference.MSE.gradient(p[None], t[None])[0] for p, t in pairs])
    if gradients.shape != wanted.shape:
        raise EvidenceError(f"wanted gradients of shape {wanted.shape}, saw {gradients.shape}")
    if np.allclose(gradients, wanted, rtol=SAME_VALUE, atol=SAME_VALUE):
        return HOLDS
    if not gradients[0].any():
        return fails(Diagnosis.DETACHED_LOSS, "loss-fn", seen=seen.values[0])
    return fails(Diagnosis.WRONG_LOSS, "gradient")


def _loss(name: str, predictions: Any, targets: Any) -> float:
    p, t = (np.asarray(values, dtype=np.float64)[None] for values in (predictions, targets))
    return float(reference.LOSSES[name].value(p, t)[0])


def _judge_optimizer(
    seen: OptimizerSteps | Failure, questions: Mapping[str, Any], task: Task
) -> tuple[Claim, Claim, float | None]:
    if isinstance(seen, Failure):
        claim = _ended(seen, Diagnosis.WRONG_OPTIMIZER)
        return claim, claim, None
    rows = seen.rows
    if len(rows) != len(questions["grads"]) + 1:
        raise EvidenceError(f"{len(rows) - 1} steps for {len(questions['grads'])} gradients")
    grads = np.array([np.resize(g, rows.shape[1]) for g in questions["grads"]], dtype=np.float64)
    updates = rows[:-1] - rows[1:]
    moving = updates.any(axis=0)
    if not moving.any() or not np.isfinite(rows).all():
        claim = fails(Diagnosis.FROZEN_PARAMETERS, "no-steps")
        return claim, claim, None
    return _judge_steps(seen.type, updates, grads, moving, task)


def _left_out(moving: Any) -> Claim:
    count = int(moving.sum())
    return fails(Diagnosis.FROZEN_PARAMETERS, "some-steps", moving=count, count=len(moving))


def _differ(rates: Array) -> bool:
    return not np.allclose(rates, rates[0], rtol=10 * SAME_VALUE, atol=0)


def _judge_steps(
    kind: str, updates: Array, grads: Array, moving: Any, task: Task
) -> tuple[Claim, Claim, float | None]:
    lr = float((updates[0] * grads[0]).sum() / (grads[0][moving] ** 2).sum())
    rates = (updates * grads).sum(axis=0) / (grads**2).sum(axis=0)
    if np.allclose(updates, rates * grads, rtol=SAME_VALUE, atol=1e-6) and _differ(rates[moving]):
        low, high = rates[moving].min(), rates[moving].max()
        claim = fails(Diagnosis.WRONG_LR, "rates", low=low, high=high)
        return HOLDS if moving.all() else _left_out(moving), claim, None
    errors = np.abs(updates - lr * grads)[:, moving]
    close = errors <= 1e-6 + SAME_VALUE * np.abs(lr * grads[:, moving])
    right = [bool(step.all()) for step in close]
    first, plain = right[0], all(right)
    optimizer = HOLDS
    if not plain:
        optimizer = fails(Diagnosis.WRONG_OPTIMIZER, "steps", kind=kind)
    elif not moving.all():
        optimizer = _left_out(moving)
    if not first:
        return optimizer, fails(Diagnosis.WRONG_OPTIMIZER, "no-rate", kind=kind), None
    if abs(lr - task.lr) <= SAME_VALUE * task.lr:
        return optimizer, HOLDS, lr
    if lr < 0:
        return optimizer, fails(Diagnosis.WRONG_SIGN, "steps"), lr
    return optimizer, fails(Diagnosis.WRONG_LR, "rate", seen=lr, wanted=task.lr), lr
