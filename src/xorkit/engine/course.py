"""The course folder: where things lie, what is asked, what is tested."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xorkit.conventions import grade_id, hidden_tests, is_test, metadata
from xorkit.errors import KitError

if TYPE_CHECKING:  # whoever finds that nothing has changed reads neither
    from nbformat import NotebookNode

    from xorkit.lesson import Lesson


class CourseError(KitError, ValueError):
    """The course itself is broken; the text says what was seen, what was wanted, what to do."""


@dataclass(frozen=True)
class Course:
    """One assignment of a course folder, by the paths that nbgrader uses."""

    root: Path
    assignment: str

    def path(self, step: str, *more: str) -> Path:
        return self.root.joinpath(step, *more)

    def notebook_path(self, step: str, student: str = "") -> Path:
        name = f"{self.assignment}.ipynb"
        return self.root.joinpath(step, *([student] if student else []), self.assignment, name)

    def result_path(self, student: str, name: str) -> Path:
        return self.path("autograded", student, self.assignment, name)

    def students(self, step: str) -> list[str]:
        """Everyone with something called as this assignment in a step of the course.

        Also where it is a file or a link that leads nowhere: that must be said, not passed over.
        """
        try:
            names = [entry.name for entry in os.scandir(self.path(step))]
        except FileNotFoundError:
            return []
        hidden = (".ipynb_checkpoints", ".DS_Store")  # no learners, as nbgrader knows as well
        return sorted(
            name
            for name in names
            if name not in hidden and os.path.lexists(self.path(step, name, self.assignment))
        )

    @cached_property
    def db_url(self) -> str:
        """Where the gradebook is: `c.CourseDirectory.db_url`, else gradebook.db in the course."""
        default = f"sqlite:///{self.path('gradebook.db')}"
        return str(nbgrader_config(self.root).CourseDirectory.get("db_url") or default)

    @property
    def lesson_files(self) -> list[Path]:
        """All files that the lesson is made of."""
        return sorted(self.path("lessons").glob(f"{self.assignment}.*"))

    @cached_property
    def lesson(self) -> Lesson:
        from xorkit.lesson import LessonError, load

        try:
            return load(self.path("lessons", f"{self.assignment}.yaml"))
        except LessonError as error:
            raise CourseError(str(error)) from error

    @cached_property
    def source(self) -> NotebookNode:
        return _read(self.notebook_path("source"), "the notebook that you author")

    @cached_property
    def release(self) -> NotebookNode:
        path = self.notebook_path("release")
        found = _read(path, "run `xorkit build` first")
        if _own_cells(found) != self.own_cells:
            raise CourseError(f"{path} has other cells than the source: run `xorkit build` first")
        return found

    @cached_property
    def graded_cells(self) -> Mapping[str, str]:
        """The whole text of every graded cell, by grade_id, in the notebook's order."""
        return {grade_id(cell): cell.source for cell in self.source.cells if is_test(cell)}

    @cached_property
    def hidden_cells(self) -> Mapping[str, str]:
        """The hidden tests of every graded cell, by grade_id, in the notebook's order."""
        return {name: hidden_tests(text) for name, text in self.graded_cells.items()}

    @property
    def own_cells(self) -> set[str]:
        """The grade_ids of all cells that nbgrader keeps in its gradebook."""
        return _own_cells(self.source)

    def check(self) -> None:
        """Raises CourseError where notebook and lesson don't agree about cells and points."""
        graded = {
            grade_id(cell): float(metadata(cell).get("points") or 0)
            for cell in self.source.cells
            if metadata(cell).get("grade")
        }
        told = {cell: self.lesson.max_points(cell) for cell in self.lesson.points}
        if graded != told:
            differing = sorted(set(graded.items()) ^ set(told.items()))
            raise CourseError(
                f"the notebook's graded cells and the points in lessons/{self.assignment}.yaml"
                f" differ: {differing}. Make both say the same."
            )
        empty = [name for name, source in self.hidden_cells.items() if not source.strip()]
        if empty:
            raise CourseError(
                f"no hidden tests in {', '.join(empty)}: write them between ### BEGIN HIDDEN TESTS"
                " and ### END HIDDEN TESTS"
            )


def open_course(root: Path, assignment: str = "") -> Course:
    """The course in a folder, with the settings of its nbgrader_config.py.

    Without a name it is the course's only assignment. Raises CourseError where there is no course,
    or no such assignment.
    """
    config = root / "nbgrader_config.py"
    if not config.exists():
        raise CourseError(
            f"no course in {root.resolve()}: wanted nbgrader_config.py there. Run this in the"
            " course folder, or name it with --course."
        )
    if not assignment:
        assignment = _only_assignment(root)
    if not (root / "source" / assignment).is_dir():
        names = ", ".join(_assignments(root)) or "none"
        raise CourseError(f"no assignment {assignment!r}: {root.resolve()}/source holds {names}")
    _put_own_programs_on_path()
    return Course(root.resolve(), assignment)


def _assignments(root: Path) -> list[str]:
    return sorted({path.parent.name for path in root.glob("source/*/*.ipynb")})


def _only_assignment(root: Path) -> str:
    names = _assignments(root)
    if len(names) == 1:
        return names[0]
    if not names:
        raise CourseError(f"no assignment: {root.resolve()}/source holds none")
    raise CourseError(f"which assignment? This course has {', '.join(names)}; name one of them")


def _put_own_programs_on_path() -> None:
    """nbgrader calls `alembic` by name; a venv that isn't activated isn't on the PATH."""
    own = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    if own not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([own, path])


@contextmanager
def importing(root: Path) -> Iterator[None]:
    """With the course's own modules at hand, such as a late policy's late.py.

    nbgrader's commands have them as they run in the course's folder. They are forgotten after, as
    another course may call its own ones alike.
    """
    sys.path.insert(0, str(root.resolve()))
    before = set(sys.modules)
    try:
        yield
    finally:
        sys.path.remove(str(root.resolve()))
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == root.resolve():
                del sys.modules[name]


def nbgrader_config(root: Path) -> Any:
    """nbgrader's settings for this course, as nbgrader's own commands see them."""
    from nbgrader.apps import NbGrader
    from traitlets.config import Config
    from traitlets.config.loader import PyFileConfigLoader

    NbGrader.clear_instance()
    try:
        with importing(root):
            config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    except Exception as error:  # it is a program, and can fail in any way
        where = root.resolve() / "nbgrader_config.py"
        raise CourseError(f"{where} stops with {type(error).__name__}: {error}") from error
    config.CourseDirectory.root = str(root.resolve())
    return Config(config)


def _own_cells(notebook: NotebookNode) -> set[str]:
    kinds = ("grade", "solution", "locked", "task")
    return {grade_id(c) for c in notebook.cells if any(metadata(c).get(kind) for kind in kinds)}


def _read(path: Path, otherwise: str) -> NotebookNode:
    import nbformat

    try:
        found: NotebookNode = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise CourseError(f"{path} is missing: {otherwise}") from None
    except (ValueError, nbformat.ValidationError, nbformat.reader.NotJSONError) as error:
        raise CourseError(f"{path} is no notebook: {error}") from error
    return found


@functools.cache
def code_version() -> str:
    """A digest of the kit's own code and of the libraries that marks depend on."""
    from importlib.metadata import version

    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*")):
        if path.suffix in (".py", ".toml"):  # the sentences, too
            digest.update(path.read_bytes())
    for library in ("torch", "numpy", "pytest", "nbclient", "ipykernel"):
        digest.update(version(library).encode())
    return digest.hexdigest()[:16]
