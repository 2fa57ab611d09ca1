"""What the sandbox answers: how a cell ended, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "error", "timeout", "died", "memory", "output"]


@dataclass(frozen=True)
class Ran:
    """What one cell did. `outputs` are nbformat's, streams joined, cut to `Limits.output`."""

    status: Status
    outputs: list[dict[str, object]]
    error: tuple[str, str] | None  # the exception's name and text
    traceback: str  # plain text, ANSI colours removed
    seconds: float
    alive: bool  # false: the kernel is gone, the next cell needs a new one


@dataclass(frozen=True)
class Ending:
    """How a cell ended, or why its kernel had to: the exception's name and text, or our own."""

    status: Status
    name: str = ""
    message: str = ""
