"""What both sides of the sandbox must agree on: the limits, and the errors."""

from __future__ import annotations

from dataclasses import dataclass

from xorkit.errors import KitError

MiB = 1 << 20
LACKS_MIME = "application/vnd.xorkit.lacks+json"  # of what a cell met that isn't to be had here
# The names by which the contract knows what a notebook trains.
LESSON_NAMES = ("X", "Y", "model", "loss_fn", "optimizer")


class SandboxError(KitError, RuntimeError):
    """No kernel could be started, for a reason that is not the learner's."""


class ConfinementError(SandboxError):
    """This machine can't confine a kernel, so nothing was run: what is missing, what to do."""


@dataclass(frozen=True)
class Limits:
    """What one learner's kernel may use. Times in seconds, sizes in bytes."""

    cell_seconds: float = 60.0  # the lesson's own training takes one second on a slow core
    grace_seconds: float = 2.0  # from the interrupt to the kill; a cell may be inside a C call
    processor_seconds: float = 600.0  # of all threads and cells: ends what hides from the clock
    memory: int = 2048 * MiB  # private memory; the training needs 40 MiB
    scratch: int = 64 * MiB  # in the scratch folder, unlinked open files included
    files: int = 2_000  # files and folders in the scratch folder
    threads: int = 256  # a kernel has 11; torch and a careless ThreadPool add some dozens
    open_files: int = 256  # a kernel has 60; bounds the memory in pipes and sockets too
    output: int = 2 * MiB  # bytes of a cell's output that are kept; the rest is cut off
    flood: int = 16 * MiB  # bytes that a cell may send: 400 plots, or ten seconds of endless print
    message: int = 4 * MiB  # bytes of one message; bounds the grader's own memory

    @property
    def longest_file(self) -> int:
        """Half of the scratch, so that one file too long fails in its cell; two end the kernel."""
        return self.scratch // 2
