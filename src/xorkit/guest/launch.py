"""The fork server's process, as the grader starts it.

Nothing slow is imported here: a command that is going to run a notebook starts the server first,
and the server gets ready while the command is still importing.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

# Written out: a grader's own environment may hold tokens, and every child inherits this one.
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "CUDA_VISIBLE_DEVICES": "",  # a forked process can't use a GPU that its parent has opened
    "OMP_NUM_THREADS": "1",  # a second OpenMP thread before the fork would hang every child
    "OPENBLAS_NUM_THREADS": "1",  # starts its threads when NumPy is imported
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "4",  # each arena takes 64 MiB of the address space that is limited
}
PRELOAD = ("xorkit.probe:attend",)
LONGEST_FOLDER = 60  # bytes; a unix socket's whole path may have 107

_ahead: list[ServerProcess] = []


class ServerProcess:
    """A fork server that is getting ready: over `socket` it says when it has imported `preload`."""

    def __init__(self, folder: Path, preload: Sequence[str] = PRELOAD) -> None:
        self.folder, self.log, self.preload = folder, folder / "server.log", tuple(preload)
        self.socket, theirs = socket.socketpair()
        with theirs, self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-P", "-m", "xorkit.guest.server", str(theirs.fileno())],
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                cwd="/",
                start_new_session=True,  # Ctrl-C at a terminal is the grader's to handle
            )
        self.socket.sendall(json.dumps({"preload": self.preload}).encode() + b"\n")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Its children follow: they asked to be killed with it."""
        self._process.kill()
        self._process.wait()

    def end_unused(self) -> None:
        """Where nobody has listened to it."""
        self.end()
        self.socket.close()


def start_ahead() -> None:
    """Starts the server that the first `take` in this process gets, or that ends with it."""
    _ahead.append(ServerProcess(short_folder()))
    atexit.register(_end_unused)


def take(preload: Sequence[str]) -> ServerProcess | None:
    """The one that was started ahead, if it is still to be had."""
    process = next((each for each in _ahead if each.preload == tuple(preload)), None)
    if process is not None:
        _ahead.remove(process)
    return process


def _end_unused() -> None:
    while _ahead:
        process = _ahead.pop()
        process.end_unused()
        shutil.rmtree(process.folder, ignore_errors=True)


def short_folder() -> Path:
    """A new folder in which the names of sockets find room."""
    usual = tempfile.gettempdir()
    place = usual if len(usual.encode()) <= LONGEST_FOLDER else "/tmp"  # noqa: S108 - mkdtemp
    return Path(tempfile.mkdtemp(prefix="xk-", dir=place)).resolve()


def import_path() -> dict[str, str]:
    """The environment in which another interpreter finds what this one can import."""
    return {"PYTHONPATH": os.pathsep.join(filter(os.path.isdir, sys.path))}


def _environment(folder: Path) -> dict[str, str]:
    # Matplotlib keeps its list of fonts, which takes seconds to make, below HOME.
    home = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
    places = {"TMPDIR": str(folder), "IPYTHONDIR": str(folder / "ipython")}
    return {**ENVIRONMENT, **import_path(), **home, **places}
