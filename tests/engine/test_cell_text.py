"""What cells that only name plain values leave behind is read off their text."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xorkit.cell_text import assigned_texts, plain_values, tables, typed_answer
from xorkit.engine.job import RunSettings
from xorkit.engine.running import Step, run_plan
from xorkit.evidence import CellRun, Evidence
from xorkit.sandbox import Warm

READ = {
    "": {},
    "# nothing yet": {},
    'job_1 = "nn.Sigmoid()"  # @param ["nn.Sigmoid()", "nn.MSELoss()"]': {"job_1": "nn.Sigmoid()"},
    "a = 1\nb = 'two'; c = 2.5\nd = None": {"a": 1, "b": "two", "c": 2.5, "d": None},
    "a = 1\na = 2": {"a": 2},
    'a = ("It adds them up, "\n     "pass after pass.")': {
        "a": "It adds them up, pass after pass."
    },
    'a = """two\nlines"""': {"a": "two\nlines"},
}
RUN = {
    "does something": "a = len('xyz')",
    "shows something": "a = 1\na",
    "prints": "a = 1\nprint(a)",
    "builds on another name": "a = b",
    "is a command of Jupyter's": "%time a = 1",
    "has a typo": "a = 'it adds",
    "would warn": r"a = '\d'",
    "names a list": "a = [1]",
    "names an element": "a[0] = 1",
    "names two at once": "a = b = 1",
    "adds": "a = 'x'\na += 'y'",
    "names bytes": "a = b'x'",
    "names half a character": r"a = '\ud800'",
    "names an endless number": "a = 1e999",
    "names a number that JSON may round": f"a = {2**60}",
    "is deep": "a = " + "-" * 5000 + "1",
    "is long": f"a = {'x' * 30_000!r}",
    "holds a null character": "a = '\0'",
}


@pytest.mark.parametrize(("source", "values"), READ.items())
def test_a_cell_is_read(source: str, values: dict[str, object]) -> None:
    assert plain_values(source) == values


@pytest.mark.parametrize("why", RUN)
def test_a_cell_is_left_to_the_kernel_that(why: str) -> None:
    assert plain_values(RUN[why]) is None


PLAIN = st.one_of(
    st.text(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
)
NAMES = ("first", "second")
LINE = st.builds("{} = {!r}".format, st.sampled_from(NAMES), PLAIN)
RUNNABLE = [source for why, source in RUN.items() if why != "is deep"]  # IPython takes a minute
OTHER = st.sampled_from([*RUNNABLE, "del first", "second = first", "raise ValueError"])
CELL = st.one_of(st.lists(LINE, max_size=4).map("\n".join), OTHER)


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm(RunSettings().limits) as server:
        yield server


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells=st.lists(CELL, min_size=1, max_size=12))
def test_reading_sees_what_running_sees(warm: Warm, cells: list[str]) -> None:
    asked = [(str(k), source) for k, source in enumerate(cells)]
    read = [
        step
        for name, source in asked
        for step in (Step("answer", name, source), Step("observe", name, source, names=NAMES))
    ]
    # A cell between them that does anything at all has the kernel run and show what came before.
    told = [
        each
        for step in read
        for each in ((Step("extra", "", "0"), step) if step.kind == "observe" else (step,))
    ]

    by_reading, read_outputs = run_plan(read, {}, warm, 20)
    by_running, told_outputs = run_plan(told, {}, warm, 20)

    assert _plain(by_reading.observations) == _plain(by_running.observations)
    assert [c.status for c in by_reading.cells] == [
        c.status for c in by_running.cells if c.grade_id
    ]
    assert {name: bool(told_outputs[name]) for name, _ in asked} == {
        name: bool(read_outputs[name]) for name, _ in asked
    }


def test_values_are_read_where_the_kernel_ends(warm: Warm) -> None:
    """The first cell has every later one end its process."""
    trap = "get_ipython().events.register('pre_run_cell', lambda *_: __import__('os')._exit(0))"
    told = "first = 'x'"
    steps = [Step("answer", "0", trap), Step("answer", "1", told)]

    evidence, _ = run_plan([*steps, Step("observe", "1", told, names=("first",))], {}, warm, 20)

    assert [cell.status for cell in evidence.cells] == ["ok", "died"]
    assert evidence.observations == {"1": {"values": {"first": "x"}}}


@pytest.mark.parametrize(
    ("source", "sides"),
    [
        ('job_1 = "a"; job_2 = b()', {"1": "a", "2": "b()"}),
        ('job_1, job_2 = "a", ["b"]', {"1": "a", "2": '["b"]'}),
        ('job_1 = "a"\njob_1 = "b"', {"1": "b"}),
        ('Job_1 = "a', {"1": "a"}),
        ('job_1 = “a”\njob_2 =   # @param ["x"]', {"1": "a", "2": ""}),
        ('job_1 = "a"  # @param ["x"]\njob_2 = "b  # @param ["x"]', {"1": "a", "2": "b"}),
        ('job_1 = "one\ntwo"\n# three\njob_2 = "b"', {"1": "one\ntwo", "2": "b"}),
        ("job_1: a\njob_2 == 'b'", {"1": "a", "2": "b"}),
        ("job_1 = ''  # @param\nin words", {"1": "in words"}),
        ("# job_1 = 'a'", {}),
        ("", {}),
        ("job_1 = '" + "x" * 30_000, {}),
    ],
)
def test_what_stands_to_the_right_of_a_name_is_read(source: str, sides: dict[str, str]) -> None:
    assert assigned_texts(source, r"job_(\d)") == sides


@pytest.mark.parametrize(
    ("left", "source", "answer"),
    [
        ("left", "q = 'typed'", "left"),
        ("", "q = 'typed'", ""),
        (7, "q = 7", 7),
        (None, "q = “it's a \"step”", "it's a \"step"),
        (None, 'q = "it\'s a "step" down"', 'it\'s a "step" down'),
        (None, "# title\nit's a step\ndown", "it's a step\ndown"),
        (None, "# title", None),
        (None, "", None),
    ],
)
def test_an_answer_is_read_where_its_cell_fails(left: object, source: str, answer: object) -> None:
    observed = {"q": {"values": {"q": left}}}

    assert typed_answer(Evidence(answers={"q": source}, observations=observed), "q") == answer
    if left is None:
        assert typed_answer(Evidence(answers={"q": source}), "q") == answer


@pytest.mark.parametrize(
    ("status", "source", "answer"),
    [
        ("timeout", "import time\nwhile True:\n    time.sleep(9)", None),
        ("died", "# title\nexec('import os; os._exit(1)')", None),
        ("given_up", "while True: pass", None),
        ("not_run", "for _ in iter(int, 1): pass", None),
        ("memory", "[bytes(10**6) for _ in iter(int, 1)]", None),
        ("timeout", "q = 'a step'\nwhile True: pass", "a step"),
        ("not_run", "momentum", "momentum"),
        ("died", "it's a step", "it's a step"),
        ("error", "loss.backward()", "loss.backward()"),
    ],
)
def test_a_program_that_was_ended_is_no_answer(
    status: str, source: str, answer: str | None
) -> None:
    evidence = Evidence(cells=(CellRun("q", status),), answers={"q": source})

    assert typed_answer(evidence, "q") == answer


@pytest.mark.parametrize(
    ("source", "table"),
    [
        ('a = ["x", y()]', {"1": "x", "2": "y()"}),
        ("a = (“x”, ‘y’)", {"1": "x", "2": "y"}),
        ('a = {"job_1": "x", 2: y}', {"job_1": "x", "2": "y"}),
        ("a = dict(job_1='x')", {"job_1": "x"}),
    ],
)
def test_a_list_or_dict_is_read_as_a_table(source: str, table: dict[str, str]) -> None:
    assert list(tables(source)) == [table]


@pytest.mark.parametrize("source", ["a = [", "a = 1", "print([1])", ""])
def test_anything_else_is_no_table(source: str) -> None:
    assert list(tables(source)) == []


def _plain(value: object) -> str:
    """As text, in which NaN equals itself."""
    return json.dumps(value, sort_keys=True)
