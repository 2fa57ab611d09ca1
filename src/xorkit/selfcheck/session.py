"""The notebook that a check stands in: what was run, with what, and how to leave it as it was."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from xorkit.probe import recorder
from xorkit.probe.notebook import Namespace, Snapshot, shell, snapshot
from xorkit.selfcheck.sheet import Sheet, SheetCell

LOOP = "training_loop"  # the role of the cell that trains
EMPTY = re.compile(r'^ *raise NotImplementedError\("(Blank \w+) is still empty: (.*?)"\)', re.M)
UNCHOSEN = re.compile(r"""^(\w+) *= *["'](?:\([^"']*\)| *)["'] *# ?@param""", re.M)
MOST_FILES, LARGEST = 64, 1 << 20  # of a working folder, copied in a few milliseconds


class Session:
    """What a notebook has run since its set-up cell, and the values that its cells began with.

    Outside of IPython `namespace` is the notebook's, with the texts run so far in its list `In`.
    """

    def __init__(self, sheet: Sheet, namespace: Namespace | None = None) -> None:
        self.sheet = sheet
        self.before: dict[str, Snapshot] = {}
        self.raised: dict[str, BaseException | None] = {}  # by a cell's last run
        notebook = shell()
        if namespace is None:
            namespace = notebook.user_ns if notebook is not None else {}
        self.namespace: Namespace = namespace
        graded = recorder.cache_info().currsize > 0  # a grader watches this kernel for itself
        recorder()
        if notebook is not None and not graded:
            notebook.events.register("pre_run_cell", self._begins)
            notebook.events.register("post_run_cell", self._ended)
            notebook.set_custom_exc((NotImplementedError,), _say_calmly)

    def _begins(self, info: Any) -> None:
        cell = self._cell_of(info.raw_cell or "")
        if cell is not None:
            self.begins(cell)

    def _ended(self, result: Any) -> None:
        cell = self._cell_of(result.info.raw_cell or "")
        if cell is not None:
            self.raised[cell.grade_id] = result.error_before_exec or result.error_in_exec

    def begins(self, cell: SheetCell) -> None:
        """Is called before an exercise's cell runs. A loop's own run is the last one."""
        self.before[cell.grade_id] = snapshot(self.namespace)
        if cell.role == LOOP:
            recorder().reset()

    def _cell_of(self, text: str) -> SheetCell | None:
        return next((cell for cell in self.sheet.cells if is_of(cell, text)), None)

    def text_of(self, cell: SheetCell) -> str:
        """An exercise's cell as it was last run, without its first line too; "" if it wasn't."""
        ran = [text for text in self.namespace.get("In") or [] if type(text) is str]
        own = [text for text in ran if is_of(cell, text)]
        if own or cell.role != LOOP:
            return own[-1] if own else ""
        loops = [text for text in ran if ".backward(" in text or ".step(" in text]
        return loops[-1] if loops else ""

    @contextlib.contextmanager
    def as_before(self, cell: SheetCell) -> Iterator[None]:
        """The values that a cell began with, for the recorder to run it again with."""
        record = recorder()
        kept = record.before_cell, record.raised
        record.before_cell = self.before.get(cell.grade_id, record.before_cell)
        record.raised = self.raised.get(cell.grade_id)
        try:
            with _folder_kept():
                yield
        finally:
            record.before_cell, record.raised = kept


@functools.cache
def session(text: str) -> Session:
    """The session of a release's sheet: the same where the set-up cell is run again."""
    return Session(Sheet.from_text(text))


def is_of(cell: SheetCell, text: str) -> bool:
    """Whether a text is this exercise's: by the words before the dot of its first line.

    Any line may be it, because a magic like `%%time` may stand above.
    """
    start, dot, _ = cell.first_line.partition("·")
    return bool(start) and any(
        line.strip().startswith(f"{start}{dot}") for line in text.splitlines()
    )


def empty_blanks(text: str) -> list[tuple[str, str]]:
    """Each blank of a cell that nobody has filled, and what it is for."""
    return [(found[1], found[2]) for found in EMPTY.finditer(text)]


def unchosen(text: str) -> list[str]:
    """The names of a cell's forms that hold nothing yet."""
    return UNCHOSEN.findall(text)


def _say_calmly(notebook: Any, kind: Any, error: Any, trace: Any, tb_offset: Any = None) -> Any:
    """An empty blank stops its cell with one line; any other such error is shown as ever."""
    text = str(error)
    if not text.startswith("Blank ") or "is still empty" not in text:
        return notebook.showtraceback((kind, error, trace), tb_offset=tb_offset)
    line = f"{text}. Fill it in, then run the cell again."
    notebook._showtraceback(kind, error, [line])
    return [line]


@contextlib.contextmanager
def _folder_kept() -> Iterator[None]:
    """A run writes its files into a copy of the working folder, which is then thrown away."""
    try:
        here = os.getcwd()
        entries = [*os.scandir(here)]
    except OSError:  # there is no such folder any more, and so nothing to keep
        yield
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as copy:
        for entry in entries[:MOST_FILES]:
            with contextlib.suppress(OSError):
                if entry.is_dir():
                    os.mkdir(os.path.join(copy, entry.name))
                elif entry.stat().st_size <= LARGEST:
                    shutil.copy(entry.path, copy)
        os.chdir(copy)
        try:
            yield
        finally:
            os.chdir(here)
