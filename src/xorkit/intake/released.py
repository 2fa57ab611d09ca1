"""What the released notebook says about itself: which cells are answers, and how to know them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from nbformat import NotebookNode, from_dict

from xorkit.intake.cells import Cell, CellText, cells_of, is_comment, parsed

# A changed cell of ours keeps this much of its lines, and has as little of others.
_ALIKE = 0.5


@dataclass(frozen=True)
class Answer:
    """One cell that the learner fills, as it was released.

    `names` are first seen in it and in the cells below it.
    """

    index: int
    cell: Cell
    anchor: str
    names: frozenset[str]

    @property
    def grade_id(self) -> str:
        return self.cell.grade_id

    @property
    def title(self) -> str:
        """How a person would call it: by its first line, unless another answer has the same."""
        return self.cell.title if self.anchor else self.grade_id

    @cached_property
    def blanks(self) -> frozenset[str]:
        """The names to which the released text gives a string, for the learner to change."""
        return frozenset(re.findall(r"""^(\w+)\s*=\s*["']""", self.cell.source, re.MULTILINE))

    @property
    def in_words(self) -> bool:
        """Whether the learner's own words are asked for, as a string of the cell's own name."""
        return self.grade_id in self.blanks

    def open_blanks(self, text: CellText) -> frozenset[str]:
        """The blanks that a text leaves as they were released, or out."""
        new = CellText("code", "\n".join(self.new_lines(text)))
        return self.blanks - new.names.bound

    @cached_property
    def lines(self) -> frozenset[str]:
        return frozenset(self.cell.lines)

    @cached_property
    def code_lines(self) -> frozenset[str]:
        return frozenset(line for line in self.lines if not is_comment(line))

    @cached_property
    def marks(self) -> frozenset[str]:
        """The lines that stand in the released text once: none is in two halves of a split."""
        lines = self.cell.lines
        return frozenset(line for line in lines if lines.count(line) == 1 and len(line) > 3)

    def place_of(self, text: CellText) -> int | None:
        """Where in the released text the first line of it that is in this text stands."""
        lines = set(text.lines)
        return next((i for i, line in enumerate(self.cell.lines) if line in lines), None)

    def new_lines(self, text: CellText) -> tuple[str, ...]:
        """The lines that are the learner's: no released ones, and in code no comments."""
        return tuple(line for line in text.lines if line not in self.lines and self._says(line))

    def _says(self, line: str) -> bool:
        if self.cell.kind != "code" or not is_comment(line):
            return True
        return self.in_words and anchor_of(line) != self.anchor

    def is_released(self, text: CellText) -> bool:
        return text.is_same(self.cell)


@dataclass(frozen=True)
class ReleasedNotebook:
    """The released notebook's cells and answers, with what finds a cell again."""

    notebook: NotebookNode
    cells: tuple[Cell, ...]
    answers: tuple[Answer, ...]

    @cached_property
    def _json(self) -> str:
        return json.dumps(self.notebook)

    def copy(self) -> NotebookNode:
        """The notebook once more, for somebody to change; faster than `copy.deepcopy`."""
        notebook: NotebookNode = from_dict(json.loads(self._json))
        return notebook

    @cached_property
    def by_grade_id(self) -> Mapping[str, int]:
        return {cell.grade_id: i for i, cell in enumerate(self.cells) if cell.grade_id}

    @cached_property
    def by_id(self) -> Mapping[str, int]:
        return {name: i for i, cell in enumerate(self.cells) for name in cell.ids}

    @cached_property
    def by_text(self) -> Mapping[tuple[str, ...], int]:
        texts = [(cell.lines, i) for i, cell in enumerate(self.cells) if cell.lines]
        return dict(reversed(texts))

    @cached_property
    def by_anchor(self) -> Mapping[str, Answer]:
        return {answer.anchor: answer for answer in self.answers if answer.anchor}

    @cached_property
    def answer_at(self) -> Mapping[int | None, Answer]:
        return {answer.index: answer for answer in self.answers}

    @cached_property
    def bound(self) -> frozenset[str]:
        """The names that the cells which are not answers leave behind."""
        return frozenset().union(*(cell.names.bound for _, cell in self.given("code")))

    @cached_property
    def used(self) -> frozenset[str]:
        """The names that the cells which are not answers need from others."""
        return frozenset().union(*(cell.names.used for _, cell in self.given("code")))

    def given(self, *kinds: str) -> Iterator[tuple[int, Cell]]:
        """The cells that are not answers, with their places."""
        for i, cell in enumerate(self.cells):
            if i not in self.answer_at and cell.kind in kinds:
                yield i, cell

    def index_of(self, cell: Cell) -> int | None:
        """Which released cell this is: by grade_id, else by id, else by its unchanged text."""
        if cell.grade_id in self.by_grade_id:
            return self.by_grade_id[cell.grade_id]
        for name in cell.ids:
            if name in self.by_id:
                return self.by_id[name]
        return self.by_text.get(cell.lines)

    def above(self, place: int) -> Answer | None:
        """The answer that a cell of ours is or goes with: right below it, without prose between."""
        while place >= 0 and place not in self.answer_at and self.cells[place].kind == "code":
            place -= 1
        return self.answer_at.get(place)

    def alike(self, text: CellText) -> int | None:
        """The cell of ours of which this is a changed copy."""
        lines = set(text.lines)
        shared = [(len(lines.intersection(cell.lines)), -i) for i, cell in self.given(text.kind)]
        common, place = max(shared, default=(0, 0))
        longest = max(len(lines), len(set(self.cells[-place].lines)))
        return -place if common and common >= _ALIKE * longest else None


