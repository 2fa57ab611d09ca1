"""Writes docs/sentences.md: every sentence that a learner can read about a notebook, by code.

python docs/make_sentences.py
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from xorkit.messages import UNCODED, table

PAGE = Path(__file__).with_name("sentences.md")
HEAD = """# All mistakes and their sentences

What the kit can say to a learner about a notebook, by diagnosis code, as it stands in
`src/xorkit/messages.toml`. Names in ‹› are filled in with what was seen. No sentence names the line
that is missing: each says what was observed, and asks what leads there. A lesson may add a hint of
its own (`hints` in its YAML). This page is made by `python docs/make_sentences.py`.
"""
OTHERS = "without a code: another finding has named the cause"


def page() -> str:
    """The page, from the table of messages."""
    parts = [HEAD]
    for code, rows in groupby(sorted(table().items(), key=_order), key=lambda row: _code(row[0])):
        parts.append(f"\n## {OTHERS if code == UNCODED else f'`{code}`'}\n\n")
        parts += [f"- {_shown(template.says)}\n" for _, template in rows]
    return "".join(parts)


def _code(name: str) -> str:
    return name.split(".")[0]


def _order(row: tuple[str, object]) -> tuple[bool, int]:
    """As the table has its codes, each with all its rows, and what has no code at the end."""
    codes = list(dict.fromkeys(map(_code, table())))
    return _code(row[0]) == UNCODED, codes.index(_code(row[0]))


def _shown(says: str) -> str:
    """A template with its facts as names; of counted words those for many."""

    def fact(found: re.Match[str]) -> str:
        name, forms = found["name"], (found["spec"] or "").split("/")
        return forms[-1].replace("#", f"‹{name}›") if len(forms) > 1 else f"‹{name}›"

    return re.sub(r"\{(?P<name>\w+)(?::(?P<spec>[^{}]*))?\}", fact, says).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"Wrote {PAGE}")
