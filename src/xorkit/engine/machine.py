"""What this machine has, for `xorkit doctor`."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = (
    "torch",
    "nbgrader",
    "nbclient",
    "jupyter-client",
    "ipykernel",
    "pytest",
    "distributed",
)


def versions() -> list[tuple[str, str]]:
    """Names and versions of what marks depend on, and the number of cores."""
    found = [
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.release()}"),
        ("cores", str(os.cpu_count())),
    ]
    for name in LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed (only needed for --scheduler: xorkit[cluster])"))
    return found
