"""What learners may see, in a folder or on a branch that can be pushed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from xorkit.engine.course import Course, CourseError, nbgrader_config
from xorkit.engine.proof import leaks
from xorkit.quickstart import PLACEHOLDER, is_place

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
RELEASE_README = """# {title}

[![Open in Colab]({badge})]({link})

Open the notebook in Google Colab with the button above: nothing has to be installed. Work through
it from top to bottom, save a copy in your Drive if you want to pause, and hand in the file that
**File → Download → Download .ipynb** gives you.
"""


def publish(course: Course, folder: Path) -> list[Path]:
    """Writes the release and a short README into a folder; gives back what it wrote.

    Raises CourseError, and writes nothing, if any file of the release holds a part of the key.
    """
    link = colab_link(course)
    release = course.path("release", course.assignment)
    files = sorted(path for path in release.rglob("*") if path.is_file())
    if not files:
        raise CourseError(f"{release} is empty: run `xorkit build {course.assignment}` first")
    for path in files:
        if found := leaks(course, path):
            raise CourseError(
                f"not published: {path} holds {found[0]!r}, which only the source may hold. Move it"
                " into a solution or hidden-test region and run `xorkit build` again."
            )
    written = []
    for path in files:
        target = folder / path.relative_to(course.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        written.append(target)
    readme = folder / "README.md"
    text = RELEASE_README.format(title=course.lesson.title, badge=BADGE, link=link)
    readme.write_text(text, "utf-8")
    return [*written, readme]


def place_of(course: Course) -> tuple[str, str, str]:
    """Owner, repository and branch by `c.ReleaseCells.colab` of nbgrader_config.py.

    Raises CourseError where that says no repository yet.
    """
    place = str(nbgrader_config(course.root).ReleaseCells.get("colab", ""))
    if not is_place(place):
        raise CourseError(
            f"no link for Colab: c.ReleaseCells.colab in {course.root / 'nbgrader_config.py'} is"
            f" {place!r}. Say there which repository learners open the notebook from"
            f" ({PLACEHOLDER}), and run `xorkit build` again."
        )
    owner, repository, branch = place.split("/", 2)
    return owner, repository, branch


def colab_link(course: Course) -> str:
    """Where Colab opens the release; raises CourseError as `place_of` does."""
    owner, repository, branch = place_of(course)
    path = f"release/{course.assignment}/{course.assignment}.ipynb"
    return f"https://colab.research.google.com/github/{owner}/{repository}/blob/{branch}/{path}"


def publish_branch(course: Course, branch: str) -> str:
    """Commits the release alone on a branch of the course's repository; gives back the commit.

    Neither the working tree nor the current branch is touched. Raises CourseError where git won't.
    """
    with tempfile.TemporaryDirectory(prefix="xorkit-publish-") as name:
        folder = Path(name) / "tree"
        publish(course, folder)
        index = Path(name) / "index"
        _git(course.root, "--work-tree", str(folder), "add", "--all", "--force", ".", index=index)
        tree = _git(course.root, "write-tree", index=index)
        parent = _git(course.root, "rev-parse", "--verify", "--quiet", branch, may_fail=True)
        if parent and _git(course.root, "rev-parse", f"{parent}^{{tree}}") == tree:
            return parent
        message = f"Publish {course.lesson.title}"
        parents = ["-p", parent] if parent else []
        commit = _git(course.root, "commit-tree", tree, *parents, "-m", message)
        _git(course.root, "update-ref", f"refs/heads/{branch}", commit)
        return commit


def _git(root: Path, *words: str, may_fail: bool = False, index: Path | None = None) -> str:
    """What git prints; "" where it fails and may. `index` stands in for the repository's own."""
    environment = {**os.environ, **({"GIT_INDEX_FILE": str(index)} if index else {})}
    done = subprocess.run(  # noqa: S603 - fixed words, no shell
        ["git", *words],  # noqa: S607 - whichever git the instructor has
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and not may_fail:
        raise CourseError(f"git {words[0]} said: {done.stderr.strip()}")
    return "" if done.returncode else done.stdout.strip()
