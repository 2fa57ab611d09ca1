"""The marking page, served to this machine's own instructor and to nobody else.

The address that opens it works once; what it leads to bears a secret of its own. Every other
request gets nothing: another user of the machine may reach the port, but knows neither.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from xorkit.engine.course import Course
from xorkit.marking.marks import GivenMark, give_marks
from xorkit.marking.waiting import WaitingQuestion, waiting
from xorkit.pages.rendering import content_policy, render

LOCALHOST = "127.0.0.1"
LOOPBACK = (LOCALHOST, "localhost")  # names by which a browser of this machine, or a tunnel, comes
USED = (
    "This address opens nothing, or has been used already. Stop `xorkit mark` with Ctrl-C and run"
    " it again: it prints a new one.\n"
)
FAILED = "`xorkit mark` failed here; its terminal says why. No mark that was given is lost.\n"
LONGEST_REQUEST = 1 << 20  # bytes of a request: the marks of a thousand answers, with comments
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _Mark(BaseModel):
    """One mark as the page sends it; no points take it back."""

    model_config = ConfigDict(extra="forbid", strict=True)
    number: int = Field(ge=0)
    points: float | None = Field(ge=0, allow_inf_nan=False)
    comment: str = Field(max_length=5000)


class _Marks(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    marks: tuple[_Mark, ...] = Field(strict=False, max_length=2000)


@dataclass
class _Session:
    """One instructor at work: the answers as the page numbers them, and the marks so far."""

    course: Course
    questions: Sequence[WaitingQuestion]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    used: bool = False
    hosts: Sequence[str] = ()  # by which a browser may ask
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answers = [answer for question in self.questions for answer in question.answers]
        self.given: dict[int, GivenMark] = {}

    def enter(self, token: str) -> bool:
        """Whether this opens the page: the right token, for the first time."""
        if self.used or not hmac.compare_digest(token.encode(), self.token.encode()):
            return False
        self.used = True
        return True

    def knows(self, secret: str) -> bool:
        return hmac.compare_digest(secret.encode(), self.secret.encode())

    def page(self) -> str:
        return render(
            "mark.html",
            script="mark.js",
            served=True,
            lesson=self.course.lesson,
            questions=self.questions,
            given=self.given,
        )

    def give(self, wanted: _Marks) -> dict[str, Any]:
        """Gives marks; says which could not be given, and how many answers still wait."""
        marks = {}
        for mark in wanted.marks:
            answer = self.answers[mark.number]
            before = self.given[mark.number].points if mark.number in self.given else answer.mark
            marks[mark.number] = GivenMark(answer, mark.points, mark.comment, before)
        refused = {id(mark): why for mark, why in give_marks(self.course, list(marks.values()))}
        self.given |= {n: mark for n, mark in marks.items() if id(mark) not in refused}
        problems = {n: refused[id(mark)] for n, mark in marks.items() if id(mark) in refused}
        return {"problems": problems}


class _Handler(RequestHandler):
    """Answers only who asks for this very address and knows its secret."""

    def initialize(self, session: _Session) -> None:
        self.session = session

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in HEADERS.items():
            self.set_header(name, value)
        rules = f"{content_policy('mark.js', served=True)}; frame-ancestors 'none'"
        self.set_header("Content-Security-Policy", rules)

    def prepare(self) -> None:
        if self.request.host not in self.session.hosts:
            self.refuse()
        elif self.request.method == "POST":
            origin = self.request.headers.get("Origin")
            kind = self.request.headers.get("Content-Type", "")
            if origin != f"http://{self.request.host}" or kind != "application/json":
                self.refuse()

    def refuse(self) -> None:
        self.say(HTTPStatus.FORBIDDEN, USED)

    def say(self, status: int, text: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(text)

    def write_error(self, status_code: int, **_: Any) -> None:
        failed = status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        self.say(*((status_code, FAILED) if failed else (HTTPStatus.FORBIDDEN, USED)))

    def get(self, *_: str) -> None:
        self.refuse()

    def post(self, *_: str) -> None:
        self.refuse()


class _Door(_Handler):
    def get(self, *_: str) -> None:
        if self.session.enter(self.get_query_argument("token", "")):
            self.redirect(f"/{self.session.secret}/", status=303)
        else:
            self.refuse()


class _Page(_Handler):
    def get(self, *parts: str) -> None:
        if parts[1:] == ("",) and self.session.knows(parts[0]):
            self.finish(self.session.page())
        else:
            self.refuse()

    def post(self, *parts: str) -> None:
        if not self.session.knows(parts[0]):
            self.refuse()
        elif parts[1] == "marks":
            self._give()
        elif parts[1] == "done":
            self.finish({})
            self.session.done.set()
        else:
            self.refuse()

    def _give(self) -> None:
        try:
            wanted = _Marks.model_validate_json(self.request.body)
            self.finish(self.session.give(wanted))
        except (ValidationError, IndexError):
            self.set_status(400)
            self.finish({"problems": {}})


def _application(session: _Session) -> Application:
    own = {"session": session}
    routes: list[Any] = [(r"/", _Door, own), (r"/([\w-]+)/(\w*)", _Page, own)]
    return Application(
        routes, default_handler_class=_Handler, default_handler_args=own, log_function=_quiet
    )


def _quiet(handler: RequestHandler) -> None:
    """No log: addresses are secrets here."""


def serve(course: Course, port: int, browser: bool, say: Callable[[str], None]) -> bool:
    """Serves the page until the instructor is done, or stops it; false where nothing waits."""
    questions = waiting(course)
    if not questions:
        say("no answer waits for a person")
        return False
    try:
        asyncio.run(_serve(course, questions, port, browser, say))
    except KeyboardInterrupt:
        say("stopped; the marks given until then are kept")
    return True


async def _serve(
    course: Course,
    questions: Sequence[WaitingQuestion],
    port: int,
    browser: bool,
    say: Callable[[str], None],
) -> None:
    session = _Session(course, questions)
    sockets = bind_sockets(port, LOCALHOST)
    session.hosts = [f"{name}:{sockets[0].getsockname()[1]}" for name in LOOPBACK]
    server = HTTPServer(_application(session), max_body_size=LONGEST_REQUEST)
    server.add_sockets(sockets)
    address = f"http://{session.hosts[0]}/?token={session.token}"
    count = len(session.answers)
    say(f"{count} {'answer waits' if count == 1 else 'answers wait'}. Mark them at {address}")
    say("This address works once, on this machine. Ctrl-C ends it; no mark is lost.")
    way = course.path("report", "mark.html")
    try:
        if browser:
            _open(way, address)
        await session.done.wait()
    finally:
        way.unlink(missing_ok=True)
        server.stop()
        await server.close_all_connections()


def _open(way: Path, address: str) -> None:
    """Opens the page in a browser through a file: what is on a command line, others can read."""
    way.parent.mkdir(parents=True, exist_ok=True)
    way.unlink(missing_ok=True)
    way.touch(0o600)
    way.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">')
    webbrowser.open(way.as_uri())
