"""What a cell does to its kernel costs only what it must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.real_course import grade_answers, real_course

from xorkit.engine.autograded import LONGEST_OUTPUTS, harmless
from xorkit.engine.grading import grade_submission
from xorkit.engine.job import RunSettings, _warm
from xorkit.engine.running import MOST_KERNELS, Step, _seen, run_plan
from xorkit.engine.store import unpack_evidence
from xorkit.evidence import MIME, CellRun, Evidence
from xorkit.sandbox import Kernel, Warm

ROWS = yaml.safe_load(Path(__file__).with_name("endings.yaml").read_text("utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["name"]))
def test_what_was_right_keeps_its_points(row: dict[str, Any]) -> None:
    solution = real_course()[1][row["cell"]]

    done = grade_answers({row["cell"]: row.get("text", f"{solution}\n{row.get('after', '')}")})

    assert done.verdict is not None, done.problem
    assert done.faults == ()
    found = unpack_evidence(done.evidence)
    assert found is not None
    runs = {run.grade_id: run.status for run in found[0].cells}
    assert {name: runs[name] for name in row["ended"]} == row["ended"]
    said = {f.grade_id for f in done.verdict.findings if "ended the whole Python" in f.message}
    assert said == {name for name, status in row["ended"].items() if status == "died"}
    for cell in done.verdict.cells:
        wanted = row["at_least"].get(cell.grade_id, cell.max_score)
        assert cell.score >= wanted, (cell.grade_id, cell.tests)


SCRIPT = "<script>fetch('/formgrader/api/grade')</script>"


def test_no_output_carries_a_script_into_the_instructors_browser() -> None:
    bundle = {
        "text/plain": "a figure",
        "text/html": SCRIPT,
        "image/svg+xml": SCRIPT,
        "application/javascript": "alert(1)",
        "text/markdown": SCRIPT,
        "image/png": f'iVBORw0KGgo="/>{SCRIPT}',
        "image/jpeg": "/9j/4AAQ\n",
    }
    output = {"output_type": "display_data", "data": bundle, "metadata": {"width": SCRIPT}}

    (kept,) = harmless([output])

    assert kept["data"] == {"text/plain": "a figure", "image/jpeg": "/9j/4AAQ\n"}
    assert kept["metadata"] == {}


def test_endless_output_is_cut_off() -> None:
    line = {"output_type": "stream", "name": "stdout", "text": "x" * (LONGEST_OUTPUTS // 4)}

    kept = harmless([line] * 10)

    assert kept[:3] == [line] * 3
    assert "left out" in kept[-1]["text"]
    assert len(kept) == 4


def test_all_cells_together_have_a_bound_for_their_outputs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("xorkit.engine.running.MOST_OUTPUTS", 150)
    warm = _warm(RunSettings(20))
    plan = [Step("extra", name, "print('x' * 30)") for name in "abc"]

    _, outputs = run_plan(plan, {}, warm, 20)

    assert ["left out" in each[0]["text"] for each in outputs.values()] == [False, True, True]


ASKED = [Step("observe", "model", ""), Step("observe", "loop", "")]


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ({}, {}),
        ({"text/plain": "7"}, {}),
        ({"text/plain": "Seen", MIME: '{"model": {"a": 1}}'}, {"model": {"a": 1}}),
        ({MIME: '{"loop": 2, "model": 1, "data": 3}'}, {"model": 1, "loop": 2}),
        ({MIME: '{"loop": {"fault": "x"}, "model": {}}'}, {"model": {}}),
    ],
)
def test_observations_are_the_value_that_was_asked_for(
    value: dict[str, Any], seen: dict[str, Any]
) -> None:
    assert _seen(value, ASKED) == seen


@pytest.mark.parametrize("value", ["{", "[" * 100_000, None, {"a": 1}, "1" * 20_000_000, "[1, 2]"])
def test_what_is_no_json_of_blanks_is_no_observation(value: object) -> None:
    seen = _seen({MIME: value}, ASKED)
    assert seen.keys() == {"model", "loop"}
    assert all("hostile" in each for each in seen.values())


def test_a_loop_that_had_to_be_interrupted_is_run_no_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[Kernel] = []
    start = Warm.start

    def noted_start(warm: Warm, limit: float) -> Kernel:
        started.append(start(warm, limit))
        return started[-1]

    monkeypatch.setattr(Warm, "start", noted_start)
    long = real_course()[1]["training_loop"].replace("range(5000)", "range(10**9)")

    done = grade_answers({"training_loop": long}, timeout=5)

    assert done.verdict is not None, done.problem
    assert "timeout" in done.verdict.diagnosis
    assert len(started) == 1


def ran(sources: list[str], seconds: float) -> tuple[list[str], float]:
    """How cells of nobody's blank end, one after the other, and the notebook's seconds."""
    warm = _warm(RunSettings(20))  # the one that `grade_answers` uses
    plan = [Step("extra", str(number), source) for number, source in enumerate(sources)]
    evidence, _ = run_plan(plan, {}, warm, seconds)
    return [cell.status for cell in evidence.cells], evidence.seconds


def test_a_notebook_that_ends_kernel_after_kernel_is_given_up() -> None:
    statuses, _ = ran(["import os; os._exit(1)"] * 2 * MOST_KERNELS, seconds=20)

    assert statuses == ["died"] * MOST_KERNELS + ["given_up"] * MOST_KERNELS


@pytest.mark.parametrize("cell", ["while True: pass", "import time; time.sleep(60)"])
def test_the_time_of_all_cells_together_is_bounded(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("OBSERVE", 1.0), ("REST", 2.0), ("LEAST", 0.2)):
        monkeypatch.setattr(f"xorkit.engine.running.{name}_SECONDS", seconds)

    statuses, seconds = ran([cell] * 60, seconds=1)

    assert statuses[:4] == ["timeout"] * 4
    assert statuses[-1] == "not_run"
    assert 0 < statuses.index("not_run") < 60
    assert seconds < 60


def test_processor_time_is_bounded_over_all_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = _warm(RunSettings(20))
    monkeypatch.setattr(warm, "limits", replace(warm.limits, processor_seconds=4.0))
    burning = "import os, time\nwhile time.process_time() < 1.5: pass\nos._exit(0)"

    assert ran([burning] * 6, seconds=20)[0][-1] == "not_run"


def test_what_came_too_late_is_told_once() -> None:
    cells = tuple(CellRun(name, "not_run") for name in ("data", "model", "own"))
    assignment, _ = real_course()

    found, faults = grade_submission("ada", Evidence(cells), assignment.tests)

    assert faults == ()
    assert found.status == "graded"
    assert [finding.code for finding in found.findings] == ["timeout"]
    (data,) = (cell for cell in found.cells if cell.grade_id == "test_data")
    assert "time was over" in data.tests[0].message
