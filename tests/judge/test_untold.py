"""Sentences about what no row of the tables shows: cells that left nothing, predictions, waiting.

How each status comes about, real kernels show in tests/engine/test_running.py.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from support import workbench as w
from support.truth import mse, predict

from xorkit.engine.grading import grade_submission
from xorkit.evidence import (
    CellRun,
    EvidenceError,
    Lack,
    Run,
    read_model,
    read_predictions,
    read_training,
)
from xorkit.messages import sentence
from xorkit.messages import table as sentences
from xorkit.probe import recording
from xorkit.verdict import CellVerdict, Verdict

EPOCHS = 60
STATUSES = [name.removeprefix("uncoded.unseen-") for name in sentences() if ".unseen-" in name]
CODED = {  # what the cell itself is told, where it ended in a way of its own
    "timeout": "timeout.cell",
    "memory": "memory.cell",
    "died": "crash.process",
    "garbled": "tampering.garbled",
    "output": "crash.output",
    "not_run": "timeout.notebook",
    "given_up": "crash.processes",
}


SAYS = {
    "prediction": r"For \((\d), (\d)\) your model predicts (\d\.\d+); the target is [01]\.",
    "constant": r"Your model predicts .* for every row, between (\d\.\d+) and (\d\.\d+)\..*",
}


@cache
def right() -> w.Seen:
    return w.observe({}, w.lesson(EPOCHS))


def cell(found: Verdict, blank: str) -> CellVerdict:
    return next(each for each in found.cells if each.grade_id == f"test_{blank}")


def left_nothing(blank: str, *runs: CellRun) -> Verdict:
    """The verdict where one of the right cells left nothing to be seen."""
    evidence = right().evidence
    others = tuple(run for run in evidence.cells if run.grade_id != blank)
    seen = {name: value for name, value in evidence.observations.items() if name != blank}
    without = replace(evidence, cells=(*others, *runs), observations=seen)
    return w.verdict(replace(right(), evidence=without), w.lesson(EPOCHS))


@pytest.mark.parametrize("status", [each for each in STATUSES if each != "epochs"])
@pytest.mark.parametrize("blank", ["data", "model", "loss_and_optimizer"])
def test_a_cell_that_left_nothing_is_told_how_it_ended(blank: str, status: str) -> None:
    found = left_nothing(blank, CellRun(blank, status))

    tests = cell(found, blank).tests
    told = {test.message for test in tests if test.outcome != "passed"}
    assert sentence(None, f"unseen-{status}") in told
    assert not any(test.outcome == "passed" for test in tests)
    symptoms = {f"{each.code}.{each.symptom}" for each in found.findings}
    assert symptoms & set(CODED.values()) == ({CODED[status]} if status in CODED else set())


def test_a_cell_of_which_nothing_is_known_was_never_reached() -> None:
    told = {test.message for test in cell(left_nothing("model"), "model").tests}

    assert sentence(None, "not-reached") in told


@pytest.mark.parametrize("name", ["nothing at all", "no model"])
def test_what_waits_for_another_test_stands_below_one_that_failed(name: str) -> None:
    found, _ = w.judged(w.table("mistakes.yaml")[name])
    waiting = 0

    for each in found.cells:
        outcomes = [test.outcome for test in each.tests]
        for place, test in enumerate(each.tests):
            if test.message == sentence(None, "needs"):
                waiting += 1
                assert test.outcome == "not_judged"
                assert "failed" in outcomes[:place]
    assert waiting


@pytest.mark.parametrize("name", ["a hundred passes", "targets in one row", "one pass"])
def test_the_predictions_that_are_told_are_those_of_pytorch(name: str) -> None:
    found, seen = w.judged(w.table("mistakes.yaml")[name])
    end = read_predictions(seen.evidence.observations["predictions"]).row
    predicted = predict(torch.tensor(end, dtype=torch.float64)).ravel().tolist()
    told = [test.message for test in cell(found, "predictions").tests if test.outcome == "failed"]

    assert told
    for message in told:
        one, span = (re.fullmatch(SAYS[name], message) for name in ("prediction", "constant"))
        assert one or span, message
        if one:
            k = 2 * int(one[1]) + int(one[2])
            assert float(one[3]) == pytest.approx(predicted[k], abs=0.006)
        if span:
            low, high = min(predicted), max(predicted)
            assert [float(span[1]), float(span[2])] == pytest.approx([low, high], abs=0.006)
            assert np.ptp(predicted) <= 0.1


# The rest of the table: what each asserts, beside what the recorder has seen.


def trained(loop: str, **cells: str) -> tuple[Verdict, w.Seen]:
    return w.judged({"training_loop": loop, **cells})


def own_run(seen: w.Seen) -> Run:
    own = read_training(seen.evidence.observations["training_loop"]).own
    assert own is not None
    return own


def told(found: Verdict, symptom: str, code: str | None = None) -> dict[str, Any]:
    """The facts of the finding that says it."""
    return next(dict(f.facts) for f in found.findings if (f.code, f.symptom) == (code, symptom))


def messages(found: Verdict, blank: str) -> set[str]:
    return {test.message for test in cell(found, blank).tests} - {""}


def with_observation(blank: str, ended: str, **changes: Any) -> Verdict:
    """The verdict where one of the right cells ended so, and left something else to be seen."""
    evidence = right().evidence
    runs = tuple(
        CellRun(r.grade_id, ended if r.grade_id == blank else "ok") for r in evidence.cells
    )
    seen = {**evidence.observations, blank: {**evidence.observations[blank], **changes}}
    changed = replace(evidence, cells=runs, observations=seen)
    return w.verdict(replace(right(), evidence=changed), w.lesson(EPOCHS))


def test_where_no_model_is_left_nothing_is_said_of_predictions() -> None:
    found, seen = trained("del model\n")

    assert not len(read_predictions(seen.evidence.observations["predictions"]).row)
    assert messages(found, "predictions") == {sentence(None, "no-model")}
    assert cell(found, "training_loop").score == 0


def test_evidence_that_no_recorder_writes_is_told_as_such() -> None:
    found = with_observation("model", "ok", kind="none that is known")

    with pytest.raises(EvidenceError):
        read_model({**right().evidence.observations["model"], "kind": "none that is known"})
    assert told(found, "evidence", "tampering") == {}
    assert cell(found, "model").score == 0


def test_an_empty_blank_is_told_with_its_own_line() -> None:
    line = "Blank 2 · The model is still empty"
    found, seen = w.judged({"model": f'raise NotImplementedError("{line}")'})

    (run,) = [run for run in seen.evidence.cells if run.grade_id == "model"]
    assert run.error == ("NotImplementedError", line)
    assert told(found, "cell", "blank") == {"stub": line}


def test_a_model_that_the_loop_did_not_train_is_told_with_its_predictions() -> None:
    found, seen = trained("for epoch in range(5000):\n    loss_fn(model(X), Y).backward()\n")
    run = own_run(seen)
    end = torch.tensor(run.rows[-1], dtype=torch.float64)

    assert (run.rows == run.rows[0]).all()
    wanted = sentence(None, "untrained", predictions=tuple(predict(end).ravel().tolist()))
    assert messages(found, "predictions") == {wanted}


ADAM = """
rule = torch.optim.Adam(model.parameters(), lr=0.05)
for epoch in range(5000):
    rule.zero_grad()
    loss_fn(model(X), Y).backward()
    rule.step()
