"""Stands beside the learner's code, records what it does, and answers questions given as data.

Everything here runs in the learner's process and can be tampered with there, so it concludes
nothing: it hands out what it saw as JSON, and the judge, elsewhere, recomputes all of it.

What any way of writing a training loop passes through is `torch.autograd.backward` (every
`loss.backward()` ends there) or `torch.autograd.grad`; that is where parameters are recorded. Which
tensors are parameters is read off the graph of the loss, so that layers called one by one, custom
modules, hand-made tensors and models built again in the loop are all seen.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import itertools
import os
import signal
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from xorkit.evidence import encode

MIME = "application/vnd.xorkit.evidence+json"
MAX_ROWS = 20_000  # passes kept of one model: four times what the lesson asks for, 0.7 MB
MAX_EVENTS = 8 * MAX_ROWS  # four letters a pass in a plain loop, twice that with a closure
MAX_DETAILS = 400  # events looked at closely: fifty passes of eight events
MAX_MODELS = 8  # recorded models kept; a loop that builds one a pass makes thousands
MAX_NODES = 10_000  # of a loss's graph: a thousand times the lesson's, and still milliseconds
MAX_TEXT = 20_000  # characters of an answer: ten pages
ISOLATED_SECONDS = 20.0  # the isolated run of a right loop takes 0.02 s, counting its passes 1 s

Namespace = MutableMapping[str, Any]
FloatArray = npt.NDArray[Any]


class Enough(BaseException):
    """Ends an isolated run. No Exception, so that `except Exception` in a loop lets it through."""


class Recording:
    """What one set of parameters went through: see `xorkit.evidence.Run` for the letters."""

    def __init__(self, parameters: Sequence[torch.Tensor], before: str = "") -> None:
        self.parameters = list(parameters)
        self.ids = {id(parameter) for parameter in parameters}
        self.width = sum(parameter.numel() for parameter in parameters)
        self.before = before
        self.rows: list[bytes] = []
        self.events = bytearray()
        self.details: list[tuple[bytes, FloatArray]] = []
        self.passes = 0
        self.path: tuple[int, ...] = ()  # the way through the graph from a loss to a parameter
        self._pointers: list[int] = []
        self._views: list[memoryview] = []

    def row(self) -> bytes:
        """All parameters now, as bytes. Views of their memory make it cheap (0.5 µs a pass)."""
        pointers = [parameter.data_ptr() for parameter in self.parameters]
        if pointers != self._pointers:
            if not _viewable(self.parameters):
                return b"".join(_flat(parameter).tobytes() for parameter in self.parameters)
            self._pointers = pointers
            self._views = [memoryview(p.detach().numpy()).cast("B") for p in self.parameters]
        return b"".join(self._views)

    def add_pass(self) -> None:
        self.passes += 1
        if len(self.rows) < MAX_ROWS:
            self.rows.append(self.row())

    def event(self, letter: int) -> None:
        if len(self.events) < MAX_EVENTS:
            self.events.append(letter)
            if len(self.details) < MAX_DETAILS:
                grads = np.concatenate([_flat_grad(parameter) for parameter in self.parameters])
                self.details.append((self.row(), grads))

    def to_json(self, models: int, stopped: bool, error: BaseException | None) -> dict[str, Any]:
        rows = [self._array(row) for row in [*self.rows, self.row()]]
        details = [self._array(row) for row, _ in self.details]
        empty = np.empty((0, self.width))
        return {
            "shapes": [list(parameter.shape) for parameter in self.parameters],
            "rows": encode(np.stack(rows)),
            "events": self.events.decode("ascii"),
            "before": self.before[-MAX_DETAILS:],
            "detail_rows": encode(np.stack(details) if details else empty),
            "detail_grads": encode(np.stack([g for _, g in self.details]) if details else empty),
            "passes": self.passes,
            "models": models,
            "stopped": stopped,
            "error": describe(error),
        }

    def _array(self, row: bytes) -> FloatArray:
        return np.frombuffer(row, dtype=f"f{len(row) // max(self.width, 1)}")


def _viewable(parameters: Iterable[torch.Tensor]) -> bool:
    """Whether NumPy can look at the very memory of all of them, in one dtype."""
    dtypes = {p.dtype for p in parameters}
    plain = all(p.is_contiguous() and p.device.type == "cpu" for p in parameters)
    return plain and len(dtypes) == 1 and dtypes <= {torch.float32, torch.float64}


def _flat(tensor: torch.Tensor) -> FloatArray:
    return tensor.detach().to("cpu", torch.float64).numpy().ravel()


def _flat_grad(parameter: torch.Tensor) -> FloatArray:
    grad = parameter.grad
    return np.full(parameter.numel(), np.nan) if grad is None else _flat(grad.to_dense())


def describe(error: BaseException | None) -> list[str] | None:
    """An exception as JSON. Its text is the learner's, and `str` of it may raise anything."""
    if error is None:
        return None
    try:
        text = str(error)[:500]
    except Exception:
        text = ""
    return [type(error).__name__[:80], text]


