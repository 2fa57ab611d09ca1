"""Verdicts and gradebook that agree already: no file has changed since that was seen.

To see it takes nbgrader, the lesson and the gradebook, six times as long as all else of an export.
So the files that it hangs on are noted as git's index notes them, by number, size and times; while
they stay as they are, the kept verdicts are what there is to know.
"""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from xorkit.engine.course import Course, code_version
from xorkit.engine.store import CHECKED, EVIDENCE, VERDICT, stored_result, verdict_of
from xorkit.files import digest, write_file
from xorkit.foreign import first_of
from xorkit.intake.records import RECORD, TIMESTAMP
from xorkit.progress import over
from xorkit.verdict import Verdict

# Seconds. A file that is changed twice within one step of its file system's clock may look the
# same (FAT's is the longest), so nothing is noted that hangs on a file that has just been changed.
CLOCK_STEP = 2.0
RUN_HERE = 2  # notebooks: they are done before a worker process would have started
# What a nbgrader_config.py is made of that says the same whenever it runs.
_PLAIN = (
    *(ast.Module, ast.Assign, ast.Expr, ast.Import, ast.ImportFrom, ast.alias),
    *(ast.Attribute, ast.Name, ast.Load, ast.Store, ast.Constant, ast.List, ast.Tuple),
)

State = tuple[str, float]  # a digest of all files, and when the last of them was changed


def settled_verdicts(
    course: Course, say: Callable[[str], None] = lambda text: None
) -> list[Verdict]:
    """All kept verdicts, with the marks that persons gave, agreeing with the gradebook.

    `say` is told of whom there is none, or an older file's. Raises KitError where the course or its
    gradebook can't be read.
    """
    return settled_class(course, say)[0]


def settled_class(
    course: Course, say: Callable[[str], None] = lambda text: None
) -> tuple[list[Verdict], list[str]]:
    """The settled verdicts, and who in `submitted/` has none, or one of another file."""
    noted = _noted(course)
    if noted is None:
        from xorkit.engine import records  # with nbgrader

        found, changed = records.verdicts(course), None
    else:
        found, changed = noted
    waiting = set(course.students("submitted"))
    if changed is None:
        changed = [v.student for v in found if v.student in waiting and _is_another(course, v)]
        _note_changed(course, changed)
    names = sorted((waiting - {verdict.student for verdict in found}).union(changed))
    if names:
        say(
            f"{len(names)} not graded yet, or changed since: {first_of(names)}."
            f" Run `xorkit grade {course.assignment}`."
        )
    return found, names


def _noted(course: Course) -> tuple[list[Verdict], list[str] | None] | None:
    """The verdicts where nothing has changed, and who has another file by now, if that is noted."""
    with suppress(OSError, ValueError, TypeError):
        gradebook, noted, *changed = json.loads(_note(course).read_text("utf-8"))
        if state(course, Path(gradebook))[0] == noted:
            names = over(course.students("autograded"), "reading verdicts")
            found = [found for name in names if (found := verdict_of(course, name)) is not None]
            return found, changed[0] if changed else None
    return None


def _note_changed(course: Course, students: Sequence[str]) -> None:
    """Adds to the note who has another file than the graded one: files may have to be read for it.

    A note that no longer holds may get them, too: it is never looked at again.
    """
    with suppress(OSError, ValueError, TypeError):
        gradebook, noted = json.loads(_note(course).read_text("utf-8"))
        write_file(_note(course), json.dumps([gradebook, noted, students]).encode())


def note(course: Course, gradebook: Path, before: State) -> None:
    """Notes that verdicts and gradebook agree, if nothing has changed since `before`.

    A course that can say otherwise without a change of its files is never noted.
    """
    plain = _is_plain(course.path("nbgrader_config.py").read_text("utf-8"))
    if plain and time.time() - before[1] > CLOCK_STEP and state(course, gradebook) == before:
        write_file(_note(course), json.dumps([str(gradebook), before[0]]).encode())


def newer(course: Course, students: Iterable[str]) -> list[str]:
    """Those whose file is newer than its verdict: a hint at what there is to grade, soon had."""
    return [
        name
        for name in students
        if _changed(course.result_path(name, VERDICT))
        < _changed(course.notebook_path("submitted", name))
    ]


def _is_another(course: Course, verdict: Verdict) -> bool:
    """Whether the learner's file is another than the one that was graded.

    It is read only where it, or its record, was touched after its evidence was written, which
    neither marks nor judging again do.
    """
    from xorkit.engine.submitted import read_submission
    from xorkit.intake.reading import Refusal

    student = verdict.student
    notebook = course.notebook_path("submitted", student)
    handed_in = [_touched(path) for path in (notebook, notebook.with_name(RECORD))]
    if handed_in[0] and max(handed_in) < _changed(course.result_path(student, EVIDENCE)):
        return False
    try:
        handed = read_submission(course, student)
    except Refusal as error:
        return str(error) != verdict.message
    kept = stored_result(course, student)
    return kept is None or handed.key != kept.keys.file


def _touched(path: Path) -> float:
    """When it came to be what and where it is: a copy may keep the time of its content."""
    try:
        seen = path.lstat()
    except OSError:
        return 0.0
    return max(seen.st_mtime, seen.st_ctime)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _is_plain(config: str) -> bool:
    """Whether it only gives constants, and what nbgrader and we define, to its settings."""
    for node in ast.walk(ast.parse(config)):
        if isinstance(node, ast.Call) and ast.unparse(node) == "get_config()":
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if not isinstance(node, _PLAIN) or {n.split(".")[0] for n in names} - {
            "nbgrader",
            "xorkit",
        }:
            return False
    return True


def _note(course: Course) -> Path:
    return course.path(".xorkit", f"{course.assignment}.settled.json")


def state(course: Course, gradebook: Path) -> State:
    """How all files look on which verdicts and the gradebook's agreement with them hang."""
    looks = [str(course.root), course.assignment, code_version()]
    changed = 0.0
    for path in _files(course, gradebook):
        try:
            seen = path.lstat()
        except OSError as error:
            looks.append(f"{path.name} {error.errno}")
            continue
        changed = max(changed, seen.st_mtime, seen.st_ctime)
        times = (seen.st_mtime_ns, seen.st_ctime_ns)
        looks.append(f"{path} {seen.st_mode} {seen.st_ino} {seen.st_size} {times}")
    return digest(looks), changed


def _files(course: Course, gradebook: Path) -> Iterator[Path]:
    yield from course.root.glob("*.py")  # the settings and their own modules
    yield course.notebook_path("source").resolve()
    yield from (path.resolve() for path in course.lesson_files)
    real = gradebook.resolve()
    yield from (real, *(real.with_name(real.name + end) for end in ("-wal", "-journal")))
    for student in course.students("autograded"):
        yield from (course.result_path(student, name) for name in (VERDICT, CHECKED))
        notebook = course.notebook_path("submitted", student)
        yield from (notebook, *(notebook.with_name(name) for name in (RECORD, TIMESTAMP)))
