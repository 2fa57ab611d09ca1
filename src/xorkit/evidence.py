"""What was observed while a notebook ran. Evidence claims nothing; the judge concludes.

Evidence comes out of the learner's process as JSON and is therefore read as hostile: here, and
nowhere else, it becomes typed observations, by `read_data`, `read_model`, `read_settings`,
`read_training`, `read_predictions` and `read_values`. Each takes JSON of exactly the form that the
probe writes, of a limited size, and raises EvidenceError for anything else. Standard library and
NumPy only: the judge also works inside a learner's notebook.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# What names and forms evidence has. Kept evidence of another number can't be judged again; its
# notebook is run again.
EVIDENCE_FORM = 2
MIME = "application/vnd.xorkit.evidence+json"  # of the probe's answer in a kernel's message
# How an expression begins that the probe answers; to a kernel without it, it is a comment.
QUESTION = "# xorkit "
NOTHING = "pass"  # the cell that is run where nothing is to run before the probe is asked

# A run of 20,000 kept epochs of a net of a few parameters is 1 MB as base64; eight times that is
# room for larger nets, and still nothing that a grader's memory would notice.
MAX_BYTES = 8 << 20
DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
MAX_WIDTH = 100_000  # parameters of a model: ten thousand times the lesson's
MAX_NUMBERS = 1_000_000  # in an array of evidence: five times what the probe keeps of a run
MAX_TEXT = 1_000_000  # letters of a run's events: six times what the probe keeps
MAX_SHAPES = 64  # tensors of a model
MAX_TENSOR = 10_000  # values of a tensor that a cell leaves behind: a thousand times a lesson's
EVENTS = "fFbgzsoBS"  # letters of a run: see `Run`
MAX_COUNT = 10**12  # epochs: more than any grader waits for
MAX_NAMES = 1000  # values that a cell leaves behind: a hundred times what any lesson asks for
LARGEST_INT = 1 << 53  # in JSON a larger number may be read as another one

# Characters that are kept of a text from the learner's process; the rest is cut off.
LONGEST_NAME = 80  # of a type, an error, a function
LONGEST_SENTENCE = 500  # of what an error says, or of how a thing looks
ANSWER = 20_000  # of a text that a cell leaves behind: ten pages


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
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except EvidenceError:
        raise
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"evidence that is no JSON: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise EvidenceError(f"evidence that says something twice: {shown([*found])}")
    return found


def _no_number(name: str) -> None:
    raise EvidenceError(f"evidence with a {name}, which is no number of JSON's")


def _record(value: object, names: set[str], also: Sequence[str] = ()) -> Mapping[str, Any]:
    """An object with exactly these names, and perhaps some of the others."""
    if not isinstance(value, Mapping):
        raise EvidenceError(f"wanted an object, saw {shown(value)}")
    if not names <= set(value) <= names.union(also):
        raise EvidenceError(f"wanted {sorted(names)}, saw {[shown(name) for name in value][:9]}")
    return value


@dataclass(frozen=True, eq=False)  # a run is itself alone: what is computed of it is kept by it
class Run:
    """What was recorded while a training loop ran.

    `rows[k]` are all parameters, flat, when backward pass k (or `torch.autograd.grad`) began, the
    last row is where they were in the end. Of a run that is longer than what is kept, `rows` are
    of its first backward passes, and `end_rows` of its last ones and the end. `events` are letters
    in the order of what happened: f forward (F: with parameters that may have no gradient), b
    backward, g `torch.autograd.grad`, z `zero_grad`, s `step`, o another optimizer's step. Where
    the loop ran once more alone, B and S are the ends of backward and step, and `detail_rows` and
    `detail_grads` hold parameters and `.grad` at the first of all these moments (NaN: None).
    """

    shapes: tuple[tuple[int, ...], ...]
    rows: Array  # (backward passes kept + 1, parameters)
    events: str
    before: str  # events of before the first of them, when no parameters were known yet
    detail_rows: Array  # (events looked at, parameters)
    detail_grads: Array
    losses: Array  # what the first backward passes began at (NaN: no single number)
    backwards: int  # how many backward passes, kept or not
    total: int  # those of all models together
    models: int = 1  # how many different sets of parameters went through one
    on_model: bool = True  # whether `model` holds these parameters afterwards
    stopped: bool = False  # the recorder ended it: it had seen enough, or the time was over
    error: tuple[str, str] | None = None  # name and text of what the loop raised
    line: str = ""  # of the cell, that raised it
    end_rows: Array = field(default_factory=lambda: np.empty((0, 0)))

    def __post_init__(self) -> None:
        if not self.end_rows.size:
            object.__setattr__(self, "end_rows", self.rows[:0])

    @property
    def complete(self) -> bool:
        """Whether every backward pass was kept."""
        return len(self.rows) == self.backwards + 1


@dataclass(frozen=True)
class Tensor:
    """A tensor as the probe saw it, read as float64 whatever it holds."""

    dtype: str
    array: Array

    @property
    def decimal(self) -> bool:
        return self.dtype.startswith(("float", "bfloat"))


@dataclass(frozen=True)
class Thing:
    """What stood under a name, where it is neither plain nor a tensor: its type and its looks."""

    type: str
    text: str = ""

    @property
    def missing(self) -> bool:
        return self.type == "NoneType"


@dataclass(frozen=True)
class Failure:
    """An object that raised when it was asked: its type, and the error's name and text."""

    type: str
    error: tuple[str, str]

    @property
    def missing(self) -> bool:
        return self.type == "NoneType"


