"""What a cell does to its kernel costs only what it must."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.tiny_course import REPOSITORY

from xorkit.conventions import filled, solution_texts
from xorkit.engine.assignment import Assignment, of_course
from xorkit.engine.autograded import LONGEST, harmless, to_bytes
from xorkit.engine.course import open_course
from xorkit.engine.job import Job, JobResult, Settings, work
from xorkit.engine.running import Step, _seen
from xorkit.engine.store import unpack_evidence
from xorkit.evidence import MIME
from xorkit.sandbox import Kernel, Warm

ROWS = yaml.safe_load(Path(__file__).with_name("endings.yaml").read_text("utf-8"))
SETTINGS = Settings(timeout=20)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[Assignment, dict[str, str]]:
    """The real lesson and its solutions."""
    root = tmp_path_factory.mktemp("xor")
    for name in ("source", "lessons", "release"):
        shutil.copytree(REPOSITORY / name, root / name)
    shutil.copy(REPOSITORY / "nbgrader_config.py", root)
    course = open_course(root, "xor")
    return of_course(course), solution_texts(course.source)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["name"]))
def test_what_was_right_keeps_its_points(
    lesson: tuple[Assignment, dict[str, str]], row: dict[str, Any]
) -> None:
    own, solutions = lesson
    text = row.get("text", f"{solutions[row['cell']]}\n{row.get('after', '')}")
    notebook = filled(own.release, {**solutions, row["cell"]: text})
    job = Job("ada", SETTINGS, file=to_bytes(notebook))

    done = JobResult.unpack(work(own.pack(), job.pack()))

    assert done.verdict is not None, done.problem
    assert done.faults == ()
    found = unpack_evidence(done.evidence)
    assert found is not None
    runs = {run.grade_id: run.status for run in found[0].cells}
    assert {name: runs[name] for name in row["ended"]} == row["ended"]
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
    line = {"output_type": "stream", "name": "stdout", "text": "x" * (LONGEST // 4)}

    kept = harmless([line] * 10)

    assert kept[:3] == [line] * 3
    assert "left out" in kept[-1]["text"]
    assert len(kept) == 4


ASKED = [Step("observe", "model", ""), Step("observe", "loop", "")]


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ({}, {}),
        ({"text/plain": "7"}, {}),
        ({"text/plain": "Seen", MIME: '{"model": {"a": 1}}'}, {"model": {"a": 1}}),
        ({MIME: '{"loop": 2, "model": 1, "data": 3}'}, {"model": 1, "loop": 2}),
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
    lesson: tuple[Assignment, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, solutions = lesson
    started: list[Kernel] = []
    start = Warm.start
    monkeypatch.setattr(Warm, "start", lambda warm: started.append(start(warm)) or started[-1])
    long = solutions["training_loop"].replace("range(5000)", "range(10**9)")
    notebook = filled(own.release, {**solutions, "training_loop": long})
    job = Job("ada", Settings(timeout=5), file=to_bytes(notebook))

    done = JobResult.unpack(work(own.pack(), job.pack()))

    assert done.verdict is not None, done.problem
    assert "timeout" in done.verdict.diagnosis
    assert len(started) == 1