"""


def test_a_long_run_is_told_with_what_of_it_was_not_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording.Recorder.reset, "__defaults__", (None, lambda: None, 540, 0))
    monkeypatch.setattr(recording, "END_ROOM", 180)
    found, seen = trained(ADAM.replace("5000", "600"))
    run = own_run(seen)

    kept = len(run.rows) + len(run.end_rows) - 1  # the last of them is where the run came to
    wanted = sentence(None, "long-run", epochs=600, unseen=600 - kept)
    assert run.events.count("s") == 600
    assert messages(found, "predictions") == {wanted}
    assert cell(found, "predictions").needs_review


CLIMBING = """
for epoch in range(5000):
    loss = loss_fn(model(X), Y)
    loss.backward()
    with torch.no_grad():
        before = [p.clone() for p in model.parameters()]
        for p in model.parameters():
            p += 2 * torch.randn_like(p)
        if loss_fn(model(X), Y) > loss:
            for p, old in zip(model.parameters(), before):
                p.copy_(old)
"""


def test_what_may_be_a_rule_that_nobody_knows_goes_to_a_person() -> None:
    found, seen = w.judged({"training_loop": CLIMBING}, seed=1)
    rows = own_run(seen).rows
    first, last = (mse(predict(torch.tensor(row, dtype=torch.float64))) for row in rows[[0, -1]])

    assert last < first
    assert messages(found, "predictions") == {sentence(None, "unknown-rule")}
    assert cell(found, "predictions").needs_review


UNKNOWN = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 1)
    def forward(self, x):
        return torch.sin(self.b(torch.cos(self.a(x))))
model = Net()
"""


