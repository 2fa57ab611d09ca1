"""`torch._dynamo` as far as training needs it; the real one comes when somebody asks for more.

PyTorch's first optimizer imports it with 800 modules, for `torch.compile`, which isn't to be had in
a kernel: a second of the fork server's start, and 70 MiB that every kernel would inherit.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

DYNAMO = "torch._dynamo"


class _Lazy(ModuleType):
    """What eager code calls of it does nothing; any other name brings in the real module."""

    def graph_break(self, *_: Any, **__: Any) -> None:
        """Nothing is being compiled, so there is no graph to break."""

    def disable(self, fn: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
        """Keeps a function from being compiled: nothing is."""
        return fn if fn is not None else lambda function: function

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # that is asked for before a submodule
            raise AttributeError(name)
        return getattr(_load(), name)


def put_off() -> None:
    """Call it once torch is imported, before the first optimizer is made."""
    if DYNAMO not in sys.modules:
        torch: Any = sys.modules["torch"]
        sys.modules[DYNAMO] = torch._dynamo = _Lazy(DYNAMO)


def _load() -> ModuleType:
    if isinstance(sys.modules.get(DYNAMO), _Lazy):
        torch: Any = sys.modules["torch"]
        del sys.modules[DYNAMO]
        torch._dynamo = importlib.import_module(DYNAMO)
    return sys.modules[DYNAMO]