def _accumulators(root: Any) -> Iterator[tuple[tuple[int, ...], torch.Tensor]]:
    """The leaves of a loss's graph, nearest first, each with the way to it."""
    queue: deque[tuple[Any, tuple[int, ...]]] = deque([(root, ())])
    seen = {root}
    while queue and len(seen) < MAX_NODES:
        node, path = queue.popleft()
        if hasattr(node, "variable"):
            yield path, node.variable
        for index, (after, _) in enumerate(node.next_functions):
            if after is not None and after not in seen:
                seen.add(after)
                queue.append((after, (*path, index)))


class Recorder:
    """Notes every backward pass, step and zero_grad of this process, by PyTorch's own hooks.

    Holds the one thing that is global anyway: PyTorch's hooks. `recorder()` makes and installs it.
    """

    def __init__(self) -> None:
        self.modules: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self.reset()

    def reset(self, limit: int | None = None) -> None:
        self.recordings: deque[Recording] = deque(maxlen=MAX_MODELS)
        self.models = 0
        self.passes = 0
        self.limit = limit
        self.before = ""

    def install(self) -> None:
        torch.autograd.backward = self._observed(torch.autograd.backward, ord("b"), ord("B"))
        torch.autograd.grad = self._observed(torch.autograd.grad, ord("g"), None)
        optimizer, module = torch.optim.Optimizer, nn.Module
        optimizer.zero_grad = self._cleared(optimizer.zero_grad)  # type: ignore[method-assign]
        module.zero_grad = self._cleared(module.zero_grad)  # type: ignore[method-assign]
        module.__init__ = self._built(module.__init__)  # type: ignore[method-assign]
        register_optimizer_step_pre_hook(lambda opt, *_: self._on_optimizer(opt, ord("s")))
        register_optimizer_step_post_hook(lambda opt, *_: self._on_optimizer(opt, ord("S")))

    def _observed(self, original: Callable[..., Any], begin: int, end: int | None) -> Any:
        @functools.wraps(original)
        def observed(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            recording = self._on_pass(tensors, begin)
            result = original(tensors, *args, **kwargs)
            if recording is not None and end is not None:
                recording.event(end)
            return result

        return observed

    def _cleared(self, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def zero_grad(owner: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(owner, *args, **kwargs)
            self._on_optimizer(owner, ord("z"))
            return result

        return zero_grad

    def _built(self, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            original(module, *args, **kwargs)
            self.modules.add(module)

        return init

    def _on_pass(self, tensors: Any, letter: int) -> Recording | None:
        if self.limit is not None and self.passes >= self.limit:
            raise Enough
        loss = tensors if isinstance(tensors, torch.Tensor) else next(iter(tensors), None)
        recording = self._find(loss) if isinstance(loss, torch.Tensor) else None
        self.passes += 1
        if recording is None:
            self.before += chr(letter)
        else:
            self.models += recording.passes == 0
            recording.event(letter)
            recording.add_pass()
        return recording

    def _find(self, loss: torch.Tensor) -> Recording | None:
        """The recording of the parameters that this loss depends on, a new one if need be."""
        current = self.recordings[-1] if self.recordings else None
        if loss.grad_fn is None:
            return current  # cut off from all parameters: a pass of the loop all the same
        if current is not None and current.path and self._leads_to(loss.grad_fn, current):
            return current
        leaves = dict(_accumulators(loss.grad_fn))
        if not leaves:
            return current
        ids = {id(leaf) for leaf in leaves.values()}
        found = next((r for r in reversed(self.recordings) if ids <= r.ids), None)
        if found is None:
            found = Recording(self._owner(ids, leaves.values()), self.before)
            self.recordings.append(found)
            self.before = ""
        found.path = next(iter(leaves))
        return found

    @staticmethod
    def _leads_to(node: Any, recording: Recording) -> bool:
        try:
            for index in recording.path:
                node = node.next_functions[index][0]
            return id(node.variable) in recording.ids
        except (AttributeError, IndexError):
            return False

    def _owner(self, ids: set[int], leaves: Iterable[torch.Tensor]) -> list[torch.Tensor]:
        """The parameters, in order, of the smallest module that holds all of the leaves."""
        owners = ([*module.parameters()] for module in list(self.modules))
        holding = [own for own in owners if ids <= {id(parameter) for parameter in own}]
        return min(holding, key=len, default=[*leaves])

    def _on_optimizer(self, owner: Any, letter: int) -> None:
        try:
            groups = getattr(owner, "param_groups", None)
            first = groups[0]["params"][0] if groups else next(iter(owner.parameters()))
        except (AttributeError, IndexError, KeyError, StopIteration, TypeError):
            return
        for recording in reversed(self.recordings):
            if id(first) in recording.ids:
                recording.event(letter)
                return
        if len(self.before) < MAX_DETAILS:
            self.before += chr(letter)

    def of(self, model: object) -> Recording | None:
        """The recording of a model's parameters, else of whatever made the most passes."""
        ids = {id(parameter) for parameter in parameters_of(model)}
        own = [r for r in self.recordings if r.passes and ids & r.ids]
        return own[-1] if own else max(self.recordings, key=lambda r: r.passes, default=None)


@functools.cache
def recorder() -> Recorder:
    """The process's recorder; from the first call on, everything is recorded."""
    made = Recorder()
    made.install()
    return made


def parameters_of(model: object) -> list[torch.Tensor]:
    """A model's parameters in its own order; none for what is no model."""
    try:
        found = list(model.parameters())  # type: ignore[attr-defined]
    except Exception:
        return []  # whatever a learner's object raises, it has no parameters
    return [parameter for parameter in found if isinstance(parameter, torch.Tensor)]


# ---------------------------------------------------------------------- questions and answers


def ask_tensor(value: object) -> dict[str, Any]:
    """A tensor as evidence, or what stands in its place."""
    if isinstance(value, torch.Tensor):
        with contextlib.suppress(Exception):  # a tensor subclass may do anything
            plain = value.detach().cpu()
            known = plain.dtype not in (torch.bfloat16, torch.float16)
            array = (plain if known else plain.float()).numpy()
            if array.size <= 10_000:  # the lesson's largest tensor has eight numbers
                return {"dtype": str(value.dtype).removeprefix("torch."), "array": encode(array)}
    return {"type": type(value).__name__[:80], "text": ask_text(value)}


def ask_text(value: object) -> str:
    try:
        return repr(value)[:200]
    except Exception:
        return ""  # a learner's __repr__ may raise anything


def ask_model(model: object, questions: Mapping[str, Any]) -> dict[str, Any]:
    """A model's outputs at parameters that the judge chose: its function, whatever its class.

    The parameters are filled in the model's own order; `outputs` is (vectors, inputs, out).
    """
    try:
        model = copy.deepcopy(model)
        parameters = parameters_of(model)
        inputs = torch.tensor(questions["inputs"])
        if parameters:
            inputs = inputs.to(parameters[0].dtype)
        outputs = [_outputs(model, parameters, vector, inputs) for vector in questions["vectors"]]
        return {
            "shapes": [list(parameter.shape) for parameter in parameters],
            "outputs": encode(torch.stack(outputs).to(torch.float64).numpy()),
        }
    except Exception as error:  # a learner's forward may raise anything
        return {"error": describe(error), "type": type(model).__name__[:80]}


def _outputs(
    model: Any, parameters: list[torch.Tensor], vector: Sequence[float], inputs: torch.Tensor
) -> torch.Tensor:
    fill(parameters, vector)
    with torch.no_grad():
        outputs = model(inputs)
    if not isinstance(outputs, torch.Tensor) or outputs.numel() > 10_000:
        raise TypeError(f"the model gives back {type(outputs).__name__}, not a small tensor")
    return outputs.detach().cpu()


def fill(parameters: Sequence[torch.Tensor], values: Sequence[float]) -> None:
    """Writes the values into the parameters, in order; they start again when used up."""
    at = 0
    with torch.no_grad():
        for parameter in parameters:
            numbers = [values[(at + i) % len(values)] for i in range(parameter.numel())]
            parameter.copy_(torch.tensor(numbers, dtype=torch.float64).reshape(parameter.shape))
            at += parameter.numel()


def ask_loss(loss_fn: Any, questions: Mapping[str, Any]) -> dict[str, Any]:
    """A loss function's value for each pair of predictions and targets."""
    try:
        pairs = [(torch.tensor(p), torch.tensor(t)) for p, t in questions["pairs"]]
        return {"values": [float(loss_fn(p, t)) for p, t in pairs]}
    except Exception as error:  # a learner's function may raise anything
        return {"error": describe(error), "type": type(loss_fn).__name__[:80]}


def ask_optimizer(model: object, optimizer: Any, questions: Mapping[str, Any]) -> dict[str, Any]:
    """Where an optimizer takes the model's parameters for gradients that the judge chose.

    `rows` is (steps + 1, parameters); `held` are the indices of the parameters that it holds.
    """
    parameters = parameters_of(model)
    try:
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        rows = [np.concatenate([_flat(p) for p in parameters])]
        for vector in questions["grads"]:
            for parameter, grad in zip(parameters, _split(vector, parameters), strict=True):
                parameter.grad = grad
            optimizer.step()
            rows.append(np.concatenate([_flat(p) for p in parameters]))
    except Exception as error:  # a learner's optimizer may raise anything
        return {"error": describe(error), "type": type(optimizer).__name__[:80]}
    return {
        "type": type(optimizer).__name__[:80],
        "held": [index for index, p in enumerate(parameters) if id(p) in held],
        "parameters": len(parameters),
        "rows": encode(np.stack(rows)),
    }


def _split(vector: Sequence[float], parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    grads = [torch.empty_like(parameter) for parameter in parameters]
    fill(grads, vector)
    return grads


# ------------------------------------------------------------------------------ isolated runs


def lesson_objects(questions: Mapping[str, Any], start: Sequence[float]) -> dict[str, Any]:
    """The lesson's own data, model, loss and optimizer, by the names that the contract fixes."""
    sizes = questions["layers"]
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.Sigmoid()]
    model = nn.Sequential(*layers)
    fill(parameters_of(model), start)
    return {
        "X": torch.tensor(questions["X"]),
        "Y": torch.tensor(questions["Y"]),
        "model": model,
        "loss_fn": nn.MSELoss(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=questions["lr"]),
    }


@contextlib.contextmanager
def swapped(namespace: Namespace, names: Mapping[str, Any]) -> Iterator[None]:
    """The learner's namespace with some names set right, under all the names they go by."""
    saved = dict(namespace)
    plain = (type(None), bool, int, float, str)  # equal by chance, not one thing by two names
    alias = {
        id(saved[name]): value
        for name, value in names.items()
        if name in saved and not isinstance(saved[name], plain)
    }
    namespace.update({name: alias[id(v)] for name, v in saved.items() if id(v) in alias})
    namespace.update(names)
    try:
        yield
    finally:
        namespace.clear()
        namespace.update(saved)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing of what runs inside is seen or heard; random numbers go on as before."""
    with contextlib.ExitStack() as stack:
        null = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(null))
        stack.enter_context(contextlib.redirect_stderr(null))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(torch.random.fork_rng(devices=[]))
        if _shell() is not None:
            from IPython.utils.capture import capture_output

            stack.enter_context(capture_output(stdout=False, stderr=False, display=True))
        yield


def _shell() -> Any:
    """The running IPython shell, None outside of one."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raises Enough after so many seconds, again and again, where a process can have an alarm."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(*_: object) -> None:
        raise Enough

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def execute(source: str, namespace: Namespace) -> BaseException | None:
    """Runs a cell's text in a namespace, within limits; gives back what it raised."""
    shell = _shell()
    try:
        text = shell.transform_cell(source) if shell is not None else source
        code = compile(text, "<cell>", "exec")
        with quiet(), _alarm(ISOLATED_SECONDS):
            exec(code, namespace)  # noqa: S102 - the learner's cell, in the learner's process
    except BaseException as error:  # whatever the learner's cell raises, SystemExit included
        return error
    return None


@contextlib.contextmanager
def _following(model: nn.Module, start: Sequence[float]) -> Iterator[None]:
    """Notes forward passes, and starts any model that the run builds itself from `start`."""
    record = recorder()
    known = {id(parameter) for parameter in model.parameters()}
    record.recordings.append(Recording(parameters_of(model)))
    by_size = {parameter.numel(): _flat(parameter).tolist() for parameter in model.parameters()}

    def on_forward(module: nn.Module, _: object) -> None:
        own = [p for p in module._parameters.values() if p is not None]
        for parameter in own:
            if id(parameter) not in known:
                known.add(id(parameter))
                fill([parameter], by_size.get(parameter.numel(), start))
        current = record.recordings[-1]
        if own and any(own[0] is parameter for parameter in current.parameters[:1]):
            current.event(ord("f"))

    handle = register_module_forward_pre_hook(on_forward)
    try:
        yield
    finally:
        handle.remove()


def run_alone(
    source: str, namespace: Namespace, questions: Mapping[str, Any], *, start: str, limit: int
) -> dict[str, Any]:
    """The learner's loop on the lesson's own objects, from a start that the judge chose.

    Stopped after `limit` passes. A mistake in another cell can't reach it, and nobody knew the
    start before.
    """
    record = recorder()
    kept = dict(vars(record))
    objects = lesson_objects(questions, questions[start])
    try:
        record.reset(limit)
        with swapped(namespace, objects), _following(objects["model"], questions[start]):
            error = execute(source, namespace)
            stopped = isinstance(error, Enough)
            longest = max(record.recordings, key=lambda recording: recording.passes)
            return longest.to_json(record.models, stopped, None if stopped else error)
    finally:
        vars(record).update(kept)


def run_blank(source: str, namespace: Namespace, names: Mapping[str, Any]) -> dict[str, Any]:
    """What a cell leaves behind, with the cells before it set right."""
    record = recorder()
    kept = dict(vars(record))
    try:
        record.reset(limit=0)  # a loop in such a cell is not what is asked here
        with swapped(namespace, names):
            error = execute(source, namespace)
            return {**namespace, "__error__": error}
    finally:
        vars(record).update(kept)


# -------------------------------------------------------------------------------- observations


def observe_data(namespace: Namespace, source: str, questions: Mapping[str, Any]) -> dict[str, Any]:
    return {name: ask_tensor(namespace.get(name)) for name in ("X", "Y")}


def observe_model(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    right = lesson_objects(questions, questions["start"])
    left = run_blank(source, namespace, {name: right[name] for name in ("X", "Y")})
    model = left.get("model", namespace.get("model"))
    return {**ask_model(model, questions), "raised": describe(left["__error__"])}


def observe_loss_and_optimizer(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    right = lesson_objects(questions, questions["start"])
    left = run_blank(source, namespace, {name: right[name] for name in ("X", "Y", "model")})
    model, optimizer = left["model"], left.get("optimizer", namespace.get("optimizer"))
    answer = ask_optimizer(model, optimizer, questions)
    if not answer.get("held"):
        # An optimizer made in another cell knows the learner's own model, not the lesson's.
        with contextlib.suppress(Exception):  # deepcopy of a learner's object may raise anything
            own = copy.deepcopy((namespace.get("model"), namespace.get("optimizer")))
            answer = max(
                ask_optimizer(*own, questions), answer, key=lambda a: len(a.get("held", ""))
            )
    return {
        "loss": ask_loss(left.get("loss_fn", namespace.get("loss_fn")), questions),
        "optimizer": answer,
        "raised": describe(left["__error__"]),
    }


def observe_training_loop(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    record = recorder()
    own = record.of(namespace.get("model"))
    seen: dict[str, Any] = {
        "own": own.to_json(record.models, False, None) if own is not None and own.passes else None,
        "alone": run_alone(source, namespace, questions, start="start", limit=questions["updates"]),
        "whole": [],
    }
    if own is None or own.passes < questions["epochs"]:
        # Too few passes, early stopping, or a crash elsewhere? Whole runs from two starts tell:
        # one that converges, one that stalls.
        for start in ("good", "stall"):
            limit = 3 * questions["epochs"]  # a loop without end has to be ended
            run = run_alone(source, namespace, questions, start=start, limit=limit)
            seen["whole"].append(run)
            if run["error"] is not None or run["stopped"]:
                break
    return seen


def observe_predictions(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    model = namespace.get("model")
    parameters = parameters_of(model)
    flat = [_flat(parameter) for parameter in parameters]
    own = recorder().of(model)
    return {
        "model": ask_model(model, questions),
        "row": encode(np.concatenate(flat) if flat else np.empty(0)),
        "passes": 0 if own is None else own.passes,
    }


def observe_values(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    """The plain values of the names that a cell's text assigns."""
    names = questions.get("names") or assigned(source)
    return {"values": {name: _plain(namespace.get(name)) for name in names}}


def assigned(source: str) -> list[str]:
    """The names that a cell assigns at its top level."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _plain(value: object) -> Any:
    if type(value) is str:
        return value[:MAX_TEXT]
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, torch.Tensor):
        return ask_tensor(value)
    return {"type": type(value).__name__[:80], "text": ask_text(value)}


OBSERVERS: dict[str, Callable[[Namespace, str, Mapping[str, Any]], dict[str, Any]]] = {
    "data": observe_data,
    "model": observe_model,
    "loss_and_optimizer": observe_loss_and_optimizer,
    "training_loop": observe_training_loop,
    "predictions": observe_predictions,
}


def observe(
    blank: str, namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    """What is to be seen of one answer cell, as JSON. `source` is the cell's text."""
    return OBSERVERS.get(blank, observe_values)(namespace, source, questions)


def publish(blank: str, source: str, questions: str) -> None:
    """Shows what is to be seen of an answer cell as an output of the running kernel."""
    import json

    from IPython.display import display

    seen = observe(blank, _shell().user_ns, source, json.loads(questions))
    display({MIME: seen}, raw=True)  # type: ignore[no-untyped-call]
