"""What the checks know of a lesson: what is asked in each cell, and nothing of any answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from xorkit.evidence import Array
from xorkit.judge import Facts
from xorkit.reference import Task, lesson_net


@dataclass(frozen=True)
class SheetClaim:
    """A claim of a hidden test: its sentence, and where the judge answers it.

    `part` is the fixture, `name` the attribute, `row` the row of the table where there are several.
    """

    text: str
    part: str
    name: str
    row: int | None = None
    needs: tuple[int, ...] = ()  # the claims above that it takes for granted


@dataclass(frozen=True)
class SheetCell:
    """One exercise: its cell's first line, title, and what there is to say of it.

    `names` are those that the cell is to leave behind where no claim is made about them; `in_words`
    says that this is an answer in words; `role` is its role in the lesson.
    """

    grade_id: str
    title: str
    first_line: str = ""  # empty: there is no cell to fill, as for the predictions
    look: str = ""  # where to read about it again
    claims: tuple[SheetClaim, ...] = ()
    names: tuple[str, ...] = ()
    in_words: bool = False
    role: str = ""


@dataclass(frozen=True)
class SheetMenu:
    """The matching exercise as it is asked: its lines and its jobs."""

    placeholder: str
    lines: tuple[str, ...]
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class SheetTask:
    """What is trained, as `lessons/<assignment>.yaml` says, and how its starts end."""

    inputs: tuple[tuple[float, ...], ...]
    targets: tuple[tuple[float, ...], ...]
    layers: tuple[int, ...]
    activations: tuple[str, ...]
    lr: float
    epochs: int
    near: float
    facts: tuple[int, int, int]
    good: tuple[tuple[float, ...], ...]
    stall: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Sheet:
    """All that the checks of one assignment know."""

    cells: tuple[SheetCell, ...]
    menu: SheetMenu | None = None
    spec: SheetTask | None = None
    hints: Mapping[str, str] = field(default_factory=dict)  # the lesson's own, by diagnosis code

    @cached_property
    def task(self) -> Task | None:
        spec = self.spec
        if spec is None:
            return None
        inputs, targets = _table(spec.inputs), _table(spec.targets)
        net = lesson_net(spec.layers, spec.activations)
        return Task(inputs, targets, net, spec.lr, spec.epochs, spec.near)

    @property
    def facts(self) -> Facts:
        return Facts(*(self.spec.facts if self.spec else (0, 0, 0)))

    def cell(self, grade_id: str) -> SheetCell | None:
        return next((cell for cell in self.cells if cell.grade_id == grade_id), None)

    def of_role(self, role: str) -> SheetCell | None:
        return next((cell for cell in self.cells if cell.role == role), None)

    def after(self, cell: SheetCell) -> SheetCell | None:
        """The exercise that follows."""
        return dict(zip(self.cells, self.cells[1:], strict=False)).get(cell)

    def to_text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Sheet:
        value = json.loads(text)
        menu, spec = value["menu"], value["spec"]
        return cls(
            tuple(_cell(cell) for cell in value["cells"]),
            menu and SheetMenu(**_tuples(menu)),
            spec and SheetTask(**_tuples(spec)),
            value["hints"],
        )


def _cell(value: Mapping[str, Any]) -> SheetCell:
    claims = tuple(SheetClaim(**_tuples(claim)) for claim in value["claims"])
    return SheetCell(**{**_tuples(value), "claims": claims})


def _tuples(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _frozen(inner) for name, inner in value.items()}


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _table(rows: Any) -> Array:
    return np.array(rows, dtype=np.float64)
