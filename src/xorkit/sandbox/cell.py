"""One cell by nbclient, its messages counted and its outputs made harmless.

Whatever arrives from a learner's kernel may be forged: any type, any size, any nesting.
"""

from __future__ import annotations

import asyncio
import json
import queue
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode
from traitlets import Type

from xorkit.guest.limits import SandboxError

BACKLOG_SECONDS = 5  # for output that is still under way when a cell has ended
AGAIN_SECONDS = 0.2  # until the first question is asked again: the subscription may come late
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
JSON_TYPE = re.compile(r"application/(.*\+)?json", re.ASCII)
VALUE = "value"  # the name under which Jupyter answers what is asked after a cell
LONGEST_ERROR_NAME = 200  # characters of an exception's name
LONGEST_ERROR_TEXT = 20_000  # characters of an exception's text, and of its traceback


class CountingChannel(AsyncZMQSocketChannel):
    """Counts the bytes that come in, and says when they are too many."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.size = 0  # of the last message, in bytes
        self.allow(0)

    def allow(self, budget: int) -> None:
        """From now on `budget` bytes may come in before `spent` is set."""
        self._budget = budget
        self.spent = asyncio.Event()

    async def get_msg(  # type: ignore[override]
        self, timeout: float | None = None
    ) -> dict[str, Any]:
        await asyncio.sleep(0)  # a flood would starve everything else on this loop
        return await super().get_msg(timeout)

    async def _recv(self, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        assert self.socket is not None  # noqa: S101 - an open channel has one
        frames = await self.socket.recv_multipart(**kwargs)
        self.size = sum(map(len, frames))
        self._budget -= self.size
        if self._budget < 0:
            self.spent.set()
        return self.session.deserialize(self.session.feed_identities(frames)[1])


class Client(AsyncKernelClient):
    """jupyter_client's client, the channels that a kernel can fill counted."""

    iopub_channel_class = Type(CountingChannel)  # type: ignore[assignment]
    shell_channel_class = Type(CountingChannel)  # type: ignore[assignment]
    then: str | None = None  # an expression to evaluate after a cell that ran to its end

    def execute(self, code: str, **options: Any) -> str:  # type: ignore[override]
        asked = {} if self.then is None else {VALUE: self.then}
        return str(super().execute(code, user_expressions=asked, **options))

    async def ready(self, seconds: float) -> None:
        """Wait until the kernel answers and its outputs arrive. Raises SandboxError."""
        try:
            async with asyncio.timeout(seconds):
                while not await self._answers():
                    pass
        except TimeoutError:
            raise SandboxError(f"a kernel gave no answer for {seconds:.0f} s") from None

    async def _answers(self) -> bool:
        question = self.kernel_info()
        try:
            while True:
                message = await self.get_iopub_msg(timeout=AGAIN_SECONDS)
                idle = message["content"].get("execution_state") == "idle"
                if idle and message["parent_header"].get("msg_id") == question:
                    await self.get_shell_msg(timeout=AGAIN_SECONDS)
                    return True
        except queue.Empty:
            return False

    async def listen_anew(self) -> None:
        """ZeroMQ gives a connection up when a message is over the limit. Raises SandboxError."""
        self.iopub_channel.close()
        self._iopub_channel = None  # the next use opens another
        await self.ready(BACKLOG_SECONDS)

    async def flooded(self, budget: int) -> None:
        """Wait until the kernel has sent `budget` bytes more."""
        channels = (self.iopub_channel, self.shell_channel)
        for channel in channels:
            channel.allow(budget)
        waiting = [asyncio.ensure_future(channel.spent.wait()) for channel in channels]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()


