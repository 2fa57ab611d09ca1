"""Shut this process in for good: no privilege, no file but its own, no process, no network."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import socket
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from xorkit.guest import landlock
from xorkit.guest.limits import ConfinementError

PR_SET_PDEATHSIG, PR_CAPBSET_READ, PR_CAPBSET_DROP = 1, 23, 24
PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS = 28, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
CAPABILITY_VERSION_3 = 0x20080522
NO_ROOT_LOCKED = 0b1111_1111 & ~0b0011_0000  # uid 0 regains nothing; all bits locked but keep-caps

# Beside Python's installation and its libraries: locales, time zones, fonts, and what Python and
# OpenMP ask about the processor and the memory.
SYSTEM = (
    "/usr/lib/locale", "/usr/share/fonts", "/usr/share/zoneinfo",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types",
    "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu",
)  # fmt: skip
# Of the process itself. Not `environ` and `mountinfo`, which tell of the machine's folders, nor
# `net`, its connections; `task` has all of them once more for each thread.
OWN_PROC = (
    "cmdline", "fd", "limits", "maps", "smaps", "smaps_rollup", "stat", "statm", "status",
)  # fmt: skip
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@functools.cache
def installation() -> tuple[str, ...]:
    """The folders of this Python: standard library and installed packages, not whole prefixes.

    A prefix may hold a course: /usr (/usr/src/app in containers) or the folder of a project.
    """
    paths = sysconfig.get_paths()
    found = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")}
    return tuple(sorted(found))


@functools.cache
def libraries() -> tuple[str, ...]:
    """The folders of the shared libraries that this process has loaded."""
    with open("/proc/self/maps") as maps:
        paths = {line.split(maxsplit=5)[-1].strip() for line in maps}
    return tuple(sorted({os.path.dirname(path) for path in paths if ".so" in path}))


def confine(scratch: str, sockets: str | None = None, *, newest_abi: int = sys.maxsize) -> None:
    """Leave this process only `scratch`, and the Python installation to read. Irrevocable.

    In `sockets`, if there is such a folder, it may bind sockets and read what lies there.
    `newest_abi` plays an older kernel. Raises ConfinementError, after which the caller must not run
    anything.
    """
    if not sys.platform.startswith("linux"):
        raise ConfinementError("only Linux can confine a notebook")
    if len(os.listdir("/proc/self/task")) != 1:
        raise ConfinementError("a second thread was already running and would stay free")
    abi = min(landlock.version(), newest_abi)
    try:
        from xorkit.guest import syscalls
    except (ImportError, RuntimeError) as error:  # RuntimeError: pyseccomp without libseccomp
        raise ConfinementError(
            f"seccomp can't be used ({error}): pip install pyseccomp, apt install libseccomp2"
        ) from error
    parent = os.getppid()
    try:
        _drop_capabilities()
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        own = (f"/proc/{os.getpid()}/{name}" for name in OWN_PROC)
        readable = (*installation(), *libraries(), *SYSTEM, *own)
        landlock.restrict_files(scratch, sockets, readable, DEVICES, abi=abi)
        syscalls.filter_syscalls()
    except OSError as error:
        raise ConfinementError(
            f"this machine refused a step of the confinement: {error}"
        ) from error
    holes = list(_holes(scratch, parent))
    if holes:
        raise ConfinementError("the confinement has holes: " + "; ".join(holes))


def die_with(parent: int) -> None:
    """Be killed when the process `parent` ends. Raises SystemExit where it has already ended."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the parent process is gone")


def _prctl(option: int, *args: int) -> int:
    padded = [ctypes.c_ulong(arg) for arg in (*args, 0, 0, 0, 0)[:4]]
    result = int(landlock.libc().prctl(ctypes.c_int(option), *padded))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), f"prctl {option}")
    return result


def _drop_capabilities() -> None:
    """Give up every capability, and the ways to get one back. Without any, nothing is to do."""
    if os.geteuid() == 0:
        for capability in _known_capabilities():
            _prctl(PR_CAPBSET_DROP, capability)
        _prctl(PR_SET_SECUREBITS, NO_ROOT_LOCKED)
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if landlock.libc().capset(ctypes.byref(header), ctypes.byref(nothing)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), "capset")


def _known_capabilities() -> Iterator[int]:
    for capability in range(64):
        try:
            _prctl(PR_CAPBSET_READ, capability)
        except OSError:
            return
        yield capability


def _holes(scratch: str, parent: int) -> Iterator[str]:
    """Try what must fail now, and what must still work."""
    forbidden: dict[str, Callable[[], object]] = {
        "it can list the root folder": lambda: os.listdir("/"),
        "it can write beside its folder": lambda: _write(f"{scratch}.probe"),
        "it can open a network socket": lambda: socket.socket(socket.AF_INET).close(),
        "it can connect to a local socket": lambda: _connect(scratch),
        "it can signal its parent": lambda: os.kill(parent, 0),
        "it can start processes": _fork,
    }
    for hole, attempt in forbidden.items():
        try:
            attempt()
        except OSError:
            continue
        yield hole
    try:
        _write(f"{scratch}/.probe")
    except OSError as error:
        yield f"its own folder is out of reach: {error}"


def _write(path: str) -> None:
    with open(path, "w"):
        os.unlink(path)


def _connect(scratch: str) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        try:
            end.connect(f"{scratch}/.nobody")
        except (FileNotFoundError, ConnectionRefusedError):
            return  # the call went through: only the other side was missing


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
