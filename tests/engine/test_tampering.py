"""A notebook that turns on the grader earns nothing by it, and is left to nobody."""

from __future__ import annotations

import json

import pytest
from support.real_course import grade_answers, real_course

from xorkit.engine.autograded import LONGEST_OUTPUTS
from xorkit.evidence import MIME
from xorkit.pages.feedback_page import feedback_page
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
PROBE = "import xorkit.probe.observations as o\n"
OBSERVERS = f"{PROBE}for k in o.OBSERVERS: o.OBSERVERS[k] = "
SHELL = "shell = get_ipython()\nkernel, usual = shell.kernel, shell.user_expressions\n"
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
    "takes the recorder off the shell's events": (
        f"{SHELL}for each in shell.events.callbacks.values(): each.clear()"
    ),
    "prints to a file and closes it": (
        "import sys\nsys.stdout = open('log.txt', 'w')\nprint('x')\nsys.stdout.close()"
    ),
    "has names that are no texts": "globals()[5] = globals()[None] = globals()['\\ud800'] = 1",
    "has a node visitor that raises": (
        f"{SHELL}import ast\nclass Visitor(ast.NodeTransformer):\n"
        "    def visit(self, node): raise ValueError\nshell.ast_transformers.append(Visitor())"
    ),
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
    "raises in the shell's place": (
        f"{SHELL}def broken(asked): raise ValueError\nshell.user_expressions = broken"
    ),
    "is nothing in the shell's place": f"{SHELL}shell.user_expressions = None",
    "sends no reply": (
        f"{SHELL}send = kernel.session.send\nkernel.session.send = lambda stream, kind, *a, **b: "
        "None if kind == 'execute_reply' else send(stream, kind, *a, **b)"
    ),
    "runs nothing that it is sent": (
        f"{SHELL}async def nothing(*a, **b): return {{'status': 'ok', 'execution_count': 1, "
        "'payload': [], 'user_expressions': {}}\nkernel.do_execute = nothing"
    ),
    "reads no cell any more": (
        f"{SHELL}def broken(lines): raise ValueError\nshell.input_transformers_post.append(broken)"
    ),
    "rewrites the observer's code": f"{PROBE}o.observe.__code__ = (lambda *a: {{}}).__code__",
    "empties what the answer holds": (
        f"{SHELL}answer = next(c.cell_contents for c in usual.__closure__)\n"
        "for each in answer.__closure__:\n"
        "    if callable(each.cell_contents): each.cell_contents = lambda *a: {}"
    ),
    "breaks what the probe works with": (
        "import contextlib, os\ncontextlib.ExitStack = torch.random.fork_rng = None\n"
        "os.devnull = '/nowhere'"
    ),
    "leaves no descriptor to open": (
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))"
    ),
    "goes on breaking it from a thread": (
        f"{PROBE}import threading\ndef spoil():\n"
        "    while True: o.OBSERVERS.update(dict.fromkeys(o.OBSERVERS))\n"
        "threading.Thread(target=spoil, daemon=True).start()"
    ),
    "leaves what raises at every look": (
        "class Meta(type):\n    def __getattribute__(self, name): raise ValueError\n"
        "class Evil(metaclass=Meta):\n    def __getattribute__(self, name): raise ValueError\n"
        "X = Y = Evil()"
    ),
    "leaves what can't be compared": (
        "class Name:\n    def __eq__(self, other): raise ValueError\n"
        "class Evil: pass\nEvil.__module__ = Name()\nX = Evil()"
    ),
}
STUCK = {
    "never answers": (
        f"{SHELL}def answer(asked):\n    while asked: pass\n    return {{}}\n"
        "shell.user_expressions = answer"
    ),
    "ends the process instead of an answer": (
        f"{SHELL}import os\nshell.user_expressions = lambda asked: os._exit(0) if asked else {{}}"
    ),
    "answers with more than anybody reads": (
        f"{SHELL}shell.user_expressions = lambda asked: {{k: {{'status': 'ok', 'metadata': {{}}, "
        "'data': {'x': 'x' * 10**7}} for k in asked}"
    ),
    "turns every later cell into an endless one": (
        f"{SHELL}shell.input_transformers_post.append(lambda lines: ['while True: pass\\n'])"
    ),
}


def graded(line: str, timeout: float = 20) -> Verdict:
    done = grade_answers({**WRONG, "data": f"{WRONG['data']}\n{line}"}, timeout)
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


QUICK = "ends the process instead of an answer"  # the others take all the time there is


@pytest.mark.parametrize(
    "name", [QUICK, *(pytest.param(n, marks=pytest.mark.sweep) for n in STUCK if n != QUICK)]
)
def test_it_is_told_within_the_notebooks_time_where_a_cell(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for what, seconds in (("OBSERVE", 3.0), ("REST", 15.0), ("LEAST", 0.2)):
        monkeypatch.setattr(f"xorkit.engine.running.{what}_SECONDS", seconds)

    assert graded(STUCK[name], timeout=2).diagnosis[0] == "tampering"


def test_a_kernel_that_has_gone_mute_is_told_as_a_cell_that_does_not_end() -> None:
    found = graded("get_ipython().kernel.session.send = lambda *a, **b: None", timeout=3)

    assert found.diagnosis[0] == "timeout"


def test_a_joke_costs_a_right_notebook_nothing() -> None:
    jokes = "\n".join(HARMLESS.values())
    done = grade_answers({"recall_tensor": f"recall_tensor = 'to compute gradients'\n{jokes}"})

    assert done.verdict is not None, done.problem
    assert done.faults == ()
    assert done.verdict.score >= done.verdict.max_score - 2


LONG = {
    "data": "X = Y = type('T' * 900_000, (), {'__repr__': lambda self: 'r' * 900_000})()",
    "model": "raise type('E' * 900_000, (Exception,), {})('t' * 900_000)",
    "loss_and_optimizer": "loss_fn = optimizer = type('L' * 900_000, (), {})()",
    "training_loop": "x = 'y' * 900_000\nprint(x)\nexec(f'{x} = 1')\nraise ValueError(x)",
    "matching": "\n".join(f"job_{number} = 'c' * 900_000" for number in range(1, 10)),
    **{name: f"{name} = 'w ' * 450_000" for name in WRONG if name.startswith("recall_")},
}


def test_no_text_of_a_learners_makes_a_verdict_or_a_page_large() -> None:
    done = grade_answers(LONG)

    assert done.verdict is not None, done.problem
    assert done.faults == ()
    assert len(json.dumps(done.verdict.to_json())) < 200_000
    assert len(feedback_page(done.verdict, real_course()[0].lesson)) < 500_000
    assert len(done.notebook or b"") < 2 * LONGEST_OUTPUTS


def test_no_answer_even_about_an_empty_notebook_is_the_graders_own_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("xorkit.engine.running.QUESTION", "# nobody answers this ")
    done = grade_answers(WRONG)

    assert done.verdict is not None
    assert "tampering" not in done.verdict.diagnosis
    assert "test_data" in done.verdict.needs_review
    assert any("empty notebook" in fault for fault in done.faults)
