"""What an instructor reads of a class."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from support.classroom import Page, Room

from xorkit.intake.records import LogEntry
from xorkit.lesson import Lesson
from xorkit.pages.report_page import report_page
from xorkit.verdict import CellVerdict, Lateness, TestOutcome, Verdict


@pytest.fixture(scope="session")
def verdicts(room: Room) -> list[Verdict]:
    return [learner.verdict for learner in room.values()]


@pytest.fixture(scope="session")
def page(verdicts: list[Verdict], lesson: Lesson) -> Page:
    return Page(report_page(verdicts, lesson))


def section(page: Page, title: str, following: str) -> str:
    """What is said between two headings of the page."""
    words = page.words
    begin = words.index(f" {title} ", words.index(" Where points are missing "))
    return words[begin : words.index(f" {following} ", begin + 1)]


def keys_of(page: Page, key: str) -> int:
    """How many learners of the table bear a key that a button shows."""
    rows = [
        str(attributes["data-keys"]).split()
        for _, attributes in page.elements
        if "data-keys" in attributes
    ]
    return sum(key in row for row in rows)


def test_every_learner_stands_in_the_table_with_a_link_to_the_feedback(
    page: Page, verdicts: list[Verdict]
) -> None:
    rows = [attributes for tag, attributes in page.elements if "data-keys" in attributes]
    links = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}

    assert len(rows) == len(verdicts)
    assert {f"../feedback/{v.student}/xor/xor.html" for v in verdicts} <= links
    assert {f"../autograded/{v.student}/xor/xor.ipynb" for v in verdicts if v.cells} <= links


def test_to_do_stands_first_then_the_table_then_what_to_teach_again(page: Page) -> None:
    places = [page.ids.index(name) for name in ("todo", "all", "teach", "points", "found")]

    assert places == sorted(places)


def todo_of(page: Page) -> str:
    words = page.words
    return words[words.index(" To do ") : words.index(" Learners ")]


def test_what_is_to_do_is_told_with_its_reasons_and_its_commands(page: Page) -> None:
    todo = todo_of(page)

    assert "1 submission not gradable" in todo
    assert "1 The file only holds a link. refused" in todo
    assert "1 answer to mark 1 learner waits for a mark. xorkit mark xor opens it" in todo
    assert "1 file to check" in todo
    assert "1 Two answers to 4. stuck" in todo
    assert "xorkit checked xor STUDENT" in todo


def test_who_is_not_graded_yet_is_to_do(lesson: Lesson) -> None:
    page = Page(report_page([], lesson, waiting=["ada", "<b>"]))

    assert "2 not graded yet, or changed since: ada, <b>. xorkit grade xor" in todo_of(page)


def test_what_the_graders_machine_lacks_is_to_do(verdicts: list[Verdict], lesson: Lesson) -> None:
    details: Any = {**verdicts[0].details, "lacks": [{"kind": "package", "name": "pandas"}]}
    lacking = [replace(verdict, details=details) for verdict in verdicts[:2]]

    page = Page(report_page(lacking, lesson))

    assert "It lacks what Colab has: 2 learners met that." in todo_of(page)
    assert "pip install pandas" in todo_of(page)
    assert keys_of(page, "lacks") == 2


def test_counts_agree_everywhere(page: Page, verdicts: list[Verdict]) -> None:
    """Tiles, badges, filters and the verdicts themselves."""
    buttons = [a for tag, a in page.elements if tag == "button" and a.get("data-key")]
    words = page.words.split(" Where points are missing ")[1]
    expected = {
        "mark": sum(bool(v.needs_review) for v in verdicts),
        "check": sum(bool(v.review) for v in verdicts),
        "ungraded": sum(not v.cells for v in verdicts),
        "full": sum(v.score == v.max_score for v in verdicts),
    }

    assert {key: keys_of(page, key) for key in expected} == expected
    assert words.count(" to mark ") >= expected["mark"]
    for button in buttons:
        if said := str(button.get("aria-label") or ""):
            assert int(said.split()[0]) == keys_of(page, str(button["data-key"])), said


def row_of(page: Page, student: str) -> str:
    """What the table says of a learner, without the detail."""
    table = page.words.split(" Where points are missing ")[1]
    return f" {table}".split(f" {student} ", 1)[1].split(" feedback page ")[0]


def test_a_row_says_why_wherever_points_are_missing(
    page: Page, verdicts: list[Verdict], lesson: Lesson
) -> None:
    for verdict in verdicts:
        reason = row_of(page, verdict.student)
        lost = [c for c in verdict.cells if c.score < c.max_score and not c.needs_review]
        told = [float(points) for points in re.findall(r"−([\d.]*\d)", reason)]

        assert sum(told) == sum(c.max_score - c.score for c in lost)
        for cell in lost:
            title = lesson.parts[cell.grade_id.removeprefix("test_")].title.partition(":")[0]
            assert f"{title} −" in reason
    assert row_of(page, "mistaken").strip().endswith("1 to mark")


def test_lateness_has_a_column_a_filter_and_a_reason(
    verdicts: list[Verdict], lesson: Lesson
) -> None:
    late = Lateness(172800, 4, "2026-05-03T21:59:00+00:00", "2026-05-01T21:59:00+00:00")
    page = Page(report_page([replace(verdicts[0], late=late), *verdicts[1:]], lesson))

    row = row_of(page, "right")
    assert row.startswith("36 2 days, −4 points")
    assert row.strip().endswith("late −4")
    assert "2 days late, −4 points (due 2026-05-01 21:59, handed in 2026-05-03 21:59)" in page.words
    assert keys_of(page, "late") == 1


def test_who_handed_in_together_and_what_was_collected_is_told(
    verdicts: list[Verdict], lesson: Lesson
) -> None:
    log = [
        LogEntry("2026-05-01T10:00:00+00:00", "right", "a.ipynb", "taken"),
        LogEntry("2026-05-02T10:00:00+00:00", "right", "b.ipynb", "taken", "", "a.ipynb"),
        LogEntry("2026-05-03T10:00:00+00:00", "", "c.pdf", "refused", "It is a PDF."),
    ]
    page = Page(report_page(verdicts, lesson, members={"right": ("ann", "ben")}, log=log))

    assert row_of(page, "right").startswith("ann, ben ")
    assert "2026-05-02 10:00 taken: b.ipynb, in place of a.ipynb" in page.words
    assert "2026-05-03 10:00 c.pdf refused: It is a PDF." in section(page, "Collected", "Time")


def test_a_file_that_was_checked_is_no_longer_to_do(
    verdicts: list[Verdict], lesson: Lesson
) -> None:
    page = Page(report_page([replace(v, checked=True) for v in verdicts], lesson))

    assert "file to check" not in todo_of(page)
    assert "Checked: Two answers to 4." in page.words
    assert keys_of(page, "check") == 0


def test_diagnoses_are_told_in_words_with_their_learners(page: Page) -> None:
    found = section(page, "Diagnoses", "Losses")

    assert "1 gradients are never zeroed: they accumulate over the epochs mistaken" in found
    assert "1 another learning rate mistaken" in found
    assert "an unlucky random start that got stuck (costs nothing)" in found


def test_what_most_learners_got_wrong_is_to_teach_again(page: Page, lesson: Lesson) -> None:
    teach = section(page, "What to teach again", "Points and exercises")

    assert "gradients are never zeroed" in teach
    assert lesson.parts["training_loop"].look in teach
    assert "unlucky" not in teach
    assert "left an exercise empty" not in teach


def test_curves_are_counted_by_how_they_ended(page: Page) -> None:
    losses = section(page, "Losses", "Matching")

    assert "1 right" in losses
    assert "1 right, but stuck at an unlucky random start" in losses
    assert "1 with a mistake somewhere" in losses
    assert "Stuck: 1 stuck" in losses


def test_an_answer_for_a_person_stands_with_the_reason_and_a_way_to_the_formgrader(
    page: Page, verdicts: list[Verdict], lesson: Lesson
) -> None:
    (waiting,) = [v for v in verdicts if v.needs_review]
    mark = waiting.details["recall"]["recall_tensor"]
    links = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}

    assert f"{mark['answer']} {mark['note']}" in section(page, "Recall", "Repairs to files")
    assert "http://localhost:8888/formgrader/manage_students/mistaken/xor" in links


def test_beliefs_behind_wrong_choices_and_misconceptions_in_answers_are_told(page: Page) -> None:
    assert "1 weights may all start at zero mistaken" in page.words
    assert "Misconceptions" in section(page, "Recall", "Repairs to files")


def test_repairs_and_time_are_told(page: Page) -> None:
    assert "1 The file was in an old format. stuck" in page.words
    assert "Half of the notebooks ran in" in page.words


def test_repairs_of_one_kind_stand_together(verdicts: list[Verdict], lesson: Lesson) -> None:
    joined = "Exercise {} · It: it was in {} parts, which were joined."
    twice = [replace(verdicts[k], repairs=(joined.format(k, k + 2),)) for k in range(2)]

    repairs = section(Page(report_page(twice, lesson)), "Repairs to files", "Time")

    assert "2 It was in … parts, which were joined." in repairs
    assert f"“{joined.format(1, 3)}”" in repairs


def test_what_moved_since_the_last_run_is_told(verdicts: list[Verdict], lesson: Lesson) -> None:
    before = {"right": 38.0, "stuck": 40.0, "mistaken": 39.0, "left": 12.0}

    moved = section(Page(report_page(verdicts, lesson, before=before)), "Moved since", "Time")

    worse, better = moved.index("mistaken: 39 →"), moved.index("right: 38 → 40 (+2)")
    assert worse < better
    assert "stuck: " not in moved
    assert "New broken, empty No longer graded left" in moved


def test_links_follow_the_addresses_that_are_asked_for(
    verdicts: list[Verdict], lesson: Lesson
) -> None:
    odd = replace(verdicts[1], student="a b/c?d")

    page = Page(
        report_page(
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
    words = Page(report_page([], lesson)).words

    assert "0 learners" in words


def test_a_class_of_which_nothing_could_be_graded_has_a_page(lesson: Lesson) -> None:
    refused = [Verdict(name, "xor", 40.0, message="It is a PDF.") for name in ("a", "b")]

    words = Page(report_page(refused, lesson)).words

    assert "2 submissions not gradable" in words
    assert "2 It is a PDF. a, b" in words


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

    page = Page(report_page(class_of_two, lesson))

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
