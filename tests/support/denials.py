"""A right answer said as its opposite, in the ways of learners: what must never earn full marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

BEFORE = """
its not true that|It isnt true that|it is untrue that|It is nonsense that|I dont think that
I used to think that|I wrongly thought that|I thought, wrongly, that|People wrongly believe that
Not true:|Incorrect:|Nope,|No way that|It is incorrect that|It is hardly true that
It would be a mistake to say that|It's a common misconception that|It is never the case that
Contrary to what is often said, it is not so that|It cannot be that|It is impossible that
I refuse to believe that|It is a lie that|I disagree that|Who would say that
It has nothing to do with this:|Nothing of this is true:|One should not say that
"""
AFTER = """
, or so I thought.| - or so I thought|, but this is wrong|, but that's not true.|, which is wrong.
That isn't true.|thats wrong|That's not what it does.|, I thought, but it is not so.|, but no.
Nope.|Actually no.|(false)|, not|, but I was wrong.|That is a misconception.|, but it doesn't.
None of this is true.|, but it does not|This statement is incorrect.|That was a joke.
, which it does not.|, which it doesnt do.|, as some wrongly believe.|That is a lie.|That's wrong!
, but in fact it is the other way round.|This is not correct.|, but that isn't right
"""

_VERBS = """
add accumulate sum pile stack build clear reset set zero empty wipe delete erase start make use
depend keep move change update adjust subtract take decrease nudge step apply compute calculate calc
find work get give replace answer say predict output guess run rerun restart hold store contain
remember track follow support know allow mix carry grow collect count stay walk shift tell
automate reduce lower multiply scale shrink increase put bring leave fill save spare need want
return respond settle learn hedge land give throw roll draw create build re-run reinitialise
reinitialize re-initialise re-roll retry train compare behave vectorise vectorize
"""
_BASE = _VERBS.split()
_PAST = {
    "wrote": "write", "did": "do", "coded": "code", "made": "make", "used": "use", "had": "have",
    "calculated": "calculate", "computed": "compute", "derived": "derive", "programmed": "program",
}  # fmt: skip
_THIRD = {
    (f"{base}es" if base.endswith(("ss", "sh", "ch", "x", "o")) else f"{base}s"): base
    for base in _BASE
} | {"carries": "carry", "empties": "empty", "multiplies": "multiply", "goes": "go", "has": "have"}
_AUX = "is are was were can could will would should must"
_SUBJECTS = "gradients grads slopes they we i you weights ones outputs values numbers operations"
_BEFORE_NOUNS = ("the", "a", "all", "of", "weighted")
_OPENS = "then so and just simply would to"
_THERE = re.compile(
    r"\b(?:not|no|never|nothing|without|instead|rather|un\w+|otherwise)\b|n't", re.I
)


def denials(answer: str, before: Iterable[str], after: Iterable[str]) -> Iterator[str]:
    """The whole answer denied before or after it, and each way of turning its verbs round."""
    lowered = f"{answer[0].lower()}{answer[1:]}"
    for no in before:
        yield f"{no} {lowered}"
    for no in after:
        yield f"{answer.rstrip('. ')}{no}" if no[0] == "," else f"{answer} {no}"
    yield from negations(answer)


def negations(answer: str) -> Iterator[str]:
    """Every verb of the answer with a "not": only of an answer that holds no "not" yet."""
    if _THERE.search(answer) or re.search(r"[=*]", answer):
        return
    lowered = f"{answer[0].lower()}{answer[1:]}"
    turned = [_each_verb(answer, forms) for forms in _FORMS]
    if turned[0] != answer:
        yield from dict.fromkeys(turned)
    else:
        yield from (f"{no} {lowered}" for no in ("not", "never", "it is not", "it isn't", "Not"))
    first = answer.split()[0].lower()
    if first in _THIRD:
        yield f"Nothing {lowered}"
        yield f"Rather than that it {lowered} it does something else."
    if first in _BASE:
        yield f"There is no need to {lowered}"


_FORMS: list[tuple[Callable[[str], str], Callable[[str], str], str, str]] = [
    # third person, auxiliary, plural or imperative, past
    (lambda v: f"does not {_THIRD[v]}", lambda v: f"{v} not", "do not", "did not"),
    (lambda v: f"doesn't {_THIRD[v]}", lambda v: _short(v, "n't"), "don't", "didn't"),
    (lambda v: f"doesnt {_THIRD[v]}", lambda v: _short(v, "nt"), "dont", "didnt"),
    (lambda v: f"never {v}", lambda v: f"{v} never", "never", "never"),
    (lambda v: f"cannot {_THIRD[v]}", lambda v: f"{v} not", "do not", "could not"),
    (lambda v: f"in no way {v}", lambda v: f"{v} in no way", "in no way", "did in no way"),
]


def _short(verb: str, ending: str) -> str:
    return {"can": "ca", "will": "wo"}.get(verb, verb) + ending


def _each_verb(
    answer: str, forms: tuple[Callable[[str], str], Callable[[str], str], str, str]
) -> str:
    third, helping, plural, past = forms
    pieces: list[str] = []
    before, covered = "", False  # covered: an auxiliary before this verb holds the "not" already
    for word, rest in re.findall(r"([\w'-]+)([^\w'-]*)", answer):
        low = word.lower()
        opens = not before or before[-1] in ".,;:!?"
        plain = before.rstrip(".,;:!?").strip()
        if low in _AUX.split():
            word, covered = helping(low), True
        elif low in _THIRD and plain not in _BEFORE_NOUNS and low != "steps":
            word, covered = third(low), False
        elif low in _PAST and plain in ("we", "i", "you"):
            word = f"{past} {_PAST[low]}" if past != "never" else f"never {low}"
        elif (
            low in _BASE
            and not covered
            and (opens or plain in _SUBJECTS.split() or plain in _OPENS.split())
        ):
            word = f"not {low}" if plain == "to" else f"{plural} {low}"
        elif low not in _BASE:
            covered = covered and not rest.strip()
        pieces.append(word + rest)
        before = low + rest.strip()
    return "".join(pieces)
