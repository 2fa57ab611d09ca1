"""The commands in the docs do what the docs say; the snippets are those of the real files."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
SNIPPET = re.compile(r"^```(?:python|yaml)\n(.*?)^```", re.M | re.S)


def _commands(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a page with the lines that it should print (… stands for anything)."""
    for block in CONSOLE.findall((DOCS / page).read_text("utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, *wanted = part.strip().splitlines()
            yield command, [line for line in wanted if line != "…"]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A copy of what is authored, as in a fresh clone."""
    for name in ("source", "lessons", "examples", "samples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    return tmp_path


def _run_page(page: str, folder: Path) -> None:
    environment = {**os.environ, "COLUMNS": "200"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    for command, wanted in _commands(page):
        if command.startswith("make "):
            continue  # `make demo` is xorkit demo, which tests/course runs
        if command.startswith("cd "):
            folder = folder / command.removeprefix("cd ")
            continue
        done = subprocess.run(
            command.split(), cwd=folder, env=environment, capture_output=True, text=True
        )
        printed = (done.stdout + done.stderr).splitlines()
        assert done.returncode in (0, 1), f"{command}: {done.stdout}{done.stderr}"
        for line in wanted:
            assert any(fnmatch.fnmatch(seen.strip(), line.replace("…", "*")) for seen in printed), (
                f"`{command}` should print {line!r}, and printed\n{done.stdout}{done.stderr}"
            )


def test_the_second_assignment_builds_as_its_page_says(course: Path) -> None:
    _run_page("own-exercise.md", course)


def test_the_tutorial_leads_from_clone_to_class(course: Path) -> None:
    import nbformat

    from xorkit import samples

    source, release = (
        nbformat.read(ROOT / step / "xor" / "xor.ipynb", as_version=4)
        for step in ("source", "release")
    )
    everyone = samples.read_class(ROOT / "samples" / "xor" / "class.yaml")
    learners = [*everyone[:3], next(learner for learner in everyone if learner.waits)]
    samples.write_class(course / "class", learners, source, release)
    shutil.make_archive(str(course / "submissions"), "zip", course / "class" / samples.HANDED_IN)

    _run_page("tutorial.md", course)

    assert (course / "report" / "xor.html").exists()


def test_every_snippet_of_the_second_assignment_stands_in_its_files() -> None:
    folder = ROOT / "examples" / "and"
    notebook = (folder / "source" / "and" / "and.ipynb").read_text("utf-8")
    import nbformat

    texts = [cell.source for cell in nbformat.reads(notebook, as_version=4).cells]
    texts += [path.read_text("utf-8") for path in (folder / "lessons").glob("and*.yaml")]

    for snippet in SNIPPET.findall((DOCS / "own-exercise.md").read_text("utf-8")):
        assert any(snippet.strip() in text for text in texts), snippet


def test_the_page_of_sentences_is_what_the_table_makes() -> None:
    sys.path.insert(0, str(DOCS))
    from make_sentences import PAGE, page

    assert PAGE.read_text("utf-8") == page(), "run python docs/make_sentences.py"


def test_every_command_is_documented() -> None:
    from xorkit.cli import app

    page = (DOCS / "commands.md").read_text("utf-8")
    names = [
        c.name or c.callback.__name__.replace("_", "-")
        for c in app.registered_commands
        if c.callback
    ]

    assert [name for name in names if f"`xorkit {name}" not in page] == []


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--quiet",
            "--site-dir",
            str(tmp_path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").exists()
