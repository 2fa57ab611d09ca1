"""One warm server for all that needs no other: it takes seconds to import torch."""

import os
import secrets
from collections.abc import Iterator

import pytest
from red_team import TOKEN

from xorkit.sandbox import Kernel, Limits, Warm

MiB = 1 << 20
LIMITS = Limits(
    cell_seconds=20,
    grace_seconds=2,
    memory=512 * MiB,
    scratch=16 * MiB,
    files=300,
    threads=64,
    output=MiB,
    flood=4 * MiB,
    message=2 * MiB,
)


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    os.environ[TOKEN] = secrets.token_hex(16)  # of which no kernel may know
    with Warm(LIMITS, preload=("torch",)) as server:
        yield server


@pytest.fixture
def kernel(warm: Warm) -> Iterator[Kernel]:
    with warm.start() as fresh:
        yield fresh
