"""The released notebook as a learner meets it: run in a real kernel, from top to bottom."""

from __future__ import annotations

import copy
import io
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

COURSE = Path(__file__).parents[2]
NAMES_TAKEN = """\
sum = list = str = any = all = max = zip = type = isinstance = bool = map = loss = 0
optim = len = 0
del sys.modules["google.colab"]"""
# As in Colab, where xorkit isn't installed: only what is packed can be imported.
NOT_INSTALLED = """\
import sys
sys.path[:] = [place for place in sys.path if not place.endswith("/src")]
import importlib.util
assert importlib.util.find_spec("xorkit") is None"""
SLOT = "import sys; print(sys.modules['xorkit'].__spec__.loader.__class__.__name__)"


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
    # A kernel may send what one print writes in two pieces.
    whole = {"kernel_name": "python3", "coalesce_streams": True, **options}
    NotebookClient(book, timeout=120, **whole).execute()
    return {cell.id: cell for cell in book.cells}


def shown(cell):
    """All text of a cell's outputs."""
    return "\n".join(
        out.get("text") or out.get("evalue") or out.data["text/plain"] for out in cell.outputs
    )


def kinds(cell):
    return {out.get("name", out.output_type) for out in cell.outputs}


def again(book, name, suffix="again"):
    """A cell of the notebook once more."""
    cell = copy.deepcopy(next(cell for cell in book.cells if cell.id == name))
    cell.id = f"{name}-{suffix}"
    return cell


@pytest.fixture(scope="module")
def right():
    book = filled()
    live = notebook("release")
    fake_colab = (
        "import sys, types, json\n"
        f"live = json.loads({json.dumps(json.dumps(live))})\n"
        "for c in live['cells']: c['source'] = c['source'].splitlines(keepends=True)\n"
        "live['cells'] = [c for c in live['cells'] if c['id'] != 'model']\n"
        "live['cells'] += [c for c in live['cells'] if c['id'] == 'data']\n"
        "message = types.SimpleNamespace(blocking_request=lambda *a, **k: {'ipynb': live})\n"
        "sys.modules['google.colab'] = types.SimpleNamespace(_message=message)"
    )
    timed = (
        "%%time\n# ✏️ Exercise 4 · The training loop\nfor epoch in range(5000):\n"
        "    optimizer.zero_grad()\n    loss_fn(model(X), Y).backward()\n    optimizer.step()"
    )
    early = [again(book, "test_data", "early"), again(book, "ready", "early")]
    book.cells[:0] = [new_code_cell(NOT_INSTALLED, id="not-installed"), *early]
    book.cells += [
        new_code_cell(SLOT, id="where-from"),
        new_code_cell(fake_colab, id="fake-colab"),
        again(book, "ready", "in-colab"),
        new_code_cell(timed, id="timed"),
        again(book, "test_training_loop", "timed"),
        again(book, "setup"),
        new_code_cell(NAMES_TAKEN, id="names-taken"),
        *(again(book, name) for name in ("draw-my-loss", "compare-slopes", "test_model", "ready")),
        new_code_cell("check = 3", id="check-taken"),
        again(book, "test_model", "check-taken"),
    ]
    return executed(book)


@pytest.fixture(scope="module")
def untouched():
    return executed(notebook("release"), allow_errors=True)


def test_the_checks_come_out_of_the_packed_piece(right):
    assert shown(right["where-from"]).strip() == "Loader"


def test_the_filled_release_runs_without_a_word_on_stderr(right):
    for cell in right.values():
        if cell.cell_type == "code" and cell.id != "timed":
            assert not kinds(cell) & {"stderr", "error"}, shown(cell)


def test_every_check_of_the_filled_release_shows_a_table_and_no_cross(right):
    # But for the predictions: a start may be unlucky.
    for name, cell in right.items():
        early = name.endswith(("-early", "-check-taken"))
        if name.startswith("test_") and name != "test_predictions" and not early:
            assert {"display_data"} == kinds(cell)
            assert "✗" not in shown(cell)
            assert "text/html" in cell.outputs[0].data


def test_a_check_without_the_set_up_says_so_in_a_sentence(right):
    for name in ("test_data-early", "ready-early", "test_model-check-taken"):
        assert shown(right[name]) == (
            "Run the set-up cell (⚙ at the top) first, then this check again.\n"
        )


PICTURES = ["draw-my-loss", "compare-slopes", "twenty-starts"]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_on_light_and_on_dark_pages(name, right):
    (picture,) = (out for out in right[name].outputs if "image/png" in out.get("data", {}))

    pixels = read_png(picture)
    assert pixels[0, 0, 3] == 0  # nothing painted behind it
    assert "needs_background" not in picture.metadata


def read_png(output):
    import base64

    from matplotlib.image import imread

    return imread(io.BytesIO(base64.b64decode(output["data"]["image/png"])))


def test_names_that_a_learner_took_stand_in_no_cells_way(right):
    assert any("image/png" in out.get("data", {}) for out in right["draw-my-loss-again"].outputs)
    assert "✗" not in shown(right["test_model-again"])
    assert "Ready." in shown(right["ready-again"])


def test_nine_gradients_by_hand_are_autograds(right):
    assert re.search(
        r"largest difference is [0-9]e-(08|09|1\d)|is 0e", shown(right["compare-slopes"])
    )


def test_the_loop_is_found_in_a_timed_cell(right):
    assert "✗" not in shown(right["test_training_loop-timed"])
    assert "5000 epochs seen" in shown(right["test_training_loop-timed"])


def test_outside_colab_the_last_cell_says_what_it_cannot_see(right):
    assert "Ready." in shown(right["ready"])
    assert "What can't be seen" in shown(right["ready"])


def test_in_colab_the_last_cell_reads_the_live_notebook(right):
    said = shown(right["ready-in-colab"])

    assert "✗ Exercise 1 · The data: 2 cells begin with" in said
    assert "✗ Exercise 2 · The model: no cell begins with" in said
    assert "✗ Exercise 4 · The training loop: still empty: Blank 4a" in said
    assert "✗ Exercise 5 · Who does the job now?: still empty: job_1" in said
    assert "What can't be seen" not in said


BLANKS = {"data": "1a", "model": "2a", "loss_and_optimizer": "3a", "training_loop": "4a"}


def test_in_the_untouched_release_only_blanks_stop_each_with_one_calm_line(untouched):
    stopped = {c.id: c for c in untouched.values() if c.cell_type == "code" and "error" in kinds(c)}

    assert set(BLANKS) == set(stopped)
    for name, cell in stopped.items():
        (error,) = (out for out in cell.outputs if out.output_type == "error")
        (line,) = error.traceback
        assert re.fullmatch(rf"Blank {BLANKS[name]} is still empty: [^\n]+", line)
    for cell in untouched.values():
        assert cell.cell_type != "code" or "stderr" not in kinds(cell)


def test_every_check_of_the_untouched_release_says_what_to_fill(untouched):
    for name, cell in untouched.items():
        if name.startswith("test_"):
            assert "✗" in shown(cell)


def test_the_other_cells_of_the_untouched_release_say_kindly_what_they_need(untouched):
    assert "run the cell of Exercise 4" in shown(untouched["draw-my-loss"])
    assert "model of Exercise 2" in shown(untouched["compare-slopes"])
    assert "still empty: Blank 1a, Blank 1b" in shown(untouched["ready"])
