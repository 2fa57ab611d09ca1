"""What is settled before any concept is looked for: nothing was said, or a person must look."""

from __future__ import annotations

import ast
import re

from xorkit.recall import english
from xorkit.recall.text import BOUNDARIES, OPENING, SENTENCE, Lexicon, Reading

LONGEST = 110  # words: what is longer says more than a rubric can vouch for
LONGEST_LIST = 7  # words without a comma between
SHORT = 6  # words: in so few, one word of another language is enough to tell
BINDING_SHARE = 0.12  # of them at least are articles, prepositions and so on, or it is no sentence
COPIED = 0.6  # of the question's own words, with no others, is the question again

_NOTHING_SAID = re.compile(
    r"\b(?:i )?(?:am |was )?(?:really |honestly |sorry )?(?:"
    r"(?:do|did|can|could) not (?:really )?(?:know|remember|recall|understand|get it|have a clue)"
    r"|idk|dunno|no (?:idea|clue|answer)|(?:have )?no clue|not sure|forgot|forgotten|skip|pass"
    r"|not applicable|na|tbd|todo|blank|nothing|none|unknown|write your answer(?: here)?"
    r"|your answer(?: here)?|answer here)\b"
)
_TO_THE_GRADER = re.compile(
    r"\b(?:grader|graders|grading|rubric|teacher|professor|examiner|instructor|teaching assistant"
    r"|full (?:credit|marks?|points?|score)|(?:award|give|grant|deserves?|get) (?:me |this |it |him "
    r"|her |the |both |all |full |max\w* |\d |two )*(?:marks?|points?|credit|score|grade|pass)\b"
    r"|(?:correct|right|perfect|model|best|previous) answer|answer(?:ed)? (?:is |was )?correct\w*"
    r"|ignore|disregard|instructions?|prompt|system\s*:|assistant\s*:|user\s*:|as an ai|chatgpt"
    r"|language model|mark (?:this|it|me|as)|grade|graded|passed|this student"
    r"|the student|award|credit|confident\s*\"?:|please|accept this|override|answer key|key|marker|generous|lenient|kindly|to whoever|dear)\b"
    r"|\b[012] ?/ ?2\b|\b\d ?(?:of|out of) ?2\b|[{}]|</?\w+>|=\s*true|\bscores?\W{0,2}\s*[:=\d]|\bconcepts?\s*:"
)
_TURNED_ROUND = re.compile(
    r"\b(?:not|no|never|false|wrong|wrongly|untrue|incorrect|incorrectly|mistaken\w*|deny|denied"
    r"|denies|doubt|hardly|lie|myth|nonsense|nobody|neither|disagree|refuse|rumou?r|mistake"
    r"|misconception|fallacy|impossible)\b"
    r"(?! (?:want|need|mean|have))(?: (?!but\b)[\w'-]+){0,5} (?:that(?= \w)|claim|say|think|believe|assume|statement)\b"
    r"|\b(?:it|this|that|all|which|statement|everything|above|following) (?:is|was|are) (?:all |just "
    r"|simply |of course |completely |totally |not |never )*(?:true|false|wrong|untrue|incorrect|nonsense"
    r"|a lie|a myth|rubbish|the case|a mistake)\b(?! (?:update|direction|answer|output|gradient))"
    r"|\b(?:opposite|reverse|contrary|converse|inverse) (?:of|to|is) (?:this|that|it|what|true|the truth"
    r"|popular|common)\b|\bthe opposite\b(?! (?:direction|way|side|sense|sign|of|to))"
    r"|\bby no means\b|\bin no (?:way|case)\b|\bunder no\b|\bfar from\b|\bnot at all\b"
    r"|\b(?:do|would|does|did|can|could|should|must) not (?:think|believe|say|agree|claim|assume)\b"
    r"|\b(?:some|many|most|other|stupid) people\b|\bone might\b|\byou might think\b|\bas if\b"
    r"|\bkidding\b|\bjoking\b|\bjust a joke\b|\bsarcas\w+|\bnot\s*[.!]*$"
    r"|^\W*(?:no|not|nope|false|wrong)\s*[:,.!]|[,.;!:]+ (?:not|no|nope|wrong|false)\s*[.!]*$"
)
_PLAIN_CALLS = ast.BinOp | ast.AugAssign | ast.Compare


def says_nothing(answer: str, reading: Reading, asked: Reading) -> str | None:
    """Why this is surely no answer: empty, "don't know", or the question once more."""
    words = [word for word in reading.words if word not in BOUNDARIES]
    if not any(character.isalnum() for character in answer) or not words:
        return "the answer is empty"
    spoken = " ".join(word.replace("_", " ") for word in words)
    rest = _NOTHING_SAID.sub(" ", spoken).split()
    if len(rest) < len(words) and all(word in english.SMALL_WORDS | {"sorry"} for word in rest):
        return "the answer says only that there is none"
    if re.fullmatch(r"n\s*/?\s*a\W*", answer.strip().casefold()):
        return "the answer says only that there is none"
    said, theirs = _content(reading), _content(asked)
    if said and said <= theirs and len(said) >= COPIED * len(theirs):
        return "the answer repeats the question"
    return None


