"""The promises of the house: who may know whom, and what must never be imported."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "xorkit"

# Each room may use those above it. Rooms of one line don't know each other.
FLOORS = (
    ("errors",),
    (
        "evidence",
        "verdict",
        "conventions",
        "files",
        "foreign",
        "quickstart",
        "yaml_parts",
        "progress",
    ),
    ("messages", "reference", "cell_text", "terminal"),
    ("matching", "recall"),
    ("judge",),
    ("lesson", "starts"),
    ("probe", "guest"),
    ("hidden", "sandbox", "intake", "selfcheck"),
    ("engine",),
    ("preprocessors", "pages", "export", "samples"),
    ("marking",),
    ("cli",),
    ("__main__",),
)
BESIDE_LEARNERS = {"probe", "guest"}  # run in the learner's process, where torch is
# `check` is what authors import from `xorkit.hidden`, and what learners call in the notebook.
SHARED_NAMES = {"check"}
FORBIDDEN = {"pickle", "cPickle", "dill", "marshal", "shelve"}


def _room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


FILES = sorted(p for p in SOURCE.rglob("*.py") if _room(p) != "__init__")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_uses_only_rooms_above_it(path: Path) -> None:
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    own = _room(path)
    used = {name.split(".")[1] for name in _imports(path) if name.startswith("xorkit.")}

    assert own in floor, f"say in FLOORS on which floor {own} lives"
    assert [room for room in used - {own} if floor[room] >= floor[own]] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_what_runs_beside_a_learner_imports_torch(path: Path) -> None:
    tops = {name.split(".")[0] for name in _imports(path)}

    assert "torch" not in tops or _room(path) in BESIDE_LEARNERS


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_unpickles(path: Path) -> None:
    assert FORBIDDEN.isdisjoint(name.split(".")[0] for name in _imports(path))


def _public_names(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def test_a_public_name_is_defined_in_one_module() -> None:
    homes = Counter(name for path in FILES for name in set(_public_names(path)))

    assert {name for name, count in homes.items() if count > 1} == SHARED_NAMES


def test_the_architecture_page_has_a_line_for_every_room_and_no_other() -> None:
    page = (SOURCE.parents[1] / "docs" / "architecture.md").read_text("utf-8")
    table = page.split("## The rooms")[1].split("\n## ")[0]
    told = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))

    assert sorted(told) == sorted({_room(path) for path in FILES} - {"__main__"})


def test_only_one_room_has_a_console() -> None:
    homes = {_room(path) for path in FILES if "rich.console" in set(_imports(path))}

    assert homes == {"terminal"}


def test_help_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys, typer.testing, xorkit.cli as cli\n"
        "assert typer.testing.CliRunner().invoke(cli.app, ['--help']).exit_code == 0\n"
        "heavy = ('torch', 'nbgrader', 'pytest', 'numpy', 'nbformat', 'rich')\n"
        "print([name for name in heavy if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
