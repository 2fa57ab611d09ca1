"""nbgrader's conventions for an authored notebook: which cell is what, and what is marked how."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

# How an autograder tests cell says its outcomes to nbgrader's side, in its output.
OUTCOME_MIME = "application/vnd.xorkit.tests+json"

TEST = "test_"  # an autograder tests cell is named after the solution cell that it tests

# The lines that nbgrader's ClearSolutions and ClearHiddenTests look for, in any kind of comment.
SOLUTION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION[ \t]*\n(?P<body>.*?)^[ \t]*### END SOLUTION[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
SOLUTION_MARKER = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)
HIDDEN = re.compile(
    r"^[^\n]*BEGIN HIDDEN TESTS[^\n]*\n(?P<body>.*?)^[^\n]*END HIDDEN TESTS",
    re.MULTILINE | re.DOTALL,
)


def metadata(cell: NotebookNode) -> Mapping[str, Any]:
    """What nbgrader keeps about a cell; empty where it keeps nothing."""
    about: Mapping[str, Any] = cell.metadata.get("nbgrader", {})
    return about


def grade_id(cell: NotebookNode) -> str:
    """nbgrader's name of a cell; of one that has none the notebook's own id."""
    return str(metadata(cell).get("grade_id", cell.get("id", "")))


def is_test(cell: NotebookNode) -> bool:
    """Whether it is an autograder tests cell: graded, and nothing that a learner fills."""
    about = metadata(cell)
    return bool(about.get("grade") and not about.get("solution"))


def solution_of(test: str) -> str:
    """The solution cell that an autograder tests cell tests, by grade_id."""
    return test.removeprefix(TEST)


def hidden_tests(source: str) -> str:
    """The hidden tests of an autograder tests cell's text; empty where there are none."""
    region = HIDDEN.search(source)
    return region["body"] if region else ""


def secret_regions(source: str) -> Iterator[str]:
    """What of a cell's text nbgrader takes out of the release: solutions and hidden tests."""
    for region in (SOLUTION, HIDDEN):
        yield from (found["body"] for found in region.finditer(source))


def answer_cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The solution cells, which a learner fills, by grade_id, in the notebook's order."""
    return {grade_id(cell): cell for cell in notebook.cells if metadata(cell).get("solution")}


def following(texts: Mapping[str, str]) -> dict[str, str]:
    """For each answer the text of the one after it, in the notebook's order; the last has none."""
    return dict(zip(texts, [*texts.values()][1:], strict=False))


def solution_texts(source: NotebookNode) -> dict[str, str]:
    """The solution cells of an authored notebook as they read once filled, by grade_id."""
    cells = answer_cells(source)
    return {name: SOLUTION_MARKER.sub("", cell.source).rstrip() for name, cell in cells.items()}


def filled(release: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """The release with these texts in its solution cells; one that isn't named stays as it is."""
    notebook = copy.deepcopy(release)
    for name, cell in answer_cells(notebook).items():
        cell.source = answers.get(name, cell.source)
    return notebook
