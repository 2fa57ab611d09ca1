"""Files that are whole or not there, and the digests that they are known by."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

UNFINISHED = ".part"  # how the names of files end that are still being written


def write_file(path: Path, data: bytes) -> None:
    """Writes a file as a whole or not at all, and makes its folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sha256(data: bytes) -> str:
    """The digest of a file's content, as other programs print it."""
    return hashlib.sha256(data).hexdigest()


def digest(parts: Iterable[str | bytes]) -> str:
    """One digest of several parts; parts that are divided otherwise have another one."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)
    return total.hexdigest()[:32]
