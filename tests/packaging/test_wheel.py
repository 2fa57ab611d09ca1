"""What `pip install xorkit` brings is enough for a course of one's own, far from any clone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, as a release is."""
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def xorkit(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment that has the wheel.

    What the wheel depends on is borrowed from this environment: to install it again would take
    minutes, and tell nothing of the wheel.
    """
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False)
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", vars=paths))
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(borrowed), "utf-8")
    words = ["install", "--quiet", "--no-deps", "--prefix", str(folder), "--ignore-installed"]
    subprocess.run(
        [sys.executable, "-m", "pip", *words, "--disable-pip-version-check", str(wheel)],
        check=True,
        capture_output=True,
    )
    (folder / "bin" / "alembic").symlink_to(Path(sys.executable).with_name("alembic"))
    command = folder / "bin" / "xorkit"
    _, *lines = command.read_text("utf-8").splitlines()
    command.write_text("\n".join([f"#!{folder / 'bin' / 'python'}", *lines]) + "\n", "utf-8")
    return command


def run(command: Path, *words: str, folder: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(command), *words], cwd=folder, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_kit_and_its_lessons_and_no_test_or_learner(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names} == {
        "xorkit",
        wheel.name.split("-py")[0] + ".dist-info",
    }
    assert "xorkit/courses/xor/source/xor/xor.ipynb" in names
    assert "xorkit/courses/and/lessons/and.yaml" in names
    assert [n for n in names if any(w in n for w in ("test_", "samples/", "class.yaml"))] == []


def test_from_an_empty_folder_to_a_graded_class(xorkit: Path, tmp_path: Path) -> None:
    """The small lesson: what it goes through is what every lesson goes through."""
    here = tmp_path / "Kurs für alle"
    here.mkdir()
    where = xorkit.with_name("python")
    code = "import xorkit; print(xorkit.__file__)"

    assert str(xorkit.parents[1]) in run(where, "-c", code, folder=here)

    run(xorkit, "quickstart", "mein kurs", "--lesson", "and", folder=here)
    course = here / "mein kurs"
    assert "✓" in run(xorkit, "build", folder=course)
    handed_in = here / "Grüße" / "ada"
    handed_in.mkdir(parents=True)
    solved = nbformat.read(course / "source" / "and" / "and.ipynb", as_version=4)
    nbformat.write(solved, handed_in / "and.ipynb")
    run(xorkit, "collect", str(here / "Grüße"), folder=course)
    assert "5/5" in run(xorkit, "grade", folder=course)
    run(xorkit, "report", folder=course)
    assert "ada" in (course / "report" / "and.html").read_text("utf-8")
