"""The rubrics of the lesson, and the labelled answers beside this file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from xorkit.lesson import load
from xorkit.recall import Rubric

HERE = Path(__file__).parent
LESSONS = HERE.parents[1] / "lessons"


@pytest.fixture(scope="session")
def rubrics() -> dict[str, Rubric]:
    return load(LESSONS / "xor.yaml").recall


@pytest.fixture(scope="session")
def labelled():
    """Reads a file of labelled answers: question -> list of mark, kind, answer."""
    return lambda name: yaml.safe_load((HERE / name).read_text("utf-8"))
