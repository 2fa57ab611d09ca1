"""The data: is it the task's table?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xorkit.evidence import Array, EvidenceError, decode, read_text
from xorkit.judge.claims import HOLDS, Claim, fails
from xorkit.reference import Task
from xorkit.verdict import Diagnosis, Finding


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
        text = f"X holds the rows {_rows(x.array)}. Which questions does the table ask, each once?"
        inputs = _fails(Diagnosis.WRONG_DATA, text)
    shaped = _shaped(y, (n, n_out), Diagnosis.TARGET_SHAPE)
    right = shaped
    if shaped and y.array is not None:
        right = _answers(x.array if inputs and x.array is not None else task.inputs, y, table)
    return Data(inputs, shaped, right, *_usable(x.array, y.array, n_in, n_out))


def _answers(keys: Array, y: Tensor, table: Mapping[tuple[float, ...], Any]) -> Claim:
    assert y.array is not None, "its shape was looked at before"  # noqa: S101
    wrong = [k for k in range(len(keys)) if table[tuple(keys[k])] != tuple(y.array[k])]
    if wrong:
        question, answer = _row(keys[wrong[0]]), _row(y.array[wrong[0]])
        text = f"For the inputs {question} your target is {answer}. What is it in the table?"
        return _fails(Diagnosis.WRONG_DATA, text)
    return _decimal(y)


def _fails(code: Diagnosis, text: str) -> Claim:
    return fails(Finding(code, text, "data"))


def _shaped(tensor: Tensor, shape: tuple[int, ...], code: Diagnosis) -> Claim:
    name = tensor.name
    if tensor.array is not None:
        seen = tensor.array.shape
        text = (
            f"{name} has the shape {seen}; the table makes it {shape}. Print {name}.shape: how"
            " many rows do you see, and how many numbers in each?"
        )
        return HOLDS if seen == shape else _fails(code, text)
    if tensor.kind == "NoneType":
        return _fails(Diagnosis.WRONG_DATA, f"There is no {name} yet.")
    text = f"{name} is a {tensor.kind}. What turns nested lists into a tensor of shape {shape}?"
    return _fails(Diagnosis.WRONG_DATA, text)


def _decimal(tensor: Tensor) -> Claim:
    text = (
        f"{tensor.name} holds numbers of type {tensor.kind}, and the net counts in decimals. How"
        " is a 1 written as a decimal number?"
    )
    return HOLDS if tensor.decimal else _fails(Diagnosis.WRONG_DATA, text)


def _alike(x: Tensor, model: str) -> Claim:
    text = (
        f"X holds numbers of type {x.kind}, and the layers of your model {model}: PyTorch doesn't"
        " multiply one by the other. Which type does a decimal number get by itself?"
    )
    return HOLDS if x.kind == model else _fails(Diagnosis.WRONG_DATA, text)


def _usable(
    x: Array | None, y: Array | None, n_in: int, n_out: int
) -> tuple[Array | None, Array | None]:
    """The learner's own table, where a net could be trained on it at all."""
    if x is None or y is None or x.ndim != 2 or x.shape[1] != n_in or not x.size:
        return None, None
    fits = y.size == len(x) * n_out and np.isfinite(x).all() and np.isfinite(y).all()
    return (x, y.reshape(len(x), n_out)) if fits else (None, None)


def _row(row: Sequence[float] | Array) -> str:
    return "(" + ", ".join(f"{value:g}" for value in row) + ")"


def _rows(rows: Array) -> str:
    return ", ".join(_row(row) for row in rows)
