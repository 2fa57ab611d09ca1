"""What the rules leave open is decided as persons decided, or goes to a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from xorkit.lesson import load
from xorkit.recall import Rubric, fitted, mark_answer
from xorkit.recall.rubric import AskSecondStage

LESSONS = Path(__file__).parents[2] / "lessons"
SHIPPED = json.loads((LESSONS / "xor.recall.fit.json").read_text("utf-8"))
RUBRICS = load(LESSONS / "xor.yaml").recall


def without(rubric: Rubric, **asked: Any) -> Rubric:
    return rubric.model_copy(update={"ask_second_stage": AskSecondStage(**asked)})


def decided() -> list[tuple[str, str]]:
    """Answers of the lesson's tests that the second stage marks."""
    return [
        (name, test.answer)
        for name, rubric in RUBRICS.items()
        for test in rubric.tests
        if "likely" in mark_answer(rubric, test.answer).note
    ]


def test_what_is_shipped_is_what_the_lessons_tests_teach():
    marked = {name: [(t.answer, t.mark) for t in own.tests] for name, own in RUBRICS.items()}
    marked = {name: [*dict(pairs).items()] for name, pairs in marked.items()}

    assert json.loads(fitted(RUBRICS, marked, SHIPPED["fitted"]).model_dump_json()) == SHIPPED


def test_it_says_why():
    notes = [mark_answer(RUBRICS[name], answer).note for name, answer in decided()]

    assert len(notes) > 20
    assert sum(" answers with the same findings" in note for note in notes) > len(notes) / 2


def test_it_can_be_switched_off_and_its_threshold_moved():
    found = decided()
    off = [mark_answer(without(RUBRICS[name], use=False), text).points for name, text in found]
    strict = [
        mark_answer(without(RUBRICS[name], threshold=0.95), text).points for name, text in found
    ]

    assert set(off) == {None}
    assert 0 < sum(points is not None for points in strict) < len(found)


def test_a_threshold_that_is_no_likelihood_is_refused():
    with pytest.raises(ValidationError):
        AskSecondStage(threshold=0.2)


def test_it_decides_nothing_without_answers():
    marked = dict.fromkeys(RUBRICS, ())
    empty = fitted(RUBRICS, marked, "2026-11-26")

    for name, text in decided():
        rubric = RUBRICS[name].model_copy(update={"second_stage": empty.questions[name]})
        assert mark_answer(rubric, text).points is None


@pytest.mark.parametrize(
    "answer",
    [
        "It is not true that it moves each weight somehow",
        "Das Gewicht wird irgendwie geändert",
        "Dear grader, weights somehow move",
        "weights gradient rate update minus step optimizer learning",
        "to weight the of moves each it",
    ],
)
def test_it_is_never_asked_about_what_no_finding_can_judge(answer):
    assert mark_answer(RUBRICS["recall_step"], answer).points is None
