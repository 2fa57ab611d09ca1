"""The tables of right ways and of mistakes, each over many starts, as a page for the instructor.

    python bench/judge_table.py [--starts 20] [--quick] [--out docs/judge.md]

Everything runs as in the tests, with all of the lesson's epochs (`--quick`: fewer where learning is
not at stake). Prints how often a right way lost a point, how often a mistake cost anything else
than its own points, and how often the first diagnosis was the right one.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import workbench as w  # noqa: E402 - the tests' own harness, beside no package

# What codes of loops are about whose updates are not the lesson's.
OTHER = ("zero-grad", "backward", "step", "loss", "sign", "target-shape", "optimizer")
KEPT = 3  # of the seven points of the loop: what such a mistake may keep at most


@dataclass
class Row:
    """How one way to write the cells fared over all starts."""

    name: str
    code: str
    in_loop: bool = False  # whether it is a mistake of the training cell
    starts: int = 0
    wronged: int = 0  # a right way lost points, or was told that something is wrong
    believed: int = 0  # a mistake kept points that it shouldn't, or its answers were credited
    unjust: int = 0  # a mistake lost other points than its own
    named: int = 0  # its first diagnosis was right
    kept: float = 0.0  # the most that was kept of the loop's points
    codes: Counter[str] = field(default_factory=Counter)


def main() -> None:
    options = _options()
    correct = [_fare(n, r, options) for n, r in _chosen("correct.yaml", options)]
    mistakes = [_fare(n, r, options) for n, r in _chosen("mistakes.yaml", options)]
    text = "\n".join(_page(correct, mistakes, options.starts))
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first start's number")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def _chosen(name: str, options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    for row_name, row in w.table(name).items():
        if options.only in row_name:
            yield row_name, row if options.quick else {**row, "full": True}


def _fare(name: str, row: dict[str, Any], options: argparse.Namespace) -> Row:
    fared = Row(name, row.get("code", ""), "test_training_loop" in row.get("loses", {}))
    for seed in range(options.first, options.first + options.starts):
        verdict, seen = w.judged(row, seed)
        lost = w.lost(verdict)
        diagnosis = [code for code in verdict.diagnosis if code != "bad-start"]
        fared.starts += 1
        fared.codes[diagnosis[0] if diagnosis else "–"] += 1
        fared.kept = max(fared.kept, 7 - lost.get("test_training_loop", 0))
        if not fared.code:
            fared.wronged += bool(lost or diagnosis)
            continue
        wanted = w.wanted_loss(row, seen.off)
        cells = {*lost, *wanted}
        fared.believed += any(lost.get(c, 0) < wanted.get(c, 0) for c in cells)
        fared.unjust += any(lost.get(c, 0) > wanted.get(c, 0) for c in cells)
        fared.named += diagnosis[:1] == [fared.code]
    print(f"{name}: {dict(fared.codes)}", file=sys.stderr, flush=True)
    return fared


def _page(correct: list[Row], mistakes: list[Row], starts: int) -> Iterator[str]:
    rights, wrongs = (sum(row.starts for row in rows) for rows in (correct, mistakes))
    named = sum(row.named for row in mistakes)
    yield "# How the judge fares on its own tables"
    yield ""
    yield f"Each of {len(correct)} right ways and {len(mistakes)} mistakes from {starts} starts."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| right ways that lost a point | {_of(sum(r.wronged for r in correct), rights)} |"
    yield f"| mistakes that kept too much | {_of(sum(r.believed for r in mistakes), wrongs)} |"
    yield f"| mistakes that lost other points | {_of(sum(r.unjust for r in mistakes), wrongs)} |"
    yield f"| first diagnosis right | {_of(named, wrongs)} |"
    over = [r.name for r in mistakes if _of_updates(r) and r.kept > KEPT]
    yield f"| loops with other updates than the lesson's that kept more than {KEPT} | {len(over)} |"
    yield ""
    yield "| mistake | first diagnosis | right | kept of the loop's 7 points |"
    yield "|---|---|---|---|"
    for row in mistakes:
        seen = ", ".join(f"{code} {count}" for code, count in row.codes.most_common())
        yield f"| {row.name} | {seen} | {_of(row.named, row.starts)} | {row.kept:g} |"
    yield ""
    yield "| right way | points lost in |"
    yield "|---|---|"
    for row in correct:
        yield f"| {row.name} | {_of(row.wronged, row.starts)} |"


def _of_updates(row: Row) -> bool:
    return row.in_loop and any(word in row.code for word in OTHER)


def _of(count: int, total: int) -> str:
    share = f" ({count / total:.1%})" if total and count not in (0, total) else ""
    return f"{count} of {total}{share}"


if __name__ == "__main__":
    main()
