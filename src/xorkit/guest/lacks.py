"""What a cell met that Colab has and this machine hasn't, told to the grader beside its outputs."""

from __future__ import annotations

import dis
import errno
import functools
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import PurePath
from traceback import extract_tb
from types import FrameType, TracebackType
from typing import Any

from xorkit.guest import confine
from xorkit.guest.folders import NOT_THERE
from xorkit.guest.limits import LACKS_MIME

Say = Callable[[str], None]
LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")
LackName = tuple[str, ...]  # its kind, and the name of what is lacking
TYPING, COLAB = ("typing", "input"), ("colab", "google.colab")
CLICK = ("clicking", "a button")  # met, and it counts where nothing was trained without it
# What no machine that grades has, as the sentence calls it.
GPU, INTERNET, PROGRAM, FILE, PROCESS = (
    ("machine", name)
    for name in (
        "a GPU", "the internet", "another program", "a file from outside", "a process of its own"
    )
)  # fmt: skip
NO_GPU = re.compile(r"CUDA|NVIDIA|\bMPS\b|accelerator device")
ABOUT_GPU = re.compile("cuda|device|gpu", re.IGNORECASE)
RAISES = re.compile(r"\braise\b")
NO_SCRIPT = re.compile(r"File `'?(.+?)'?` not found")  # of `%run`
# What of a text's methods gives a text, what looks at it, and what does neither.
TEXT_METHODS = (
    "capitalize", "casefold", "center", "expandtabs", "format", "format_map", "join", "ljust",
    "lower", "lstrip", "removeprefix", "removesuffix", "replace", "rjust", "rstrip", "strip",
    "swapcase", "title", "translate", "upper", "zfill",
)  # fmt: skip
LOOKED_AT = ("__eq__", "__ne__", "__contains__", "__len__", "__iter__", "__getitem__")
NOBODY = "nobody is here to type"
UNNOTED = ("encode", "maketrans")
PATIENCE = 100  # empty lines in one cell: a loop that waits for an answer would wait for ever
# What swallows the end is ended again and again, until outside of a `try`.
RING_SECONDS = 0.005
ANY = "*"  # among promised names: whatever is asked for


class Lacks:
    """The lacks of the cell that runs, and whether what it does hangs on one of them."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.running = False  # a cell's own code, and nothing that looks at what it left
        self.answer: object = None  # what `input` is
        self._met: dict[LackName, bool] = {}
        self._starred: list[LackName] = []
        self._promised: dict[LackName, set[str]] = {}
        self.lines = 0

    def begin(self, *_: object) -> None:
        """A new cell begins."""
        self._met.clear()
        self.lines = 0

    def met(self, *lack: str) -> None:
        self._met.setdefault(lack, False)

    def decided(self, *lack: str) -> None:
        """What the program does next, or leaves behind, hangs on this lack."""
        if self.running:
            self._met[lack] = True

    def starred(self, *lack: str) -> None:
        """All names of something were wanted: one that is missing later may be one of those."""
        self._starred.append(lack)
        self.met(*lack)

    def promise(self, lack: LackName, names: set[str]) -> None:
        """In Colab there would be files, folders or modules of these names; of any, if none."""
        self._promised.setdefault(lack, set()).update(names or {ANY})

    def breaks(self, words: set[str]) -> None:
        """A command that names these stopped here: what it names is where its source would be."""
        for lack, names in list(self._promised.items()):
            if not names.isdisjoint(words):
                self.promise(lack, words)

    def blame(self, error: BaseException | None, leaves: list[object]) -> None:
        """Notes the lacks that an exception came from, or that the lesson's names stand for."""
        found = [value.lack() for value in leaves if isinstance(value, Substitute)]
        if error is not None:
            found += self._starred if isinstance(error, NameError) else []
            for value in _near(error.__traceback__):
                if isinstance(value, Substitute):
                    found += [value.lack()] if not value.is_whole(error) else []
                elif value is self.answer and value is not None:
                    found.append(TYPING)
            found += [lack for lack, names in self._promised.items() if _is_missed(error, names)]
            found += _of_machine(error)
            if "event loop" in str(error):  # which that package would have let run in another
                found += [lack for lack in self._met if lack[1] == "nest_asyncio"]
        self._met |= dict.fromkeys(found, True)

    def publish(self, send: Callable[[dict[str, str]], None]) -> None:
        if self._met:
            told = [[*lack, hangs] for lack, hangs in self._met.items()]
            send({LACKS_MIME: json.dumps(told), "text/plain": ""})


def _is_missed(error: BaseException, names: set[str]) -> bool:
    """Whether a file, a folder or a module that wasn't there is one of these."""
    places: list[str] = []
    if isinstance(error, ImportError):
        missing = error.name or ""
        # One of the learner's own may be a folder that is promised.
        places = [each for each in sys.path if not each.startswith(confine.installation())]
    elif isinstance(error, FileNotFoundError) and isinstance(error.filename, str | bytes):
        missing = os.path.abspath(os.fsdecode(error.filename))
    else:
        found = NO_SCRIPT.search(str(error))
        missing = str(vars(error).get(NOT_THERE, found[1] if found else ""))
        missing = missing and os.path.abspath(missing)
    parts = {PurePath(part).stem for path in (missing, *places) for part in PurePath(path).parts}
    return bool(missing) and not names.isdisjoint({ANY, *parts})


