"""The real course in a folder of its own, and the sample class."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from xorkit.engine.course import Course, open_course
from xorkit.engine.release import generate
from xorkit.samples import Learner, read_class

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def new_course(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Course]:
    """Makes a course folder of this name, freshly built."""

    def make(name: str) -> Course:
        root = tmp_path_factory.mktemp(name)
        for part in ("source", "lessons"):
            shutil.copytree(REPOSITORY / part, root / part)
        shutil.copy(REPOSITORY / "nbgrader_config.py", root)
        course = open_course(root, "xor")
        generate(course, root / "release")
        return course

    return make


@pytest.fixture(scope="session")
def learners() -> tuple[Learner, ...]:
    return read_class(REPOSITORY / "samples" / "xor" / "class.yaml")
