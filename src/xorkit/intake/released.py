"""What the released notebook says about itself: which cells are answers, and how to know them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from nbformat import NotebookNode

from xorkit.intake.cells import Cell, cells_of, is_comment, names_in, plain_lines, words_of


@dataclass(frozen=True)
class Answer:
    """One cell that the learner fills, as it was released.

    `names` are what the cells after it take from it; `in_words` is true where it asks for a
    string under the cell's own name.
    """

    index: int
    cell: Cell
    anchor: str
    names: frozenset[str]
    in_words: bool

    @property
    def grade_id(self) -> str:
        return self.cell.grade_id

    @cached_property
    def lines(self) -> frozenset[str]:
        return frozenset(plain_lines(self.cell.source))

    @cached_property
    def code_lines(self) -> frozenset[str]:
        return frozenset(line for line in self.lines if not is_comment(line))

    @cached_property
    def marks(self) -> frozenset[str]:
        """The lines that stand in the released text once: none is in two halves of a split."""
        lines = plain_lines(self.cell.source)
        return frozenset(line for line in lines if lines.count(line) == 1 and len(line) > 3)

    def place_of(self, text: str) -> int | None:
        """Where in the released text the first line of it that is in this text stands."""
        lines = set(plain_lines(text))
        released = plain_lines(self.cell.source)
        return next((i for i, line in enumerate(released) if line in lines), None)

    @property
    def title(self) -> str:
        """How a person would call it: its anchor line without the comment signs."""
        first = self.cell.source.strip().partition("\n")[0]
        return first.strip("#✏️ \t") if self.anchor else self.grade_id

    def new_lines(self, text: str) -> tuple[str, ...]:
        """The lines of a text that are neither released ones nor comments."""
        comment = is_comment if self.cell.kind == "code" else _never
        return tuple(
            line for line in plain_lines(text) if line not in self.lines and not comment(line)
        )

    def is_released(self, text: str) -> bool:
        return plain_lines(text) == plain_lines(self.cell.source)


def _never(_line: str) -> bool:
    return False


@dataclass(frozen=True)
class Released:
    """The released notebook's cells and answers, with what finds a cell again."""

    cells: tuple[Cell, ...]
    answers: tuple[Answer, ...]

    @cached_property
    def by_grade_id(self) -> Mapping[str, int]:
        return {cell.grade_id: i for i, cell in enumerate(self.cells) if cell.grade_id}

    @cached_property
    def by_id(self) -> Mapping[str, int]:
        return {name: i for i, cell in enumerate(self.cells) for name in cell.ids}

    @cached_property
    def by_text(self) -> Mapping[tuple[str, ...], int]:
        texts = ((plain_lines(cell.source), i) for i, cell in enumerate(self.cells))
        return {lines: i for lines, i in reversed(tuple(texts)) if lines}

    @cached_property
    def by_anchor(self) -> Mapping[str, Answer]:
        return {answer.anchor: answer for answer in self.answers if answer.anchor}

    @cached_property
    def answer_at(self) -> Mapping[int, Answer]:
        return {answer.index: answer for answer in self.answers}

    @cached_property
    def bound(self) -> frozenset[str]:
        """The names that the cells which are not answers leave behind."""
        return frozenset().union(*(names_in(cell.source).bound for cell in self._given))

    @cached_property
    def used(self) -> frozenset[str]:
        """The names that the cells which are not answers need from others."""
        return frozenset().union(*(names_in(cell.source).used for cell in self._given))

    @cached_property
    def own_words(self) -> Mapping[int, frozenset[str]]:
        """For each answer the words that only its cell and the cells around it use."""
        words = {answer.index: self._words_around(answer.index) for answer in self.answers}
        counts = Counter(word for own in words.values() for word in own)
        return {i: frozenset(word for word in own if counts[word] == 1) for i, own in words.items()}

    def _words_around(self, index: int) -> frozenset[str]:
        around = [self.cells[index]]
        around += takewhile(lambda cell: cell.kind == "markdown", reversed(self.cells[:index]))
        below = (cell for i, cell in enumerate(self.cells) if i > index)
        around += takewhile(lambda cell: cell.nbgrader.get("grade"), below)
        return frozenset().union(*(words_of(cell.source) for cell in around))

    @property
    def _given(self) -> Iterable[Cell]:
        for i, cell in enumerate(self.cells):
            if cell.kind == "code" and i not in self.answer_at:
                yield cell

    def index_of(self, cell: Cell) -> int | None:
        """Which released cell this is: by grade_id, else by id, else by its unchanged text."""
        if cell.grade_id in self.by_grade_id:
            return self.by_grade_id[cell.grade_id]
        for name in cell.ids:
            if name in self.by_id:
                return self.by_id[name]
        return self.by_text.get(plain_lines(cell.source))


def anchor_of(line: str) -> str:
    """The words of a comment line: what stays of an anchor in any encoding and any hand."""
    words = re.sub(r"[\W_]+", " ", line).strip().casefold()
    return words if is_comment(line) else ""


def released(master: NotebookNode) -> Released:
    cells = cells_of(master)
    indexes = [i for i, cell in enumerate(cells) if cell.grade_id and cell.nbgrader.get("solution")]
    anchors = [anchor_of(cells[i].source.strip().partition("\n")[0]) for i in indexes]
    names = _names_after(cells, indexes)
    return Released(
        cells,
        tuple(
            Answer(
                index=index,
                cell=cells[index],
                anchor=anchor if anchors.count(anchor) == 1 else "",
                names=names[index],
                in_words=_asks_for_words(cells[index]),
            )
            for index, anchor in zip(indexes, anchors, strict=True)
        ),
    )


def _names_after(cells: tuple[Cell, ...], indexes: list[int]) -> Mapping[int, frozenset[str]]:
    """For each answer the names first needed between it and the next one, and its own ones."""
    given = {i: names_in(cell.source) for i, cell in enumerate(cells) if cell.kind == "code"}
    known = set().union(*(names.bound for i, names in given.items() if i not in indexes))
    found: dict[int, frozenset[str]] = {}
    for index, following in zip(indexes, [*indexes[1:], len(cells)], strict=True):
        own = set(given[index].bound) if index in given else set()
        after = (given[i].used for i in range(index + 1, following) if i in given)
        found[index] = frozenset(own.union(*after) - known)
        known |= found[index]
    return found


def _asks_for_words(cell: Cell) -> bool:
    """Whether the released text sets a string under the cell's own name."""
    pattern = rf"""^{re.escape(cell.grade_id)}\s*=\s*\(?\s*[rf]?["']"""
    return bool(re.search(pattern, cell.source, re.MULTILINE))
