"""A learner's whole way in a real browser: open the release, fill it, run it, hand it in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, Response
from support.chromium import chromium, needs_chromium, new_page
from support.lab import jupyterlab

from xorkit.conventions import answer_cells, solution_texts
from xorkit.engine import batch
from xorkit.engine.course import open_course
from xorkit.engine.job import RunSettings
from xorkit.engine.release import generate
from xorkit.intake.collecting import collect

ROOT = Path(__file__).parents[2]
pytestmark = needs_chromium


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A JupyterLab of its own: its address and its folder."""
    folder = tmp_path / "learner"
    folder.mkdir()
    with jupyterlab(folder, tmp_path) as address:
        yield address, folder


def _fill(page: Page, anchor: str, text: str) -> None:
    """Types a cell's new text, as a learner who pastes the own answer does."""
    cell = page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=anchor)).first
    cell.scroll_into_view_if_needed()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def test_what_a_learner_fills_in_and_saves_in_jupyterlab_earns_all_points(
    lab: tuple[str, Path], tmp_path: Path
) -> None:
    address, folder = lab
    shutil.copy(ROOT / "release" / "xor" / "xor.ipynb", folder)
    source = nbformat.read(ROOT / "source" / "xor" / "xor.ipynb", as_version=4)
    solutions = solution_texts(source)
    with ThreadPoolExecutor(1) as apart:  # playwright wants a thread without an event loop
        errors = apart.submit(_worked_through, address, source, solutions).result()

    assert errors == 0
    assert _graded(folder / "xor.ipynb", tmp_path / "course") == (40, ())


def _worked_through(
    address: str, source: nbformat.NotebookNode, solutions: Mapping[str, str]
) -> int:
    """Fills in every answer, runs all cells, saves; gives back how many cells show an error."""
    with chromium() as browser:
        page = new_page(browser, viewport={"width": 1280, "height": 1000})
        page.goto(f"{address}/doc/tree/xor.ipynb")
        page.wait_for_selector(".jp-CodeCell .cm-content")
        for grade_id, cell in answer_cells(source).items():
            _fill(page, cell.source.splitlines()[0].lstrip("# "), solutions[grade_id])
        page.get_by_role("menuitem", name="Run").first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        _wait_until_run(page)
        errors = page.locator("[data-mime-type='application/vnd.jupyter.error']").count()
        with page.expect_response(_is_saved):
            page.keyboard.press("Control+s")
    return errors


def _is_saved(response: Response) -> bool:
    return response.request.method == "PUT" and "/api/contents/xor.ipynb" in response.url


def _wait_until_run(page: Page) -> None:
    """Every code cell has a number: nothing waits and nothing runs."""
    page.wait_for_function(
        """() => {
            const cells = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')];
            return cells.length > 10 && cells.every(cell => /\\[\\d+\\]/.test(cell.textContent));
        }"""
    )


def _graded(file: Path, folder: Path) -> tuple[float, tuple[str, ...]]:
    """The saved file's points and what was found, after collecting and grading it."""
    for name in ("source", "lessons"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    course = open_course(folder, "xor")
    generate(course, folder / "release")
    handed_in = folder / "handed-in"
    handed_in.mkdir()
    shutil.copy(file, handed_in / "ada.ipynb")
    collect([handed_in], course.path("submitted"), course.release, assignment="xor")
    (progress,) = batch.grade_class(course, RunSettings())
    found = tuple(f.code for f in progress.verdict.findings if f.code and not f.note)
    return progress.verdict.score, found
