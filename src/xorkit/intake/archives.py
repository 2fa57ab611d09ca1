"""The files in folders and zip archives, read within limits and never outside of them."""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import IO

from xorkit.intake import clock
from xorkit.intake.cells import sound
from xorkit.intake.reading import MAX_FILE_BYTES, Refusal

# A download of 1,000 learners with a few files each has well under 10,000 members.
MAX_MEMBERS = 50_000
# What all archives of one call may unpack to: a bomb unpacks to more, a class never does.
MAX_TOTAL_BYTES = 16 * 2**30
# What file systems allow; longer names only come from those who wish us ill.
MAX_NAME, MAX_PARTS = 255, 40
# The download, a learner's zip in it, and one for systems that wrap the download once more.
MAX_DEPTH = 3
_ASK = "Wanted: the notebook itself, not packed."
# What tools leave behind: nobody hands in work in there. A dot alone is no sign of it: who has one
# name only is ". Sukarno" in Moodle, and "._Sukarno_suk" in ILIAS.
_TOOLS_FOLDERS = re.compile(
    r"__MACOSX|__pycache__|node_modules|site-packages"
    r"|\.(?:git|github|gitlab|svn|hg|vs|vscode|idea|fleet|settings|devcontainer|ipynb_checkpoints"
    r"|jupyter|ipython|virtual_documents|venv|env|conda|tox|nox|eggs|(?:\w+_)?cache|config|local|keras"
    r"|matplotlib|npm|kaggle|dropbox\.cache|sync|DS_Store|AppleDouble|TemporaryItems|fseventsd"
    r"|Spotlight-V100|DocumentRevisions-V100|Trash(?:es|-\d+)?)",
    re.IGNORECASE,
)
_TOOLS_FILES = re.compile(r"Thumbs\.db|desktop\.ini|\._.*|\.DS_Store.*|\.git[a-z]*", re.DOTALL)


@dataclass(frozen=True)
class IncomingFile:
    """A file in a collection: how to name it, its path in there, its bytes, when it changed.

    `read` raises Refusal; `broken` is why, where that is known before; `packed` is when the archive
    that it came in was written.
    """

    source: str
    parts: tuple[str, ...]
    read: Callable[[], bytes]
    modified: datetime | None = None
    broken: str = ""
    packed: datetime | None = None

    @property
    def name(self) -> str:
        return self.parts[-1]


def _broken(source: str, parts: tuple[str, ...], reason: str) -> IncomingFile:
    def read() -> bytes:
        raise Refusal(reason)

    return IncomingFile(source, parts, read, broken=reason)


