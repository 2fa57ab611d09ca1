"""What was concluded about one submission: an outcome for every hidden test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, TypedDict

SHARED = 4_096  # outcomes of tests: a hundred for each of forty tests

Fact = str | int | float | tuple[float, ...]
Outcome = Literal["passed", "failed", "not_judged"]
Status = Literal["graded", "needs_review", "not_gradable"]


class Diagnosis(StrEnum):
    """What a finding is about: the codes of `verdict.json`, in the contract's order."""

    BLANK = "blank"
    CRASH = "crash"  # a cell raised
    TIMEOUT = "timeout"
    MEMORY = "memory"
    WRONG_DATA = "wrong-data"
    WRONG_ARCHITECTURE = "wrong-architecture"
    WRONG_LOSS = "wrong-loss"
    WRONG_OPTIMIZER = "wrong-optimizer"  # not plain SGD
    WRONG_LR = "wrong-lr"
    NO_ZERO_GRAD = "no-zero-grad"
    ZERO_GRAD_NOT_EVERY_PASS = "zero-grad-not-every-pass"  # noqa: S105 - no password
    ZERO_GRAD_BEFORE_STEP = "zero-grad-before-step"  # cleared between backward and step
    NO_BACKWARD = "no-backward"
    NO_STEP = "no-step"
    STEP_BEFORE_BACKWARD = "step-before-backward"
    STEP_OUTSIDE_LOOP = "step-outside-loop"
    STEP_TWICE = "step-twice"
    BACKWARD_TWICE = "backward-twice"
    DETACHED_LOSS = "detached-loss"
    TARGET_SHAPE = "target-shape"
    WRONG_SIGN = "wrong-sign"
    FROZEN_PARAMETERS = "frozen-parameters"  # the optimizer holds none or only some of the model's
    MODEL_REBUILT_IN_LOOP = "model-rebuilt-in-loop"
    TOO_FEW_EPOCHS = "too-few-epochs"
    NOT_TRAINED = "not-trained"  # predictions that no training produced
    BAD_START = "bad-start"  # a note, costs nothing
    ENVIRONMENT = "environment"  # a note: the grader's machine lacked something that Colab has
    TAMPERING = "tampering"


@dataclass(frozen=True)
class Finding:
    """One thing that is worth telling the learner: a symptom, and the facts of it in numbers.

    `code` is None where a test says what it saw and another one has named the cause. `message` is
    the sentence that `messages.tell` makes of it at the end. A finding that is a `note` costs
    nothing.
    """

    code: Diagnosis | None
    message: str = ""
    grade_id: str = ""  # of the answer cell
    note: bool = False
    symptom: str = ""
    facts: tuple[tuple[str, Fact], ...] = ()


@dataclass(frozen=True)
class TestOutcome:
    """What one hidden test concluded.

    `claim` is the line that the learner reads (the test's docstring). `review` is true where the
    test could not decide and a person must: it then has the outcome `not_judged`, and `note` tells
    that person what was found.
    """

    __test__ = False  # not a test class, whatever its name says to pytest

    name: str
    outcome: Outcome
    points: float
    claim: str = ""
    message: str = ""
    review: bool = False
    note: str = ""


@dataclass(frozen=True)
class CellVerdict:
    """The outcomes of the hidden tests of one graded cell."""

    grade_id: str
    max_score: float
    tests: tuple[TestOutcome, ...]
    manual_score: float | None = None  # a person's mark: final where there is one
    comment: str = ""  # what a person wrote to the learner

    @property
    def auto_score(self) -> float:
        """The points of the tests that passed."""
        return sum(test.points for test in self.tests if test.outcome == "passed")

    @property
    def score(self) -> float:
        return self.auto_score if self.manual_score is None else self.manual_score

    @property
    def needs_review(self) -> bool:
        return self.manual_score is None and any(test.review for test in self.tests)


@dataclass(frozen=True)
class Lateness:
    """That a submission came after the due date, and what nbgrader's late policy takes off.

    Times are ISO 8601 in UTC, empty where unknown. `seconds` is None where only the LMS says that
    it is late: then nothing here tells by how much, and nothing is taken off.
    """

    seconds: float | None = None
    penalty: float = 0.0
    submitted: str = ""
    due: str = ""

    def __str__(self) -> str:
        """What a learner or an instructor reads: "2 days late, −21 points"."""
        if self.seconds is None:
            return "late, says the LMS"
        units = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
        size, unit = next((u for u in units if self.seconds >= u[0]), units[-1])
        number = f"{self.seconds / size:.1f}".removesuffix(".0")
        text = f"{number} {unit}{'' if number == '1' else 's'} late"
        return text + (f", −{round(self.penalty, 2):g} points" if self.penalty else "")


