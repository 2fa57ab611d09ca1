"""Options of the whole suite."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

# Before anything imports PyTorch: a second OpenMP thread, which any larger tensor starts, would
# hang every child that a test forks afterwards (workbench.observe_apart). A graded cell has one.
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sweep", action="store_true", help="also run what takes many minutes")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sweep: takes many minutes; runs with --sweep only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--sweep"):
        for item in items:
            if item.get_closest_marker("sweep"):
                item.add_marker(pytest.mark.skip(reason="takes many minutes: --sweep runs it"))


@pytest.fixture(autouse=True, scope="session")
def alarms_in_destructors_are_no_error() -> Iterator[None]:
    """A run's alarm may ring while an object is destroyed: there it can't end the run, and rings
    again. Python hands what was raised there to this hook, in which it may ring, too.
    """
    before = sys.unraisablehook

    def hook(raised: UnraisableHookArgs) -> None:
        if raised.exc_type.__name__ != "EndOfRun":
            before(raised)

    sys.unraisablehook = hook
    yield
    sys.unraisablehook = before
