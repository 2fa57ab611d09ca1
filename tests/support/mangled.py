"""Ways in which a notebook comes back: each row is one, with what must become of it."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode

from support.small_course import (
    CHECKED,
    RELEASED,
    SOLVED,
    anchor,
    answer_text,
    as_bytes,
    bare,
    code,
    markdown,
    node,
    place,
    small_master,
    solved,
)

Change = Callable[[NotebookNode], "bytes | NotebookNode | None"]
RIGHT = {grade_id: answer_text(grade_id) for grade_id in SOLVED}
UNTOUCHED = {grade_id: answer_text(grade_id, RELEASED) for grade_id in SOLVED}


@dataclass(frozen=True)
class Case:
    """A change to a solved notebook, and what must come of it.

    `answers` are those that differ from the solved ones; `says` must be in a repair, `refused` in
    the refusal; `review` is whether a person has to look; `kept` are extra cells that stay.
    """

    name: str
    change: Change
    answers: Mapping[str, str] = field(default_factory=dict)
    says: str = ""
    refused: str = ""
    review: bool = False
    kept: tuple[str, ...] = ()

    def file(self) -> bytes:
        notebook = solved()
        changed = self.change(notebook)
        return changed if isinstance(changed, bytes) else as_bytes(changed or notebook)


CASES: list[Case] = []


def case(**expected: Any) -> Callable[[Change], Change]:
    """Add a function as a row; its name is the row's."""

    def add(change: Change) -> Change:
        CASES.append(Case(change.__name__, change, **expected))
        return change

    return add


def cell(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    found: NotebookNode = notebook.cells[place(notebook, grade_id)]
    return found


def insert_after(notebook: NotebookNode, grade_id: str, *cells: Mapping[str, Any]) -> None:
    where = place(notebook, grade_id) + 1
    notebook.cells[where:where] = [node(c) for c in cells]


def pasted(notebook: NotebookNode, grade_id: str, source: str | None = None) -> NotebookNode:
    """A copy as Jupyter pastes it: same metadata, another id."""
    twin = copy.deepcopy(cell(notebook, grade_id))
    twin["id"] = f"pasted-{grade_id}"
    twin["source"] = twin.source if source is None else source
    return twin


def halves(text: str, line: str) -> tuple[str, str]:
    """The text above and from the line that begins so."""
    lines = text.split("\n")
    cut = next(i for i, found in enumerate(lines) if found.startswith(line))
    return "\n".join(lines[:cut]), "\n".join(lines[cut:])


def drop(notebook: NotebookNode, *grade_ids: str) -> None:
    for grade_id in grade_ids:
        del notebook.cells[place(notebook, grade_id)]


def strip_marks(notebook: NotebookNode, *grade_ids: str) -> None:
    """Take the nbgrader metadata away, from these cells or from all."""
    for c in notebook.cells:
        if not grade_ids or c.metadata.get("nbgrader", {}).get("grade_id") in grade_ids:
            c.metadata.pop("nbgrader", None)


def strip_ids(notebook: NotebookNode) -> None:
    for c in notebook.cells:
        c.pop("id", None)
        c.metadata.pop("id", None)


# ---------------------------------------------------------------- forms of the file


@case()
def as_jupyter_saves_it(notebook: NotebookNode) -> bytes:
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def in_colab(notebook: NotebookNode, run: bool) -> None:
    """What Colab adds; `run` as in the Drive form, with the account's name."""
    notebook.metadata["colab"] = {
        "provenance": [{"file_id": "1AbCdEfGhIjKlMnOpQrStUvWxYz", "timestamp": 1700000000000}],
        "authorship_tag": "ABX9TyMzzzzzzzzzzzzz",
        "mount_file_id": "1mOuNtFiLeIdxxxxxxx",
        "name": "Copy of xor.ipynb",
        "private_outputs": True,
    }
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"a1": {}}}
    user = {"displayName": "Zoë Müller", "userId": "12345678901234567890"}
    for number, c in enumerate(notebook.cells):
        c.metadata["outputId"] = f"out-{number}"
        c.metadata["colab"] = {"base_uri": "https://localhost:8080/", "height": 34}
        c["source"] = c.source.splitlines(keepends=True)
        if run and c.cell_type == "code":
            c.metadata["executionInfo"] = {"status": "ok", "elapsed": 3, "user": user}
            c["execution_count"] = number
            c["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["Zoë Müller\n"]}]


@case()
def downloaded_from_colab(notebook: NotebookNode) -> bytes:
    in_colab(notebook, run=False)
    return json.dumps(notebook, indent=2, ensure_ascii=False).encode()


@case()
def fetched_from_drive(notebook: NotebookNode) -> bytes:
    in_colab(notebook, run=True)
    return json.dumps(notebook, ensure_ascii=False, separators=(",", ":")).encode()


@case()
def saved_to_github_by_colab(notebook: NotebookNode) -> None:
    in_colab(notebook, run=True)
    badge = markdown("view-in-github", "[![Open In Colab](https://colab.research.google.com/x)]()")
    badge["metadata"]["colab_type"] = "text"
    del badge["id"]
    notebook.cells.insert(0, node(badge))


@case()
def born_in_colab_minor_0_without_ids(notebook: NotebookNode) -> None:
    notebook["nbformat_minor"] = 0
    for c in notebook.cells:
        del c["id"]


@case()
def minor_0_with_ids(notebook: NotebookNode) -> None:
    notebook["nbformat_minor"] = 0


@case()
def minor_5_without_ids(notebook: NotebookNode) -> None:
    for c in notebook.cells:
        del c["id"]


@case()
def minor_99(notebook: NotebookNode) -> None:
    notebook["nbformat_minor"] = 99


@case(says="old notebook format")
def in_format_3(notebook: NotebookNode) -> bytes:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "A heading", "metadata": {}},
        *({**c, "input": c["source"]} for c in notebook.cells),
    ]
    for c in cells[1:]:
        if c["cell_type"] == "code":
            c.pop("source")
    return as_bytes({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]})