@dataclass(frozen=True)
class DataObservation:
    """What X and Y are. `model` is the dtype of the learner's layers where they refuse X's."""

    inputs: Tensor | Thing
    targets: Tensor | Thing
    model: str | None = None


@dataclass(frozen=True)
class ModelOutputs:
    """What a model of these parameters gave at parameter vectors that the judge chose."""

    shapes: tuple[tuple[int, ...], ...]
    outputs: Array  # (vectors, rows of inputs, …)
    trains: tuple[bool, ...]  # whether each parameter requires a gradient


@dataclass(frozen=True)
class LossValues:
    """What a loss function gave for pairs of predictions and targets that the judge chose."""

    values: Array  # (pairs,)
    gradients: Array  # (pairs, rows, out)


@dataclass(frozen=True)
class OptimizerSteps:
    """Where an optimizer took the parameters, for gradients that the judge chose."""

    type: str
    rows: Array  # (steps + 1, parameters)


@dataclass(frozen=True)
class SettingsObservation:
    loss: LossValues | Failure
    optimizer: OptimizerSteps | Failure


@dataclass(frozen=True)
class Runs:
    """What the probe saw of a loop. `whole` were made where the own run was short."""

    alone: Run
    own: Run | None = None
    whole: tuple[Run, ...] = ()
    replaced: tuple[str, ...] = ()  # functions of PyTorch that the notebook put its own in place of
    raised: tuple[str, str] | None = None  # by the learner's own run: the error's name and text
    line: str = ""  # of the cell, that raised it

    @property
    def tied(self) -> bool:
        """Whether any of them trained the parameters of `model`."""
        runs = (self.alone, *self.whole, *([self.own] if self.own else []))
        return any(run.on_model for run in runs)


@dataclass(frozen=True)
class PredictionsObservation:
    """The learner's own model after training: what it computes, and its parameters (P,)."""

    model: ModelOutputs | Failure
    row: Array


Value = None | bool | int | float | str | Tensor | Thing


def read_data(value: object) -> DataObservation:
    seen = _record(value, {"X", "Y"}, ["model"])
    model = read_text(seen["model"], LONGEST_NAME) if "model" in seen else None
    return DataObservation(_read_thing(seen["X"]), _read_thing(seen["Y"]), model)


def _read_thing(value: object) -> Tensor | Thing:
    if isinstance(value, Mapping) and "array" in value:
        seen = _record(value, {"dtype", "array"})
        array = decode(seen["array"])
        if array.size > MAX_TENSOR:
            raise EvidenceError(f"a tensor of {array.size} values; at most {MAX_TENSOR} are read")
        return Tensor(read_text(seen["dtype"], LONGEST_NAME), array.astype(np.float64))
    seen = _record(value, {"type", "text"})
    return Thing(read_text(seen["type"], LONGEST_NAME), read_text(seen["text"], LONGEST_SENTENCE))