def anchor_of(line: str) -> str:
    """The words of a comment line: what stays of an anchor in any encoding and any hand.

    A line with more than one # is a heading of ours, which may have the same words.
    """
    if not re.match(r"\s*#[^#]", line):
        return ""
    return re.sub(r"[\W_]+", " ", line).strip().casefold()


def released(master: NotebookNode) -> ReleasedNotebook:
    cells = cells_of(master)
    indexes = [i for i, cell in enumerate(cells) if cell.grade_id and cell.nbgrader.get("solution")]
    anchors = [anchor_of(cells[i].first_line) for i in indexes]
    names = _names_after(cells, indexes)
    answers = (
        Answer(
            index=index,
            cell=cells[index],
            anchor=anchor if anchors.count(anchor) == 1 else "",
            names=names[index],
        )
        for index, anchor in zip(indexes, anchors, strict=True)
    )
    return ReleasedNotebook(master, cells, tuple(answers))


def _names_after(cells: tuple[Cell, ...], indexes: list[int]) -> Mapping[int, frozenset[str]]:
    """For each answer the names first seen in it and in the cells up to the next one."""
    given = {i: cell.names for i, cell in enumerate(cells) if cell.kind == "code"}
    known = set().union(*(names.bound for i, names in given.items() if i not in indexes))
    found: dict[int, frozenset[str]] = {}
    for index, following in pairwise([*indexes, len(cells)]):
        seen = (given[i].used for i in range(index, following) if i in given)
        own = given[index].bound if index in given else frozenset[str]()
        found[index] = own.union(*seen) - known
        known |= found[index]
    return found


_FORM = re.compile(r"#\s?@(?:param\s*(?:\{[^}]*\}|\[[^\]]*\])?|(?:markdown|title).*)")


def worded(answer: Answer, text: CellText) -> str:
    """The text of an answer; where it holds words but no string of the cell's name, with one."""
    if not answer.in_words or _has_value(answer, text):
        return text.source
    words = _spoken(answer, text)
    return _with_value(answer, words) if words else text.source


def _has_value(answer: Answer, text: CellText) -> bool:
    """Whether the text sets the cell's name to anything but an empty string."""
    values = [node.value for node in _assignments(answer, text.source)]
    return any(not isinstance(v, ast.Constant) or str(v.value).strip() for v in values)


def _assignments(answer: Answer, source: str) -> list[ast.Assign | ast.AnnAssign]:
    """The statements that set the cell's own name."""
    assigned = (s for s in parsed(source) if isinstance(s, ast.Assign | ast.AnnAssign))
    return [s for s in assigned if s.value and _is_name(_target(s), answer.grade_id)]


def _target(statement: ast.Assign | ast.AnnAssign) -> ast.expr:
    return statement.targets[0] if isinstance(statement, ast.Assign) else statement.target


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _spoken(answer: Answer, text: CellText) -> str:
    """What the learner says: strings without a name, prose without quotes, comments."""
    constants = (
        node.value
        for statement in parsed(text.source)
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant)
    )
    strings = [value.strip() for value in constants if isinstance(value, str) and value.strip()]
    if strings:
        return "\n".join(strings)
    return "\n".join(_said(answer, text)).strip("\"' \t\n")


def _said(answer: Answer, text: CellText) -> Iterator[str]:
    """The learner's lines without what the form, the comment sign and the name add to them."""
    for line in answer.new_lines(text):
        words = _FORM.sub("", line).strip()
        if text.kind == "code":
            words = words.lstrip("#").strip()
        yield re.sub(rf"^{re.escape(answer.grade_id)}\s*=", "", words)


def _with_value(answer: Answer, words: str) -> str:
    """The released text with these words as the value of its string."""
    source = answer.cell.source
    new = f"{answer.grade_id} = {json.dumps(words, ensure_ascii=False)}"
    for node in _assignments(answer, source):
        return source.replace(ast.get_source_segment(source, node) or "", new, 1)
    return source