@case()
def all_cell_ids_the_same(notebook: NotebookNode) -> None:
    for c in notebook.cells:
        c["id"] = "twin"


@case()
def metadata_ids_doubled_by_a_merge(notebook: NotebookNode) -> None:
    strip_marks(notebook, "test_model")
    cell(notebook, "model").metadata["id"] = "cell-data"


@case()
def sources_as_strings(notebook: NotebookNode) -> None:
    for c in notebook.cells:
        c["source"] = str(c.source)


@case()
def sources_as_lists(notebook: NotebookNode) -> None:
    for c in notebook.cells:
        c["source"] = c.source.splitlines(keepends=True)


@case()
def sources_as_lists_without_line_ends(notebook: NotebookNode) -> None:
    for c in notebook.cells:
        c["source"] = c.source.splitlines()


@case()
def windows_line_ends_in_the_file(notebook: NotebookNode) -> bytes:
    return json.dumps(notebook, indent=1).replace("\n", "\r\n").encode()


@case()
def windows_line_ends_in_the_sources(notebook: NotebookNode) -> None:
    for c in notebook.cells:
        c["source"] = c.source.replace("\n", "\r\n")


@case()
def outputs_of_several_megabytes(notebook: NotebookNode) -> None:
    text = ["epoch 1000 loss 0.25\n" * 50] * 3_500
    cell(notebook, "training_loop")["outputs"] = [{"output_type": "stream", "text": text}]


@case()
def outputs_with_error_details(notebook: NotebookNode) -> None:
    details = {
        "output_type": "error",
        "ename": "X",
        "evalue": "",
        "traceback": [],
        "errorDetails": 1,
    }
    cell(notebook, "model")["outputs"] = [details]


@case()
def outputs_that_are_no_outputs(notebook: NotebookNode) -> None:
    cell(notebook, "model")["outputs"] = {"a": None}
    cell(notebook, "data")["outputs"] = 3


@case(says="end of the file was missing", review=True)
def cut_off_after_the_last_answer(notebook: NotebookNode) -> bytes:
    return as_bytes(notebook)[:-60]


@case(
    says="end of the file was missing",
    review=True,
    answers={
        **{g: UNTOUCHED[g] for g in ("matching", "recall_step", "recall_stuck")},
        "training_loop": RIGHT["training_loop"].partition("    loss.backward()")[0].rstrip("\n")
        + "\n    los",
    },
)
def cut_off_within_an_answer(notebook: NotebookNode) -> bytes:
    data = as_bytes(notebook)
    return data[: data.index(b"    loss.backward()\\n    optimizer") + 7]


END = b', "metadata": '


@case(says="end of the file was damaged")
def with_a_comma_after_the_last_cell(notebook: NotebookNode) -> bytes:
    return as_bytes(notebook).replace(b"]" + END, b",]" + END)


@case(says="end of the file was damaged")
def with_two_versions_below_the_cells(notebook: NotebookNode) -> bytes:
    data = as_bytes({**notebook, "nbformat_minor": "HERE"})
    return data.replace(
        b'"nbformat_minor": "HERE"',
        b"""
<<<<<<< HEAD
 "nbformat_minor": 5
=======
 "nbformat_minor": 4
>>>>>>> branch
""",
    )


@case(says="end of the file was damaged", review=True, answers={"recall_stuck": ""})
def with_a_spoiled_last_answer(notebook: NotebookNode) -> bytes:
    notebook["metadata"] = {}
    notebook["cells"] = notebook.cells[: place(notebook, "recall_stuck") + 1]
    head, _, tail = as_bytes(notebook).rpartition(b'"source":')
    return head + b'"source"' + tail


@case(refused="empty")
def an_empty_file(_notebook: NotebookNode) -> bytes:
    return b""


@case(refused="empty")
def a_file_of_zeros(_notebook: NotebookNode) -> bytes:
    return bytes(4096)


@case(refused="web page")
def a_web_page(_notebook: NotebookNode) -> bytes:
    return b"<!DOCTYPE html>\n<html><head><title>xor.ipynb - Colab</title></head></html>"


@case(refused="PDF")
def a_pdf(_notebook: NotebookNode) -> bytes:
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"


@case(refused="zip archive")
def a_word_document(_notebook: NotebookNode) -> bytes:
    return b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml"


@case(refused="picture")
def a_screenshot(_notebook: NotebookNode) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


@case(refused="link")
def a_link_to_colab(_notebook: NotebookNode) -> bytes:
    return b"https://colab.research.google.com/drive/1AbC?usp=sharing\n"


@case(refused="link")
def a_drive_shortcut(_notebook: NotebookNode) -> bytes:
    return b'{"url": "https://docs.google.com/open?id=1AbC", "doc_id": "1AbC", "email": "a@b.c"}'


@case(refused="no notebook")
def an_essay(_notebook: NotebookNode) -> bytes:
    return "Dear teacher, I could not open the file. Zoë".encode()


@case(refused="no cells")
def json_that_is_no_notebook(_notebook: NotebookNode) -> bytes:
    return b'{"name": "xor", "private": true}'


@case(refused="no cell with text")
def a_notebook_without_cells(notebook: NotebookNode) -> None:
    notebook["cells"] = []


@case(refused="nested")
def a_file_nested_without_end(_notebook: NotebookNode) -> bytes:
    return b'{"cells": ' + b"[" * 200_000


@case(refused="far more than")
def a_notebook_of_ten_thousand_cells(notebook: NotebookNode) -> None:
    notebook["cells"] = [bare(f"x = {i}") for i in range(10_000)]


@case(refused="far more than")
def a_notebook_with_forty_megabytes_of_text(notebook: NotebookNode) -> None:
    notebook.cells.append(bare("x" * 40 * 2**20, "markdown"))


