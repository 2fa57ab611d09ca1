"""What Colab's courtesies cost a notebook that needs none of them.

    python bench/courtesies.py [NOTEBOOKS]

Grades the solved notebook with the courtesies and without them in turn, and prints the medians of
the processor's time, the grader's and the kernel's together, and the least, which other work on the
machine disturbs least. Pictures are drawn in both.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from xorkit.conventions import filled, solution_texts
from xorkit.engine import job as jobs
from xorkit.engine.assignment import Assignment, of_course
from xorkit.engine.autograded import to_bytes
from xorkit.engine.course import open_course
from xorkit.engine.job import Job, JobResult, RunSettings
from xorkit.sandbox import Kernel, Warm

ROOT = Path(__file__).parents[1]
SETTINGS = RunSettings()
WITHOUT = """\
from xorkit.guest import courtesies
courtesies.tame, courtesies.settle = courtesies._draw_inline, lambda _: None
"""
used: list[float] = []


def graded(own: Assignment, warm: Warm, file: bytes) -> float:
    """Seconds of the processor that one notebook takes."""
    jobs._warm = lambda _: warm  # type: ignore[assignment]
    used.clear()
    begun = time.process_time()
    done = JobResult.unpack(jobs.work(own.pack(), Job("ada", SETTINGS, file=file).pack()))
    if done.verdict is None or done.verdict.score < done.verdict.max_score - 2:
        raise SystemExit(f"this was no right notebook: {done.problem or done.verdict}")
    return time.process_time() - begun + sum(used)


def main(count: int) -> None:
    course = open_course(ROOT, "xor")
    own = of_course(course)
    file = to_bytes(filled(own.release, solution_texts(course.source)))
    close = Kernel.close

    def closed(kernel: Kernel) -> None:
        close(kernel)
        used.append(kernel.processor)

    Kernel.close = closed  # type: ignore[assignment, method-assign]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "no_courtesies.py").write_text(WITHOUT)
        sys.path.append(folder)
        usual = ("xorkit.probe:attend",)
        warms: dict[str, Any] = {
            "with courtesies": Warm(SETTINGS.limits),
            "without": Warm(SETTINGS.limits, preload=("no_courtesies", *usual)),
        }
        with warms["with courtesies"], warms["without"]:
            taken: dict[str, list[float]] = {name: [] for name in warms}
            for _ in range(count + 1):
                for name, warm in warms.items():
                    taken[name].append(graded(own, warm, file))
    for what, of in (("median", statistics.median), ("least", min)):
        seconds = [of(times[1:]) for times in taken.values()]
        more = seconds[0] / seconds[1] - 1
        print(
            f"{what} of {count}: {seconds[0]:.3f} s with, {seconds[1]:.3f} s without: {more:+.1%}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
