"""The table of messages: every row reads as a sentence, and rows and findings fit each other."""

from __future__ import annotations

import ast
import re
import runpy
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.workbench import ROOT, lesson

from xorkit import reference
from xorkit.judge.errors import CODES, KNOWN_ERRORS
from xorkit.messages import (
    MessageError,
    Template,
    finding,
    message_key,
    parse_messages,
    sentence,
    table,
    tell,
)
from xorkit.verdict import Diagnosis

SOURCE = ROOT / "src" / "xorkit"
MAKERS = {"finding", "fails", "sentence"}
# Rows whose code or symptom the judge takes from what it saw.
COMPUTED = {
    *(f"wrong-loss.value-{name}" for name in reference.LOSSES if name != "mse"),
    *("wrong-loss.value", "wrong-loss.bce", "wrong-loss.mse-again", "wrong-loss.bce-again"),
    *("wrong-loss.l1", "wrong-data.shape", "target-shape.shape", "uncoded.untrained"),
    *(
        f"{code}.{what}"
        for code in ("wrong-loss", "wrong-optimizer")
        for what in ("missing", "error")
    ),
    *(f"not-trained.{what}" for what in ("no-model", "no-training", "no-descent")),
    *("uncoded.no-model", "uncoded.not-reached"),
    *(f"uncoded.unseen-{what}" for what in ("timeout", "memory", "died", "output")),
    *(f"environment.{kind}" for kind in ("package", "installed", "python")),
    *(f"environment.{kind}-waits" for kind in ("package", "installed", "python")),
    *(f"environment.{kind}-waits" for kind in ("colab", "typing", "clicking")),
    *(f"environment.{kind}-waits" for kind in ("cell", "machine")),
    *(f"uncoded.unseen-{what}" for what in ("not_run", "given_up", "ok", "garbled")),
    *(message_key(CODES.get(what, Diagnosis.CRASH), what) for *_, what in KNOWN_ERRORS),
    *("uncoded.broke", "uncoded.broke-alone"),
    *("crash.loop", "crash.stale-graph", "frozen-parameters.no-gradients"),
    *("wrong-lr.capped-now-and-then", "wrong-loss.later"),
    *("backward-twice.crash", "step-before-backward.crash", "step-twice.steps"),
    *(
        f"{code}.now-and-then"
        for code in (
            *("zero-grad-not-every-pass", "zero-grad-before-step", "backward-twice", "step-twice"),
            *("wrong-sign", "wrong-lr", "wrong-loss", "target-shape"),
        )
    ),
}
# Words of the house that the field says otherwise: gradient, backward pass, epoch, parameters.
FOREIGN = re.compile(r"\b(slopes?|walk\w*|way back|pass(es)? of|remembers?|move of|lesson)\b", re.I)


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in MAKERS and len(node.args) == 2:
                yield path, node


def literal(call: ast.Call) -> tuple[str, set[str] | None] | None:
    """The row that a call names, and the facts that it gives (None: not to be read off)."""
    code, symptom = call.args
    if not isinstance(symptom, ast.Constant) or not isinstance(symptom.value, str):
        return None
    if isinstance(code, ast.Attribute):
        name = message_key(Diagnosis[code.attr], symptom.value)
    elif isinstance(code, ast.Constant) and code.value is None:
        name = message_key(None, symptom.value)
    else:
        return None
    facts = [keyword.arg for keyword in call.keywords]
    return name, None if None in facts else {fact for fact in facts if fact}


CALLS = [(path, call, literal(call)) for path, call in calls()]


def test_every_finding_that_names_its_row_gives_the_facts_of_that_row() -> None:
    wrong = [
        f"{path.name}:{call.lineno}: [{row[0]}]"
        for path, call, row in CALLS
        if row is not None
        and (row[0] not in table() or row[1] not in (None, table()[row[0]].fields))
    ]

    assert wrong == []
    assert len([row for *_, row in CALLS if row]) > 80


def test_every_row_is_said_somewhere() -> None:
    assert set(table()) - {row[0] for *_, row in CALLS if row} == COMPUTED


