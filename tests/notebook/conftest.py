"""The visible notebook's cells, and a way to run one of its self-checks here and read its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

COURSE = Path(__file__).parents[2]
ANSWERS = ("data", "model", "loss_and_optimizer", "training_loop")


def cells(stage: str) -> dict[str, Any]:
    """The cells of the source or the release by their ids, in order."""
    notebook = nbformat.read(COURSE / stage / "xor" / "xor.ipynb", as_version=4)
    return {cell.id: cell for cell in notebook.cells}


@dataclass(frozen=True)
class Table:
    """What a self-check showed: rows of (state, what, seen), and one next step."""

    rows: tuple[tuple[bool | None, str, str], ...]
    next_step: str

    @property
    def wrong(self) -> list[str]:
        return [what for state, what, _ in self.rows if state is False]

    @property
    def text(self) -> str:
        return "\n".join([*(" ".join(map(str, row)) for row in self.rows), self.next_step])


@pytest.fixture(scope="session")
def source() -> dict[str, Any]:
    return cells("source")


@pytest.fixture(scope="session")
def release() -> dict[str, Any]:
    return cells("release")


@pytest.fixture
def solved(source: dict[str, Any]) -> dict[str, Any]:
    """The names that the first three solutions leave behind, from a fixed start."""
    torch.manual_seed(1)
    names: dict[str, Any] = {"__name__": "__main__", "In": [""]}
    for grade_id in ("setup", *ANSWERS[:3]):
        exec(source[grade_id].source, names)
    return names


Look = Callable[..., Table]


@pytest.fixture
def look(release: dict[str, Any]) -> Look:
    """Run a self-check of the release over some names and give back what it would show."""

    def run(grade_id: str, names: dict[str, Any]) -> Table:
        shown: list[Table] = []
        names["show_check"] = lambda title, rows, next_step: shown.append(
            Table(tuple(rows), next_step)
        )
        exec(compile(release[grade_id].source, f"<{grade_id}>", "exec"), names)
        (table,) = shown
        return table

    return run
