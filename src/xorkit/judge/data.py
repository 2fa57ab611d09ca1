"""The data: is it the task's table?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xorkit.evidence import Array, DataObservation, Tensor, Thing
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.reference import Task
from xorkit.verdict import Diagnosis


@dataclass(frozen=True)
class Data:
    """What was said of X and Y; `inputs` and `targets` are the learner's own, where usable."""

    inputs_right: Claim
    targets_shaped: Claim
    targets_right: Claim
    inputs: Array | None = None
    targets: Array | None = None

    @property
    def right(self) -> bool:
        return bool(self.inputs_right and self.targets_shaped and self.targets_right)


@np.errstate(all="ignore")  # hostile numbers are evidence like any other
def judge_data(seen: DataObservation, task: Task) -> Data:
    """X and Y against the task's table; the rows may stand in any order."""
    x, y = _array(seen.inputs), _array(seen.targets)
    n, n_in = task.inputs.shape
    n_out = task.targets.shape[1]
    table = {tuple(row): tuple(goal) for row, goal in zip(task.inputs, task.targets, strict=True)}
    inputs = _shaped("X", seen.inputs, (n, n_in), Diagnosis.WRONG_DATA)
    if inputs:
        inputs = _decimal("X", seen.inputs)
    if inputs and seen.model is not None:
        inputs = _alike(seen.inputs, seen.model)
    if inputs and x is not None and {tuple(row) for row in x} != set(table):
        inputs = fails(Diagnosis.WRONG_DATA, "rows", rows=_rows(x))
    shaped = _shaped("Y", seen.targets, (n, n_out), Diagnosis.TARGET_SHAPE)
    right = shaped
    if shaped and y is not None:
        keys = x if inputs and x is not None else task.inputs
        right = _targets(keys, y, table) and _decimal("Y", seen.targets)
    return Data(inputs, shaped, right, *_usable(x, y, n_in, n_out))


def _array(seen: Tensor | Thing) -> Array | None:
    return seen.array if isinstance(seen, Tensor) else None


def _targets(keys: Array, y: Array, table: Mapping[tuple[float, ...], Any]) -> Claim:
    wrong = [k for k in range(len(keys)) if table[tuple(keys[k])] != tuple(y[k])]
    if not wrong:
        return HOLDS
    inputs, target = _numbers(keys[wrong[0]]), _numbers(y[wrong[0]])
    return fails(Diagnosis.WRONG_DATA, "target", inputs=inputs, target=target)


def _shaped(name: str, seen: Tensor | Thing, shape: tuple[int, ...], code: Diagnosis) -> Claim:
    if isinstance(seen, Tensor):
        if seen.array.shape == shape:
            return HOLDS
        return fails(code, "shape", name=name, seen=str(seen.array.shape), wanted=str(shape))
    if seen.missing:
        return fails(Diagnosis.WRONG_DATA, "missing", name=name)
    return fails(Diagnosis.WRONG_DATA, "no-tensor", name=name, kind=seen.type, shape=str(shape))


def _decimal(name: str, seen: Tensor | Thing) -> Claim:
    if isinstance(seen, Thing) or seen.decimal:
        return HOLDS
    return fails(Diagnosis.WRONG_DATA, "dtype", name=name, kind=seen.dtype)


def _alike(x: Tensor | Thing, model: str) -> Claim:
    if isinstance(x, Thing) or x.dtype == model:
        return HOLDS
    return fails(Diagnosis.WRONG_DATA, "other-dtype", kind=x.dtype, model=model)


def _usable(
    x: Array | None, y: Array | None, n_in: int, n_out: int
) -> tuple[Array | None, Array | None]:
    """The learner's own table, where a net could be trained on it at all."""
    if x is None or y is None or x.ndim != 2 or x.shape[1] != n_in or not x.size:
        return None, None
    fits = y.size == len(x) * n_out and np.isfinite(x).all() and np.isfinite(y).all()
    return (x, y.reshape(len(x), n_out)) if fits else (None, None)


def _numbers(row: Array) -> str:
    return ", ".join(f"{value:g}" for value in row)


def _rows(rows: Array) -> str:
    return ", ".join(f"({_numbers(row)})" for row in rows)
