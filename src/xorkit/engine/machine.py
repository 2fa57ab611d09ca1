"""What this machine has: for `xorkit doctor`, and so that a class never exhausts it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from xorkit.engine import environment
from xorkit.engine.settled import RUN_HERE
from xorkit.guest.limits import MiB

if TYPE_CHECKING:
    from xorkit.engine.job import RunSettings

LIBRARIES = (
    "torch",
    "nbgrader",
    "nbclient",
    "jupyter-client",
    "ipykernel",
    "pytest",
    "distributed",
)
# A worker with its fork server and a kernel before the learner's first cell, and that one's files,
# which lie in memory.
WORKER = 550 * MiB
LEAST_CELL_MEMORY = 256 * MiB  # for a learner's cells; the lesson's training needs 40 MiB
CGROUP = Path("/sys/fs/cgroup")


def versions() -> list[tuple[str, str]]:
    """Names and versions of what marks depend on, and the number of cores."""
    found = [
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.release()}"),
        ("cores", str(cores())),
        ("like Colab", environment.compared()),
    ]
    for name in LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed (only needed for --scheduler: xorkit[cluster])"))
    return found


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def crew(count: int | None, jobs: int) -> int:
    """How many workers do so many jobs: `count`, if said; else one a core, and none for a few."""
    if count is None:
        count = cores() if jobs > RUN_HERE else 0
    return min(count, jobs)


def fitting(
    count: int, settings: RunSettings, free: int | None, say: Callable[[str], None]
) -> tuple[int, RunSettings]:
    """As many of `count` workers as `free` bytes have room for if every notebook uses all it may.

    One is always started, if need be with less memory for a notebook.
    """
    if free is None:
        return count, settings
    fits = free // (settings.memory + WORKER)
    if fits >= max(count, 1):
        return count, settings
    says = f"{free // MiB} MiB of memory are free"
    if fits >= 1:
        say(
            f"{says}: {fits} of {count} workers at a time, so that {settings.memory // MiB} MiB for"
            " each notebook can't exhaust it. A smaller --memory lets more work."
        )
        return fits, settings
    memory = max(LEAST_CELL_MEMORY, free - WORKER)
    say(f"{says}: one worker at a time, with {memory // MiB} MiB for each notebook.")
    return min(count, 1), replace(settings, memory=memory)


def free_memory() -> int | None:
    """Bytes that can still be used, by this machine and by the container; None: unknown."""
    return min((*_machines(), *_containers()), default=None)


def _machines() -> Iterator[int]:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) << 10


def _containers() -> Iterator[int]:
    """What each control group above this process leaves."""
    for line in _lines(Path("/proc/self/cgroup")):
        if not line.startswith("0::"):  # the second version's; the first has no single tree
            continue
        group = CGROUP / line.removeprefix("0::/")
        for folder in (group, *group.parents):
            most, used = (_lines(folder / f"memory.{name}") for name in ("max", "current"))
            if most and used and most[0] != "max":
                yield max(0, int(most[0]) - int(used[0]) + _reclaimable(folder))


def _reclaimable(group: Path) -> int:
    """Bytes of files that are only kept in memory in case they are read again."""
    found = (line.split() for line in _lines(group / "memory.stat"))
    return sum(int(size) for name, size in found if name == "inactive_file")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []
