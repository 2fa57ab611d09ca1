"""A lesson as its YAML says: the task, the points, the rubrics. Everything that a lesson is.

`lessons/<assignment>.yaml` is for instructors: it is checked on loading, and what doesn't fit is
said with the place where it stands. It lies outside of `source/`, because nbgrader hands everything
in there to the learners.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import yaml
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from xorkit import messages, reference
from xorkit.conventions import solution_of
from xorkit.errors import KitError
from xorkit.matching import MatchingExercise
from xorkit.recall import Rubric, Rubrics, SecondStage
from xorkit.reference import Task
from xorkit.verdict import Diagnosis, Verdict
from xorkit.yaml_parts import Text, YamlPart

if TYPE_CHECKING:  # whoever only reads points and titles needs no judge
    from xorkit.judge import Facts

# What a solution cell is to leave behind; by these names the judge and the probe know it.
CellRole = Literal[
    "data", "model", "loss_and_optimizer", "training_loop", "predictions", "matching"
]
_AnyPart = TypeVar("_AnyPart", bound=BaseModel)


class LessonError(KitError, ValueError):
    """The lesson's files don't fit: the text says where, what was seen and what was wanted."""


class TaskSpec(YamlPart):
    """What is trained: the table, the net's layers, the learning rate, the number of epochs."""

    inputs: tuple[tuple[float, ...], ...] = Field(min_length=1)
    targets: tuple[tuple[float, ...], ...] = Field(min_length=1)
    layers: tuple[int, ...] = Field(min_length=2)
    activations: tuple[str, ...] = ()  # after each layer; a sigmoid each where none are named
    learning_rate: float = Field(gt=0)
    epochs: int = Field(ge=10)
    near: float = Field(gt=0, lt=0.5)

    @model_validator(mode="after")
    def _fits(self) -> TaskSpec:
        sizes = {len(row) for row in self.inputs}, {len(row) for row in self.targets}
        if sizes != ({self.layers[0]}, {self.layers[-1]}) or len(self.inputs) != len(self.targets):
            raise ValueError(f"inputs, targets and layers {list(self.layers)} don't fit together")
        unknown = set(self.activations) - set(reference.ACTIVATIONS)
        if unknown or len(self.activations) not in (0, len(self.layers) - 1):
            wanted = ", ".join(reference.ACTIVATIONS)
            raise ValueError(f"`activations` names one of {wanted} for each layer after the first")
        return self


class Part(YamlPart):
    """One exercise as the pages name it, and where to read about it again."""

    title: Text
    look: Text


class StartFacts(YamlPart):
    """What `xorkit facts` computed: how starts of this task end."""

    starts: int
    stalled: int
    typical: int  # epochs after which half of those that learn have learned
    slowest: int  # epochs after which 95 of 100 of those that learn have learned
    good: tuple[tuple[float, ...], ...] = Field(min_length=1)
    stall: tuple[tuple[float, ...], ...] = Field(min_length=1)
    curve_epochs: tuple[int, ...]
    curves: dict[str, tuple[float, ...]]  # losses of starts that learn: low, middle, high


class Lesson(YamlPart):
    """Everything about one assignment that isn't in its notebook."""

    assignment: Text
    title: Text
    task: TaskSpec | None = None
    parts: dict[str, Part]
    cells: dict[
        CellRole, Text
    ] = {}  # the grade_id of each role's cell, where it isn't the role's name
    hints: dict[str, Text] = {}  # what a finding's sentence adds here, by code or code.symptom
    points: dict[str, dict[str, float]]
    recall: dict[str, Rubric] = {}
    matching: MatchingExercise | None = None
    starts: StartFacts | None = None

    @field_validator("hints")
    @classmethod
    def _known(cls, hints: dict[str, str]) -> dict[str, str]:
        known = {*messages.table(), *Diagnosis}
        if unknown := sorted(set(hints) - known):
            raise ValueError(f"no message goes by {unknown}; wanted a code or code.symptom")
        return hints

    @cached_property
    def trained(self) -> Task:
        """The task as arrays. Raises LessonError where the lesson trains nothing."""
        if self.task is None:
            raise LessonError(
                f"lessons/{self.assignment}.yaml has no `task`, which this test needs"
            )
        spec = self.task
        return Task(
            inputs=np.array(spec.inputs, dtype=np.float64),
            targets=np.array(spec.targets, dtype=np.float64),
            net=reference.lesson_net(spec.layers, spec.activations),
            lr=spec.learning_rate,
            epochs=spec.epochs,
            near=spec.near,
        )

    @property
    def facts(self) -> StartFacts:
        """Raises LessonError where the facts haven't been computed yet."""
        if self.starts is None:
            raise LessonError(
                f"lessons/{self.assignment}.starts.json is missing: run `xorkit facts"
                f" {self.assignment}`"
            )
        return self.starts

    @property
    def start_facts(self) -> Facts:
        from xorkit.judge import Facts

        return Facts(self.facts.starts, self.facts.stalled, self.facts.typical)

    @property
    def max_score(self) -> float:
        return sum(self.max_points(cell) for cell in self.points)

    def cell(self, role: CellRole) -> str:
        """The solution cell of a role, by grade_id."""
        return self.cells.get(role, role)

    def role(self, cell: str) -> str:
        """The role of a solution cell; of one that has none the cell's own name."""
        given = {grade_id: role for role, grade_id in self.cells.items()}
        return given.get(cell, "" if cell in self.cells else cell)

    def names(self, blank: str) -> list[str]:
        """The names whose values an answer cell is to leave behind, where the lesson knows them."""
        if blank in self.recall:
            return [blank]
        if blank == self.cell("matching") and self.matching is not None:
            return [f"job_{number}" for number in range(1, len(self.matching.jobs) + 1)]
        return []

    def max_points(self, cell: str) -> float:
        """The points of a graded cell: those of its tests, a parametrised one counted per row."""
        rows = {"test_job": len(self.matching.jobs) if self.matching else 1}
        rows["test_prediction"] = len(self.task.inputs) if self.task else 1
        return sum(points * rows.get(test, 1) for test, points in self.points[cell].items())

    def title_of(self, name: str) -> str:
        """What an answer cell is called for people."""
        return self.parts[name].title if name in self.parts else name.replace("_", " ")

    def kind(self, name: str) -> str:
        """What exercises of one kind share: "Recall" of "Recall: step"."""
        return self.title_of(name).partition(":")[0]

    def missing(self, verdict: Verdict) -> dict[str, float]:
        """The points that are missing by kind of exercise, most first, without what waits."""
        points: Counter[str] = Counter()
        for cell in verdict.cells:
            if not cell.needs_review and cell.score < cell.max_score:
                lost: Any = cell.max_score - cell.score  # a Counter counts halves as well
                points[self.kind(solution_of(cell.grade_id))] += lost
        return dict(points.most_common())


def load(path: Path) -> Lesson:
    """The lesson in a file `lessons/<assignment>.yaml` and those beside it.

    Raises LessonError where a file is missing or doesn't fit.
    """
    data = _read(path)
    beside = {name: path.with_name(f"{path.stem}.{name}.yaml") for name in ("recall", "matching")}
    if beside["recall"].exists():
        rubrics = _validated(Rubrics, _whole(beside["recall"]), beside["recall"])
        data["recall"] = rubrics.questions
    if beside["matching"].exists():
        data["matching"] = _validated(
            MatchingExercise, _read(beside["matching"]), beside["matching"]
        )
    starts = path.with_name(f"{path.stem}.starts.json")
    if starts.exists():
        data["starts"] = _read(starts)
    return _validated(Lesson, data, path)


def _whole(path: Path) -> dict[str, Any]:
    """The rubrics of a file, with the tests and the second stage that lie beside it."""
    data, tests, fit = _read(path), path.with_suffix(".tests.yaml"), path.with_suffix(".fit.json")
    questions = data.get("questions")
    if not isinstance(questions, dict):
        return data
    for beside in filter(Path.exists, (tests, fit)):
        parts = _read(beside)
        parts = parts if beside == tests else _validated(SecondStage, parts, beside).questions
        for name, part in parts.items():
            if name not in questions:
                raise LessonError(f"{beside}: {name!r} is none of the questions in {path.name}")
            if beside == tests:
                questions[name].setdefault("tests", []).extend(part)
            else:
                questions[name]["second_stage"] = part
    return data


def find_lesson(assignment: str, start: Path) -> Lesson:
    """The lesson of an assignment, from a folder of the course upwards."""
    for folder in (start, *start.parents):
        path = folder / "lessons" / f"{assignment}.yaml"
        if path.exists():
            return load(path)
    raise LessonError(f"no lessons/{assignment}.yaml in {start} or any folder above it")


def _read(path: Path) -> dict[str, Any]:
    kind, parsed = ("JSON", json.loads) if path.suffix == ".json" else ("YAML", _yaml)
    try:
        data = parsed(path.read_text("utf-8"))
    except FileNotFoundError:
        raise LessonError(f"{path} is missing; each assignment has such a file") from None
    except (yaml.YAMLError, ValueError) as error:
        raise LessonError(f"{path} is no {kind}: {error}") from error
    if not isinstance(data, dict):
        raise LessonError(f"{path} holds a {type(data).__name__}; wanted names with values")
    return data


def _yaml(text: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)  # written in C: ten times as fast
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _validated(kind: type[_AnyPart], data: dict[str, Any], path: Path) -> _AnyPart:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            place = ".".join(map(str, problem["loc"]))
            lines.append(f"  {place}: {problem['msg']} (saw {problem['input']!r:.80})")
        raise LessonError(f"{path} doesn't fit:\n" + "\n".join(lines)) from error
