"""Runs answer cells with the probe beside them and judges what it saw, without a kernel."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import torch
from torch import nn

from xorkit import judge as judging
from xorkit import lesson as lessons
from xorkit import probe
from xorkit.evidence import CellRun, Evidence, loads
from xorkit.hidden import Judgement, hidden_tests, judge
from xorkit.lesson import Lesson

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


def lesson(epochs: int = 5000) -> Lesson:
    """XOR's lesson, with fewer passes where a test need not wait for learning."""
    loaded = lessons.load(ROOT / "lessons" / "xor.yaml")
    assert loaded.task is not None
    return loaded.model_copy(update={"task": loaded.task.model_copy(update={"epochs": epochs})})


def hidden_cells() -> dict[str, str]:
    """The hidden tests of the trained blanks, as the source notebook holds them."""
    notebook = nbformat.read(ROOT / "source" / "xor" / "xor.ipynb", as_version=4)
    wanted = {f"test_{blank}" for blank in BLANKS}
    return {
        cell.metadata.nbgrader.grade_id: hidden_tests(cell.source)
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") in wanted
    }


def observe(cells: Mapping[str, str], course: Lesson, seed: int) -> Evidence:
    """What the probe sees of answer cells, each blank not named being the solution's."""
    assert course.task is not None
    answers = {**SOLUTION, **cells}
    rng = np.random.default_rng(seed)
    asked = judging.questions(course.trained, course.facts.good, course.facts.stall, rng)
    namespace: dict[str, Any] = {"__name__": "__main__", "torch": torch, "nn": nn}
    namespace["F"] = torch.nn.functional
    probe.recorder().reset()
    torch.manual_seed(seed)
    runs, seen = [], {}
    for blank in BLANKS:
        source = answers.get(blank, "").replace("5000", str(course.task.epochs))
        error = _run(source, namespace)
        runs.append(CellRun(blank, "error" if error else "ok", error))
        seen[blank] = loads(json.dumps(probe.observe(blank, namespace, source, asked)))
    return Evidence(tuple(runs), answers, seen, asked)


def _run(source: str, namespace: dict[str, Any]) -> tuple[str, str] | None:
    streams = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with streams[0], streams[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(source, "<cell>", "exec"), namespace)
        except Exception as error:
            return type(error).__name__, str(error)
    return None


def judged(cells: Mapping[str, str], course: Lesson, seed: int = 0) -> Judgement:
    """The judgement of answer cells; a failure of the grader itself fails the test."""
    judgement = judge(hidden_cells(), observe(cells, course, seed), course)
    assert not judgement.faults, judgement.faults
    return judgement


def lost(judgement: Judgement) -> dict[str, float]:
    """The points that each cell lost, where it lost any."""
    points = {cell.grade_id: cell.max_score - cell.score for cell in judgement.cells}
    return {grade_id: points for grade_id, points in points.items() if points}


__all__ = ["BLANKS", "ROOT", "SOLUTION", "judged", "lesson", "lost", "observe", "replace"]
