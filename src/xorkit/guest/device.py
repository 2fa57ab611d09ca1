"""GPUs that aren't here: what goes to one runs on the CPU, and a line says so.

PyTorch is only touched when a cell mentions such a device, so that all others run untouched.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from typing import Any

Note = Callable[[str], None]

ELSEWHERE = ("cuda", "mps", "xpu")  # devices that a grader doesn't have
MENTIONED = re.compile("|".join([*ELSEWHERE, "accelerator"]))
# A cell that goes on only with a GPU, as the learner's runtime had one.
INSISTS = re.compile(
    r"^[ \t]*(?:assert|(?:el)?if\s+not)\b[^\n#]*\b(?:is_available|device_count|is_built)\(",
    re.MULTILINE,
)
FACTORIES = (
    "arange", "as_tensor", "asarray", "empty", "empty_like", "empty_strided", "eye", "full",
    "full_like", "linspace", "logspace", "normal", "ones", "ones_like", "rand", "rand_like",
    "randint", "randint_like", "randn", "randn_like", "randperm", "scalar_tensor", "tensor",
    "tril_indices", "triu_indices", "zeros", "zeros_like",
)  # fmt: skip
MAKERS = ("new_empty", "new_full", "new_ones", "new_tensor", "new_zeros")  # of a tensor
# What torch.cuda says of a GPU, where asking would raise.
ANSWERS = {
    "current_device": 0, "get_device_capability": (0, 0), "get_device_name": "CPU",
    "mem_get_info": (0, 0), "set_device": None, "synchronize": None,
}  # fmt: skip


def watch(shell: Any, note: Note) -> None:
    """Send to the CPU what goes to a GPU, from the first cell on that mentions one."""

    def before_cell(info: Any) -> None:
        text = info.raw_cell or ""
        if INSISTS.search(text):
            claim(note)
        if MENTIONED.search(text) and not redirected:
            redirected.append(text)
            redirect(note)

    redirected: list[str] = []
    shell.events.register("pre_run_cell", before_cell)


def claim(note: Note) -> None:
    """Say from now on that there is a GPU, to a notebook that won't go on without one."""
    torch: Any = importlib.import_module("torch")
    note("no GPU here: it runs on the CPU")
    torch.cuda.is_available = torch.accelerator.is_available = lambda: True
    torch.cuda.device_count = torch.accelerator.device_count = lambda: 1


def redirect(note: Note) -> None:
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
    torch.Tensor.pin_memory = lambda tensor, *_: tensor
    for owner, names in ((torch, FACTORIES), (torch.Tensor, MAKERS)):
        for name in names:
            setattr(owner, name, making(getattr(owner, name)))
    torch.load = moving(torch.load)
    # `with torch.device("cuda"):` and `torch.set_default_device` both make one of these.
    context: Any = importlib.import_module("torch.utils._device").DeviceContext
    context.__init__ = moving(context.__init__)
    for name, answer in ANSWERS.items():
        # A function for each: PyTorch's compiler, if somebody loads it, stops at one of two names.
        setattr(torch.cuda, name, lambda *_, answer=answer: answer)
    torch.accelerator.current_accelerator = lambda *_: torch.device("cpu")
