"""The grader's end of the fork server, and Jupyter's provisioner that starts kernels by it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from xorkit.guest.launch import ServerProcess
from xorkit.guest.limits import ConfinementError, Limits, SandboxError

ANSWER_SECONDS = 120.0  # importing torch takes 2, from a cold network disk a minute
LONGEST_LAST_WORDS = 2_000  # characters of the server's last words that an error repeats


class ForkServer:
    """A warm process that forks kernels; ended by `close`, or by the end of this process."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process
        self._turn = asyncio.Lock()  # one request at a time: answers carry no address

    async def warm_up(self) -> None:
        """Waits until it is ready. Raises SandboxError if a module can't be imported."""
        self._lines, self._writer = await asyncio.open_connection(sock=self._process.socket)
        await self._answer()

    @property
    def alive(self) -> bool:
        return self._process.alive

    async def fork(self, scratch: Path, sockets: Path, limits: Limits, confined: bool) -> int:
        """The pid of a kernel that listens. Raises ConfinementError, SandboxError."""
        orders = {
            "scratch": str(scratch),
            "sockets": str(sockets),
            "limits": asdict(limits),
            "confined": confined,
        }
        return int((await self._ask(start=orders))["pid"])

    async def reap(self, pid: int) -> dict[str, Any]:
        """How a kernel has ended, and what it used; until then its pid is its own."""
        return await self._ask(reap=pid)

    async def _ask(self, **request: object) -> dict[str, Any]:
        async with self._turn:
            self._writer.write(json.dumps(request).encode() + b"\n")
            return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._writer.drain()
                line = await self._lines.readline()
        except (ConnectionError, TimeoutError):
            line = b""
        if not line:
            self._process.end()
            raise SandboxError(f"the fork server gives no answer: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise (ConfinementError if answer["confinement"] else SandboxError)(answer["error"])
        return answer

    def _last_words(self) -> str:
        said = self._process.log.read_text(errors="replace")
        return said[-LONGEST_LAST_WORDS:] or "it left no message"

    async def close(self) -> None:
        self._process.end()
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


class ForkProvisioner(KernelProvisionerBase):
    """One forked kernel as jupyter_client sees it."""

    def __init__(
        self,
        server: ForkServer,
        scratch: Path,
        sockets: Path,
        limits: Limits,
        *,
        confined: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._server, self._orders = server, (scratch, sockets, limits, confined)
        self._ended, self._reaping = asyncio.Event(), asyncio.Lock()
        self._handle: int | None = None  # a pidfd
        self.pid: int | None = None
        self.code: int | None = None
        self.peak = 0  # bytes of memory that it had at most, once it has ended
        self.processor = 0.0  # seconds that it used, once it has ended

    @property
    def has_process(self) -> bool:
        return self.pid is not None and self.code is None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        manager: Any = self.parent
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        return {"cmd": [], **kwargs}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        self.pid = await self._server.fork(*self._orders)
        self._handle = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._handle, self._ended.set)
        return self.connection_info

    async def poll(self) -> int | None:
        return await self.wait() if self._ended.is_set() else None

    async def wait(self) -> int | None:
        """Its exit code: negative where a signal ended it."""
        await self._ended.wait()
        async with self._reaping:
            if self._handle is not None and self.pid is not None:
                await self.kill()  # it may have ended by itself, and left others behind
                asyncio.get_running_loop().remove_reader(self._handle)
                os.close(self._handle)
                self._handle = None
                try:
                    found = await self._server.reap(self.pid)
                    self.code = os.waitstatus_to_exitcode(found["status"])
                    self.peak, self.processor = found["peak"], found["processor"]
                except SandboxError:  # the server went first and took the kernel with it
                    self.code = -signal.SIGKILL
        return self.code

    async def send_signal(self, signum: int) -> None:
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signum)

    async def kill(self, restart: bool = False) -> None:
        """Ends the kernel and, where nothing confines it, the processes that it has started.

        As long as it isn't reaped, alive or dead, nobody else can have its number.
        """
        if self._handle is not None and self.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        await self.kill(restart)
        await self.wait()
