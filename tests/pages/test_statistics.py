"""The numbers on a class, against other ways to get them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.classroom import Room

from xorkit.lesson import Lesson
from xorkit.pages import class_statistics as about
from xorkit.pages.words import DIAGNOSES, difficulty, discrimination, repair_kind
from xorkit.verdict import CellVerdict, Diagnosis, Outcome, TestOutcome, Verdict


def learner(name: str, *points: float | None) -> Verdict:
    """A learner's points, cell by cell, of 4 each; None: the cell waits for a person."""
    cells = []
    for k, got in enumerate(points):
        outcome: Outcome = "not_judged" if got is None else "passed"
        test = TestOutcome("test", outcome, got or 0, review=got is None)
        cells.append(CellVerdict(f"cell{k}", 4.0, (test,)))
    return Verdict(name, "xor", 4.0 * len(points), tuple(cells))


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=2, max_size=40))
def test_discrimination_is_the_correlation_with_all_other_points(
    rows: list[tuple[int, ...]],
) -> None:
    table = np.array(rows, dtype=float)
    found = about.items([learner(str(k), *row) for k, row in enumerate(rows)])

    for k, item in enumerate(found):
        rest = table.sum(axis=1) - table[:, k]
        if table[:, k].std() and rest.std():
            assert item.correlation == pytest.approx(np.corrcoef(table[:, k], rest)[0, 1])
        else:
            assert item.correlation is None


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_difficulty_is_the_share_of_points_earned(points: list[int]) -> None:
    (item,) = about.items([learner(str(k), got) for k, got in enumerate(points)])

    assert item.share == pytest.approx(np.mean(points) / 4)
    assert item.full == points.count(4)


def test_an_answer_that_waits_for_a_person_makes_no_exercise_harder() -> None:
    item, other = about.items([learner("a", 4, 1), learner("b", None, 3)])

    assert (item.share, item.waiting) == (1.0, 1)
    assert (other.share, other.waiting) == (0.5, 0)


def test_every_choice_is_counted_once(room: Room, lesson: Lesson) -> None:
    assert lesson.matching is not None
    verdicts = [each.verdict for each in room.values()]

    table = about.confusion(verdicts, lesson.matching)

    graded = sum(bool(verdict.cells) for verdict in verdicts)
    counts = {
        (job, line): count
        for job, row in enumerate(table.rows, 1)
        for line, count in zip(table.lines, row, strict=True)
    }
    assert [sum(row) for row in table.rows] == [graded] * len(lesson.matching.jobs)
    assert counts[2, "torch.zeros(2, 2)"] == 1
    assert counts[8, about.NOTHING] == 2
    assert counts[8, "optimizer.zero_grad()"] == graded - 2


def test_right_lines_are_those_that_the_lesson_accepts(lesson: Lesson) -> None:
    assert lesson.matching is not None

    table = about.confusion([], lesson.matching)

    for job, row in zip(lesson.matching.jobs, table.right, strict=True):
        right = {line for line, ok in zip(table.lines, row, strict=True) if ok}
        assert right == set(job.accepts)


def test_questions_count_every_answer_as_full_part_none_or_waiting(
    room: Room, lesson: Lesson
) -> None:
    verdicts = [each.verdict for each in room.values()]
    found = {question.name: question for question in about.question_statistics(verdicts, lesson)}

    graded = sum(bool(verdict.cells) for verdict in verdicts)
    for question in found.values():
        counted = question.full + question.part + question.none + len(question.waiting)
        assert counted == graded
    assert [answer.student for answer in found["recall_tensor"].waiting] == ["mistaken"]
    assert found["recall_zero_grad"].none == 2
    assert found["recall_step"].none == 1


def test_groups_come_the_commonest_first_and_count_each_learner_once() -> None:
    verdicts = [learner(name) for name in "abc"]
    names = {"a": ["x", "x", "y"], "b": ["y"], "c": ["z"]}

    found = about.grouped(verdicts, lambda verdict: names[verdict.student])

    assert list(found.items()) == [("y", ["a", "b"]), ("x", ["a"]), ("z", ["c"])]


def test_every_code_has_words() -> None:
    assert set(DIAGNOSES) == set(Diagnosis)


@pytest.mark.parametrize(
    ("share", "said"),
    [(1.0, "easy"), (0.7, "of medium difficulty"), (0.2, "hard"), (None, "no marks yet")],
)
def test_difficulty_has_a_word(share: float | None, said: str) -> None:
    assert difficulty(share) == said


@pytest.mark.parametrize(
    ("correlation", "learners", "said"),
    [
        (0.6, 100, ""),
        (0.3, 100, ""),
        (0.1, 100, "Does not separate"),
        (-0.1, 100, "Does not separate"),
        (-0.3, 100, "Check this exercise"),
        (-0.3, 12, "Does not separate"),
        (0.1, 9, ""),
        (None, 100, ""),
    ],
)
def test_an_exercise_is_named_where_it_fails_to_separate_and_chance_is_not_taken_for_more(
    correlation: float | None, learners: int, said: str
) -> None:
    assert discrimination(correlation, learners)[: len(said) or None] == said


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "Exercise 4 · The training loop: it was in 2 parts, which were joined.",
            "It was in … parts, which were joined.",
        ),
        (
            "Cells that are not yours to fill were changed; the released ones count: A, B.",
            "Cells that are not yours to fill were changed; the released ones count.",
        ),
        ("A cell that you added was kept: it defines x.", "A cell that you added was kept."),
        ("Cells that you added were left out: 3.", "Cells that you added were left out."),
    ],
)
def test_repairs_are_grouped_by_what_was_done(text: str, kind: str) -> None:
    assert repair_kind(text) == kind
