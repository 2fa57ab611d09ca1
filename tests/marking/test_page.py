"""Seventy-three answers marked in a real Chromium, as fast as a person can read."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page
from support.chromium import chromium, needs_chromium, new_page
from support.waiting_class import COUNT

from xorkit.engine import records
from xorkit.engine.course import Course
from xorkit.engine.gradebook import all_marks, open_gradebook
from xorkit.intake.tables import read_table

axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = needs_chromium
MOST_KEYS = 150
REMARK = "Say what adds up, <b>please</b>."


@dataclass
class Seen:
    """What happened while somebody marked."""

    strangers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    keys: Counter[str] = field(default_factory=Counter)
    progress: list[str] = field(default_factory=list)
    barriers: dict[str, list[str]] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    requests: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    again: tuple[int, bytes] = (0, b"")
    printed: str = ""
    status: int = -1
    commented: str = ""


@dataclass
class Served:
    """`xorkit mark`, as a person runs it, and what it printed."""

    process: subprocess.Popen[str]
    address: str
    said: list[str]

    def ended(self) -> int:
        """Waits for its end; gives back the exit status: a negative one if it had to be killed."""
        assert self.process.stdout is not None
        late = threading.Timer(60, self.process.kill)
        late.start()
        self.said += list(self.process.stdout)
        late.cancel()
        return self.process.wait()


@contextmanager
def served(course: Course) -> Iterator[Served]:
    command = [str(Path(sys.executable).with_name("xorkit")), "mark", "xor", "--no-browser"]
    # Whatever a shell starts in the background ignores Ctrl-C, and so would what that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command, cwd=course.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line):
                    yield Served(process, found[0], said)
                    return
            raise AssertionError("".join(said))
        finally:
            process.kill()


@pytest.fixture(scope="module")
def seen(course: Course) -> Seen:
    """What was seen of one go through all that waits, with the keyboard alone."""
    seen = Seen()
    with served(course) as shown, chromium() as browser:
        seen.strangers = {name: asked(shown.address, *how) for name, how in STRANGERS.items()}
        page = new_page(browser)
        page.on("console", lambda said: seen.problems.append(said.text))
        page.on("pageerror", lambda error: seen.problems.append(str(error)))
        page.on("request", lambda request: seen.requests.add(urlsplit(request.url).netloc))
        page.goto(shown.address)
        seen.again = asked(shown.address)
        for name, width, scheme in (("phone", 390, "dark"), ("desk", 1280, "light")):
            page.set_viewport_size({"width": width, "height": 844})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found = axe.Axe().run(page).response["violations"]
            seen.barriers[name] = [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]
            seen.widths[name] = page.evaluate("document.documentElement.scrollWidth")
        mark_all(page, seen)
        seen.status, seen.printed = shown.ended(), "".join(shown.said)
    return seen


def mark_all(page: Page, seen: Seen) -> None:
    """One mark taken back, one with a comment, one for a group, and then one after the other."""

    def press(key: str) -> None:
        seen.keys[key] += 1
        page.keyboard.press(key)

    progress = page.locator("#progress")
    seen.progress.append(progress.inner_text())
    press("1")
    seen.progress.append(progress.inner_text())
    press("u")
    seen.progress.append(progress.inner_text())
    press("c")
    page.keyboard.type(REMARK)
    press("Enter")
    seen.commented = page.locator(".answer.here bdi").inner_text()
    press("2")
    press("g")
    press("0")
    while not page.locator("#end").is_visible():
        assert sum(seen.keys.values()) < MOST_KEYS
        press("1")
    seen.progress.append(progress.inner_text())
    press("Enter")
    page.locator("#over").wait_for()


def asked(address: str, path: str | None = None, method: str = "GET") -> tuple[int, bytes]:
    """What somebody gets who asks at this address's port, but otherwise."""
    parts = urlsplit(address)
    body = b'{"marks": []}' if method == "POST" else None
    connection = http.client.HTTPConnection(parts.netloc, timeout=300)
    with closing(connection):
        connection.request(method, path or f"{parts.path}?{parts.query}", body)
        reply = connection.getresponse()
        return reply.status, reply.read()


