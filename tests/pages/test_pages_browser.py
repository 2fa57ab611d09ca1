"""Both pages in a real Chromium, on a phone and on a desk, in light and in dark."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Dialog, Page
from support import classroom
from support.chromium import chromium, needs_chromium, new_page
from support.classroom import Room
from support.hostile_texts import BREAKERS, hostile

from xorkit.pages.feedback_page import feedback_page
from xorkit.pages.report_page import report_page

pytest.importorskip("axe_playwright_python")
from axe_playwright_python.sync_playwright import Axe

pytestmark = needs_chromium
SCREENS: dict[str, tuple[int, Literal["light", "dark"]]] = {
    "phone": (390, "light"),
    "desk": (1280, "dark"),
    "night": (390, "dark"),
}
FEEDBACK = ("right", "mistaken", "stuck", "empty", "refused")
NAMES = [*FEEDBACK, "report", "hostile"]


@pytest.fixture(scope="session")
def files(room: Room, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages as files, where the links between them lead."""
    root, lesson = tmp_path_factory.mktemp("pages"), classroom.lesson()
    found = {}
    for who, learner in room.items():
        found[who] = root / "feedback" / who / "xor" / "xor.html"
        found[who].parent.mkdir(parents=True)
        page = feedback_page(learner.verdict, lesson, answers=learner.answers)
        found[who].write_text(page, "utf-8")
    verdicts = [learner.verdict for learner in room.values()]
    nasty = [replace(hostile(room["mistaken"].verdict, text), student=text) for text in BREAKERS]
    found |= {name: root / "report" / f"{name}.html" for name in ("report", "hostile")}
    found["report"].parent.mkdir()
    found["report"].write_text(report_page(verdicts, lesson, before={"right": 38}), "utf-8")
    found["hostile"].write_text(report_page([*verdicts, *nasty], lesson), "utf-8")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = new_page(browser)
    yield page
    page.close()


def noted(page: Page) -> dict[str, list[str]]:
    """What the page says in the console, asks for and pops up, from now on."""
    found: dict[str, list[str]] = {"console": [], "requests": [], "dialogs": []}
    page.on("console", lambda message: found["console"].append(message.text))
    page.on("pageerror", lambda error: found["console"].append(str(error)))
    page.on("request", lambda request: found["requests"].append(request.url))

    def note_dialog(dialog: Dialog) -> None:
        found["dialogs"].append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note_dialog)
    return found


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_quiet_alone_and_fits_the_screen(
    name: str, screen: str, page: Page, files: dict[str, Path]
) -> None:
    width, scheme = SCREENS[screen]
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    found = noted(page)

    page.goto(files[name].as_uri())

    own = [url for url in found["requests"] if not url.startswith("data:image/png")]
    assert own == [files[name].as_uri()]
    assert found["console"] == found["dialogs"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("screen", ["phone", "desk"])
@pytest.mark.parametrize("name", ["mistaken", "stuck", "refused", "report"])
def test_axe_finds_no_barrier(name: str, screen: str, page: Page, files: dict[str, Path]) -> None:
    width, scheme = SCREENS[screen]
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    page.goto(files[name].as_uri())
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")

    found: dict[str, Any] = Axe().run(page).response

    barriers = [
        (each["id"], [n["html"][:200] for n in each["nodes"]]) for each in found["violations"]
    ]
    assert barriers == []


def test_the_links_of_the_report_lead_to_the_feedback(page: Page, files: dict[str, Path]) -> None:
    page.goto(files["report"].as_uri())
    page.locator("#all").get_by_role("link", name="mistaken", exact=True).click()

    assert page.get_by_role("heading", level=1).inner_text() == "Feedback for mistaken"


def test_the_table_is_filtered_by_name_status_and_diagnosis(
    page: Page, files: dict[str, Path]
) -> None:
    page.goto(files["report"].as_uri())
    shown = page.locator("#all tbody tr:visible th a")

    assert shown.count() == 6
    page.get_by_label("Status").select_option("ungraded")
    assert shown.all_inner_texts() == ["refused"]
    page.get_by_label("Status").select_option("")
    page.get_by_label("Learner", exact=True).fill("T")
    assert shown.all_inner_texts() == ["empty", "mistaken", "right", "stuck"]
    page.get_by_label("Diagnosis").select_option("d-bad-start")
    assert shown.all_inner_texts() == ["stuck"]
    assert page.get_by_role("status").inner_text() == "1 of 6 learners"


def test_the_first_screen_shows_what_is_to_do_and_the_tables_head(
    page: Page, files: dict[str, Path]
) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(files["report"].as_uri())

    for place in ("#todo", "#all thead"):
        box = page.locator(place).bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800


def test_every_count_is_a_filter_that_shows_as_many_learners(
    page: Page, files: dict[str, Path]
) -> None:
    page.goto(files["report"].as_uri())
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    shown = page.locator("#all tbody:visible")

    for button in page.locator("button[data-key]:not([data-key='']):not([disabled])").all():
        count = int((re.search(r"\d+", button.inner_text()) or ["1"])[0])
        button.click()
        assert shown.count() == count, button.get_attribute("data-label")
        button.click()
        assert shown.count() == 6


def test_a_row_opens_to_what_was_found_and_closes_again_by_keyboard(
    page: Page, files: dict[str, Path]
) -> None:
    page.goto(files["report"].as_uri())
    found = page.get_by_text("Repaired: The file was in an old format.")
    assert not found.is_visible()

    page.get_by_role("button", name="Details of stuck").focus()
    page.keyboard.press("Enter")
    assert found.is_visible()
    page.keyboard.press("Enter")
    assert not found.is_visible()


def test_the_shown_rows_are_a_csv_at_a_click(page: Page, files: dict[str, Path]) -> None:
    page.goto(files["hostile"].as_uri())
    page.get_by_label("Learner", exact=True).fill("a")
    names = page.locator("#all tbody:visible th bdi").all_inner_texts()

    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)

    assert header[:2] == ["Learner", "Points"]
    assert header[-1] == "Where points are missing"
    for row, name in zip(rows, names, strict=True):
        assert row[0].removeprefix("'") == " ".join(name.split()).removeprefix("'")
    assert not [field for row in rows for field in row if field.startswith(("=", "+", "@"))]


