"""What was observed while a notebook ran. Evidence claims nothing; the judge concludes.

Evidence comes out of the learner's process as JSON and is therefore read as hostile: every value is
checked for its type and size here, in one place, before anything computes with it.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# A run of 20,000 kept passes of a net with nine parameters is 1 MB as base64; eight times that is
# room for larger nets, and still nothing that a grader's memory would notice.
MAX_BYTES = 8 << 20
DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


class EvidenceError(ValueError):
    """What came out of the learner's process is not evidence; the text says what was seen."""


def encode(array: npt.ArrayLike) -> dict[str, Any]:
    """An array as JSON: dtype, shape and the bytes in base64."""
    values = np.asarray(array)
    if values.dtype.name not in DTYPES:
        raise EvidenceError(f"an array of {values.dtype} can't be kept; wanted one of {DTYPES}")
    data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
    return {"dtype": values.dtype.name, "shape": list(values.shape), "base64": data}


def decode(value: object) -> npt.NDArray[Any]:
    """The array that `encode` wrote.

    Raises EvidenceError where the value is not exactly such an array.
    """
    if not isinstance(value, Mapping) or set(value) != {"dtype", "shape", "base64"}:
        raise EvidenceError(f"wanted an encoded array, saw {str(value)[:80]!r}")
    dtype, shape, text = value["dtype"], value["shape"], value["base64"]
    sizes_fit = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    if dtype not in DTYPES or not sizes_fit or len(shape) > 8 or not isinstance(text, str):
        raise EvidenceError(f"wanted an encoded array, saw dtype {dtype!r} and shape {shape!r}")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError(f"the bytes of an array are not base64: {error}") from error
    if math.prod(shape) * np.dtype(dtype).itemsize != len(data):
        raise EvidenceError(f"{len(data)} bytes don't make an array of shape {shape} and {dtype}")
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def loads(text: str | bytes) -> Any:
    """JSON from the learner's process. Raises EvidenceError if too large or no JSON."""
    if len(text) > MAX_BYTES:
        raise EvidenceError(f"{len(text)} bytes of evidence; at most {MAX_BYTES} are read")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"evidence that is no JSON: {error}") from error


@dataclass(frozen=True)
class Run:
    """What was recorded while a training loop ran.

    A pass is one `backward` (or `torch.autograd.grad`); `rows[k]` are all parameters, flat, when
    pass k began, the last row is where they were in the end. After `rows` was full only the end was
    kept. `events` are letters in the order of what happened: f forward, b and B backward begins and
    ends, g `torch.autograd.grad`, z `zero_grad`, s and S `step` begins and ends. For the first of
    them `detail_rows` and `detail_grads` hold parameters and `.grad` at that moment (NaN: None).
    """

    shapes: tuple[tuple[int, ...], ...]
    rows: Array  # (passes kept + 1, parameters)
    dtype: str
    events: str
    before: str  # events of before the first pass, when no parameters were known yet
    detail_rows: Array  # (events looked at, parameters)
    detail_grads: Array
    passes: int  # all of them, kept or not
    models: int = 1  # how many different sets of parameters went through a pass
    stopped: bool = False  # the recorder ended it: it had seen enough
    error: tuple[str, str] | None = None  # name and text of what the loop raised

    @property
    def complete(self) -> bool:
        """Whether every pass was kept."""
        return len(self.rows) == self.passes + 1


def read_run(value: object) -> Run:
    """A run from its JSON. Raises EvidenceError where anything has the wrong form."""
    if not isinstance(value, Mapping):
        raise EvidenceError(f"wanted a recorded run, saw {str(value)[:80]!r}")
    try:
        shapes = tuple(tuple(int(n) for n in shape) for shape in value["shapes"])
        rows = decode(value["rows"])
        run = Run(
            shapes=shapes,
            rows=rows.astype(np.float64),
            dtype=rows.dtype.name,
            events=str(value["events"]),
            before=str(value["before"]),
            detail_rows=decode(value["detail_rows"]).astype(np.float64),
            detail_grads=decode(value["detail_grads"]).astype(np.float64),
            passes=int(value["passes"]),
            models=int(value["models"]),
            stopped=bool(value["stopped"]),
            error=read_error(value["error"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"a recorded run of another form: {error!r}") from error
    width = sum(math.prod(shape) for shape in shapes)
    if run.rows.ndim != 2 or run.rows.shape[1] != width or run.passes < len(run.rows) - 1:
        raise EvidenceError(f"rows of shape {run.rows.shape} for {width} parameters")
    details = run.detail_rows.shape == run.detail_grads.shape == (len(run.detail_rows), width)
    if not details or len(run.detail_rows) > len(run.events):
        raise EvidenceError("the details of a run don't fit its parameters or its events")
    return run


def read_error(value: object) -> tuple[str, str] | None:
    """Name and text of an exception, shortened; None where there was none."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise EvidenceError(f"wanted an error's name and text, saw {str(value)[:80]!r}")
    return str(value[0])[:80], str(value[1])[:500]


@dataclass(frozen=True)
class CellRun:
    """How one cell of the notebook ran.

    status: ok, error, timeout, died, memory, output (printed without end) or not_run.
    """

    grade_id: str
    status: str
    error: tuple[str, str] | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Evidence:
    """All that is known of one submission: enough to judge it again without running it."""

    cells: tuple[CellRun, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)  # grade_id -> text handed in
    observations: Mapping[str, Any] = field(default_factory=dict)  # by answer cell, as JSON
    questions: Mapping[str, Any] = field(default_factory=dict)  # what the kernel was asked
    repairs: tuple[str, ...] = ()
    review: tuple[str, ...] = ()

    def cell(self, grade_id: str) -> CellRun | None:
        return next((cell for cell in self.cells if cell.grade_id == grade_id), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "cells": [
                {"grade_id": c.grade_id, "status": c.status, "error": c.error, "seconds": c.seconds}
                for c in self.cells
            ],
            "answers": dict(self.answers),
            "observations": dict(self.observations),
            "questions": dict(self.questions),
            "repairs": list(self.repairs),
            "review": list(self.review),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Evidence:
        cells = tuple(
            CellRun(c["grade_id"], c["status"], read_error(c["error"]), float(c["seconds"]))
            for c in value["cells"]
        )
        texts = {name: tuple(value[name]) for name in ("repairs", "review")}
        kept = {name: value[name] for name in ("answers", "observations", "questions")}
        return cls(cells=cells, **kept, **texts)
