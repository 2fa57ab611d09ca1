"""`.to("cuda")` where there is no GPU: it runs on the CPU, and a line says so.

PyTorch is only touched when a cell mentions such a device, so that all others run untouched.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from typing import Any

ELSEWHERE = ("cuda", "mps", "xpu")  # devices that a grader doesn't have
MENTIONED = re.compile("|".join(ELSEWHERE))
FACTORIES = (
    "arange", "as_tensor", "empty", "empty_like", "eye", "full", "full_like", "linspace", "ones",
    "ones_like", "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "tensor",
    "zeros", "zeros_like",
)  # fmt: skip


def watch(shell: Any, note: Callable[[str], None]) -> None:
    """Send to the CPU what goes to a GPU, from the first cell on that mentions one."""

    def before_cell(info: Any) -> None:
        if MENTIONED.search(info.raw_cell or ""):
            shell.events.unregister("pre_run_cell", before_cell)
            redirect(note)

    shell.events.register("pre_run_cell", before_cell)


def redirect(note: Callable[[str], None]) -> None:
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
    for name in FACTORIES:
        setattr(torch, name, making(getattr(torch, name)))
    torch.set_default_device = moving(torch.set_default_device)
    # Three functions: PyTorch's compiler, where somebody loads it, stops at one with two names.
    torch.cuda.synchronize = lambda *_: None
    torch.cuda.set_device = lambda *_: None
    torch.cuda.get_device_name = lambda *_: "CPU"
