"""What a cell names but doesn't call: `optimizer.step` without brackets does nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from xorkit.messages import sentence
from xorkit.verdict import Diagnosis, Finding

METHODS = {  # what is missed where the method is never called
    Diagnosis.NO_ZERO_GRAD: "zero_grad",
    Diagnosis.NO_BACKWARD: "backward",
    Diagnosis.NO_STEP: "step",
}
MADE = (Diagnosis.WRONG_ARCHITECTURE, Diagnosis.WRONG_LOSS, Diagnosis.WRONG_OPTIMIZER)


def named_only(found: Finding, source: str) -> Finding:
    """The finding, or, where the cell's text names what it misses without a call, that instead."""
    for name in _uncalled(found.code, source):
        return replace(found, message=sentence(None, "named-only", name=name))
    return found


def _uncalled(code: Diagnosis | None, source: str) -> Iterator[str]:
    """A method as a statement of its own; a class as the value of a name."""
    try:
        nodes = [*ast.walk(ast.parse(source))]
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in nodes:
        if not isinstance(node, ast.Expr | ast.Assign) or not isinstance(node.value, ast.Attribute):
            continue
        last = node.value.attr
        missed = isinstance(node, ast.Expr) and code in METHODS and METHODS[code] == last
        if missed or (isinstance(node, ast.Assign) and code in MADE and last[:1].isupper()):
            yield ast.unparse(node.value)
