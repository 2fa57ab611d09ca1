"""Cells that a learner added: kept where an answer needs what they define."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from xorkit.intake.locate import Choice, Piece
from xorkit.intake.released import ReleasedNotebook

_STAR = re.compile(r"^[ \t]*from[ \t]+\S+[ \t]+import[ \t]+\*", re.MULTILINE)
# Calls whose effect is felt in the answers although they define nothing: seeds, default types.
_SETTING = re.compile(r"^\w+(?:\.\w+)*\.(?:manual_seed|seed|set_\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Extra:
    """A learner's own cell, to stand right after the released cell `after`, and what it is for."""

    source: str
    after: int
    names: tuple[str, ...]


def extras(
    master: ReleasedNotebook, choices: Mapping[str, Choice], pieces: Sequence[Piece]
) -> tuple[tuple[Extra, ...], tuple[Piece, ...]]:
    """The loose pieces that stay, in order, and those that are left out."""
    loose = [p for p in pieces if p.home is None and not p.is_blank]
    texts = [choice.version.text for choice in choices.values()]
    given = master.bound.union(*(text.names.bound for text in texts))
    needed = master.used.union(*(text.names.used for text in texts)) - given
    kept: dict[tuple[int, ...], tuple[str, ...]] = {}
    waiting = loose
    while found := [piece for piece in waiting if _serves(piece, needed)]:
        for piece in found:
            kept[piece.order] = tuple(sorted(piece.names.bound & needed))
            needed |= piece.names.used - given
        waiting = [piece for piece in waiting if piece.order not in kept]
    stay = tuple(
        Extra(piece.source, _place(choices, pieces, piece), kept[piece.order])
        for piece in loose
        if piece.order in kept
    )
    return stay, tuple(waiting)


def _serves(piece: Piece, needed: frozenset[str]) -> bool:
    if piece.kind != "code":
        return False
    own = piece.inside is None  # what was written into a cell of ours only stays if it is needed
    sets = own and (_STAR.search(piece.source) or _SETTING.search(piece.source))
    return bool(sets) or bool(piece.names.bound & needed)


def _place(choices: Mapping[str, Choice], pieces: Iterable[Piece], extra: Piece) -> int:
    """After the released cell above it in the file, but not below an answer that it stood above."""
    above = [(p.order, p.home) for p in pieces if p.home is not None and p.order < extra.order]
    users = [
        choice.answer.index
        for choice in choices.values()
        if choice.version.pieces[0].order > extra.order
        and choice.version.text.names.used & extra.names.bound
    ]
    return min([max(above, default=((), -1))[1], *(user - 1 for user in users)])
