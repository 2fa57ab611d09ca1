"""A scratch folder whose size the kernel keeps: a tmpfs that only this process can see.

What a file system holds counts there, also files that have no name any more and lie open, or
mapped, or neither. It takes namespaces of the process's own, which not every machine grants; where
they can't be had, the folder stays what it is and `xorkit.sandbox.watchdog` counts what it finds.
"""

from __future__ import annotations

import ctypes
import functools
import os
import tempfile

from xorkit.guest.landlock import libc
from xorkit.guest.limits import Limits

CLONE_NEWNS, CLONE_NEWUSER = 0x0002_0000, 0x1000_0000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18
# Beyond the limits, so that a cell is ended with its reason before it meets the wall.
MOUNT_ROOM = 1.5


def give_own(folder: str, limits: Limits) -> None:
    """Put a file system of `limits.scratch` bytes in the folder's place, for this process only.

    Wants no second thread. Leaves all as it is where the machine grants no namespaces.
    """
    if available():
        _give(folder, limits)


@functools.cache
def available() -> bool:
    """Whether this machine grants what it takes: tried once, in a process that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        pid = os.fork()
        if pid == 0:
            try:
                _give(folder, Limits())
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitpid(pid, 0)[1] == 0


def _give(folder: str, limits: Limits) -> None:
    """Raises OSError."""
    try:
        _call("unshare", CLONE_NEWNS)  # root's way
    except PermissionError:
        user, group = os.getuid(), os.getgid()
        _call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _mount("none", "/", None, MS_REC | MS_PRIVATE, None)  # what follows stays in here
    size, files = int(MOUNT_ROOM * limits.scratch), int(MOUNT_ROOM * limits.files)
    options = f"size={size},nr_inodes={files},mode=0700"
    _mount("scratch", folder, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)


def _mount(what: str, where: str, kind: str | None, flags: int, options: str | None) -> None:
    texts = (text and text.encode() for text in (what, where, kind, options))
    source, target, file_system, data = texts
    _call("mount", source, target, file_system, ctypes.c_ulong(flags), data)


def _call(name: str, *arguments: object) -> None:
    if getattr(libc(), name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
