"""A class that waits for marks, made once; each module marks a copy of its own."""

from __future__ import annotations

import shutil

import pytest
from support.waiting_class import COUNT, waiting_course

from xorkit.engine.course import Course, open_course


@pytest.fixture(scope="session")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return waiting_course(tmp_path_factory.mktemp("waiting"), COUNT)


@pytest.fixture(scope="module")
def course(waiting: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = tmp_path_factory.mktemp("course") / "own"
    shutil.copytree(waiting.root, root)
    return open_course(root, "xor")
