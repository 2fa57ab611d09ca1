"""Where a learner's answers are in the file that was handed in: by name, by signs, by place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from xorkit.intake.cells import Cell, CellText, parsed, statements
from xorkit.intake.released import Answer, ReleasedNotebook, anchor_of

_FENCES = ("```", "~~~")
# Two texts that share this much of the shorter one are copies, not halves of one answer.
_COPIED = 0.5
# Nobody splits or copies a cell more often; to compare all pieces of a file that is made of
# copies would take hours.
_COMPARED = 30
# A cell of ours that is this short can also be a learner's own line.
_OURS = 2


@dataclass(frozen=True)
class Piece(CellText):
    """A stretch of one handed-in cell.

    `order` is its place in the file, `home` the released cell that it is (None: a loose one),
    `inside` the released cell that the whole handed-in cell is.
    """

    order: tuple[int, ...] = ()
    home: int | None = None
    inside: int | None = None
    anchor: str = ""
    by_name: bool = False  # its cell carries the grade_id, the surest of all signs
    disputed: bool = False  # the cell is one answer's, the only anchor in it another's


@dataclass(frozen=True)
class Version:
    """One way in which an answer stands in the file, joined from its pieces."""

    pieces: tuple[Piece, ...]

    @cached_property
    def text(self) -> CellText:
        first, *rest = self.pieces
        if not rest:
            return first
        parts = [first.source.rstrip("\n"), *(piece.source.strip("\n") for piece in rest)]
        return CellText(first.kind, "\n".join(parts))


@dataclass(frozen=True)
class Choice:
    """Of an answer's versions the one that counts.

    `left_out` is how many pieces of the file are not in it, `others` are the versions that say
    something else.
    """

    answer: Answer
    version: Version
    left_out: int = 0
    others: tuple[Version, ...] = ()

    @cached_property
    def filled(self) -> bool:
        return bool(self.answer.new_lines(self.version.text))


def pieces_of(cells: Sequence[Cell], master: ReleasedNotebook) -> tuple[Piece, ...]:
    """Every handed-in cell, cut where the anchor line of another answer stands in it.

    Of a changed cell of ours only what was added comes along, as loose pieces.
    """
    found = (_pieces_of(i, cell, master) for i, cell in enumerate(cells))
    settled = _settled(tuple(piece for pieces in found for piece in pieces), master)
    return _exchanged(settled, master)


def _pieces_of(position: int, cell: Cell, master: ReleasedNotebook) -> Iterator[Piece]:
    home = master.index_of(cell)
    by_name = cell.grade_id in master.by_grade_id
    whole = Piece(cell.kind, cell.source, (position, 0), home, home, by_name=by_name)
    if home is not None and cell.is_same(master.cells[home]):
        yield whole
        return
    whole = replace(whole, source=_without_ours(_unfenced(cell, master, home), master))
    parts = _cut(whole.source, master, home)
    if home is None and not parts[0][0]:
        home = master.alike(whole)
        whole = replace(whole, home=home, inside=home)
    own = master.answer_at[home].anchor if home in master.answer_at else ""
    lost = bool(own) and own not in {anchor for anchor, _ in parts}
    for part, (anchor, text) in enumerate(parts):
        piece = replace(whole, order=(position, part), source=text, anchor=anchor)
        named = master.by_anchor.get(anchor)
        if named and named.index != home:
            yield replace(piece, home=named.index, by_name=False, disputed=lost)
        elif home is not None and home not in master.answer_at:
            yield from _added(piece, master.cells[home])
        else:
            yield piece


def _added(piece: Piece, given: Cell) -> Iterator[Piece]:
    """What a learner wrote into a cell of ours: each new statement or line, a piece of its own."""
    yield replace(piece, source=given.source)
    known = {*statements(given.source), *given.lines}
    for i, text in enumerate(statements(piece.source) or piece.lines):
        if text not in known:
            yield replace(piece, order=(*piece.order, i), source=text, home=None, by_name=False)


def _unfenced(cell: Cell, master: ReleasedNotebook, home: int | None) -> str:
    """Code that was put between ``` in a markdown cell; any other text as it is."""
    wanted = "code" if home is None else master.cells[home].kind
    blocks = _fenced(cell.source) if cell.kind == "markdown" and wanted == "code" else ()
    return "\n".join(blocks) or cell.source


def _fenced(text: str) -> Iterator[str]:
    """What stands between two fences; line by line, as a pattern takes hours for a wild text."""
    block: list[str] | None = None
    for line in text.split("\n"):
        if block is None:
            block = [] if line.lstrip(" \t").startswith(_FENCES) else None
        elif line.strip(" \t") in _FENCES:
            yield "\n".join(block).rstrip("\n")
            block = None
        else:
            block.append(line)


def _without_ours(source: str, master: ReleasedNotebook) -> str:
    """The text without whole cells of ours (prose, checks) that were merged into it."""
    for _, cell in master.given("code", "markdown"):
        block = cell.source.strip()
        ours = cell.kind == "markdown" or cell.nbgrader.get("grade") or len(cell.lines) >= _OURS
        if ours and block and block in source:
            source = re.sub(rf"(?:^|\n){re.escape(block)}[ \t]*(?=\n|$)", "", source)
    return source


def _cut(source: str, master: ReleasedNotebook, home: int | None) -> list[tuple[str, str]]:
    """(anchor, text) for every part of a cell; what stands before the first anchor has none."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for line in source.split("\n"):
        anchor = anchor_of(line)
        if anchor in master.by_anchor and anchor != parts[-1][0]:
            parts.append((anchor, []))
        parts[-1][1].append(line)
    if len(parts) > 1 and _goes_with(parts[0][1], master.by_anchor[parts[1][0]], home):
        parts[:2] = [(parts[1][0], parts[0][1] + parts[1][1])]
    if len(parts) == 1:
        return [(parts[0][0], source)]
    return [(anchor, "\n".join(lines).strip("\n")) for anchor, lines in parts]


def _goes_with(lines: list[str], answer: Answer, home: int | None) -> bool:
    """Whether lines above an anchor, such as an import, belong to that anchor's answer."""
    return home in (None, answer.index) or not "".join(lines).strip()


def _settled(pieces: tuple[Piece, ...], master: ReleasedNotebook) -> tuple[Piece, ...]:
    """A cell with the anchor of another answer is its own cell's, if that other one has its own."""
    if not any(piece.disputed for piece in pieces):
        return pieces
    sure = choices(master, (piece for piece in pieces if not piece.disputed))
    filled = {choice.answer.index for choice in sure.values() if choice.filled}
    return tuple(
        replace(piece, home=piece.inside)
        if piece.disputed and piece.home in filled and piece.inside not in filled
        else piece
        for piece in pieces
    )


def _exchanged(pieces: tuple[Piece, ...], master: ReleasedNotebook) -> tuple[Piece, ...]:
    """Answers that were typed into each other's cells: each sets the other one's names alone."""
    wanted = {
        piece.home: home for piece in pieces if (home := _stranger(piece, master)) is not None
    }
    return tuple(
        replace(piece, home=wanted[piece.home], by_name=False)
        if piece.home in wanted and wanted.get(wanted[piece.home]) == piece.home
        else piece
        for piece in pieces
    )


def _stranger(piece: Piece, master: ReleasedNotebook) -> int | None:
    """The other answer whose names an answer's piece sets, with none of its own."""
    own = master.answer_at.get(piece.home)
    if own is None or piece.names.bound & own.names:
        return None
    others = [answer.index for answer in master.answers if answer.names & piece.names.bound]
    return others[0] if len(others) == 1 else None


def choices(master: ReleasedNotebook, pieces: Iterable[Piece]) -> Mapping[str, Choice]:
    """For every answer that is in the file at all, its version that counts; by grade_id."""
    at_home: dict[int | None, list[Piece]] = {}
    for piece in pieces:
        at_home.setdefault(piece.home, []).append(piece)
    return {
        answer.grade_id: _choice(answer, at_home[answer.index])
        for answer in master.answers
        if answer.index in at_home
    }


def _choice(answer: Answer, pieces: Sequence[Piece]) -> Choice:
    unique = list({piece.lines: piece for piece in reversed(pieces)}.values())[::-1]
    copies = [Version((piece,)) for piece in unique if answer.is_released(piece)]
    blanks = [Version((piece,)) for piece in unique if piece.is_blank]
    edited = [p for p in unique if not p.is_blank and not answer.is_released(p)]
    versions = _versions(answer, edited)
    filled = [version for version in versions if answer.new_lines(version.text)]
    if not filled:
        best = (copies + versions + blanks)[0]
        return Choice(answer, best, len(pieces) - len(best.pieces))
    best = filled[0] if len(filled) == 1 else max(filled, key=lambda v: _worth(answer, v))
    others = tuple(version for version in filled if not _says_no_more(answer, version, best))
    return Choice(answer, best, len(pieces) - len(best.pieces), others)


def _versions(answer: Answer, pieces: Sequence[Piece]) -> list[Version]:
    """The pieces grouped: halves of a split answer together, copies apart."""
    pieces, rest = pieces[:_COMPARED], pieces[_COMPARED:]
    heads = [piece for piece in pieces if piece.anchor] or list(pieces[:1])
    groups = [[head] for head in heads]
    for piece in (piece for piece in pieces if piece not in heads):
        hosts = [group for group in groups if _continues(answer, group, piece)]
        above = [group for group in hosts if group[0].order < piece.order]
        if hosts:
            (above[-1] if above else hosts[0]).append(piece)
        else:
            groups.append([piece])
    alone = [Version((piece,)) for piece in rest]
    return [Version(_in_order(answer, group)) for group in groups] + alone


def _continues(answer: Answer, group: Sequence[Piece], piece: Piece) -> bool:
    """Whether a piece without an anchor goes on where the group ends, and is no copy of it."""
    lines = set(piece.lines)
    known = {line for member in group for line in member.lines}
    if lines & known & answer.marks or len(lines & known) >= _COPIED * min(len(lines), len(known)):
        return False
    if piece.is_indented:
        return True
    bound = frozenset().union(*(member.names.bound for member in group))
    return not bound & piece.names.bound & answer.names


def _in_order(answer: Answer, group: Sequence[Piece]) -> tuple[Piece, ...]:
    """The anchor's piece first, the others as the released text has them, else as they stand."""
    first, *rest = group
    places = {piece.order: answer.place_of(piece) for piece in rest}
    if None in places.values():
        places = {}
    return (first, *sorted(rest, key=lambda piece: (places.get(piece.order) or 0, piece.order)))


def _worth(answer: Answer, version: Version) -> tuple[int, int, int, bool, tuple[int, ...]]:
    """How well founded a version is: it is Python, sets the names, has few blanks left, …"""
    names = version.text.names
    kept = sum(line in answer.code_lines for line in version.text.lines)
    named = any(piece.by_name for piece in version.pieces)
    return names.parsed, len(names.bound & answer.names), -kept, named, version.pieces[-1].order


def _says_no_more(answer: Answer, version: Version, best: Version) -> bool:
    return set(answer.new_lines(version.text)) <= set(best.text.lines)


def guess(
    master: ReleasedNotebook, named: Mapping[str, Choice], pieces: Sequence[Piece]
) -> tuple[Piece, ...]:
    """The pieces again, the loose ones with an answer as home where one fits."""
    found = _by_signs(master, named, pieces)
    return _by_place(_open(master, choices(master, found)), found)


def _open(master: ReleasedNotebook, found: Mapping[str, Choice]) -> list[Answer]:
    """The answers that nothing in the file fills."""
    filled = {choice.answer.index for choice in found.values() if choice.filled}
    return [answer for answer in master.answers if answer.index not in filled]


def _by_signs(
    master: ReleasedNotebook, named: Mapping[str, Choice], pieces: Sequence[Piece]
) -> tuple[Piece, ...]:
    """Loose pieces that go on with an answer, set its names, or keep lines of it.

    An answer's own cell is cut where it holds answers whose cells are blank.
    """
    opened = _open(master, named)
    found: list[Piece] = []
    above: Choice | None = None  # the answer right above
    for piece, sides in zip(pieces, _neighbours(pieces), strict=True):
        if piece.home is not None:
            above = named.get(master.cells[piece.home].grade_id)
            found.extend(_shared(opened, master.answer_at.get(piece.home), piece))
        elif piece.is_blank:
            found.append(piece)
        elif half_of := _half_of(named.values(), above, piece):
            found.append(replace(piece, home=half_of.index))
        else:
            found.extend(_placed(master, opened, piece, sides))
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
    whole = CellText("code", f"{text.source}\n{piece.source}")
    return not text.names.parsed and whole.names.parsed


def _placed(
    master: ReleasedNotebook, opened: Sequence[Answer], piece: Piece, sides: tuple[int, int]
) -> Iterator[Piece]:
    """The piece, or its parts, with the answers that they show signs of; words by their place."""
    if piece.kind == "code" or piece.names.parsed:
        parts = [_signed(opened, part) for part in _cut_by_names(opened, piece)]
        if any(part.home is not None for part in parts):
            yield from parts
            return
    is_note = piece.names.parsed and not parsed(piece.source)  # a heading, a comment
    says = is_words(piece) and not is_note and not piece.is_indented
    answer = _in_words(master, opened, piece, sides) if says else None
    yield replace(piece, home=answer.index) if answer else piece


def is_words(piece: Piece) -> bool:
    """Whether a loose piece is nothing but words: prose, comments, strings of any name."""
    return not piece.names.parsed or all(map(_is_string, parsed(piece.source)))


def _is_string(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
    text = value.value if isinstance(value, ast.Constant) else None
    return isinstance(text, str) and bool(text.strip())


def _signed(opened: Sequence[Answer], piece: Piece) -> Piece:
    signs = [(_signs(answer, piece), -answer.index) for answer in opened]
    number, index = max(signs, default=(0, 0))
    return replace(piece, home=-index) if number else piece


def _signs(answer: Answer, piece: Piece) -> int:
    """How much in a loose piece is this answer's alone: names that it sets, released lines."""
    names, lines = piece.names.bound & answer.names, answer.marks.intersection(piece.lines)
    return len(names) + len(lines)


def _in_words(
    master: ReleasedNotebook, opened: Iterable[Answer], piece: Piece, sides: tuple[int, int]
) -> Answer | None:
    """The answer in words that words at this place must be; None where that is not sure."""
    in_words = [answer for answer in opened if answer.in_words]
    # Below a check, a text with a line for each open question may answer them all.
    of_one = len(in_words) == 1 or len(piece.lines) < len(in_words)
    above = master.above(sides[0]) if of_one else master.answer_at.get(sides[0])
    right_above = [answer for answer in in_words if answer == above]
    between = [answer for answer in in_words if sides[0] <= answer.index <= sides[1]]
    found = right_above or between
    return found[0] if len(found) == 1 else None


def _shared(opened: Sequence[Answer], own: Answer | None, piece: Piece) -> Iterator[Piece]:
    """An answer's piece, cut where it sets most of the names of open ones, too."""
    bound = piece.names.bound
    others = [a for a in opened if a != own and 2 * len(a.names & bound) > len(a.names)]
    texts: dict[int | None, list[str]] = {}
    if own and others:
        of = [own, *others]
        first, *rest = [_signed(of, part) for part in _cut_by_names(of, piece)]
        if first.home is None and rest:  # what stands above is for what is set first
            first = replace(first, home=rest[0].home)
        for part in (first, *rest):
            texts.setdefault(part.home, []).append(part.source)
    if not own or own.index not in texts or len(texts) == 1:
        yield piece
        return
    for i, (home, parts) in enumerate(texts.items()):
        part = replace(piece, order=(*piece.order, i), source="\n".join(parts), home=home)
        yield part if home == own.index else replace(part, anchor="", by_name=False)


def _cut_by_names(opened: Sequence[Answer], piece: Piece) -> Iterator[Piece]:
    """A cell that holds several answers, cut where the names of another one are first set."""
    if sum(bool(piece.names.bound & answer.names) for answer in opened) < 2:
        yield piece
        return
    parts: list[tuple[Answer | None, list[str]]] = [(None, [])]
    for text in statements(piece.source) or piece.source.split("\n"):
        new = CellText("code", text).names.bound
        owner = max(opened, key=lambda answer: len(new & answer.names))
        if new & owner.names and owner != parts[-1][0]:
            parts.append((owner, []))
        parts[-1][1].append(text)
    for i, (_, texts) in enumerate(parts):
        if texts:
            yield replace(piece, order=(*piece.order, i), source="\n".join(texts))
