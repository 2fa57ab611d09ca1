"""What a learner reads, and what no learner may read."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support import classroom
from support.classroom import Learner, Page, Room

from xorkit import reference
from xorkit.lesson import Lesson, Part, TaskSpec
from xorkit.pages.feedback_page import feedback_page
from xorkit.verdict import CellVerdict, Diagnosis, Finding, Lateness, TestOutcome, Verdict

EVERYBODY = ("right", "mistaken", "stuck", "broken", "empty", "refused")


def page_of(learner: Learner, lesson: Lesson) -> Page:
    return Page(feedback_page(learner.verdict, lesson, answers=learner.answers))


@pytest.mark.parametrize("who", ["right", "mistaken", "stuck", "broken", "empty"])
def test_the_page_tells_the_points_of_each_exercise(who: str, room: Room, lesson: Lesson) -> None:
    words = page_of(room[who], lesson).words

    assert f"{room[who].verdict.score:g} of 40 points" in words
    for cell in room[who].verdict.cells:
        title = lesson.parts[cell.grade_id.removeprefix("test_")].title
        points = "to be marked" if cell.needs_review else f"{cell.score:g} of {cell.max_score:g}"
        assert f"{title} {points}" in words


@pytest.mark.parametrize("who", ["mistaken", "broken"])
def test_every_finding_is_told_and_the_first_one_stands_first(
    who: str, room: Room, lesson: Lesson
) -> None:
    words = page_of(room[who], lesson).words
    found = [" ".join(f.message.replace("`", "").split()) for f in room[who].verdict.findings]

    start = words.index("Start here")
    assert found[0] in words[start : start + 600]
    assert [message for message in found if message not in words] == []


def test_a_finding_outside_of_the_exercises_is_told_too(room: Room, lesson: Lesson) -> None:
    found = Finding(Diagnosis.CRASH, "A cell of your own ended everything.", "own-cell")
    verdict = replace(room["right"].verdict, findings=(found,))

    assert found.message in Page(feedback_page(verdict, lesson)).words


def test_nothing_is_said_twice_in_the_exercises(room: Room, lesson: Lesson) -> None:
    for who in ("mistaken", "broken", "empty"):
        words = page_of(room[who], lesson).words.split("Exercise by exercise")[1]
        messages = {" ".join(f.message.split()) for f in room[who].verdict.findings}

        assert [text for text in messages if words.count(text) > 1] == []


def test_each_exercise_that_lost_points_names_a_lesson_to_look_at(
    room: Room, lesson: Lesson
) -> None:
    words = page_of(room["mistaken"], lesson).words
    lost = [c.grade_id for c in room["mistaken"].verdict.cells if c.score < c.max_score]
    named = [grade_id.removeprefix("test_") for grade_id in lost if "recall" not in grade_id]

    assert {"loss_and_optimizer", "training_loop", "matching"} <= set(named)
    for name in named:
        assert f"Look again at {lesson.parts[name].look}." in words
    assert f"Look at {lesson.recall['recall_zero_grad'].lesson} again." in words


def test_wrong_and_open_choices_are_told_without_the_right_line(room: Room, lesson: Lesson) -> None:
    words = page_of(room["mistaken"], lesson).words

    assert "you chose torch.zeros(2, 2)" in words
    assert "Nothing is chosen yet for job 8." in words
    assert "7 of 9" in words
    assert "optimizer.zero_grad()" not in words.split("Matching 7 of 9")[1].split("Recall")[0]


def test_a_free_text_answer_stands_with_what_was_credited(room: Room, lesson: Lesson) -> None:
    verdict = room["right"].verdict
    words = page_of(room["right"], lesson).words

    for mark in verdict.details["recall"].values():
        assert mark["points"] == 2
        assert mark["answer"] in words
        assert [idea for idea in mark["credited"] if idea not in words] == []


def test_an_answer_for_a_person_says_so_and_shows_no_zero(room: Room, lesson: Lesson) -> None:
    words = page_of(room["mistaken"], lesson).words

    assert "points so far" in words
    assert "1 answer waits for a person" in words
    assert "A person will mark this" in words
    assert "Recall: tensors 0 of 2" not in words


def test_a_persons_mark_replaces_what_the_grader_said(room: Room, lesson: Lesson) -> None:
    verdict = room["mistaken"].verdict
    marked = tuple(
        replace(cell, manual_score=1.0) if cell.grade_id == "test_recall_zero_grad" else cell
        for cell in verdict.cells
    )

    words = Page(feedback_page(replace(verdict, cells=marked), lesson)).words

    assert "A person marked this: 1 of 2 points." in words
    assert "You write that the weights are cleared" not in words


def test_what_a_person_wrote_stands_beside_the_mark(room: Room, lesson: Lesson) -> None:
    verdict = room["mistaken"].verdict
    cells = tuple(
        replace(cell, manual_score=1.0, comment="Which *numbers*, <b>exactly</b>?")
        if cell.grade_id == "test_recall_zero_grad"
        else cell
        for cell in verdict.cells
    )

    words = Page(feedback_page(replace(verdict, cells=cells), lesson)).words

    marked = words.index("A person marked this: 1 of 2 points.")
    said = "Your instructor writes: Which *numbers*, <b>exactly</b>?"
    assert words[marked:].index(said) < 60


def test_how_late_it_was_and_what_that_cost_is_told(room: Room, lesson: Lesson) -> None:
    late = Lateness(7200, 4, "2026-05-02T00:00:00+00:00", "2026-05-01T22:00:00+00:00")

    words = Page(feedback_page(replace(room["right"].verdict, late=late), lesson)).words

    assert "36 of 40 points" in words
    assert "Handed in 2 hours late, −4 points (due 2026-05-01 22:00 UTC)." in words
    assert "Your work itself earned 40 points." in words


def test_an_unlucky_start_is_explained_and_costs_nothing(room: Room, lesson: Lesson) -> None:
    words = page_of(room["stuck"], lesson).words

    assert "40 of 40 points" in words
    assert "this start led to a flat spot" in words
    assert "Start here" not in words


def test_repairs_are_listed_and_reasons_for_a_look_are_not(room: Room, lesson: Lesson) -> None:
    words = page_of(room["stuck"], lesson).words

    assert "The file was in an old format." in words
    assert "A person will also have a look at your file." in words
    assert "Two answers to 4." not in words


def test_a_file_that_could_not_be_graded_says_why_and_shows_no_points(
    room: Room, lesson: Lesson
) -> None:
    words = page_of(room["refused"], lesson).words

    assert "The file only holds a link." in words
    assert "could not be graded" in words
    assert re.search(r"\d+ of \d+", words) is None


@pytest.mark.parametrize("who", EVERYBODY)
def test_no_page_holds_a_key_or_a_hidden_test(who: str, room: Room, lesson: Lesson) -> None:
    page = feedback_page(room[who].verdict, lesson, answers=room[who].answers)
    own = "\n".join(room[who].answers.values())
    code = {line.strip() for text in classroom.hidden_cells().values() for line in text.split("\n")}
    tests = {line for line in code if line.startswith(("assert", "def ", "from ", "@"))}
    keys = {rubric.model_answer for rubric in lesson.recall.values()}
    notes = {mark["note"] for mark in room[who].verdict.details.get("recall", {}).values()}

    words = Page(page).words
    assert [secret for secret in tests | keys if secret in words and secret not in own] == []
    assert [note for note in notes - {""} if ":" in note and note in words] == []


def test_an_empty_hand_in_reads_no_right_line_of_the_matching_exercise(
    room: Room, lesson: Lesson
) -> None:
    assert lesson.matching is not None
    words = page_of(room["empty"], lesson).words
    told = words.split("Matching 0 of 9")[1].split("Recall")[0]

    assert [line for job in lesson.matching.jobs for line in job.accepts if line in told] == []


@pytest.mark.parametrize("who", EVERYBODY)
def test_ids_are_unique_and_every_link_and_label_finds_its_goal(
    who: str, room: Room, lesson: Lesson
) -> None:
    page = page_of(room[who], lesson)
    wanted = {
        name
        for _, attributes in page.elements
        for key in ("href", "xlink:href", "aria-labelledby", "clip-path")
        for name in re.findall(
            r"#([^)\s]+)" if key != "aria-labelledby" else r"(\S+)", attributes.get(key) or ""
        )
    }

    assert len(page.ids) == len(set(page.ids))
    assert wanted - set(page.ids) == set()


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_page_loads_nothing_and_runs_nothing(who: str, room: Room, lesson: Lesson) -> None:
    page = page_of(room[who], lesson)
    sources = {
        value
        for _, attributes in page.elements
        for key, value in attributes.items()
        if key in ("src", "href", "xlink:href", "action") and value
    }

    assert [value for value in sources if not value.startswith(("#", "data:image/png"))] == []
    assert {"script", "link", "iframe", "form"}.isdisjoint(tag for tag, _ in page.elements)


# ------------------------------------------------------------------------------- what is drawn


def test_pictures_show_what_was_seen_and_are_left_out_where_nothing_was(
    room: Room, lesson: Lesson
) -> None:
    drawn = {
        who: {name for name in ("loss", "surface", "updates") if f"{name}-title" in found}
        for who in EVERYBODY
        if (found := page_of(room[who], lesson).ids) is not None
    }

    everything = {"loss", "surface", "updates"}
    assert drawn["right"] == drawn["mistaken"] == drawn["stuck"] == everything
    assert drawn["broken"] == {"surface"}  # the answers of the untrained network
    assert drawn["empty"] == drawn["refused"] == set()


def test_the_words_beside_the_updates_tell_how_far_each_went(room: Room, lesson: Lesson) -> None:
    kept = room["mistaken"].verdict.details["updates"]
    moved, asked = np.array(kept["moved"]), np.array(kept["downhill"])
    times = np.linalg.norm(moved[1]) / np.linalg.norm(asked[1])

    words = page_of(room["mistaken"], lesson).words

    assert "Epoch 1: the update that was asked for." in words
    assert f"{times:.2g} times as long" in words.split("Epoch 2:")[1].split("Epoch 3:")[0]
    assert "every update is the right one" in page_of(room["right"], lesson).words


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ((0.0, 0.0), "the parameters did not change"),
        ((-1.0, -1.0), "uphill, 1 times as long as asked"),
        ((2.0, 2.0), "the right direction, 2 times as long as asked"),
        ((1.0, -1.0), "another direction, 1 times as long as asked"),
    ],
)
def test_a_move_is_described_by_its_direction_and_length(
    factors: tuple[float, float],
    said: str,
    room: Room,
    lesson: Lesson,
) -> None:
    verdict = room["mistaken"].verdict
    updates = {
        "downhill": [[0.3, 0.3]],
        "moved": [[0.3 * factors[0], 0.3 * factors[1]]],
    }
    details: Any = {**verdict.details, "updates": updates}

    words = Page(feedback_page(replace(verdict, details=details), lesson)).words

    assert f"Epoch 1: {said}." in words


def test_the_table_shows_the_networks_own_answers(room: Room, lesson: Lesson) -> None:
    details = room["right"].verdict.details
    net = reference.lesson_net(tuple(details["sizes"]))
    theta = np.array(details["theta"])[None]
    answers = reference.predict(theta, lesson.trained.inputs, net)[0, :, 0]

    words = page_of(room["right"], lesson).words

    for row, goal, value in zip(
        ("0, 0", "0, 1", "1, 0", "1, 1"), (0, 1, 1, 0), answers, strict=True
    ):
        assert f"{row} {goal} {value:.2f}" in words


def test_a_net_of_other_activations_gets_no_surface(room: Room, lesson: Lesson) -> None:
    verdict = room["right"].verdict
    details: Any = {**verdict.details, "predictions": [0.2, 1.3, 1.3, -0.4]}

    page = Page(feedback_page(replace(verdict, details=details), lesson))

    assert "surface-title" not in page.ids
    assert "1.30" in page.words


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_numbers_that_no_picture_can_show_are_left_out(
    broken: float, room: Room, lesson: Lesson
) -> None:
    verdict = room["right"].verdict
    details: Any = {
        **verdict.details,
        "losses": [0.25, broken],
        "theta": [broken] * 9,
        "predictions": [broken] * 4,
    }

    page = Page(feedback_page(replace(verdict, details=details), lesson))

    assert {"loss-title", "surface-title"}.isdisjoint(page.ids)


def test_a_lesson_that_trains_nothing_has_a_page_without_pictures() -> None:
    lesson = Lesson(
        assignment="tiny",
        title="A tiny lesson",
        parts={"double": Part(title="Doubling", look="page 3")},
        points={"test_double": {"test_doubles": 2.0}},
    )
    test = TestOutcome("test_doubles", "failed", 2, "It doubles.", "double(3) gave 5.")
    verdict = Verdict("ada", "tiny", 2.0, (CellVerdict("test_double", 2.0, (test,)),))

    page = Page(feedback_page(verdict, lesson))

    assert "Doubling 0 of 2" in page.words
    assert "double(3) gave 5." in page.words
    assert "Look again at page 3." in page.words
    assert "svg" not in {tag for tag, _ in page.elements}


def test_a_net_with_one_input_and_many_outputs_is_drawn_without_surface() -> None:
    lesson = Lesson(
        assignment="line",
        title="Lines",
        task=TaskSpec(
            inputs=((0,), (1,), (2,)),
            targets=((0, 1), (1, 0), (1, 1)),
            layers=(1, 30, 2),
            learning_rate=0.5,
            epochs=50,
            near=0.2,
        ),
        parts={},
        points={"test_training_loop": {"test_updates": 1.0}},
    )
    rng = np.random.default_rng(0)
    width = lesson.trained.net.width
    details: Any = {
        "losses": [0.4, 0.3],
        "drawn": 50,
        "theta": rng.normal(size=width).tolist(),
        "sizes": [1, 30, 2],
        "predictions": [0.1, 0.2, 0.3],
        "updates": {
            "moved": rng.normal(size=(4, width)).tolist(),
            "downhill": rng.normal(size=(4, width)).tolist(),
        },
    }
    test = TestOutcome("test_updates", "passed", 1, "Every update is exact.")
    cell = CellVerdict("test_training_loop", 1.0, (test,))

    page = Page(feedback_page(Verdict("ada", "line", 1.0, (cell,), details=details), lesson))

    assert {"loss-title", "updates-title"} <= set(page.ids)
    assert "surface-title" not in page.ids


def test_a_file_that_the_grader_broke_down_on_asks_nothing_of_the_learner(
    room: Room, lesson: Lesson
) -> None:
    broken = replace(room["refused"].verdict, review=("The grader failed on this file.",))

    words = Page(feedback_page(broken, lesson)).words

    assert "There is nothing that you have to do" in words
    assert "Hand in" not in words


def test_every_blank_is_named(room: Room, lesson: Lesson) -> None:
    words = page_of(room["empty"], lesson).words.split("Exercise by exercise")[1]

    for number in ("1a", "2a", "3a", "4a"):
        assert f"Blank {number} is still empty: " in words


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (0.001, "less than a hundredth as long"),
        (0.5, "0.5 times as long"),
        (2.217, "2.2 times as long"),
        (107.3, "107 times as long"),
    ],
)
def test_how_long_a_move_is_has_words_without_powers_of_ten(
    ratio: float, said: str, room: Room, lesson: Lesson
) -> None:
    downhill = [[0.0, 0.1] + [0.0] * 7]
    moved = [[ratio * number for number in downhill[0]]]
    details: Any = {
        **room["mistaken"].verdict.details,
        "updates": {"moved": moved, "downhill": downhill},
    }

    page = Page(feedback_page(replace(room["mistaken"].verdict, details=details), lesson))

    assert f"Epoch 1: the right direction, {said} as asked." in page.words
