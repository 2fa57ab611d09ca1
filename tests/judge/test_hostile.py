"""Whatever comes out of a learner's process, the judge reads it, or says that it is no evidence."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.workbench import hidden_cells, lesson, observe

from xorkit import judge as judging
from xorkit.evidence import MAX_NUMBERS, MAX_WIDTH, EvidenceError, decode, encode, loads, read_run
from xorkit.hidden import judge

COURSE = lesson(60)
TASK, FACTS = COURSE.trained, COURSE.start_facts

NUMBERS = st.floats(width=32) | st.sampled_from(
    [0.0, -0.0, 1e38, 1e-45, float("inf"), float("nan")]
)
SHAPES = st.lists(st.integers(0, 9), max_size=3)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["fzbBsS" * 50, "bbbb", "sSsS", "float32", "nan", ""])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["dtype", "shape", "base64", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def arrays(draw: st.DrawFn) -> dict[str, Any]:
    """An encoded array of any small shape and any numbers."""
    shape = tuple(draw(SHAPES))
    count = int(np.prod(shape))
    values = draw(
        st.lists(NUMBERS, min_size=min(count, 3), max_size=min(count, 3)) | st.just([0.0])
    )
    dtype = draw(st.sampled_from(["float32", "float64", "int64", "bool"]))
    with np.errstate(all="ignore"):
        return encode(np.resize(np.array(values or [0.0]), shape).astype(dtype))


@cache
def honest() -> dict[str, Any]:
    """What the probe saw of the lesson's own solution, and what it was asked."""
    seen = observe({}, COURSE).evidence
    return {"observations": dict(seen.observations), "questions": dict(seen.questions)}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield from paths(inner, (*path, key))


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Honest observations in which a few things are something else, or gone."""
    seen = copy.deepcopy(honest()["observations"])
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from([p for p in paths(seen) if len(p) > 1]))
        place = seen
        for key in path[:-1]:
            place = place[key]
        if draw(st.booleans()) and isinstance(place, dict):
            del place[path[-1]]
        else:
            place[path[-1]] = draw(JSON | arrays())
    return seen


def judge_everything(seen: dict[str, Any], asked: dict[str, Any]) -> None:
    """Every part that can be judged; EvidenceError is the one error that may come."""
    parts: list[Any] = []
    for name, make in (
        ("data", lambda: judging.judge_data(seen["data"], TASK)),
        ("model", lambda: judging.judge_model(seen["model"], asked, TASK)),
        ("loss", lambda: judging.judge_settings(seen["loss_and_optimizer"], asked, TASK)),
        ("loop", lambda: judging.judge_training(seen["training_loop"], TASK, FACTS)),
    ):
        try:
            parts.append(make())
        except EvidenceError:
            continue
        for claim in vars(parts[-1]).values():
            if isinstance(claim, judging.Claim):
                assert claim or str(claim), f"a claim about the {name} fails without a word"
    if len(parts) == 4:
        own = parts[3].own
        try:
            judging.judge_result(seen["predictions"], asked, own, tuple(parts), TASK, FACTS)
        except EvidenceError:
            return


@given(mutated())
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_changed_evidence_is_judged_or_refused(seen: dict[str, Any]) -> None:
    text = json.dumps(seen)

    judge_everything(loads(text), honest()["questions"])


@given(arrays(), arrays(), arrays(), st.text("fbBgzsSo", max_size=40), st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_a_run_of_any_numbers_is_judged_or_refused(
    rows: Any, details: Any, losses: Any, events: str, passes: int
) -> None:
    """Well-formed runs of nonsense: rows of 0, inf, NaN, of any width and any number."""
    honest_run = honest()["observations"]["training_loop"]["alone"]
    width = decode(rows).shape[1] if len(decode(rows).shape) == 2 else 9
    kept = decode(details)
    kept = kept[:, :width] if kept.ndim == 2 and kept.shape[1] >= width else np.empty((0, width))
    run = {
        **honest_run,
        "shapes": [[2, 2], [2], [1, 2], [1]] if width == 9 else [[width]],
        "rows": rows,
        "detail_rows": encode(kept),
        "detail_grads": encode(kept),
        "losses": losses,
        "events": events + "b" * len(kept),
        "passes": passes,
        "total": passes,
    }
    seen = {"own": run, "alone": run, "whole": [run, run], "replaced": []}

    judge_everything({**honest()["observations"], "training_loop": seen}, honest()["questions"])


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((49, 9)),
        np.full((49, 9), np.nan),
        np.full((49, 9), np.inf),
        np.full((49, 9), 3e38) * np.arange(49)[:, None],
        np.cumsum(np.full((49, 9), 1e-30), axis=0),
        np.where(np.arange(49)[:, None] < 30, 0.5, np.nan) * np.ones(9),
        np.random.default_rng(0).normal(0, 1e30, (49, 9)),
        np.zeros((1, 9)),
    ],
    ids=["zeros", "nan", "inf", "huge", "tiny", "nan later", "noise", "one row"],
)
def test_numbers_that_no_training_makes_earn_nothing(rows: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        single = rows.astype(np.float32)
    loop = copy.deepcopy(honest()["observations"]["training_loop"])
    for run in (loop["alone"], loop["own"]):
        run |= {"rows": encode(single), "passes": len(rows) - 1, "total": len(rows) - 1}

    training = judging.judge_training(loop, TASK, FACTS)

    assert not training.updates
    assert str(training.updates)


def test_evidence_that_is_none_is_called_tampering() -> None:
    evidence = observe({}, COURSE).evidence
    evidence.observations["training_loop"]["alone"] = {"rows": "all of them, honestly"}  # type: ignore[index]

    found = judge(hidden_cells(), evidence, COURSE)

    assert not found.faults
    assert "tampering" in {finding.code for finding in found.findings}
    points = {cell.grade_id: cell.score for cell in found.cells}
    assert points["test_training_loop"] == points["test_predictions"] == 0
    assert points["test_data"] == 3


@pytest.mark.parametrize(
    "value",
    [
        {"dtype": "float32", "shape": [MAX_NUMBERS, 2], "base64": ""},
        {"dtype": "object", "shape": [1], "base64": "AAAA"},
        {"dtype": "float32", "shape": [1.0], "base64": "AAAAAA=="},
        {"dtype": "float32", "shape": [-1], "base64": "AAAAAA=="},
        {"dtype": "float32", "shape": [1], "base64": "AAAA"},
        {"dtype": "float32", "shape": [True], "base64": "AAAAAA=="},
        {"dtype": ["float32"], "shape": [1], "base64": "AAAAAA=="},
        {"dtype": "float32", "shape": [0, 10**40], "base64": ""},
        {"dtype": "float32", "shape": [1], "base64": "ÄÖÜ"},
        {"dtype": "float32", "shape": [1], "base64": "AAAAAA==", "more": 1},
        [1.0, 2.0],
        None,
    ],
)
def test_what_is_no_array_is_refused(value: Any) -> None:
    with pytest.raises(EvidenceError):
        decode(value)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("shapes", [[MAX_WIDTH + 1]]),
        ("shapes", [[1]] * 10_000),
        ("shapes", [[float("inf")]]),
        ("events", "f" * 2_000_000),
        ("events", 5),
        ("passes", -1),
        ("passes", 1.5),
        ("passes", 10**400),
        ("passes", 1),
        ("error", ["RuntimeError"]),
        ("error", [["deep"], {"x": 1}]),
    ],
)
def test_a_run_of_another_form_is_refused(change: str, value: Any) -> None:
    run = {**honest()["observations"]["training_loop"]["alone"], change: value}

    with pytest.raises(EvidenceError):
        read_run(run)
