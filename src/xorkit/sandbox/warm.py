"""A warm fork server and the kernels that it starts."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import cast

import zmq
import zmq.asyncio
from jupyter_client.manager import AsyncKernelManager

from xorkit.guest import launch
from xorkit.guest.limits import ConfinementError, Limits, MiB, SandboxError
from xorkit.sandbox.cell import Client
from xorkit.sandbox.fork import ForkProvisioner, ForkServer
from xorkit.sandbox.kernel import JUPYTER_LOG, Kernel
from xorkit.sandbox.loop import Loop
from xorkit.sandbox.watchdog import Meter, remove

LINUX = sys.platform.startswith("linux")
COURTESIES = """
import pkgutil
for found in map(pkgutil.resolve_name, {preload!r}):
    if callable(found):
        found()
import os
from xorkit.guest.courtesies import settle, tame
tame(get_ipython())
settle(os.getcwd())
"""
READY_SECONDS = 30.0  # a kernel needs 0.1; a machine that swaps may need long
ROOM_TO_START = 4  # times what a notebook may write: others start, too, and nothing may fill
WAITING_MESSAGES = 16  # that ZeroMQ holds for us at most; times `Limits.message`, our memory


class Warm:
    """One fork server with torch, IPython, ipykernel, matplotlib and `preload` imported.

    A function in `preload`, "module:function", is called as well, before the first cell runs. A
    context manager, for one process: each worker has its own. `confined=False` runs learners' code
    as you, with all that you may do.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        confined: bool = True,
        preload: Sequence[str] = launch.PRELOAD,
    ) -> None:
        self.limits, self._confined, self._preload = limits, confined, tuple(preload)
        self._server: ForkServer | None = None
        self._serial = 0

    def __enter__(self) -> Warm:
        if self._confined and not LINUX:
            raise ConfinementError(
                f"notebooks can't be confined on {sys.platform}: use Linux (a virtual machine, "
                "WSL2 or a container), or --unconfined to run them as yourself"
            )
        self._process = launch.take(self._preload)
        self._folder = self._process.folder if self._process else launch.short_folder()
        self._loop = Loop()
        self._loop.run(self._open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.run(self._close())
        self._loop.close()
        with suppress(OSError):  # as in `Kernel.end`
            remove(self._folder)

    def start(self, processor_seconds: float = math.inf) -> Kernel:
        """A fresh fork that is ready for cells. Raises ConfinementError, SandboxError.

        It gets at most `processor_seconds`, where they are fewer than the limits' own.
        """
        least = min(self.limits.processor_seconds, processor_seconds)
        return self._loop.run(self._start(replace(self.limits, processor_seconds=least)))

    async def _open(self) -> None:
        self._context = zmq.asyncio.Context()
        self._context.setsockopt(zmq.MAXMSGSIZE, self.limits.message)
        self._context.setsockopt(zmq.RCVHWM, WAITING_MESSAGES)

    async def _close(self) -> None:
        if self._process is not None:
            self._process.end_unused()
        await self._close_server()
        self._context.destroy(linger=0)

    async def _close_server(self) -> None:
        if self._server is not None:
            await self._server.close()
            self._server = None

    async def _warm_server(self) -> ForkServer:
        """The server, started where there is none or where it has died."""
        if self._server is None or not self._server.alive:
            await self._close_server()
            process, self._process = self._process, None
            server = ForkServer(process or launch.ServerProcess(self._folder, self._preload))
            try:
                await server.warm_up()
            except SandboxError:
                await server.close()
                raise
            self._server = server
        return self._server

    async def _start(self, limits: Limits) -> Kernel:
        self._serial += 1
        scratch = self._folder / str(self._serial)
        scratch.mkdir(mode=0o700)
        free = shutil.disk_usage(scratch).free
        if free < ROOM_TO_START * limits.scratch:
            raise SandboxError(
                f"{free // MiB} MiB are free where {self._folder.parent} lies, and a notebook may "
                f"write {limits.scratch // MiB}: make room there, or set TMPDIR to a larger disk"
            )
        return await (self._forked(scratch, limits) if LINUX else self._stock(scratch, limits))

    async def _forked(self, scratch: Path, limits: Limits) -> Kernel:
        server = await self._warm_server()
        sockets = scratch.with_suffix(".s")  # the grader must see them, the scratch it need not
        sockets.mkdir(mode=0o700)
        manager = self._manager(
            transport="ipc", ip=f"{sockets}/k", connection_file=f"{sockets}/kernel.json"
        )
        process = ForkProvisioner(
            server, scratch, sockets, limits, confined=self._confined, parent=manager
        )
        manager.provisioner = process
        await manager.start_kernel()
        assert process.pid is not None  # noqa: S101 - it has just been started
        return await self._kernel(
            manager, scratch, limits, Meter(process.pid, scratch, sockets, limits)
        )

    async def _stock(self, scratch: Path, limits: Limits) -> Kernel:
        """Jupyter's own way, for systems where a process with torch in it can't be forked."""
        manager = self._manager()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        await manager.start_kernel(
            cwd=str(scratch), env={**os.environ, **launch.import_path()}, **quiet
        )
        kernel = await self._kernel(manager, scratch, limits, None)
        ran = await kernel.execute(COURTESIES.format(preload=self._preload), READY_SECONDS)
        if ran.status != "ok":
            await kernel.end()
            raise SandboxError(f"a fresh kernel isn't usable: {ran.traceback}")
        return kernel

    def _manager(self, **options: str) -> AsyncKernelManager:
        return AsyncKernelManager(
            context=self._context, client_factory=Client, log=JUPYTER_LOG, **options
        )

    async def _kernel(
        self, manager: AsyncKernelManager, scratch: Path, limits: Limits, meter: Meter | None
    ) -> Kernel:
        client = cast(Client, manager.client(context=self._context))
        client.start_channels(stdin=False, hb=False, control=False)
        kernel = Kernel(self._loop, manager, client, scratch, limits, meter)
        try:
            await client.ready(READY_SECONDS)
        except SandboxError:
            await kernel.end()
            raise
        return kernel
