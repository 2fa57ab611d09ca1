"""Whatever a kernel sends, the grader's process goes on and says that the kernel is no good."""

import json
from collections.abc import Iterator

import pytest
from support.small_limits import LIMITS

from xorkit.sandbox import Kernel, Warm

# Gives the learner's code `send`: a message whose every part is forged, and rightly signed.
FORGE = """
import json, threading, time
from IPython import get_ipython
from ipykernel.kernelapp import IPKernelApp

app = IPKernelApp.instance()
output = app.iopub_thread.socket

def send(content, kind="stream", header=None, parent=None):
    known = {"msg_id": str(time.time()), "session": app.session.session, "msg_type": kind,
             "username": "", "date": "2026-01-01T00:00:00Z", "version": "5.3"}
    theirs = json.dumps(get_ipython().kernel.get_parent()["header"], default=str).encode()
    parts = [header or json.dumps(known).encode(), parent or theirs, b"{}", content]
    send_frames([b"<IDS|MSG>", app.session.sign(parts), *parts])

def send_frames(frames):
    done = threading.Event()
    app.iopub_thread.schedule(lambda: (output.send_multipart(frames), done.set()))
    done.wait(5)
"""
GARBLED = {
    "nests 200,000 lists": 'send(b"[" * 200000 + b"]" * 200000)',
    "sends an endless number": """send(b'{"name":"stdout","text":' + b"9" * 10000 + b"}")""",
    "sends what is not UTF-8": r'send(b"\xff\xfe{}")',
    "sends a list for an object": 'send(b"[1, 2]")',
    "leaves everything out": 'send(b"{}")',
    "sends a list as text": """send(b'{"name":"stdout","text":[1,{"a":2}]}')""",
    "sends an object as a name": """send(b'{"name":{"a":1},"text":"x"}')""",
    "sends a list as data": """send(b'{"data":[1],"metadata":{}}', "display_data")""",
    "sends NaN as a count": """send(b'{"data":{},"metadata":{},"execution_count":NaN}',
        "execute_result")""",
    "sends an error made of numbers": """send(b'{"ename":5,"evalue":null,"traceback":7}',
        "error")""",
    "sends a list as header": 'send(b"{}", header=b"[]")',
    "sends null as parent": 'send(b"{}", parent=b"null")',
    "updates a display that has no name": (
        """send(b'{"data":{},"metadata":{},"transient":{"display_id":{"a":1}}}', """
        '"update_display_data")'
    ),
    "signs wrongly": 'send_frames([b"<IDS|MSG>", b"bad", b"{}", b"{}", b"{}", b"{}"])',
    "leaves the frame out": 'send_frames([b"a"])',
}
HARMLESS = {
    "opens a channel to nowhere": 'send(b"{}", "comm_open")',
    "invents a kind of message": 'send(b"{}", "nonsense")',
    "says that it is idle too early": """send(b'{"execution_state":"idle"}', "status")""",
    "prints half a character": r'print("\ud800")',
    "sends JSON that is none": """send(b'{"data":{"application/json":NaN},"metadata":{}}',
        "display_data")""",
    "prints a message over the limit": f'print("x" * {2 * LIMITS.message})',
    "prints more than is kept": f'print("x" * {LIMITS.output // 2}, flush=True)\n' * 3,
    "raises with a text without end": 'raise Exception("x" * 10**5)',
    "raises with a name without end": 'raise type("E" * 10**5, (Exception,), {})("x")',
    "raises what can't be shown": (
        "class Shy(Exception):\n    def __str__(self): raise ValueError\nraise Shy()"
    ),
    "moves the cursor back": 'print("a" * 10**5 + "\\b" * 10**5)',
}


@pytest.fixture
def forger(kernel: Kernel) -> Kernel:
    assert kernel.run(FORGE).status == "ok"
    return kernel


@pytest.fixture(scope="module")
def lasting(warm: Warm) -> Iterator[Kernel]:
    with warm.start() as kernel:
        assert kernel.run(FORGE).status == "ok"
        yield kernel


@pytest.mark.parametrize("name", GARBLED)
def test_a_kernel_is_given_up_that(forger: Kernel, name: str) -> None:
    ran = forger.run(GARBLED[name])

    assert (ran.status, ran.alive) == ("died", False)
    assert ran.error is not None
    assert ran.error[0] == "Garbled"


@pytest.mark.parametrize("name", HARMLESS)
def test_a_kernel_is_kept_that(lasting: Kernel, name: str) -> None:
    ran = lasting.run(HARMLESS[name])

    assert ran.alive
    assert len(json.dumps(ran.outputs, allow_nan=False).encode()) < 2 * LIMITS.output
    assert lasting.run("print('still here')").outputs[-1]["text"] == "still here\n"


def test_progress_bars_are_kept_as_a_terminal_shows_them(lasting: Kernel) -> None:
    ran = lasting.run(r'print("10%\r50%\r100%"); print("windows\r\nlines")')

    assert ran.outputs[0]["text"] == "100%\nwindows\nlines\n"


def test_pictures_and_widgets_come_back_as_jupyter_sends_them(lasting: Kernel) -> None:
    ran = lasting.run("display({'image/png': 'aGk=', 'application/json': {'a': [1]}}, raw=True)")

    assert ran.outputs[0]["data"] == {"image/png": "aGk=", "application/json": {"a": [1]}}
