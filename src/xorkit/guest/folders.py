"""Colab's folders: `/content`, `/tmp`, a mounted Drive and the like lie in the notebook's own.

In Colab a notebook may write anywhere. Here it reaches its scratch folder alone, and where a path
is out of reach, the same path below that folder is tried: `/content` is the folder itself, all
others lie in `.colab`. Nothing is opened that wasn't open to the process before.
"""

from __future__ import annotations

import builtins
import functools
import importlib.abc
import importlib.machinery
import io
import os
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

from xorkit.guest import confine

CONTENT, OTHERS = "/content", ".colab"
# Folders that Colab has from the start, and in which its learners write.
THERE = ("/tmp", "/root", "/home", "/mnt", "/opt", "/var", "/var/tmp", "/usr", "/usr/local")  # noqa: S108
# What C++ code is to open where it is: Python and the system.
SYSTEM_FOLDERS = ("/usr", "/lib", "/proc", "/sys", "/dev", "/etc")
PATHS = (
    "path",
    "src",
    "dst",
    "file",
    "filename",
    "name",
    "f",
    "fname",
    "database",
)  # parameters' names
# How many of the leading arguments of each function of `os` are paths.
OS_CALLS = {
    "chmod": 1, "link": 2, "listdir": 1, "lstat": 1, "mkdir": 1, "open": 1, "readlink": 1,
    "remove": 1, "rename": 2, "replace": 2, "rmdir": 1, "scandir": 1, "stat": 1, "statvfs": 1,
    "truncate": 1, "unlink": 1, "utime": 1,
}  # fmt: skip
NO_SUCH_PLACE = (FileNotFoundError, PermissionError, NotADirectoryError)
# What is raised where a path leads nowhere; others are about what is read or written.
COMPLAINTS = (OSError, ValueError, RuntimeError, sqlite3.Error)
NOT_THERE = "xorkit_not_there"  # an error's attribute: the path that it is about