STRANGERS: dict[str, tuple[str, str]] = {
    "without a token": ("/", "GET"),
    "with a guessed one": ("/?token=guess", "GET"),
    "with an empty one": ("/?token=", "GET"),
    "with a guessed secret": ("/guess/", "GET"),
    "posting without a secret": ("/marks", "POST"),
    "posting with a guessed one": ("/guess/marks", "POST"),
    "ending it": ("/guess/done", "POST"),
    "by another way": ("/static/../mark.js", "GET"),
    "by another method": ("/", "PUT"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_who_does_not_know_the_token_gets_nothing(name: str, seen: Seen) -> None:
    status, body = seen.strangers[name]

    assert status == 403
    assert b"learner" not in body


def test_the_address_works_once(seen: Seen) -> None:
    assert seen.again[0] == 403


def test_nothing_is_fetched_from_elsewhere_and_nothing_complains(seen: Seen) -> None:
    assert len(seen.requests) == 1
    assert next(iter(seen.requests)).startswith("127.0.0.1:")
    assert seen.problems == []


def test_everything_is_marked_with_few_keys(seen: Seen) -> None:
    assert seen.progress == [f"{marked} of {COUNT} marked" for marked in (0, 1, 0, COUNT)]
    assert sum(seen.keys.values()) <= MOST_KEYS


@pytest.mark.parametrize("screen", ["phone", "desk"])
def test_axe_finds_no_barrier_and_nothing_runs_off_the_screen(screen: str, seen: Seen) -> None:
    assert seen.barriers[screen] == []
    assert seen.widths[screen] <= {"phone": 390, "desk": 1280}[screen]


def test_the_marks_are_where_the_formgraders_go(course: Course, seen: Seen) -> None:
    with open_gradebook(course.db_url) as book:
        marks = [mark for cells in all_marks(book, "xor").values() for mark in cells.values()]
    given = Counter(mark.manual for mark in marks)

    assert sum(given[points] for points in (0, 1, 2)) == COUNT
    assert given[2] == 1
    assert given[0] >= 1
    assert not any(mark.waits for mark in marks)
    assert not any(verdict.needs_review for verdict in records.verdicts(course))


def test_at_the_end_pages_and_grades_say_so(course: Course, seen: Seen) -> None:
    assert seen.status == 0, seen.printed
    verdicts = {verdict.student: verdict for verdict in records.verdicts(course)}
    grades = read_table(course.path("exported", "csv", "grades.csv"))
    rows = [dict(zip(grades.header, row, strict=True)) for row in grades.rows]

    assert {row["student"]: float(row["score"]) for row in rows} == {
        name: verdict.score for name, verdict in verdicts.items()
    }
    assert REMARK in next(row for row in rows if row["student"] == seen.commented)["comments"]
    page = course.path("feedback", seen.commented, "xor", "xor.html").read_text("utf-8")
    assert "Say what adds up, &lt;b&gt;please&lt;/b&gt;." in page
    assert "A person marked this: 2 of 2 points." in page
    assert "answers wait" not in course.path("report", "xor.html").read_text("utf-8")
    assert not course.path("report", "mark.html").exists()


def test_ctrl_c_keeps_the_marks_and_ends_well(course: Course, seen: Seen) -> None:
    learner = records.verdicts(course)[0].student
    with open_gradebook(course.db_url) as book:
        grade = book.find_grade("test_recall_step", "xor", "xor", learner)
        grade.manual_score, grade.needs_manual_grade = None, True
        book.db.commit()
    with served(course) as shown:
        shown.process.send_signal(signal.SIGINT)

        assert shown.ended() == 0
        assert any("1 answer waits" in line for line in shown.said)
