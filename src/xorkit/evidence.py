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
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MIME = "application/vnd.xorkit.evidence+json"  # of the probe's answer in a kernel's message
# How an expression begins that the probe answers; to a kernel without it, it is a comment.
QUESTION = "# xorkit "
NOTHING = "pass"  # the cell that is run where nothing is to run before the probe is asked

# A run of 20,000 kept passes of a net with nine parameters is 1 MB as base64; eight times that is
# room for larger nets, and still nothing that a grader's memory would notice.
MAX_BYTES = 8 << 20
DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
MAX_WIDTH = 100_000  # parameters of a model: ten thousand times the lesson's
MAX_NUMBERS = 1_000_000  # in an array of evidence: five times what the probe keeps of a run
MAX_TEXT = 1_000_000  # letters of a run's events: six times what the probe keeps
MAX_SHAPES = 64  # tensors of a model
MAX_COUNT = 10**12  # passes: more than any grader waits for


class EvidenceError(ValueError):
    """What came out of the learner's process is not evidence; the text says what was seen."""


def shown(value: object) -> str:
    """A short description of a JSON value, however large or deeply nested it is."""
    if isinstance(value, str):
        return repr(value[:80])
    if isinstance(value, Mapping | list | tuple):
        return f"{type(value).__name__} of {len(value)}"
    return repr(value)[:80]


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
        raise EvidenceError(f"wanted an encoded array, saw {shown(value)}")
    dtype, shape, text = value["dtype"], value["shape"], value["base64"]
    fits = isinstance(shape, list) and len(shape) <= 8
    fits = fits and all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape)
    if dtype not in DTYPES or not fits or not isinstance(text, str):
        raise EvidenceError(f"wanted an array, saw dtype {shown(dtype)} and shape {shown(shape)}")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError(f"the bytes of an array are not base64: {error}") from error
    if math.prod(shape) * np.dtype(dtype).itemsize != len(data):
        raise EvidenceError(f"{len(data)} bytes don't make an array of shape {shape} and {dtype}")
    if not data:
        return np.empty([min(n, MAX_WIDTH) for n in shape], dtype)  # one of them is 0
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
    kept. `events` are letters in the order of what happened: f forward (F: with parameters that may
    have no gradient), b backward, g `torch.autograd.grad`, z `zero_grad`, s `step`, o another
    optimizer's step. Where the loop ran once more alone, B and S are the ends of backward and step,
    and `detail_rows` and `detail_grads` hold parameters and `.grad` at the first of all these
    moments (NaN: None).
    """

    shapes: tuple[tuple[int, ...], ...]
    rows: Array  # (passes kept + 1, parameters)
    events: str
    before: str  # events of before the first pass, when no parameters were known yet
    detail_rows: Array  # (events looked at, parameters)
    detail_grads: Array
    losses: Array  # what the first passes walked back from (NaN: no single number)
    passes: int  # all of them, kept or not
    total: int  # passes of all models together
    models: int = 1  # how many different sets of parameters went through a pass
    on_model: bool = True  # whether `model` holds these parameters afterwards
    stopped: bool = False  # the recorder ended it: it had seen enough, or the time was over
    error: tuple[str, str] | None = None  # name and text of what the loop raised

    @property
    def complete(self) -> bool:
        """Whether every pass was kept."""
        return len(self.rows) == self.passes + 1


def read_run(value: object) -> Run:
    """A run from its JSON. Raises EvidenceError where anything has the wrong form."""
    if not isinstance(value, Mapping) or set(value) != {f.name for f in fields(Run)}:
        raise EvidenceError(f"wanted a recorded run, saw {shown(value)}")
    shapes = read_shapes(value["shapes"])
    rows, detail_rows, detail_grads = (
        read_numbers(value[name], 2) for name in ("rows", "detail_rows", "detail_grads")
    )
    run = Run(
        shapes=shapes,
        rows=rows,
        events=read_text(value["events"]),
        before=read_text(value["before"]),
        detail_rows=detail_rows,
        detail_grads=detail_grads,
        losses=read_numbers(value["losses"], 1),
        passes=read_count(value["passes"]),
        total=read_count(value["total"]),
        models=read_count(value["models"]),
        on_model=value["on_model"] is True,
        stopped=value["stopped"] is True,
        error=read_error(value["error"]),
    )
    width = sum(math.prod(shape) for shape in shapes)
    if not len(rows) or rows.shape[1] != width or len(rows) - 1 > run.passes:
        raise EvidenceError(f"rows of shape {rows.shape} for {width} parameters")
    details = detail_rows.shape == detail_grads.shape == (len(detail_rows), width)
    if not details or len(detail_rows) > len(run.events):
        raise EvidenceError("the details of a run don't fit its parameters or its events")
    return run


def read_shapes(value: object) -> tuple[tuple[int, ...], ...]:
    """The shapes of a model's parameters. Raises EvidenceError where they are no such thing."""
    if (
        not isinstance(value, list)
        or len(value) > MAX_SHAPES
        or not all(isinstance(shape, list) and len(shape) <= 8 for shape in value)
    ):
        raise EvidenceError(f"wanted the shapes of parameters, saw {shown(value)}")
    shapes = tuple(tuple(read_count(n) for n in shape) for shape in value)
    if sum(math.prod(shape) for shape in shapes) > MAX_WIDTH:
        raise EvidenceError(f"parameters of the shapes {shapes}: more than {MAX_WIDTH} in all")
    return shapes


def read_numbers(value: object, ndim: int) -> Array:
    """A decoded array of so many dimensions as float64. Raises EvidenceError if it isn't one."""
    array = decode(value)
    if array.ndim != ndim or array.size > MAX_NUMBERS:
        raise EvidenceError(f"wanted a small array of {ndim} dimensions, saw {array.shape}")
    return array.astype(np.float64)


def read_count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise EvidenceError(f"wanted a number of things, saw {shown(value)}")
    return value


def read_text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise EvidenceError(f"wanted a text, saw {shown(value)}")
    return value


def read_error(value: object) -> tuple[str, str] | None:
    """Name and text of an exception, shortened; None where there was none."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise EvidenceError(f"wanted an error's name and text, saw {shown(value)}")
    return read_text(value[0])[:80], read_text(value[1])[:500]


@dataclass(frozen=True)
class CellRun:
    """How one cell of the notebook ran.

    status: ok, error, timeout, died, memory, output (printed without end), not_run (the notebook's
    time was over) or given_up (it had ended too many kernels).
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
    faults: Mapping[str, str] = field(default_factory=dict)  # the grader's own, by answer cell
    seconds: float = 0.0  # that the whole notebook took, new kernels and observations included
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
            "faults": dict(self.faults),
            "seconds": self.seconds,
            "repairs": list(self.repairs),
            "review": list(self.review),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Evidence:
        cells = tuple(
            CellRun(c["grade_id"], c["status"], read_error(c["error"]), float(c["seconds"]))
            for c in value["cells"]
        )
        return cls(
            cells=cells,
            answers=value["answers"],
            observations=value["observations"],
            questions=value["questions"],
            faults=value["faults"],
            seconds=float(value["seconds"]),
            repairs=tuple(value["repairs"]),
            review=tuple(value["review"]),
        )
