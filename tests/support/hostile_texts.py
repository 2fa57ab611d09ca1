"""Texts that break pages which don't escape them, and learners who write nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from xorkit.verdict import Details, Diagnosis, Finding, Verdict

BREAKERS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</title></style></pre></blockquote><h1>",
    "`</code><script>alert(1)</script>`",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "<!--",
    "]]>",
    "&lt;script&gt;",
    "\x00<b>\ud800",
    "\u202e reversed",
    "$\\alpha$",
]


def hostile(verdict: Verdict, text: str) -> Verdict:
    """The verdict with a text in every place that a learner or a file's name can reach."""
    cells = tuple(
        replace(cell, comment=text, tests=tuple(replace(test, message=text) for test in cell.tests))
        for cell in verdict.cells
    )
    details: dict[str, Any] = dict(verdict.details)
    details = {name: details[name] for name in details if name in ("matching", "recall", "seconds")}
    if "matching" in details:
        details["matching"] = [
            {**choice, "chosen": choice["chosen"] and text, "message": text, "misconception": text}
            for choice in details["matching"]
        ]
        details["recall"] = {
            name: {**mark, "answer": text, "message": text, "note": text, "credited": [text]}
            for name, mark in details["recall"].items()
        }
    return replace(
        verdict,
        student=text or "nobody",
        cells=cells,
        findings=(
            Finding(Diagnosis.CRASH, text, "training_loop"),
            Finding(Diagnosis.ENVIRONMENT, text, note=True),
        ),
        repairs=(text,),
        review=(text,),
        message=text,
        details=cast("Details", details),
    )
