"""The marking page's server takes what its own page sends, and from nobody else anything."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from xorkit.engine.course import Course
from xorkit.engine.gradebook import GradebookMark, all_marks, open_gradebook
from xorkit.marking import waiting
from xorkit.marking.server import LOCALHOST, LONGEST_REQUEST, _application, _Session

JSON = "application/json"


@dataclass
class Page:
    """The server at work, and how its own page asks it."""

    course: Course
    session: _Session
    port: int

    @property
    def marks(self) -> str:
        return f"/{self.session.secret}/marks"

    def asked(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Status and body of a request with the page's own headers, but for those given."""
        own = {"Host": f"{LOCALHOST}:{self.port}", "Connection": "close"}
        if method == "POST":
            own |= {"Origin": f"http://{LOCALHOST}:{self.port}", "Content-Type": JSON}
            own["Content-Length"] = str(len(body))
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}" for name, value in own.items() if value]
        request = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + body
        with socket.create_connection((LOCALHOST, self.port), timeout=30) as connection:
            connection.sendall(request)
            with closing(connection.makefile("rb")) as answer:
                head, _, rest = answer.read().partition(b"\r\n\r\n")
        return int(head.split()[1]), rest

    def given(self) -> dict[str, dict[str, GradebookMark]]:
        with open_gradebook(self.course.db_url) as book:
            return {name: dict(marks) for name, marks in all_marks(book, "xor").items()}


@pytest.fixture(scope="module")
def page(course: Course) -> Iterator[Page]:
    session = _Session(course, waiting(course))
    sockets, started, over = bind_sockets(0, LOCALHOST), threading.Event(), asyncio.Event()
    port = sockets[0].getsockname()[1]
    session.hosts = [f"{LOCALHOST}:{port}", f"localhost:{port}"]
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        server = HTTPServer(_application(session), max_body_size=LONGEST_REQUEST)
        server.add_sockets(sockets)
        loops.append(asyncio.get_running_loop())
        started.set()
        await over.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait()
    yield Page(course, session, port)
    loops[0].call_soon_threadsafe(over.set)
    thread.join()


# Whoever knows the secret, but comes from elsewhere: method, path after the secret, headers.
ELSEWHERE: dict[str, tuple[str, str, dict[str, str]]] = {
    "another site's name for this machine": ("GET", "/", {"Host": "evil.example:{port}"}),
    "a name that begins like ours": ("GET", "/", {"Host": "127.0.0.1:{port}.evil.example"}),
    "our name without the port": ("GET", "/", {"Host": "localhost"}),
    "another site's page": ("POST", "/marks", {"Origin": "http://evil.example"}),
    "a page without an origin": ("POST", "/marks", {"Origin": ""}),
    "a file": ("POST", "/marks", {"Origin": "null"}),
    "a server on another port": ("POST", "/marks", {"Origin": "http://127.0.0.1:1"}),
    "our address by another scheme": ("POST", "/marks", {"Origin": "https://127.0.0.1:{port}"}),
    "a form": ("POST", "/marks", {"Content_Type": "application/x-www-form-urlencoded"}),
    "plain text": ("POST", "/done", {"Content_Type": "text/plain"}),
    "a path up": ("GET", "/../", {}),
    "an encoded path up": ("GET", "/%2e%2e/lessons/xor.yaml", {}),
    "a path below": ("POST", "/marks/1", {}),
    "another method": ("PUT", "/marks", {}),
    "marks that are asked for": ("GET", "/marks", {}),
    "a longer secret": ("GET", "x/", {}),
    "an encoded NUL": ("GET", "%00/", {}),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_secret_alone_opens_nothing_to(page: Page, name: str) -> None:
    method, path, headers = ELSEWHERE[name]
    body = b'{"marks": [{"number": 0, "points": 1, "comment": ""}]}' if method == "POST" else b""
    before = page.given()

    status, said = page.asked(
        method,
        f"/{page.session.secret}{path}",
        body,
        **{key: value.format(port=page.port) for key, value in headers.items()},
    )

    assert status == 403
    assert page.session.secret.encode() not in said
    assert page.given() == before
    assert not page.session.done.is_set()


def one(**other: object) -> bytes:
    mark = {"number": 0, "points": 1, "comment": "", **other}
    return json.dumps({"marks": [mark]}).encode()


REFUSED = {
    "no JSON": b"marks",
    "nothing": b"",
    "what is not UTF-8": one(comment="x").replace(b'"x"', b'"\xff"'),
    "half a character": one(comment="x").replace(b'"x"', rb'"\ud800"'),
    "no number of points": one(points=float("nan")),
    "endless points": one(points=float("inf")),
    "points beyond all numbers": one().replace(b": 1,", b": 1e999,"),
    "fewer points than none": one(points=-0.5),
    "points as a text": one(points="1"),
    "points as a truth": one(points=True),
    "an answer before the first": one(number=-1),
    "an answer after the last": one(number=10**6),
    "an answer of endless number": one().replace(b'"number": 0', b'"number": 1' + b"0" * 5000),
    "half an answer": one(number=0.5),
    "a field of its own": one(student="ada"),
    "a comment without end": one(comment="x" * 5001),
    "a comment that is a list": one(comment=["x"]),
    "marks in marks": one(points={"marks": []}),
    "200,000 lists": b'{"marks": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "more marks than anybody gives": json.dumps(
        {"marks": json.loads(one())["marks"] * 2001}
    ).encode(),
    "marks and more": b'{"marks": [], "cells": []}',
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_mark_is_given_for(page: Page, name: str) -> None:
    before = page.given()

    status, _ = page.asked("POST", page.marks, REFUSED[name])

    assert status == 400
    assert page.given() == before


def test_more_points_than_there_are_is_said_and_not_given(page: Page) -> None:
    before = page.given()

    status, said = page.asked("POST", page.marks, one(points=99))

    assert status == 200
    assert list(json.loads(said)["problems"]) == ["0"]
    assert page.given() == before


@pytest.mark.parametrize("declared", [LONGEST_REQUEST + 1, 10**15])
def test_a_request_without_end_is_not_read(page: Page, declared: int) -> None:
    status, _ = page.asked("POST", page.marks, b"{}", Content_Length=str(declared))

    assert status in (400, 403, 413)


def test_a_comment_is_kept_as_text_that_a_terminal_can_show(page: Page) -> None:
    answer = page.session.answers[1]
    comment = "\x1b]0;x\x07 \0 <script>'; DROP TABLE grade; -- \u202e"

    status, _ = page.asked("POST", page.marks, one(number=1, comment=comment))

    assert status == 200
    kept = page.given()[answer.student][answer.cell]
    assert kept.manual == 1
    assert kept.comment == "\ufffd]0;x\ufffd \ufffd <script>'; DROP TABLE grade; -- \ufffd"
