"""Writes src/xorkit/engine/newer_names.txt: what each Python from 3.12 on brought to its library.

    python bench/newer_names.py

It reads typeshed, the types of the standard library that come with mypy: run it anew once mypy
knows a newer Python.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import mypy

STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"
TARGET = Path(__file__).parents[1] / "src" / "xorkit" / "engine" / "newer_names.txt"
OLDEST = (3, 11)  # the oldest Python that the kit runs on
HEAD = """\
# Names of Python's library by the version that brought them (module.name, module.Class.method).
# Made on {today} by `python bench/newer_names.py` from mypy's typeshed.
"""

Version = tuple[int, int]


def names_of(module: str, body: list[ast.stmt], since: Version) -> Iterator[tuple[str, Version]]:
    """The names that statements define, each with the version from which on it is there."""
    for node in body:
        match node:
            case ast.If():
                newer = _version(node.test)
                yield from names_of(module, node.body, max(since, newer or since))
                if newer is None:
                    yield from names_of(module, node.orelse, since)
                else:  # what is there in both is nothing new
                    yield from names_of(module, node.orelse, OLDEST)
            case ast.ClassDef(name=name, body=inner):
                yield f"{module}.{name}", since
                yield from names_of(f"{module}.{name}", inner, since)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield f"{module}.{name}", since
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield f"{module}.{name}", since
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield f"{module}.{name}", since
            case ast.ImportFrom(names=aliases):
                for alias in aliases:
                    if alias.asname == alias.name:  # re-exported
                        yield f"{module}.{alias.name}", since


def _version(test: ast.expr) -> Version | None:
    """The version in `sys.version_info >= (3, 12)`; None for any other test."""
    match test:
        case ast.Compare(
            left=ast.Attribute(attr="version_info"),
            ops=[ast.GtE()],
            comparators=[ast.Tuple(elts=[ast.Constant(value=int(a)), ast.Constant(value=int(b))])],
        ):
            return (a, b)
    return None


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(STUBS.rglob("*.pyi")):
        parts = path.relative_to(STUBS).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def main() -> None:
    since: dict[str, Version] = {}
    for line in (STUBS / "VERSIONS").read_text().splitlines():
        name, _, versions = line.partition("#")[0].partition(":")
        first = versions.strip().partition("-")[0]
        if first:
            since[name] = tuple(map(int, first.split(".")))  # type: ignore[assignment]
    found = {name: version for name, version in since.items() if version > OLDEST}
    for module, path in modules():
        oldest = max((since.get(module, OLDEST), OLDEST))
        for name, version in names_of(module, ast.parse(path.read_text("utf-8")).body, oldest):
            if not name.rpartition(".")[2].startswith("_"):
                found[name] = min(version, found.get(name, version))
    newer = {name: v for name, v in found.items() if v > OLDEST and name[0] != "_"}
    # What a new class or module holds is new with it.
    own = ((name, v) for name, v in sorted(newer.items()) if name.rpartition(".")[0] not in newer)
    lines = (f"{name} {v[0]}.{v[1]}\n" for name, v in own)
    TARGET.write_text(HEAD.format(today=date.today()) + "".join(lines), "utf-8")


if __name__ == "__main__":
    main()
