"""Wrong usage ends with 2 and one message, before anything is done."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xorkit.cli import app

ROOT = Path(__file__).parents[2]
WRONG = (
    "grade nosuch",
    "grade ../xor",
    "grade xor --memory lots",
    "grade xor --memory -1G",
    "grade xor --memory 0",
    "grade xor --memory 2",
    "grade xor --memory inf",
    "grade xor --memory nan",
    "grade xor --timeout 0",
    "grade xor --timeout -3",
    "grade xor --timeout inf",
    "grade xor --timeout nan",
    "grade xor --workers 0",
    "grade xor --student nobody",
    "rejudge xor --student nobody",
    "feedback xor --student nobody",
    "export xor --to excel",
    "export xor --to csv",
    "report xor --since yesterday",
    "mark xor --csv waiting.csv --from marks.csv",
    "mark xor --from nowhere.csv",
    "checked xor nobody",
    "collect",
    "collect nowhere.zip",
)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("course")
    for name in ("source", "lessons", "release"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    return root


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage_ends_with_2_and_a_message(words: str, course: Path) -> None:
    ran = CliRunner().invoke(app, [*words.split(), "--course", str(course)])

    assert ran.exit_code == 2
    assert ran.output.strip()
    assert "Traceback" not in ran.output


def test_an_unknown_assignment_is_told_with_those_that_there_are(course: Path) -> None:
    ran = CliRunner().invoke(app, ["report", "nosuch", "--course", str(course)])

    assert "no assignment 'nosuch'" in ran.output
    assert ran.output.endswith("source holds xor\n")


def test_a_gradebook_that_is_none_is_told_with_what_to_do(course: Path, tmp_path: Path) -> None:
    shutil.copytree(course, tmp_path / "course")
    (tmp_path / "course" / "gradebook.db").write_text("no database")
    ran = CliRunner().invoke(app, ["report", "--course", str(tmp_path / "course")])

    assert ran.exit_code == 2
    assert "(file is not a database): it is damaged, or no gradebook: put a copy" in ran.output


@pytest.mark.parametrize(
    "command",
    ["grade xor", "rejudge xor", "report xor", "rubric xor", "collect .", "publish", "build"],
)
def test_a_lesson_that_disagrees_with_its_notebook_ends_with_2(
    command: str, course: Path, tmp_path: Path
) -> None:
    shutil.copytree(course, tmp_path / "course")
    lesson = tmp_path / "course" / "lessons" / "xor.yaml"
    lesson.write_text(lesson.read_text("utf-8").replace("test_data:", "test_dada:"), "utf-8")
    ran = CliRunner().invoke(app, [*command.split(), "--course", str(tmp_path / "course")])

    assert ran.exit_code == 2


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("nbgrader_config.py", b"1 / 0"),
        ("nbgrader_config.py", b"syntax error ("),
        ("lessons/xor.yaml", b"{["),
        ("lessons/xor.yaml", b""),
        ("lessons/xor.yaml", b"\xff\xfe\x00"),
        ("lessons/xor.starts.json", b"{"),
        ("lessons/xor.recall.yaml", b"- 1"),
        ("source/xor/xor.ipynb", b"{}"),
        ("source/xor/xor.ipynb", b"["),
        ("source/xor/xor.ipynb", b"\xff\xfe"),
        ("release/xor/xor.ipynb", b"{}"),
        ("release/xor/xor.ipynb", b'{"cells": []}'),
    ],
)
def test_a_course_with_a_broken_file_ends_with_2_and_names_it(
    file: str, content: bytes, course: Path, tmp_path: Path
) -> None:
    shutil.copytree(course, tmp_path / "course")
    (tmp_path / "course" / file).write_bytes(content)
    (tmp_path / "course" / "submitted" / "ada" / "xor").mkdir(parents=True)
    ran = CliRunner().invoke(app, ["grade", "xor", "--course", str(tmp_path / "course")])

    assert ran.exit_code == 2
    assert file in ran.output.replace("\n", "")
