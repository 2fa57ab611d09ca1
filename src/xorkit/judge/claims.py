"""What the judge hands to a hidden test: a claim that holds, or what was seen instead."""

from __future__ import annotations

from dataclasses import dataclass

from xorkit.verdict import Finding


@dataclass(frozen=True)
class Claim:
    """One claim about a blank: whether it holds, and if not what was seen."""

    holds: bool
    finding: Finding | None = None

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return self.finding.message if self.finding else ""


HOLDS = Claim(True)


def fails(finding: Finding) -> Claim:
    return Claim(False, finding)
