"""Whatever a learner writes is text on a page, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import classroom
from support.classroom import Page, Room
from support.hostile_texts import BREAKERS, hostile

from xorkit.intake.records import LogEntry
from xorkit.lesson import Lesson
from xorkit.pages.feedback_page import feedback_page
from xorkit.pages.rendering import displayable
from xorkit.pages.report_page import report_page

PAGES = ["mistaken", "refused", "all"]
Built = list[tuple[str, frozenset[str]]]
TEXTS = (
    st.text(max_size=60)
    | st.sampled_from(BREAKERS)
    | st.text(alphabet="<>&\"'`{}%/=!-", max_size=9)
)
FEW = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def built_of(page: Page) -> Built:
    """The page's elements and the names of their attributes, but no text and no value."""
    return [(tag, frozenset(attributes)) for tag, attributes in page.elements]


def page_of(who: str, text: str, room: Room) -> Page:
    """The feedback page of a learner, or the report on all, with this text all over it."""
    lesson, answers = classroom.lesson(), {"training_loop": text}
    if who == "all":
        verdicts = [hostile(each.verdict, text) for each in room.values()]
        log = [LogEntry("2026-05-01T10:00:00+00:00", text, text, "refused", text, text)]
        members = {verdict.student: (text, text) for verdict in verdicts}
        return Page(report_page(verdicts, lesson, members=members, log=log))
    return Page(feedback_page(hostile(room[who].verdict, text), lesson, answers=answers))


class Harmless(dict[tuple[str, bool], Built]):
    """How pages are built with a harmless text, and with none; too long to be printed."""

    def __repr__(self) -> str:
        return "Harmless()"


@pytest.fixture(scope="session")
def harmless(room: Room) -> Harmless:
    return Harmless(
        ((who, bool(text)), built_of(page_of(who, text, room)))
        for who in PAGES
        for text in ("x", "")
    )


@FEW
@given(text=TEXTS)
@pytest.mark.parametrize("who", PAGES)
def test_no_text_adds_an_element_or_an_attribute(
    who: str, text: str, room: Room, harmless: Harmless
) -> None:
    text = text.replace("`", "'")  # between two of them stands code

    assert built_of(page_of(who, text, room)) == harmless[who, bool(text)]


@pytest.mark.parametrize("text", BREAKERS)
def test_a_learner_reads_the_own_answer_as_it_was_written(
    text: str, room: Room, lesson: Lesson
) -> None:
    page = Page(feedback_page(hostile(room["mistaken"].verdict, text), lesson))

    assert " ".join(displayable(text).split()) in page.words


@given(st.text())
def test_a_page_can_always_be_written_as_utf_8(text: str) -> None:
    displayable(text + "\ud800").encode()