@case(says="copies", review=True, answers={"model": "model = 599"})
def a_file_that_is_made_of_copies(notebook: NotebookNode) -> None:
    copies = [pasted(notebook, "model", f"model = {i}") for i in range(600)]
    insert_after(notebook, "model", *copies)


@case(says="base64")
def packed_as_base64(notebook: NotebookNode) -> bytes:
    return base64.b64encode(as_bytes(notebook))


@case(says="base64")
def packed_as_base64_in_lines(notebook: NotebookNode) -> bytes:
    return base64.encodebytes(as_bytes(notebook))


@case()
def with_a_byte_order_mark(notebook: NotebookNode) -> bytes:
    return b"\xef\xbb\xbf" + as_bytes(notebook)


@case(says="UTF-16")
def in_utf_16(notebook: NotebookNode) -> bytes:
    return as_bytes(notebook).decode().encode("utf-16")


@case(says="UTF-16")
def in_utf_16_without_its_mark(notebook: NotebookNode) -> bytes:
    return as_bytes(notebook).decode().encode("utf-16-le")


@case(says="UTF-32")
def in_utf_32(notebook: NotebookNode) -> bytes:
    return as_bytes(notebook).decode().encode("utf-32")


@case(
    says="old encoding",
    answers={
        **{g: text.replace("✏️", "??") for g, text in RIGHT.items()},
        "recall_step": RIGHT["recall_step"].replace("✏️", "??").replace("It", "Größer: it"),
    },
)
def in_latin_1(notebook: NotebookNode) -> bytes:
    c = cell(notebook, "recall_step")
    c["source"] = c.source.replace("It", "Größer: it")
    return json.dumps(notebook, ensure_ascii=False).encode("latin-1", "replace")


@case(says="characters", answers={"recall_step": RIGHT["recall_step"].replace("It", "\ufffd It")})
def in_utf_8_with_a_spoiled_byte(notebook: NotebookNode) -> bytes:
    return as_bytes(notebook).replace(b"It moves", b"\xff It moves")


@case()
def with_line_breaks_inside_strings(notebook: NotebookNode) -> bytes:
    return as_bytes(notebook).replace(b"0.]])\\n#", b"0.]])\n#")


@case(says="after the end")
def with_something_after_the_end(notebook: NotebookNode) -> bytes:
    return as_bytes(notebook) + b"\n{}\n>>> end"


@case(says="Python script")
def downloaded_as_a_script(notebook: NotebookNode) -> bytes:
    head = '# -*- coding: utf-8 -*-\n"""xor.ipynb\n\nAutomatically generated by Colab.\n"""\n\n'
    code_cells = [c.source for c in notebook.cells if c.cell_type == "code"]
    return (head + "\n\n".join(code_cells) + "\n").encode()


def as_a_colab_script(notebook: NotebookNode) -> str:
    """Prose as strings, checks right below the answers."""
    head = '# -*- coding: utf-8 -*-\n"""xor.ipynb\n\nAutomatically generated by Colab.\n"""'
    parts = [f'"""{c.source}"""' if c.cell_type == "markdown" else c.source for c in notebook.cells]
    return "\n\n".join([head, *parts]) + "\n"


def above_its_check(texts: Mapping[str, str]) -> dict[str, str]:
    """The empty line above each cell of ours that was taken out stays."""
    below = dict.fromkeys(CHECKED, "\n") | {"training_loop": "\n\n"}
    return {g: text + below.get(g, "") for g, text in texts.items()}


@case(says="Python script", answers=above_its_check(RIGHT))
def downloaded_as_a_script_with_its_prose(notebook: NotebookNode) -> bytes:
    return as_a_colab_script(notebook).encode()


@case(says="Python script", answers=above_its_check(UNTOUCHED))
def the_untouched_release_as_a_script(_notebook: NotebookNode) -> bytes:
    return as_a_colab_script(small_master()).replace("\n", "\r\n").encode()


@case(says="Python script")
def exported_as_a_script_by_vs_code(notebook: NotebookNode) -> bytes:
    parts = ["import os"]
    for c in notebook.cells:
        words = "\n".join(f"# {line}" for line in c.source.split("\n"))
        parts += [f"# %% [markdown]\n{words}" if c.cell_type == "markdown" else f"# %%\n{c.source}"]
    return "\n".join(parts).encode()


def as_a_jupyter_script(notebook: NotebookNode, gap: str = "\n\n\n") -> bytes:
    parts = ["#!/usr/bin/env python\n# coding: utf-8"]
    for c in notebook.cells:
        words = "\n".join(f"# {line}" for line in f"{c.source} {'...' * 999}".split("\n"))
        parts.append(words if c.cell_type == "markdown" else f"# In[ ]:\n\n\n{c.source}")
    return gap.join(parts).encode()


@case(says="Python script")
def exported_as_a_script_by_jupyter(notebook: NotebookNode) -> bytes:
    return as_a_jupyter_script(notebook)


@case(says="Python script")
def exported_as_a_script_by_jupyter_on_windows(notebook: NotebookNode) -> bytes:
    return as_a_jupyter_script(notebook, "\n\n\n\n").replace(b"\n", b"\r\n")


@case()
def as_a_bare_list_of_cells(notebook: NotebookNode) -> bytes:
    return json.dumps(notebook.cells).encode()


@case()
def cells_with_metadata_null_or_missing(notebook: NotebookNode) -> None:
    notebook.cells[0]["metadata"] = None
    del notebook.cells[2]["metadata"]


@case()
def cells_that_are_no_cells(notebook: NotebookNode) -> bytes:
    return as_bytes({**notebook, "cells": [None, 3, "x", [], {}, *notebook.cells]})


@case()
def values_of_strange_types(notebook: NotebookNode) -> bytes:
    strange = [
        {"cell_type": ["code"], "source": {"a": 1}, "metadata": []},
        {"cell_type": "code", "source": [1, None, "y = 1"], "metadata": {"nbgrader": 7, "id": 5}},
        {"cell_type": "code", "source": None, "id": {}, "metadata": {"nbgrader": {"grade_id": []}}},
    ]
    return as_bytes({**notebook, "metadata": 5, "cells": [*strange, *notebook.cells]})


