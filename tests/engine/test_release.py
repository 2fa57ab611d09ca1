"""What an instructor changes in JupyterLab changes in the release, and nothing else does."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_output

from xorkit.engine.course import Course, open_course
from xorkit.engine.release import build, generate

ROOT = Path(__file__).parents[2]


def edit(course: Course) -> Course:
    """A new word in a text and in a blank's comment, saved as JupyterLab saves what was run."""
    path = course.notebook_path("source")
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["language_info"] = {"name": "python", "version": "3.99"}
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.execution_count = number
            cell.outputs = [new_output("stream", text="seen by the instructor")]
            cell.metadata["trusted"] = True
    notebook.cells[0].source += "\n\nGood luck!"
    blank = next(cell for cell in notebook.cells if "Blank 1a" in cell.source)
    blank.source = blank.source.replace("One epoch,", "A whole epoch,")
    nbformat.write(notebook, path)
    return open_course(course.root, "and")


def test_an_edited_text_and_an_edited_blank_change_the_release_there_only(tmp_path: Path) -> None:
    root = tmp_path / "examples" / "and"  # whose settings are those of the course around it
    ignored = shutil.ignore_patterns("release", "*.db", ".xorkit")
    shutil.copytree(ROOT / "examples" / "and", root, ignore=ignored)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    course = open_course(root, "and")
    generate(course, root / "release")
    before = course.release

    course = edit(course)
    build(course)

    after = course.release
    pairs = zip(before.cells, after.cells, strict=True)
    changed = [(old.source, new.source) for old, new in pairs if old != new]
    assert before.metadata == after.metadata
    (text, new_text), (blank, new_blank) = changed
    assert new_text == f"{text}\n\nGood luck!"
    assert new_blank == blank.replace("One epoch", "A whole epoch").replace("one ", "a whole ")
    stamp = course.notebook_path("release").stat().st_mtime_ns

    build(course)

    assert course.notebook_path("release").stat().st_mtime_ns == stamp  # nothing was made anew
