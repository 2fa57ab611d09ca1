"""What is packed into a release is searched for what learners must not see, word by word."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest

from xorkit.engine.course import Course, CourseError, open_course
from xorkit.engine.packing import PIECE, SHEET, PackedModules, packed
from xorkit.engine.proof import leaks
from xorkit.engine.publishing import publish
from xorkit.engine.release import generate

ROOT = Path(__file__).parents[2]
PLANTED = {
    "a solution": 'step = "optimizer = torch.optim.SGD(model.parameters(), lr=1.0)"',
    "a model answer": "ANSWER = {recall_step!r}",
    "a hidden test": "    hidden.check(training.fresh_gradients)",
    "an answer of a rubric": "SAID = {tested!r}",
    "what a line of the menu gives away": "# {belief}",
}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    for name in ("source", "lessons", "release"):
        shutil.copytree(ROOT / name, tmp_path / name)
    config = (ROOT / "nbgrader_config.py").read_text("utf-8")
    (tmp_path / "nbgrader_config.py").write_text(config.replace('"owner/', '"ada/'), "utf-8")
    return open_course(tmp_path, "xor")


@pytest.fixture
def small(tmp_path: Path) -> Course:
    """The second assignment, whose solution has a line that the kit's own modules have, too."""
    shutil.copytree(ROOT / "examples" / "and", tmp_path / "and")
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path / "and")
    return open_course(tmp_path / "and", "and")


def planted(text: str, course: Course) -> str:
    lesson = course.lesson
    assert lesson.matching is not None
    beliefs = [line.belief for line in lesson.matching.lines if line.belief]
    answers = [test.answer for test in lesson.recall["recall_stuck"].tests]
    return text.format(
        recall_step=lesson.recall["recall_step"].model_answer,
        tested=max(answers, key=len),
        belief=beliefs[0],
    )


def repack(course: Course, files: Mapping[str, str]) -> None:
    """Puts other modules into the release of a course."""
    path = course.notebook_path("release")
    notebook = nbformat.read(path, as_version=4)
    (setup,) = (cell for cell in notebook.cells if PIECE.search(cell.source))
    setup.source = PIECE.sub(lambda _: f'XORKIT = "{PackedModules(files).text}"', setup.source)
    nbformat.write(notebook, path)


def test_the_release_as_it_is_holds_nothing_of_the_key(course: Course) -> None:
    assert leaks(course, course.notebook_path("release")) == []


@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED)
def test_what_is_packed_by_mistake_is_found(text: str, course: Course, tmp_path: Path) -> None:
    files = {**packed().files, "xorkit.selfcheck.extra": planted(text, course)}
    repack(course, files)

    assert leaks(course, course.notebook_path("release")) != []
    with pytest.raises(CourseError, match="not published"):
        publish(course, tmp_path / "out")


def test_the_sheet_is_searched_too(course: Course) -> None:
    path = course.notebook_path("release")
    notebook = nbformat.read(path, as_version=4)
    answer = course.lesson.recall["recall_step"].model_answer
    (setup,) = (cell for cell in notebook.cells if SHEET.search(cell.source))
    setup.source = setup.source.replace("X holds", answer.replace('"', '\\"'))
    nbformat.write(notebook, path)

    assert answer in leaks(course, path)


def test_what_cannot_be_unpacked_is_not_published(course: Course) -> None:
    path = course.notebook_path("release")
    text = path.read_text("utf-8")
    path.write_text(text.replace('XORKIT = \\"', 'XORKIT = \\"0000'), "utf-8")

    assert "can't be unpacked" in leaks(course, path)[0]


def test_a_line_of_the_kit_s_own_modules_is_found_where_it_stands_once_more(small: Course) -> None:
    generate(small, small.path("release"))
    assert leaks(small, small.notebook_path("release")) == []

    repack(small, {**packed().files, "xorkit.selfcheck.extra": "optimizer.step()"})
    assert leaks(small, small.notebook_path("release")) == ["optimizer.step()"]


def test_a_release_without_its_checks_is_not_built(small: Course) -> None:
    config = small.root / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8").replace("    PackChecks,\n", ""), "utf-8")

    with pytest.raises(CourseError, match=r"xorkit\.preprocessors\.PackChecks"):
        generate(small, small.path("release"))