def read_model(value: object) -> ModelOutputs | Failure:
    if (failure := _read_failure(value)) is not None:
        return failure
    seen = _record(value, {"shapes", "outputs", "trains"})
    shapes, outputs, trains = read_shapes(seen["shapes"]), decode(seen["outputs"]), seen["trains"]
    if outputs.ndim < 1 or outputs.size > MAX_NUMBERS:
        raise EvidenceError(f"wanted a model's outputs, saw an array of shape {outputs.shape}")
    if not isinstance(trains, list) or len(trains) != len(shapes):
        raise EvidenceError(f"wanted what trains of {len(shapes)} parameters, saw {shown(trains)}")
    return ModelOutputs(shapes, outputs.astype(np.float64), tuple(map(_read_truth, trains)))


def _read_failure(value: object) -> Failure | None:
    if not isinstance(value, Mapping) or "error" not in value:
        return None
    seen = _record(value, {"error", "type"})
    error = read_error(seen["error"])
    if error is None:
        raise EvidenceError("an object that gave neither an answer nor an error")
    return Failure(read_text(seen["type"], LONGEST_NAME), error)


def read_settings(value: object) -> SettingsObservation:
    seen = _record(value, {"loss", "optimizer"})
    loss: LossValues | Failure | None = _read_failure(seen["loss"])
    if loss is None:
        said = _record(seen["loss"], {"values", "gradients"})
        loss = LossValues(read_numbers(said["values"], 1), read_numbers(said["gradients"], 3))
        if len(loss.values) != len(loss.gradients):
            raise EvidenceError(f"{len(loss.values)} losses, {len(loss.gradients)} gradients")
    optimizer: OptimizerSteps | Failure | None = _read_failure(seen["optimizer"])
    if optimizer is None:
        said = _record(seen["optimizer"], {"type", "rows"})
        optimizer = OptimizerSteps(
            read_text(said["type"], LONGEST_NAME), read_numbers(said["rows"], 2)
        )
    return SettingsObservation(loss, optimizer)


def read_training(value: object) -> Runs:
    seen = _record(value, {"alone", "own", "whole", "replaced", "raised"})
    whole, replaced, raised = seen["whole"], seen["replaced"], seen["raised"]
    if not isinstance(whole, list) or len(whole) > 2 or not isinstance(replaced, list):
        raise EvidenceError(f"wanted runs, saw {shown(whole)} and {shown(replaced)}")
    if raised is not None and not (isinstance(raised, list) and len(raised) == 3):
        raise EvidenceError(f"wanted an error and its line, saw {shown(raised)}")
    return Runs(
        alone=read_run(seen["alone"]),
        own=None if seen["own"] is None else read_run(seen["own"]),
        whole=tuple(map(read_run, whole)),
        replaced=tuple(read_text(name, LONGEST_NAME) for name in replaced[:8]),
        raised=None if raised is None else read_error(raised[:2]),
        line="" if raised is None else read_text(raised[2], LONGEST_SENTENCE),
    )


def read_predictions(value: object) -> PredictionsObservation:
    seen = _record(value, {"model", "row"})
    return PredictionsObservation(read_model(seen["model"]), read_numbers(seen["row"], 1))


def read_values(value: object) -> Mapping[str, Value]:
    """The plain values that a cell left behind, by name."""
    values = _record(value, {"values"})["values"]
    if not isinstance(values, Mapping) or len(values) > MAX_NAMES:
        raise EvidenceError(f"wanted values by name, saw {shown(values)}")
    return {read_text(name, LONGEST_NAME): _read_value(each) for name, each in values.items()}


def _read_value(value: object) -> Value:
    match value:
        case None | bool() | float():
            return value
        case int() if abs(value) <= LARGEST_INT:
            return value
        case str():
            return read_text(value, ANSWER)
    return _read_thing(value)


