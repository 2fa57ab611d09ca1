"""Ways to train in Colab: notebooks of the real lesson, from a table."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from xorkit.conventions import filled, grade_id

Row = Mapping[str, Any]
TABLE = Path(__file__).parents[1] / "engine" / "colab_loops.yaml"
ROWS: list[Any] = yaml.safe_load(TABLE.read_text("utf-8"))


def notebook(row: Row, release: NotebookNode, solutions: Mapping[str, str]) -> NotebookNode:
    """The released notebook with the solutions, and in their place what the row says."""
    loop = solutions["training_loop"]
    texts = {name: row[name].replace("{loop}", loop) for name in solutions if name in row}
    made = filled(release, {**solutions, **texts})
    if "before" in row:
        place = next(i for i, cell in enumerate(made.cells) if grade_id(cell) == "model")
        made.cells.insert(place, new_code_cell(row["before"], id="own"))
    return made


def runs_plain(row: Row) -> bool:
    """Whether Jupyter's own kernel on this machine runs all of it."""
    what, _, name = str(row["plain"]).partition(" ")
    if what == "python":
        return sys.version_info >= tuple(map(int, name.split(".")))
    return what == "same" or (what == "package" and find_spec(name) is not None)
