"""nbgrader's own commands, on files as learners handed them in, give the scores of `xorkit grade`.

Five learners who differ in what matters to nbgrader stand for the class; `--sweep` takes everyone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from support import colab_loops

from xorkit.conventions import solution_texts
from xorkit.engine import batch
from xorkit.engine.course import Course
from xorkit.engine.job import RunSettings
from xorkit.samples import Learner, file_bytes

CHOSEN = (
    "cwood",  # cells that are there twice
    "hschmidt",  # answers that are left to a person
    "ipetrov",  # a wrong loop
    "vjansen",  # a cell that crashes
    "ychen",  # nothing filled in
)
# nbgrader's own reader stops at a byte-order mark, at half a file and at a PDF: such learners are
# lost to it unless `xorkit collect` has been there before.
UNREADABLE = ("windows", "pdf")

Scores = Mapping[tuple[str, str], tuple[float | None, bool]]


@dataclass(frozen=True)
class Plain:
    """What nbgrader made of the class: scores, and its notebooks and pages by learner."""

    scores: Scores
    notebooks: Mapping[str, NotebookNode]
    pages: Mapping[str, str]


def scores_in(root: Path) -> Scores:
    """Automatic score and need of a person of every graded cell in a gradebook."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        submissions = book.assignment_submissions("xor")
        return {
            (submission.student.id, grade.name): (grade.auto_score, bool(grade.needs_manual_grade))
            for submission in submissions
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def hand_in(course: Course, learners: Sequence[Learner]) -> None:
    """The learners' own files, under the name that nbgrader asks for."""
    solutions = solution_texts(course.source)
    for learner in learners:
        path = course.notebook_path("submitted", learner.id)
        path.parent.mkdir(parents=True)
        path.write_bytes(file_bytes(learner, course.release, solutions))


def nbgrader(root: Path, *arguments: str) -> None:
    """Runs a command of nbgrader as a person does, in a course's folder."""
    own = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}"}
    command = [str(own / "nbgrader"), *arguments]
    ran = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def by_plain_nbgrader(root: Path) -> Plain:
    nbgrader(root, "generate_assignment", "xor", "--force")
    nbgrader(root, "autograde", "xor")
    nbgrader(root, "generate_feedback", "xor")
    graded = {path.parts[-3]: path for path in root.glob("autograded/*/xor/xor.ipynb")}
    pages = {path.parts[-3]: path for path in root.glob("feedback/*/xor/xor.html")}
    return Plain(
        scores_in(root),
        {name: nbformat.read(path, as_version=4) for name, path in graded.items()},
        {name: path.read_text("utf-8") for name, path in pages.items()},
    )


def both_ways(
    new_course: Callable[[str], Course], learners: Sequence[Learner]
) -> tuple[Scores, Plain]:
    """The scores by `xorkit grade`, and what plain nbgrader makes of the same files."""
    course = new_course("engine")
    hand_in(course, learners)
    list(batch.grade_class(course, RunSettings(timeout=30)))
    halves = [new_course("plain"), new_course("plain")]  # two at a time, as there are two cores
    for half, those in zip(halves, (learners[::2], learners[1::2]), strict=True):
        hand_in(half, those)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda half: by_plain_nbgrader(half.root), halves)
    plain = Plain(
        {**one.scores, **other.scores},
        {**one.notebooks, **other.notebooks},
        {**one.pages, **other.pages},
    )
    return scores_in(course.root), plain


@pytest.fixture(scope="module")
def chosen(
    new_course: Callable[[str], Course], learners: tuple[Learner, ...]
) -> tuple[Scores, Plain]:
    return both_ways(new_course, [learner for learner in learners if learner.id in CHOSEN])


def test_plain_nbgrader_gives_the_same_scores_cell_by_cell(chosen: tuple[Scores, Plain]) -> None:
    by_xorkit, plain = chosen

    assert len(by_xorkit) == 11 * len(CHOSEN)
    assert plain.scores == by_xorkit


@pytest.mark.sweep
def test_plain_nbgrader_gives_the_same_scores_to_the_whole_class(
    new_course: Callable[[str], Course], learners: tuple[Learner, ...]
) -> None:
    readable = [x for x in learners if x.saved not in UNREADABLE and not x.cut_at]
    by_xorkit, plain = both_ways(new_course, readable)

    assert plain.scores == by_xorkit


@pytest.mark.sweep
def test_plain_nbgrader_gives_the_same_scores_to_what_it_can_run_of_colabs(
    new_course: Callable[[str], Course],
) -> None:
    """Where a cell stops in Jupyter's own kernel, the kit gives no less."""
    courses = [new_course("engine"), new_course("plain")]
    learners = {f"row{number:02}": row for number, row in enumerate(colab_loops.ROWS)}
    for course in courses:
        solutions = solution_texts(course.source)
        for student, row in learners.items():
            path = course.notebook_path("submitted", student)
            path.parent.mkdir(parents=True)
            nbformat.write(colab_loops.notebook(row, course.release, solutions), path)
    list(batch.grade_class(courses[0], RunSettings(timeout=30), count=0))
    by_xorkit, plain = scores_in(courses[0].root), by_plain_nbgrader(courses[1].root).scores

    points = {
        student: [sum(scores[at][0] or 0 for at in scores if at[0] == student) for scores in both]
        for both in [(by_xorkit, plain)]
        for student in learners
    }
    same = {student for student, (own, other) in points.items() if own == other}
    assert same == {student for student, row in learners.items() if colab_loops.runs_plain(row)}
    assert all(own >= other for own, other in points.values())


def outputs(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """The outputs of all cells but the learner's own, with the cell's id."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("solution"):
            yield from ((cell.id, output) for output in cell.outputs)


def test_no_self_check_raises_or_writes_to_stderr(chosen: tuple[Scores, Plain]) -> None:
    _, plain = chosen
    checks = {
        (student, name): output
        for student, notebook in plain.notebooks.items()
        for name, output in outputs(notebook)
        if name.startswith("test_") or name == "ready"
    }

    assert len(plain.notebooks) == len(CHOSEN)
    assert [
        (place, output)
        for place, output in checks.items()
        if output.output_type == "error" or output.get("name") == "stderr"
    ] == []


def test_generate_feedback_makes_a_page_for_everyone(chosen: tuple[Scores, Plain]) -> None:
    _, plain = chosen

    assert set(plain.pages) == set(CHOSEN)
    assert all("xor (Score: " in page for page in plain.pages.values())


def test_the_page_of_a_right_program_shows_no_traceback(chosen: tuple[Scores, Plain]) -> None:
    _, plain = chosen

    for student in ("cwood", "hschmidt"):
        assert "Traceback (most recent call last)" not in plain.pages[student]
