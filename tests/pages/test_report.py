"""What an instructor reads of a class."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.classroom import Page, Room

from xorkit.lesson import Lesson
from xorkit.pages import report
from xorkit.verdict import CellVerdict, TestOutcome, Verdict


@pytest.fixture(scope="session")
def verdicts(room: Room) -> list[Verdict]:
    return [learner.verdict for learner in room.values()]


@pytest.fixture(scope="session")
def page(verdicts: list[Verdict], lesson: Lesson) -> Page:
    return Page(report(verdicts, lesson))


def section(page: Page, title: str, following: str) -> str:
    """What is said between two headings (the first mention of a title is in the navigation)."""
    words = page.words
    begin = words.index(f" {title} ", words.index("All learners") + 1)
    return words[begin : words.index(f" {following} ", begin + 1)]


def test_every_learner_stands_in_the_table_with_a_link_to_the_feedback(
    page: Page, verdicts: list[Verdict]
) -> None:
    rows = [attributes for tag, attributes in page.elements if "data-status" in attributes]
    links = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}

    assert sorted(row["data-status"] for row in rows) == sorted(v.status for v in verdicts)
    assert {f"../feedback/{v.student}/xor/xor.html" for v in verdicts} <= links


def test_what_is_to_do_stands_first(page: Page, lesson: Lesson) -> None:
    todo = section(page, "To do", "Points")

    assert "1 submission could not be graded" in todo
    assert "The file only holds a link. refused" in todo
    assert "1 learner has answers that wait for you" in todo
    assert "Two answers to 4. stuck" in todo


def test_diagnoses_are_told_in_words_with_their_learners(page: Page) -> None:
    found = section(page, "Diagnoses", "Losses")

    assert "slopes are never cleared: they add up from pass to pass no-zero-grad" in found
    assert "1 another learning rate wrong-lr in the table: another learning rate mistaken" in found
    assert "an unlucky start that got stuck (costs nothing)" in found


def test_curves_are_counted_by_how_they_ended(page: Page) -> None:
    losses = section(page, "Losses", "Matching")

    assert "1 right" in losses
    assert "1 right, but stuck at an unlucky start" in losses
    assert "1 with a mistake somewhere" in losses
    assert "Stuck starts stuck" in losses


def test_an_answer_for_a_person_stands_with_the_reason_and_a_way_to_the_formgrader(
    page: Page, verdicts: list[Verdict], lesson: Lesson
) -> None:
    (waiting,) = [v for v in verdicts if v.needs_review]
    mark = waiting.details["recall"]["recall_tensor"]
    links = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}

    assert f"{mark['answer']} {mark['note']}" in section(page, "Recall", "Repairs to files")
    assert "http://localhost:8888/formgrader/manage_students/mistaken/xor" in links


def test_beliefs_behind_wrong_choices_and_misconceptions_in_answers_are_told(page: Page) -> None:
    assert "“weights may all start at zero”" in page.words
    assert "Misunderstood" in section(page, "Recall", "Repairs to files")


def test_repairs_and_time_are_told(page: Page) -> None:
    assert "1 “The file was in an old format.” stuck" in page.words
    assert "Half of the notebooks ran in" in page.words


def test_what_moved_since_the_last_run_is_told(verdicts: list[Verdict], lesson: Lesson) -> None:
    before = {"right": 38.0, "stuck": 40.0, "mistaken": 39.0, "left": 12.0}

    moved = section(Page(report(verdicts, lesson, before=before)), "Moved since", "All learners")

    worse, better = moved.index("mistaken: 39 →"), moved.index("right: 38 → 40 (+2)")
    assert worse < better
    assert "stuck: " not in moved
    assert "New broken, empty No longer graded left" in moved


def test_links_follow_the_addresses_that_are_asked_for(
    verdicts: list[Verdict], lesson: Lesson
) -> None:
    odd = replace(verdicts[1], student="a b/c?d")

    page = Page(
        report(
            [odd],
            lesson,
            feedback_link="https://example.org/{assignment}/{student}.html",
            formgrader_link="/grade/{student}",
        )
    )

    links = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}
    assert "https://example.org/xor/a%20b%2Fc%3Fd.html" in links
    assert "/grade/a%20b%2Fc%3Fd" in links


def test_a_class_of_nobody_has_a_page(lesson: Lesson) -> None:
    words = Page(report([], lesson)).words

    assert "0 learners" in words


def test_a_class_of_which_nothing_could_be_graded_has_a_page(lesson: Lesson) -> None:
    refused = [Verdict(name, "xor", 40.0, message="It is a PDF.") for name in ("a", "b")]

    words = Page(report(refused, lesson)).words

    assert "2 submissions could not be graded" in words
    assert "It is a PDF. a, b" in words


def test_a_lesson_that_trains_nothing_has_a_report_without_losses() -> None:
    lesson = Lesson(
        assignment="tiny",
        title="A tiny lesson",
        parts={},
        points={"test_double": {"test_doubles": 2.0}},
    )
    tests = [TestOutcome("test_doubles", outcome, 2) for outcome in ("passed", "failed")]
    class_of_two = [
        Verdict(f"s{k}", "tiny", 2.0, (CellVerdict("test_double", 2.0, (test,)),))
        for k, test in enumerate(tests)
    ]

    page = Page(report(class_of_two, lesson))

    assert "50 % of its 2 points" in page.words
    assert {"curves", "matching", "recall"}.isdisjoint(page.ids)


def test_ids_are_unique_and_every_link_within_the_page_finds_its_goal(page: Page) -> None:
    goals = {
        str(attributes["href"])[1:]
        for tag, attributes in page.elements
        if tag == "a" and str(attributes.get("href")).startswith("#")
    }

    assert len(page.ids) == len(set(page.ids))
    assert goals - set(page.ids) == set()
