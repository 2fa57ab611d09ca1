"""How much a learner's kernel uses, seen from outside: memory, threads, disk."""

from __future__ import annotations

import math
import os
import stat
import time
from pathlib import Path

from xorkit.guest.limits import Limits, MiB
from xorkit.sandbox.cell import Ending

BLOCK = 512  # bytes in a unit of st_blocks, by POSIX
BLIND_SECONDS = 1.0  # a process of some GiB takes a while to end
DEEPEST = 16  # folders in folders; longer paths could outgrow what can be listed


class Meter:
    """Measures one process and its scratch folder against `limits`."""

    def __init__(self, pid: int, scratch: Path, sockets: Path, limits: Limits) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._scratch = Path(f"/proc/{pid}/root{scratch}")  # the folder as that process sees it
        self._sockets, self._limits = sockets, limits
        # A file system of its own says what it holds; of another, one can only count what is found.
        self._own = os.stat(self._scratch).st_dev != os.stat(scratch).st_dev
        self._free = _free(sockets)
        # What the kernel shares with the fork server when it starts, until one of them writes.
        self.inherited = self._memory(self._status())
        self._blind_since = math.inf

    def violation(self) -> Ending | None:
        """None while all is well."""
        try:
            return self._too_many_files() or self._too_much_memory()
        except ProcessLookupError:
            return None  # it has just ended
        except OSError as error:
            return Ending("died", "Unmeasurable", f"files were hidden from the limits: {error}")

    def held(self) -> int:
        """Bytes of memory beyond what the kernel shares with the fork server."""
        return self._memory(self._status()) - self.inherited

    def queued(self) -> float:
        """Seconds that the main thread, which runs the cells, has waited for a free core."""
        try:
            return int((self._proc / "schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):  # it has just ended, or this Linux doesn't count
            return 0.0

    def _too_many_files(self) -> Ending | None:
        limits = self._limits
        try:
            size, files = self._held_by_files()
        except FileNotFoundError:
            return None  # its main thread has ended, as looking at the memory will tell
        files += len(os.listdir(self._sockets))
        if size > limits.scratch:
            return Ending("died", "DiskFull", _over("files", size, limits.scratch))
        if files > limits.files:
            return Ending("died", "TooManyFiles", f"more than {limits.files} files were made")
        return None

    def _too_much_memory(self) -> Ending | None:
        limits, status = self._limits, self._status()
        try:
            memory = self._memory(status) - self.inherited
        except KeyError:  # it is about to end; or its main thread has ended and others go on
            self._blind_since = min(self._blind_since, time.monotonic())
            if time.monotonic() - self._blind_since < BLIND_SECONDS:
                return None
            return Ending("died", "Unmeasurable", "the main thread ended and others went on")
        if memory > limits.memory:
            return Ending("memory", "MemoryError", _over("memory", memory, limits.memory))
        threads = int(status["Threads"])
        if threads > limits.threads:
            return Ending("died", "TooManyThreads", f"{threads} threads ran at once")
        return None

    def _status(self) -> dict[str, str]:
        lines = (self._proc / "status").read_text().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    @staticmethod
    def _memory(status: dict[str, str]) -> int:
        """Bytes. KeyError where the process has none any more."""
        return sum(int(status[key].split()[0]) << 10 for key in ("RssAnon", "RssShmem"))

    def _held_by_files(self) -> tuple[int, int]:
        """Bytes, and number of files and folders."""
        if self._own:
            found = os.statvfs(self._scratch)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            return used, found.f_files - found.f_ffree
        size, files = usage(self._scratch)
        return size + self._unlinked() + self._mapped(), files

    def _unlinked(self) -> int:
        """Bytes of files that are open but have no name any more."""
        total = 0
        for entry in os.scandir(self._proc / "fd"):
            try:
                found = os.stat(entry.path)
            except FileNotFoundError:
                continue  # closed meanwhile
            if found.st_nlink == 0 and stat.S_ISREG(found.st_mode):
                total += found.st_blocks * BLOCK
        return total

    def _mapped(self) -> int:
        """Bytes that files may hold which are mapped, but neither named nor open any more.

        Nothing tells their sizes, so each counts as large as a file can be; and the maps are long,
        so they are looked through only once much of the disk has gone.
        """
        if self._free - _free(self._sockets) < self._limits.longest_file:
            return 0
        lines = (self._proc / "maps").read_text().splitlines()
        deleted = (line.split()[4:] for line in lines if line.endswith(" (deleted)"))
        inodes = {inode for inode, path, _ in deleted if path != "/dev/zero"}  # memory's own
        return self._limits.longest_file * len(inodes)


def _free(place: Path) -> int:
    """Bytes that are free in the file system of a place."""
    found = os.statvfs(place)
    return found.f_bfree * found.f_frsize


def usage(folder: Path) -> tuple[int, int]:
    """Bytes on disk, number of entries. OSError where a folder can't be listed."""
    size = count = 0
    folders = [(os.fspath(folder), 0)]
    while folders:
        path, depth = folders.pop()
        if depth > DEEPEST:
            raise OSError(f"folders lie more than {DEEPEST} deep")
        try:
            entries = list(os.scandir(path))
        except FileNotFoundError:
            continue
        count += len(entries)
        for entry in entries:
            try:
                size += entry.stat(follow_symlinks=False).st_blocks * BLOCK
            except FileNotFoundError:
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append((entry.path, depth + 1))
    return size, count


def remove(folder: Path) -> None:
    """Delete a folder that a hostile process has filled: any depth, any mode, links not followed.

    Goes down and up again folder by folder, so that no path grows, nothing recurses, and one
    descriptor is enough.
    """
    handle = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW)
    names: list[str] = []
    while (inner := _first_folder(handle)) is not None or names:
        if inner is not None:
            os.chmod(inner, stat.S_IRWXU, dir_fd=handle)
            handle = _step(handle, inner)
            names.append(inner)
        else:
            handle = _step(handle, "..")
            os.rmdir(names.pop(), dir_fd=handle)
    os.close(handle)
    os.rmdir(folder)


def _first_folder(handle: int) -> str | None:
    """The first folder inside the open folder `handle`; files on the way to it are deleted."""
    with os.scandir(handle) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=handle)
    return None


def _step(handle: int, name: str) -> int:
    found = os.open(name, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
    os.close(handle)
    return found


def _over(what: str, used: int, limit: int) -> str:
    return f"{used / MiB:.0f} MiB of {what} where {limit / MiB:.0f} MiB are allowed"
