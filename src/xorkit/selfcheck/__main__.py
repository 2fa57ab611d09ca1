"""`python -m xorkit.selfcheck`: what the checks tick on a course's own mistakes, for the build.

Reads JSON from stdin: `sheet`, and `asked`, a list of [name, grade_id, cells] with `cells` a list
of [grade_id, text] up to the one that is asked about. Writes JSON: by name a list of [sentence,
tick]. A training loop is not run to its end here, only by its check; so its epochs stay open.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

from xorkit.selfcheck.checks import Checks
from xorkit.selfcheck.session import LOOP
from xorkit.selfcheck.sheet import Sheet


def ticks(sheet: Sheet, grade_id: str, cells: list[tuple[str, str]]) -> list[Any]:
    """The rows of one check, after the cells before it have been run."""
    namespace: dict[str, Any] = {"__name__": "__main__", "In": [""]}
    checks = Checks(sheet, namespace)
    for name, text in cells:
        namespace["In"].append(text)
        if (cell := sheet.cell(name)) and cell.role == LOOP:
            continue
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
            exec(compile(text, f"<{name}>", "exec"), namespace)  # noqa: S102 - the author's cells
    return [[row.what, row.state] for row in checks.table(grade_id).rows]


def _main() -> None:
    given = json.load(sys.stdin)
    sheet = Sheet.from_text(given["sheet"])
    found = {name: ticks(sheet, asked, cells) for name, asked, cells in given["asked"]}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _main()