@case()
def a_kernel_of_another_name(notebook: NotebookNode) -> None:
    notebook.metadata["kernelspec"] = {"name": "conda-env-x-py", "display_name": "x"}


@case()
def no_kernel_at_all(notebook: NotebookNode) -> None:
    notebook["metadata"] = {}


@case(answers={"recall_step": RIGHT["recall_step"].replace("It", "\ufffd?It")})
def half_a_character_in_a_string(notebook: NotebookNode) -> bytes:
    # The JSON escape of one half of a pair that UTF-8 can't hold.
    return as_bytes(notebook).replace(
        b'"It moves'.replace(b'"', b'\\"'), b'\\"\xef\xbf\xbd\\ud83dIt moves'
    )


# ---------------------------------------------------------------- cells


@case(says="copies", review=False)
def an_answer_pasted_twice(notebook: NotebookNode) -> None:
    insert_after(notebook, "model", pasted(notebook, "model"))


@case(says="copies")
def a_copy_of_the_release_below_the_answer(notebook: NotebookNode) -> None:
    insert_after(notebook, "model", pasted(notebook, "model", UNTOUCHED["model"]))


@case(says="copies")
def the_answer_in_a_copy_below_the_release(notebook: NotebookNode) -> None:
    insert_after(notebook, "model", pasted(notebook, "model"))
    cell(notebook, "model")["source"] = UNTOUCHED["model"]


@case(says="copies")
def the_answer_in_a_nameless_copy_below_the_release(notebook: NotebookNode) -> None:
    insert_after(notebook, "model", bare(RIGHT["model"]))
    cell(notebook, "model")["source"] = UNTOUCHED["model"]


@case(says="copies")
def an_emptied_copy_of_an_answer(notebook: NotebookNode) -> None:
    insert_after(notebook, "model", pasted(notebook, "model", ""))


@case(
    says="copies",
    review=True,
    answers={"model": RIGHT["model"].replace("(2, 2)", "(2, 3)").replace("(2, 1)", "(3, 1)")},
)
def two_different_filled_copies(notebook: NotebookNode) -> None:
    other = RIGHT["model"].replace("(2, 2)", "(2, 3)").replace("(2, 1)", "(3, 1)")
    insert_after(notebook, "model", pasted(notebook, "model", other))


@case(review=True, says="copies")
def a_filled_copy_that_is_broken(notebook: NotebookNode) -> None:
    broken = RIGHT["model"].replace("nn.Sigmoid())", "nn.Sigmoid(")
    insert_after(notebook, "model", pasted(notebook, "model", broken))


@case(review=True, says="copies")
def a_copy_with_one_blank_left(notebook: NotebookNode) -> None:
    first = RIGHT["loss_and_optimizer"].replace("MSE", "L1").partition("# 3b")[0]
    rest = UNTOUCHED["loss_and_optimizer"].partition("# 3b")
    copied = pasted(notebook, "loss_and_optimizer", first + rest[1] + rest[2])
    insert_after(notebook, "loss_and_optimizer", copied)


@case()
def a_check_pasted_twice(notebook: NotebookNode) -> None:
    insert_after(notebook, "test_model", pasted(notebook, "test_model"))


@case()
def the_set_up_pasted_twice(notebook: NotebookNode) -> None:
    notebook.cells.append(pasted(notebook, "setup"))


@case(says="2 parts")
def an_answer_split_in_jupyter(notebook: NotebookNode) -> None:
    first, second = halves(RIGHT["loss_and_optimizer"], "# 3b")
    insert_after(notebook, "loss_and_optimizer", pasted(notebook, "loss_and_optimizer", second))
    cell(notebook, "loss_and_optimizer")["source"] = first


@case(says="2 parts")
def an_answer_split_with_a_plain_second_half(notebook: NotebookNode) -> None:
    first, second = halves(RIGHT["loss_and_optimizer"], "# 3b")
    insert_after(notebook, "loss_and_optimizer", bare(second))
    cell(notebook, "loss_and_optimizer")["source"] = first


@case(says="2 parts")
def a_loop_split_within(notebook: NotebookNode) -> None:
    first, second = halves(RIGHT["training_loop"], "    optimizer.zero_grad()")
    insert_after(notebook, "training_loop", bare(second))
    cell(notebook, "training_loop")["source"] = first


@case(says="3 parts")
def an_answer_split_in_three(notebook: NotebookNode) -> None:
    first, rest = halves(RIGHT["training_loop"], "for epoch")
    second, third = halves(rest, "    # 4b")
    insert_after(notebook, "training_loop", pasted(notebook, "training_loop", second), bare(third))
    cell(notebook, "training_loop")["source"] = first


@case(says="2 parts")
def the_halves_of_an_answer_in_the_wrong_order(notebook: NotebookNode) -> None:
    first, second = halves(RIGHT["loss_and_optimizer"], "# 3b")
    insert_after(notebook, "loss_and_optimizer", pasted(notebook, "loss_and_optimizer", first))
    cell(notebook, "loss_and_optimizer")["source"] = second


@case()
def cells_in_an_old_nbgrader_format(notebook: NotebookNode) -> None:
    for c in notebook.cells:
        if "nbgrader" in c.metadata:
            c.metadata.nbgrader["schema_version"] = 2


@case(says="were missing; they count as they were released: Check model: run me.")
def a_check_deleted(notebook: NotebookNode) -> None:
    drop(notebook, "test_model")


@case(says="missing")
def all_checks_deleted(notebook: NotebookNode) -> None:
    kept = [c for c in notebook.cells if not c.metadata.get("nbgrader", {}).get("grade")]
    notebook["cells"] = kept