class Opener:
    """Lists files and keeps archives open while they are read; use as a context manager.

    Zips note local times: those of `zone`, or of this machine's.
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._open = ExitStack()
        self._left = MAX_TOTAL_BYTES
        self._zone = zone
        self._last: tuple[IncomingFile, zipfile.ZipFile] | None = None

    def __enter__(self) -> Opener:
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def files(self, path: Path) -> Iterator[IncomingFile]:
        """Everything under a folder, in an archive, or the one file; raises FileNotFoundError."""
        if path.is_dir():
            yield from self._folder(path)
        elif not path.exists():
            raise FileNotFoundError(f"There is no file or folder {str(path)!r} to collect.")
        else:
            yield from self._file(path, (path.name,), top=True)

    def _folder(self, root: Path) -> Iterator[IncomingFile]:
        errors: list[OSError] = []
        for folder, names, files in os.walk(root, onerror=errors.append):
            names[:] = sorted(name for name in names if not _TOOLS_FOLDERS.fullmatch(name))
            links = [name for name in names if (Path(folder) / name).is_symlink()]
            for name in sorted(n for n in files + links if not _TOOLS_FILES.fullmatch(n)):
                path = Path(folder) / name
                yield from self._file(path, path.relative_to(root).parts)
        for error in errors:
            folder = str(error.filename)
            parts = Path(folder).relative_to(root).parts or (root.name,)
            yield _broken(folder, parts, f"The folder can't be read ({error.strerror}).")

    def _file(
        self, path: Path, parts: tuple[str, ...], top: bool = False
    ) -> Iterator[IncomingFile]:
        source, parts = sound(str(path)), tuple(map(sound, parts))
        status = path.stat() if top else path.lstat()
        if not stat.S_ISREG(status.st_mode):
            yield _broken(source, parts, f"It is a link or a special file: not followed. {_ASK}")
            return
        modified = clock.file_time(status.st_mtime)
        plain = IncomingFile(source, parts, lambda: self._read(lambda: path.open("rb")), modified)
        if _is_zip(plain):
            inside = self._archive(self._kept_open(path), plain, () if top else parts, depth=1)
            yield from (replace(found, packed=modified) for found in inside)
        else:
            yield plain

    def _kept_open(self, path: Path) -> Callable[[], zipfile.ZipFile]:
        """The archive at this path, opened once when it is first wanted."""
        return cache(lambda: self._open.enter_context(zipfile.ZipFile(path)))

    def _archive(
        self,
        opened: Callable[[], zipfile.ZipFile],
        packed: IncomingFile,
        trail: tuple[str, ...],
        depth: int,
    ) -> Iterator[IncomingFile]:
        source, here = packed.source, packed.parts
        try:
            members = [member for member in opened().infolist() if not member.is_dir()]
        except Refusal as error:
            yield _broken(source, here, str(error))
            return
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            reason = f"The zip archive is damaged ({error}). {_ASK}"
            yield _broken(source, here, reason) if _begins_as_zip(packed) else packed
            return
        if len(members) > MAX_MEMBERS:
            reason = f"The zip archive holds {len(members)} files, more than {MAX_MEMBERS}. {_ASK}"
            yield _broken(source, here, reason)
            return
        if all(_ignored(_path_of(member)) for member in members):
            yield _broken(source, here, f"The zip archive holds {_seen(members)}. {_ASK}")
            return
        for member in members:
            path = _path_of(member)
            if not _ignored(path):
                parts = tuple(part[:MAX_NAME] for part in path.parts[:MAX_PARTS]) or ("?",)
                found = self._member(opened, member, (*trail, *parts), f"{source}/{path}")
                yield from self._nested(found, depth) if _is_zip(found) else (found,)

    def _member(
        self,
        opened: Callable[[], zipfile.ZipFile],
        member: zipfile.ZipInfo,
        parts: tuple[str, ...],
        source: str,
    ) -> IncomingFile:
        if reason := _refusal(member):
            return _broken(source, parts, reason)

        def read() -> bytes:
            return self._read(lambda: opened().open(member))

        return IncomingFile(source, parts, read, clock.zip_time(member, self._zone))

    def _nested(self, found: IncomingFile, depth: int) -> Iterator[IncomingFile]:
        """An archive in an archive: only the last one is kept, as a class has hundreds."""
        if depth == MAX_DEPTH:
            reason = f"It is a zip in a zip in a zip. {_ASK}"
            yield _broken(found.source, found.parts, reason)
        else:
            opened = partial(self._unpacked, found)
            yield from self._archive(opened, found, found.parts, depth + 1)

    def _unpacked(self, found: IncomingFile) -> zipfile.ZipFile:
        if self._last is None or self._last[0] is not found:
            self._last = found, zipfile.ZipFile(io.BytesIO(found.read()))
        return self._last[1]

    def _read(self, opened: Callable[[], IO[bytes]]) -> bytes:
        """A file's bytes, counted as they come: what a header announces is not believed."""
        try:
            with opened() as file:
                data = file.read(max(0, min(MAX_FILE_BYTES, self._left)) + 1)
        except (OSError, EOFError, RuntimeError, ValueError, zlib.error, zipfile.BadZipFile) as e:
            raise Refusal(f"The file can't be read ({e}). Wanted: the same once more.") from e
        self._left -= len(data)
        if len(data) > MAX_FILE_BYTES:
            raise Refusal(f"The file unpacks to more than {MAX_FILE_BYTES >> 20} MB. {_ASK}")
        if self._left < 0:
            raise Refusal(
                f"All files together unpack to more than {MAX_TOTAL_BYTES >> 30} GB in all. Please "
                "collect the rest by itself."
            )
        return data


def _ignored(path: PurePosixPath) -> bool:
    """Whether a tool has left it behind (.vscode, .git, .venv)."""
    *folders, name = path.parts or ("",)
    return bool(_TOOLS_FILES.fullmatch(name) or any(map(_TOOLS_FOLDERS.fullmatch, folders)))


def _is_zip(found: IncomingFile) -> bool:
    return not found.broken and found.name.lower().endswith(".zip")


def _begins_as_zip(found: IncomingFile) -> bool:
    """Else it is only called so: "task.ipynb.zip" may well be the notebook itself."""
    try:
        return found.read().startswith(b"PK")
    except Refusal:
        return True  # whatever reads it says why it can't be read


def _path_of(member: zipfile.ZipInfo) -> PurePosixPath:
    """The member's path; old zip tools leave out the mark that says it is UTF-8."""
    name = member.filename.replace("\\", "/")
    if not member.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return PurePosixPath(name)


def _seen(members: Sequence[zipfile.ZipInfo]) -> str:
    """What there is in an archive of nothing but what tools leave behind."""
    if not members:
        return "no file"
    more = f" and {len(members) - 1} more" if len(members) > 1 else ""
    return f"only what a tool has left there: {_path_of(members[0])}{more}"


def _refusal(member: zipfile.ZipInfo) -> str:
    path = _path_of(member)
    if not path.parts:
        return f"It has no name. {_ASK}"
    if len(path.parts) > MAX_PARTS or max(map(len, path.parts)) > MAX_NAME:
        return f"Its name is longer than any file's. {_ASK}"
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", path.parts[0]):
        return f"Its path leads out of the archive. {_ASK}"
    if stat.S_ISLNK(member.external_attr >> 16):
        return f"It is a link, which is not followed. {_ASK}"
    if member.flag_bits & 1:
        return "It is locked with a password. Wanted: the same without one."
    if member.file_size > MAX_FILE_BYTES:
        size, most = member.file_size >> 20, MAX_FILE_BYTES >> 20
        return f"It unpacks to {size} MB; {most} MB are read at most. {_ASK}"
    return ""
