"""The bar of whatever takes long."""

from __future__ import annotations

import io

import pytest

from xorkit import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("screen", "short", "shown"),
    [(Terminal(), 0.0, True), (Terminal(), 60.0, False), (io.StringIO(), 0.0, False)],
    ids=["a terminal, later", "a terminal, at once", "a file"],
)
def test_a_bar_with_the_time_to_go(
    monkeypatch: pytest.MonkeyPatch, screen: io.StringIO, short: float, shown: bool
) -> None:
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(progress, "SHORT", short)

    assert list(progress.over(iter("abc"), "reading verdicts", 3)) == list("abc")

    assert ("reading verdicts:" in screen.getvalue()) == shown
    assert ("0/3 [00:00<" in screen.getvalue()) == shown
