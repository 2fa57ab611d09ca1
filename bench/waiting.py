"""How much waits for a person: the recall rubrics on answers that nothing was fitted to.

    python bench/waiting.py

prints the tables of docs/waiting.md.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml

from xorkit.lesson import load
from xorkit.recall import evaluate

ROOT = Path(__file__).parents[1]
SETS = ("dev.yaml", "heldout.yaml", "fresh.yaml")  # of tests/recall


def main() -> None:
    """Print one row a set, and what handed the answers of all of them over."""
    rubrics = load(ROOT / "lessons" / "xor.yaml").recall
    gates: Counter[str] = Counter()
    print("| set | answers | sure | of these a point off | two points off |")
    print("|---|--:|--:|--:|--:|")
    for name in SETS:
        answers = yaml.safe_load((ROOT / "tests" / "recall" / name).read_text("utf-8"))
        reports = [
            evaluate(rubrics[question], [(one["answer"], one["mark"]) for one in told])
            for question, told in answers.items()
        ]
        count = sum(len(report.judged) for report in reports)
        sure = count - sum(len(report.handed_over) for report in reports)
        off = sum(len(report.missed) + len(report.wrongly_credited) for report in reports)
        serious = sum(len(report.serious) for report in reports)
        print(f"| `{name}` | {count} | {sure / count:.0%} | {off / sure:.1%} | {serious} |")
        for report in reports:
            gates.update(dict(report.gates))
    print("\n| handed over because of | answers |")
    print("|---|--:|")
    for gate, number in gates.most_common():
        print(f"| {gate} | {number} |")


if __name__ == "__main__":
    main()
