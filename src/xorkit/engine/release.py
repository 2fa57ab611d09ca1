"""From the authored notebook to the released one, by nbgrader's own converter."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from xorkit.engine.authoring import problems
from xorkit.engine.course import Course, CourseError, code_version, nbgrader_config, open_course
from xorkit.engine.gradebook import missing_file
from xorkit.engine.packing import CHECK_IMPORT
from xorkit.errors import KitError
from xorkit.files import digest, write_file


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """nbgrader reads its configuration in the working directory."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def generate(course: Course, release: Path, *, db_url: str | None = None) -> None:
    """Builds the release into a folder and makes the assignment known to the gradebook.

    The release stays as it was where that fails. Raises CourseError, which says what to change in
    which cell, or has nbgrader's own words.
    """
    if found := problems(course.source, course.lesson):
        path = course.notebook_path("source")
        raise CourseError(f"{path} can't be built yet:\n" + "\n".join(found))
    release.mkdir(parents=True, exist_ok=True)
    with (
        _made_whole(db_url or course.db_url) as url,
        tempfile.TemporaryDirectory(prefix=".build-", dir=release.parent) as folder,
    ):
        _convert(course, Path(folder), url)
        _check_packed(course, Path(folder))
        old = release / course.assignment  # stays, where nbgrader refuses the new one
        shutil.rmtree(old, ignore_errors=True)
        os.replace(Path(folder, course.assignment), old)


def _check_packed(course: Course, folder: Path) -> None:
    """Raises CourseError where the release would import xorkit, which Colab hasn't."""
    import nbformat

    made = nbformat.read(folder / course.assignment / f"{course.assignment}.ipynb", as_version=4)
    if any(CHECK_IMPORT in cell.source.splitlines() for cell in made.cells):
        raise CourseError(
            "the release would import xorkit, which learners in Colab haven't:"
            " c.GenerateAssignment.preprocessors in nbgrader_config.py doesn't name"
            " xorkit.preprocessors.PackChecks. Take the list that `xorkit quickstart` writes"
        )


def build(course: Course, begin: Callable[[], None] = lambda: None) -> None:
    """Generates the release, where it isn't what this source, lesson and kit have given before.

    `begin` is called before it is generated. Raises CourseError.
    """
    kept = course.path(".xorkit", "built", course.assignment)
    there = missing_file(course.db_url) is None
    if there and kept.exists() and kept.read_text("utf-8") == _state(course):
        return
    begin()
    generate(course, course.path("release"))
    write_file(kept, _state(course).encode())


def _state(course: Course) -> str:
    """A digest of all that a release is made from, and of what was made."""
    paths = [course.root / "nbgrader_config.py"]
    for step in ("source", "release"):
        paths += course.path(step, course.assignment).rglob("*")
    lesson = course.lesson  # of its rubrics the release knows the names alone
    parts: list[str | bytes] = [code_version(), version("nbgrader"), course.db_url]
    parts += [lesson.model_dump_json(exclude={"recall"}), *lesson.recall, ""]
    for path in sorted(filter(Path.is_file, paths)):
        parts += [str(path.relative_to(course.root)), path.read_bytes()]
    return digest(parts)


def register(course: Course) -> None:
    """Makes the assignment known to the gradebook; the release stays as it is.

    Raises CourseError.
    """
    with tempfile.TemporaryDirectory(prefix="xorkit-build-") as folder:
        generate(course, Path(folder))


@contextmanager
def _made_whole(db_url: str) -> Iterator[str]:
    """A new SQLite gradebook is filled elsewhere first: one that is half made is of no use."""
    path = missing_file(db_url)
    if path is None:
        yield db_url
        return
    with tempfile.TemporaryDirectory(prefix=".gradebook-", dir=path.parent) as folder:
        made = Path(folder, path.name)
        yield f"sqlite:///{made}"
        os.replace(made, path)


def _convert(course: Course, release: Path, db_url: str) -> None:
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory

    config = nbgrader_config(course.root)
    # nbgrader joins this to the course's folder
    config.CourseDirectory.release_directory = os.path.relpath(release, course.root)
    config.CourseDirectory.db_url = db_url
    config.CourseDirectory.assignment_id = course.assignment
    with _inside(course.root), _log() as lines:
        converter = GenerateAssignment(
            coursedir=CourseDirectory(config=config), config=config, parent=None
        )
        converter.force = True
        converter.log = logging.getLogger("xorkit.nbgrader")
        try:
            converter.start()
        except (NbGraderException, SystemExit) as error:
            raise CourseError("nbgrader can't build the release:\n" + "\n".join(lines)) from error


@contextmanager
def _log() -> Iterator[list[str]]:
    """nbgrader's warnings and errors, kept instead of printed."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger = logging.getLogger("xorkit.nbgrader")
    handler = Keep(level=logging.WARNING)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


if __name__ == "__main__":  # for xorkit.engine.records, which registers in a process of its own
    try:
        register(open_course(Path(sys.argv[1]), sys.argv[2]))
    except KitError as error:
        sys.exit(str(error))