def only_asks(reading: Reading, asked: Reading) -> bool:
    """Are the question's own words all that is said?"""
    figures = {word for word in reading.words if word[0].isdigit()}
    negated = english.NEGATORS.intersection(reading.words)
    return not negated and figures <= set(asked.words) and _content(reading) <= _content(asked)


def is_bare_code(answer: str) -> bool:
    """Only calls and names, nothing computed, nothing remarked: code that explains nothing."""
    try:
        nodes = list(ast.walk(ast.parse(answer.strip())))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    explains = any(
        isinstance(node, _PLAIN_CALLS)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        for node in nodes
    )
    calls = any(isinstance(node, ast.Call | ast.For) for node in nodes)
    return calls and not explains and "#" not in answer


def needs_person(answer: str, reading: Reading, lexicon: Lexicon) -> str | None:
    """Why a person must read this, whatever the concepts say."""
    words = [word for word in reading.words if word not in BOUNDARIES]
    lowered = re.sub(r"\s+", " ", answer.casefold())
    if len(words) > LONGEST:
        return f"longer than {LONGEST} words"
    if _TO_THE_GRADER.search(lowered):
        return "it seems to speak to whoever grades it"
    if language := _other_language(answer):
        return f"it seems to be written in {language}"
    if _share_unknown(words, lexicon) > 0.4:
        return "many words are unknown: another language, or many slips"
    spoken = " ".join("." if word == SENTENCE else word for word in reading.words)
    if match := _TURNED_ROUND.search(spoken) or _TURNED_ROUND.search(lowered):
        return f"“{match.group().strip()}” may turn the sentence round"
    if _is_list(reading):
        return "a list of words, not a sentence"
    if pair := _impossible_pair(reading):
        return f"“{pair}”: words in an order that no sentence has"
    if "?" in answer:
        return "it asks rather than says"
    return None


def _content(reading: Reading) -> set[str]:
    """The stems that carry meaning."""
    return {
        base
        for word, base in zip(reading.words, reading.stems, strict=True)
        if word not in BOUNDARIES and word not in english.SMALL_WORDS
    }


def _other_language(answer: str) -> str | None:
    """The language of small and lesson words that English doesn't have, if there are enough."""
    words = re.findall(r"[^\W\d_]+", answer.casefold())
    known = english.SMALL_WORDS | english.FREQUENT_WORDS | english.NEGATORS
    foreign = {
        language: sum(word in theirs - known for word in words)
        for language, theirs in english.OTHER_LANGUAGES.items()
    }
    language = max(foreign, key=lambda name: foreign[name])
    enough = 1 if len(words) <= SHORT else max(2, len(words) / 10)
    return language if foreign[language] >= enough else None


def _share_unknown(words: list[str], lexicon: Lexicon) -> float:
    long = [word for word in words if len(word) > 3 and word.isalpha()]
    return sum(not lexicon.knows(word) for word in long) / len(long) if long else 0.0


def _is_list(reading: Reading) -> bool:
    """Many words in a row and hardly one that binds them together."""
    for stretch in " ".join(reading.words).translate(_BOUNDARY_TO_LINE).split("\n"):
        words = stretch.split()
        binding = sum(word in _BINDING for word in words)
        if len(words) >= LONGEST_LIST and binding < BINDING_SHARE * len(words):
            return True
    return False


_BOUNDARY_TO_LINE = str.maketrans({boundary: "\n" for boundary in BOUNDARIES})
_BINDING = (
    english.ARTICLES
    | english.PREPOSITIONS
    | english.AUXILIARIES
    | english.PRONOUNS
    | english.CONJUNCTIONS
    | english.NEGATORS
    | english.CLAUSE_OPENERS
    | frozenset("minus plus times equals -= += squared this that these those as each".split())
)


def _impossible_pair(reading: Reading) -> str | None:
    """Two neighbours that never stand so in English ("the of", "of is"), or a dangling end."""
    words = [word for word in reading.words if word != OPENING]
    padded = ("", *(_END if word in BOUNDARIES else word for word in words), _END)
    for before, left, right in zip(padded, padded[1:], padded[2:], strict=False):
        if (left, right) in _ALLOWED or (before in ("instead", "rather", "other", "back", "up")):
            continue
        if any(left in lefts and right in rights for lefts, rights in english.NEVER_NEIGHBOURS):
            return f"{left} {right}"
    return None


_END = english.END
_ALLOWED = frozenset({("for", "have"), ("to", "be"), ("to", "do"), ("to", "have")})
