"""One warm server for all that needs no other: it takes seconds to import torch."""

from collections.abc import Iterator

import pytest

from xorkit.sandbox import Kernel, Limits, Warm

LIMITS = Limits(cell_seconds=20)


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    with Warm(LIMITS, preload=("torch",)) as server:
        yield server


@pytest.fixture
def kernel(warm: Warm) -> Iterator[Kernel]:
    with warm.start() as fresh:
        yield fresh
