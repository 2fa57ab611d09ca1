"""What is settled before any concept is looked for: nothing was said, or a person must look."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from xorkit.recall import english
from xorkit.recall.text import BOUNDARIES, OPENING, SENTENCE, Lexicon, Reading

LONGEST_ANSWER = 2000  # characters: beyond, nothing is read by machine
LONGEST_ANSWER_WORDS = 110  # words: what is longer says more than a rubric can vouch for
CODE_SIGNS = ("=", "(", "*")  # without one of these a line that Python reads may be a word
LONGEST_LIST = 7  # words without a comma between
FEW_WORDS = 6  # words: in so few, one word of another language is enough to tell
FEW_UNKNOWN = 3  # words: fewer may be names or slips
BINDING_SHARE = 0.12  # of them at least are articles, prepositions and so on, or it is no sentence
FORMULA_SHARE = 0.2  # … or are signs: w = w - lr * grad
FOREIGN_LETTERS = "[à-öø-ɏ\u0400-\uffff]"  # with accents, or of other scripts; Greek ones are signs
PASTED = 0.75  # of the answer's and the notebook's words are the same: a text was copied
COPIED = 0.6  # of the question's own words, with no others, is the question again


@dataclass(frozen=True)
class Doubt:
    """Why a person should read an answer. An open one may be settled by the second stage."""

    gate: str
    reason: str
    open: bool = False


_COMPUTED = ast.BinOp | ast.AugAssign | ast.Compare | ast.UnaryOp


def says_nothing(
    answer: str, reading: Reading, asked: Reading, pasted: Sequence[Reading]
) -> str | None:
    """Why this is surely no answer: empty, "don't know", the question or the notebook once more."""
    words = [word for word in reading.words if word not in BOUNDARIES]
    if not any(character.isalnum() for character in answer) or not words:
        return "the answer is empty"
    spoken = " ".join(word.replace("_", " ") for word in words)
    rest = english.NOTHING_SAID.sub(" ", spoken).split()
    if len(rest) < len(words) and all(word in english.SMALL_WORDS for word in rest):
        return "the answer says only that there is none"
    said, theirs = reading.meaning, asked.meaning
    if said and said <= theirs and len(said) >= COPIED * len(theirs):
        return "the answer repeats the question"
    for text in pasted:
        if len(said & text.meaning) >= PASTED * max(len(said), len(text.meaning)):
            return "the answer repeats the notebook"
    return None


def only_asks(reading: Reading, asked: Reading) -> bool:
    """Are the question's own words all that is said?"""
    figures = {word for word in reading.words if word[0].isdigit()}
    negated = english.NEGATORS.intersection(reading.words)
    return not negated and figures <= set(asked.words) and reading.meaning <= asked.meaning


def is_bare_code(answer: str) -> bool:
    """Only calls and names, nothing computed or set, nothing remarked: it explains nothing."""
    tree = _tree(answer)
    nodes = list(ast.walk(tree)) if tree is not None else []
    explains = any(
        isinstance(node, _COMPUTED)
        or (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Attribute) and node.attr == "zero_")
        or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        for node in nodes
    )
    calls = any(isinstance(node, ast.Call | ast.For) for node in nodes)
    return calls and not explains and "#" not in answer


def _tree(answer: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings(action="ignore"):  # about the learner's code, not ours
            return ast.parse(answer.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def needs_person(answer: str, reading: Reading, lexicon: Lexicon) -> Doubt | None:
    """Why a person must read this, whatever the concepts say."""
    words = [word for word in reading.words if word not in BOUNDARIES]
    lowered = re.sub(r"\s+", " ", answer.casefold())
    if len(words) > LONGEST_ANSWER_WORDS:
        return Doubt("length", f"longer than {LONGEST_ANSWER_WORDS} words")
    if english.TO_THE_GRADER.search(lowered):
        return Doubt("to the grader", "it seems to speak to whoever grades it")
    if language := _other_language(answer):
        return Doubt("language", f"it seems to be written in {language}")
    if _is_strange(words, lexicon):
        return Doubt("language", "many words are unknown: another language, or many slips")
    spoken = " ".join("." if word == SENTENCE else word for word in reading.words)
    if match := english.TURNED_ROUND.search(spoken) or english.TURNED_ROUND.search(lowered):
        return Doubt("turned round", f"“{match.group().strip()}” may turn the sentence round")
    if _is_list(reading):
        return Doubt("word list", "a list of words, not a sentence")
    if pair := _impossible_pair(reading) or _capital_inside(answer):
        return Doubt("word order", f"“{pair}”: words in an order that no sentence has")
    return None


def _other_language(answer: str) -> str | None:
    """The language of small and lesson words that English doesn't have, if there are enough."""
    words = re.findall(r"[^\W\d_]+", answer.casefold())
    foreign = {
        language: sum(word in theirs for word in words)
        for language, theirs in english.OTHER_LANGUAGES.items()
    }
    strange = re.findall(f"(?=[^\\W\\d_]){FOREIGN_LETTERS}", answer.casefold())
    foreign["a language with other letters"] = len(strange)
    language = max(foreign, key=lambda name: foreign[name])
    small = sum(word in english.SMALL_WORDS for word in words)
    enough = min(2, small + 1) if len(words) <= FEW_WORDS else max(2, len(words) / 10)
    return language if foreign[language] >= enough else None


def _is_strange(words: list[str], lexicon: Lexicon) -> bool:
    """Are most of the longer words unknown?"""
    long = [word for word in words if len(word) > 3 and word.isalpha()]
    unknown = sum(not lexicon.knows(word) for word in long)
    return unknown >= FEW_UNKNOWN and unknown > len(long) / 2


def _is_list(reading: Reading) -> bool:
    """Many words in a row and hardly one that binds them together."""
    for separates, group in groupby(reading.words, BOUNDARIES.__contains__):
        words = list(group)
        binding = sum(word in english.BINDING | english.CLAUSE_OPENERS for word in words)
        signs = sum(word in english.OPERATORS for word in words)
        loose = binding < BINDING_SHARE * len(words) and signs < FORMULA_SHARE * len(words)
        if not separates and len(words) >= LONGEST_LIST and loose:
            return True
    return False


def _impossible_pair(reading: Reading) -> str | None:
    """Two neighbours that never stand so in English ("the of", "of is"), or a dangling end."""
    if any(sign in reading.raw for sign in CODE_SIGNS) and _tree(reading.raw) is not None:
        return None  # code has an order of its own
    words = [word for word in reading.words if word != OPENING]
    padded = ("", *(english.END if word in BOUNDARIES else word for word in words), english.END)
    conditional = False
    for before, left, right in zip(padded, padded[1:], padded[2:], strict=False):
        conditional = left in english.CONDITIONS or (conditional and left != english.END)
        if conditional and right in english.ARTICLES and left not in english.ARTICLES:
            continue  # "if you don't zero them the gradients add up": a comma is missing
        if (
            (left, right) in english.FINE_NEIGHBOURS
            or before in english.LOOSE
            or (right == "for" and "loop" in padded)
        ):
            continue
        if right in english.NEVER_NEIGHBOURS.get(left, ()):
            return f"{left} {right}"
    return None


def _capital_inside(answer: str) -> str | None:
    """A word that begins sentences, with its capital letter in the middle of one."""
    for match in re.finditer(r"(?<=[a-z]),? ([A-Z][a-z]*)\b", answer):
        word = match.group(1)
        if word != "I" and word.casefold() in english.SMALL_WORDS:
            return f"… {word}"
    return None
