"""Records what training does in this process, by PyTorch's own hooks, whatever the loop looks like.

What any way of writing a training loop passes through is `torch.autograd.backward` (every
`loss.backward()` ends there) or `torch.autograd.grad`; that is where parameters are recorded. Which
tensors are parameters is read off the graph of the loss, so that layers called one by one, custom
modules, hand-made tensors and models built again in the loop are all seen.
"""

from __future__ import annotations

import contextlib
import functools
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from xorkit.evidence import MAX_SHAPES, MAX_WIDTH, NOTHING, encode
from xorkit.probe.notebook import Namespace, Snapshot, shell, snapshot

# Numbers kept of a run's first rows: 18,000 epochs of the lesson's net, more than three times what
# it asks for. With all that else is seen of a loop they make 2 MB of JSON, which a kernel may
# publish at once.
ROOM = 162_000
END_ROOM = 18_000  # numbers kept of a longer run's last rows: another 2,000 epochs
MAX_EVENTS = 160_000  # four letters an epoch in a plain loop, twice that with a closure
MAX_BEFORE = 400  # letters kept of what happened before there were parameters to speak of
DETAIL_ROOM = 20_000  # numbers kept of them
MAX_LOSSES = 64
MAX_MODELS = 64  # recorded models kept; a loop that builds one an epoch makes thousands
MAX_LINE = 200  # characters of a line that raised
MAX_NODES = 10_000  # of a loss's graph: a thousand times the lesson's, and still milliseconds

FloatArray = npt.NDArray[Any]
Path = tuple[int, ...]  # through the graph of a loss: which way at each node


