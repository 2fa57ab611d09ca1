"""The master notebook with a learner's answers moved in."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from nbformat import NotebookNode

from xorkit.intake.cells import cells_of
from xorkit.intake.finding import Choice, Piece, choose, pieces_of
from xorkit.intake.released import Released, released


@dataclass(frozen=True)
class Rebuilt:
    """The release notebook with only the learner's answers moved in.

    `answers` are the texts of the solution cells by grade_id (the released text where nothing was
    found, so `found` says which were); `repairs` are for the learner, `review` for a person who
    has to look.
    """

    notebook: NotebookNode
    answers: Mapping[str, str]
    repairs: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    found: tuple[str, ...] = ()


def rebuild(master: NotebookNode, submitted: NotebookNode) -> Rebuilt:
    """Move the answers of a handed-in notebook into the released one; never raises."""
    plan = released(master)
    pieces = pieces_of(cells_of(submitted), plan)
    choices = _choices(plan, pieces)
    notebook = copy.deepcopy(master)
    answers = {}
    for answer in plan.answers:
        choice = choices.get(answer.grade_id)
        answers[answer.grade_id] = choice.version.text if choice else answer.cell.source
        notebook.cells[answer.index]["source"] = answers[answer.grade_id]
    for cell in notebook.cells:
        if cell.get("cell_type") == "code":
            cell.update(outputs=[], execution_count=None)
    return Rebuilt(notebook, answers, found=tuple(choices))


def _choices(plan: Released, pieces: tuple[Piece, ...]) -> Mapping[str, Choice]:
    found = {}
    for answer in plan.answers:
        choice = choose(answer, (piece for piece in pieces if piece.home == answer.index))
        if choice:
            found[answer.grade_id] = choice
    return found
