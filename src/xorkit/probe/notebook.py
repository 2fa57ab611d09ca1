"""The notebook around the probe: IPython's shell, where there is one, and the notebook's names."""

from __future__ import annotations

import contextlib
import copy
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_LIST = 20_000  # of losses, say
MAX_FILES = 1_000  # in the notebook's folder; of one with more, none are put aside
PLAIN = (bool, int, float, str, list, set, dict)
ITERATORS: tuple[type, ...] = (type(iter([])), type(iter(())), type(iter(range(0))), enumerate, zip)

Namespace = dict[str, Any]


def shell() -> Any:
    """The running IPython shell, None outside of one."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()


@dataclass
class Snapshot:
    """A notebook before one of its cells: what a cell that is run once more is to find."""

    names: Namespace = field(default_factory=dict)
    # Attributes of the learner's own objects, by object: a trainer may count what it has done.
    attributes: list[tuple[Any, Namespace]] = field(default_factory=list)
    files: frozenset[str] | None = None

    @contextlib.contextmanager
    def put_back(self, namespace: Namespace) -> Iterator[None]:
        """The notebook as it was then; afterwards as it is now. May be used again and again."""
        now, attributes = dict(namespace), [(it, dict(vars(it))) for it, _ in self.attributes]
        if self.names:
            namespace.clear()
            namespace.update({name: _copied(value) for name, value in self.names.items()})
        for owner, values in self.attributes:
            vars(owner).update({name: _copied(value) for name, value in values.items()})
        try:
            with _files_as_before(self.files):
                yield
        finally:
            for owner, values in attributes:
                vars(owner).clear()
                vars(owner).update(values)
            namespace.clear()
            namespace.update(now)


def snapshot(namespace: Namespace) -> Snapshot:
    """A notebook's names, the plain values among them as copies, and the files in its folder."""
    names = {name: _copied(value) for name, value in list(namespace.items())}
    own = [value for value in names.values() if type(value).__module__ == "__main__"]
    attributes = [(each, _plain(vars(each))) for each in own if hasattr(each, "__dict__")]
    try:
        files = frozenset(os.listdir())
    except OSError:
        return Snapshot(names, attributes)
    return Snapshot(names, attributes, files if len(files) <= MAX_FILES else None)


def _plain(values: Namespace) -> Namespace:
    """The numbers, texts, lists and tables among the attributes of an object, as copies."""
    return {
        name: _copied(value)
        for name, value in list(values.items())
        if not name.startswith("_") and issubclass(type(value), PLAIN)  # whatever it says it is
    }


def _copied(value: Any) -> Any:
    """A copy of a list, a set or a table (with lists of its own), whose members stay the same.

    An iterator over something plain is where it was. Everything else is the object itself.
    """
    if issubclass(type(value), list | set | dict) and len(value) > MAX_LIST:
        return value
    if type(value) in ITERATORS:
        with contextlib.suppress(Exception):  # what it goes through may be anything
            return copy.deepcopy(value)
    if issubclass(type(value), list | set):
        return copy.copy(value)
    if issubclass(type(value), dict):
        table = copy.copy(value)
        table.update({key: _copied(inner) for key, inner in value.items()})
        return table
    return value


@contextlib.contextmanager
def _files_as_before(files: frozenset[str] | None) -> Iterator[None]:
    """Makes a folder the current one in which only these files of the current one are to be seen.

    None where there is nothing to hide, or no folder to be had.
    """
    here = Path.cwd()
    try:
        hide = files is not None and not files.issuperset(os.listdir(here))
        apart = tempfile.TemporaryDirectory(ignore_cleanup_errors=True) if hide else None
    except OSError:
        apart = None
    if apart is None or files is None:
        yield
        return
    with apart as folder:
        for name in files:
            with contextlib.suppress(OSError):
                Path(folder, name).symlink_to(here / name)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)
