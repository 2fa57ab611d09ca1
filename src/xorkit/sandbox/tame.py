"""Courtesies for code that was written for Colab: what can't work here is skipped with a note."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def tame(kernel: Any, note: Callable[[str], object]) -> None:
    """Teach `kernel` (ipykernel's) to skip, with a printed line, what a grader can't do."""

    def no_input(prompt: object = "") -> str:
        note(str(prompt))
        return ""

    kernel.raw_input = no_input
