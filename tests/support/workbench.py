"""Runs answer cells with the probe beside them and judges what it saw, without a kernel."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import torch
import yaml
from torch import nn

from xorkit import judge as judging
from xorkit import lesson as lessons
from xorkit import probe
from xorkit.conventions import hidden_tests
from xorkit.engine.grading import grade_submission
from xorkit.engine.packing import sheet_of
from xorkit.evidence import CellRun, Evidence, loads
from xorkit.hidden.session import HiddenTests
from xorkit.lesson import Lesson
from xorkit.selfcheck.checks import Checks
from xorkit.selfcheck.sheet import Sheet
from xorkit.verdict import Verdict

ROOT = Path(__file__).parents[2]
SOLUTION = {
    "data": """
X = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
Y = torch.tensor([[0.], [1.], [1.], [0.]])
""",
    "model": """
model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
""",
    "loss_and_optimizer": """
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
""",
    "training_loop": """
losses = []
for epoch in range(5000):
    pred = model(X)
    loss = loss_fn(pred, Y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if epoch % 1000 == 0:
        print(f"epoch {epoch:4d}   loss {loss.item():.4f}")
""",
}
BLANKS = (*SOLUTION, "predictions")
# Times the lesson's epochs, until a loop's time is over: more backward passes than the 45 that an
# epoch of L-BFGS may take, with twenty iterations and a line search that tries 25 lengths.
ENDLESS = 50
FEW_EPOCHS = 200  # of a row that need not learn: enough for a mistake in every hundredth to show


@dataclass(frozen=True)
class Seen:
    """The evidence of a notebook, and how many answers of its own model are off in the end."""

    evidence: Evidence
    off: int
    ticks: Mapping[str, list[bool | None]] = field(default_factory=dict)  # of the checks, by cell


def table(name: str) -> dict[str, dict[str, Any]]:
    """A table of ways to write the cells, beside this file."""
    rows: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "tests" / "judge" / name).read_text())
    return rows


@cache
def lesson(epochs: int = 5000) -> Lesson:
    """XOR's lesson, with fewer epochs where a test need not wait for learning."""
    loaded = lessons.load(ROOT / "lessons" / "xor.yaml")
    assert loaded.task is not None
    return loaded.model_copy(update={"task": loaded.task.model_copy(update={"epochs": epochs})})


@cache
def notebook() -> nbformat.NotebookNode:
    """The authored notebook."""
    path = ROOT / "source" / "xor" / "xor.ipynb"
    read: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    return read


@cache
def hidden_cells() -> Mapping[str, str]:
    """The hidden tests of the four training cells and of the predictions, from the notebook."""
    wanted = {f"test_{blank}" for blank in BLANKS}
    return {
        cell.metadata.nbgrader.grade_id: hidden_tests(cell.source)
        for cell in notebook().cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") in wanted
    }


@cache
def tests_of(epochs: int) -> HiddenTests:
    return HiddenTests(hidden_cells(), lesson(epochs))


def observe(
    cells: Mapping[str, str], course: Lesson, seed: int = 0, sheet: Sheet | None = None
) -> Seen:
    """What the probe sees of answer cells, each blank not named being the solution's.

    With a sheet, also what a learner's checks tick of the cells that are named, else of all.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return _observe(cells, course, seed, sheet)


def _observe(cells: Mapping[str, str], course: Lesson, seed: int, sheet: Sheet | None) -> Seen:
    assert course.task is not None
    answers = {**SOLUTION, **cells}
    rng = np.random.default_rng(seed)
    asked = judging.questions(course.trained, course.facts.good, course.facts.stall, rng)
    namespace: dict[str, Any] = {"__name__": "__main__", "torch": torch, "nn": nn}
    record = probe.recorder()
    record.reset()
    torch.manual_seed(seed)
    runs, seen = [], {}
    checks = Checks(sheet, namespace) if sheet is not None else None
    for blank, following in zip(BLANKS, [*BLANKS[1:], ""], strict=True):
        source = answers.get(blank, "").replace("5000", str(course.task.epochs))
        record.cell_begins(namespace)
        if checks is not None:
            _begin(checks, blank, source)
        record.limit, record.at_limit = ENDLESS * course.task.epochs, _time_over
        raised = _run(source, namespace)
        error = (type(raised).__name__, str(raised)) if raised is not None else None
        record.raised = raised
        if checks is not None:
            checks.session.raised[blank] = raised
        record.cell_begins(namespace)
        ended = "timeout" if isinstance(raised, TimeOver) else "error" if error else "ok"
        runs.append(CellRun(blank, ended, error if ended == "error" else None))
        more = {**asked, "next": answers.get(following, "")}
        seen[blank] = loads(json.dumps(probe.observe(blank, namespace, source, more)))
    evidence = Evidence(tuple(runs), answers, seen, asked)
    ticks = {}
    if checks is not None:
        for blank in cells or BLANKS:
            ticks[blank] = [row.state for row in checks.table(blank).rows]
    return Seen(evidence, _off(namespace.get("model"), course), ticks)


def _begin(checks: Checks, blank: str, source: str) -> None:
    """A notebook's kernel runs a cell: what a check knows of it."""
    cell = checks.sheet.cell(blank)
    if cell is not None and cell.first_line:
        checks.session.begins(cell)
        ran = checks.session.namespace.setdefault("In", [])
        ran.append(f"{cell.first_line}\n{source}")


def observe_apart(
    cells: Mapping[str, str], course: Lesson, seed: int = 0, sheet: Sheet | None = None
) -> Seen:
    """As `observe`, in a process of its own, where what a cell breaks stays broken."""
    ours, theirs = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        seen = observe(cells, course, seed, sheet)
        theirs.send_bytes(json.dumps([seen.evidence.to_json(), seen.off, seen.ticks]).encode())

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    theirs.close()
    evidence, off, ticks = json.loads(ours.recv_bytes())
    child.join()
    return Seen(Evidence.from_json(evidence), off, ticks)


def _run(source: str, namespace: dict[str, Any]) -> BaseException | None:
    streams = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with streams[0], streams[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(source, "<cell>", "exec"), namespace)
        except (Exception, SystemExit, TimeOver) as error:
            return error
    return None


class TimeOver(KeyboardInterrupt):
    """As the engine interrupts a cell whose time is over."""


def _time_over() -> None:
    raise TimeOver


def _off(model: Any, course: Lesson) -> int:
    """How many answers of a model are not near their targets: PyTorch's word, not the judge's."""
    task = course.trained
    try:
        with torch.no_grad():
            answers = model(torch.tensor(task.inputs, dtype=torch.float32)).double().numpy()
        if np.ptp(answers) <= 0.1 * np.ptp(task.targets):
            return len(task.inputs)  # the same for all rows is no answer to any of them
        return int((~(np.abs(answers - task.targets) <= task.near)).any(axis=1).sum())
    except Exception:
        return len(task.inputs)


def verdict(seen: Seen, course: Lesson) -> Verdict:
    """The verdict on what was seen; a failure of the grader itself fails the test."""
    found, faults = grade_submission("ada", seen.evidence, tests_of(course.trained.epochs))
    assert not faults, faults
    return found


def judged(row: Mapping[str, Any], seed: int = 0, *, checked: bool = False) -> tuple[Verdict, Seen]:
    """The verdict on a row of a table, and what was seen; also by the learner's checks."""
    course = lesson(5000 if row.get("full") else FEW_EPOCHS)
    cells = {blank: row[blank] for blank in SOLUTION if blank in row}
    sheet = sheet_of(notebook(), course) if checked else None
    seen = (observe_apart if row.get("apart") else observe)(cells, course, seed, sheet)
    return verdict(seen, course), seen


def lost(verdict: Verdict) -> dict[str, float]:
    """The points that each cell lost, where it lost any."""
    points = {cell.grade_id: cell.max_score - cell.score for cell in verdict.cells}
    return {grade_id: points for grade_id, points in points.items() if points}


def wanted_loss(row: Mapping[str, Any], off: int) -> dict[str, float]:
    """The points that each cell is to lose by a row of the table of mistakes."""
    result = off if row.get("result", "own") == "own" else 4
    points = {**row["loses"], "test_predictions": result}
    return {grade_id: float(points) for grade_id, points in points.items() if points}
