"""The check of the training loop: what it says about each way of writing the loop."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from nbformat.v4 import new_notebook
from support.learner import EPOCHS, Learner, wrong

from xorkit.conventions import solution_texts
from xorkit.samples import answers, read_class

ROOT = Path(__file__).parents[2]
LOOPS = yaml.safe_load((Path(__file__).parent / "loops.yaml").read_text(encoding="utf-8"))
RIGHT, WRONG = LOOPS["right"], LOOPS["wrong"]


def numpy_state() -> Any:
    state: Any = np.random.get_state()
    return state[1].copy()


def run(learner: Learner, loop: dict[str, Any]) -> None:
    learner.run(loop.get("before", ""))
    learner.run(loop["code"], "training_loop")


@pytest.mark.parametrize("loop", RIGHT.values(), ids=RIGHT)
def test_a_right_loop_gets_no_cross(loop: dict[str, Any], solved: Learner) -> None:
    run(solved, loop)

    table = solved.check("training_loop")

    assert wrong(table) == [], table.to_text()
    assert len(table.rows) == 5
    assert table.picture == ""


@pytest.mark.parametrize("loop", WRONG.values(), ids=WRONG)
def test_a_wrong_loop_gets_a_cross_that_says_why(loop: dict[str, Any], solved: Learner) -> None:
    run(solved, loop)

    table = solved.check("training_loop")

    first = next(row for row in table.rows if row.state is False)
    assert loop["cause"] == first.cause, table.to_text()
    assert first.seen.endswith(("?", ".")), "a whole sentence"


TRAINING = ("data", "model", "loss_and_optimizer", "training_loop")
CLASS = {
    learner.id: learner
    for learner in read_class(ROOT / "samples" / "xor" / "class.yaml")
    if "training_loop" in {**learner.cells, **learner.edits}
}


@pytest.mark.parametrize("name", CLASS)
def test_the_check_of_a_sample_loop_names_what_grading_names_first(
    name: str, learner: Learner, source: dict[str, Any], release: dict[str, Any]
) -> None:
    # That grading says these codes, tests/course/test_sample_class.py holds.
    sample = CLASS[name]
    graded = sample.says[0] if "test_training_loop" in sample.loses else ""
    solutions = solution_texts(new_notebook(cells=[*source.values()]))
    texts = answers(sample, new_notebook(cells=[*release.values()]), solutions)
    for cell in TRAINING:
        # As many epochs in proportion; a learner stops the cell that has no end.
        with (
            stopped_after(1.0 if graded == "timeout" else 60),
            contextlib.suppress(KeyboardInterrupt),
        ):
            learner.run(texts[cell].replace("range(500)", f"range({EPOCHS // 10})"), cell)

    table = learner.check("training_loop")

    causes = [row.cause for row in table.rows if row.state is False]
    assert causes[:1] == ([graded] if graded else []), table.to_text()


@contextlib.contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    signal.signal(signal.SIGALRM, signal.default_int_handler)  # as the kernel's stop button
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


# One of each kind: what is run again on copies, stopped, and what raises.
LEAVES = [
    "a class as the model",
    "several tries until one converges",
    "a trainer from another cell",
]
LEAVES += ["a list that another cell began", "a new model in every pass", "a program that quits"]


@pytest.mark.parametrize("name", LEAVES)
def test_a_check_leaves_everything_as_it_was(
    name: str, solved: Learner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("mine")
    writing = "import pathlib\npathlib.Path('notes.txt').write_text('!')\n"
    writing += "pathlib.Path('model.txt').write_text('!')\n"
    run(solved, {**(RIGHT | WRONG)[name], "code": writing + (RIGHT | WRONG)[name]["code"]})
    Path("model.txt").unlink()
    Path("notes.txt").write_text("mine")
    names = {name: value for name, value in solved.names.items() if name != "__builtins__"}
    held = [v for v in names.values() if isinstance(v, list)]
    lists = [[*value] for value in held]
    own = [p for group in solved.names["optimizer"].param_groups for p in group["params"]]
    weights = [parameter.clone() for parameter in own]
    states = (torch.get_rng_state(), random.getstate(), numpy_state())
    trace, here = sys.gettrace(), os.getcwd()

    solved.check("training_loop")

    assert names == {n: v for n, v in solved.names.items() if n != "__builtins__"}
    assert lists == held
    assert all(map(torch.equal, weights, own))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == random.getstate()
    assert (states[2] == numpy_state()).all()
    assert (trace, here) == (sys.gettrace(), os.getcwd())
    assert torch.is_grad_enabled()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert Path("notes.txt").read_text() == "mine"


def test_updates_that_differ_are_drawn_beside_those_asked_for(solved: Learner) -> None:
    run(solved, WRONG["small steps by hand"])

    picture = solved.check("training_loop").picture

    assert picture.count("<rect") == 2 * 9 * 4  # done and asked for, nine parameters, four updates
    assert picture.count(">update ") == 4


def test_a_slow_loop_is_looked_at_for_two_seconds_at_most(solved: Learner) -> None:
    import time

    text = "import time\nfor epoch in range(3):\n    time.sleep(0)\n"
    solved.run(text + RIGHT["zero_grad first"]["code"], "training_loop")
    solved.names["In"][-1] = solved.names["In"][-1].replace("sleep(0)", "sleep(60)")
    begun = time.monotonic()

    table = solved.check("training_loop")

    assert time.monotonic() - begun < 3
    assert wrong(table) == []  # what the own run showed stands: the second one adds nothing
