"""What `make` installs, on every Python that `pyproject.toml` promises."""

from __future__ import annotations

import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
PINNED = [line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(("name", "version"), [pin for pin in PINNED if len(pin) == 2])
def test_a_pinned_library_runs_on_the_oldest_python(name: str, version: str) -> None:
    """Debian 12 has 3.11.2, for which pip finds no release that wants 3.11.5."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"

    found = distribution(name)

    if found.version.partition("+")[0] != version:
        pytest.skip("another version is installed here")
    assert SpecifierSet(",".join(found.metadata.get_all("Requires-Python") or [])).contains(oldest)
