"""The released notebook of this course: its ten answers are found whatever is left of it."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from xorkit.conventions import filled, solution_texts
from xorkit.intake.reading import ReadNotebook, read_notebook
from xorkit.intake.rebuilding import accept, rebuild

ROOT = Path(__file__).parents[2]
RELEASE = nbformat.read(ROOT / "release" / "xor" / "xor.ipynb", as_version=4)
SOLUTIONS = solution_texts(nbformat.read(ROOT / "source" / "xor" / "xor.ipynb", as_version=4))


def is_answer(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def nameless(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata.clear()
        cell.pop("id", None)


def marks_gone(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)


def checks_and_prose_gone(notebook: NotebookNode) -> None:
    notebook["cells"] = [cell for cell in notebook.cells if is_answer(cell)]


def shuffled_and_nameless(notebook: NotebookNode) -> None:
    random.Random(7).shuffle(notebook.cells)
    nameless(notebook)


def all_in_one_cell(notebook: NotebookNode) -> None:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells[0]["source"] = "\n\n".join(cell.source for cell in cells)
    notebook["cells"] = cells[:1]


def all_doubled(notebook: NotebookNode) -> None:
    notebook["cells"] = [copy.deepcopy(cell) for cell in notebook.cells for _ in range(2)]


def released_copies_below(notebook: NotebookNode) -> None:
    notebook["cells"] = [*notebook.cells, *copy.deepcopy(RELEASE.cells)]


CHANGES = (
    nameless,
    marks_gone,
    checks_and_prose_gone,
    shuffled_and_nameless,
    all_in_one_cell,
    all_doubled,
    released_copies_below,
)


def handed_in(notebook: NotebookNode) -> ReadNotebook:
    return read_notebook(json.dumps(notebook, ensure_ascii=False).encode())[0]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_all_ten_answers_are_found(change: Callable[[NotebookNode], None]) -> None:
    notebook = filled(RELEASE, SOLUTIONS)
    change(notebook)
    rebuilt = accept(RELEASE, handed_in(notebook))

    assert rebuilt.answers == SOLUTIONS
    assert rebuilt.review == ()


def test_what_is_typed_anew_without_a_comment_is_found() -> None:
    texts = {
        name: "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
        for name, text in SOLUTIONS.items()
    }
    cells = [nbformat.v4.new_code_cell(text) for text in texts.values()]
    rebuilt = accept(RELEASE, handed_in(nbformat.v4.new_notebook(cells=cells)))

    assert rebuilt.answers == texts


def test_a_whole_notebook_changes_only_in_its_answers() -> None:
    notebook = filled(RELEASE, SOLUTIONS)
    rebuilt = rebuild(RELEASE, notebook)

    assert rebuilt.repairs == rebuilt.review == ()
    for made, given in zip(rebuilt.notebook.cells, RELEASE.cells, strict=True):
        assert made.metadata == given.metadata
        assert made.source == SOLUTIONS.get(given.id, given.source)


def test_the_untouched_release_comes_back_untouched() -> None:
    rebuilt = rebuild(RELEASE, RELEASE)

    assert [cell.source for cell in rebuilt.notebook.cells] == [c.source for c in RELEASE.cells]
    assert rebuilt.repairs == rebuilt.review == ()


@pytest.mark.parametrize("name", [name for name in SOLUTIONS if name.startswith("recall_")])
def test_words_in_a_text_cell_below_any_question_are_its_answer(name: str) -> None:
    notebook = filled(RELEASE, {k: v for k, v in SOLUTIONS.items() if k != name})
    place = next(i for i, cell in enumerate(notebook.cells) if cell.get("id") == name)
    words = "Because it is *so*, I think."
    notebook.cells.insert(place + 1, nbformat.v4.new_markdown_cell(words))
    rebuilt = accept(RELEASE, handed_in(notebook))

    assert f"{name} = {json.dumps(words)}" in rebuilt.answers[name]
    assert {k: v for k, v in rebuilt.answers.items() if k != name} == {
        k: v for k, v in SOLUTIONS.items() if k != name
    }
