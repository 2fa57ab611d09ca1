"""The packed modules say what their sources say, in fewer characters."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from xorkit.engine.packing import tight

SOURCE = Path(__file__).parents[2] / "src" / "xorkit"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x = 1 if y else 2\n", "x=1 if y else 2\n"),
        ("def f(a, *, b = 1) : return not a\n", "def f(a,*,b=1):return not a\n"),
        ("if x :\n  y [ 0 ] = - 1\n", "if x:\n  y[0]=-1\n"),
        ('a = "b,  c" + \'d  \' + r" e "\n', 'a="b,  c"+\'d  \'+r" e "\n'),
        ('a = "b" "c" if d else "e" in f\n', 'a="b" "c" if d else "e" in f\n'),
        ("a = f'{b + 1:>4}, {c !r}' , d\n", "a=f'{b + 1:>4}, {c !r}',d\n"),
        ("a = f'{ {1, 2} }{f\"{b } \"}' + c\n", "a=f'{ {1, 2} }{f\"{b } \"}'+c\n"),
        ("a = (b +\n     c)\n", "a=(b+\n     c)\n"),
    ],
)
def test_only_spaces_that_say_nothing_go(text: str, wanted: str) -> None:
    assert tight(text) == wanted
    assert ast.dump(ast.parse(wanted)) == ast.dump(ast.parse(text))


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_every_module_stays_the_same_program(path: Path) -> None:
    text = path.read_text("utf-8")

    assert ast.dump(ast.parse(tight(text))) == ast.dump(ast.parse(text))
