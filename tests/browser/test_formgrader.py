"""An instructor's way in a real browser: read an answer in the formgrader, mark it, keep the mark.

nbgrader's pages ask for MathJax from the net; a stand-in says at once that it is ready, so that
their keyboard works here as it does there.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from nbgrader.apps.api import NbGraderAPI
from playwright.sync_api import Browser, Locator, Page, Route
from support.chromium import chromium, needs_chromium, new_page
from support.lab import jupyterlab

from xorkit import samples
from xorkit.engine.course import Course, nbgrader_config, open_course
from xorkit.engine.gradebook import GradebookMark, all_marks, open_gradebook
from xorkit.engine.release import generate
from xorkit.intake.collecting import collect
from xorkit.intake.tables import read_table

ROOT = Path(__file__).parents[2]
pytestmark = needs_chromium

CELL = "test_recall_zero_grad"
ANSWERS = {  # as the class has them; both wait for a person
    "hschmidt": "Weil PyTorch die neuen Gradienten zu den alten addiert",
    "jmoreau": "You would only need it when the loss goes up.",
}
REMARK = "Which way is down?"
MARKS = {"hschmidt": 2.0, "jmoreau": 1.0}
LEARNERS = {*MARKS, "ychen"}  # the last one has answered nothing: there is nothing to mark
MATHJAX = """window.MathJax = {Hub: {
    Config() {}, Queue() {},
    Startup: {signal: {Interest(hear) { setTimeout(() => hear("End"), 0); }}},
}};"""


@dataclass
class Seen:
    """What the formgrader showed."""

    waiting: set[str] = field(default_factory=set)  # in its list, before any mark
    still_waiting: set[str] = field(default_factory=set)  # … and after
    cells: dict[str, str] = field(default_factory=dict)  # the question's cell, by learner
    problems: list[str] = field(default_factory=list)  # in the pages' consoles


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Three learners of the sample class, graded."""
    root = tmp_path_factory.mktemp("course")
    for name in ("source", "lessons"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    course = open_course(root, "xor")
    generate(course, root / "release")
    everyone = samples.read_class(ROOT / "samples" / "xor" / "class.yaml")
    chosen = [learner for learner in everyone if learner.id in LEARNERS]
    downloads = root / "downloaded"
    samples.write_class(downloads, chosen, course.source, course.release)
    collect(
        [downloads / samples.HANDED_IN],
        root / "submitted",
        course.release,
        assignment="xor",
        roster=downloads / samples.ROSTER,
    )
    run(course, "xorkit", "grade", "xor")
    return course


@pytest.fixture(scope="module")
def address(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The formgrader, which stays open while the kit grades again, as an instructor's does."""
    with jupyterlab(course.root, tmp_path_factory.mktemp("lab")) as address:
        yield f"{address}/formgrader"


@pytest.fixture(scope="module")
def seen(course: Course, address: str) -> Seen:
    """What an instructor saw who marked one question of everyone."""
    with ThreadPoolExecutor(1) as apart:  # playwright wants a thread without an event loop
        return apart.submit(marked_one_after_the_other, address).result()


def run(course: Course, program: str, *arguments: str) -> str:
    """Runs a command as a person does, in the course's folder; gives back what it printed."""
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ------------------------------------------------------------------------------- in the browser


def opened(browser: Browser, problems: list[str]) -> Page:
    """A page without the net, whose errors are kept."""
    page = new_page(browser, viewport={"width": 1280, "height": 900})
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.route(re.compile("^https:"), without_net)
    return page


def without_net(route: Route) -> None:
    if "mathjax" in route.request.url:
        route.fulfill(body=MATHJAX, content_type="text/javascript")
    else:  # the badge of Colab
        route.fulfill(
            body="<svg xmlns='http://www.w3.org/2000/svg'/>", content_type="image/svg+xml"
        )


def marked_one_after_the_other(address: str) -> Seen:
    seen = Seen()
    with chromium() as browser:
        page = opened(browser, seen.problems)
        page.goto(address)
        page.get_by_role("link", name="Manual Grading").click()
        for _ in ("assignment", "notebook"):
            page.locator("#main-table").get_by_role("link", name="xor").click()
        seen.waiting = listed(page)
        page.locator("#main-table a:visible").first.click()
        for _ in LEARNERS:
            box = score_box(page)
            learner = page.locator("li.live-notebook a.name-shown").text_content() or ""
            seen.cells[learner.strip()] = cell_of(page, box).inner_text()
            box.fill(str(MARKS.get(learner.strip(), "")))
            here = page.url
            box.press("Control+.")  # saves, and goes on to the same question of the next one
            # nbgrader may set out twice for the same page, and abort the first way to it.
            page.wait_for_function("here => location.href !== here", arg=here)
        seen.still_waiting = listed(page)
    return seen


def listed(page: Page) -> set[str]:
    """The learners of whom the list says that something is left to a person."""
    rows = page.locator("#main-table tr:has(.name a)")
    rows.first.wait_for()
    assert rows.count() == len(LEARNERS)
    waiting = rows.filter(has=page.locator(".needs-manual-grade .glyphicon"))
    return {name.strip() for name in waiting.locator("a.name-shown").all_text_contents()}


def score_box(page: Page) -> Locator:
    """Where the question's mark is typed, once the page knows the marks that there are."""
    page.wait_for_function("window.formgrader?.grades?.loaded && window.MathJax?.loaded")
    return page.locator(f"input#{CELL}")


def cell_of(page: Page, box: Locator) -> Locator:
    return page.locator(".code_cell").filter(has=box)


def commented(address: str, learner: str) -> tuple[str, str]:
    """Mark and comment of a learner's last question, as the formgrader shows them."""
    with chromium() as browser:
        page = opened(browser, [])
        page.goto(f"{address}/manage_students/{learner}/xor")
        page.locator("#main-table").get_by_role("link", name="xor").click()
        score_box(page)
        # The formgrader asks for comments after it has shown the page.
        page.wait_for_function(
            "[...document.querySelectorAll('textarea.comment')].some(each => each.value)"
        )
        said = page.locator("textarea.comment").evaluate_all("all => all.map(each => each.value)")
        return page.locator("input#test_recall_stuck").input_value(), "".join(said)


def box_of(address: str, learner: str) -> str:
    """The mark that the formgrader shows who opens a learner's work by name."""
    with chromium() as browser:
        page = opened(browser, [])
        page.goto(f"{address}/manage_students/{learner}/xor")
        page.locator("#main-table").get_by_role("link", name="xor").click()
        return score_box(page).input_value()


# -------------------------------------------------------------------------------- what comes of it


def marks(course: Course) -> dict[str, GradebookMark]:
    with open_gradebook(course.db_url) as book:
        return {name: cells[CELL] for name, cells in all_marks(book, "xor").items()}


def verdict(course: Course, student: str) -> Any:
    return json.loads(course.result_path(student, "verdict.json").read_text("utf-8"))


def rows(path: Path, key: str) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row[key]: row for row in csv.DictReader(file)}


def assert_kept(course: Course) -> None:
    """The marks are in the gradebook and in the verdicts, and nobody is asked for them again."""
    found = marks(course)
    for learner, mark in MARKS.items():
        assert (found[learner].manual, found[learner].waits) == (mark, False)
        assert verdict(course, learner)["cells"][CELL]["score"] == mark
    assert verdict(course, "jmoreau")["status"] == "graded"
    assert verdict(course, "hschmidt")["needs_review"] == ["test_recall_stuck"]


def test_the_list_says_whose_answers_are_left_to_a_person(seen: Seen) -> None:
    assert seen.waiting == set(MARKS)
    assert seen.still_waiting == {"hschmidt"}  # another question is open there


def test_the_answer_and_what_was_found_stand_below_the_box_for_the_mark(seen: Seen) -> None:
    assert set(seen.cells) == LEARNERS
    for learner, answer in ANSWERS.items():
        assert f"“{answer}" in seen.cells[learner]
        assert "Why a person: " in seen.cells[learner]
        assert "0 of 2 points, and those that a person gives" in seen.cells[learner]
    assert "person" not in seen.cells["ychen"]


def test_no_page_complains(seen: Seen) -> None:
    assert seen.problems == []


@pytest.mark.usefixtures("seen")
def test_the_mark_is_exported(course: Course) -> None:
    run(course, "xorkit", "export", "xor", "--to", "csv")
    run(course, "nbgrader", "export", "--to", "grades.csv")

    (path,) = course.path("exported", "csv").glob("*.csv")
    ours = rows(path, "student")
    theirs = rows(course.root / "grades.csv", "student_id")
    for learner, mark in MARKS.items():
        assert float(ours[learner][CELL]) == mark
        assert float(theirs[learner]["score"]) == float(ours[learner]["score"])
    assert float(ours["jmoreau"]["score"]) == 33.5 + MARKS["jmoreau"]
    assert_kept(course)


@pytest.mark.usefixtures("seen")
def test_the_mark_survives_grading_and_judging_again(course: Course, address: str) -> None:
    run(course, "xorkit", "grade", "xor", "--all")
    assert_kept(course)
    run(course, "xorkit", "rejudge", "xor")
    assert_kept(course)

    with ThreadPoolExecutor(1) as apart:
        assert float(apart.submit(box_of, address, "jmoreau").result()) == MARKS["jmoreau"]


@pytest.mark.usefixtures("seen")
def test_the_rubric_learns_the_mark(course: Course) -> None:
    printed = run(course, "xorkit", "rubric", "xor", "--add-marks")

    assert "2 marked answers are new" in printed
    tests = open_course(course.root, "xor").lesson.recall["recall_zero_grad"].tests
    assert {(test.answer, test.mark) for test in tests} >= {(ANSWERS["jmoreau"], 1)}


def test_the_reports_counts_are_those_of_the_formgrader(course: Course, seen: Seen) -> None:
    """Read from what its own pages are made of."""
    run(course, "xorkit", "report", "xor")
    page = course.path("report", "xor.html").read_text("utf-8")
    keys = [set(found.split()) for found in re.findall('<tbody[^>]* data-keys="([^"]*)"', page)]
    listed = NbGraderAPI(config=nbgrader_config(course.root)).get_notebook_submissions("xor", "xor")
    waiting = {each["student"] for each in listed if each["needs_manual_grade"]}

    assert waiting == seen.still_waiting
    assert sum("mark" in found for found in keys) == len(waiting)
    assert f"{len(waiting)} answer to mark" in page


@pytest.mark.usefixtures("seen")
def test_a_mark_from_a_table_and_its_comment_stand_in_the_formgrader(
    course: Course, address: str
) -> None:
    run(course, "xorkit", "mark", "xor", "--csv", "waiting.csv")
    table = read_table(course.root / "waiting.csv")
    (row,) = ([*row] for row in table.rows)
    assert row[table.header.index("student")] == "hschmidt"
    row[table.header.index("points")] = "1"
    row[table.header.index("comment")] = REMARK
    replace(table, rows=(tuple(row),)).write(course.root / "waiting.csv")

    run(course, "xorkit", "mark", "xor", "--from", "waiting.csv")

    with ThreadPoolExecutor(1) as apart:
        shown = apart.submit(commented, address, "hschmidt").result()
    assert shown == ("1", REMARK)
    page = course.path("feedback", "hschmidt", "xor", "xor.html").read_text("utf-8")
    assert REMARK in page
    run(course, "xorkit", "rejudge", "xor")
    assert verdict(course, "hschmidt")["cells"]["test_recall_stuck"]["comment"] == REMARK
    assert verdict(course, "hschmidt")["status"] == "graded"