class Sample(string.Formatter):
    """The facts of a template, of the kind that its form asks for."""

    def of(self, template: Template) -> dict[str, Any]:
        parsed = self.parse(template.says)
        return {name: self.fact(spec or "") for _, name, spec, _ in parsed if name}

    def fact(self, spec: str) -> Any:
        return 3 if "/" in spec else 1.5 if spec else "it"


@pytest.mark.parametrize("name", table())
def test_a_row_reads_as_a_sentence(name: str) -> None:
    code, _, symptom = name.partition(".")
    facts = Sample().of(table()[name])

    text = sentence(None if code == "uncoded" else Diagnosis(code), symptom, **facts)

    assert re.fullmatch(r"[A-Z`3i].*([.?!]|it)", text), text
    assert not FOREIGN.search(table()[name].says)
    assert not re.search(r"[{}#]|  |\bNone\b", text)
    assert len(text) < 330


@pytest.mark.parametrize(
    ("says", "facts", "wanted"),
    [
        ("{n:# step/# steps}", {"n": 1}, "1 step"),
        ("{n:# step/# steps}", {"n": 0}, "0 steps"),
        ("{n:none/# step/# steps}", {"n": 0}, "none"),
        ("{n:# step/# steps}", {"n": 2.5}, "2.5 steps"),
        ("{n:# step/# steps}", {"n": 2.0}, "2 steps"),
        ("{n:# step/# steps}", {"n": 1234567}, "1234567 steps"),
        ("{x:.2f}", {"x": (0.126, -0.001)}, "0.13, 0.00"),
        ("{x:.1%}", {"x": -0.0}, "0.0%"),
        ("{x:g} {x:g}", {"x": float("nan")}, "nan nan"),
        ("a\n  b", {}, "a b"),
        ("{name}", {"name": "{0.__class__}"}, "{0.__class__}"),
    ],
)
def test_facts_are_filled_in(
    says: str, facts: dict[str, Any], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = parse_messages(f"[crash.cell]\nsays = '''{says}'''")
    monkeypatch.setattr("xorkit.messages.table", lambda: rows)

    assert sentence(Diagnosis.CRASH, "cell", **facts) == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[no-such-code.x]\nsays = 'x'", "no diagnosis code"),
        ("[crash]\ncell = 'x'", "should have `says`"),
        ("[crash.cell]\nsays = 'x'\nsay = 'x'", "should have `says`"),
        ("[crash.cell]\nsays = 5", "is a text"),
        ("[crash.cell]\nsays = 'x'\nasserts = 'x'", "a list"),
        ("[crash.cell]\nsays = '{error'", r"\[crash.cell\]"),
        ("[crash.cell]\nsays = '{}'", "name of a fact"),
        ("[crash.cell]\nsays = '{error.__class__}'", "name of a fact"),
        ("[crash.cell", "no TOML"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(text: str, why: str) -> None:
    with pytest.raises(MessageError, match=why):
        parse_messages(text)


def test_a_finding_without_its_row_or_with_other_facts_is_refused() -> None:
    with pytest.raises(MessageError, match=r"no \[no-step.sometimes\]"):
        finding(Diagnosis.NO_STEP, "sometimes")
    with pytest.raises(MessageError, match=r"names \['count', 'epochs'\], given \['steps'\]"):
        finding(Diagnosis.NO_STEP, "now-and-then", steps=3)


def test_a_lesson_adds_its_own_hint_by_code_or_by_symptom() -> None:
    found = finding(Diagnosis.NO_STEP, "never")
    plain = tell(found).message

    assert tell(found, {"no-step": "See page 9."}).message == f"{plain} See page 9."
    assert tell(found, {"no-step": "a", "no-step.never": "b"}).message == f"{plain} b"
    assert tell(found, {"crash": "See page 9."}).message == plain
    assert lesson().hints


def test_the_way_from_rows_to_a_sentence_is_short() -> None:
    ways = runpy.run_path(str(ROOT / "bench" / "ways.py"))["ways"]()

    assert 5 < len(ways["a run to its sentence"]) < 15
    assert 15 < len(ways["a submission's evidence to its verdict"]) < 30
