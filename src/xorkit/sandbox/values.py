"""What the sandbox answers: how a cell ended, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["ok", "error", "timeout", "died", "memory", "output"]


@dataclass(frozen=True)
class Ran:
    """What one cell did. `outputs` are nbformat's, streams joined, cut to `Limits.output`.

    `value` is the MIME bundle of the expression that was asked for after the cell, empty where
    there was none, or no value of it.
    """

    status: Status
    outputs: list[dict[str, object]]
    error: tuple[str, str] | None  # the exception's name and text
    traceback: str  # plain text, ANSI colours removed
    seconds: float
    alive: bool  # false: the kernel is gone, the next cell needs a new one
    value: dict[str, Any]


@dataclass(frozen=True)
class Ending:
    """How a cell ended, or why its kernel had to: the exception's name and text, or our own."""

    status: Status
    name: str = ""
    message: str = ""
