"""How a source cell turns into a released one."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from xorkit.preprocessors import ClearBlanks, ReleaseCells

CELLS = {
    "code becomes an error that names the blank": (
        "# Blank 2b · Add one (lesson 3)\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION\nprint(x)",
        "# Blank 2b · Add one (lesson 3)\n"
        'raise NotImplementedError("Blank 2b is still empty: add one")\nprint(x)',
    ),
    "the error stands where the code stood": (
        "for i in x:\n    # Blank 1 · Go\n    ### BEGIN SOLUTION\n    a()\n    b()\n"
        "    ### END SOLUTION",
        "for i in x:\n    # Blank 1 · Go\n"
        '    raise NotImplementedError("Blank 1 is still empty: go")',
    ),
    "the nearest name above counts": (
        "# Blank 1 · A\n# Blank 2 · B\n# (a hint)\n### BEGIN SOLUTION\nx\n### END SOLUTION",
        "# Blank 1 · A\n# Blank 2 · B\n# (a hint)\n"
        'raise NotImplementedError("Blank 2 is still empty: b")',
    ),
    "a drop-down falls back to its first entry": (
        '### BEGIN SOLUTION\n# @markdown One\na = "y"  # @param ["(choose)", "y [1]"]\n'
        "### END SOLUTION",
        '# @markdown One\na = "(choose)"  # @param ["(choose)", "y [1]"]',
    ),
    "options of a drop-down may follow its menu": (
        '### BEGIN SOLUTION\na = "y" # @param ["-","y"] {"allow-input":true}\n### END SOLUTION',
        'a = "-" # @param ["-","y"] {"allow-input":true}',
    ),
    "a text field is emptied": (
        '### BEGIN SOLUTION\na = "my \\"own\\" = words"  # @param {"type":"string"}\n'
        "### END SOLUTION",
        'a = ""  # @param {"type":"string"}',
    ),
}

BROKEN = {
    "a region without a name": "### BEGIN SOLUTION\nx = 1\n### END SOLUTION",
    "a region without an end": "# Blank 1 · A\n### BEGIN SOLUTION\nx = 1",
    "an end without a region": "x = 1\n### END SOLUTION",
    "a region inside a region": "# Blank 1 · A\n### BEGIN SOLUTION\n### BEGIN SOLUTION\nx = 1\n"
    "### END SOLUTION\n### END SOLUTION",
    "an answer cell without a region": "x = 1",
    "a form beside code": '### BEGIN SOLUTION\na = "y"  # @param ["-"]\nb = a\n### END SOLUTION',
}


def cleared(text):
    mark = {"grade": False, "grade_id": "a", "locked": False, "schema_version": 3}
    cell = new_code_cell(text, metadata={"nbgrader": {**mark, "solution": True, "task": False}})
    notebook, _ = ClearBlanks().preprocess(new_notebook(cells=[cell]), {})
    return notebook.cells[0].source


@pytest.mark.parametrize(("before", "after"), CELLS.values(), ids=CELLS)
def test_a_blank_is_emptied(before, after):
    assert after == cleared(before)


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_build_stops_at(text):
    with pytest.raises((ValueError, RuntimeError)):
        cleared(text)


KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}


def released(*cells, colab="me/course/main/2026"):
    place = {"nbgrader": {"assignment": "hw", "notebook": "nb"}}
    notebook = new_notebook(cells=list(cells), metadata=KERNEL)
    return ReleaseCells(colab=colab).preprocess(notebook, place)[0].cells


def test_a_cell_keeps_its_id_where_colab_looks():
    cells = released(new_code_cell("1"), new_markdown_cell("text"))

    assert all(cell.metadata["id"] == cell.id for cell in cells)


def test_a_link_to_colab_leads_to_the_published_release():
    (cell,) = released(new_markdown_cell("[b](https://colab.research.google.com/github/x/y.ipynb)"))

    address = "https://colab.research.google.com/github/me/course/blob/main/2026"
    assert f"[b]({address}/release/hw/nb.ipynb)" == cell.source


@pytest.mark.parametrize("colab", ["", "me", "me/course", "me/course/", "/course/main"])
def test_a_half_setting_is_refused(colab):
    with pytest.raises(ValueError, match="owner/repository/branch"):
        released(colab=colab)


def test_titled_cells_are_folded_and_forms_shown_as_forms():
    cells = released(
        new_code_cell("# @title Check\nx"), new_code_cell('a = ""  # @param {}'), new_code_cell("x")
    )

    hidden = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in cells]
    assert hidden == [True, False, False]
    assert [cell.metadata.get("cellView") for cell in cells] == ["form", "form", None]
