"""A cell is called by what a person sees of it first."""

from __future__ import annotations

import pytest

from xorkit.intake.cells import Cell

TITLES = {
    "# ✏️ Exercise 1 · The data\nX = 1": "Exercise 1 · The data",
    "# @title ✔ Check Exercise 1\ncheck()": "Check Exercise 1",
    '#@title Set-up { display-mode: "form", run: "auto" }\nimport torch': "Set-up",
    "## Exercise 2 {harder}": "Exercise 2 {harder}",
    "\n\n#   @titles of books": "titles of books",
    "# 第一题": "第一题",
    "import torch": "setup",
    "# ✏️": "setup",
    "": "setup",
}


@pytest.mark.parametrize("source", TITLES)
def test_the_first_line_is_the_title_and_else_the_grade_id(source: str) -> None:
    assert Cell("code", source, "setup").title == TITLES[source]
