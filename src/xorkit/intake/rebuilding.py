"""The master notebook with a learner's answers moved in."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nbformat import NotebookNode, from_dict

from xorkit.intake.cells import Cell, as_mapping, cells_of, plain_lines
from xorkit.intake.extras import Extra, extras
from xorkit.intake.finding import Choice, Piece, choose, pieces_of
from xorkit.intake.guessing import guess, worded
from xorkit.intake.reading import CUT_OFF
from xorkit.intake.released import Answer, Released, released


@dataclass(frozen=True)
class Rebuilt:
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


def rebuild(master: NotebookNode, submitted: NotebookNode) -> Rebuilt:
    """Move the answers of a handed-in notebook into the released one; never raises.

    Rebuilding what was rebuilt changes nothing.
    """
    plan, cells = released(master), cells_of(submitted)
    first = pieces_of(cells, plan)
    first_choices = _choices(plan, first)
    pieces = guess(plan, first_choices, first)
    choices = _choices(plan, pieces)
    answers = {a.grade_id: _text(a, choices.get(a.grade_id)) for a in plan.answers}
    kept, left_out = extras(plan, choices, pieces)
    return Rebuilt(
        _assembled(master, plan, answers, kept),
        answers,
        repairs=(
            *_about_cells(plan, cells, pieces),
            *(line for choice in choices.values() for line in _about(choice, first_choices)),
            *_about_missing(plan, choices),
            *_about_extras(kept, left_out),
        ),
        review=tuple(_reasons(choices.values(), submitted)),
        found=tuple(choices),
    )


def _choices(plan: Released, pieces: Sequence[Piece]) -> Mapping[str, Choice]:
    found = {}
    for answer in plan.answers:
        choice = choose(answer, (piece for piece in pieces if piece.home == answer.index))
        if choice:
            found[answer.grade_id] = choice
    return found


def _text(answer: Answer, choice: Choice | None) -> str:
    if choice is None:
        return answer.cell.source
    return worded(answer, choice.version.text) if choice.filled else choice.version.text


def _assembled(
    master: NotebookNode, plan: Released, answers: Mapping[str, str], kept: Iterable[Extra]
) -> NotebookNode:
    """The master's cells with the answers' texts, extra cells between, nothing run."""
    notebook = copy.deepcopy(master)
    for answer in plan.answers:
        notebook.cells[answer.index]["source"] = answers[answer.grade_id]
    for cell in notebook.cells:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    added: dict[int, list[NotebookNode]] = {}
    taken = {name for cell in plan.cells for name in cell.ids}
    for extra in kept:
        added.setdefault(extra.after, []).append(_extra_cell(extra, taken))
    cells = list(added.get(-1, []))
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
    cell: NotebookNode = from_dict(  # type: ignore[no-untyped-call]
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


def _about_cells(plan: Released, cells: Sequence[Cell], pieces: Sequence[Piece]) -> Iterator[str]:
    """What was done to the released cells as a whole."""
    homes = list(dict.fromkeys(piece.home for piece in pieces if piece.home is not None))
    if not any(cell.grade_id in plan.by_grade_id for cell in cells):
        yield (
            "The hidden marks that tell the cells apart were gone; your answers were found by "
            "their headings and their text."
        )
    if sorted(homes) != homes:
        yield "The cells stood in another order; they were put back in the released one."
    changed = [home for home in homes if _is_changed(plan, cells, pieces, home)]
    locked = [i for i, cell in enumerate(plan.cells) if cell.nbgrader.get("locked")]
    gone = [i for i in locked if i not in homes]
    for what, indexes in (("changed", changed), ("missing", gone)):
        if indexes:
            names = ", ".join(plan.cells[i].grade_id for i in sorted(indexes))
            yield f"Cells that are not yours to fill were {what}; the released ones count: {names}."


def _is_changed(plan: Released, cells: Sequence[Cell], pieces: Sequence[Piece], home: int) -> bool:
    if home in plan.answer_at or not plan.cells[home].nbgrader.get("locked"):
        return False
    texts = {plain_lines(cells[p.order[0]].source) for p in pieces if p.inside == home}
    return texts != {plain_lines(plan.cells[home].source)}


def _about(choice: Choice, before: Mapping[str, Choice]) -> Iterator[str]:
    """What was done to find one answer."""
    answer, version = choice.answer, choice.version
    first = before.get(answer.grade_id)
    title = answer.title
    if len(version.pieces) > 1:
        yield f"{title}: it was in {len(version.pieces)} parts, which were joined."
    if choice.left_out:
        number = choice.left_out + len(version.pieces)
        kind = "the one that you filled in counts" if choice.filled else "one of them counts"
        yield f"{title}: its cell was there {number} times; {kind}."
    if choice.filled and (first is None or not first.filled):
        yield f"{title}: your answer stood in another cell and was moved to its own."
    if choice.filled and worded(answer, version.text) != version.text:
        yield f"{title}: your words stood without quotes or without the name; both were put back."
    if any(p.kind != answer.cell.kind for p in version.pieces) and choice.filled:
        yield f"{title}: your answer stood in a cell of another kind and was read all the same."


def _about_missing(plan: Released, choices: Mapping[str, Choice]) -> Iterator[str]:
    for answer in plan.answers:
        if answer.grade_id not in choices:
            yield f"{answer.title}: its cell was missing and counts as left blank."


def _about_extras(kept: Iterable[Extra], left_out: int) -> Iterator[str]:
    for extra in kept:
        names = ", ".join(extra.names)
        why = f"it defines {names}" if names else "it sets how the others run"
        yield f"A cell that you added was kept in its place: {why}."
    if left_out:
        yield f"Cells that you added and that no answer needs were left out: {left_out}."


def _reasons(choices: Iterable[Choice], submitted: object) -> Iterator[str]:
    metadata = as_mapping(as_mapping(submitted).get("metadata"))
    if metadata.get(CUT_OFF):
        yield "The file was cut off: answers after the break are not in it."
    for choice in choices:
        if choice.others:
            yield (
                f"{choice.answer.title}: {1 + len(choice.others)} different answers were found; "
                "the one that looks most complete was graded."
            )
