"""The notebook's cells, and one in which a learner has run some of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from support.learner import EPOCHS, Learner

from xorkit.engine.course import open_course
from xorkit.engine.packing import sheet_of
from xorkit.selfcheck.sheet import Sheet

COURSE = Path(__file__).parents[2]
ANSWERS = ("data", "model", "loss_and_optimizer", "training_loop")


def cells(stage: str) -> dict[str, Any]:
    """The cells of the source or the release by their ids, in order."""
    notebook = nbformat.read(COURSE / stage / "xor" / "xor.ipynb", as_version=4)
    return {cell.id: cell for cell in notebook.cells}


@pytest.fixture(scope="session")
def source() -> dict[str, Any]:
    return cells("source")


@pytest.fixture(scope="session")
def release() -> dict[str, Any]:
    return cells("release")


@pytest.fixture(scope="session")
def sheet() -> Sheet:
    """What the checks know of the lesson, with fewer epochs."""
    course = open_course(COURSE, "xor")
    whole = sheet_of(course.source, course.lesson)
    assert whole.spec is not None
    return replace(whole, spec=replace(whole.spec, epochs=EPOCHS))


@pytest.fixture
def learner(sheet: Sheet, source: dict[str, Any]) -> Learner:
    """A notebook in which nothing but the set-up was run."""
    torch.manual_seed(1)
    return Learner(sheet, source)


@pytest.fixture
def solved(learner: Learner) -> Learner:
    """A notebook with the first three solutions, from a fixed start."""
    learner.solves(*ANSWERS[:3])
    return learner
