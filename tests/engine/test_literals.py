"""Cells that only name plain values are read, not run: with the outcome that running them has."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xorkit.engine.job import Settings
from xorkit.engine.literals import literals
from xorkit.engine.running import Step, run
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
    assert literals(source) == values


@pytest.mark.parametrize("why", RUN)
def test_a_cell_is_left_to_the_kernel_that(why: str) -> None:
    assert literals(RUN[why]) is None


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
    with Warm(Settings().limits) as server:
        yield server


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells=st.lists(CELL, min_size=1, max_size=12))
def test_reading_sees_what_running_sees(warm: Warm, cells: list[str]) -> None:
    asked = [(str(k), source) for k, source in enumerate(cells)]
    read = [
        step
        for name, source in asked
        for step in (Step("answer", name, source), Step("observe", name, source, NAMES))
    ]
    # A cell between them that does anything at all has the kernel run and show what came before.
    told = [
        each
        for step in read
        for each in ((Step("extra", "", "0"), step) if step.kind == "observe" else (step,))
    ]

    by_reading, read_outputs = run(read, {}, warm, 20)
    by_running, told_outputs = run(told, {}, warm, 20)

    assert _plain(by_reading.observations) == _plain(by_running.observations)
    assert [c.status for c in by_reading.cells] == [
        c.status for c in by_running.cells if c.grade_id
    ]
    assert {name: bool(told_outputs[name]) for name, _ in asked} == {
        name: bool(read_outputs[name]) for name, _ in asked
    }


def test_a_kernel_that_ends_while_it_catches_up_is_replaced(warm: Warm) -> None:
    """The first cell has every later one end its process."""
    trap = "get_ipython().events.register('pre_run_cell', lambda *_: __import__('os')._exit(0))"
    texts = (trap, "first = 'x'", "second = 'y'", "print(first)")

    evidence, _ = run([Step("answer", str(k), text) for k, text in enumerate(texts)], {}, warm, 20)

    assert [cell.status for cell in evidence.cells] == ["ok", "ok", "ok", "died"]


def _plain(value: object) -> str:
    """As text, in which NaN equals itself."""
    return json.dumps(value, sort_keys=True)
