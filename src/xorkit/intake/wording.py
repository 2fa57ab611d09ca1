"""Answers in the learner's own words: the quotes and the name put back where they are missing."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

from xorkit.intake.released import Answer
from xorkit.intake.texts import Text, parsed

_FORM = re.compile(r"#\s?@(?:param|markdown|title)")


def worded(answer: Answer, text: Text) -> str:
    """The text of an answer; where it holds words but no string of the cell's name, with one."""
    if not answer.in_words or _has_value(answer, text):
        return text.source
    words = _spoken(answer, text)
    return _with_value(answer, words) if words else text.source


def _has_value(answer: Answer, text: Text) -> bool:
    """Whether the text sets the cell's name to anything but an empty string."""
    values = [node.value for node in _assignments(answer, text.source)]
    return any(not isinstance(v, ast.Constant) or str(v.value).strip() for v in values)


def _assignments(answer: Answer, source: str) -> list[ast.Assign]:
    """The statements that set the cell's own name."""
    assigned = [node for node in parsed(source) if isinstance(node, ast.Assign)]
    return [node for node in assigned if _is_name(node.targets[0], answer.grade_id)]


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _spoken(answer: Answer, text: Text) -> str:
    """What the learner says: strings without a name, prose without quotes, comments."""
    constants = (
        node.value
        for statement in parsed(text.source)
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant)
    )
    strings = [value.strip() for value in constants if isinstance(value, str) and value.strip()]
    if strings:
        return "\n".join(strings)
    return "\n".join(_said(answer, text)).strip("\"' \t\n")


def _said(answer: Answer, text: Text) -> Iterator[str]:
    """The learner's lines without what the form, the comment sign and the name add to them."""
    for line in answer.new_lines(text):
        words = _FORM.split(line, maxsplit=1)[0].strip()
        if text.kind == "code":
            words = words.lstrip("#").strip()
        yield re.sub(rf"^{re.escape(answer.grade_id)}\s*=", "", words)


def _with_value(answer: Answer, words: str) -> str:
    """The released text with these words as the value of its string."""
    source = answer.cell.source
    new = f"{answer.grade_id} = {json.dumps(words, ensure_ascii=False)}"
    for node in _assignments(answer, source):
        return source.replace(ast.get_source_segment(source, node) or "", new, 1)
    return source
