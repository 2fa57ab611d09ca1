"""The master notebook with a learner's answers moved in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nbformat import NotebookNode, from_dict

from xorkit.intake.added_cells import Extra, extras
from xorkit.intake.cells import Cell, cells_of
from xorkit.intake.locate import Choice, choices, guess, pieces_of
from xorkit.intake.reading import Refusal, is_cut_off
from xorkit.intake.released import Answer, ReleasedNotebook, released, worded
from xorkit.intake.repairs import about_answer, about_cells, about_extras, about_missing, reasons


@dataclass(frozen=True)
class RebuiltNotebook:
    """The release notebook with only the learner's answers moved in.

    `answers` are the texts of the solution cells by grade_id: the released text where nothing was
    found, so `found` says which were. `repairs` are for the learner, `review` says why a person
    should look.
    """

    notebook: NotebookNode
    answers: Mapping[str, str]
    repairs: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    found: tuple[str, ...] = ()


def rebuild(master: NotebookNode, submitted: NotebookNode) -> RebuiltNotebook:
    """Move the answers of a handed-in notebook into the released one; never raises.

    Rebuilding what was rebuilt changes nothing.
    """
    return rebuilt_from(released(master), submitted)


def accept(master: NotebookNode, submitted: NotebookNode) -> RebuiltNotebook:
    """Rebuild a notebook that is this assignment's; raises Refused for any other."""
    return accepted(released(master), submitted)


def rebuilt_from(plan: ReleasedNotebook, submitted: NotebookNode) -> RebuiltNotebook:
    return _rebuilt(plan, cells_of(submitted), is_cut_off(submitted))


def accepted(plan: ReleasedNotebook, submitted: NotebookNode) -> RebuiltNotebook:
    cells = cells_of(submitted)
    names = {cell.grade_id for cell in cells} - {""}
    foreign = names - set(plan.by_grade_id)
    if len(foreign) > len(names) / 2:
        raise Refusal(
            "It is the notebook of another assignment: its exercises are called "
            f"{', '.join(sorted(foreign)[:5])}. Wanted: the one of this assignment."
        )
    rebuilt = _rebuilt(plan, cells, is_cut_off(submitted))
    # A stray `model = …` of any notebook is found as well: without a sign, half must be there.
    if 2 * len(rebuilt.found) < len(plan.answers) and not choices(plan, pieces_of(cells, plan)):
        raise Refusal(
            f"It holds {len(rebuilt.found) or 'none'} of the {len(plan.answers)} answers of this "
            "assignment. Wanted: the notebook that was filled in."
        )
    return rebuilt


def _rebuilt(plan: ReleasedNotebook, cells: Sequence[Cell], cut_off: bool) -> RebuiltNotebook:
    named = pieces_of(cells, plan)
    by_name = choices(plan, named)
    pieces = guess(plan, by_name, named)
    chosen = choices(plan, pieces)
    answers = {a.grade_id: _text(a, chosen.get(a.grade_id)) for a in plan.answers}
    kept, left_out = extras(plan, chosen, pieces)
    repairs = [
        *about_cells(plan, cells, pieces),
        *(line for name, c in chosen.items() for line in about_answer(c, by_name.get(name))),
        *about_missing(plan, chosen),
        *about_extras(kept, left_out),
    ]
    review = tuple(reasons(tuple(chosen.values()), left_out, cut_off))
    notebook = _assembled(plan, answers, kept)
    return RebuiltNotebook(notebook, answers, tuple(repairs), review, tuple(chosen))


def _text(answer: Answer, choice: Choice | None) -> str:
    if choice is None:
        return answer.cell.source
    text = choice.version.text
    return worded(answer, text) if choice.filled else text.source


def _assembled(
    plan: ReleasedNotebook, answers: Mapping[str, str], kept: Iterable[Extra]
) -> NotebookNode:
    """The master's cells with the answers' texts, extra cells between, nothing run."""
    notebook = plan.copy()
    for answer in plan.answers:
        notebook.cells[answer.index]["source"] = answers[answer.grade_id]
    for cell in notebook.cells:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    added: dict[int, list[NotebookNode]] = {}
    taken = {name for cell in plan.cells for name in cell.ids}
    for extra in kept:
        added.setdefault(extra.after, []).append(_extra_cell(extra, taken))
    cells = added.get(-1, [])
    for i, cell in enumerate(notebook.cells):
        cells += [cell, *added.get(i, [])]
    notebook["cells"] = cells
    return notebook


def _extra_cell(extra: Extra, taken: set[str]) -> NotebookNode:
    """A plain code cell, its id made from its text so that it is the same each time."""
    number, digest = 0, hashlib.sha256(extra.source.encode()).hexdigest()[:12]
    while (name := f"extra-{digest}-{number}") in taken:
        number += 1
    taken.add(name)
    cell: NotebookNode = from_dict(
        {
            "cell_type": "code",
            "execution_count": None,
            "id": name,
            "metadata": {"id": name},
            "outputs": [],
            "source": extra.source,
        }
    )
    return cell
