"""The pattern language that instructors write, and what it says about a slip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from xorkit.evidence import Thing
from xorkit.recall import Rubric, Rubrics, mark_answer
from xorkit.recall.patterns import PatternError, find_matches, parse_pattern
from xorkit.recall.text import Lexicon, read_answer, stem

ROOT = Path(__file__).parents[2]
WORDS = {"gradient": ("gradient", "slope"), "clear": ("clear", "set to zero")}

MATCHES = [
    ("clear", "it clears them"),
    ("clear", "clearing is needed"),
    ("computes!", "it computes"),
    ("accumul*", "accumulation of slopes"),
    ("(old|earlier) slope", "the earlier slopes"),
    ("takes? often away", "often away"),
    ("<clear> ... <gradient>", "it clears each and every old slope"),
    ("<clear> <gradient>", "it clears all the gradients"),
    ("<clear> <gradient>", "set to zero the slope"),
    ("(so|just)* rerun", "so just rerun"),
    ("^ rerun", "bad start, rerun"),
    ("slope $", "it is a slope, no more"),
    ("w -= lr times <gradient>", "w -= lr * slope"),
    ("answer <number>", "it answers 0.5"),
    ("hand-written code", "hand written code"),
]
MISSES = [
    ("computes!", "it computed"),
    ("<clear> ... <gradient>", "it clears, the slope stays"),
    ("<clear> ... <gradient>", "it clears because slopes add up"),
    ("<clear> ... <gradient>", "clear one two three four five six seven slope"),
    ("<gradient> ... clear", "it clears the slope"),
    ("^ rerun", "they rerun"),
    ("slope $", "a slope of one"),
]
SLIPS = [
    ("<slopes> add up", "not in `words`"),
    ("(old|new slope", "not closed"),
    ("old) slope", "too many"),
    ("... slope", "between two words"),
    ("slope ...", "between two words"),
    ("? slope", "without a space"),
    ("lr × slope", "write signs as words"),
    ("(|old)", "empty place"),
    ("<number>", "holds no word"),
]
READINGS = [
    ("it doesn't", "it does not"),
    ("0,5 and .5 and ½", "0.5 and 0.5 and 0.5"),
    ("p.grad and loss.backward()", "grad and backward"),
    ("never", "not"),
    ("25%", "25 percent"),
    ("w_1 - lr*dw1", "w minus lr times dw"),
    ("(0-0.5)²", "0 minus 0.5 squared"),
    ("hand-written", "hand written"),
]


def found(pattern: str, text: str) -> bool:
    compiled = parse_pattern(pattern, WORDS)
    return any(find_matches(compiled, read_answer(text, Lexicon(compiled.stems))))


@pytest.mark.parametrize(("pattern", "text"), MATCHES)
def test_a_pattern_is_found(pattern, text):
    assert found(pattern, text)


@pytest.mark.parametrize(("pattern", "text"), MISSES)
def test_a_pattern_is_not_found(pattern, text):
    assert not found(pattern, text)


def test_no_phrase_is_passed_over_where_it_could_be_found(rubrics, labelled):
    for question, told in labelled("dev.yaml").items():
        readings = [read_answer(one["answer"], rubrics[question].lexicon) for one in told]
        for reading in readings:
            tried = set(rubrics[question].phrases_for(reading.vocabulary))
            for phrase in rubrics[question].phrases:
                pattern = phrase.pattern
                searched = pattern.regex.search(reading.line) is not None
                assert any(find_matches(pattern, reading)) == searched, (pattern.text, reading.raw)
                assert phrase in tried or not searched, (pattern.text, reading.raw)


@pytest.mark.parametrize("gate", ["nothing_said", "to_the_grader", "turned_round"])
def test_what_is_tried_only_at_the_edge_of_a_word_can_start_nowhere_else(gate):
    rows = tomllib.loads((ROOT / "src/xorkit/recall/english.toml").read_text())["gates"][gate]
    for row in rows:
        ways = alternatives(row)
        assert len({way.startswith(r"\b") for way in ways}) == 1 or not row.startswith(r"\b"), row


def alternatives(row: str) -> list[str]:
    """What the `|` outside all brackets part."""
    ways, depth = [""], 0
    for piece in re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", row):
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and not depth:
            ways.append("")
        else:
            ways[-1] += piece
    return ways


@pytest.mark.parametrize(("pattern", "said"), SLIPS)
def test_a_slip_in_a_pattern_is_named(pattern, said):
    with pytest.raises(PatternError, match=said):
        parse_pattern(pattern, WORDS)


def test_a_group_of_words_that_names_itself_is_refused():
    with pytest.raises(PatternError, match="explained by itself"):
        parse_pattern("<a>", {"a": ("<b>",), "b": ("<a>",)})


@pytest.mark.parametrize(("text", "words"), READINGS)
def test_an_answer_is_spelled_out(text, words):
    assert " ".join(read_answer(text, Lexicon(frozenset())).words) == words


@pytest.mark.parametrize(
    "forms", ["clear clears cleared clearing", "bias biases", "use uses used using", "add adding"]
)
def test_forms_of_a_word_share_their_stem(forms):
    assert len({stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("gradeint", "gradient"), ("gradiant", "gradient"), ("liek", "like"), ("arry", "array")],
)
def test_a_slip_of_the_finger_is_mended(typed, meant):
    assert Lexicon(frozenset({"gradient", "like", "array"})).repair(typed) == meant


@pytest.mark.parametrize("word", ["clue", "slots", "loss", "made", "xyzzy"])
def test_a_word_that_is_no_slip_stays(word):
    assert Lexicon(frozenset({"cpu", "slope", "less", "mode"})).repair(word) == word


TOY: dict[str, Any] = {
    "question": "What do cats eat?",
    "lesson": "lesson 1",
    "model_answer": "Cats eat mice.",
    "full": [["mice"]],
    "partial": [["mice"]],
    "concepts": {
        "mice": {
            "label": "small prey",
            "ask": "What runs from a cat?",
            "accepts": ["eat ... (mice|mouse)"],
            "contradicts": ["not eat ... (mice|mouse)"],
        }
    },
    "misconceptions": {
        "grass": {"label": "grass", "feedback": "Grass?", "phrases": ["eat ... grass"]}
    },
}


@pytest.mark.parametrize(
    ("answer", "points"),
    [
        ("They eat mice", 2),
        ("they do not eat mice", 0),
        ("They eat grass", 0),
        ("They don't eat grass, they eat mice", 2),
        ("They eat mice and grass", None),
        ("they eat wobbly xylophones", None),
        ("It is not true that they eat mice", None),
        ("mice", None),
    ],
)
def test_a_rubric_of_any_subject_is_marked_by_the_same_rules(answer, points):
    rubric = Rubric.model_validate({**TOY, "partial": [["mice"]], "full": [["mice"]]})
    marked = mark_answer(rubric, answer).points

    assert marked == points if points is not None else marked != 2


def test_a_slip_in_a_rubric_is_told_with_its_place_and_phrase():
    concept = {**TOY["concepts"]["mice"], "accepts": ["eat ... (mice"]}
    data = {"questions": {"recall_cats": {**TOY, "concepts": {"mice": concept}}}}

    with pytest.raises(ValidationError) as told:
        Rubrics.model_validate(data)

    (problem,) = told.value.errors()
    assert problem["loc"] == ("questions", "recall_cats")
    assert "concept mice" in problem["msg"]
    assert "eat ... (mice" in problem["msg"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"full": [["rats"]]}, "`full` names rats"),
        ({"partial": [["rats"]]}, "`partial` names rats"),
        ({"code": [{"accepts": ["x"], "credits": ["rats"]}]}, "`code` names rats"),
        ({"tests": [{"answer": "a", "mark": 3}]}, "0, 1 or 2"),
        ({"concept": {}}, "Extra inputs"),
    ],
)
def test_a_rubric_that_contradicts_itself_is_refused(change, said):
    with pytest.raises(ValidationError, match=said):
        Rubric.model_validate({**TOY, **change})


def test_shared_words_serve_every_question_and_its_own_come_first():
    concept = {**TOY["concepts"]["mice"], "accepts": ["eat ... <prey>"], "contradicts": []}
    question = {**TOY, "concepts": {"mice": concept}}
    rubrics = Rubrics.model_validate(
        {
            "words": {"prey": ["mouse", "mice"]},
            "questions": {"a": question, "b": {**question, "words": {"prey": ["bird"]}}},
        }
    )

    assert mark_answer(rubrics.questions["a"], "They eat mice").points == 2
    assert mark_answer(rubrics.questions["b"], "They eat mice").points is None
    assert mark_answer(rubrics.questions["b"], "They eat birds").points == 2


@pytest.mark.parametrize(("answer", "kind"), [(Thing("list", "['a']"), "list"), (5, "int")])
def test_an_answer_that_is_no_text_goes_to_a_person_with_its_type(answer, kind):
    mark = mark_answer(Rubric.model_validate(TOY), answer)

    assert (mark.points, mark.note) == (None, f"not a text, its type is {kind}")
