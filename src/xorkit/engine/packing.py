"""Packs the self-checks into a release: the modules that judge, and a sheet of what is asked.

Nothing is installed or fetched where the release is opened. What is packed holds no solution, no
key, no rubric and no hidden test; `unpacked` gives it back for whoever wants to search it.
"""

from __future__ import annotations

import ast
import base64
import bz2
import functools
import hashlib
import io
import itertools
import json
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

import xorkit
from xorkit import lesson as lessons
from xorkit.conventions import (
    answer_cells,
    grade_id,
    hidden_tests,
    is_test,
    solution_of,
    solution_texts,
)
from xorkit.lesson import Lesson
from xorkit.selfcheck.sheet import Sheet, SheetCell, SheetClaim, SheetMenu, SheetTask

HOME = "https://github.com/owner/xorkit"  # as pyproject.toml says; where the source is read
SOURCE = Path(__file__).parents[2]
# Of the set-up cell, which the packed piece replaces.
CHECK_IMPORT = "from xorkit.selfcheck import check"
CALL = re.compile(r"""^check\((?:"(\w*)")?\)$""", re.MULTILINE)
LARGEST = 60_000  # characters of the packed piece: a cell that any editor opens
ALLOWED = {*sys.stdlib_module_names, "numpy", "torch", "IPython", "google"}
JUDGED = {"data", "model", "settings", "training", "result"}  # fixtures whose claims a check shows
PACKED_STARTS = 2  # starts of each kind that a check may run a short loop from; a grader has more
WORD = re.compile(r"\w+")
WORDS = re.compile(r"[\w'\"]{2}")  # the end of one and the begin of the next
PRIVATE = re.compile(r"_[A-Za-z]")
PIECE = re.compile(r'^XORKIT = "([^"]*)"$', re.MULTILINE)
SHEET = re.compile(r"^SHEET = r'''(.*?)'''$", re.MULTILINE | re.DOTALL)

LOADER = '''\
def _self_checks(packed, sheet):
    """Give `check`. What is packed is imported only where xorkit itself isn't installed."""
    import base64
    import bz2
    import functools
    import importlib.abc
    import importlib.util
    import os
    import sys

    class Loader(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
        def __init__(self):
            parts = bz2.decompress(base64.b85decode(packed)).decode().split("\\0")
            self.files = dict(zip(parts[::2], parts[1::2]))

        def find_spec(self, name, path=None, target=None):
            return importlib.util.spec_from_loader(name, self) if name in self.files else None

        def is_package(self, name):
            return any(other.startswith(name + ".") for other in self.files)

        def get_filename(self, name):
            return "packed/" + name

        def get_source(self, name):
            return self.files[name]

        def get_data(self, path):
            return self.files[os.path.basename(path)].encode()

    @functools.cache
    def checks():
        if importlib.util.find_spec("xorkit") is None:
            sys.meta_path.append(Loader())
        from xorkit.selfcheck.checks import Checks
        from xorkit.selfcheck.sheet import Sheet

        return Checks(Sheet.from_text(sheet))

    def check(name=""):
        """Show what is right in an exercise and what is not yet; without a name, what is open."""
        checks()(name)

    if "xorkit.probe" not in sys.modules:  # else a grader watches this kernel for itself
        checks()
    return check


check = _self_checks(XORKIT, SHEET)'''
CHECK = (
    '{call} if callable(globals().get("check")) else'
    ' print("Run the set-up cell (⚙ at the top) first, then this check again.")'
)


class PackError(ValueError):
    """The self-checks can't be packed; the text says why."""


# ------------------------------------------------------------------------------------- modules


@dataclass(frozen=True)
class PackedModules:
    """The packed modules: `text` for the notebook, `files` by module name."""

    files: Mapping[str, str]

    @functools.cached_property
    def plain(self) -> str:
        return "\0".join(part for name in sorted(self.files) for part in (name, self.files[name]))

    @functools.cached_property
    def text(self) -> str:
        # bz2, because there is one library of it, which makes the same bytes everywhere.
        return base64.b85encode(bz2.compress(self.plain.encode())).decode("ascii")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.plain.encode()).hexdigest()


