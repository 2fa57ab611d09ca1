"""GPUs that aren't here: what goes to one runs on the CPU, and a line says so.

PyTorch is only touched when a cell mentions such a device, so that all others run untouched.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from xorkit.guest.lacks import Say

ELSEWHERE = ("cuda", "mps", "xpu")  # devices that a grader doesn't have
MENTIONED = re.compile("|".join([*ELSEWHERE, "accelerator", "pin_memory"]))
PACKED = re.compile(r"\S{1000,}")  # no word that a person writes: any three letters are in it
# A cell that stops without a GPU, which the learner's runtime had.
ASKS = re.compile(r"\b(?:is_available|device_count|is_built)\(")
STOPS = re.compile(r"\b(?:assert|raise|exit)\b")
FACTORIES = (
    "arange", "as_tensor", "asarray", "empty", "empty_like", "empty_strided", "eye", "full",
    "full_like", "linspace", "logspace", "normal", "ones", "ones_like", "rand", "rand_like",
    "randint", "randint_like", "randn", "randn_like", "randperm", "scalar_tensor", "tensor",
    "tril_indices", "triu_indices", "zeros", "zeros_like",
)  # fmt: skip
MAKERS = ("new_empty", "new_full", "new_ones", "new_tensor", "new_zeros")  # of a tensor
# What torch.cuda says of a GPU, where asking would raise; all else that raises says nothing.
CUDA_ANSWERS = {
    "current_device": 0, "get_device_capability": (0, 0), "get_device_name": "Tesla T4",
    "get_device_properties": SimpleNamespace(
        name="Tesla T4", total_memory=0, major=0, minor=0, multi_processor_count=0
    ),
    "mem_get_info": (0, 0),
}  # fmt: skip
# Classes of torch.cuda's that are a GPU's own.
HANDLES = ("Event", "Stream", "StreamContext", "device", "device_of", "stream")
KINDS = ("Float", "Double", "Half", "Long", "Int", "Bool")  # of torch.cuda's tensors


def watch(shell: Any, note: Say) -> None:
    """Send to the CPU what goes to a GPU, from the first cell on that mentions one."""

    def before_cell(info: Any) -> None:
        text = PACKED.sub("", info.raw_cell or "")
        if ASKS.search(text) and STOPS.search(text):
            claim(note)
        if MENTIONED.search(text) and not redirected:
            redirected.append(text)
            redirect(note)

    redirected: list[str] = []
    shell.events.register("pre_run_cell", before_cell)


def claim(note: Say) -> None:
    """Say from now on that there is a GPU, to a notebook that won't go on without one."""
    torch: Any = importlib.import_module("torch")
    note("no GPU here: it runs on the CPU")
    torch.cuda.is_available = torch.accelerator.is_available = lambda: True
    torch.cuda.device_count = torch.accelerator.device_count = lambda: 1


def redirect(note: Say) -> None:
    """Replace those functions of torch that take a device."""
    torch: Any = importlib.import_module("torch")

    def here(value: Any) -> Any:
        """`value`, or the CPU where it is a device that isn't here."""
        kind = value.type if isinstance(value, torch.device) else value
        if isinstance(kind, str) and kind.split(":")[0] in ELSEWHERE:
            note(f"no {kind!r} here: it runs on the CPU")
            return torch.device("cpu")
        return value

    def moving(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def wrapped(*args: Any, **options: Any) -> Any:
            named = {key: here(value) for key, value in options.items()}
            return original(*map(here, args), **named)

        return wrapped

    def making(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def wrapped(*args: Any, device: Any = None, **options: Any) -> Any:
            return original(*args, device=here(device), **options)

        return wrapped

    def staying(self: Any, *_: Any, **__: Any) -> Any:
        here("cuda")
        return self

    for owner in (torch.Tensor, torch.nn.Module):
        owner.to, owner.cuda = moving(owner.to), staying
    torch.UntypedStorage.cuda = staying
    torch.Tensor.pin_memory = lambda tensor, *_: tensor
    for owner, names in ((torch, FACTORIES), (torch.Tensor, MAKERS)):
        for name in names:
            setattr(owner, name, making(getattr(owner, name)))
    torch.load = moving(torch.load)
    # `with torch.device("cuda"):` and `torch.set_default_device` both make one of these.
    context: Any = importlib.import_module("torch.utils._device").DeviceContext
    context.__init__ = moving(context.__init__)
    for module in (torch.cuda, torch.accelerator, torch.mps):
        _answer_for(module)
    for name in HANDLES:
        setattr(torch.cuda, name, Handle)
    for kind in KINDS:
        setattr(torch.cuda, f"{kind}Tensor", getattr(torch, f"{kind}Tensor"))
    default = torch.set_default_tensor_type
    torch.set_default_tensor_type = lambda kind: default(
        kind.replace("torch.cuda.", "torch.") if isinstance(kind, str) else kind
    )
    torch.accelerator.current_accelerator = lambda *_, **__: torch.device("cpu")


class Handle:
    """A stream, an event or a choice of a GPU that isn't here: takes any use, takes no time."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Whatever it is of."""

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was entered."""

    def __getattr__(self, name: str) -> Callable[..., float]:
        return lambda *_, **__: 0.0


def _answer_for(module: ModuleType) -> None:
    for name, function in list(vars(module).items()):
        if isinstance(function, FunctionType) and not name.startswith("_"):
            setattr(module, name, _answering(function, CUDA_ANSWERS.get(name)))


def _answering(function: Callable[..., Any], answer: Any) -> Callable[..., Any]:
    """A function of torch.cuda's, with an answer where it can't do without a GPU."""

    @functools.wraps(function)
    def answering(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError):
            return answer

    return answering
