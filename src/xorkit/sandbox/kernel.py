"""One learner's kernel: runs cells by nbclient, within limits, and survives whatever they do."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import time
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from types import TracebackType
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from nbformat import NotebookNode, v4

from xorkit.guest.limits import Limits, MiB
from xorkit.sandbox.cell import (
    GARBLED,
    CellClient,
    CellResult,
    Client,
    Ending,
    clean,
    exception,
    plain,
    too_big,
    value,
)
from xorkit.sandbox.fork import ForkProvisioner
from xorkit.sandbox.loop import Loop
from xorkit.sandbox.watchdog import Meter, remove

METER_SECONDS = 0.1  # a process can take some hundred MiB between two looks; rlimits hold beyond
DRAIN_SECONDS = 0.1  # for what a dying kernel had already sent
REPLY_SECONDS = 2.0  # from the news that a cell has ended, which comes last, to its lost reply
MOST_WAITED = 4  # times a cell's own seconds: on a machine with five times the work it can do
FULL_MEMORY = 0.5  # share of the memory limit; a kernel that holds more after an error can't go on
# An assertion in C, a null pointer, and the system's own killer when all memory is gone.
DEATHS_BY_WANT = (-signal.SIGABRT, -signal.SIGSEGV, -9)
LONGEST_COMPLAINT = 200  # characters of an exception that reading a forged message raised
# Copied for each cell: nbformat validates what it makes, for as long as a trivial cell runs.
EMPTY_NOTEBOOK: NotebookNode = v4.new_notebook(cells=[v4.new_code_cell()])
JUPYTER_LOG = logging.getLogger("xorkit.sandbox.jupyter")  # what matters is in CellResult
JUPYTER_LOG.addHandler(logging.NullHandler())
JUPYTER_LOG.propagate = False


class Kernel:
    """A kernel that is ready for cells. `close` ends it and deletes its files.

    Made by `Warm.start`, on the loop that it then lives on.
    """

    def __init__(
        self,
        loop: Loop,
        manager: AsyncKernelManager,
        client: Client,
        scratch: Path,
        limits: Limits,
        meter: Meter | None,
    ) -> None:
        assert manager.provisioner is not None  # noqa: S101 - it has been started
        self._loop, self._manager, self._client = loop, manager, client
        self._process: KernelProvisionerBase = manager.provisioner
        self._scratch, self._limits, self._meter = scratch, limits, meter
        self._violation: Ending | None = None
        self._waited = 0.0  # seconds of the last cell in which others had the core
        self._ended = asyncio.create_task(self._process.wait())  # gives the exit code
        self._watch = asyncio.create_task(self._watching())

    def __enter__(self) -> Kernel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(
        self, source: str, *, seconds: float | None = None, then: str | None = None
    ) -> CellResult:
        """Run one cell for at most `seconds`. Raises nothing that the learner's code causes.

        `then` is an expression, evaluated in the same time where the cell raised nothing.
        """
        limit = self._limits.cell_seconds if seconds is None else seconds
        return self._loop.run(self.execute(source, limit, then))

    def close(self) -> None:
        self._loop.run(self.end())

    async def end(self) -> None:
        """`close`, for those who are on the kernel's own loop."""
        self._watch.cancel()
        self._client.stop_channels()
        await self._kill()
        await self._manager.cleanup_resources()
        # An unconfined cell may have left something that goes on writing; Warm removes the rest.
        for folder in (self._scratch, self._scratch.with_suffix(".s")):
            with suppress(OSError):
                remove(folder)

    async def _kill(self) -> None:
        if not self._ended.done():
            await self._process.kill()
            await asyncio.wait({self._ended})

    async def _watching(self) -> None:
        """Kill the kernel when it passes a limit, also between cells."""
        while self._meter is not None and not self._ended.done():
            await asyncio.sleep(METER_SECONDS)
            await self._look()

    async def _look(self) -> None:
        """Kill the kernel if it has passed a limit."""
        found = self._meter.violation() if self._meter is not None else None
        if found is not None and not self._ended.done():
            self._violation = found
            await self._kill()

    async def execute(self, source: str, seconds: float, then: str | None = None) -> CellResult:
        """`run`, for those who are on the kernel's own loop."""
        started = time.monotonic()
        notebook = deepcopy(EMPTY_NOTEBOOK)
        cell = notebook.cells[0]
        cell.source = source if source.strip() else "pass"  # nbclient sends no blank cell
        client = CellClient(notebook, km=self._manager, limit=self._limits.output, log=JUPYTER_LOG)
        client.kc = self._client
        self._client.then = then
        self._waited = 0.0
        stopped, failure = await self._supervised(client, cell, seconds)
        outputs: list[dict[str, object]] = []
        trace = ""
        try:
            if failure is not None:
                raise failure
            outputs = clean(cell.outputs, self._limits.output, cut=client.cut)
            trace = plain(client.reply.get("traceback", ""))
            ending = stopped or await self._replied(client.reply)
        except Exception as error:  # a forged message can raise anything, RecursionError too
            await self._kill()
            ending = _garbled(f"{type(error).__name__}: {error}"[:LONGEST_COMPLAINT])
        return CellResult(
            status=ending.status,
            outputs=outputs,
            error=(ending.name, ending.message) if ending.name else None,
            traceback=trace,
            seconds=time.monotonic() - started,
            alive=not self._ended.done(),
            value=value(client.reply),
            waited=self._waited,
        )

    async def _supervised(
        self, client: CellClient, cell: NotebookNode, seconds: float
    ) -> tuple[Ending | None, BaseException | None]:
        """Await the end of a cell, or bring it about.

        Says why it didn't end by itself, if it didn't, and what reading its messages raised.
        """
        if self._ended.done():
            return self._death(), None
        work = asyncio.create_task(client.async_execute_cell(cell, 0))
        flood = asyncio.create_task(self._client.flooded(self._limits.flood))
        mute = asyncio.create_task(client.without_reply(REPLY_SECONDS))
        events: set[asyncio.Task[Any]] = {work, flood, mute, self._ended}
        await self._wait(events, seconds)
        if client.complete and not flood.done():
            await asyncio.wait({work}, timeout=self._limits.grace_seconds)
        stopped = None
        if not work.done() and not self._ended.done():
            stopped = await self._stop(client, work, _late(seconds), flooded=flood.done())
        flood.cancel()
        mute.cancel()
        if not work.done():
            await asyncio.wait({work}, timeout=DRAIN_SECONDS)
            work.cancel()
            await asyncio.wait({work})
        failure = None if work.cancelled() else work.exception()
        if self._ended.done():
            return stopped or self._death(), None
        if failure is None and not client.complete:
            client.cut = True
            failure = await self._listen_anew()
        return stopped, failure

    async def _stop(
        self, client: CellClient, work: asyncio.Task[Any], late: Ending, *, flooded: bool
    ) -> Ending:
        """End a cell that doesn't end by itself; says why."""
        if client.complete and not flooded:
            full = Ending("memory", "MemoryError", "the kernel had no memory left for its reply")
            ending = full if self._is_full() else _garbled("that a cell is over, and no reply")
            await self._kill()
            return ending
        # A flooded kernel drops messages, the one that says "idle" too: don't wait for that.
        client.iopub_timeout = math.ceil(self._limits.grace_seconds / 4)
        await self._interrupt(work)
        return self._flooded() if flooded else late

    async def _wait(self, events: set[asyncio.Task[Any]], seconds: float) -> None:
        """Until one of the events, or until the cell has had its time.

        Time in which it waited for a free core doesn't count, within bounds: a busy machine costs
        nobody points, and a cell that keeps its own machine busy gains no time without end.
        """
        begun, queued, before = time.monotonic(), self._queued(), self._waited
        left = seconds
        while left > 0:
            done, _ = await asyncio.wait(events, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            waited = max(0.0, min(self._queued() - queued, MOST_WAITED * seconds))
            self._waited = before + waited
            if done:
                return
            left = seconds - (time.monotonic() - begun) + waited

    def _queued(self) -> float:
        return 0.0 if self._meter is None else self._meter.queued()

    @property
    def processor(self) -> float:
        """Seconds of the processor that the kernel used, once it has ended."""
        return self._process.processor if isinstance(self._process, ForkProvisioner) else 0.0

    async def _listen_anew(self) -> BaseException | None:
        try:
            await self._client.listen_anew()
        except Exception as error:  # what the kernel sends may be forged here, too
            return error
        return None

    async def _interrupt(self, work: asyncio.Task[Any]) -> None:
        """As a person would: the interrupt button first."""
        await self._process.send_signal(signal.SIGINT)
        await self._wait({work, self._ended}, self._limits.grace_seconds)
        if not work.done():
            await self._kill()

    async def _replied(self, reply: dict[str, Any]) -> Ending:
        """The ending of a cell that ran to its end."""
        if reply["status"] == "ok":
            return Ending("ok")
        name, text = exception(reply)
        if not too_big(name, text):
            await self._look()  # what raised may have been the limit
            return self._violation or Ending("error", name, text)
        if self._is_full():
            await self._kill()  # what comes next would fail for want of memory, not by itself
        return Ending("memory", name, text)

    def _is_full(self) -> bool:
        try:
            held = 0 if self._meter is None else self._meter.held()
        except (OSError, KeyError):  # it has just ended
            return False
        return held > FULL_MEMORY * self._limits.memory

    def _flooded(self) -> Ending:
        size = self._limits.flood / MiB
        return Ending("output", "EndlessOutput", f"the cell sent more than {size:.0f} MiB")

    def _death(self) -> Ending:
        """Why the kernel is gone."""
        if self._violation is not None:
            return self._violation
        code = self._ended.result() or 0
        if self._meter is not None and code == -signal.SIGXCPU:
            seconds = self._limits.processor_seconds
            return Ending("timeout", "TimeoutError", f"{seconds:.0f} s of processor time were used")
        if self._starved():
            return Ending("memory", "MemoryError", "the kernel ended when its memory was used up")
        if code < 0:
            name = signal.strsignal(-code) or f"signal {-code}"
            return Ending("died", "Killed", f"the kernel's process was ended by: {name}")
        return Ending("died", "Exited", f"the kernel's process ended itself with exit code {code}")

    def _starved(self) -> bool:
        """Did C code, which gives up where Python raises MemoryError, end a full kernel?"""
        if self._meter is None or not isinstance(self._process, ForkProvisioner):
            return False
        held = self._process.peak - self._meter.inherited
        return self._process.code in DEATHS_BY_WANT and held > FULL_MEMORY * self._limits.memory


def _garbled(what: str) -> Ending:
    return Ending("died", GARBLED, f"the kernel sent what no kernel sends ({what})")


def _late(seconds: float) -> Ending:
    return Ending("timeout", "TimeoutError", f"the cell was still running after {seconds:g} s")
