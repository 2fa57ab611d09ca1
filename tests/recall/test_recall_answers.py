"""How the lesson's rubrics do on labelled answers: sure where right, else a person."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from xorkit.recall import changes, evaluate, mark_answer

# The shares of the answers that were marked surely when each set was last measured, rounded down.
SURE = {"dev.yaml": 0.84, "heldout.yaml": 0.84, "fresh.yaml": 0.78}
QUESTIONS = ("recall_zero_grad", "recall_step", "recall_backward", "recall_stuck", "recall_tensor")


@dataclass(frozen=True)
class Figures:
    answers: int
    sure: int
    wrong: int
    serious: list[object]


@pytest.fixture
def figures(rubrics, labelled):
    def measure(name: str) -> Figures:
        reports = [
            evaluate(rubrics[question], [(one["answer"], one["mark"]) for one in answers])
            for question, answers in labelled(name).items()
        ]
        return Figures(
            answers=sum(len(report.judged) for report in reports),
            sure=sum(len(report.judged) - len(report.handed_over) for report in reports),
            wrong=sum(len(report.missed) + len(report.wrongly_credited) for report in reports),
            serious=[one.answer for report in reports for one in report.serious],
        )

    return measure


def test_on_the_answers_it_was_developed_with_it_makes_no_serious_error(figures):
    found = figures("dev.yaml")

    assert found.answers == 169
    assert found.serious == []
    assert found.wrong <= 0.08 * found.sure
    assert found.sure >= 0.8 * found.answers


def test_on_answers_kept_apart_it_is_mostly_sure_and_hardly_ever_two_marks_off(figures):
    found = figures("heldout.yaml")

    assert found.answers >= 150
    assert len(found.serious) <= 0.01 * found.answers
    assert found.sure >= 0.65 * found.answers


@pytest.mark.parametrize("name", ["dev.yaml", "heldout.yaml", "fresh.yaml"])
def test_on_sets_that_nothing_was_fitted_to_errors_are_rare(figures, name):
    found = figures(name)

    assert len(found.serious) <= 0.01 * found.answers
    assert found.wrong <= 0.08 * found.sure
    assert found.sure >= SURE[name] * found.answers


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_has_at_least_thirty_answers_kept_apart(labelled, question):
    assert len(labelled("heldout.yaml")[question]) >= 30


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_test_answer_of_the_rubric_file_is_two_marks_off(rubrics, question):
    rubric = rubrics[question]
    report = evaluate(rubric, [(test.answer, test.mark) for test in rubric.tests])

    assert report.serious == ()
    assert len(report.matched) >= 0.75 * len(report.judged)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_model_answer_earns_full_marks(rubrics, question):
    assert mark_answer(rubrics[question], rubrics[question].model_answer).points == 2


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_message_never_tells_what_is_missing(rubrics, labelled, question):
    rubric = rubrics[question]
    labels = {concept.label for concept in rubric.concepts.values()}
    for one in evaluate(
        rubric, [(a["answer"], None) for a in labelled("dev.yaml")[question]]
    ).judged:
        for label in labels - set(one.mark.credited):
            assert label not in one.mark.message, one.answer


def test_a_phrase_can_be_tried_before_it_is_added(rubrics):
    rubric = rubrics["recall_step"].model_copy(update={"second_stage": None})
    answers = [("it frobnicates the weights", 1), ("it updates the weights", 1)]

    (change,) = changes(rubric, "update", "frobnicate ... <weights>", answers)

    assert (change.answer, change.before, change.after) == (answers[0][0], None, 1)
    with pytest.raises(ValueError, match="there are: update, rate, direction"):
        changes(rubric, "nothing", "x", answers)
    with pytest.raises(ValueError, match=r"^“\(x”: a bracket"):
        changes(rubric, "update", "(x", answers)


def test_a_report_tells_missed_from_wrongly_credited_and_counts_what_stood_in_the_way(rubrics):
    rubric = rubrics["recall_step"]
    answers = [
        ("it updates the parameters", 2),
        ("it updates the parameters", 1),
        ("w -= lr * grad", 0),
        ("it frobnicates the weights", None),
        ("it frobnicates the weights", None),
    ]

    report = evaluate(rubric, answers)

    assert [one.wanted for one in report.missed] == [2]
    assert [one.wanted for one in report.matched] == [1]
    assert [one.wanted for one in report.wrongly_credited] == [0]
    assert report.serious == report.wrongly_credited
    assert len(report.handed_over) == 2
    assert report.phrasings[0] == ("frobnicates the weights", 2)


def test_kinds_of_answers_that_were_marked_wrongly_once_are_marked_right_or_left_to_a_person(
    rubrics, labelled
):
    marks = [
        (one["answer"], one["mark"], mark_answer(rubrics[question], one["answer"]).points)
        for question, answers in labelled("kinds.yaml").items()
        for one in answers
    ]

    assert [row for row in marks if row[2] not in (row[1], None)] == []
    assert sum(points is not None for *_, points in marks) >= 0.6 * len(marks)
