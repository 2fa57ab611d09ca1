"""Whatever comes out of a learner's process, the judge reads it, or says that it is no evidence."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import nbformat
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.workbench import ROOT, lesson, observe

from xorkit import judge as judging
from xorkit.conventions import hidden_tests
from xorkit.evidence import (
    ANSWER,
    LONGEST_NAME,
    MAX_NUMBERS,
    MAX_WIDTH,
    Evidence,
    EvidenceError,
    Tensor,
    Thing,
    decode,
    encode,
    loads,
    read_data,
    read_model,
    read_predictions,
    read_run,
    read_settings,
    read_training,
    read_values,
)
from xorkit.hidden.session import HiddenTests, Judgement

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


Answers = dict[str, Any]  # what was observed of them, and what was asked


@cache
def honest() -> Answers:
    """What the probe saw of the lesson's own solution, and what it was asked."""
    seen = observe({}, COURSE).evidence
    return {"observations": dict(seen.observations), "questions": dict(seen.questions)}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield from paths(inner, (*path, key))


def mutated() -> st.SearchStrategy[dict[str, Any]]:
    """Honest observations in which a few things are something else, or gone."""
    return st.builds(lambda: honest()["observations"]).flatmap(mutations)


@st.composite
def mutations(draw: st.DrawFn, observations: dict[str, Any]) -> dict[str, Any]:
    """Observations in which a few things are something else, or gone."""
    seen = copy.deepcopy(observations)
    for _ in range(draw(st.integers(1, 4))):
        inner = [p for p in paths(seen) if len(p) > 1]
        if not inner:  # all of it is gone
            break
        path = draw(st.sampled_from(inner))
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
        ("data", lambda: judging.judge_data(read_data(seen.get("data")), TASK)),
        ("model", lambda: judging.judge_model(read_model(seen.get("model")), asked, TASK)),
        (
            "loss",
            lambda: judging.judge_settings(
                read_settings(seen.get("loss_and_optimizer")), asked, TASK
            ),
        ),
        (
            "loop",
            lambda: judging.judge_training(read_training(seen.get("training_loop")), TASK, FACTS),
        ),
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
            found = read_predictions(seen.get("predictions"))
            judging.judge_result(found, asked, own, tuple(parts), TASK, FACTS)
        except EvidenceError:
            return


@given(mutated())
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_changed_evidence_is_judged_or_refused(seen: dict[str, Any]) -> None:
    try:
        read = loads(json.dumps(seen))
    except EvidenceError:
        return  # a NaN

    judge_everything(read, honest()["questions"])


