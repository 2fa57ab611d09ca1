"""A course folder of one's own, from what the package carries: no clone is needed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from xorkit.errors import KitError

PLACEHOLDER = "owner/repository/branch"

PACKAGED = Path(__file__).with_name("courses")  # put there when the wheel is built
REPOSITORY = Path(__file__).parents[2]  # in a clone, the lessons lie where they are authored
CONFIG = "nbgrader_config.py"

COLAB = re.compile(r'(?<=^c\.ReleaseCells\.colab = ").*(?="$)', re.MULTILINE)

IGNORED = """\
# What the commands make, and what learners hand in: nothing of it belongs in a public repository.
.nbgrader.log
.xorkit/
.ipynb_checkpoints/
submitted/
downloaded/
autograded/
feedback/
gradebook.db*
exported/
report/
published/
"""

COURSE_README = """\
# A course with xorkit: `{lesson}`

    xorkit build                        # the learners' notebook: release/{lesson}/{lesson}.ipynb
    xorkit collect submissions.zip      # what your LMS gives you, or a folder of files
    xorkit grade                        # then: xorkit report, mark, feedback, export

`source/{lesson}/{lesson}.ipynb` is the notebook that you author, `lessons/` says points, rubrics
and what must cost points. Learners open the release in Google Colab: put it into a public
repository (`xorkit publish` makes what to push) and say which one in `nbgrader_config.py`:

    c.ReleaseCells.colab = "{place}"

Keep this folder itself private: it holds the solutions.
"""


class QuickstartError(KitError, ValueError):
    """No course can be made there; the text says what was seen and what to do."""


def lessons() -> dict[str, Path]:
    """The folders of the lessons that the kit brings, the main one first, by its assignment."""
    examples = sorted((REPOSITORY / "examples").glob("*"))
    folders = sorted(PACKAGED.glob("*")) or [REPOSITORY, *examples]
    folders.sort(key=lambda folder: not (folder / CONFIG).exists())  # in a wheel: one for all
    return {
        source.name: folder for folder in folders for source in (folder / "source").glob("[!.]*")
    }


def quickstart(folder: Path, lesson: str = "", colab: str = "") -> Path:
    """Makes a course folder with one lesson and gives it back; writes over nothing.

    Without a `lesson` it is the kit's main one. `colab` is owner/repository/branch of the public
    repository that learners open the release from. Raises QuickstartError for a folder that holds
    anything or can't be written, a lesson that there isn't, and a place of another form.
    """
    carried = lessons()
    main, *_ = carried
    lesson = lesson or main
    if lesson not in carried:
        raise QuickstartError(f"no lesson {lesson!r}; there are {' and '.join(carried)}")
    if colab and not is_place(colab):
        raise QuickstartError(f"--colab {colab!r}: wanted {PLACEHOLDER}, with your own names")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise QuickstartError(f"{folder} is there already and not empty: name a new folder")
        _write(folder, lesson, colab or PLACEHOLDER)
    except OSError as error:
        raise QuickstartError(
            f"{folder} can't be written ({error.strerror or error}): name a new folder below one"
            " that you may write"
        ) from error
    return folder


def _write(folder: Path, lesson: str, place: str) -> None:
    carried = lessons()
    main, *_ = carried
    for name in ("source", "lessons"):
        shutil.copytree(carried[lesson] / name, folder / name, ignore=shutil.ignore_patterns(".*"))
    text = (carried[main] / CONFIG).read_text("utf-8")
    (folder / CONFIG).write_text(COLAB.sub(place, text), "utf-8")
    (folder / ".gitignore").write_text(IGNORED, "utf-8")
    readme = COURSE_README.format(lesson=lesson, place=place)
    (folder / "README.md").write_text(readme, "utf-8")


def is_place(colab: str) -> bool:
    """Whether it names a branch of a repository, and is not the placeholder for one."""
    owner, _, rest = colab.partition("/")
    repository, _, branch = rest.partition("/")
    named = all(part and not re.search(r"[\s?#]", part) for part in (owner, repository, branch))
    return named and owner != "owner"