class UpdateDetails(TypedDict):
    """The first updates of the loop, and what they should be: (updates, parameters) each."""

    moved: list[list[float]]
    downhill: list[list[float]]


class Details(TypedDict, total=False):
    """What the pages draw: small, plain, and without anything hidden."""

    seconds: float  # that the whole notebook took
    lacks: Sequence[Mapping[str, Any]]  # what the grader's machine has not
    losses: Sequence[float]  # the learner's own, thinned out
    drawn: int  # the epochs that they cover
    predictions: Sequence[float]  # one a row of the table
    theta: Sequence[float]  # the trained parameters, in the order of `sizes`
    sizes: Sequence[int]  # of the learner's own net
    updates: UpdateDetails
    matching: Sequence[Mapping[str, Any]]  # `MatchingChoice` as JSON
    recall: Mapping[str, Mapping[str, Any]]  # `Mark` as JSON and the answer, by question


@dataclass(frozen=True)
class Verdict:
    """What is written to `verdict.json` next to a graded notebook."""

    student: str
    assignment: str
    max_score: float
    cells: tuple[CellVerdict, ...] = ()
    findings: tuple[Finding, ...] = ()  # most telling first
    repairs: tuple[str, ...] = ()  # what intake mended, in plain words
    review: tuple[str, ...] = ()  # why intake wants a person to look, in plain words
    checked: bool = False  # a person has looked at this very file
    message: str = ""  # why it is not gradable
    details: Details = field(default_factory=Details)
    late: Lateness | None = None  # None: in time, or nothing is known

    @property
    def score(self) -> float:
        """The points before a late penalty: nbgrader's score of a submission."""
        return sum(cell.score for cell in self.cells)

    @property
    def final_score(self) -> float:
        """The points after a late penalty, as `nbgrader export` has them."""
        return max(0.0, self.score - self.late.penalty) if self.late else self.score

    @property
    def needs_review(self) -> tuple[str, ...]:
        return tuple(cell.grade_id for cell in self.cells if cell.needs_review)

    @property
    def status(self) -> Status:
        if not self.cells:
            return "not_gradable"
        return "needs_review" if self.needs_review or self.needs_check else "graded"

    @property
    def needs_check(self) -> bool:
        """Whether a person should still look at the file as a whole."""
        return bool(self.review) and not self.checked

    @property
    def diagnosis(self) -> tuple[Diagnosis, ...]:
        return tuple(dict.fromkeys(found.code for found in self.findings if found.code))

    def to_json(self) -> dict[str, Any]:
        """The object of `verdict.json`, with the contract's names first."""
        return {
            "student": self.student,
            "assignment": self.assignment,
            "status": self.status,
            "score": self.score,
            "max_score": self.max_score,
            "diagnosis": list(self.diagnosis),
            "cells": {
                cell.grade_id: {
                    "score": cell.score,
                    "max_score": cell.max_score,
                    "manual_score": cell.manual_score,
                    "comment": cell.comment,
                    "tests": [asdict(test) for test in cell.tests],
                }
                for cell in self.cells
            },
            "needs_review": list(self.needs_review),
            "message": self.message,
            "findings": [_finding_json(finding) for finding in self.findings],
            "repairs": list(self.repairs),
            "review": list(self.review),
            "checked": self.checked,
            "details": dict(self.details),
            "late": asdict(self.late) if self.late else None,
            "final_score": self.final_score,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote."""
        cells = tuple(
            CellVerdict(
                grade_id,
                cell["max_score"],
                tuple(_test(**test) for test in cell["tests"]),
                cell["manual_score"],
                cell.get("comment", ""),
            )
            for grade_id, cell in value["cells"].items()
        )
        return cls(
            student=value["student"],
            assignment=value["assignment"],
            max_score=value["max_score"],
            cells=cells,
            findings=tuple(_finding(**finding) for finding in value["findings"]),
            repairs=tuple(value["repairs"]),
            review=tuple(value["review"]),
            checked=bool(value.get("checked")),
            message=value["message"],
            details=value["details"],
            late=Lateness(**value["late"]) if value.get("late") else None,
        )


# Most learners' outcomes of a test are equal: kept once, a class takes two thirds of the memory.
_test = lru_cache(maxsize=SHARED, typed=True)(TestOutcome)


def _finding_json(finding: Finding) -> dict[str, Any]:
    """All but the facts, which stand in the sentence."""
    return {name: value for name, value in asdict(finding).items() if name != "facts"}


def _finding(code: str | None, **rest: Any) -> Finding:
    return Finding(None if code is None else Diagnosis(code), **rest)