@functools.cache
def packed() -> PackedModules:
    """The self-checks and every module of xorkit that they import. Raises PackError."""
    files: dict[str, str] = {}
    sources: dict[str, str] = {}
    queue = ["xorkit", "xorkit.selfcheck"]
    while queue:
        name = queue.pop()
        path = _path_of(name)
        if name in files or path is None:
            continue
        text = sources[name] = path.read_text("utf-8")
        files[name] = _stripped(text)
        for imported in _imports(text):
            top = imported.split(".")[0]
            if top == "xorkit":
                queue += _with_parents(imported)
            elif top not in ALLOWED:
                raise PackError(f"{name} imports {imported}, which Colab may not have")
    _drop_unused(files)
    files.update({name: briefly(files[name], source) for name, source in sources.items()})
    files["messages.toml"] = _messages("\n".join(files.values()))
    made = PackedModules(files)
    if len(made.text) > LARGEST:
        raise PackError(f"the packed self-checks have {len(made.text)} characters, over {LARGEST}")
    return made


def _path_of(name: str) -> Path | None:
    path = SOURCE.joinpath(*name.split("."))
    return next((p for p in (path / "__init__.py", path.with_suffix(".py")) if p.exists()), None)


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _imports(text: str) -> Iterator[str]:
    for node in ast.walk(_parsed(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.level == 0)


def _drop_unused(files: dict[str, str]) -> None:
    """Takes out functions, classes and constants that nothing in these modules mentions.

    And what a module imports that it doesn't use; a package does so for others.
    """
    while True:
        words = Counter(WORD.findall("\n".join(files.values())))
        kept = {
            name: _without_unused(text, words, package=any(o.startswith(f"{name}.") for o in files))
            for name, text in files.items()
        }
        if kept == files:
            return
        files.update(kept)


def _without_unused(text: str, words: Mapping[str, int], *, package: bool) -> str:
    """A module without what nothing mentions: each word's count is that in all modules."""
    lines, own = text.splitlines(keepends=True), Counter(WORD.findall(text))
    for node in reversed(_parsed(text).body):
        marks = getattr(node, "decorator_list", [])
        first, last = min(each.lineno for each in [node, *marks]) - 1, node.end_lineno
        if isinstance(node, ast.ImportFrom) and not package:
            kept = [ast.unparse(alias) for alias in node.names if own[_bound(alias)] > 1]
            lines[first:last] = [f"from {node.module} import {', '.join(kept)}\n"] if kept else []
        inside = WORD.findall("".join(lines[first:last]))
        if any(name == "__all__" or words[name] == inside.count(name) for name in _defined(node)):
            del lines[first:last]
    return "".join(lines)


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name


def _defined(node: ast.stmt) -> Iterator[str]:
    """The name of a function, a class or a constant."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        yield node.targets[0].id


_parsed = functools.lru_cache(maxsize=64)(ast.parse)  # every module is looked at several times


def _messages(code: str) -> str:
    """The sentences that this code may say, as TOML."""
    sections = tomllib.loads(SOURCE.joinpath("xorkit", "messages.toml").read_text("utf-8"))
    lines: list[str] = []
    for section, rows in sections.items():
        lines.append(f"[{section}]")
        for name, row in rows.items():
            if f'"{name}"' in code or f'"{section}.{name}"' in code:
                lines.append(f"{name}.says={json.dumps(row['says'], ensure_ascii=False)}")
    return "\n".join(lines)


def _stripped(text: str) -> str:
    """Python text without comments, docstrings and annotations, which are read in its source."""
    lines = [line.encode() for line in text.splitlines()]  # ast counts bytes
    spans = [*_comments(text, lines), *_unread(_parsed(text), lines)]
    for begin, left, last, right, instead in sorted(spans, reverse=True):
        kept = lines[begin - 1][:left].rstrip() + instead + lines[last - 1][right:]
        lines[begin - 1 : last] = [kept]
    return _narrowed("\n".join(line.decode() for line in lines) + "\n")


def _narrowed(text: str) -> str:
    """No empty lines, calls in one, a space for four of indentation, where no string changes."""
    whole = ast.dump(ast.parse(text))
    for pattern, shorter in (
        (r"(?m)^\s*\n", ""),
        (r"(?<=[(\[{])\n *|,?\n *(?=[)\]}])", ""),
        (r"(?<=,)\n *", " "),
        (r"(?m)^( *) {4}(?=\S)", _one_for_four),
    ):
        narrow = re.sub(pattern, shorter, text)
        if ast.dump(ast.parse(narrow)) == whole:
            text = narrow
    return tight(text)


def _one_for_four(spaces: re.Match[str]) -> str:
    return " " * (len(spaces[0]) // 4)


def tight(text: str) -> str:
    """No spaces within lines but between words, and in strings of any kind."""
    lines, strings = text.splitlines(keepends=True), 0
    tokens = [*tokenize.generate_tokens(io.StringIO(text).readline)]
    for left, right in reversed([*itertools.pairwise(tokens)]):
        # From Python 3.12 on, an f-string is several tokens.
        strings += {"FSTRING_END": 1, "FSTRING_START": -1}.get(tokenize.tok_name[right.type], 0)
        (row, end), (next_row, start) = left.end, right.start
        apart = row == next_row and end < start and left.type != tokenize.INDENT and not strings
        if apart and not WORDS.match(left.string[-1:] + right.string[:1]):
            lines[row - 1] = lines[row - 1][:end] + lines[row - 1][start:]
    return "".join(lines)


def briefly(text: str, source: str) -> str:
    """A module's text, in which its own functions, classes and constants are called _0, _1, …

    By their order in its source, but for those that stand there in a string, or after a dot, as
    something else may.
    """
    own = {name for node in _parsed(source).body for name in _defined(node) if PRIVATE.match(name)}
    for number, name in enumerate(sorted(own)):
        if not re.search(rf"""\.{name}\b|["'].*\b{name}\b.*["']""", source):
            text = re.sub(rf"\b{name}\b", f"_{number}", text)
    return text


Span = tuple[int, int, int, int, bytes]  # from line and byte to line and byte, and what instead


def _comments(text: str, lines: Sequence[bytes]) -> Iterator[Span]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            yield row, len(token.line[:column].encode()), row, len(lines[row - 1]), b""


def _unread(tree: ast.Module, lines: Sequence[bytes]) -> Iterator[Span]:
    """Docstrings, and what functions say of their arguments and values."""
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    # A dataclass asks of its fields that they have an annotation, whatever it is.
    fields = {id(node) for each in classes for node in each.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                last = first.end_lineno or first.lineno  # a docstring stands alone on its lines
                needed = len(node.body) == 1 and not isinstance(node, ast.Module)
                instead = b" " * first.col_offset + b"0" if needed else b""
                yield first.lineno, first.col_offset, last, len(lines[last - 1]), instead
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield node.lineno, node.col_offset + len(node.arg.encode()), *_end(node.annotation), b""
        if isinstance(node, ast.AnnAssign) and id(node) in fields:
            yield node.lineno, *_end(node.target)[1:], *_end(node.annotation), b":0"
        elif isinstance(node, ast.AnnAssign) and node.value:
            yield node.lineno, *_end(node.target)[1:], *_end(node.annotation), b""
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            row = node.returns.lineno
            arrow = lines[row - 1].rindex(b"->", 0, node.returns.col_offset)
            yield row, arrow, *_end(node.returns), b""


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


# --------------------------------------------------------------------------------------- sheet


def sheet_of(source: NotebookNode, lesson: Lesson) -> Sheet:
    """What is asked in a notebook: the claims of its hidden tests, without the tests."""
    first_lines = {
        name: text.lstrip().splitlines()[0].strip()
        for name, text in solution_texts(source).items()
        if text.strip()
    }
    cells = []
    for graded in filter(is_test, source.cells):
        name = solution_of(grade_id(graded))
        part, first_line = lesson.parts.get(name), first_lines.get(name, "")
        title = first_line.lstrip("# ✏️") or (part.title if part else name)
        cells.append(
            SheetCell(
                name,
                title,
                first_line,
                part.look if part else "",
                claims_in(hidden_tests(graded.source)),
                tuple(lesson.names(name) or _assigned_in(source, name)),
                name in lesson.recall,
                lesson.role(name),
            )
        )
    return Sheet(tuple(cells), _menu(lesson), _task(lesson), lesson.hints)


def _assigned_in(source: NotebookNode, name: str) -> list[str]:
    cell = answer_cells(source).get(name)
    body = ast.parse(cell.source).body if cell is not None else []
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def claims_in(hidden: str) -> tuple[SheetClaim, ...]:
    """The claims that hidden tests make by the judge's fixtures, in order, one for each row.

    A test of another kind (a choice, an answer, a value) has none: what it wants stays hidden.
    """
    found: list[SheetClaim] = []
    numbers: dict[str, tuple[int, ...]] = {}  # of the claims of each test
    for node in ast.parse(hidden).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        asked = _asked(node)
        if asked is None:
            continue
        part, name, by_row = asked
        wanted = [number for test in needed_tests(node) for number in numbers.get(test, ())]
        rows = range(_rows(node)) if by_row else [None]
        text = (ast.get_docstring(node) or node.name).strip()
        begin = len(found)
        found += [SheetClaim(text, part, name, row, tuple(wanted)) for row in rows]
        numbers[node.name] = tuple(range(begin, len(found)))
    return tuple(found)


def _asked(test: ast.FunctionDef) -> tuple[str, str, bool] | None:
    """Fixture and attribute that a test asks, and whether for one of several rows."""
    fixtures = {argument.arg for argument in test.args.args} & JUDGED
    subscripts = {id(n.value) for n in ast.walk(test) if isinstance(n, ast.Subscript)}
    for node in ast.walk(test):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if node.value.id in fixtures:
            return node.value.id, node.attr, id(node) in subscripts
    return None


def needed_tests(test: ast.FunctionDef) -> Iterator[str]:
    """The names in a test's `@needs(…)`."""
    for call in test.decorator_list:
        if isinstance(call, ast.Call) and _name(call.func) == "needs":
            yield from (str(a.value) for a in call.args if isinstance(a, ast.Constant))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _rows(test: ast.FunctionDef) -> int:
    """How many rows a test is parametrized for: by `range(4)`."""
    for call in test.decorator_list:
        for node in ast.walk(call):
            if isinstance(node, ast.Call) and _name(node.func) == "range":
                return int(ast.literal_eval(node.args[-1]))
    return 0


def _menu(lesson: Lesson) -> SheetMenu | None:
    exercise = lesson.matching
    if exercise is None:
        return None
    lines = tuple(line.line for line in exercise.lines)
    return SheetMenu(exercise.placeholder, lines, tuple(job.job for job in exercise.jobs))


def _task(lesson: Lesson) -> SheetTask | None:
    spec, starts = lesson.task, lesson.starts
    if spec is None or starts is None:
        return None
    return SheetTask(
        spec.inputs,
        spec.targets,
        spec.layers,
        spec.activations,
        spec.learning_rate,
        spec.epochs,
        spec.near,
        (starts.starts, starts.stalled, starts.typical),
        starts.good[:PACKED_STARTS],
        starts.stall[:PACKED_STARTS],
    )


def sheet_around() -> Sheet:
    """The sheet of the source notebook in the working folder, for an author who runs it there.

    Raises LessonError where this is no assignment's folder.
    """
    import nbformat

    here = Path.cwd()
    source = nbformat.read(here / f"{here.name}.ipynb", as_version=4)
    return sheet_of(source, lessons.find_lesson(here.name, here))


# ----------------------------------------------------------------------------------- a release


def with_checks(source: NotebookNode, lesson: Lesson) -> None:
    """Puts the packed checks into a notebook's set-up cell, and guards its calls of `check`.

    A notebook whose set-up doesn't ask for them stays as it is. Raises PackError.
    """
    asking = [
        c for c in source.cells if c.cell_type == "code" and CHECK_IMPORT in c.source.splitlines()
    ]
    if not asking:
        return
    piece = packed()
    sheet = sheet_of(source, lesson).to_text().replace("'", r"\u0027")
    asking[0].source = asking[0].source.replace(
        CHECK_IMPORT,
        f"# The self-checks: modules of xorkit {xorkit.__version__}, without comments, packed by"
        " `xorkit build`\n"
        f"# (texts, bz2, base85). Their source: {HOME}\n"
        f"# SHA-256 of what is packed: {piece.sha256}\n"
        f'XORKIT = "{piece.text}"\n'
        "# What is asked in each exercise, for the checks to know; no answer is in it.\n"
        f"SHEET = r'''{sheet}'''\n\n\n{LOADER}",
    )
    for cell in source.cells:
        if cell.cell_type == "code":
            cell.source = CALL.sub(lambda call: CHECK.format(call=call[0]), cell.source, count=1)


def unpacked(text: str) -> str:
    """All that a release's cell has packed, as text; empty where it has nothing packed.

    Raises PackError where it can't be unpacked.
    """
    try:
        found = [bz2.decompress(base64.b85decode(piece)).decode() for piece in PIECE.findall(text)]
        sheets = [string for part in SHEET.findall(text) for string in strings(json.loads(part))]
        return "\n".join([*found, *sheets]).replace("\0", "\n")
    except (ValueError, OSError, EOFError) as error:
        raise PackError(f"what is packed can't be unpacked: {error}") from error


def strings(value: object) -> Iterator[str]:
    """Every text in a JSON value, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, dict):
        yield from value
        yield from strings([*value.values()])
