"""Every row of the table of mangled files: its answers are found, or it is refused and says why."""

from __future__ import annotations

import json
import time
from pathlib import Path

import nbformat
import pytest
from support.mangled import CASES, RIGHT, Case
from support.small_course import as_bytes, bare, small_master, solved

from xorkit.intake.collecting import collect
from xorkit.intake.reading import Refusal, read_notebook
from xorkit.intake.rebuilding import accept, rebuild
from xorkit.intake.records import read_record

GRADED = [case for case in CASES if not case.refused]
REFUSED = [case for case in CASES if case.refused]
PERSONAL = ("Zoë Müller", "12345678901234567890", "1AbCdEfGhIjKlMnOpQrStUvWxYz", "ABX9Ty", "mount_")


def test_the_table_is_long_and_names_are_unique() -> None:
    names = [case.name for case in CASES]

    assert len(names) >= 60
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", GRADED, ids=lambda case: case.name)
def test_its_answers_arrive_in_the_released_notebook(case: Case) -> None:
    notebook, mended = read_notebook(case.file())
    rebuilt = accept(small_master(), notebook)

    assert rebuilt.answers == {**RIGHT, **case.answers}
    assert case.says in " ".join([*mended, *rebuilt.repairs])
    assert bool(rebuilt.review) == case.review
    nbformat.validate(rebuilt.notebook)
    extra = tuple(c.source for c in rebuilt.notebook.cells if c.id.startswith("extra-"))
    assert extra == case.kept
    for cell, given in zip(without_extra(rebuilt.notebook), small_master().cells, strict=True):
        name = given.metadata.get("nbgrader", {}).get("grade_id")
        assert cell == {**given, "source": rebuilt.answers.get(name, given.source)}
    assert not any(trace in json.dumps(rebuilt.notebook, ensure_ascii=False) for trace in PERSONAL)


def without_extra(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if not cell.id.startswith("extra-")]


@pytest.mark.parametrize("case", GRADED, ids=lambda case: case.name)
def test_rebuilding_it_again_changes_nothing(case: Case) -> None:
    once = rebuild(small_master(), read_notebook(case.file())[0])
    again = rebuild(small_master(), once.notebook)

    assert again.notebook == once.notebook
    assert again.answers == once.answers
    assert again.review == ()


@pytest.mark.parametrize(
    "cells",
    [
        [bare("```x\n" * 20_000, "markdown")],
        [bare(f"def f{i}():\n    return f{i + 1}()") for i in range(200)],
    ],
    ids=["fences that nothing closes", "a chain of cells"],
)
def test_reading_takes_as_long_as_the_text(cells: list[nbformat.NotebookNode]) -> None:
    notebook = solved()
    notebook.cells[:0] = cells
    next(c for c in notebook.cells if c.get("id") == "cell-model")["source"] += "\nf0()"
    begun = time.process_time()
    rebuilt = accept(small_master(), notebook)

    assert rebuilt.filled == len(RIGHT)
    assert time.process_time() - begun < 10  # a minute where each text is read again and again


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_it_is_refused_with_what_was_seen_and_what_to_ask_for(case: Case) -> None:
    with pytest.raises(Refusal, match=case.refused) as refusal:
        accept(small_master(), read_notebook(case.file())[0])

    assert "Wanted: " in str(refusal.value)


def test_a_class_of_all_of_them_is_collected_with_each_in_its_list(tmp_path: Path) -> None:
    for case in CASES:
        folder = tmp_path / "in" / f"s_{case.name}"
        folder.mkdir(parents=True)
        (folder / "xor.ipynb").write_bytes(case.file())
    for neighbour in ("a_good", "z_good"):
        (tmp_path / "in" / neighbour).mkdir()
        (tmp_path / "in" / neighbour / "xor.ipynb").write_bytes(as_bytes(solved()))

    done = collect([tmp_path / "in"], tmp_path / "out", small_master(), assignment="xor")

    good = {f"s_{case.name}" for case in GRADED} | {"a_good", "z_good"}
    assert {item.student for item in done.taken} == good
    assert {item.student for item in done.refused} == {f"s_{case.name}" for case in REFUSED}
    assert all(item.reason for item in done.refused)
    assert done.unplaced == done.unchanged == ()
    for neighbour in ("a_good", "z_good"):
        written = tmp_path / "out" / neighbour / "xor" / "xor.ipynb"
        assert json.loads(written.read_text()) == rebuild(small_master(), solved()).notebook
        assert read_record(written).repairs == ()
    for case in GRADED:
        written = tmp_path / "out" / f"s_{case.name}" / "xor" / "xor.ipynb"
        record = read_record(written)
        assert case.says in " ".join(record.repairs)
        assert bool(record.review) == case.review
        assert nbformat.read(written, as_version=4).metadata == small_master().metadata
