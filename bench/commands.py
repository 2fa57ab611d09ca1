"""How long one waits for a command, beside what its imports alone take, in one run.

    python bench/commands.py [--rounds 5] [--builds 3]

Medians of the seconds, of the clock and of the processor, of a command and all that it starts, and
the ratio of each to the floor named beside it: `python -c "import nbgrader.api"`, the same with
torch, or one bare training of the lesson. Commands run in a class of three; where it says so, one
of the three has just handed in other answers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import nbformat
from grading import BIN, REPOSITORY, Cost, bare_training, cost_of, course_of

from xorkit.conventions import filled, solution_texts
from xorkit.engine.course import Course

XORKIT = str(BIN / "xorkit")
API, TORCH, BARE = "import nbgrader.api", "import nbgrader.api, torch", "bare training"
PHRASE = "a phrase of the rubric changed"
# What a command is measured by; the others by API.
FLOOR = {TORCH: TORCH, BARE: BARE, "grade, one file": TORCH, "build, cold": BARE}
Costs = dict[str, list[Cost]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--builds", type=int, default=3)
    options = parser.parse_args()
    os.environ["PATH"] = os.pathsep.join([str(BIN), os.environ["PATH"]])
    costs: Costs = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="xorkit-bench-") as name:
        course = course_of(Path(name, "class"), 3)
        cost_of([XORKIT, "grade"], course.root)
        for number in range(options.rounds):
            _floors(course, costs)
            _commands(course, number, costs)
        for number in range(options.builds):
            _builds(Path(name, f"build{number}"), costs)
    _print(costs)


def _floors(course: Course, costs: Costs) -> None:
    for code in (API, TORCH):
        costs[code].append(cost_of([sys.executable, "-c", code], course.root))
    bare = bare_training(solution_texts(course.source))
    costs[BARE].append(Cost(bare, bare))


def _commands(course: Course, number: int, costs: Costs) -> None:
    """Every command where nothing has changed, and again after one learner handed in anew."""

    def run(name: str, *words: str) -> None:
        costs[name].append(cost_of([XORKIT, *words], course.root))

    settled = ("report", "feedback", "export")
    for command in settled:  # whatever the last round left is written here
        cost_of([XORKIT, command], course.root)
    run("--version", "--version")
    run("--help", "--help")
    run("mark --help", "mark", "--help")
    for command in (*settled, "rejudge", "grade"):
        run(f"{command}, nothing changed", command)
    answers = solution_texts(course.source)
    answers["model"] = f"torch.manual_seed({100 + number})\n{answers['model']}"
    nbformat.write(filled(course.release, answers), course.notebook_path("submitted", "s000"))
    run("grade, one file", "grade")
    for command in settled:
        run(f"{command}, one learner changed", command)


def _builds(folder: Path, costs: Costs) -> None:
    """The repository's course: built, built again, and again after a phrase of its rubric."""
    for name in ("source", "lessons"):
        shutil.copytree(REPOSITORY / name, folder / name)
    shutil.copy(REPOSITORY / "nbgrader_config.py", folder)
    rubric = folder / "lessons" / "xor.recall.yaml"
    for name in ("cold", "nothing changed", PHRASE):
        if name == PHRASE:  # one word more among those that mean a round of the loop
            words = rubric.read_text(encoding="utf-8")
            rubric.write_text(words.replace("pass: [", "pass: [turnus, ", 1), encoding="utf-8")
        costs[f"build, {name}"].append(cost_of([XORKIT, "build"], folder))


def _print(costs: Costs) -> None:
    def median(name: str, kind: str) -> float:
        return float(statistics.median(getattr(cost, kind) for cost in costs[name]))

    print(f"{'':38}  by the clock    by the processor")
    for name in costs:
        floor = FLOOR.get(name, API)
        told = [
            (median(name, k) / median(floor, k), median(name, k)) for k in ("wall", "processor")
        ]
        print(f"{name:38}", *(f"{ratio:6.2f} {seconds:6.2f} s  " for ratio, seconds in told), floor)


if __name__ == "__main__":
    main()