@given(arrays(), arrays(), arrays(), st.text("fbBgzsSo", max_size=40), st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_a_run_of_any_numbers_is_judged_or_refused(
    rows: Any, details: Any, losses: Any, events: str, backwards: int
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
        "backwards": backwards,
        "total": backwards,
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
        run |= {"rows": encode(single), "backwards": len(rows) - 1, "total": len(rows) - 1}

    training = judging.judge_training(read_training(loop), TASK, FACTS)

    assert not training.updates
    assert str(training.updates)


# ------------------------------------------------------------------ what the kernel says of itself


ASKED = ("data", "model", "loss_and_optimizer", "training_loop", "predictions")
KINDS = (*ASKED, "matching", "recall_step", "values")
HIDDEN = {
    "test_values": "from xorkit.hidden import grade\n\n\ndef test_part(values):\n"
    "    assert values('values')['x'] == 'right', 'x is something else'\n"
}
FORGED = {
    "nothing": {},
    "a fault": {"fault": "x"},
    "a fault of another type": {"fault": ["x"]},
    "a fault beside more": {"fault": "x", "values": {}},
    "what the grader says of it": {"hostile": "x"},
    "values of another type": {"values": 3},
    "values without names": {"values": [1]},
    "None": None,
    "a text": "right",
    "a number": 1,
    "a list": [[]],
    "too many values": {"values": {f"x{k}": 0 for k in range(2000)}},
    "values in values": {"values": {"x": {"values": {"x": 1}}}},
    "a value of its own kind": {"values": {"x": {"type": 5, "text": "x"}}},
    "names of the data": {"X": {}, "Y": {}},
    "a tensor too large": {"X": {"dtype": "float32", "array": encode(np.zeros(20_000))}, "Y": None},
    "an error that is none": {"error": None, "type": "Sequential"},
    "an error of another form": {"error": ["x", "y", "z"], "type": "Sequential"},
    "shapes without outputs": {"shapes": [[2, 2]]},
    "flat outputs": {"shapes": [[2, 2], [2], [1, 2], [1]], "outputs": encode(np.zeros(42))},
    "a loss alone": {"loss": {"values": [0.1], "gradients": []}, "optimizer": {}},
    "runs of another type": {"alone": {}, "own": None, "whole": [], "replaced": []},
    "a row alone": {"row": encode(np.zeros(9))},
}


@cache
def all_tests() -> HiddenTests:
    """Every graded cell of the notebook, and one of plain values."""
    notebook = nbformat.read(ROOT / "source" / "xor" / "xor.ipynb", as_version=4)
    cells = {
        cell.metadata.nbgrader.grade_id: hidden_tests(cell.source)
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    }
    course = COURSE.model_copy(
        update={"points": {**COURSE.points, "test_values": {"test_part": 1.0}}}
    )
    return HiddenTests({**cells, **HIDDEN}, course)


PLAIN = {  # what is observed of plain values that are all wrong
    "matching": {"values": {f"job_{n}": "" for n in range(1, 10)}},
    **{name: {"values": {name: ""}} for name in COURSE.recall},
    "values": {"values": {"x": 2}},
}


def judged(
    observations: Mapping[str, Any],
    answers: Answers | None = None,
    tests: HiddenTests | None = None,
) -> Judgement:
    """The solution's training cells, or other answers, with these observations in their place."""
    answers = answers or honest()
    seen = {**answers["observations"], **PLAIN, **observations}
    texts = dict.fromkeys(KINDS, "")
    return (tests or all_tests()).judge(
        Evidence(answers=texts, observations=seen, questions=answers["questions"])
    )


@cache
def unchanged(all_wrong: bool) -> Judgement:
    return judged({}, wrong() if all_wrong else honest())


def waiting(found: Judgement) -> set[str]:
    return {cell.grade_id for cell in found.cells if cell.needs_review}


def points(found: Judgement) -> dict[str, float]:
    return {cell.grade_id: cell.score for cell in found.cells}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_observation_earns_nothing_and_puts_nothing_off(kind: str, forged: str) -> None:
    honestly = points(judged({}))

    found = judged({kind: FORGED[forged]})

    assert found.faults == ()
    assert [cell.grade_id for cell in found.cells if cell.needs_review] == []
    own = {f"test_{kind}", *(["test_predictions"] if kind in ASKED else [])}
    assert points(found) == {c: 0.0 if c in own else p for c, p in honestly.items()}
    told = {finding.code for finding in found.findings if finding.grade_id == kind}
    assert told <= {"tampering"}


def test_what_the_grader_itself_knows_to_be_its_fault_goes_to_a_person() -> None:
    evidence = Evidence(
        observations={n: o for n, o in honest()["observations"].items() if n != "model"},
        questions=honest()["questions"],
        faults={"model": "no kernel could be had"},
    )

    found = all_tests().judge(evidence)

    assert {fault.partition(":: ")[0].split("::")[0] for fault in found.faults} >= {"test_model"}
    assert any("no kernel could be had" in fault for fault in found.faults)
    waiting = {cell.grade_id for cell in found.cells if cell.needs_review}
    assert {"test_model", "test_predictions"} <= waiting


@pytest.mark.parametrize(
    ("name", "value"), [("PYTEST_ADDOPTS", "-v --durations=3"), ("PYTEST_PLUGINS", "not_installed")]
)
def test_what_people_set_for_their_own_tests_changes_no_grade(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    found = judged({}, tests=all_tests.__wrapped__())

    assert found.faults == ()
    assert points(found) == points(unchanged(all_wrong=False))


@cache
def wrong() -> Answers:
    """What is seen where every answer is wrong."""
    changed = {
        "data": "X = torch.zeros(4, 2)\nY = torch.zeros(4, 1)",
        "model": "model = nn.Linear(2, 1)",
        "loss_and_optimizer": "loss_fn = nn.L1Loss()\n"
        "optimizer = torch.optim.Adam(model.parameters())",
        "training_loop": "for epoch in range(9):\n    loss_fn(model(X), Y).backward()\n"
        "    optimizer.step()",
    }
    seen = observe(changed, COURSE).evidence
    return {"observations": dict(seen.observations), "questions": dict(seen.questions)}


@st.composite
def changes(draw: st.DrawFn, kind: str) -> tuple[Answers, dict[str, Any]]:
    """Right or wrong answers, and what was observed of those of one kind, changed."""
    answers = draw(st.sampled_from([honest, wrong]))()
    seen = draw(mutations({kind: {**answers["observations"], **PLAIN}[kind]}))
    return answers, json.loads(json.dumps(seen), parse_constant=lambda _: None)


@pytest.mark.parametrize(
    ("kind", "examples"),
    [
        *((kind, 12) for kind in KINDS),
        *(pytest.param(kind, 300, marks=pytest.mark.sweep) for kind in KINDS),
    ],
)
def test_changed_evidence_raises_no_score_and_is_no_fault_of_the_grader(
    kind: str, examples: int
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(changes(kind))
    def check(changed: tuple[Answers, dict[str, Any]]) -> None:
        answers, seen = changed
        best = points(unchanged(answers is wrong()))

        found = judged(seen, answers)

        assert found.faults == ()
        assert all(score <= best[cell] for cell, score in points(found).items())
        # Words that nobody has thought of may want a person.
        own_words = {f"test_{kind}"} if kind in ("matching", *COURSE.recall) else set()
        assert waiting(found) <= own_words
        assert len(json.dumps([vars(each) for each in found.findings], default=str)) < 20_000

    check()


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"a": {"b": 1, "c": 2, "b": 3}}',
        '{"a": NaN}',
        "[Infinity]",
        "-Infinity",
        "[" * 100_000,
        '{"a": 1' + "0" * 5000 + "}",
        "",
        "\ufeff{}",
    ],
)
def test_what_is_no_plain_json_is_refused(text: str) -> None:
    with pytest.raises(EvidenceError):
        loads(text)


def test_every_text_is_cut_to_a_length() -> None:
    long = "<b>\ud800" * 100_000
    thing = {"type": long, "text": long}

    data = read_data({"X": thing, "Y": {"dtype": long, "array": encode(np.zeros(2))}})
    model = read_model({"type": long, "error": [long, long]})
    values = read_values({"values": {"x": long, "y": thing, "z": 5, "u": None, "v": 0.5}})

    assert isinstance(data.inputs, Thing)
    assert isinstance(data.targets, Tensor)
    assert len(data.inputs.type) == len(data.targets.dtype) == LONGEST_NAME
    assert len(str(values["x"])) == ANSWER
    assert "\ud800" not in str(values["x"])
    assert len(repr(model)) < 1000
    assert [values[name] for name in "zuv"] == [5, None, 0.5]


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
        ("backwards", -1),
        ("backwards", 1.5),
        ("backwards", 10**400),
        ("backwards", 1),
        ("on_model", 1),
        ("stopped", None),
        ("events", "fzb<script>"),
        ("before", 5),
        ("error", ["RuntimeError"]),
        ("error", [["deep"], {"x": 1}]),
    ],
)
def test_a_run_of_another_form_is_refused(change: str, value: Any) -> None:
    run = {**honest()["observations"]["training_loop"]["alone"], change: value}

    with pytest.raises(EvidenceError):
        read_run(run)
