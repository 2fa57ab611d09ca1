"""What the proof of a course has seen once is not run again; what it says is judged each time."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from support.real_course import real_course

from xorkit.engine.course import Course, open_course
from xorkit.engine.job import RunSettings
from xorkit.engine.proof import Check, Mistake, prove, variant_of
from xorkit.engine.release import generate

MISTAKES = """
- {name: half, cell: number, text: number = 3.5, loses: {test_number: 3}}
- {name: eight, cell: number, text: number = 8, loses: {test_number: 2}}
- {name: no words, cell: words, text: words = "", loses: {test_words: 2}}
- {name: no reason, cell: words, text: words = "So it is.", loses: {test_words: 1}}
"""


def rewrite(course: Course, grade_id: str, old: str, new: str) -> Course:
    """The course with a change in one authored cell."""
    path = course.notebook_path("source")
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, path)
    return open_course(course.root, "tiny")


def proved(course: Course) -> list[Check]:
    checks = list(prove(course, RunSettings(), count=1))
    assert [check for check in checks if not check.holds] == []
    return checks


def seen(course: Course) -> dict[str, bytes]:
    """What is kept of the variants that ran, by a name that their content gives."""
    folder = course.path(".xorkit", "proof", "tiny")
    return {path.name: path.read_bytes() for path in folder.glob("*.gz")}


@pytest.fixture(scope="module")
def proved_root(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("proved") / "course"
    shutil.copytree(built, root)
    course = open_course(root, "tiny")
    course.path("lessons", "tiny.mistakes.yaml").write_text(MISTAKES, "utf-8")
    why = "def test_says_why"
    course = rewrite(course, "test_words", why, f'@pytest.mark.needs("test_says_something")\n{why}')
    course = rewrite(course, "test_words", "from xorkit", "import pytest\nfrom xorkit")
    proved(course)
    return root


@pytest.fixture
def course(proved_root: Path, tmp_path: Path) -> Course:
    shutil.copytree(proved_root, tmp_path / "course")
    return open_course(tmp_path / "course", "tiny")


def test_an_unchanged_course_is_judged_again_and_runs_nothing(course: Course) -> None:
    kept = seen(course)

    proved(course)

    assert seen(course) == kept
    assert len(kept) == 6  # the solutions, the untouched release, four mistakes


def test_a_changed_test_is_judged_on_what_was_seen(course: Course) -> None:
    kept = seen(course)
    course = rewrite(course, "test_number", "== 7", "== 8")

    checks = {check.claim: check.holds for check in prove(course, RunSettings(), count=1)}

    assert not checks["the solutions earn 5 of 5"]
    assert seen(course) == kept


def test_a_changed_solution_runs_what_holds_it_and_forgets_the_old(course: Course) -> None:
    kept = seen(course)
    course = rewrite(course, "number", "number = 7", "number = 3 + 4")
    generate(course, course.root / "release")

    proved(course)

    now = seen(course)
    assert len(now) == 6
    assert len(now.keys() & kept.keys()) == 3  # the untouched release, two mistakes of that cell


@pytest.mark.parametrize(
    ("about", "change", "own_result", "epochs"),
    [
        ("model", {"nn.Linear(2, 1)": "nn.Linear(2, 2)"}, True, 500),
        ("training_loop", {"optimizer.zero_grad()": "pass"}, True, 500),
        ("training_loop", {"optimizer.zero_grad()": "lr = 0.5000"}, True, 500),
        ("training_loop", {"range(5000)": "range(100)"}, True, None),
        ("training_loop", {"range(5000)": "range(5000 - 5000)"}, True, None),
        ("training_loop", {"range(5000)": "range(25000)"}, True, None),
        ("model", {"nn.Linear(2, 1)": "nn.Linear(2, 2)"}, False, None),
    ],
)
def test_a_mistake_trains_fewer_epochs_where_that_tells_as_much(
    about: str, change: dict[str, str], own_result: bool, epochs: int | None
) -> None:
    assignment, solutions = real_course()
    mistake = Mistake(name="it", cell=about, replace=change, loses={}, own_result=own_result)

    variant = variant_of(assignment.lesson, mistake, solutions)

    text = mistake.changed(solutions)["training_loop"]
    shorter = text.replace("range(5000)", f"range({epochs})") if epochs else text
    assert (variant.epochs, variant.texts["training_loop"]) == (epochs, shorter)


def test_a_lesson_of_few_epochs_is_tried_with_all_of_them() -> None:
    assignment, solutions = real_course()
    lesson, task = assignment.lesson, assignment.lesson.task
    assert task is not None
    short = lesson.model_copy(update={"task": task.model_copy(update={"epochs": 500})})
    texts = {**solutions, "training_loop": "for _ in range(500): pass"}
    mistake = Mistake(name="it", cell="data", text="X = 1", loses={}, own_result=True)

    assert variant_of(short, mistake, texts).epochs is None
