"""The master notebook with a learner's answers moved in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nbformat import NotebookNode, from_dict

from xorkit.intake.added_cells import Extra, extras
from xorkit.intake.cells import cells_of
from xorkit.intake.locate import Choice, choices, guess, pieces_of
from xorkit.intake.reading import OtherNotebook, ReadNotebook
from xorkit.intake.released import Answer, ReleasedNotebook, released, worded
from xorkit.intake.repairs import about_answer, about_cells, about_extras, about_missing, reasons


@dataclass(frozen=True)
class RebuiltNotebook:
    """The release notebook with only the learner's answers moved in.

    `answers` are the texts of the solution cells by grade_id: the released text where nothing was
    found, so `found` says which were. `filled` of them hold more than was released. `repairs` are
    for the learner, `review` says why a person should look.
    """

    notebook: NotebookNode
    answers: Mapping[str, str]
    repairs: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    filled: int = 0


def rebuild(master: NotebookNode, submitted: NotebookNode | ReadNotebook) -> RebuiltNotebook:
    """Move the answers of a handed-in notebook into the released one; never raises.

    Rebuilding what was rebuilt changes nothing.
    """
    return _rebuilt(released(master), _as_read(submitted))


def accept(master: NotebookNode, submitted: NotebookNode | ReadNotebook) -> RebuiltNotebook:
    """Rebuild a notebook that is this assignment's; raises OtherNotebook for any other."""
    return accepted(released(master), _as_read(submitted))


def _as_read(notebook: NotebookNode | ReadNotebook) -> ReadNotebook:
    return notebook if isinstance(notebook, ReadNotebook) else ReadNotebook(cells_of(notebook))


def accepted(plan: ReleasedNotebook, read: ReadNotebook) -> RebuiltNotebook:
    """As `accept`, for a released notebook that is looked at once for a whole class."""
    names = {cell.grade_id for cell in read.cells} - {""}
    foreign = names - set(plan.by_grade_id)
    own = sum(answer.grade_id in names for answer in plan.answers)
    # Two notebooks in one file are ours, too, if most of our answers are there.
    if len(foreign) > len(names) / 2 and own <= len(plan.answers) / 2:
        raise OtherNotebook(
            "It is the notebook of another assignment: its exercises are called "
            f"{', '.join(sorted(foreign)[:5])}. Wanted: the one of this assignment."
        )
    rebuilt = _rebuilt(plan, read)
    # A stray `model = …` of any notebook is found as well: without a sign, half must be there.
    few = 2 * len(rebuilt.found) < len(plan.answers)
    if few and not choices(plan, pieces_of(read.cells, plan)):
        raise OtherNotebook(
            f"It holds {len(rebuilt.found) or 'none'} of the {len(plan.answers)} answers of this "
            "assignment. Wanted: the notebook that was filled in."
        )
    return rebuilt


def _rebuilt(plan: ReleasedNotebook, read: ReadNotebook) -> RebuiltNotebook:
    cells, cut_off = read.cells, read.cut_off
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
    review = tuple(reasons(plan, chosen, left_out, cut_off))
    return RebuiltNotebook(
        _assembled(plan, answers, kept),
        answers,
        tuple(repairs),
        review,
        found=tuple(chosen),
        filled=sum(choice.filled for choice in chosen.values()),
    )


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