@case(says="counts as left blank", answers={"model": UNTOUCHED["model"]})
def an_answer_deleted(notebook: NotebookNode) -> None:
    drop(notebook, "model")


@case(says="counts as left blank", answers={"model": UNTOUCHED["model"]})
def an_answer_and_its_check_deleted(notebook: NotebookNode) -> None:
    drop(notebook, "model", "test_model")


@case(answers={"model": ""})
def an_answer_emptied(notebook: NotebookNode) -> None:
    cell(notebook, "model")["source"] = ""


@case(says="were missing; they count as they were released: setup.")
def the_set_up_deleted(notebook: NotebookNode) -> None:
    drop(notebook, "setup")


@case()
def all_prose_deleted(notebook: NotebookNode) -> None:
    notebook["cells"] = [c for c in notebook.cells if c.cell_type == "code"]


@case(says="metadata by which cells are recognised was missing")
def all_nbgrader_marks_stripped(notebook: NotebookNode) -> None:
    strip_marks(notebook)


@case()
def the_marks_of_a_check_stripped(notebook: NotebookNode) -> None:
    strip_marks(notebook, "test_model")


@case()
def the_marks_of_an_answer_stripped(notebook: NotebookNode) -> None:
    strip_marks(notebook, "model")


@case(says="metadata by which cells are recognised was missing")
def all_marks_and_ids_stripped(notebook: NotebookNode) -> None:
    strip_marks(notebook)
    strip_ids(notebook)