class Folders:
    """Where the paths of one notebook lead. Changes nothing until it has a `scratch` folder."""

    scratch = ""

    def inside(self, path: Any) -> Any:
        """The path below the scratch folder that an absolute one stands for; others unchanged."""
        if not self.scratch or not isinstance(path, str | bytes | os.PathLike):
            return path
        name = os.path.normpath(os.fsdecode(path))
        if not name.startswith("/") or name == "/" or _below(name, self.scratch):
            return path
        if _below(name, CONTENT):
            moved = self.scratch + name.removeprefix(CONTENT)
        else:
            moved = f"{self.scratch}/{OTHERS}{name}"
            for there in ("", *THERE):
                if _below(name, there):
                    os.makedirs(f"{self.scratch}/{OTHERS}{there}", exist_ok=True)
        return os.fsencode(moved) if isinstance(path, bytes) else moved

    def shown(self, path: str) -> str:
        """A path in the scratch folder as it is called in Colab."""
        for own, name in ((f"{self.scratch}/{OTHERS}", ""), (self.scratch, CONTENT)):
            if self.scratch and _below(path, own):
                return name + path.removeprefix(own)
        return path

    def second_try(self, function: Callable[..., Any], count: int = 1) -> Callable[..., Any]:
        """The function; where its first `count` arguments lead nowhere, with the paths inside."""

        @functools.wraps(function)
        def reaching(*args: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            try:
                return function(*args, **options)
            except NO_SUCH_PLACE as error:
                moved, named = self._moved(args, options, range(count))
                if (moved, named) == (args, options):
                    raise
                asked = error.filename
            try:
                return function(*moved, **named)
            except OSError as error:  # as Colab would say it, of the path that was asked for
                raise type(error)(error.errno, error.strerror, asked) from None

        return reaching

    def first_try(self, function: Callable[..., Any], place: int = 0) -> Callable[..., Any]:
        """The function with its path inside at once, as what it does elsewhere tells too little."""

        @functools.wraps(function)
        def reaching(*args: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            moved, named = self._moved(args, options, (place,), SYSTEM_FOLDERS)
            try:
                return function(*moved, **named)
            except COMPLAINTS as error:
                if not self.scratch:
                    raise
                if isinstance(error, OSError) and error.filename is not None:
                    asked = self.shown(os.fsdecode(error.filename))
                    raise type(error)(error.errno, error.strerror, asked) from None
                error.args = tuple(map(self._told, error.args))
                given = (*args[place : place + 1], *map(options.get, PATHS))
                paths = [each for each in given if isinstance(each, str | os.PathLike)]
                if paths and not os.path.exists(paths[0]):
                    vars(error)[NOT_THERE] = os.fspath(paths[0])  # which not all of them say
                raise

        return reaching

    def _told(self, said: Any) -> Any:
        """What an error says, with the paths in it as they are called in Colab."""
        if not isinstance(said, str):
            return said
        return said.replace(f"{self.scratch}/{OTHERS}", "").replace(self.scratch, CONTENT)

    def _moved(
        self,
        args: tuple[Any, ...],
        options: dict[str, Any],
        places: Any,
        kept: tuple[str, ...] = (),
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        def there(path: Any) -> Any:
            inside = self.inside(path)
            stays = inside is path or os.fsdecode(path).startswith((*kept, *confine.installation()))
            return path if stays else inside

        moved = tuple(there(each) if i in places else each for i, each in enumerate(args))
        return moved, {k: there(v) if k in PATHS else v for k, v in options.items()}


def _below(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def install_folders(folders: Folders) -> None:
    """Let what opens files by their paths take Colab's."""
    opening = folders.second_try(io.open)
    builtins.open = io.open = opening
    for module, name in (
        ("tarfile", "bltn_open"),
        ("bz2", "_builtin_open"),
        ("tokenize", "_builtin_open"),
    ):
        setattr(importlib.import_module(module), name, opening)  # which they keep from their import
    files: Any = importlib.machinery.SourceFileLoader
    files.get_data = folders.second_try(files.get_data, 2)
    io.open_code = folders.second_try(io.open_code)
    # Cells call IPython's own `open`, which keeps them off its three standard streams.
    importlib.import_module("IPython.core.interactiveshell").io_open = opening  # type: ignore[attr-defined]
    _replace("utime", _of_what_exists(os.utime))
    for name, count in OS_CALLS.items():
        _replace(name, folders.second_try(getattr(os, name), count))
    # Neither is refused outside: a folder that can't be used is entered all the same.
    _replace("chdir", folders.first_try(os.chdir))
    # A link to what isn't there is made all the same, too.
    _replace("symlink", folders.second_try(folders.first_try(os.symlink), 2))
    getcwd = os.getcwd
    os.getcwd = lambda: folders.shown(getcwd())
    sys.meta_path.append(_Modules(folders))
    _replace("access", folders.first_try(os.access))
    for module, name, place in (
        ("torch", "save", 1),
        ("torch.jit", "save", 1),
        ("torch.jit", "load", 0),
        ("numpy", "savetxt", 0),
        ("numpy", "loadtxt", 0),
        ("numpy", "genfromtxt", 0),
        ("sqlite3", "connect", 0),
        ("shutil", "unpack_archive", 0),
    ):
        owner: Any = importlib.import_module(module)
        setattr(owner, name, folders.first_try(getattr(owner, name), place))


class _Modules(importlib.abc.MetaPathFinder):
    """Finds modules in those of `sys.path`'s folders that are Colab's."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        here = confine.installation()
        others = [each for each in sys.path if path is None and not each.startswith(here)]
        inside = [str(self.folders.inside(each)) for each in others if each.startswith("/")]
        return importlib.machinery.PathFinder.find_spec(fullname, inside) if inside else None


def _of_what_exists(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that the confinement skips, yet says as before that there is no such file."""
    stat = os.stat

    @functools.wraps(function)
    def called(path: Any, *args: Any, **options: Any) -> Any:
        stat(path)
        return function(path, *args, **options)

    return called


def _replace(name: str, function: Callable[..., Any]) -> None:
    """Puts a function into `os`, and into the sets that say what it can do."""
    original = getattr(os, name)
    for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if original in able:
            able.add(function)
    setattr(os, name, function)
