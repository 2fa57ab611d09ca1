"""Answers that lost every name: found by what they define, what they say and where they stand."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from xorkit.intake.cells import names_in, plain_lines, statements, without_magics, words_of
from xorkit.intake.finding import Choice, Piece
from xorkit.intake.released import Answer, Released

# One name that the answer has to set, or one line of its released text, is enough; words that
# only this answer's surroundings use count one each, so that two of them in its place are.
_NAME, _LINE, _PLACE, _ENOUGH = 3.0, 3.0, 1.0, 3.0
_FORM = re.compile(r"\s*#\s?@param.*$", re.MULTILINE)
_QUOTES = "\"' \t\n"


def guess(
    master: Released, choices: Mapping[str, Choice], pieces: Sequence[Piece]
) -> tuple[Piece, ...]:
    """The pieces again, the loose ones with an answer as home where one fits."""
    filled = {choice.answer for choice in choices.values() if choice.filled}
    opened = [answer for answer in master.answers if answer not in filled]
    found: list[Piece] = []
    above: Choice | None = None  # the answer right above
    for piece, sides in zip(pieces, _neighbours(pieces), strict=True):
        if not piece.source.strip():
            continue
        if piece.home is not None:
            above = choices.get(master.cells[piece.home].grade_id)
            found.append(piece)
        elif above and piece.inside is None and _goes_on(above, piece):
            found.append(replace(piece, home=above.answer.index))
        else:
            found.extend(_placed(master, opened, piece, sides))
            above = None
    return tuple(found)


def _neighbours(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """For every piece the released cells that the nearest known cells above and below it are."""
    above, last = [], -1
    for piece in pieces:
        above.append(last if piece.inside is None else piece.inside)
        last = piece.home if piece.home is not None else last
    below, last = [], 1 << 30
    for piece in reversed(pieces):
        below.append(last if piece.inside is None else piece.inside)
        last = piece.home if piece.home is not None else last
    return list(zip(above, reversed(below), strict=True))


def _goes_on(choice: Choice, piece: Piece) -> bool:
    """Whether a nameless cell right below an answer is the second half of it."""
    answer, text = choice.answer, choice.version.text
    lines, kept = set(plain_lines(piece.source)), set(plain_lines(text))
    if piece.kind != "code" or lines & kept & answer.marks:
        return False
    if piece.source.strip("\n")[:1].isspace() or lines & answer.marks:
        return True
    first, second = names_in(text), names_in(piece.source)
    if second.bound & answer.names - first.bound:
        return True
    return not first.parsed and names_in(f"{text}\n{piece.source}").parsed


def _placed(
    master: Released, opened: Sequence[Answer], piece: Piece, sides: tuple[int, int]
) -> Iterator[Piece]:
    if piece.kind != "code" and not names_in(piece.source).parsed:
        answer = _in_words(opened, sides)
        yield piece if answer is None else replace(piece, home=answer.index)
        return
    for part in _cut_by_names(opened, piece):
        scores = [(_evidence(master, a, part, sides), -a.index, a) for a in opened]
        score, _, answer = max(scores, key=lambda s: s[:2], default=(0.0, 0, None))
        fits = answer is not None and score >= _ENOUGH
        yield replace(part, home=answer.index) if answer and fits else part


def _in_words(opened: Iterable[Answer], sides: tuple[int, int]) -> Answer | None:
    """The answer in words that prose at this place must be; None where that is not sure."""
    above, below = sides
    near = [a for a in opened if a.in_words and above <= a.index <= below]
    right_below = [answer for answer in near if answer.index == above]
    return next(iter(right_below or (near if len(near) == 1 else [])), None)


def _cut_by_names(opened: Sequence[Answer], piece: Piece) -> Iterator[Piece]:
    """A cell that holds several answers, cut where the names of another one are first set."""
    bound = names_in(piece.source).bound
    if sum(bool(bound & answer.names) for answer in opened) < 2:
        yield piece
        return
    parts: list[tuple[Answer | None, list[str]]] = [(None, [])]
    for text in statements(piece.source) or piece.source.split("\n"):
        new = names_in(text).bound
        owner = next((answer for answer in opened if new & answer.names), None)
        if owner and owner != parts[-1][0]:
            parts.append((owner, []))
        parts[-1][1].append(text)
    for i, (_, texts) in enumerate(parts):
        if texts:
            yield replace(piece, order=(*piece.order, i), source="\n".join(texts))


def _evidence(master: Released, answer: Answer, piece: Piece, sides: tuple[int, int]) -> float:
    """How much speaks for a loose piece being this answer."""
    names = len(names_in(piece.source).bound & answer.names)
    lines = len(set(plain_lines(piece.source)) & answer.marks)
    score = _NAME * names + _LINE * lines
    if sides[0] <= answer.index <= sides[1]:
        score += _PLACE + len(words_of(piece.source) & master.own_words[answer.index])
    return score


def worded(answer: Answer, text: str) -> str:
    """The text of an answer in words, its quotes and its name put back where they are missing."""
    if not answer.in_words or (answer.grade_id in names_in(text).bound and names_in(text).parsed):
        return text
    words = _spoken(answer, text)
    return _with_value(answer, words) if words else text


def _spoken(answer: Answer, text: str) -> str:
    """What the learner says in a text that is no assignment."""
    if names_in(text).parsed:
        nodes = ast.walk(ast.parse(without_magics(text)))
        values = [n.value for n in nodes if isinstance(n, ast.Constant)]
        strings = [value for value in values if isinstance(value, str)]
        if strings:
            return "\n".join(strings).strip()
    said = "\n".join(answer.new_lines(_FORM.sub("", text)))
    return re.sub(rf"\A\s*{re.escape(answer.grade_id)}\s*=", "", said).strip(_QUOTES)


def _with_value(answer: Answer, words: str) -> str:
    """The released text with these words as the value of its string."""
    released = answer.cell.source
    for node in ast.parse(without_magics(released)).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            old = ast.get_source_segment(released, node) or ""
            new = f"{answer.grade_id} = {json.dumps(words, ensure_ascii=False)}"
            return released.replace(old, new, 1)
    return released
