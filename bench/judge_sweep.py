"""False rejects and false accepts of the judge, over many random starts of simulated loops.

    python bench/judge_sweep.py [--course FOLDER] [--starts N]

Ends with 1 where a right loop lost a point, or a wrong one kept them all.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.sweep import sweep  # noqa: E402 - the tests' own harness, beside no package

from xorkit.engine.course import open_course  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--course", type=Path, default=ROOT)
    parser.add_argument("--assignment", default="xor")
    parser.add_argument("--starts", type=int, default=2000)
    options = parser.parse_args()
    lesson = open_course(options.course, options.assignment).lesson
    result = sweep(lesson.trained, lesson.start_facts, options.starts)
    print(
        f"{result.loops} loops, {result.starts} random starts each; {result.stalled} starts of the"
        f" right loop stall. False rejects: {sum(result.false_rejects.values())}. False accepts:"
        f" {sum(result.false_accepts.values())}."
    )
    wrong = {**result.false_rejects, **result.false_accepts}
    for name, count in wrong.items():
        print(f"  {name}: {count}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
