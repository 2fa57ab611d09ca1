"""What newer Pythons' libraries have and beginners use, for the one that runs here."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

# What `typing_extensions` has of newer Pythons, which PyTorch needs anyway. No more of it, because
# libraries ask whether a name is there to learn which Python runs.
BACKPORTED = {"typing": "override", "warnings": "deprecated"}


def batched(iterable: Iterable[Any], n: int, *, strict: bool = False) -> Iterator[tuple[Any, ...]]:
    """As `itertools.batched` of Python 3.12; `strict` came with 3.13."""
    if n < 1:
        raise ValueError("n must be at least one")
    rest = iter(iterable)
    while batch := tuple(itertools.islice(rest, n)):
        if strict and len(batch) != n:
            raise ValueError("batched(): incomplete batch")
        yield batch


def sumprod(p: Iterable[Any], q: Iterable[Any], /) -> Any:
    """As `math.sumprod` of Python 3.12."""
    return sum(a * b for a, b in zip(p, q, strict=True))


def replace(obj: Any, /, **changes: Any) -> Any:
    """As `copy.replace` of Python 3.13."""
    for name in ("__replace__", "_replace"):
        if hasattr(type(obj), name):
            return getattr(obj, name)(**changes)
    return dataclasses.replace(obj, **changes)


def provide() -> None:
    """Adds what is missing; what this Python has stays as it is."""
    ours = {"itertools": (batched,), "math": (sumprod,), "copy": (replace,)}
    for module, functions in ours.items():
        for function in functions:
            _add(module, function.__name__, function)
    for module, name in BACKPORTED.items():
        _add(module, name, getattr(importlib.import_module("typing_extensions"), name))


def _add(module: str, name: str, value: Any) -> None:
    owner = importlib.import_module(module)
    if not hasattr(owner, name):
        setattr(owner, name, value)
