"""What a command may import: nobody waits for what the command doesn't use."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEARNERS = {"torch", "xorkit.probe"}  # belong into a learner's process
JUDGING = {"_pytest", "xorkit.hidden", "xorkit.judge"}
RUNNING = {"xorkit.sandbox", "xorkit.engine.workers", "xorkit.intake.collecting"}
PICTURES = {"matplotlib"}
GRADEBOOK = {"nbgrader", "sqlalchemy", "nbformat", "numpy", "xorkit.lesson"}
TABLE = (  # what a command starts with, and what of the kit's heavy parts it must not bring along
    (
        "xorkit.cli",
        LEARNERS | JUDGING | RUNNING | PICTURES | {"nbgrader", "nbformat", "pydantic", "rich"},
    ),
    ("xorkit.quickstart", LEARNERS | JUDGING | RUNNING | PICTURES | {"nbgrader", "pydantic"}),
    ("xorkit.engine.records", LEARNERS | JUDGING | RUNNING | PICTURES),
    ("xorkit.export", LEARNERS | JUDGING | RUNNING | PICTURES | GRADEBOOK),
    ("xorkit.pages.writing", LEARNERS | JUDGING | RUNNING | PICTURES | GRADEBOOK),
    ("xorkit.preprocessors", LEARNERS | JUDGING | RUNNING | PICTURES),
    ("xorkit.intake.collecting", LEARNERS | JUDGING | PICTURES | {"xorkit.sandbox"}),
    ("xorkit.engine.batch", LEARNERS | PICTURES),
)


@pytest.mark.parametrize(("modules", "unwanted"), TABLE)
def test_a_command_imports_nothing_that_it_does_not_need(modules: str, unwanted: set[str]) -> None:
    code = f"import sys, {modules}; print(*sorted({unwanted!r} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
