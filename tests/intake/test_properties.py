"""Whatever is done to a notebook's cells: intake holds, loses no answer and makes up none."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from support.mangled import RIGHT, UNTOUCHED
from support.small_course import node, small_master, solved

from xorkit.intake.reading import Refusal, read_notebook
from xorkit.intake.rebuilding import rebuild

MASTER = small_master()


@dataclass(frozen=True)
class Strip:
    """A cell that remembers of which answer it is a piece, as the test's own bookkeeping."""

    raw: dict[str, Any]
    answer: str = ""


Cells = tuple[Strip, ...]
Step = tuple[str, int, int]
STEPS = ("delete", "copy", "move", "split", "retype", "empty", "unmark", "unname", "strip")


def start() -> Cells:
    names = [c.metadata.get("nbgrader", {}).get("grade_id", "") for c in solved().cells]
    raws = json.loads(json.dumps(solved()))["cells"]
    return tuple(
        Strip(raw, name if name in RIGHT else "") for raw, name in zip(raws, names, strict=True)
    )


def apply(cells: Cells, step: Step) -> Cells:
    what, a, b = step
    if not cells:
        return cells
    at = a % len(cells)
    before, strip, after = cells[:at], cells[at], cells[at + 1 :]
    if what == "delete":
        return before + after
    if what in ("copy", "move"):
        rest = cells if what == "copy" else before + after
        to = b % (len(rest) + 1)
        return (*rest[:to], Strip(copy.deepcopy(strip.raw), strip.answer), *rest[to:])
    if what == "split":
        lines = strip.raw["source"].split("\n")
        cut = b % (len(lines) + 1)
        halves = ("\n".join(lines[:cut]), "\n".join(lines[cut:]))
        return (*before, *(with_changes(strip, source=half) for half in halves), *after)
    return (*before, changed(strip, what, b), *after)


def with_changes(strip: Strip, **changes: Any) -> Strip:
    return replace(strip, raw={**copy.deepcopy(strip.raw), **changes})


def changed(strip: Strip, what: str, b: int) -> Strip:
    metadata = dict(strip.raw["metadata"])
    if what == "retype":
        return with_changes(strip, cell_type=("code", "markdown", "raw")[b % 3])
    if what == "empty":
        return with_changes(strip, source="")
    if what in ("unmark", "strip"):
        metadata.pop("nbgrader", None)
    if what in ("unname", "strip"):
        metadata.pop("id", None)
        return with_changes(strip, metadata=metadata, id=f"other{b}")
    return with_changes(strip, metadata=metadata)


def as_notebook(cells: Cells) -> NotebookNode:
    raws = [strip.raw for strip in cells]
    return node({"cells": raws, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def words_in(text: str) -> set[str]:
    return {line.strip() for line in text.split("\n") if line.strip()}


MIXTURES = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 999), st.integers(0, 999)), max_size=12
)
UNHURRIED = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def after(steps: list[Step]) -> Cells:
    cells = start()
    for step in steps:
        cells = apply(cells, step)
    return cells


@UNHURRIED
@given(MIXTURES)
def test_no_answer_that_is_still_in_the_file_is_lost(steps: list[Step]) -> None:
    cells = after(steps)
    rebuilt = rebuild(MASTER, as_notebook(cells))

    for grade_id, text in RIGHT.items():
        there: set[str] = set()
        for strip in cells:
            if strip.answer == grade_id:
                there |= words_in(strip.raw["source"])
        extra = [c.source for c in rebuilt.notebook.cells if c.id.startswith("extra-")]
        # Words that were put back into quotes have their line ends written out.
        kept = "\n".join([rebuilt.answers[grade_id], *extra]).replace(r"\n", "\n")
        own = words_in(text) - words_in(UNTOUCHED[grade_id])
        own = {line for line in own if not line.startswith("#")}
        if own <= there and not rebuilt.review:
            assert {line for line in own if line not in kept} == set()


@UNHURRIED
@given(MIXTURES)
def test_a_whole_answer_in_one_cell_arrives_with_all_its_lines(steps: list[Step]) -> None:
    cells = after(steps)
    rebuilt = rebuild(MASTER, as_notebook(cells))

    for grade_id, text in RIGHT.items():
        if any(strip.raw["source"] == text for strip in cells) and not rebuilt.review:
            own = {line for line in words_in(text) if not line.startswith("#")}
            assert own <= words_in(rebuilt.answers[grade_id])


@UNHURRIED
@given(MIXTURES)
def test_no_answer_is_made_up(steps: list[Step]) -> None:
    cells = after(steps)
    rebuilt = rebuild(MASTER, as_notebook(cells))
    handed_in = {line for strip in cells for line in words_in(strip.raw["source"])}

    for grade_id, text in rebuilt.answers.items():
        released = words_in(UNTOUCHED[grade_id])
        for line in words_in(text) - handed_in - released:
            said = line.partition(f"{grade_id} = ")[2].rpartition("  #")[0] or line[15:]
            assert words_in(json.loads(said)) <= handed_in


@UNHURRIED
@given(MIXTURES)
def test_rebuilding_twice_is_rebuilding_once(steps: list[Step]) -> None:
    once = rebuild(MASTER, as_notebook(after(steps)))
    again = rebuild(MASTER, once.notebook)

    assert again.answers == once.answers
    assert again.notebook == once.notebook


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["cells", "source", "metadata", "nbgrader", "grade_id", "id", "x"]),
            inner,
        )
    ),
    max_leaves=20,
)
WILD_CELLS = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", "raw"]) | JSON},
    optional={"source": st.text() | st.lists(st.text()) | JSON, "metadata": JSON, "id": JSON},
)


@UNHURRIED
@given(st.lists(WILD_CELLS | JSON, max_size=5), st.integers(0, 20))
def test_no_notebook_whatever_is_in_it_makes_rebuilding_fail(wild: list[Any], at: int) -> None:
    cells = [strip.raw for strip in start()]
    rebuilt = rebuild(MASTER, node({"cells": cells[:at] + wild + cells[at:], "metadata": {}}))

    assert set(rebuilt.answers) == set(RIGHT)
    assert {grade_id: rebuilt.answers[grade_id] for grade_id in RIGHT if rebuilt.answers[grade_id]}


@UNHURRIED
@given(st.binary(max_size=200) | st.text().map(str.encode) | JSON.map(json.dumps).map(str.encode))
def test_reading_any_bytes_gives_a_notebook_or_a_refusal(data: bytes) -> None:
    try:
        notebook, _ = read_notebook(data)
    except Refusal as refusal:
        reason = str(refusal)
        assert "anted: " in reason
    else:
        rebuild(MASTER, notebook)


CUTTABLE = json.dumps(solved(), ensure_ascii=False, indent=1).encode()


@UNHURRIED
@given(st.integers(CUTTABLE.index(b'"source"') + 20, len(CUTTABLE) - 2))
def test_a_file_cut_off_anywhere_keeps_the_answers_before_the_cut(length: int) -> None:
    notebook, repairs = read_notebook(CUTTABLE[:length])
    rebuilt = rebuild(MASTER, notebook)

    assert repairs
    assert rebuilt.review
    for grade_id, text in RIGHT.items():
        if CUTTABLE.index(json.dumps(text, ensure_ascii=False).encode()) + len(text) * 2 < length:
            assert rebuilt.answers[grade_id] == text
