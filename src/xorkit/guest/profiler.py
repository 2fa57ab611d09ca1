"""PyTorch's labels for its profiler, made only while a profiler is on.

Each `zero_grad` and `step` enters a `record_function`, which calls into C++ though nobody profiles:
16 µs of the 90 µs that a pass of the lesson's training takes.
"""

from __future__ import annotations

import sys
from typing import Any


def label_on_demand() -> None:
    """Call it once torch is imported."""
    torch: Any = sys.modules["torch"]
    label = torch.autograd.profiler.record_function
    profiled = torch.autograd._profiler_enabled
    enter, leave = label.__enter__, label.__exit__

    def enter_on_demand(self: Any) -> Any:
        return enter(self) if profiled() else self

    def leave_on_demand(self: Any, *error: Any) -> Any:
        # A profiler that was turned on meanwhile knows nothing of a label that wasn't entered.
        return None if self.record is None else leave(self, *error)

    label.__enter__, label.__exit__ = enter_on_demand, leave_on_demand
