"""Learners' text that is right in a newer Python than the one that grades, told from mistakes.

libcst reads the grammar of Pythons that are newer than the one that runs it. Where its tree holds
what is new, the text is written anew without it; if that compiles, nothing else was wrong.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
LONGEST_PARSED = 200_000  # characters of a cell that are parsed; nobody writes a longer one by hand
# A cell magic with Python below it, and the comments that may stand above it in Colab.
PYTHON_MAGIC = re.compile(r"(?:[ \t]*(?:#.*)?\n)*%%(?:time|timeit|capture|prun)\b.*\n")
MISSING_NAMES = (
    re.compile(r"cannot import name '(?P<name>\w+)' from '(?P<owner>[\w.]+)'"),
    re.compile(r"No module named '(?P<name>[\w.]+)'"),
    re.compile(r"module '(?P<owner>[\w.]+)' has no attribute '(?P<name>\w+)'"),
    re.compile(r"type object '(?:\w+\.)*(?P<kind>\w+)' has no attribute '(?P<name>\w+)'"),
    re.compile(r"'(?:\w+\.)*(?P<kind>\w+)' object has no attribute '(?P<name>\w+)'"),
    re.compile(r"name '(?P<name>\w+)' is not defined"),
)
# Parameters that functions got later, by how their absence is said.
PARAMETER = re.compile(
    r"(?:\w+\.)*?((?:str\.|Path\.)?\w+?)(?:\.__init__)?\(\)"
    r" (?:takes no keyword arguments|got an unexpected keyword argument '(\w+)')"
    r"|'(?:globals|locals)' is an invalid keyword argument for (exec)\(\)"
)
PARAMETERS = {
    "str.replace": "3.13", "map": "3.14", "exec": "3.13", "eval": "3.13", "nextafter": "3.12",
    "Path.exists follow_symlinks": "3.12", "Path.is_dir follow_symlinks": "3.13",
    "Path.is_file follow_symlinks": "3.13", "Path.relative_to walk_up": "3.12",
    "Path.glob case_sensitive": "3.12", "Path.rglob case_sensitive": "3.12",
    "Path.glob recurse_symlinks": "3.13", "Path.rglob recurse_symlinks": "3.13",
    "Path.read_text newline": "3.13", "rmtree onexc": "3.12", "run loop_factory": "3.12",
    "TemporaryDirectory delete": "3.12", "NamedTemporaryFile delete_on_close": "3.12",
    "correlation method": "3.12", "create_task eager_start": "3.14",
}  # fmt: skip
NO_PARAMETER = {"unhashable type: 'slice'": "3.12"}  # other errors of types that are none later
PACKAGES = ("asyncio", "concurrent.futures", "importlib")  # that give names of their modules
UNLISTED = {"collections.abc.Buffer": "3.12", "sys._is_gil_enabled": "3.13"}  # in typeshed's files
CONCRETE = {"PosixPath": ("Path", "PurePath")}  # classes by another name than in the docs


@dataclass(frozen=True)
class Portable:
    """A cell's text for the Python that runs here, and the oldest that takes it as handed in.

    `python` is empty where this one does. Where `runs` is false, the text has no older form.
    """

    text: str
    python: str = ""
    runs: bool = True


def portable(source: str) -> Portable:
    """The text of a cell, written anew where only a newer Python can read it. Never raises."""
    if len(source) > LONGEST_PARSED or _compiles(source):
        return Portable(source)
    if (magic := PYTHON_MAGIC.match(source)) is not None:
        below = portable(source[magic.end() :])
        return replace(below, text=magic[0] + below.text)
    plain = _without_magics(source)
    if plain is None or _compiles(plain):
        return Portable(source)
    try:
        return _rewritten(plain) or Portable(source)
    except (RecursionError, MemoryError):
        return Portable(source)


def _compiles(text: str) -> bool:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the compiler thinks of a learner's text
            compile(text, "<cell>", "exec", TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _without_magics(source: str) -> str | None:
    """IPython's own lines as the calls that they are; None for a cell that is no Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    if source.lstrip().startswith("%%"):
        return None
    try:
        return TransformerManager().transform_cell(source)
    except (SyntaxError, ValueError, RecursionError):
        return source


def _rewritten(text: str) -> Portable | None:
    import libcst

    from xorkit.engine.older_text import Older

    try:
        older = Older()
        new = libcst.parse_module(text).visit(older)
    except (libcst.ParserSyntaxError, libcst.CSTValidationError):
        return None
    if older.python <= "3.11" or not _compiles(new.code):
        return None
    if older.python <= "{}.{}".format(*sys.version_info):
        return None  # this Python can read it, so something else is wrong
    return Portable(text if older.lost else new.code, older.python, runs=not older.lost)


# ------------------------------------------------------------------------------- newer libraries


@functools.cache
def _newer_names() -> Mapping[str, str]:
    text = resources.files("xorkit.engine").joinpath("newer_names.txt").read_text("utf-8")
    return dict(line.split() for line in text.splitlines() if not line.startswith("#"))


def missing_python(error: Sequence[str] | None, source: str = "") -> str:
    """The Python in which a text doesn't raise this error; empty where none is, or this one."""
    name, text = error or ("", "")
    version = ""
    if name == "TypeError":
        parameter = PARAMETER.search(text)
        key = " ".join(filter(None, parameter.groups())) if parameter else ""
        version = PARAMETERS.get(key) or NO_PARAMETER.get(text, "")
    elif name in ("ImportError", "ModuleNotFoundError", "AttributeError", "NameError"):
        found = next((match for pattern in MISSING_NAMES if (match := pattern.search(text))), None)
        version = _since(found.groupdict()) if found else ""
        if not version and name == "NameError" and found and _deferred(source, found["name"]):
            version = "3.14"
    return version if _number(version) > sys.version_info[:2] else ""


def _deferred(source: str, name: str) -> bool:
    """Whether only annotations name something before a text binds it: from 3.14 on
    those are evaluated when somebody asks for them.
    """
    try:
        nodes = [*ast.walk(ast.parse(_without_magics(source) or ""))]
    except (SyntaxError, ValueError, RecursionError):
        return False
    bound = [
        node.lineno
        for node in nodes
        if (isinstance(node, ast.ClassDef) and node.name == name)
        or (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store))
    ]
    hints = [getattr(node, "annotation", None) or getattr(node, "returns", None) for node in nodes]
    read_later = {id(each) for hint in hints if hint is not None for each in ast.walk(hint)}
    return bool(bound) and all(
        id(node) in read_later
        for node in nodes
        if isinstance(node, ast.Name) and node.id == name and node.lineno < min(bound)
    )


def _since(parts: Mapping[str, Any]) -> str:
    names, name, owner = _newer_names(), parts["name"], parts.get("owner")
    if kind := parts.get("kind"):
        ends = tuple(f".{each}.{name}" for each in CONCRETE.get(kind, (kind,)))
        return next((v for full, v in names.items() if full.endswith(ends)), "")
    if owner is None and "." not in name:
        return names.get(name) or names.get(f"builtins.{name}", "")
    full = f"{owner}.{name}" if owner else name
    if full in UNLISTED or full in names:
        return UNLISTED.get(full) or names[full]
    # Of a package that is made of modules: asyncio.tasks.eager_task_factory.
    inner = (v for each, v in names.items() if re.fullmatch(rf"{owner}\.\w+\.{name}", each))
    return next(inner, "") if owner in PACKAGES else ""


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if version else ()
