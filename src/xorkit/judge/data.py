"""The data: is it the task's table?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xorkit.evidence import Array, EvidenceError, decode, read_text
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


@dataclass(frozen=True)
class Tensor:
    """A name as the probe saw it: its numbers if it is a tensor, else its type."""

    name: str
    kind: str  # the tensor's dtype, or the type of what stands in its place
    array: Array | None = None

    @property
    def decimal(self) -> bool:
        return self.kind.startswith(("float", "bfloat"))


def read_tensor(name: str, seen: Mapping[str, Any]) -> Tensor:
    """Raises EvidenceError where the probe can't have said this."""
    value = seen.get(name)
    if not isinstance(value, Mapping):
        raise EvidenceError(f"nothing was said of {name}")
    if "array" not in value:
        return Tensor(name, read_text(value.get("type")))
    array = decode(value["array"])
    if array.size > 10_000:
        raise EvidenceError(f"{name} has {array.size} numbers")
    return Tensor(name, read_text(value.get("dtype")), array.astype(np.float64))


@np.errstate(all="ignore")  # hostile numbers are evidence like any other
def judge_data(seen: Mapping[str, Any], task: Task) -> Data:
    """X and Y against the task's table; the rows may stand in any order."""
    x, y = read_tensor("X", seen), read_tensor("Y", seen)
    n, n_in = task.inputs.shape
    n_out = task.targets.shape[1]
    table = {tuple(row): tuple(goal) for row, goal in zip(task.inputs, task.targets, strict=True)}
    inputs = _shaped(x, (n, n_in), Diagnosis.WRONG_DATA)
    if inputs:
        inputs = _decimal(x)
    if inputs and "model" in seen:
        inputs = _alike(x, read_text(seen["model"]))
    if inputs and x.array is not None and {tuple(row) for row in x.array} != set(table):
        inputs = fails(Diagnosis.WRONG_DATA, "rows", rows=_rows(x.array))
    shaped = _shaped(y, (n, n_out), Diagnosis.TARGET_SHAPE)
    right = shaped
    if shaped and y.array is not None:
        right = _answers(x.array if inputs and x.array is not None else task.inputs, y, table)
    return Data(inputs, shaped, right, *_usable(x.array, y.array, n_in, n_out))


def _answers(keys: Array, y: Tensor, table: Mapping[tuple[float, ...], Any]) -> Claim:
    assert y.array is not None, "its shape was looked at before"  # noqa: S101
    wrong = [k for k in range(len(keys)) if table[tuple(keys[k])] != tuple(y.array[k])]
    if wrong:
        inputs, target = _numbers(keys[wrong[0]]), _numbers(y.array[wrong[0]])
        return fails(Diagnosis.WRONG_DATA, "target", inputs=inputs, target=target)
    return _decimal(y)


def _shaped(tensor: Tensor, shape: tuple[int, ...], code: Diagnosis) -> Claim:
    name = tensor.name
    if tensor.array is not None:
        seen = tensor.array.shape
        if seen == shape:
            return HOLDS
        return fails(code, "shape", name=name, seen=str(seen), wanted=str(shape))
    if tensor.kind == "NoneType":
        return fails(Diagnosis.WRONG_DATA, "missing", name=name)
    return fails(Diagnosis.WRONG_DATA, "no-tensor", name=name, kind=tensor.kind, shape=str(shape))


def _decimal(tensor: Tensor) -> Claim:
    if tensor.decimal:
        return HOLDS
    return fails(Diagnosis.WRONG_DATA, "dtype", name=tensor.name, kind=tensor.kind)


def _alike(x: Tensor, model: str) -> Claim:
    if x.kind == model:
        return HOLDS
    return fails(Diagnosis.WRONG_DATA, "other-dtype", kind=x.kind, model=model)


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
