"""A notebook that turns on the grader earns nothing by it, and is left to nobody."""

from __future__ import annotations

import json

import pytest
from support.real_course import grade_answers

from xorkit.evidence import MIME
from xorkit.verdict import Verdict

# Every answer is wrong, and none takes time.
WRONG = {
    "data": "X = torch.zeros(4, 2)\nY = torch.zeros(4, 1)",
    "model": "model = nn.Linear(2, 1)",
    "loss_and_optimizer": "loss_fn = nn.L1Loss()\noptimizer = torch.optim.Adam(model.parameters())",
    "training_loop": "for epoch in range(3):\n    loss_fn(model(X), Y)",
    "matching": "job_1 = 3",
    **{f"recall_{name}": "" for name in ("zero_grad", "step", "backward", "stuck", "tensor")},
}
FORGED = json.dumps(json.dumps({"data": {"fault": "x"}, "model": {"fault": "x"}}))
OBSERVERS = "import xorkit.probe.observations as o\nfor k in o.OBSERVERS: o.OBSERVERS[k] = "
# What the first cell does besides, and whether what the grader sees gets worse by it.
HARMLESS = {
    "hides the import function": "__import__ = None",
    "deletes the builtins": "del __builtins__",
    "replaces what the probe exports": (
        "import xorkit.probe as p, xorkit.probe.observations as o\n"
        "p.observe = p.attend = o.observe = lambda *a: {'fault': 'x'}"
    ),
    "breaks json": "import json\njson.dumps = json.loads = None",
    "empties the modules": "import sys\nsys.modules.clear()",
    "breaks a builtin": "import builtins\nbuiltins.sorted = builtins.sum = None",
    "deletes a builtin": "import builtins\ndel builtins.getattr",
}
TAMPERING = {
    "breaks json's inside": (
        "import json.encoder as e\ne.JSONEncoder.encode = e.JSONEncoder.iterencode = None"
    ),
    "breaks base64": "import base64\nbase64.b64encode = None",
    "breaks numpy": "import numpy\nnumpy.asarray = numpy.stack = numpy.concatenate = None",
    "breaks torch": "torch.tensor = None",
    "breaks imports": "import builtins\nbuiltins.__import__ = None",
    "takes modules away": (
        "import sys\nfor n in [*sys.modules]:\n"
        "    if n.startswith(('xorkit', 'numpy', 'json')): sys.modules[n] = None"
    ),
    "calls itself faulty": f"{OBSERVERS}lambda *a: {{'fault': 'x'}}",
    "answers with nothing in it": f"{OBSERVERS}lambda *a: {{}}",
    "answers with something else": f"{OBSERVERS}lambda *a: [1, 2]",
    "answers with what is no JSON": f"{OBSERVERS}lambda *a: {{'x': {{1, 2}}}}",
    "raises instead of an answer": f"{OBSERVERS}lambda *a: 1 / 0",
    "exits instead of an answer": f"{OBSERVERS}lambda *a: exec('raise SystemExit')",
    "answers in the shell's place": (
        "get_ipython().user_expressions = lambda asked: {k: {'status': 'ok', 'metadata': {}, "
        f"'data': {{{MIME!r}: {FORGED}}}}} for k in asked}}"
    ),
    "is silent in the shell's place": "get_ipython().user_expressions = lambda asked: {}",
}


def graded(line: str) -> Verdict:
    done = grade_answers({**WRONG, "data": f"{WRONG['data']}\n{line}"})
    assert done.verdict is not None, done.problem
    assert done.faults == ()
    assert done.verdict.status == "graded"
    assert done.verdict.needs_review == ()
    return done.verdict


@pytest.fixture(scope="module")
def plain() -> Verdict:
    """What wrong answers alone come to."""
    return graded("")


@pytest.mark.parametrize("name", HARMLESS)
def test_nothing_comes_of_a_cell_that(plain: Verdict, name: str) -> None:
    found = graded(HARMLESS[name])

    assert (found.score, found.diagnosis) == (plain.score, plain.diagnosis)


@pytest.mark.parametrize("name", TAMPERING)
def test_it_is_told_and_earns_nothing_where_a_cell(plain: Verdict, name: str) -> None:
    found = graded(TAMPERING[name])

    assert found.diagnosis[0] == "tampering"
    assert found.score <= plain.score


def test_a_joke_costs_a_right_notebook_nothing() -> None:
    jokes = "\n".join(HARMLESS.values())
    done = grade_answers({"recall_tensor": f"recall_tensor = 'to compute gradients'\n{jokes}"})

    assert done.verdict is not None, done.problem
    assert done.faults == ()
    assert done.verdict.score >= done.verdict.max_score - 2


def test_no_answer_even_about_an_empty_notebook_is_the_graders_own_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("xorkit.engine.running.QUESTION", "# nobody answers this ")
    done = grade_answers(WRONG)

    assert done.verdict is not None
    assert "tampering" not in done.verdict.diagnosis
    assert "test_data" in done.verdict.needs_review
    assert any("empty notebook" in fault for fault in done.faults)
