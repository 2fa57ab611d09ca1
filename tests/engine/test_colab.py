"""What works in Colab costs nothing: it works, is stood in for, or is left to a person."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from nbformat.v4 import new_code_cell
from support import colab_loops, tiny_course
from support.real_course import real_course

from xorkit.conventions import filled, solution_texts
from xorkit.engine.assignment import Assignment, of_course
from xorkit.engine.autograded import to_bytes
from xorkit.engine.course import Course, open_course
from xorkit.engine.environment import to_do, told
from xorkit.engine.job import Job, JobResult, RunSettings, work
from xorkit.evidence import Lack
from xorkit.guest.lacks import ANY
from xorkit.guest.limits import LACKS_MIME
from xorkit.verdict import CellVerdict, Diagnosis, TestOutcome, Verdict

TABLE = yaml.safe_load(Path(__file__).with_name("colab.yaml").read_text("utf-8"))
ROWS = [(kind, row) for kind, rows in TABLE.items() for row in rows]
QUESTION = "Which of your names does that line use?"


def judged(own: Assignment, row: dict[str, Any]) -> Verdict:
    """The verdict on the tiny course with this answer for its number."""
    answers = {**SOLVED, "number": row.get("first", "# a number\n") + row["cell"]}
    notebook = filled(own.release, answers)
    if "before" in row:
        place = next(i for i, cell in enumerate(notebook.cells) if cell.id == "number")
        notebook.cells.insert(place, new_code_cell(row["before"], id="own"))
    job = Job("ada", RunSettings(timeout=15), file=to_bytes(notebook))
    done = JobResult.unpack(work(own.pack(), job.pack()))
    assert done.verdict is not None, done.problem
    assert done.faults == ()
    return done.verdict


SOLVED: dict[str, str] = {}


@pytest.fixture(scope="module")
def own(built: Path) -> Assignment:
    course = open_course(built, "tiny")
    SOLVED.update(solution_texts(course.source))
    return of_course(course)


@pytest.mark.parametrize(
    ("kind", "row"), ROWS, ids=[f"{kind}: {row['name']}" for kind, row in ROWS]
)
def test_what_works_in_colab_costs_nothing(own: Assignment, kind: str, row: dict[str, Any]) -> None:
    verdict = judged(own, row)

    number = next(cell for cell in verdict.cells if cell.grade_id == "test_number")
    notes = [f for f in verdict.findings if f.code == Diagnosis.ENVIRONMENT]
    outcomes: dict[tuple[float, bool, bool], str] = {
        (3, False, False): "nothing",
        (3, False, True): "told",
        (3, True, True): "waits",
        (0, True, True): "waits",
        (1, True, True): "waits",
    }
    outcome = outcomes.get((number.score, number.needs_review, bool(notes)), "costs")
    assert outcome == row["then"], (number, verdict.findings)
    assert all(finding.note for finding in notes)
    assert not any(QUESTION in finding.message for finding in verdict.findings)
    if row["then"] != "costs":
        assert Diagnosis.CRASH not in verdict.diagnosis


def once(row: dict[str, Any]) -> Any:
    """A row of the loops; those that are like others run in `make sweep`."""
    return pytest.param(row, id=row["name"], marks=pytest.mark.sweep if "sweep" in row else ())


@pytest.mark.parametrize("row", [once(row) for row in colab_loops.ROWS])
def test_what_trains_in_colab_is_judged_as_such(row: dict[str, Any]) -> None:
    own, solutions = real_course()
    notebook = colab_loops.notebook(row, own.release, solutions)
    job = Job("ada", RunSettings(timeout=30), file=to_bytes(notebook))

    done = JobResult.unpack(work(own.pack(), job.pack()))

    assert done.verdict is not None, done.problem
    lost = {c.grade_id: c.tests for c in done.verdict.cells if c.score != c.max_score}
    assert lost == {}
    said = [] if colab_loops.runs_plain(row) else row.get("says", [])
    assert [code for code in done.verdict.diagnosis if code != "bad-start"] == said


TRAIN = """
def train(*_):
    for epoch in range(5000):
        loss = loss_fn(model(X), Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
NO_STEP = "for epoch in range(5000):\n    loss_fn(model(X), Y).backward()\n"
BUTTON = "import ipywidgets as w\nb = w.Button()\nb.on_click(train)\ndisplay(b)\n"
BUTTONS: dict[str, tuple[str, ...]] = {
    "a button": (TRAIN + BUTTON, "waits"),
    "interact_manual": (
        TRAIN + "from ipywidgets import interact_manual\ninteract_manual(train)\n",
        "waits",
    ),
    "a button of the page's": (
        TRAIN + "from google.colab import output\noutput.register_callback('t', train)\n",
        "waits",
    ),
    "a button that is clicked here": (TRAIN + BUTTON + "b.click()\n", "right"),
    "a button that trains again": (TRAIN + BUTTON + "train()\n", "right"),
    "a button beside a loop that makes no step": (TRAIN + BUTTON + NO_STEP, "costs"),
    "a button that calls nothing, and no training": (
        "import ipywidgets as w\ndisplay(w.Button(), w.IntSlider())\n",
        "costs",
    ),
    "a button out of another cell": (
        TRAIN + "display(b)\n",
        "waits",
        BUTTON.replace("train", "lambda _: train()"),
    ),
}


@pytest.mark.parametrize("name", BUTTONS)
def test_a_loop_behind_a_button_waits_where_nothing_else_trained(name: str) -> None:
    text, then, *before = BUTTONS[name]
    own, solutions = real_course()
    notebook = colab_loops.notebook(
        {"training_loop": text, "before": "".join(before)}, own.release, solutions
    )
    job = Job("ada", RunSettings(timeout=30), file=to_bytes(notebook))

    done = JobResult.unpack(work(own.pack(), job.pack()))

    assert done.verdict is not None, done.problem
    loop = next(c for c in done.verdict.cells if c.grade_id == "test_training_loop")
    assert (loop.score == loop.max_score, loop.needs_review) == {
        "right": (True, False),
        "waits": (False, True),
        "costs": (False, False),
    }[then]
    lacked = [lack["kind"] for lack in done.verdict.details.get("lacks", ()) if lack["waits"]]
    assert lacked == (["clicking"] if then == "waits" else [])


def test_what_a_machine_lacked_is_told_and_run_again_once_it_is_there(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_course.hand_in(course, "ada", {"number": "import pandas\nnumber = 7"})
    tiny_course.hand_in(course, "bob")
    first = tiny_course.graded(course)
    again = tiny_course.graded(course)

    assert to_do(done.verdict for done in first.values()) == [
        "1 learner used packages that Colab has and this machine hasn't: `pip install pandas`; then"
        " `xorkit grade tiny` runs only these again"
    ]
    assert not any(done.ran for done in again.values())
    monkeypatch.setattr("xorkit.engine.environment._installed", lambda name: name == "pandas")
    third = tiny_course.graded(course)
    assert {name for name, done in third.items() if done.ran} == {"ada"}


@pytest.mark.parametrize(("installed", "kept"), [({ANY}, ["ignite"]), ({"torchinfo"}, [])])
def test_a_lack_that_no_text_names_is_believed_of_an_install_that_is_not_told(
    installed: set[str], kept: list[str]
) -> None:
    said = [["package", name, True] for name in ("ignite", "this.part", "torch", "<b>")]
    output = {"output_type": "display_data", "data": {LACKS_MIME: json.dumps(said)}}

    assert told([output], installed) == ([], tuple(Lack("package", name, True) for name in kept))
    assert "this" not in sys.modules  # to look for a part would import the whole


LEFT_OPEN = (CellVerdict("test_number", 3, (TestOutcome("t", "not_judged", 3, review=True),)),)
AGAIN = "; then `xorkit grade tiny` runs only these again"
TO_DO = {
    "several packages of one learner's": (
        {"ada": "package pandas, package wandb", "bob": "package pandas", "eve": ""},
        "2 learners used packages that Colab has and this machine hasn't:"
        " `pip install pandas wandb`" + AGAIN,
    ),
    "a package under another name": (
        {"ada": "package sklearn"},
        "1 learner used packages that Colab has and this machine hasn't:"
        " `pip install scikit-learn`" + AGAIN,
    ),
    "a package that one PyTorch alone takes": (
        {"ada": "package torchvision"},
        "1 learner used packages that Colab has and this machine hasn't:"
        f" `pip install torchvision torch=={version('torch').split('+')[0]}`" + AGAIN,
    ),
    "a package that is nobody's": (
        {"ada": "package tnt"},
        "1 learner used packages that their notebooks install: tnt. Look at each, as nobody vouches"
        " for them, and `pip install` those that you trust" + AGAIN,
    ),
    "newer Pythons": (
        {"ada": "python 3.12", "bob": "python 3.14"},
        "2 learners used a newer Python, 3.14 or later: `python3.14 -m venv FOLDER`, and install"
        " xorkit there as you did here" + AGAIN,
    ),
    "what no machine has": (
        {
            "ada": "typing input!, machine a GPU!",
            "bob": "typing input!, cell x!",
            "eve": "machine a GPU",
        },
        "2 learners needed a GPU, somebody who types, which no machine that grades has:"
        " `xorkit mark tiny` shows what waits for you",
    ),
    "nothing": ({"ada": "typing input"}, None),
}


@pytest.mark.parametrize("name", TO_DO)
def test_what_is_to_do_says_how_many_met_a_lack_and_what_mends_it(name: str) -> None:
    met, says = TO_DO[name]
    verdicts = []
    for student, text in met.items():
        words = [each.split(" ", 1) for each in text.split(", ") if each]
        lacks = [{"kind": k, "name": n.rstrip("!"), "waits": n.endswith("!")} for k, n in words]
        verdicts.append(Verdict(student, "tiny", 3, LEFT_OPEN, details={"lacks": lacks}))

    assert to_do(verdicts) == ([] if says is None else [says])
