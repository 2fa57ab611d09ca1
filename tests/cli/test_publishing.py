"""What learners may see, and nothing else, reaches the folder or the branch."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from xorkit.engine.course import Course, CourseError, open_course
from xorkit.engine.publishing import publish, publish_branch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def course(tmp_path: Path) -> Course:
    for name in ("source", "lessons", "release"):
        shutil.copytree(ROOT / name, tmp_path / name)
    config = (ROOT / "nbgrader_config.py").read_text("utf-8")
    (tmp_path / "nbgrader_config.py").write_text(config.replace('"owner/', '"ada/'), "utf-8")
    return open_course(tmp_path, "xor")


def test_the_folder_holds_the_release_and_a_readme_with_the_badge(
    course: Course, tmp_path: Path
) -> None:
    folder = tmp_path / "out"

    publish(course, folder)

    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert found == ["README.md", "release/xor/xor.ipynb"]
    assert "blob/main/release/xor/xor.ipynb" in (folder / "README.md").read_text("utf-8")


def test_without_a_repository_for_colab_nothing_is_published(
    course: Course, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "nbgrader_config.py", course.root)

    with pytest.raises(CourseError, match=r"c\.ReleaseCells\.colab in .*nbgrader_config\.py"):
        publish(course, tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "secret",
    [
        "### BEGIN HIDDEN TESTS",
        "optimizer = torch.optim.SGD(model.parameters(), lr=1.0)",
        "hidden.check(training.updates)",
    ],
)
def test_a_release_that_leaks_is_not_published(course: Course, tmp_path: Path, secret: str) -> None:
    (tmp_path / "release" / "xor" / "notes.txt").write_text(f"by the way: {secret}\n", "utf-8")

    with pytest.raises(CourseError, match=r"notes\.txt"):
        publish(course, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_branch_gets_one_commit_a_change_and_the_working_tree_none(
    course: Course, tmp_path: Path
) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q", str(tmp_path)], check=True)
    for key, value in (("user.name", "t"), ("user.email", "t@example.org")):
        subprocess.run(["git", "config", key, value], cwd=tmp_path, check=True)

    first, again = publish_branch(course, "public"), publish_branch(course, "public")

    shown = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "public"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert first == again
    assert shown.stdout.split() == ["README.md", "release/xor/xor.ipynb"]
    assert (tmp_path / "source").is_dir()
