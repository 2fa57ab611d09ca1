"""Ends what runs too long or has been seen enough of, whatever it swallows."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

ASKED_SECONDS = 5.0  # a question takes a millisecond
HURRY = 0.1  # seconds after which what swallowed the first Enough gets more of them
SHARE = 0.05  # of a core that a run gets on the busiest machine; one with less is asleep
AGAIN = 0.005  # seconds between them: sooner or later one hits a line outside of any `try`


class EndOfRun(BaseException):
    """Ends a run. No Exception, so that `except Exception` in a loop lets it through."""


def limited(action: Callable[[], T], seconds: float = ASKED_SECONDS) -> T:
    """What `action` gives back. Raises TimeoutError where that takes too long."""
    try:
        with alarmed(seconds):
            return under_alarm(action)
    except EndOfRun:
        raise TimeoutError(f"it took more than {seconds:g} seconds") from None


def under_alarm(action: Callable[[], T]) -> T:
    """Calls `action`; an alarm rings only inside of this call, never in the grader's own lines."""
    return action()


@contextlib.contextmanager
def alarmed(seconds: float) -> Iterator[Callable[[], None]]:
    """Raises Enough in `under_alarm` after so many seconds, again and again.

    They are seconds of the processor, so that a busy machine ends no right loop; a run that sleeps
    has no more of the clock's. Gives a function that has it ring very soon. Without alarms
    (Windows, threads) nothing rings.
    """
    main = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "setitimer") or not main:
        yield lambda: None
        return

    begun, used = time.monotonic(), time.process_time()
    hurried: list[object] = []

    def ring(_: int, frame: FrameType | None) -> None:
        mine = time.process_time() - used
        if not hurried and SHARE * (time.monotonic() - begun) < mine < seconds:
            return  # the machine was busy with others: it rings again soon
        while frame is not None:
            if frame.f_code is under_alarm.__code__:
                raise EndOfRun
            frame = frame.f_back

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)

    def hurry() -> None:
        if not hurried:  # once: whoever calls again and again would put it off for ever
            hurried.append(signal.setitimer(signal.ITIMER_REAL, HURRY, AGAIN))

    try:
        yield hurry
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
