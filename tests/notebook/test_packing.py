"""The packed modules say what their sources say, in fewer characters."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from xorkit.engine.packing import briefly, packed, tight

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


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("def _far(a): return a\nx=_far(_far(1))\n", "def _0(a): return a\nx=_0(_0(1))\n"),
        ("_B=1\nclass _A: b=_B\n", "_1=1\nclass _0: b=_1\n"),
        ("def far(_a): return _a\n", "def far(_a): return _a\n"),  # no name of the module's own
        ("__all__=[]\n", "__all__=[]\n"),
        ("_A=1\nx=f'{_A}'\n", "_A=1\nx=f'{_A}'\n"),  # whatever stands in a string stays
        ("def _a(): pass\nclass B:\n def c(self): self._a()\n", None),  # that is the object's
    ],
)
def test_names_that_no_other_module_knows_are_short(text: str, wanted: str | None) -> None:
    assert briefly(text, text) == (text if wanted is None else wanted)


def test_a_name_is_the_same_where_others_have_gone() -> None:
    assert briefly("def _b(): pass\n", "def _a(): pass\ndef _b(): pass\n") == "def _1(): pass\n"


def test_every_brief_name_that_a_packed_module_uses_is_its_own() -> None:
    for name, text in packed().files.items():
        if name.startswith("xorkit"):
            tree = ast.walk(ast.parse(text))
            brief = {n.id for n in tree if isinstance(n, ast.Name) and re.match(r"_\d", n.id)}
            assert all(re.search(rf"(?m)^(def {b}\b|class {b}\b|{b}=)", text) for b in brief), name
