"""What is wrong with an authored notebook: which cell, and what to change there."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields

from nbformat import NotebookNode

from xorkit.conventions import (
    TEST,
    answer_cells,
    grade_id,
    hidden_tests,
    is_test,
    metadata,
    solution_of,
)
from xorkit.engine.packing import CALL, CHECK_IMPORT, claims_in, needed_tests
from xorkit.judge import Data, Model, Result, Settings, Training
from xorkit.lesson import Lesson


def problems(source: NotebookNode, lesson: Lesson) -> list[str]:
    """Every mistake in a source notebook that can be seen without running it, cell by cell."""
    return [
        *_names(source),
        *_calls(source),
        *_tests(source, lesson),
        *_menus(source, lesson),
    ]


def _names(source: NotebookNode) -> Iterator[str]:
    names = Counter(str(metadata(cell)["grade_id"]) for cell in source.cells if metadata(cell))
    for name, count in names.items():
        if count > 1:
            yield f"cell {name}: {count} cells have this ID; give each one of its own"
    first_lines = Counter(
        cell.source.strip().partition("\n")[0] for cell in answer_cells(source).values()
    )
    for name, cell in answer_cells(source).items():
        line = cell.source.strip().partition("\n")[0]
        if not line.startswith("#") or first_lines[line] > 1:
            yield (
                f"cell {name}: begin it with a comment that no other solution cell begins with,"
                " like `# ✏️ Exercise 1 · The data`: it finds a cell that a learner has moved"
            )
        yield from (f"cell {name}: {text}" for text in _regions(cell.source))
        if TEST + name not in names and not metadata(cell).get("grade"):
            yield f"cell {name}: no tests cell follows it; add one with the ID {TEST}{name}"


def _regions(text: str) -> Iterator[str]:
    """What is wrong with the regions of a solution cell."""
    begins, ends = text.count("### BEGIN SOLUTION"), text.count("### END SOLUTION")
    if begins != ends:
        yield f"{begins} times ### BEGIN SOLUTION and {ends} times ### END SOLUTION; make pairs"
    if not begins:
        yield "nothing to empty; put your solution between ### BEGIN SOLUTION and ### END SOLUTION"
    first = text.partition("### BEGIN SOLUTION")[0]
    if begins and "# @param" not in text and "# Blank " not in first:
        yield "say above the region what to do, in a comment like `# Blank 1a · The inputs, as X`"


def _calls(source: NotebookNode) -> Iterator[str]:
    """Calls of `check` that nobody answers."""
    code = [cell for cell in source.cells if cell.cell_type == "code"]
    asked = [(cell, call[1]) for cell in code for call in CALL.finditer(cell.source)]
    given = [cell for cell in code if CHECK_IMPORT in cell.source.splitlines()]
    if asked and not given:
        yield f"the notebook calls check: put the line `{CHECK_IMPORT}` into its set-up cell"
    elif asked and code.index(asked[0][0]) < code.index(given[0]):
        yield (
            f"cell {grade_id(asked[0][0])}: it calls check above the cell with"
            f" `{CHECK_IMPORT}`; move that set-up cell to the top"
        )
    known = [solution_of(grade_id(cell)) for cell in code if is_test(cell)]
    for cell, name in asked:
        if name and name not in known:
            told = ", ".join(known)
            yield f'cell {grade_id(cell)}: check("{name}") names no exercise; there are {told}'


def _tests(source: NotebookNode, lesson: Lesson) -> Iterator[str]:
    for cell in filter(is_test, source.cells):
        name, hidden = grade_id(cell), hidden_tests(cell.source)
        if not hidden.strip():
            yield (
                f"cell {name}: no hidden tests; write them between ### BEGIN HIDDEN TESTS and"
                " ### END HIDDEN TESTS"
            )
            continue
        try:
            tree = ast.parse(hidden)
        except SyntaxError as error:
            yield f"cell {name}: Python can't read its hidden tests: {error}"
            continue
        tests = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        tests = [node for node in tests if node.name.startswith(TEST)]
        known = [test.name for test in tests]
        for test in tests:
            if not ast.get_docstring(test):
                yield f"cell {name}: {test.name} has no docstring; it is what the learner reads"
            for needed in needed_tests(test):
                if needed not in known[: known.index(test.name)]:
                    yield f"cell {name}: {test.name} needs {needed}, which isn't above it"
        yield from (f"cell {name}: {text}" for text in _claims(hidden))
        told, found = set(lesson.points.get(name, {})), {test.name for test in tests}
        if told != found:
            yield (
                f"cell {name}: its tests are {', '.join(sorted(found)) or 'none'}, the points in"
                f" lessons/{lesson.assignment}.yaml are for {', '.join(sorted(told)) or 'none'}"
            )
        if not any(_grades(node, name) for node in tree.body):
            yield f'cell {name}: end it with `hidden.grade(__name__, "{name}")`'


PARTS = {"data": Data, "model": Model, "settings": Settings, "training": Training}


def _claims(hidden: str) -> Iterator[str]:
    """Claims of hidden tests that the judge doesn't make."""
    for claim in claims_in(hidden):
        made = [
            field.name
            for field in fields(PARTS.get(claim.part, Result))
            if "Claim" in str(field.type)
        ]
        if claim.name not in made:
            yield f"{claim.part}.{claim.name} is no claim; there are {', '.join(made)}"


def _menus(source: NotebookNode, lesson: Lesson) -> Iterator[str]:
    """Where the matching cell asks otherwise than the lesson's list of lines and jobs."""
    exercise, name = lesson.matching, lesson.cell("matching")
    cell = answer_cells(source).get(name)
    if exercise is None or cell is None:
        return
    where = f"lessons/{lesson.assignment}.matching.yaml"
    menus = dict(MENU.findall(cell.source))
    for number, job in enumerate(exercise.jobs, 1):
        menu = menus.get(f"job_{number}")
        if menu is None:
            yield f'cell {name}: no line `job_{number} = "…"  # @param […]`; {where} has that job'
        elif _listed(menu) != [*exercise.options]:
            yield f"cell {name}: the menu of job_{number} isn't the list of lines in {where}"
        if job.job not in cell.source:
            yield f"cell {name}: job {number} doesn't say “{job.job}”, as {where} does"


MENU = re.compile(r"^(job_\d+) = .*?# @param (\[.*\])", re.MULTILINE)


def _listed(menu: str) -> object:
    try:
        return json.loads(menu)
    except ValueError:
        return None


def _grades(node: ast.stmt, name: str) -> bool:
    """Whether a statement is `hidden.grade(__name__, "…")` for this cell."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    call = node.value
    called = getattr(call.func, "attr", getattr(call.func, "id", ""))
    last = call.args[-1] if call.args else None
    return called == "grade" and isinstance(last, ast.Constant) and last.value == name
