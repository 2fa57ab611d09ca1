"""What a cell met that Colab has and this machine hasn't, told to the grader beside its outputs."""

from __future__ import annotations

import dis
import json
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

from xorkit.guest.limits import LACKS_MIME

Say = Callable[[str], None]
LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")
TOLD = "the empty line that nobody typed"
PATIENCE = 100  # empty lines in one cell: a loop that waits for an answer would wait for ever


class Lacks:
    """The lacks of the cell that runs, and whether what it does hangs on one of them."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self._met: dict[tuple[str, str], bool] = {}
        self._starred: list[tuple[str, str]] = []
        self.lines = 0

    def begin(self, *_: object) -> None:
        """A new cell begins."""
        self._met.clear()
        self.lines = 0

    def met(self, kind: str, name: str) -> None:
        self._met.setdefault((kind, name), False)

    def decided(self, kind: str, name: str) -> None:
        """What the program does next, or leaves behind, hangs on this lack."""
        self._met[kind, name] = True

    def starred(self, kind: str, name: str) -> None:
        """All names of something were wanted: one that is missing later may be one of those."""
        self._starred.append((kind, name))
        self.met(kind, name)

    def blame(self, error: BaseException | None, namespace: dict[str, Any]) -> None:
        """Notes the lacks that an exception came from."""
        if error is None:
            return
        if isinstance(error, NameError):
            for lack in self._starred:
                self.decided(*lack)
        for value in _near(error.__traceback__):
            if isinstance(value, Lacking):
                self.decided(*value.lack())

    def publish(self, send: Callable[[dict[str, str]], None]) -> None:
        if self._met:
            told = [[kind, name, hangs] for (kind, name), hangs in self._met.items()]
            send({LACKS_MIME: json.dumps(told), "text/plain": ""})


class Lacking:
    """An object that is there in place of one that this machine can't have."""

    def lack(self) -> tuple[str, str]:
        """The kind and the name of what is lacking."""
        raise NotImplementedError


class EmptyLine(str, Lacking):
    """What `input` gives: nobody types here. Knows when a program makes something of it."""

    __slots__ = ("lacks",)
    lacks: Lacks

    def lack(self) -> tuple[str, str]:
        return "typing", "input"

    def _used(self) -> None:
        self.lacks.decided(*self.lack())

    def __eq__(self, other: object) -> bool:
        self._used()
        return str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __len__(self) -> int:
        self._used()
        return 0

    def __int__(self) -> int:
        self._used()
        return int(str(self))

    def __float__(self) -> float:
        self._used()
        return float(str(self))

    def _same(self, *_: object) -> EmptyLine:
        return self

    strip = lower = upper = title = capitalize = casefold = lstrip = rstrip = _same

    def split(self, *_: Any, **__: Any) -> list[str]:
        self._used()
        return []


class NoFiles(dict[str, bytes], Lacking):
    """What `files.upload` gives: nobody is here to choose one."""

    def __init__(self, lacks: Lacks) -> None:
        super().__init__()
        self.lacks = lacks

    def lack(self) -> tuple[str, str]:
        return "typing", "input"

    def __bool__(self) -> bool:
        self.lacks.decided(*self.lack())
        return False

    def __iter__(self) -> Iterator[str]:
        self.lacks.decided(*self.lack())
        return iter(())

    keys = values = items = __iter__  # type: ignore[assignment]


def nobody_types(lacks: Lacks) -> Callable[..., str]:
    """Stands in for `input` and `getpass`. Raises EOFError where a program won't stop asking."""

    def empty_line(prompt: object = "", stream: object = None) -> str:
        print(prompt)
        lacks.met("typing", "input")
        lacks.lines += 1
        if lacks.lines > PATIENCE:
            lacks.decided("typing", "input")
            raise EOFError("nobody is here to type")
        line = EmptyLine()
        line.lacks = lacks
        return line

    return empty_line


def _near(trace: TracebackType | None) -> Iterator[object]:
    """The values that an exception may have come from, as far as its frames name them."""
    while trace is not None:
        names = _names_at(trace.tb_frame, trace.tb_lasti)
        for name in names:
            value = trace.tb_frame.f_locals.get(name, trace.tb_frame.f_globals.get(name))
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
