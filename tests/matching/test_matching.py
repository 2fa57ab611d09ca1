"""The matching exercise: choices are read however they are written, and told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from xorkit.matching import MatchingExercise, grade_matching

LESSONS = Path(__file__).parents[2] / "lessons"
EXERCISE = MatchingExercise.model_validate(
    yaml.safe_load((LESSONS / "xor.matching.yaml").read_text("utf-8"))
)
RIGHT = {f"job_{n}": job.accepts[0] for n, job in enumerate(EXERCISE.jobs, 1)}

WAYS_TO_WRITE = [
    (2, "nn.Linear(2, 2)"),
    (2, "nn.Linear(2,2)"),
    (2, "  nn.Linear( 2 , 2 )  "),
    (2, "'nn.Linear(2, 2)'"),
    (2, "`nn.Linear(2, 2)`"),
    (2, "nn.linear(2, 2)"),
    (2, ["nn.Linear(2, 2)"]),
    (1, "torch.tensor([[0., 0.], [0., 1.]])"),
    (5, "nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())"),
    (5, "pred = model(X)"),
    (5, "model(X)"),
    (8, "model.zero_grad()"),
]
OTHERWISE = [
    (4, "", "blank"),
    (4, None, "blank"),
    (4, ..., "blank"),
    (4, "...", "blank"),
    (4, EXERCISE.placeholder, "blank"),
    (4, "nn.Sigmoid(), nn.MSELoss()", "doubled"),
    (4, ["nn.Sigmoid()", "nn.MSELoss()"], "doubled"),
    (4, "nn.ReLU()", "unknown"),
    (4, 3, "unknown"),
    (4, "nn.MSELoss()", "wrong"),
    (9, "optimizer.step", "wrong"),
]


def choice(number, value):
    return grade_matching(EXERCISE, {**RIGHT, f"job_{number}": value})[number - 1]


def test_all_right_earns_a_point_a_job():
    choices = grade_matching(EXERCISE, RIGHT)

    assert [one.status for one in choices] == ["right"] * 9
    assert sum(one.points for one in choices) == EXERCISE.max_points == 9


def test_nothing_chosen_earns_nothing():
    assert [one.status for one in grade_matching(EXERCISE, {})] == ["blank"] * 9


def test_one_line_serves_two_jobs():
    assert EXERCISE.jobs[1].accepts == EXERCISE.jobs[2].accepts


@pytest.mark.parametrize(("number", "value"), WAYS_TO_WRITE)
def test_a_right_choice_counts_however_it_is_written(number, value):
    found = choice(number, value)

    assert (found.status, found.points) == ("right", 1)


@pytest.mark.parametrize(("number", "value", "status"), OTHERWISE)
def test_blank_doubled_unknown_and_wrong_are_told_apart(number, value, status):
    found = choice(number, value)

    assert (found.status, found.points) == (status, 0)


@pytest.mark.parametrize("number", range(1, 10))
@pytest.mark.parametrize("line", EXERCISE.lines, ids=lambda line: line.line)
def test_a_wrong_choice_is_explained_without_the_answer(number, line):
    job = EXERCISE.jobs[number - 1]
    found = choice(number, line.line)
    if line.line in job.accepts:
        assert found.status == "right"
        return

    assert found.status == "wrong"
    assert line.line in found.message
    assert line.does in found.message
    assert job.job in found.message
    assert found.misconception == line.belief
    assert not any(f"`{accepted}`" in found.message for accepted in job.accepts)


def test_a_line_chosen_twice_is_pointed_out():
    assert "same line for job 9" in choice(8, "optimizer.step()").message


def test_the_menu_can_be_shown_by_a_form():
    assert EXERCISE.options[0] == EXERCISE.placeholder
    assert not [option for option in EXERCISE.options if set(option) & set("\"'\\\n")]
    assert len(set(EXERCISE.options)) == len(EXERCISE.options)


@given(
    st.dictionaries(st.sampled_from(sorted(RIGHT)), st.one_of(st.text(), st.integers(), st.none()))
)
def test_no_value_breaks_it_and_noise_earns_nothing(values):
    choices = grade_matching(EXERCISE, values)

    assert len(choices) == 9
    assert {one.points for one in choices} == {0}


BASE = {
    "placeholder": "(choose)",
    "lines": [{"line": "a()", "does": "does a"}, {"line": "b()", "does": "b", "belief": "b is a"}],
    "jobs": [{"job": "a", "lesson": "lesson 1", "accepts": ["a()"]}],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"jobs": [{**BASE["jobs"][0], "accepts": ["c()"]}]}, "job 1 accepts 'c\\(\\)'"),
        ({"lines": [*BASE["lines"], {"line": "A( )", "does": "x", "belief": "y"}]}, "twice"),
        ({"lines": [*BASE["lines"], {"line": 'c("")', "does": "x", "belief": "y"}]}, "form can't"),
        ({"lines": [BASE["lines"][0], {"line": "b()", "does": "b"}]}, "say which belief"),
        ({"lines": [{**BASE["lines"][0], "belief": "x"}, BASE["lines"][1]]}, "remove its belief"),
    ],
)
def test_an_exercise_that_contradicts_itself_is_refused(change, said):
    MatchingExercise.model_validate(BASE)
    with pytest.raises(ValidationError, match=said):
        MatchingExercise.model_validate({**BASE, **change})