class CellClient(NotebookClient):
    """nbclient for one cell, keeping at most `limit` bytes of output and the kernel's reply."""

    def __init__(self, *args: Any, limit: int, **kwargs: Any) -> None:
        super().__init__(
            *args,
            allow_errors=True,
            store_widget_state=False,
            iopub_timeout=BACKLOG_SECONDS,
            **kwargs,
        )
        self.on_cell_executed = self._keep_reply
        self.reply: dict[str, Any] = {}
        self._idle = asyncio.Event()  # set when all output has arrived
        self.cut = False  # was any of it left out?
        self._limit, self._kept = limit, 0

    def process_message(self, *args: Any) -> NotebookNode | None:
        try:
            return super().process_message(*args)
        except CellExecutionComplete:
            self._idle.set()
            raise

    @property
    def complete(self) -> bool:
        """Whether all output has arrived."""
        return self._idle.is_set()

    async def without_reply(self, seconds: float) -> None:
        """Wait until the kernel has said for so long that the cell is over."""
        await self._idle.wait()
        await asyncio.sleep(seconds)

    def handle_comm_msg(self, *_: Any) -> None:
        """Widgets have no page here: without this, nbclient looks up state that it never kept."""

    def _keep_reply(self, *, execute_reply: dict[str, Any], **_: object) -> None:
        self.reply = execute_reply["content"]

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        if self.clear_before_next_output:
            self._kept = 0
        assert self.kc is not None  # noqa: S101 - set before a cell runs
        self._kept += self.kc.iopub_channel.size
        if self._kept > self._limit:
            self.cut = True
            return None
        if self._continues_stream(outs, msg):
            outs[-1]["text"].append(msg["content"]["text"])
            return None
        out = super().output(outs, msg, display_id, cell_index)
        if out is not None and out["output_type"] == "stream":
            out["text"] = [out["text"]]  # a list while it grows: joining each time is quadratic
        return out

    def _continues_stream(self, outs: list[NotebookNode], msg: dict[str, Any]) -> bool:
        if self.clear_before_next_output or not outs or msg["msg_type"] != "stream":
            return False
        last = outs[-1]
        return bool(last["output_type"] == "stream" and last["name"] == msg["content"]["name"])

    def clear_output(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        super().clear_output(outs, msg, cell_index)
        if not outs:
            self._kept = 0


def clean(outputs: Iterable[Any], limit: int, *, cut: bool) -> list[dict[str, Any]]:
    """`outputs` as plain nbformat dictionaries of at most `limit` bytes of JSON in all.

    With a last line that says so where something was left out, here or (`cut`) before.
    """
    kept: list[dict[str, Any]] = []
    for output in outputs:
        text = json.dumps(_neat(output), ensure_ascii=False).encode("utf-8", "replace")
        limit -= len(text)
        if limit < 0:
            cut = True
            break
        # JSON knows no NaN, though Python writes it.
        kept.append(json.loads(text, parse_constant=lambda _: None))
    if cut:
        note = "\n[the rest of this cell's output was too long and is left out]\n"
        kept.append({"output_type": "stream", "name": "stderr", "text": note})
    return kept


def _neat(output: Any) -> dict[str, Any]:
    match kind := output["output_type"]:
        case "stream":
            name = "stderr" if output["name"] == "stderr" else "stdout"
            return {"output_type": kind, "name": name, "text": _settled(_text(output["text"]))}
        case "error":
            name, text = exception(output)
            trace = _text(output["traceback"], "\n")[-LONGEST_ERROR_TEXT:].split("\n")
            return {"output_type": kind, "ename": name, "evalue": text, "traceback": trace}
    metadata = output["metadata"] if isinstance(output["metadata"], dict) else {}
    neat = {"output_type": kind, "data": _bundle(output["data"]), "metadata": metadata}
    if kind == "execute_result":
        count = output["execution_count"]
        neat["execution_count"] = count if isinstance(count, int) else None
    return neat


def _bundle(data: Any) -> dict[str, Any]:
    """A MIME bundle: text, except where the type is JSON."""
    return {
        str(kind): value if JSON_TYPE.fullmatch(str(kind)) else _text(value)
        for kind, value in data.items()
    }


def value(reply: Any) -> dict[str, Any]:
    """The MIME bundle of the expression that was asked for after a cell; empty without one."""
    for key in ("user_expressions", VALUE, "data"):
        reply = reply.get(key) if isinstance(reply, dict) else None
    return reply if isinstance(reply, dict) else {}


def exception(content: Any) -> tuple[str, str]:
    """The name and the text of the exception in an error output or a reply."""
    name, text = str(content["ename"]), str(content["evalue"])
    return name[:LONGEST_ERROR_NAME], text[:LONGEST_ERROR_TEXT]


def plain(traceback: Any) -> str:
    """A traceback's last LONGEST_TEXT characters, without colours."""
    return ANSI.sub("", _text(traceback, "\n")[-LONGEST_ERROR_TEXT:])


def _text(value: Any, between: str = "") -> str:
    """nbformat's "multiline string": a string or a list of them."""
    return between.join(map(str, value)) if isinstance(value, list) else str(value)


def _settled(text: str) -> str:
    """What a terminal shows of progress bars: of a line, what follows the last carriage return.

    In linear time, which nbclient's own regular expressions are not.
    """
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join(lines)


def too_big(name: str, text: str) -> bool:
    """Is this exception an allocation that failed? PyTorch raises RuntimeError for those."""
    if name in ("MemoryError", "_ArrayMemoryError"):
        return True
    complaints = ("can't allocate memory", "not enough memory", "bad_alloc")
    return name == "RuntimeError" and any(complaint in text for complaint in complaints)


GARBLED = "Garbled"  # the name of the error where what a kernel sent could not be read

CellStatus = Literal["ok", "error", "timeout", "died", "memory", "output"]


@dataclass(frozen=True)
class CellResult:
    """What one cell did. `outputs` are nbformat's, streams joined, cut to `Limits.output`.

    `seconds` are the clock's; in `waited` of these it waited for a core that others used. `value`
    is the MIME bundle of the expression that was asked for after the cell, empty where there was
    none, or no value of it.
    """

    status: CellStatus
    outputs: list[dict[str, object]]
    error: tuple[str, str] | None  # the exception's name and text
    traceback: str  # plain text, ANSI colours removed
    seconds: float
    alive: bool  # false: the kernel is gone, the next cell needs a new one
    value: dict[str, Any]
    waited: float = 0.0


@dataclass(frozen=True)
class Ending:
    """How a cell ended, or why its kernel had to: the exception's name and text, or our own."""

    status: CellStatus
    name: str = ""
    message: str = ""
