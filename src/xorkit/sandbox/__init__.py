"""A confined kernel from a warm fork server: runs a learner's cells and says what they did."""

from xorkit.guest.limits import ConfinementError, Limits, SandboxError
from xorkit.sandbox.cell import GARBLED, CellResult, CellStatus
from xorkit.sandbox.doctor import look_over
from xorkit.sandbox.kernel import Kernel
from xorkit.sandbox.warm import Warm

__all__ = [
    "GARBLED",
    "CellResult",
    "CellStatus",
    "ConfinementError",
    "Kernel",
    "Limits",
    "SandboxError",
    "Warm",
    "look_over",
]
