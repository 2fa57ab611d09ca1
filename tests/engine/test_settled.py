"""What has not changed is not looked at again; whatever has changed is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.waiting_class import waiting_course

from xorkit.engine import records, settled
from xorkit.engine.course import Course, open_course
from xorkit.engine.gradebook import open_gradebook

COMMANDS = (["feedback"], ["report"], ["export"])
HEAVY = {"nbgrader", "nbformat", "numpy", "sqlalchemy", "matplotlib", "torch", "xorkit.lesson"}
SAYS = f"""
import sys
from xorkit import cli
from xorkit.engine import settled
settled.CLOCK_STEP = -1
for words in {COMMANDS!r}:
    cli.app(words, standalone_mode=False)
print(*sorted({HEAVY!r} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return waiting_course(tmp_path_factory.mktemp("settled"), 3).root


@pytest.fixture
def course(agreed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course of which it is noted that verdicts and gradebook agree."""
    monkeypatch.setattr(settled, "CLOCK_STEP", -1.0)
    root = tmp_path / "course"
    shutil.copytree(agreed, root)
    course = open_course(root, "xor")
    records.verdicts(course)  # writes what is to be written
    records.verdicts(course)
    return course


@pytest.mark.parametrize(
    ("handed_in", "judged", "waits"),
    [(2, 1, True), (1, 2, False), (1, None, True), (None, 1, False), (None, None, False)],
)
def test_what_looks_as_if_it_waited_to_be_graded(
    tmp_path: Path, handed_in: float | None, judged: float | None, waits: bool
) -> None:
    course = Course(tmp_path, "tiny")
    files = {
        course.notebook_path("submitted", "ada"): handed_in,
        course.result_path("ada", "verdict.json"): judged,
    }
    for path, time in files.items():
        if time is not None:
            path.parent.mkdir(parents=True)
            path.touch()
            os.utime(path, (time, time))

    assert settled.newer(course, ["ada"]) == ["ada"] * waits


def looks(course: Course, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the gradebook is opened; what is said is right in any case."""
    opened = []

    def verdicts(course: Course) -> list[object]:
        opened.append(course)
        return []

    with monkeypatch.context() as patched:
        patched.setattr(records, "verdicts", verdicts)
        found = settled.settled_verdicts(course)

    assert opened or found == records.verdicts(course)
    return bool(opened)


def test_where_nothing_has_changed_no_command_imports_what_makes_pages_or_reads_marks(
    course: Course,
) -> None:
    for _ in range(2):
        said = subprocess.run(
            [sys.executable, "-c", SAYS],
            cwd=course.root,
            capture_output=True,
            text=True,
            check=True,
        )

    assert said.stdout.splitlines()[-1] == ""


def test_what_agrees_is_not_looked_at_again(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not looks(course, monkeypatch)
    assert not looks(open_course(course.root), monkeypatch)


def mark(course: Course) -> None:
    with open_gradebook(course.db_url) as book:
        grade = book.find_grade("test_data", "xor", "xor", records.verdicts(course)[0].student)
        grade.manual_score = 1.5
        book.db.commit()


def due(course: Course) -> None:
    with open_gradebook(course.db_url) as book:
        book.update_or_create_assignment("xor", duedate="2026-05-01 12:00:00 UTC")


def touched(*parts: str, text: str = "") -> Callable[[Course], None]:
    def change(course: Course) -> None:
        student = course.students("autograded")[0]
        path = course.path(*(part.format(student) for part in parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text("utf-8") if path.exists() else "") + text, "utf-8")

    return change


def same_size(course: Course) -> None:
    """Another score of as many bytes, and the old times: as a copy that keeps times has it."""
    path = course.result_path(course.students("autograded")[0], "verdict.json")
    seen, text = path.stat(), path.read_text("utf-8")
    path.write_text(text.replace('"checked": false', '"checked": true '), "utf-8")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def gone(course: Course) -> None:
    shutil.rmtree(course.path("autograded", course.students("autograded")[0]))


def another_kit(course: Course) -> None:
    note = course.path(".xorkit", "xor.settled.json")
    note.write_text(json.dumps([json.loads(note.read_text("utf-8"))[0], "0" * 32]))


@pytest.mark.parametrize(
    "change",
    [
        mark,
        due,
        same_size,
        gone,
        another_kit,
        touched("autograded", "{}", "xor", "verdict.json", text=" "),
        touched("autograded", "{}", "xor", "checked.txt", text="x"),
        touched("submitted", "{}", "xor", "timestamp.txt", text="2026-05-03 12:00:00 UTC"),
        touched("submitted", "{}", "xor", "intake.json", text="{{}}"),
        touched("submitted", "{}", "xor", "xor.ipynb", text="{{}}"),
        touched("gradebook.db-wal", text="x"),
        touched("nbgrader_config.py", text="\n"),
        touched("late.py", text="x = 1"),
        touched("lessons", "xor.yaml", text="\n"),
        touched("lessons", "xor.recall.yaml", text="\n"),
        touched("source", "xor", "xor.ipynb", text="\n"),
        touched(".xorkit", "xor.settled.json", text="]"),
    ],
)
def test_whatever_changes_is_looked_at(
    change: Callable[[Course], None], course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(course)

    assert looks(course, monkeypatch)


@pytest.mark.parametrize(
    "setting",
    [
        "import os",
        "c.CourseDirectory.course_id = __import__('os').environ.get('COURSE', '')",
        "c.CourseDirectory.course_id = f'{c}'",
        "from late import Hourly",
        "c.AssignLatePenalties.plugin_class = 'late.Hourly'",
    ],
)
def test_a_course_whose_own_program_has_a_say_is_always_looked_at(
    setting: str, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write(f"\n{setting}\n")
    plugin = "from nbgrader.plugins import BasePlugin\nclass Hourly(BasePlugin): pass\n"
    (course.root / "late.py").write_text(plugin, "utf-8")
    here = open_course(course.root)
    for _ in range(2):
        records.verdicts(here)

    assert looks(here, monkeypatch)


def test_what_has_just_been_changed_is_not_noted(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled, "CLOCK_STEP", 1000.0)
    mark(course)
    records.verdicts(course)
    records.verdicts(course)

    assert looks(course, monkeypatch)
