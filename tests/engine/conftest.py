"""A course of its own for each test, built once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import tiny_course

from xorkit.engine.course import Course, open_course


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_course.author(tmp_path_factory.mktemp("built")).root


@pytest.fixture
def course(built: Path, tmp_path: Path) -> Course:
    root = tmp_path / "course"
    shutil.copytree(built, root)
    return open_course(root, "tiny")
