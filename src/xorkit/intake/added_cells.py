"""Cells that a learner added: kept where an answer needs what they define."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from xorkit.guest.lacks import ANY
from xorkit.guest.standins import installs
from xorkit.intake.locate import Choice, Piece
from xorkit.intake.released import ReleasedNotebook

_STAR = re.compile(r"^[ \t]*from[ \t]+\S+[ \t]+import[ \t]+\*", re.MULTILINE)
# What is felt in the answers although it defines nothing: seeds, default types, where modules lie,
# programs that define names when they are run.
_SETTING = re.compile(
    r"^(?:\w+(?:\.\w+)*\.(?:manual_seed|seed|set_\w+)\(|sys\.path\b|os\.(?:chdir\(|environ\b)"
    r"|%(?:run|load_ext|cd|env)\b)",
    re.MULTILINE,
)
# What makes files or folders, in Python, by a magic or by a shell line.
_COMMANDS = "mkdir|cp|mv|touch|echo|wget|curl|unzip|git|gdown"
_MAKES_FILES = re.compile(
    rf"^%%(?:writefile|file)\b|^[%!]\s*(?:{_COMMANDS})\b|^(?:{_COMMANDS}) [\w./-]"
    r"|\bopen\(|\b(?:save|savez\w*|savetxt|dump|write_text|write_bytes|mkdir|makedirs|to_csv)\("
    r"|\b(?:copy\w*|move|rename|mount|extractall)\(|^%%(?:bash|sh|shell|script)\b",
    re.MULTILINE,
)
# The words of a file's name or a path; a module is named without its ending.
_PATH = re.compile(r"[\w.-]*\w")
_ENDING = re.compile(r"\.\w+$")


_COMMON = frozenset({"torch", "numpy", "os"})  # imported by everybody


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
    named = {ANY}.union(*(_named(text.source) for text in texts))  # what isn't known may be named
    kept: dict[tuple[int, ...], tuple[str, ...]] = {}
    # Whatever is read from a text is read once: a chain of cells comes in one a round.
    waiting = [(p, p.names.bound, _made(p), _sets(p)) for p in loose if p.kind == "code"]
    while found := [
        p for p, bound, made, sets in waiting if sets or bound & needed or made & named
    ]:
        for piece in found:
            named |= _named(piece.source)
            kept[piece.order] = tuple(sorted(piece.names.bound & needed))
            needed |= piece.names.used - given
        waiting = [of for of in waiting if of[0].order not in kept]
    stay = tuple(
        Extra(piece.source, _place(choices, pieces, piece), kept[piece.order])
        for piece in loose
        if piece.order in kept
    )
    return stay, tuple(piece for piece in loose if piece.order not in kept)


def _made(piece: Piece) -> set[str]:
    """The files, folders and modules that a cell makes, for other texts to name."""
    return set() if piece.inside is not None else _files(piece.source) | installs(piece.source)


def _files(source: str) -> set[str]:
    """What files and folders a cell makes are called, modules without their ending."""
    lines = [line for line in source.splitlines() if _MAKES_FILES.search(line)]
    if not lines:
        return set()
    if lines[0].startswith(("%%writefile", "%%file")):
        return _named(lines[0])
    if lines[0].startswith("%%"):  # a shell's, all words of which may be files
        return _named("\n".join(f"!{line}" for line in source.splitlines()))
    return _named("\n".join(lines))


def _named(text: str) -> set[str]:
    """The names in a text that may be a file's: parts of quoted paths, words of shell lines, …"""
    quoted = re.findall(r"""["']([^"'\s]+)["']""", text)
    shell = re.findall(rf"^(?:[%!]|(?:{_COMMANDS}) [\w./-]).*$", text, re.MULTILINE)
    modules = re.findall(r"^\s*(?:from|import)\s+(\w+)", text, re.MULTILINE)
    words = {word for path in [*quoted, *shell] for word in _PATH.findall(path)}
    return {_ENDING.sub("", word) for word in words if len(word) > 1} | set(modules) - _COMMON


def _sets(piece: Piece) -> bool:
    """Whether a cell is felt in the answers without a name that is known to be needed."""
    # What was written into a cell of ours only stays if it is needed; what a star gives may be.
    own = piece.inside is None
    return bool(_STAR.search(piece.source) or (own and _SETTING.search(piece.source)))


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
