"""The released notebook as a learner meets it: run in a real kernel, from top to bottom."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

COURSE = Path(__file__).parents[2]
NAMES_TAKEN = """\
sum = list = str = any = all = max = float = zip = type = isinstance = bool = map = loss = 0
optim = _check = _report = _show = len = range = print = 0
del sys.modules["google.colab"]"""


def notebook(stage):
    return nbformat.read(COURSE / stage / "xor" / "xor.ipynb", as_version=4)


def filled():
    """The release with the solutions typed into its answer cells."""
    answers = {cell.id: cell.source for cell in notebook("source").cells}
    book = notebook("release")
    for cell in book.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = re.sub(
                r"^.*### (BEGIN|END) SOLUTION\n?", "", answers[cell.id], flags=re.M
            )
    return book


def executed(book, **options):
    NotebookClient(book, timeout=120, kernel_name="python3", **options).execute()
    return {cell.id: cell for cell in book.cells}


def shown(cell):
    """All text of a cell's outputs."""
    return "\n".join(
        out.get("text") or out.get("evalue") or out.data["text/plain"] for out in cell.outputs
    )


def kinds(cell):
    return {out.get("name", out.output_type) for out in cell.outputs}


@pytest.fixture(scope="module")
def right():
    book = filled()
    timed = new_code_cell(
        "%%time\nfor epoch in range(5000):\n    optimizer.zero_grad()\n"
        "    loss_fn(model(X), Y).backward()\n    optimizer.step()",
        id="timed",
    )
    twice = copy.deepcopy(next(cell for cell in book.cells if cell.id == "test_training_loop"))
    twice.id = "timed-check"
    fake_colab = new_code_cell(
        "import sys, types, json\n"
        f"live = json.loads({json.dumps(json.dumps(notebook('release')))})\n"
        "for c in live['cells']: c['source'] = c['source'].splitlines(keepends=True)\n"
        "live['cells'] = [c for c in live['cells'] if c['id'] != 'model']\n"
        "live['cells'] += [c for c in live['cells'] if c['id'] == 'data']\n"
        "message = types.SimpleNamespace(blocking_request=lambda *a, **k: {'ipynb': live})\n"
        "sys.modules['google.colab'] = types.SimpleNamespace(_message=message)",
        id="fake-colab",
    )
    ready = copy.deepcopy(next(cell for cell in book.cells if cell.id == "ready"))
    ready.id = "ready-in-colab"
    book.cells += [fake_colab, ready, timed, twice]
    book.cells.append(new_code_cell(NAMES_TAKEN, id="names-taken"))
    for name in ("draw-my-loss", "compare-slopes", "test_model", "ready"):
        again = copy.deepcopy(next(cell for cell in book.cells if cell.id == name))
        again.id = f"{name}-again"
        book.cells.append(again)
    return executed(book)


@pytest.fixture(scope="module")
def untouched():
    return executed(notebook("release"), allow_errors=True)


def test_the_filled_release_runs_without_a_word_on_stderr(right):
    for cell in right.values():
        if cell.cell_type == "code" and cell.id != "timed":
            assert not kinds(cell) & {"stderr", "error"}, shown(cell)


def test_every_check_of_the_filled_release_shows_a_table_and_no_cross(right):
    for name, cell in right.items():
        if name.startswith("test_") and name != "test_predictions":  # a start may be unlucky
            assert {"display_data"} == kinds(cell)
            assert "✗" not in shown(cell)
            assert "text/html" in cell.outputs[0].data


def test_both_pictures_are_drawn(right):
    for name in ("draw-my-loss", "twenty-starts"):
        assert any("image/png" in out.get("data", {}) for out in right[name].outputs)


def test_names_that_a_learner_took_stand_in_no_cells_way(right):
    assert any("image/png" in out.get("data", {}) for out in right["draw-my-loss-again"].outputs)
    assert "✗" not in shown(right["test_model-again"])
    assert "Ready." in shown(right["ready-again"])


def test_nine_slopes_by_hand_are_autograds(right):
    assert shown(right["compare-slopes"]).count("✓") == 9


def test_the_loop_is_found_above_the_check_even_in_a_timed_cell(right):
    assert "✗" not in shown(right["timed-check"])
    assert "5 moves watched" in shown(right["timed-check"])


def test_outside_colab_the_last_cell_says_what_it_cannot_see(right):
    assert "Ready." in shown(right["ready"])
    assert "What I can't see" in shown(right["ready"])


def test_in_colab_the_last_cell_reads_the_live_notebook(right):
    said = shown(right["ready-in-colab"])

    assert "✗ Exercise 1: 2 cells begin with" in said
    assert "✗ Exercise 2: no cell begins with" in said
    assert "✗ Exercise 4: still empty: 4a, 4b, 4c, 4d, 4e" in said
    assert "✗ Exercise 5: still empty: job_1" in said
    assert "What I can't see" not in said


def test_in_the_untouched_release_only_blanks_stop_and_nothing_complains(untouched):
    stopped = {cell.id for cell in untouched.values() if "error" in kinds_of(cell)}

    assert {"data", "model", "loss_and_optimizer", "training_loop"} == stopped
    assert all("stderr" not in kinds_of(cell) for cell in untouched.values())
    assert all("still empty" in shown(untouched[name]) for name in stopped)


def kinds_of(cell):
    return kinds(cell) if cell.cell_type == "code" else set()


def test_every_check_of_the_untouched_release_says_what_to_fill(untouched):
    for name, cell in untouched.items():
        if name.startswith("test_"):
            assert "✗" in shown(cell)


def test_the_other_cells_of_the_untouched_release_say_kindly_what_they_need(untouched):
    assert "run the cell of Exercise 4" in shown(untouched["draw-my-loss"])
    assert "plain model of Exercise 2" in shown(untouched["compare-slopes"])
    assert "still empty: 1a, 1b" in shown(untouched["ready"])