def read_run(value: object) -> Run:
    """A run from its JSON. Raises EvidenceError where anything has the wrong form."""
    seen = _record(value, {f.name for f in fields(Run)})
    shapes = read_shapes(seen["shapes"])
    rows, end_rows, detail_rows, detail_grads = (
        read_numbers(seen[name], 2) for name in ("rows", "end_rows", "detail_rows", "detail_grads")
    )
    run = Run(
        shapes=shapes,
        rows=rows,
        events=_read_events(seen["events"]),
        before=_read_events(seen["before"]),
        detail_rows=detail_rows,
        detail_grads=detail_grads,
        losses=read_numbers(seen["losses"], 1),
        backwards=read_count(seen["backwards"]),
        total=read_count(seen["total"]),
        models=read_count(seen["models"]),
        on_model=_read_truth(seen["on_model"]),
        stopped=_read_truth(seen["stopped"]),
        error=read_error(seen["error"]),
        line=read_text(seen["line"], LONGEST_SENTENCE),
        end_rows=end_rows,
    )
    width = sum(math.prod(shape) for shape in shapes)
    if not len(rows) or rows.shape[1] != width or len(rows) - 1 > run.backwards:
        raise EvidenceError(f"rows of shape {rows.shape} for {width} parameters")
    if end_rows.shape[1] != width or len(rows) + len(end_rows) > run.backwards + 1:
        raise EvidenceError(f"rows of the end of shape {end_rows.shape} for {width} parameters")
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


def _read_truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise EvidenceError(f"wanted true or false, saw {shown(value)}")
    return value


def _read_events(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not _of_events(value):
        raise EvidenceError(f"wanted events, saw {shown(value)}")
    return value


def _of_events(text: str) -> bool:
    """Whether it has no other letters; a set of them would take ten times as long."""
    return text.isascii() and not text.encode().translate(None, EVENTS.encode())


def read_text(value: object, length: int) -> str:
    """A text that can be written as UTF-8, cut off after so many characters."""
    if not isinstance(value, str):
        raise EvidenceError(f"wanted a text, saw {shown(value)}")
    return value[:length].encode("utf-8", "replace").decode()


def read_error(value: object) -> tuple[str, str] | None:
    """Name and text of an exception, shortened; None where there was none."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise EvidenceError(f"wanted an error's name and text, saw {shown(value)}")
    return read_text(value[0], LONGEST_NAME), read_text(value[1], LONGEST_SENTENCE)


@dataclass(frozen=True)
class Lack:
    """Something that a cell met and that Colab has, but not the machine that grades.

    kind: package (`name` is what is imported), python (the oldest version that would do), typing
    (somebody who answers `input`), clicking (somebody who clicks a button) or cell (a name that a
    cell above would have left behind).
    """

    kind: str
    name: str
    hangs: bool  # whether what the cell leaves behind hangs on it


BY_ITSELF = ("ok", "error")  # ways in which a cell ends that no limit has a part in


@dataclass(frozen=True)
class CellRun:
    """How one cell of the notebook ran.

    status: ok, error, timeout, died, garbled (sent what nobody can read), memory, output (printed
    without end), not_run (the notebook's time was over) or given_up (it ended too many kernels).
    """

    grade_id: str
    status: str
    error: tuple[str, str] | None = None
    seconds: float = 0.0
    lacks: tuple[Lack, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", read_error(self.error))


@dataclass(frozen=True)
class Evidence:
    """All that is known of one submission: enough to judge it again without running it."""

    cells: tuple[CellRun, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)  # grade_id -> text handed in
    observations: Mapping[str, Any] = field(default_factory=dict)  # by answer cell, as JSON
    questions: Mapping[str, Any] = field(default_factory=dict)  # what the kernel was asked
    # By answer cell, why there is no observation of it, where the grader's own process knows that
    # it is the grader's doing; what a kernel says of itself is never put here.
    faults: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # that the whole notebook took, new kernels and observations included
    repairs: tuple[str, ...] = ()
    review: tuple[str, ...] = ()

    def cell(self, grade_id: str) -> CellRun | None:
        return next((cell for cell in self.cells if cell.grade_id == grade_id), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "form": EVIDENCE_FORM,
            "cells": [
                {
                    "grade_id": c.grade_id,
                    "status": c.status,
                    "error": c.error,
                    "seconds": c.seconds,
                    "lacks": [[lack.kind, lack.name, lack.hangs] for lack in c.lacks],
                }
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
        if value["form"] != EVIDENCE_FORM:
            raise EvidenceError(
                f"evidence of form {shown(value['form'])}; this is read: {EVIDENCE_FORM}"
            )
        cells = tuple(
            CellRun(
                c["grade_id"],
                c["status"],
                c["error"],
                float(c["seconds"]),
                tuple(Lack(*lack) for lack in c["lacks"]),
            )
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