def _of_machine(error: BaseException) -> Iterator[LackName]:
    """What of a machine's an exception says that it lacks."""
    text, frames = str(error), extract_tb(error.__traceback__)
    last, file = (frames[-1].line or "", frames[-1].filename) if frames else ("", "")
    asks = isinstance(error, AssertionError) or (
        RAISES.search(last) and not file.startswith(confine.installation())
    )
    asserts = asks and ABOUT_GPU.search(last)
    if asserts or (isinstance(error, AssertionError | RuntimeError) and NO_GPU.search(text)):
        yield GPU
    if "ffmpeg" in text:  # Colab has it, and matplotlib makes films by it
        yield PROGRAM
    causes: BaseException | None = error
    while causes is not None:
        if isinstance(causes, socket.gaierror) or _errno(causes) == errno.EOPNOTSUPP:
            yield INTERNET
        if _errno(causes) == errno.ENOSYS:  # what the confinement answers to a fork
            yield PROCESS
        causes = causes.__cause__ or causes.__context__


def _errno(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None


class Substitute:
    """An object that is there in place of one that this machine can't have."""

    def lack(self) -> LackName:
        """The kind and the name of what is lacking."""
        raise NotImplementedError

    def is_whole(self, error: BaseException) -> bool:
        """Whether nothing is lacking of what this error is about."""
        return False


class EmptyLine(str, Substitute):
    """What `input` gives: nobody types here. Knows when a program makes something of it."""

    __slots__ = ("kind", "lacks")
    lacks: Lacks
    kind: LackName

    def __new__(cls, lacks: Lacks, kind: LackName = TYPING) -> EmptyLine:
        line = super().__new__(cls)
        line.lacks, line.kind = lacks, kind
        return line

    def lack(self) -> LackName:
        return self.kind

    def __int__(self) -> int:
        self.lacks.decided(*self.kind)
        return int(str(self))

    def __float__(self) -> float:
        self.lacks.decided(*self.kind)
        return float(str(self))


def _noted(name: str) -> Callable[..., Any]:
    """A method of an empty line's: gives the same line, or something that hangs on it."""
    original, gives_text = getattr(str, name), name in TEXT_METHODS

    @functools.wraps(original)
    def method(self: EmptyLine, *args: Any, **options: Any) -> Any:
        if gives_text:
            return original(self, *args, **options) or self
        self.lacks.decided(*self.kind)
        return original(self, *args, **options)

    return method


for _name in (*LOOKED_AT, *(name for name in vars(str) if name[0] != "_" and name not in UNNOTED)):
    setattr(EmptyLine, _name, _noted(_name))


class NoFiles(dict[str, bytes], Substitute):
    """What `files.upload` gives: nobody is here to choose one."""

    def __init__(self, lacks: Lacks) -> None:
        super().__init__()
        self.lacks = lacks

    def lack(self) -> LackName:
        return TYPING

    def __bool__(self) -> bool:
        self.lacks.decided(*self.lack())
        return False

    def __iter__(self) -> Iterator[str]:
        self.lacks.decided(*self.lack())
        return iter(())

    keys = values = items = __iter__  # type: ignore[assignment]


def _end_soon(lacks: Lacks) -> None:
    """Ends a cell that swallows that nobody types, at a line where it doesn't."""
    if not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_REAL)[0]:
        return

    def ring(*_: object) -> None:
        if lacks.running:
            raise EOFError(NOBODY)
        signal.setitimer(signal.ITIMER_REAL, 0)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, RING_SECONDS, RING_SECONDS)


def nobody_types(lacks: Lacks) -> Callable[..., str]:
    """Stands in for `input` and `getpass`. Raises EOFError where a program won't stop asking."""

    def empty_line(prompt: object = "", stream: object = None) -> str:
        print(prompt)
        lacks.met(*TYPING)
        lacks.lines += 1
        if lacks.lines > PATIENCE:
            lacks.decided(*TYPING)
            if lacks.running and lacks.lines > 2 * PATIENCE:
                _end_soon(lacks)
            raise EOFError(NOBODY)
        return EmptyLine(lacks)

    lacks.answer = empty_line
    return empty_line


class NothingSaid(list[str], Substitute):
    """The lines of a command that was skipped."""

    def lack(self) -> LackName:
        return PROGRAM


class NoBytes(bytes, Substitute):
    """What a program that wasn't started would have written."""

    lacks: Lacks

    def __new__(cls, lacks: Lacks) -> NoBytes:
        made = super().__new__(cls)
        made.lacks = lacks
        return made

    def lack(self) -> LackName:
        return PROGRAM

    def decode(self, *_: str, **__: str) -> str:
        return EmptyLine(self.lacks, PROGRAM)


def _near(trace: TracebackType | None) -> Iterator[object]:
    """The values that an exception may have come from, as far as its frames name them."""
    while trace is not None:
        frame = trace.tb_frame
        for name in _names_at(frame, trace.tb_lasti):
            spaces = (frame.f_locals, frame.f_globals, frame.f_builtins)
            value = next((space[name] for space in spaces if name in space), None)
            yield value
            yield from _inside(value)
        trace = trace.tb_next


def _names_at(frame: FrameType, offset: int) -> set[str]:
    """The names that the expression at which a frame stopped is made of."""
    instructions = list(dis.get_instructions(frame.f_code))
    places = {each.offset: each.positions for each in instructions}
    place = places.get(offset)
    if place is None or place.lineno is None:
        return set()
    first, last = (place.lineno, place.col_offset), (place.end_lineno, place.end_col_offset)
    return {
        str(each.argval)
        for each in instructions
        if each.opname in LOADS and (at := each.positions) and at.lineno is not None
        if first <= (at.lineno, at.col_offset) and (at.end_lineno, at.end_col_offset) <= last
    }


def _inside(value: object) -> Iterator[object]:
    """What a list, a table or an object holds, one level deep."""
    if isinstance(value, list | tuple | set):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        yield from vars(value).values()
