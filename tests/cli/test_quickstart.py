"""A course folder of one's own: what it holds, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from xorkit.cli import app
from xorkit.engine.course import open_course
from xorkit.engine.publishing import colab_link
from xorkit.quickstart import PLACEHOLDER, QuickstartError, is_place, lessons, quickstart


@pytest.mark.parametrize("lesson", lessons())
def test_it_makes_a_course_with_that_one_lesson(lesson: str, tmp_path: Path) -> None:
    folder = quickstart(tmp_path / "a course", lesson)

    course = open_course(folder)
    course.check()
    assert course.assignment == lesson
    assert "xorkit collect" in (folder / "README.md").read_text("utf-8")
    assert "submitted/" in (folder / ".gitignore").read_text("utf-8")


def test_the_place_for_colab_is_set_where_the_link_is_made_of_it(tmp_path: Path) -> None:
    course = open_course(quickstart(tmp_path / "c", colab="ada/lessons/main"))

    assert colab_link(course) == (
        "https://colab.research.google.com/github/ada/lessons/blob/main/release/xor/xor.ipynb"
    )


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("ada/lessons/main", True),
        ("ada/lessons/feature/x", True),
        (PLACEHOLDER, False),
        ("owner/xorkit/main", False),
        ("ada/lessons", False),
        ("ada//main", False),
        ("ada/my lessons/main", False),
        ("ada/lessons/main?x", False),
        ("", False),
    ],
)
def test_a_place_is_a_branch_of_somebody_s_repository(place: str, named: bool) -> None:
    assert is_place(place) is named


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")

    with pytest.raises(QuickstartError, match="name a new folder"):
        quickstart(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_place_that_can_t_be_written_ends_with_2_and_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = CliRunner().invoke(app, ["quickstart", str(tmp_path / "file" / "course")])

    assert ran.exit_code == 2
    assert "file/course can't be written (Not a directory): name a new folder" in ran.output


@pytest.mark.parametrize("words", [["--lesson", "or"], ["--colab", PLACEHOLDER]])
def test_what_it_can_t_make_ends_with_2_and_leaves_nothing(
    words: list[str], tmp_path: Path
) -> None:
    ran = CliRunner().invoke(app, ["quickstart", str(tmp_path / "c"), *words])

    assert ran.exit_code == 2
    assert "xorkit:" in ran.output
    assert not (tmp_path / "c").exists()


def test_the_version_is_said() -> None:
    ran = CliRunner().invoke(app, ["--version"])

    assert ran.exit_code == 0
    assert ran.output.startswith("xorkit ")