class Recording:
    """What one set of parameters went through: see `xorkit.evidence.Run` for the letters."""

    def __init__(
        self,
        parameters: Sequence[torch.Tensor],
        owner: nn.Module | None = None,
        before: str = "",
        room: int = ROOM,
        looks: int = 0,
    ) -> None:
        self.owner = owner  # the module whose parameters they are
        self.separate = not isinstance(owner, nn.Module)
        self.parameters = list(parameters)
        self.ids = {id(parameter) for parameter in parameters}
        self.width = sum(parameter.numel() for parameter in parameters)
        self.before = before
        self.rows: list[bytes] = []
        self.end: deque[bytes] = deque(maxlen=max(1, END_ROOM // max(self.width, 1)))
        self.events = bytearray()
        self.details: list[tuple[bytes, FloatArray]] = []
        self.losses: list[float] = []
        self.backwards = 0
        self.renewals = 0  # how often new tensors took the place of its parameters
        # The ways through the graph from a loss to the parameters, and the first of them.
        self.paths: dict[Path, int] = {}
        self.path: Path = ()
        self._most_rows = max(1, room // max(self.width, 1))
        self._most_details = min(looks, DETAIL_ROOM // max(self.width, 1))
        # Called in each epoch: a Python function would take a microsecond of the 75 that it lasts.
        self.event: Callable[[int], None] = self._look if looks else self.events.append
        self._pointers: list[int] = []
        self._views: list[memoryview] = []

    def row(self) -> bytes:
        """All parameters now, as bytes. Views of their memory make it cheap (0.5 µs an epoch)."""
        pointers = [*map(torch.Tensor.data_ptr, self.parameters)]
        if pointers != self._pointers:
            if not _viewable(self.parameters):
                return b"".join(flat(parameter).tobytes() for parameter in self.parameters)
            self._pointers = pointers
            arrays: list[Any] = [parameter.detach().numpy() for parameter in self.parameters]
            self._views = [memoryview(array).cast("B") for array in arrays]
        return b"".join(self._views)

    def goes_on_with(self, parameters: Sequence[torch.Tensor]) -> None:
        """From now on these are its owner's parameters: an update may make new ones."""
        self.parameters = list(parameters)
        self.ids = {id(parameter) for parameter in parameters}

    def ends_with(self, model: Sequence[torch.Tensor]) -> None:
        """Takes a model's parameters for what the last update made, where they are near by.

        New tensors are seen at the next backward pass, and after the last update there is none. A
        loop may have written them into a model, whose parameters are in another order, or turned.
        """
        rest, taken = [each.detach() for each in model], []
        for parameter in self.parameters:
            ways = [
                (float((way - parameter.detach()).norm()), place, way)
                for place, each in enumerate(rest)
                for way in ([each, each.T] if each.dim() == 2 else [each])
                if way.shape == parameter.shape
            ]
            if not ways:
                return
            _, place, way = min(ways, key=lambda each: each[0])
            del rest[place]
            taken.append(way)
        begun, now = self._table([self.rows[0], self.row()])
        went = np.concatenate([flat(each) for each in taken]) - now
        if np.linalg.norm(went) < np.linalg.norm(now - begun) / 2:
            self.goes_on_with(taken)

    def found_by(self, found: Mapping[Path, torch.Tensor]) -> None:
        """These of its parameters are what a loss depends on, by these ways."""
        places = {id(parameter): place for place, parameter in enumerate(self.parameters)}
        self.paths = {path: places[id(leaf)] for path, leaf in found.items()}
        self.path = next(iter(found))

    def found_under(self, inputs: Sequence[torch.Tensor]) -> bool:
        """Whether these tensors lie in its parameters' memory; then a loss depends on these."""
        at = {parameter.data_ptr(): parameter for parameter in self.parameters}
        if not {each.data_ptr() for each in inputs} <= at.keys():
            return False
        self.found_by({(place,): at[each.data_ptr()] for place, each in enumerate(inputs)})
        return True

    def renewed(self, found: Mapping[Path, torch.Tensor]) -> bool:
        """Takes new tensors in the place of its parameters, if a loss depends on them as on those.

        `w = (w - lr * w.grad).detach().requires_grad_()` makes new ones in each epoch, the first
        ones from a module's. What became of their values is for the judge to see.
        """
        if not self.paths or self.paths.keys() != found.keys():
            return False
        parameters = list(self.parameters)
        for path, leaf in found.items():
            if parameters[self.paths[path]].shape != leaf.shape:
                return False
            parameters[self.paths[path]] = leaf
        self.goes_on_with(parameters)
        self.separate = True
        self.renewals += 1
        return True

    def takes(self, letter: int, loss: Any) -> bool:
        """Notes a backward pass whose loss comes from these parameters by the way of the last one.

        One way tells it of a module's parameters; of tensors that stand alone each may be new.
        """
        if not self.paths:
            return False
        try:
            for path in self.paths if self.separate else (self.path,):
                node = loss.grad_fn
                for index in path:
                    node = node.next_functions[index][0]
                if id(node.variable) not in self.ids:
                    return False
        except (AttributeError, IndexError):
            return False
        self.add_pass(letter, loss)
        return True

    def add_pass(self, letter: int, loss: torch.Tensor) -> None:
        self.event(letter)
        self.backwards += 1
        (self.rows if len(self.rows) < self._most_rows else self.end).append(self.row())
        if self.backwards <= MAX_LOSSES:
            self.losses.append(float(loss.detach()) if loss.numel() == 1 else np.nan)
        if len(self.events) >= MAX_EVENTS:
            self.event = lambda letter: None

    def _look(self, letter: int) -> None:
        self.events.append(letter)
        if len(self.details) < self._most_details:
            grads = np.concatenate([_flat_grad(parameter) for parameter in self.parameters])
            self.details.append((self.row(), grads))

    @property
    def fits(self) -> bool:
        """Whether it is small enough to be evidence."""
        return self.width <= MAX_WIDTH and len(self.parameters) <= MAX_SHAPES

    @property
    def moved(self) -> bool:
        """Whether the parameters changed between any of the backward passes kept, or after them."""
        return len({*self.rows, *self.end, self.row()}) > 1

    def values(self) -> FloatArray:
        """All parameters at the backward passes kept and now (rows, width), as float32."""
        return self._table([*self.rows, *self.end, self.row()])

    def to_json(
        self,
        *,
        total: int,
        models: int,
        on_model: bool,
        stopped: bool = False,
        cut: bool = False,
        error: object = None,
        line: str = "",
    ) -> dict[str, Any]:
        """As evidence. `cut`: the last epoch was interrupted, and half of a step may be done."""
        grads = [grads for _, grads in self.details]
        cut = cut and self.backwards > 1
        kept = [*self.rows, *self.end] if cut else [*self.rows, *self.end, self.row()]
        first = len(self.rows) if self.backwards > len(self.rows) + len(self.end) else len(kept)
        return {
            "shapes": [list(parameter.shape) for parameter in self.parameters],
            "rows": encode(self._table(kept[:first])),
            "end_rows": encode(self._table(kept[first:])),
            "events": self.events[:MAX_EVENTS].decode("ascii"),
            "before": self.before[-MAX_BEFORE:],
            "detail_rows": encode(self._table([row for row, _ in self.details])),
            "detail_grads": encode(np.array(grads, np.float32).reshape(len(grads), self.width)),
            "losses": encode(np.array(self.losses, np.float64)),
            "backwards": self.backwards - cut,
            "total": total - cut,
            "models": models,
            "on_model": on_model,
            "stopped": stopped,
            "error": error,
            "line": line,
        }

    def _table(self, rows: Sequence[bytes]) -> FloatArray:
        """Rows as (rows, width) float32; a parameter that changed its size reads as zeros."""
        table = np.zeros((len(rows), self.width), np.float32)
        for size in (4, 8) if self.width else ():
            fitting = [k for k, row in enumerate(rows) if len(row) == size * self.width]
            together = b"".join([rows[k] for k in fitting])
            table[fitting] = np.frombuffer(together, f"f{size}").reshape(-1, self.width)
        return table


def _viewable(parameters: Iterable[torch.Tensor]) -> bool:
    """Whether NumPy can look at the very memory of all of them, in one dtype."""
    dtypes = {p.dtype for p in parameters}
    plain = all(p.is_contiguous() and p.device.type == "cpu" for p in parameters)
    return plain and len(dtypes) == 1 and dtypes <= {torch.float32, torch.float64}


def flat(tensor: torch.Tensor) -> FloatArray:
    """A tensor's numbers as one row of float64."""
    return tensor.detach().to("cpu", torch.float64).numpy().ravel()


def _flat_grad(parameter: torch.Tensor) -> FloatArray:
    grad = parameter.grad
    return np.full(parameter.numel(), np.nan) if grad is None else flat(grad.to_dense())


def leaves(root: Any) -> Iterator[tuple[tuple[int, ...], torch.Tensor]]:
    """The leaves of a graph, nearest first, each with the way to it."""
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


def parameters_of(model: Any, inputs: torch.Tensor | None = None) -> list[torch.Tensor]:
    """A model's parameters in its own order; none for what is no model.

    Those of a function that computes with tensors of its own are found by calling it on `inputs`;
    lazy layers have none before they are called.
    """
    try:
        found = [p for p in model.parameters() if isinstance(p, torch.Tensor)]
        if inputs is not None and any(map(is_lazy, found)):
            model(inputs)
    except (Exception, SystemExit):  # whatever a learner's object raises, it has no parameters
        found = []
    if found or inputs is None or not callable(model):
        return found
    try:
        with torch.enable_grad():
            found = [leaf for _, leaf in leaves(model(inputs).grad_fn)]
    except (Exception, SystemExit):  # a learner's function may raise anything
        return []
    # Layers that a module keeps in a plain list are lost to whoever asks it for its parameters.
    lost = isinstance(model, nn.Module) and any(isinstance(p, nn.Parameter) for p in found)
    return [] if lost else found


class Recorder:
    """Notes every backward pass, step and zero_grad of this process.

    Holds the one thing that is global anyway: PyTorch's hooks. `recorder()` makes and installs it.
    """

    def __init__(self) -> None:
        self.modules: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self.hooks: list[tuple[Any, str, Any]] = []
        self.before_cell = Snapshot()  # the notebook before the last cell
        self._now = Snapshot()
        self.raised: BaseException | None = None  # by the last cell
        self.reset()

    def reset(
        self,
        limit: int | None = None,
        at_limit: Callable[[], None] = lambda: None,
        room: int = ROOM,
        looks: int = 0,
    ) -> None:
        """Begins anew, looking closely at the first `looks` events of each recording.

        At backward pass number `limit` + 1 calls `at_limit`, which is to raise.
        """
        self.recordings: deque[Recording] = deque(maxlen=MAX_MODELS)
        self.models = 0
        self.backwards = 0
        self.limit = limit
        self.at_limit = at_limit
        self.room, self.looks = room, looks
        self.before = ""

    def cell_begins(self, namespace: Namespace) -> None:
        """Is called before each cell, and before what is asked of the last one."""
        self.before_cell, self._now = self._now, snapshot(namespace)

    def install(self) -> None:
        autograd, optimizer, module = torch.autograd, torch.optim.Optimizer, nn.Module
        self.hooks = [
            (autograd, "backward", self._observed(autograd.backward, ord("b"), ord("B"))),
            (autograd, "grad", self._observed(autograd.grad, ord("g"), None)),
            (optimizer, "zero_grad", self._cleared(optimizer.zero_grad)),
            (module, "zero_grad", self._cleared(module.zero_grad)),
            (module, "__init__", self._built(module.__init__)),
            (module, "__setstate__", self._built(module.__setstate__)),  # what a copy begins with
        ]
        for owner, name, hook in self.hooks:
            setattr(owner, name, hook)
        register_optimizer_step_pre_hook(functools.partial(self._on_optimizer, ord("s")))
        register_module_parameter_registration_hook(self._on_parameter)

    def _on_parameter(self, *_: Any) -> None:
        """A module gets another parameter: the next loss is asked anew what it depends on."""
        current = self.recordings[-1] if self.recordings else None
        if current is not None and not current.separate:
            current.paths = {}

    def replaced(self) -> list[str]:
        """Which of the observed functions somebody has put something else in the place of."""
        return [
            f"{owner.__name__}.{name}"
            for owner, name, hook in self.hooks
            if getattr(owner, name, None) is not hook
        ]

    @contextlib.contextmanager
    def reinstalled(self) -> Iterator[None]:
        """The hooks in their places, whatever a notebook has put there before."""
        found = [(owner, name, getattr(owner, name)) for owner, name, _ in self.hooks]
        for owner, name, hook in self.hooks:
            setattr(owner, name, hook)
        try:
            yield
        finally:
            for owner, name, value in found:
                setattr(owner, name, value)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """What happens inside is recorded apart, the ends of steps too, and forgotten."""
        kept = dict(vars(self))
        ends = register_optimizer_step_post_hook(functools.partial(self._on_optimizer, ord("S")))
        try:
            with self.reinstalled():
                yield
        finally:
            ends.remove()
            vars(self).update(kept)

    def _observed(self, original: Callable[..., Any], begin: int, end: int | None) -> Any:
        transformed = torch._C._functorch.peek_interpreter_stack

        @functools.wraps(original)
        def observed(*args: Any, **kwargs: Any) -> Any:
            if transformed() is not None:
                with torch._C._DisableFuncTorch():
                    self._on_function(args[1], begin)
                return original(*args, **kwargs)  # `torch.func.grad` and its like must not be ended
            if self.limit is not None and self.backwards >= self.limit:
                self.at_limit()
            self.backwards += 1
            recording = self.recordings[-1] if self.recordings else None
            try:
                if not args or recording is None or not recording.takes(begin, args[0]):
                    recording = self._on_pass(args, kwargs, begin, recording)
            except Exception:  # nothing that learners pass around may break in here
                recording = None
            result = original(*args, **kwargs)
            if self.looks and recording is not None and end is not None:
                recording.event(end)
            return result

        return observed

    def _cleared(self, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def zero_grad(owner: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(owner, *args, **kwargs)
            self._on_optimizer(ord("z"), owner)
            return result

        return zero_grad

    def _built(self, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            original(module, *args, **kwargs)
            with contextlib.suppress(TypeError):  # a learner's class may not be hashable
                self.modules.add(module)

        return init

    def _on_pass(
        self, args: Any, kwargs: Any, letter: int, current: Recording | None
    ) -> Recording | None:
        """A backward pass that doesn't come from the current recording as the last one did."""
        tensors = args[0] if args else kwargs.get("tensors", kwargs.get("outputs"))
        loss = tensors if isinstance(tensors, torch.Tensor) else tensors[0]
        recording = self._find(loss, current)
        if recording is None:
            self._note(letter)
            return None
        self.models += recording.backwards == 0
        recording.add_pass(letter, loss)
        return recording

    def _on_function(self, inputs: Any, letter: int) -> None:
        """A gradient that `torch.func` makes: its inputs share memory with the model's numbers."""
        self.backwards += 1
        with contextlib.suppress(Exception):  # as in `_observed`
            recording = self._placed([*map(torch._C._functorch.get_unwrapped, inputs)])
            self.models += recording.backwards == 0
            recording.add_pass(letter, torch.tensor(torch.nan))

    def _placed(self, inputs: Sequence[torch.Tensor]) -> Recording:
        """The recording of the parameters in whose memory these tensors lie, a new one if need be.

        Tensors of their own memory are new parameters in the place of those of the epoch before.
        """
        for recording in reversed(self.recordings):
            if recording.found_under(inputs):
                return recording
        places = {each.data_ptr() for each in inputs}
        for module in self._whole_models():
            parameters = parameters_of(module)
            if places <= {parameter.data_ptr() for parameter in parameters}:
                made = self.add(parameters, module)
                made.found_under(inputs)
                return made
        found: dict[Path, torch.Tensor] = {(place,): each for place, each in enumerate(inputs)}
        current = self.recordings[-1] if self.recordings else None
        if current is not None and current.renewed(found):
            self.models += 1
            return current
        made = self.add(inputs)
        made.found_by(found)
        return made

    def _note(self, letter: int) -> None:
        if len(self.before) < MAX_BEFORE:
            self.before += chr(letter)

    def _find(self, loss: torch.Tensor, current: Recording | None) -> Recording | None:
        """The recording of the parameters that this loss depends on, a new one if need be."""
        if loss.grad_fn is None:
            return current  # cut off from all parameters: a backward pass of the loop all the same
        found = dict(leaves(loss.grad_fn))
        if not found:
            return current
        ids = {id(leaf) for leaf in found.values()}
        recording = next((r for r in reversed(self.recordings) if ids <= r.ids), None)
        if recording is None:
            nobodys = current is not None and self._owner([*found.values()]) is None
            if current is not None and nobodys and current.renewed(found):
                self.models += 1
                return current
            recording = self._begun([*found.values()])
        if recording is not current:
            self.recordings.remove(recording)
            self.recordings.append(recording)
        recording.found_by(found)
        return recording

    def _begun(self, found: list[torch.Tensor]) -> Recording:
        """The recording of leaves that are new: of a model's new parameters, or of a new model."""
        owner = self._owner(found)
        parameters = parameters_of(owner) or found
        for recording in self.recordings:
            if owner is not None and recording.owner is owner:
                recording.goes_on_with(parameters)
                return recording
        return self.add(parameters, owner)

    def add(self, parameters: Sequence[torch.Tensor], owner: nn.Module | None = None) -> Recording:
        """A new recording of these parameters, from now on the current one."""
        recording = Recording(parameters, owner, self.before, self.room, self.looks)
        self.before = ""
        self.recordings.append(recording)
        return recording

    def _owner(self, found: Sequence[torch.Tensor]) -> nn.Module | None:
        """The smallest whole model that holds all of these parameters."""
        # Tensors that are new in every epoch are asked about as often, whatever else there is.
        if not any(isinstance(each, nn.Parameter) for each in found) and all(
            type(module).parameters is nn.Module.parameters
            and type(module).named_parameters is nn.Module.named_parameters
            for module in self.modules
        ):
            return None
        ids = {id(each) for each in found}
        models = [(parameters_of(module), module) for module in self._whole_models()]
        holding = [(own, module) for own, module in models if ids <= {id(p) for p in own}]
        return min(holding, key=lambda each: len(each[0]))[1] if holding else None

    def _whole_models(self) -> list[nn.Module]:
        """The modules that are no part of another one."""
        modules = list(self.modules)
        parts = {id(child) for module in modules for child in module._modules.values()}
        return [module for module in modules if id(module) not in parts]

    def _on_optimizer(self, letter: int, owner: Any, *_: Any) -> None:
        try:
            groups = getattr(owner, "param_groups", None)
            first = groups[0]["params"][0] if groups else next(iter(owner.parameters()))
            current = self.recordings[-1] if self.recordings else None
            if current is not None and id(first) in current.ids:
                current.event(letter)  # nearly always
                return
            own = next((r for r in reversed(self.recordings) if id(first) in r.ids), None)
            if own is not None:
                own.event(letter)
            else:
                self._note(letter)
            if letter == ord("s") and current is not None:
                current.event(ord("o"))
        except (Exception, StopIteration):  # as in `_observed`
            return

    def of(self, parameters: Sequence[torch.Tensor]) -> Recording | None:
        """The recording of these parameters, else the one with by far the most backward passes."""
        passed = [r for r in self.recordings if r.backwards and r.fits]
        for recording in passed:  # the last update may have made new parameters
            if recording.renewals:
                recording.ends_with(parameters)
                continue
            own = parameters_of(recording.owner)
            if [p.shape for p in own] == [p.shape for p in recording.parameters]:
                recording.goes_on_with(own)
        return max(
            passed,
            key=lambda recording: recording.backwards * (4 if holds(parameters, recording) else 1),
            default=None,
        )


def holds(parameters: Sequence[torch.Tensor], recording: Recording) -> bool:
    """Whether a model's parameters are those that were recorded, or a copy made in the course."""
    if recording.ids & {id(parameter) for parameter in parameters}:
        return True
    own = [flat(parameter) for parameter in parameters]
    if not sum(map(len, own)) == recording.width > 0:
        return False
    values = np.sort(np.concatenate(own).astype(np.float32))  # whatever their order
    return bool((np.sort(recording.values()[1:], axis=1) == values).all(axis=1).any())


@functools.cache
def recorder() -> Recorder:
    """The process's recorder; from the first call on, everything is recorded."""
    made = Recorder()
    made.install()
    notebook = shell()
    if notebook is not None:

        def begins(info: Any) -> None:
            if info.raw_cell != NOTHING:
                made.cell_begins(notebook.user_ns)

        def ended(result: Any) -> None:
            if result.info.raw_cell != NOTHING:
                made.raised = result.error_before_exec or result.error_in_exec

        notebook.events.register("pre_run_cell", begins)
        notebook.events.register("post_run_cell", ended)
    return made


def describe(error: BaseException | None) -> list[str] | None:
    """An exception as JSON. Its text is the learner's, and `str` of it may raise anything."""
    if error is None:
        return None
    try:
        text = str(error)[:500]
    except Exception:
        text = ""
    return [type(error).__name__[:80], text]


def raising_line(error: BaseException | None, source: str) -> str:
    """The line of a cell with this text that raised; empty where that can't be told."""
    if error is None:
        return ""
    if isinstance(error, SyntaxError):
        number = error.lineno or 0
    else:
        frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
        cell = next((code.co_filename for code, _ in frames if code.co_name == "<module>"), None)
        number = next((line for code, line in reversed(frames) if code.co_filename == cell), 0)
    lines = source.splitlines()
    return lines[number - 1].strip()[:MAX_LINE] if 0 < number <= len(lines) else ""
