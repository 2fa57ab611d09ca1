"""What PyTorch does in every pass for nobody here: it is done on demand, or once.

A pass of the lesson's training takes 90 µs. Labels for a profiler that isn't on are 18 of them, the
checks of a plain loss 5, the search for a GPU that isn't there 3, that for a function in C 1. What
is computed stays the same, to the bit.
"""

from __future__ import annotations

import functools
import sys
from typing import Any


def leave_out() -> None:
    """Call it once torch is imported, and without a GPU."""
    torch: Any = sys.modules["torch"]
    _label_on_demand(torch)
    _go_straight_back(torch)
    for name, module in tuple(sys.modules.items()):
        if name.startswith("torch.optim."):
            _know_the_device(module)
    for gpu in (torch.cuda, torch.xpu, torch.mtia):
        gpu.manual_seed_all = _never  # keeps the seed, with a traceback, for when there is one
    # Looked up by `__getattr__` in each mean squared error, until it is an attribute.
    torch._VF.broadcast_tensors = torch._VF.broadcast_tensors


def _label_on_demand(torch: Any) -> None:
    """`zero_grad` and `step` enter a `record_function`, in C++, each time."""
    label = torch.autograd.profiler.record_function
    profiled = torch.autograd._profiler_enabled
    enter, leave = label.__enter__, label.__exit__
    fresh = vars(label(""))  # making these anew builds a type, each time

    def init(self: Any, name: str, args: str | None = None) -> None:
        vars(self).update(fresh, name=name, args=args)

    def enter_on_demand(self: Any) -> Any:
        return enter(self) if profiled() else self

    def leave_on_demand(self: Any, *error: Any) -> Any:
        # A profiler that was turned on meanwhile knows nothing of a label that wasn't entered.
        return None if self.record is None else leave(self, *error)

    label.__init__ = init
    label.__enter__, label.__exit__ = enter_on_demand, leave_on_demand


def _go_straight_back(torch: Any) -> None:
    """A plain `loss.backward()` goes to the engine as PyTorch hands it over, without the way there.

    On the way are 20 Python functions that check arguments which nobody gave.
    """
    original = torch.autograd.backward
    run, ones = torch.autograd.graph._engine_run_backward, torch.ones_like
    transformed = torch._C._are_functorch_transforms_active

    def is_plain(loss: Any, gradient: Any, retain: Any, create: Any, *, inputs: Any) -> bool:
        return (
            type(loss) is torch.Tensor
            and gradient is retain is inputs is None
            and create is False
            and loss.requires_grad
            and loss.dtype is torch.float32
            and loss.numel() == 1
            and not transformed()
        )

    @functools.wraps(original)
    def backward(*args: Any, **kwargs: Any) -> None:
        # As `Tensor.backward` calls it.
        if len(args) == 4 and kwargs.keys() == {"inputs"} and is_plain(*args, **kwargs):
            slope = ones(args[0], memory_format=torch.preserve_format)
            end = {"allow_unreachable": True, "accumulate_grad": True}
            run(args[:1], (slope,), False, False, (), **end)
        else:
            original(*args, **kwargs)

    torch.autograd.backward = backward


def _never(*_: Any, **__: Any) -> None:
    """What is of use to a GPU only."""


def _know_the_device(module: Any) -> None:
    """Optimizers ask at each step where all their parameters lie: some GPUs take them at once."""
    search = getattr(module, "_default_to_fused_or_foreach", None)
    if search is None:
        return

    def found(params: Any, differentiable: bool, use_fused: bool = False) -> Any:
        return search(params, differentiable, use_fused) if use_fused else (False, False)

    module._default_to_fused_or_foreach = found
