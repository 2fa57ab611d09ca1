"""One warm server for all that needs no other: it takes seconds to import torch."""

import os
import secrets
from collections.abc import Iterator

import pytest
from red_team import TOKEN
from support.small_limits import LIMITS

from xorkit.sandbox import Kernel, Warm


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    os.environ[TOKEN] = secrets.token_hex(16)  # of which no kernel may know
    with Warm(LIMITS, preload=("torch",)) as server:
        yield server


@pytest.fixture
def kernel(warm: Warm) -> Iterator[Kernel]:
    with warm.start() as fresh:
        yield fresh
