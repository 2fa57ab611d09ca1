"""Answers put into the release: the author's own, or those of a learner who is made of data."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping

from nbformat import NotebookNode

MARKER = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)


def answer_cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The cells that a learner fills, by grade_id, in the notebook's order."""
    about = ((cell.metadata.get("nbgrader", {}), cell) for cell in notebook.cells)
    return {str(ours["grade_id"]): cell for ours, cell in about if ours.get("solution")}


def following(texts: Mapping[str, str]) -> dict[str, str]:
    """For each answer the text of the one after it, in the notebook's order; the last has none."""
    return dict(zip(texts, [*texts.values()][1:], strict=False))


def solution_texts(source: NotebookNode) -> dict[str, str]:
    """The answer cells of an authored notebook as they read once they are filled, by grade_id."""
    cells = answer_cells(source)
    return {grade_id: MARKER.sub("", cell.source).rstrip() for grade_id, cell in cells.items()}


def filled(release: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """The release with these texts in its answer cells; a cell that isn't named stays as it is."""
    notebook = copy.deepcopy(release)
    for grade_id, cell in answer_cells(notebook).items():
        cell.source = answers.get(grade_id, cell.source)
    return notebook