def test_a_diagnosis_leads_to_its_learners_in_the_table(page: Page, files: dict[str, Path]) -> None:
    page.goto(files["report"].as_uri())

    page.locator("#found > summary").click()
    page.locator("#found").get_by_role("button", name="gradients are never zeroed").click()

    assert page.locator("#all tbody tr:visible th a").all_inner_texts() == ["mistaken"]


def test_the_table_is_sorted_both_ways_by_keyboard(page: Page, files: dict[str, Path]) -> None:
    page.goto(files["report"].as_uri())
    header = page.locator("#all thead .points button")
    points = page.locator("#all tbody tr td.points")

    header.focus()
    page.keyboard.press("Enter")
    rising = points.all_inner_texts()
    page.keyboard.press("Enter")

    assert rising[0] == "–"
    assert rising[1:] == sorted(rising[1:], key=float)
    assert points.all_inner_texts()[-1] == "–"
    assert page.locator("#all th[aria-sort=descending]").inner_text().startswith("Points")


def test_without_scripts_every_learner_is_still_there(
    browser: Browser, files: dict[str, Path]
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(files["report"].as_uri())

        assert page.locator("#all tbody").count() == 6
        assert not page.get_by_role("search").is_visible()


def test_on_paper_everything_is_unfolded(page: Page, files: dict[str, Path]) -> None:
    page.goto(files["right"].as_uri())
    claim = page.get_by_text("The parameters change.")
    assert not claim.is_visible()

    page.emulate_media(media="print")

    assert claim.is_visible()


def test_paper_is_light_whatever_the_screen_is(page: Page, files: dict[str, Path]) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(files["right"].as_uri())

    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert colour == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", ["mistaken", "report"])
def test_nothing_runs_off_the_paper(name: str, page: Page, files: dict[str, Path]) -> None:
    page.set_viewport_size({"width": 680, "height": 1000})  # A4 between margins of 15 mm
    page.emulate_media(media="print")
    page.goto(files[name].as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") <= 680


def test_a_link_to_an_exercise_is_reached_and_opened_by_keyboard(
    page: Page, files: dict[str, Path]
) -> None:
    page.goto(files["right"].as_uri())
    summary = page.locator("#training_loop > summary")

    summary.focus()
    page.keyboard.press("Enter")

    assert page.get_by_text("The parameters change.").is_visible()
