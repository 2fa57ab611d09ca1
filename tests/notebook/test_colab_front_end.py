"""The filled release in Colab's own old front end runs, and every self-check speaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from support.colab_front_end import front_end, run_in_front_end
from support.tiny_course import REPOSITORY

from xorkit.conventions import filled, solution_texts

CHECKS = ("test_data", "test_model", "test_loss_and_optimizer", "test_training_loop")


@pytest.fixture(scope="module")
def ran(pytestconfig: pytest.Config) -> tuple[str, Mapping[str, Any]]:
    cache = getattr(pytestconfig, "cache", None)  # gone with pytest's own plugin for it
    folder = cache.mkdir("colab") if cache else Path(REPOSITORY, ".venv", "colab")
    python = front_end(folder)
    source, release = (
        nbformat.read(REPOSITORY / stage / "xor" / "xor.ipynb", as_version=4)
        for stage in ("source", "release")
    )
    return run_in_front_end(python, filled(release, solution_texts(source)))


def test_it_is_colabs_and_no_cell_fails(ran: tuple[str, Mapping[str, Any]]) -> None:
    version, cells = ran
    outputs = [out for cell in cells.values() for out in cell.get("outputs", ())]

    assert version == "7.34.0"
    assert [out for out in outputs if "error" in (out.output_type, out.get("name"))] == []
    assert [out.text for out in outputs if out.get("name") == "stderr"] == []


def test_every_check_shows_its_table(ran: tuple[str, Mapping[str, Any]]) -> None:
    checks = {name: cell for name, cell in ran[1].items() if name.startswith("test_")}

    assert set(CHECKS) <= checks.keys()
    for name, cell in checks.items():
        assert [out.output_type for out in cell.outputs] == ["display_data"], name
        (shown,) = cell.outputs
        assert "text/html" in shown.data
        if name != "test_predictions":  # a start may be unlucky
            assert "✗" not in shown.data["text/plain"]
