"""What the judge hands to a hidden test: a claim that holds, or what was seen instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xorkit.messages import finding, tell
from xorkit.verdict import Diagnosis, Finding


@dataclass(frozen=True)
class Claim:
    """One claim about a blank: whether it holds, and if not what was seen."""

    holds: bool
    finding: Finding | None = None

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return tell(self.finding).message if self.finding else ""


HOLDS = Claim(True)


def fails(code: Diagnosis | None, symptom: str, /, **facts: Any) -> Claim:
    """A claim that doesn't hold, and what was seen instead: see `messages.finding`."""
    return Claim(False, finding(code, symptom, **facts))
