"""What intake did to a notebook, in plain words for the learner and for a person who looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from xorkit.intake.added_cells import Extra
from xorkit.intake.cells import Cell
from xorkit.intake.locate import Choice, Piece, is_words
from xorkit.intake.released import ReleasedNotebook, worded


def about_cells(
    plan: ReleasedNotebook, cells: Sequence[Cell], pieces: Sequence[Piece]
) -> Iterator[str]:
    """What was done to the released cells as a whole."""
    homes = list(dict.fromkeys(piece.home for piece in pieces if piece.home is not None))
    if not any(cell.grade_id in plan.by_grade_id for cell in cells):
        yield (
            "The metadata by which cells are recognised was missing; your answers were found by "
            "their first lines, their text and their order."
        )
    if sorted(homes) != homes:
        yield "The cells were in another order; they were put back in the released order."
    locked = [i for i, cell in plan.given("code", "markdown", "raw") if cell.nbgrader.get("locked")]
    changed = [i for i in locked if i in homes and _is_changed(plan, cells, pieces, i)]
    missing = [i for i in locked if i not in homes]
    for what, indexes in (("changed", changed), ("missing", missing)):
        if indexes:
            names = ", ".join(plan.cells[i].title for i in indexes)
            yield (
                f"Cells that are not for you to fill in were {what}; they count as they were "
                f"released: {names}."
            )


def _is_changed(
    plan: ReleasedNotebook, cells: Sequence[Cell], pieces: Sequence[Piece], home: int
) -> bool:
    copies = (cells[piece.order[0]] for piece in pieces if piece.inside == home)
    return not all(cell.is_same(plan.cells[home]) for cell in copies)


def about_answer(choice: Choice, before: Choice | None) -> Iterator[str]:
    """What was done to find one answer; `before` is what was found of it by its names alone."""
    answer, version, title = choice.answer, choice.version, choice.answer.title
    if len(version.pieces) > 1:
        yield f"{title}: your answer was in {len(version.pieces)} parts, which were joined."
    if choice.left_out:
        number = choice.left_out + len(version.pieces)
        which = "the one that you filled in" if choice.filled else "one of them"
        yield f"{title}: there were {number} parts or copies of it; {which} counts."
    if not choice.filled:
        return
    if before is None or not before.filled:
        yield f"{title}: your answer was in another cell and was moved to its own."
    if worded(answer, version.text) != version.text.source:
        name = answer.grade_id
        yield f"{title}: your answer was not a string called {name}; it was put there in quotes."
    elif any(piece.kind != answer.cell.kind for piece in version.pieces):
        yield f"{title}: your answer was in a {version.pieces[0].kind} cell; it was read as code."


def about_missing(plan: ReleasedNotebook, choices: Mapping[str, Choice]) -> Iterator[str]:
    for answer in plan.answers:
        if answer.grade_id not in choices:
            yield f"{answer.title}: its cell is missing and counts as left blank."


def about_extras(kept: Iterable[Extra], left_out: Iterable[Piece]) -> Iterator[str]:
    for extra in kept:
        why = (
            f"it defines {', '.join(extra.names)}"
            if extra.names
            else "it changes how other cells run, or writes what they read"
        )
        yield f"A cell that you added was kept in its place: {why}."
    own = {p.order[0] for p in left_out if p.inside is None and p.kind == "code"}
    if own:
        yield (
            "Cells that you added, which set nothing that your answers use, were left out: "
            f"{len(own)}."
        )


def reasons(
    plan: ReleasedNotebook, chosen: Mapping[str, Choice], left_out: Sequence[Piece], cut_off: bool
) -> Iterator[str]:
    """Why a person should look."""
    if cut_off:
        yield "The end of the file is missing or damaged, and with it any answer that stood there."
    for choice in chosen.values():
        if choice.others:
            yield (
                f"{choice.answer.title}: {1 + len(choice.others)} different answers were found; "
                "the one that looks most complete was graded."
            )
    whole = all(choice.filled for choice in chosen.values())
    for piece in left_out:
        if piece.is_indented or not (whole or piece.names.parsed or piece.kind == "markdown"):
            yield f"A piece of code belongs to no cell and was left out. It begins: {_seen(piece)}"
    filled = {name for name, choice in chosen.items() if choice.filled}
    silent = [a.title for a in plan.answers if a.in_words and a.grade_id not in filled]
    # What stands above all exercises is a title or a name.
    top = min((choice.version.pieces[0].order for choice in chosen.values()), default=())
    texts = [_seen(piece) for piece in left_out if is_words(piece) and piece.order > top]
    if silent and texts:
        yield (
            f"Texts that belong to no question for sure were left out ({len(texts)}), and nothing "
            f"was found for {', '.join(silent)}. The first begins: {texts[0]}"
        )


def _seen(piece: Piece) -> str:
    return " ".join(piece.source.split())[:60]