def without_comments(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


@case(says="moved to its own", answers={g: without_comments(text) for g, text in RIGHT.items()})
def typed_anew_into_an_empty_notebook(notebook: NotebookNode) -> None:
    notebook["cells"] = [bare("import torch\nfrom torch import nn")]
    notebook["cells"] += [bare(without_comments(text)) for text in RIGHT.values()]


@case(says="first lines", answers={g: without_comments(RIGHT[g]) for g in ("data", "model")})
def two_answers_typed_anew_in_one_cell(notebook: NotebookNode) -> None:
    both = [without_comments(RIGHT[g]) for g in ("data", "model")]
    strip_marks(notebook)
    strip_ids(notebook)
    where = next(i for i, c in enumerate(notebook.cells) if c.source == RIGHT["data"])
    notebook.cells[where] = bare("\n".join(both))
    notebook.cells[:] = [c for c in notebook.cells if c.source != RIGHT["model"]]


@case(answers={"model": RIGHT["model"].partition("\n")[2]})
def the_anchor_of_an_answer_removed(notebook: NotebookNode) -> None:
    c = cell(notebook, "model")
    c["source"] = c.source.partition("\n")[2]


@case(says="another order")
def a_check_moved_above_its_answer(notebook: NotebookNode) -> None:
    check = notebook.cells.pop(place(notebook, "test_model"))
    notebook.cells.insert(place(notebook, "model"), check)


@case(says="another order")
def all_cells_upside_down(notebook: NotebookNode) -> None:
    notebook.cells.reverse()


@case(says="were changed; they count as they were released: Check model: run me.")
def a_check_edited(notebook: NotebookNode) -> None:
    cell(notebook, "test_model")["source"] = "print('all is well')"


@case(says="were changed", kept=("import numpy as np",), answers={"data": "X = np.ones(3)"})
def an_import_added_to_the_set_up(notebook: NotebookNode) -> None:
    cell(notebook, "setup")["source"] += "\nimport numpy as np\ntorch.manual_seed(7)"
    cell(notebook, "data")["source"] = "X = np.ones(3)"


@case(
    says="were changed",
    kept=("from torch.nn import *",),
    answers={"model": RIGHT["model"].replace("nn.", "")},
)
def a_star_import_added_to_the_set_up(notebook: NotebookNode) -> None:
    cell(notebook, "setup")["source"] += "\nfrom torch.nn import *"
    cell(notebook, "model")["source"] = RIGHT["model"].replace("nn.", "")


@case()
def points_raised_in_the_metadata(notebook: NotebookNode) -> None:
    cell(notebook, "test_model").metadata.nbgrader["points"] = 1000


@case(says="markdown cell")
def an_answer_turned_into_markdown(notebook: NotebookNode) -> None:
    cell(notebook, "model")["cell_type"] = "markdown"


@case(says="raw cell")
def an_answer_turned_into_raw_text(notebook: NotebookNode) -> None:
    cell(notebook, "model")["cell_type"] = "raw"


@case()
def a_check_turned_into_markdown(notebook: NotebookNode) -> None:
    cell(notebook, "test_model")["cell_type"] = "markdown"


@case(says="copies")
def an_answer_put_into_a_markdown_cell(notebook: NotebookNode) -> None:
    fenced = f"My answer:\n```python\n{RIGHT['model']}\n```\nDone!"
    insert_after(notebook, "model", bare(fenced, "markdown"))
    cell(notebook, "model")["source"] = UNTOUCHED["model"]


@case(says="moved to its own", answers={"model": without_comments(RIGHT["model"]).strip()})
def an_answer_without_its_anchor_in_a_markdown_cell(notebook: NotebookNode) -> None:
    fenced = f"My answer:\n\n```\n{without_comments(RIGHT['model']).strip()}\n```\n"
    insert_after(notebook, "model", bare(fenced, "markdown"))
    cell(notebook, "model")["source"] = ""


@case(says="moved to its own", answers={"model": without_comments(RIGHT["model"]).strip()})
def an_answer_typed_below_its_untouched_cell(notebook: NotebookNode) -> None:
    cell(notebook, "model")["source"] = UNTOUCHED["model"]
    insert_after(notebook, "model", bare(without_comments(RIGHT["model"]).strip()))


@case(says="moved to its own", answers={"model": without_comments(RIGHT["model"]).strip()})
def an_answer_typed_into_its_check(notebook: NotebookNode) -> None:
    cell(notebook, "model")["source"] = UNTOUCHED["model"]
    check = cell(notebook, "test_model")
    check["source"] = without_comments(RIGHT["model"]).strip() + "\n" + check.source


OWN_LOOP = """for i in range(5000):
    out = model(X)
    err = loss_fn(out, Y)
    optimizer.zero_grad()
    err.backward()
    optimizer.step()"""


@case(says="moved to its own", answers={"training_loop": OWN_LOOP})
def a_loop_with_names_of_its_own_below_the_untouched_cell(notebook: NotebookNode) -> None:
    cell(notebook, "training_loop")["source"] = UNTOUCHED["training_loop"]
    insert_after(notebook, "training_loop", bare(OWN_LOOP))


@case(says="moved to its own", answers={"training_loop": OWN_LOOP})
def a_loop_with_names_of_its_own_in_place_of_the_deleted_cell(notebook: NotebookNode) -> None:
    notebook.cells[place(notebook, "training_loop")] = bare(OWN_LOOP)


@case(
    says="moved to its own",
    answers={
        **{g: without_comments(text) for g, text in RIGHT.items()},
        "training_loop": OWN_LOOP,
    },
)
def typed_anew_with_a_loop_of_its_own(notebook: NotebookNode) -> None:
    texts = {g: without_comments(text) for g, text in RIGHT.items()} | {"training_loop": OWN_LOOP}
    notebook["cells"] = [bare("import torch\nfrom torch import nn")]
    notebook["cells"] += [bare(texts[g]) for g in RIGHT]


@case(answers={"training_loop": UNTOUCHED["training_loop"]})
def a_look_at_something_below_an_untouched_cell(notebook: NotebookNode) -> None:
    cell(notebook, "training_loop")["source"] = UNTOUCHED["training_loop"]
    insert_after(notebook, "training_loop", bare("print(X.shape)\nmodel"))


EXERCISES = ("data", "model", "loss_and_optimizer", "training_loop")
TRIES = """for i in range(3):
    model = nn.Linear(2, 2)
    losses = []
    for epoch in range(5000):
        losses.append(step())"""


def all_in(name: str, grade_id: str, source: str, **expected: Any) -> Case:
    """This text in one answer's cell, the other exercises' cells untouched."""

    def change(notebook: NotebookNode) -> None:
        for other in EXERCISES:
            cell(notebook, other)["source"] = UNTOUCHED[other]
        cell(notebook, grade_id)["source"] = source

    return Case(name, change, **expected)


TYPED = {grade_id: without_comments(RIGHT[grade_id]).strip() for grade_id in EXERCISES}
LEFT_BLANK = {grade_id: UNTOUCHED[grade_id] for grade_id in EXERCISES}
ALL_TYPED = "\n\n".join(TYPED.values())
LOOKED = f"{TYPED['loss_and_optimizer']}\nloss = loss_fn(model(X), Y)\nprint(loss)"
CASES += [
    all_in("four_answers_in_the_first_cell", "data", ALL_TYPED, says="moved", answers=TYPED),
    all_in(
        "four_answers_in_the_last_cell", "training_loop", ALL_TYPED, says="moved", answers=TYPED
    ),
    all_in(
        "a_look_at_the_loss_above_a_blank_loop",
        "loss_and_optimizer",
        LOOKED,
        answers={**LEFT_BLANK, "loss_and_optimizer": LOOKED},
    ),
    all_in(
        "a_model_made_in_each_of_several_tries",
        "training_loop",
        TRIES,
        answers={**LEFT_BLANK, "training_loop": TRIES},
    ),
]


@case(
    says="moved to its own",
    answers={
        **{g: TYPED[g] for g in ("model", "loss_and_optimizer")},
        "training_loop": RIGHT["training_loop"].partition("\n")[2],
    },
)
def two_answers_above_the_loop_in_its_cell(notebook: NotebookNode) -> None:
    loop = cell(notebook, "training_loop")
    for grade_id in ("loss_and_optimizer", "model"):
        loop["source"] = f"{TYPED[grade_id]}\n{loop.source}"
        cell(notebook, grade_id)["source"] = UNTOUCHED[grade_id]


@case()
def two_answers_merged(notebook: NotebookNode) -> None:
    first = cell(notebook, "data")
    first["source"] += "\n\n" + RIGHT["model"]
    drop(notebook, "model")


@case(answers={"model": RIGHT["model"] + "\n"}, says="missing")
def an_answer_merged_with_its_check(notebook: NotebookNode) -> None:
    first = cell(notebook, "model")
    first["source"] += "\n\n" + cell(notebook, "test_model").source
    drop(notebook, "test_model")


@case(answers={"data": "import math\n" + RIGHT["data"]})
def an_import_above_the_anchor(notebook: NotebookNode) -> None:
    first = cell(notebook, "data")
    first["source"] = "import math\n" + first.source


@case()
def answers_pasted_into_each_others_cells(notebook: NotebookNode) -> None:
    first, second = cell(notebook, "data"), cell(notebook, "model")
    first["source"], second["source"] = second.source, first.source


@case(
    says="another order",
    answers={g: RIGHT[g].partition("\n")[2] for g in ("data", "model")},
)
def answers_typed_into_each_others_cells(notebook: NotebookNode) -> None:
    first, second = cell(notebook, "data"), cell(notebook, "model")
    first["source"], second["source"] = (
        RIGHT["model"].partition("\n")[2],
        RIGHT["data"].partition("\n")[2],
    )


@case(
    says="another order",
    answers={
        g: RIGHT[g].partition("\n")[2].replace("\n\n", "\n")
        for g in ("recall_step", "recall_stuck")
    },
)
def words_typed_into_each_others_cells(notebook: NotebookNode) -> None:
    first, second = cell(notebook, "recall_step"), cell(notebook, "recall_stuck")
    first["source"], second["source"] = (
        RIGHT["recall_stuck"].partition("\n")[2],
        RIGHT["recall_step"].partition("\n")[2],
    )


@case(answers={"training_loop": "model = nn.Linear(2, 1)\nfit()"})
def a_model_built_again_in_a_loop_that_sets_no_name_of_its_own(notebook: NotebookNode) -> None:
    cell(notebook, "training_loop")["source"] = "model = nn.Linear(2, 1)\nfit()"


@case(answers={"model": RIGHT["model"].replace(anchor("model"), anchor("data"))})
def an_answer_that_kept_the_anchor_of_the_cell_it_was_copied_from(notebook: NotebookNode) -> None:
    c = cell(notebook, "model")
    c["source"] = c.source.replace(anchor("model"), anchor("data"))


@case(answers={"model": "class Net(nn.Module):\n    pass\nmodel = Net()"})
def an_answer_written_in_another_way(notebook: NotebookNode) -> None:
    cell(notebook, "model")["source"] = "class Net(nn.Module):\n    pass\nmodel = Net()"


@case()
def a_grade_id_renamed(notebook: NotebookNode) -> None:
    cell(notebook, "model").metadata.nbgrader["grade_id"] = "my_model"


@case()
def a_cell_of_another_assignment_pasted(notebook: NotebookNode) -> None:
    notebook.cells.append(node(code("other_hw", "y = 1", id="other", solution=True)))


@case(says="left out: 20")
def two_assignments_in_one_notebook(notebook: NotebookNode) -> None:
    other = [code(f"hw_{i}", f"y{i} = {i}", solution=True) for i in range(20)]
    notebook.cells[:0] = [node(c) for c in other]


@case(refused="another assignment")
def the_notebook_of_another_assignment(_notebook: NotebookNode) -> NotebookNode:
    cells = [
        code("data", "table = load()", id="a1", solution=True),
        *(code(f"task_{i}", f"answer_{i} = {i}", id=f"b{i}", solution=True) for i in range(9)),
    ]
    return node({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@case(refused="none of the 7 answers")
def a_notebook_about_something_else(_notebook: NotebookNode) -> NotebookNode:
    cells = [bare("# Cooking", "markdown"), bare("eggs = 3\nprint(eggs)")]
    return node({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@case(refused="1 of the 7 answers")
def a_stray_notebook_with_a_model(_notebook: NotebookNode) -> NotebookNode:
    cells = [bare("model = load('titanic')"), bare("print(model)")]
    return node({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@case(answers=UNTOUCHED)
def the_untouched_release(_notebook: NotebookNode) -> NotebookNode:
    return small_master()


@case(says="left out: 2")
def extra_cells_that_fail_or_spoil(notebook: NotebookNode) -> None:
    insert_after(notebook, "training_loop", bare("1 / 0"), bare("model = None"))


@case(
    kept=("def layer(n):\n    return nn.Linear(n, n)",),
    says="it defines layer",
    answers={"model": "model = layer(2)"},
)
def an_extra_cell_with_a_helper(notebook: NotebookNode) -> None:
    where = place(notebook, "model")
    notebook.cells.insert(where, bare("def layer(n):\n    return nn.Linear(n, n)"))
    cell(notebook, "model")["source"] = "model = layer(2)"


@case(
    kept=("size = 2", "def layer():\n    return nn.Linear(size, size)"),
    answers={"model": "model = layer()"},
)
def extra_cells_that_need_each_other(notebook: NotebookNode) -> None:
    where = place(notebook, "model")
    helper = bare("def layer():\n    return nn.Linear(size, size)")
    notebook.cells[where:where] = [bare("size = 2"), bare("big = 9"), helper]
    cell(notebook, "model")["source"] = "model = layer()"


@case(kept=("torch.manual_seed(42)",), says="it changes how other cells run")
def an_extra_cell_with_a_seed(notebook: NotebookNode) -> None:
    notebook.cells.insert(place(notebook, "model"), bare("torch.manual_seed(42)"))


@case(kept=("rate = 1.0",), answers={"model": RIGHT["model"] + "\nprint(rate)"})
def a_helper_that_moved_below_with_its_answer(notebook: NotebookNode) -> None:
    moved = notebook.cells.pop(place(notebook, "model"))
    moved["source"] += "\nprint(rate)"
    notebook.cells += [bare("rate = 1.0"), moved]


@case(says="left out: 4")
def extra_cells_of_colab(notebook: NotebookNode) -> None:
    lines = ("from google.colab import drive\ndrive.mount('/content/drive')", "!pip install -q x")
    others = ("%%shell\nls", "!nvidia-smi")
    notebook.cells[0:0] = [bare(text) for text in lines + others]


@case()
def notes_in_markdown_cells(notebook: NotebookNode) -> None:
    insert_after(notebook, "model", bare("I think *this* is right.", "markdown"))


def with_answer(grade_id: str, text: str) -> Change:
    """The answer is just this: it must be handed on as it is."""

    def change(notebook: NotebookNode) -> None:
        cell(notebook, grade_id)["source"] = text

    change.__name__ = "as_handed_in"
    return change


AS_HANDED_IN = {
    "drive_mounted_in_the_answer": "from google.colab import drive\ndrive.mount('/x')\nmodel = 1",
    "a_shell_line_in_the_answer": "!pip install torch\nmodel = 1",
    "a_cell_magic": "%%capture\nmodel = 1",
    "an_input_in_the_answer": "model = input()",
    "a_model_on_the_gpu": "model = nn.Linear(2, 2).to('cuda')",
    "an_f_string_of_a_newer_python": 'model = 1\nprint(f"{d["a"]}")',
    "a_no_break_space": "model\u00a0= 1",
    "a_syntax_error": "model = = 1",
    "an_endless_loop": "while True:\n    pass",
    "an_exit": "model = 1\nimport sys\nsys.exit()",
    "a_killed_kernel": "import os\nos._exit(1)",
    "a_full_memory": "model = bytearray(50 * 2**30)",
    "signs_of_every_script": "model = 1  # Größe 模型 🧠",
    "a_very_long_line": "model = '" + "x" * 300_000 + "'",
    "brackets_without_end": "model = " + "(" * 5000,
}
CASES += [
    Case(name, with_answer("model", text), {"model": text}) for name, text in AS_HANDED_IN.items()
]


# ---------------------------------------------------------------- answers in words

WORDS = "It moves each weight a little, against its gradient."
QUOTED = f'{anchor("recall_step")}\nrecall_step = "{WORDS}"  # @param {{type:"string"}}'


def in_words(name: str, text: str, words: str = WORDS, **expected: Any) -> Case:
    wanted = QUOTED.replace(json.dumps(WORDS), json.dumps(words, ensure_ascii=False))
    expected = {"says": "in quotes", "answers": {"recall_step": wanted}, **expected}
    return Case(name, with_answer("recall_step", text), **expected)


ANCHOR = anchor("recall_step")
CASES += [
    in_words("words_without_quotes", f"{ANCHOR}\nrecall_step = {WORDS}  # @param"),
    in_words("words_without_quotes_or_name", f"{ANCHOR}\n{WORDS}"),
    in_words("words_without_the_last_quote", f'{ANCHOR}\nrecall_step = "{WORDS}'),
    in_words("words_in_quotes_without_the_name", f"{ANCHOR}\n'''{WORDS}'''"),
    in_words("words_under_another_name", f'{ANCHOR}\nanswer = "{WORDS}"'),
    in_words("words_typed_behind_the_field", f"{UNTOUCHED['recall_step']} {WORDS}"),
    in_words("words_as_a_comment", f"{UNTOUCHED['recall_step']}\n# {WORDS}"),
    in_words(
        "an_apostrophe_that_ends_the_string",
        f"{ANCHOR}\nrecall_step = 'it doesn't help'",
        "it doesn't help",
    ),
    in_words(
        "words_over_two_lines",
        f'{ANCHOR}\nrecall_step = "It moves\neach weight."  # @param {{type:"string"}}',
        "It moves\neach weight.",
    ),
    in_words(
        "words_of_another_script",
        f"{ANCHOR}\nrecall_step = 重みを少し動かす。",
        "重みを少し動かす。",
    ),
    Case(
        "words_with_their_type",
        with_answer("recall_step", f'recall_step: str = "{WORDS}"'),
        {"recall_step": f'recall_step: str = "{WORDS}"'},
    ),
    Case(
        "words_in_brackets_over_lines",
        with_answer("recall_step", 'recall_step = ("It moves "\n    "each weight.")'),
        {"recall_step": 'recall_step = ("It moves "\n    "each weight.")'},
    ),
]


def words_below(name: str, below: str, added: NotebookNode, **expected: Any) -> Case:
    """The words stand in a cell of their own, right below another one."""

    def change(notebook: NotebookNode) -> None:
        cell(notebook, "recall_step")["source"] = UNTOUCHED["recall_step"]
        insert_after(notebook, below, added)

    expected = expected or {"says": "moved to its own", "answers": {"recall_step": QUOTED}}
    return Case(name, change, **expected)


LEFT_OUT = {"answers": {"recall_step": UNTOUCHED["recall_step"]}, "review": True}
CASES += [
    words_below("words_in_a_markdown_cell_below", "recall_step", bare(WORDS, "markdown")),
    words_below("words_in_a_code_cell_below", "recall_step", bare(WORDS)),
    words_below(
        "words_in_a_markdown_cell_below_the_check", "test_recall_step", bare(WORDS, "markdown")
    ),
    words_below("words_in_quotes_in_a_cell_below", "recall_step", bare(f'"{WORDS}"')),
    words_below(
        "words_under_another_name_in_a_cell_below", "recall_step", bare(f'answer = "{WORDS}"')
    ),
    words_below(
        "words_below_another_question_s_answer",
        "test_recall_stuck",
        bare(WORDS, "markdown"),
        **LEFT_OUT,
    ),
    words_below(
        "words_in_quotes_below_another_question_s_answer",
        "test_recall_stuck",
        bare(f'"{WORDS}"'),
        **LEFT_OUT,
    ),
]


@case(review=True, answers={g: UNTOUCHED[g] for g in ("recall_step", "recall_stuck")})
def words_for_all_questions_in_one_cell_at_the_end(notebook: NotebookNode) -> None:
    for grade_id in ("recall_step", "recall_stuck"):
        cell(notebook, grade_id)["source"] = UNTOUCHED[grade_id]
    insert_after(notebook, "test_recall_stuck", bare(f"1. {WORDS}\n\n2. It is flat.", "markdown"))


@case(answers={"recall_step": UNTOUCHED["recall_step"]})
def a_name_above_all_exercises_and_a_blank_question(notebook: NotebookNode) -> None:
    cell(notebook, "recall_step")["source"] = UNTOUCHED["recall_step"]
    notebook.cells.insert(0, bare("Jane Doe, group 4, Monday.", "markdown"))


@case(says="moved to its own", answers={"recall_step": QUOTED})
def words_in_a_markdown_cell_instead(notebook: NotebookNode) -> None:
    where = place(notebook, "recall_step")
    notebook.cells[where] = bare(WORDS, "markdown")


@case(
    says="moved to its own",
    answers={
        "recall_step": QUOTED.replace(json.dumps(WORDS), json.dumps("It moves\neach weight."))
    },
)
def words_in_two_markdown_cells(notebook: NotebookNode) -> None:
    cell(notebook, "recall_step")["source"] = UNTOUCHED["recall_step"]
    both = [bare("It moves", "markdown"), bare("each weight.", "markdown")]
    insert_after(notebook, "recall_step", *both)


@case(says="moved to its own", answers={"recall_step": QUOTED})
def words_under_the_question(notebook: NotebookNode) -> None:
    cell(notebook, "recall_step")["source"] = UNTOUCHED["recall_step"]
    about = next(c for c in notebook.cells if c.get("id") == "about_recall_step")
    about["source"] += f"\n\n{WORDS}"
