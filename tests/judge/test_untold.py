"""Sentences about what no row of the tables shows: cells that left nothing, predictions, waiting.

How each status comes about, real kernels show in tests/engine/test_running.py.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from support import workbench as w
from support.truth import predict

from xorkit.evidence import CellRun, read_predictions
from xorkit.messages import sentence
from xorkit.messages import table as sentences
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
        one = re.search(r"For \((\d), (\d)\) your model predicts (\d\.\d+); the target", message)
        span = re.search(r"for every row, between (\d\.\d+) and (\d\.\d+)", message)
        assert one or span, message
        if one:
            k = 2 * int(one[1]) + int(one[2])
            assert float(one[3]) == pytest.approx(predicted[k], abs=0.006)
        if span:
            low, high = min(predicted), max(predicted)
            assert [float(span[1]), float(span[2])] == pytest.approx([low, high], abs=0.006)
            assert np.ptp(predicted) <= 0.1
