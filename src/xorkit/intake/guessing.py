"""Answers that lost every name: found by what they define, what they say and where they stand."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from xorkit.intake.locate import Choice, Piece, choices
from xorkit.intake.released import Answer, Released
from xorkit.intake.texts import Text, parsed, statements


def guess(
    master: Released, named: Mapping[str, Choice], pieces: Sequence[Piece]
) -> tuple[Piece, ...]:
    """The pieces again, the loose ones with an answer as home where one fits."""
    found = _by_signs(master, named, pieces)
    return _by_place(_open(master, choices(master, found)), found)


def _open(master: Released, found: Mapping[str, Choice]) -> list[Answer]:
    """The answers that nothing in the file fills."""
    filled = {choice.answer.index for choice in found.values() if choice.filled}
    return [answer for answer in master.answers if answer.index not in filled]


def _by_signs(
    master: Released, named: Mapping[str, Choice], pieces: Sequence[Piece]
) -> tuple[Piece, ...]:
    """Loose pieces that go on with an answer, set its names, or keep lines of it."""
    opened = _open(master, named)
    found: list[Piece] = []
    above: Choice | None = None  # the answer right above
    for piece, sides in zip(pieces, _neighbours(pieces), strict=True):
        if piece.home is not None:
            above = named.get(master.cells[piece.home].grade_id)
            found.append(piece)
        elif piece.is_blank:
            found.append(piece)
        elif half_of := _half_of(named.values(), above, piece):
            found.append(replace(piece, home=half_of.index))
        else:
            found.extend(_placed(opened, piece, sides))
            above = None
    return tuple(found)


def _by_place(opened: Sequence[Answer], pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Loose pieces that do something where only one answer can be."""
    found = []
    for piece, (above, below) in zip(pieces, _neighbours(pieces), strict=True):
        near = [a for a in opened if above <= a.index <= below and not a.in_words]
        fits = piece.home is None and piece.inside is None and len(near) == 1 and _acts(piece)
        found.append(replace(piece, home=near[0].index) if fits else piece)
    return tuple(found)


def _acts(piece: Piece) -> bool:
    """Whether a cell is more than a look at something, an import or a note."""
    if piece.kind != "code" or piece.is_blank:
        return False
    idle = (ast.Expr, ast.Import, ast.ImportFrom, ast.Pass)
    body = parsed(piece.source)
    return not piece.names.parsed or not all(isinstance(statement, idle) for statement in body)


def _neighbours(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """For every piece the released cells between which it stands.

    What was written into a cell of ours belongs below it if that is prose (a question), above it
    if that is code (a check).
    """
    above, below = [], []
    last = before = -1
    for piece in pieces:
        if piece.home is not None:
            before, last = last, piece.home
        above.append(before if _is_in_code_of_ours(piece) else last)
    following = 1 << 30
    for piece in reversed(pieces):
        below.append(piece.inside if _is_in_code_of_ours(piece) else following)
        following = piece.home if piece.home is not None else following
    return [(a, b or 0) for a, b in zip(above, reversed(below), strict=True)]


def _is_in_code_of_ours(piece: Piece) -> bool:
    return piece.home is None and piece.inside is not None and piece.kind == "code"


def _half_of(named: Iterable[Choice], above: Choice | None, piece: Piece) -> Answer | None:
    """The answer of which a nameless cell is another half: the one right above, or by its lines."""
    if above and piece.inside is None and piece.kind == "code" and _goes_on(above, piece):
        return above.answer
    return next((c.answer for c in named if c.filled and _fills_a_gap(c, piece)), None)


def _fills_a_gap(choice: Choice, piece: Piece) -> bool:
    """Whether a cell, wherever it stands, has released lines or blanks that the answer lacks."""
    answer, text = choice.answer, choice.version.text
    lines = answer.marks.intersection(piece.lines)
    if lines:
        return not lines.intersection(text.lines)
    return bool(piece.names.bound & answer.open_blanks(text))


def _goes_on(choice: Choice, piece: Piece) -> bool:
    """Whether a nameless cell right below an answer is the second half of it."""
    answer, text = choice.answer, choice.version.text
    if set(piece.lines) & answer.marks & set(text.lines):
        return False
    if piece.is_indented or set(piece.lines) & answer.marks:
        return True
    if piece.names.bound & answer.names - text.names.bound:
        return True
    whole = Text("code", f"{text.source}\n{piece.source}")
    return not text.names.parsed and whole.names.parsed


def _placed(opened: Sequence[Answer], piece: Piece, sides: tuple[int, int]) -> Iterator[Piece]:
    """The piece, or its parts, with the answers that they show signs of; prose by its place."""
    if piece.kind == "code" or piece.names.parsed:
        parts = [_signed(opened, part) for part in _cut_by_names(opened, piece)]
        if any(part.home is not None for part in parts):
            yield from parts
            return
    is_prose = not piece.names.parsed and not piece.is_indented
    answer = _in_words(opened, sides) if is_prose else None
    yield replace(piece, home=answer.index) if answer else piece


def _signed(opened: Sequence[Answer], piece: Piece) -> Piece:
    signs = [(_signs(answer, piece), -answer.index) for answer in opened]
    number, index = max(signs, default=(0, 0))
    return replace(piece, home=-index) if number else piece


def _signs(answer: Answer, piece: Piece) -> int:
    """How much in a loose piece is this answer's alone: names that it sets, released lines."""
    names, lines = piece.names.bound & answer.names, answer.marks.intersection(piece.lines)
    return len(names) + len(lines)


def _in_words(opened: Iterable[Answer], sides: tuple[int, int]) -> Answer | None:
    """The answer in words that prose at this place must be; None where that is not sure."""
    in_words = [answer for answer in opened if answer.in_words]
    right_above = [answer for answer in in_words if answer.index == sides[0]]
    between = [answer for answer in in_words if sides[0] <= answer.index <= sides[1]]
    found = right_above or between
    return found[0] if len(found) == 1 else None


def _cut_by_names(opened: Sequence[Answer], piece: Piece) -> Iterator[Piece]:
    """A cell that holds several answers, cut where the names of another one are first set."""
    if sum(bool(piece.names.bound & answer.names) for answer in opened) < 2:
        yield piece
        return
    parts: list[tuple[Answer | None, list[str]]] = [(None, [])]
    for text in statements(piece.source) or piece.source.split("\n"):
        new = Text("code", text).names.bound
        owner = next((answer for answer in opened if new & answer.names), None)
        if owner and owner != parts[-1][0]:
            parts.append((owner, []))
        parts[-1][1].append(text)
    for i, (_, texts) in enumerate(parts):
        if texts:
            yield replace(piece, order=(*piece.order, i), source="\n".join(texts))
