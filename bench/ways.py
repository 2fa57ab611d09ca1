"""How many files of the package a way through it enters: `python bench/ways.py`.

One recorded run becomes a sentence, one submission's evidence a verdict, and one submitted file a
result. Each file in which a function runs, in the grader's process, is counted once.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import real_course  # noqa: E402
from support import workbench as w  # noqa: E402 - the tests' own harness, beside no package

import xorkit  # noqa: E402
from xorkit.engine.grading import grade_submission  # noqa: E402
from xorkit.evidence import read_training  # noqa: E402
from xorkit.hidden.session import HiddenTests  # noqa: E402
from xorkit.judge import judge_training  # noqa: E402

PACKAGE = Path(xorkit.__file__).parent
FORGOTTEN = {"training_loop": w.SOLUTION["training_loop"].replace("optimizer.zero_grad()", "pass")}


def entered(way: Callable[[], object]) -> list[str]:
    """The package's files in which a function runs on this way, in any thread."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found.add(frame.f_code.co_filename)

    sys.setprofile(note)
    threading.setprofile(note)
    try:
        way()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    paths = (Path(name) for name in found)
    return sorted(str(p.relative_to(PACKAGE)) for p in paths if p.is_relative_to(PACKAGE))


def ways() -> dict[str, list[str]]:
    """The files on each way, by what it leads to."""
    course = w.lesson(300)
    seen = w.observe(FORGOTTEN, course)
    raw = seen.evidence.observations["training_loop"]
    task, facts = course.trained, course.start_facts
    return {
        "a run to its sentence": entered(
            lambda: str(judge_training(read_training(raw), task, facts).updates)
        ),
        "a submission's evidence to its verdict": entered(
            lambda: grade_submission("ada", seen.evidence, HiddenTests(w.hidden_cells(), course))
        ),
    }


if __name__ == "__main__":
    whole = entered(lambda: real_course.grade_answers({}))
    for name, files in {**ways(), "a file to its result": whole}.items():
        print(f"{name}: {len(files)} files")
        print("   ", " ".join(files))
