"""Answers that lost every name: found by what they define, what they say and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from xorkit.intake.finding import Choice, Piece
from xorkit.intake.released import Answer, Released
from xorkit.intake.texts import Text, statements, words_of

# One name that the answer has to set, or one line of its released text, is enough. Words that
# only this answer's surroundings use count one each: two of them, in the answer's place, are.
_NAME, _LINE, _PLACE, _ENOUGH = 3, 3, 1, 3


def guess(
    master: Released, choices: Mapping[str, Choice], pieces: Sequence[Piece]
) -> tuple[Piece, ...]:
    """The pieces again, the loose ones with an answer as home where one fits."""
    filled = {choice.answer.index for choice in choices.values() if choice.filled}
    opened = [answer for answer in master.answers if answer.index not in filled]
    found: list[Piece] = []
    above: Choice | None = None  # the answer right above
    for piece, sides in zip(pieces, _neighbours(pieces), strict=True):
        if piece.home is not None:
            above = choices.get(master.cells[piece.home].grade_id)
            found.append(piece)
        elif piece.is_blank:
            found.append(piece)
        elif half_of := _half_of(choices.values(), above, piece):
            found.append(replace(piece, home=half_of.index))
        else:
            found.extend(_placed(master, opened, piece, sides))
            above = None
    return tuple(found)


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


def _half_of(choices: Iterable[Choice], above: Choice | None, piece: Piece) -> Answer | None:
    """The answer of which a nameless cell is another half: the one right above, or by its lines."""
    if above and piece.inside is None and piece.kind == "code" and _goes_on(above, piece):
        return above.answer
    return next((c.answer for c in choices if c.filled and _fills_a_gap(c, piece)), None)


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


def _placed(
    master: Released, opened: Sequence[Answer], piece: Piece, sides: tuple[int, int]
) -> Iterator[Piece]:
    if piece.kind != "code" and not piece.names.parsed and not piece.is_indented:
        answer = _in_words(opened, sides)
        yield piece if answer is None else replace(piece, home=answer.index)
        return
    for part in _cut_by_names(opened, piece):
        scores = [(_evidence(master, answer, part, sides), -answer.index) for answer in opened]
        score, index = max(scores, default=(0, 0))
        yield replace(part, home=-index) if score >= _ENOUGH else part


def _in_words(opened: Iterable[Answer], sides: tuple[int, int]) -> Answer | None:
    """The answer in words that prose at this place must be; None where that is not sure."""
    above, below = sides
    near = [a for a in opened if a.in_words and above <= a.index <= below]
    right_above = [answer for answer in near if answer.index == above]
    return next(iter(right_above or (near if len(near) == 1 else [])), None)


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


def _evidence(master: Released, answer: Answer, piece: Piece, sides: tuple[int, int]) -> int:
    """How much speaks for a loose piece being this answer."""
    names = len(piece.names.bound & answer.names)
    lines = len(answer.marks.intersection(piece.lines))
    score = _NAME * names + _LINE * lines
    if sides[0] <= answer.index <= sides[1]:
        score += _PLACE + len(words_of(piece.source) & master.own_words[answer.index])
    return score