def test_a_model_that_cannot_be_computed_is_told_by_its_own_checks() -> None:
    found, _ = w.judged({"model": UNKNOWN})

    assert messages(found, "predictions") == {sentence(None, "unknown-model")}
    assert any(test.outcome == "failed" for test in cell(found, "model").tests)


ONCE = "import math\nassert not hasattr(math, 'once')\nmath.once = True\n"


def test_a_loop_that_runs_once_over_a_net_of_its_own_goes_to_a_person() -> None:
    row = {"model": UNKNOWN, "training_loop": ONCE + w.SOLUTION["training_loop"]}
    found, seen = w.judged({**row, "apart": True})
    runs = read_training(seen.evidence.observations["training_loop"])

    assert runs.alone.error is not None
    assert own_run(seen).backwards == w.FEW_EPOCHS
    assert sentence(None, "no-second-run") in messages(found, "training_loop")
    assert cell(found, "training_loop").needs_review


def test_epochs_that_nobody_saw_are_told_as_unseen() -> None:
    found = with_observation("training_loop", "timeout", own=None, whole=[])

    assert sentence(None, "unseen-epochs") in messages(found, "training_loop")


def test_an_error_after_the_work_is_told_and_costs_nothing() -> None:
    found, seen = trained(w.SOLUTION["training_loop"] + "print(losess[-1])\n")
    (run,) = [run for run in seen.evidence.cells if run.grade_id == "training_loop"]

    facts = told(found, "stopped")
    assert (facts["error"], facts["text"]) == run.error
    assert cell(found, "training_loop").score == cell(found, "training_loop").max_score


def test_what_the_grader_failed_at_is_told_as_its_own() -> None:
    evidence = replace(right().evidence, faults={"model": "no kernel could be had"})
    found, faults = grade_submission("ada", evidence, w.tests_of(EPOCHS))

    assert faults
    assert sentence(None, "grader") in messages(found, "model")
    assert cell(found, "model").needs_review


LACKS = [name.removeprefix("environment.") for name in sentences() if name.startswith("environm")]


@pytest.mark.parametrize("symptom", LACKS)
def test_what_the_machine_lacks_is_told_with_what_becomes_of_the_points(symptom: str) -> None:
    kind, waits = symptom.removesuffix("-waits"), symptom.endswith("-waits")
    own = {"python": ("python", "3.99"), "installed": ("package", "torchinfo")}
    lack = Lack(*own.get(kind, (kind, "seaborn")), waits)
    run = CellRun("data", "error" if waits else "ok", ("Error", "x") if waits else None, 0, (lack,))
    evidence = right().evidence
    others = tuple(each for each in evidence.cells if each.grade_id != "data")
    seen = {n: o for n, o in evidence.observations.items() if not waits or n != "data"}
    changed = replace(evidence, cells=(*others, run), observations=seen)
    found = w.verdict(replace(right(), evidence=changed), w.lesson(EPOCHS))

    data = cell(found, "data")
    facts = told(found, symptom, "environment")
    assert set(facts.values()) <= {lack.name}
    assert data.needs_review == waits
    assert (data.score == data.max_score) == (not waits)


def test_an_error_that_costs_its_cell_is_told_with_its_own_words() -> None:
    found, seen = w.judged({"data": "X = torch.zeros(4, 2)\nY = torch.zero(4, 1)\n"})
    (run,) = [run for run in seen.evidence.cells if run.grade_id == "data"]

    facts = told(found, "cell", "crash")
    assert (facts["error"], facts["text"]) == run.error
    assert cell(found, "data").score < cell(found, "data").max_score
