"""Free text against a rubric: full or half the points, none on evidence, or a person looks."""

from __future__ import annotations

from dataclasses import dataclass

from xorkit.recall import gates
from xorkit.recall.findings import Findings, content, look
from xorkit.recall.rubric import FULL, PARTIAL, Rubric
from xorkit.recall.text import read

# How many words may stand unexplained where a mark is sure. These are rules, not thresholds tuned
# on answers: a right answer may be wordy, but half the points are only sure where nothing is left
# that could be the missing half, and none only where the misconception is all that is said.
STRAY_IN_FULL = 4
STRAY_SHARE_IN_FULL = 0.5  # … or this share of a longer answer's words
STRAY_IN_PARTIAL = 1
STRAY_IN_ZERO = 2

PERSON = "A person will read this answer: I am not sure enough to mark it."


@dataclass(frozen=True)
class Mark:
    """Points where sure; None where a person looks.

    `credited` and `misconceptions` are labels. `message` is for the learner and doesn't give the
    answer away; `note` is for the instructor: what was found, and why a person should look.
    """

    points: int | None
    credited: tuple[str, ...] = ()
    misconceptions: tuple[str, ...] = ()
    message: str = ""
    note: str = ""


def grade(rubric: Rubric, answer: object) -> Mark:
    """Mark one answer: whatever the learner's cell left behind."""
    if answer is None or answer is Ellipsis:
        return _nothing(rubric, "the answer is empty")
    if not isinstance(answer, str):
        return Mark(None, message=PERSON, note=f"not a text but a {type(answer).__name__}")
    if len(answer) > gates.LONGEST_TEXT:
        return Mark(None, message=PERSON, note=f"longer than {gates.LONGEST_TEXT} characters")
    reading = read(answer, rubric.lexicon)
    if reason := gates.says_nothing(answer, reading, rubric.asked):
        return _nothing(rubric, reason)
    findings = look(rubric, reading)
    if findings.silent and gates.only_asks(reading, rubric.asked):
        return _nothing(rubric, "the answer says nothing beyond the question")
    if not (findings.concepts or findings.misconceptions) and gates.is_bare_code(answer):
        return _nothing(rubric, "a call alone explains nothing")
    if reason := gates.needs_person(answer, reading, rubric.lexicon) or _doubt(findings):
        return _person(rubric, findings, reason)
    return _decide(rubric, findings)


def _doubt(findings: Findings) -> str:
    """Why the findings can't be trusted, however many there are."""
    if findings.unsure:
        return f"“{findings.unsure[0]}” is a phrase that the rubric leaves to a person"
    if findings.aside:
        return f"“{findings.aside}” has nothing to do with the question"
    if findings.loose_not or set(findings.concepts) & set(findings.denied):
        return "a “not” that the rubric doesn't account for"
    if findings.concepts and findings.contradicted:
        return "something right beside its opposite"
    return ""


def _decide(rubric: Rubric, findings: Findings) -> Mark:
    right = set(findings.concepts)
    wrong = bool(findings.misconceptions or findings.contradicted)
    if not wrong and any(right.issuperset(way) for way in rubric.full):
        share = STRAY_SHARE_IN_FULL * len(content(findings.reading))
        return _if_explained(rubric, findings, FULL, max(STRAY_IN_FULL, int(share)))
    if wrong and not right:
        return _if_explained(rubric, findings, 0, STRAY_IN_ZERO)
    if any(rubric.misconceptions[name].effect == "zero" for name in findings.misconceptions):
        return _person(rubric, findings, "something right beside something very wrong")
    if any(right.issuperset(way) for way in rubric.partial):
        stray = STRAY_IN_ZERO if wrong else STRAY_IN_PARTIAL
        return _if_explained(rubric, findings, PARTIAL, stray)
    return _person(rubric, findings, "nothing that the rubric knows")


def _if_explained(rubric: Rubric, findings: Findings, points: int, allowed: int) -> Mark:
    if len(findings.stray) > allowed:
        return _person(rubric, findings, "too many words that the rubric doesn't account for")
    misconceptions = [rubric.misconceptions[name] for name in findings.misconceptions]
    labels = tuple(rubric.concepts[name].label for name in findings.concepts)
    return Mark(
        points,
        labels,
        tuple(misconception.label for misconception in misconceptions),
        " ".join(
            [
                *([f"Credited: {'; '.join(labels)}."] if labels else []),
                *(misconception.feedback for misconception in misconceptions),
                *(["You write the opposite of what happens."] if findings.contradicted else []),
                *([] if points == FULL else _next_move(rubric, findings)),
            ]
        ),
        _summary(rubric, findings),
    )


def _next_move(rubric: Rubric, findings: Findings) -> list[str]:
    """A question about what is missing on the shortest way to full marks, and where to look."""
    ways = [[name for name in way if name not in findings.concepts] for way in rubric.full]
    questions = [rubric.concepts[name].ask for name in min(ways, key=len)[:1]]
    return [*questions, f"Look at {rubric.lesson} again."]


def _nothing(rubric: Rubric, reason: str) -> Mark:
    message = f"No points yet: {reason}. Look at {rubric.lesson} and say it in your own words."
    return Mark(0, message=message, note=reason)


def _person(rubric: Rubric, findings: Findings, reason: str) -> Mark:
    note = "; ".join(filter(None, (reason, _summary(rubric, findings))))
    return Mark(None, message=PERSON, note=note)


def _summary(rubric: Rubric, findings: Findings) -> str:
    right, wrong = rubric.concepts, rubric.misconceptions
    parts = {
        "found": [right[name].label for name in findings.concepts],
        "contradicted": [right[name].label for name in findings.contradicted],
        "denied": [right[name].label for name in findings.denied],
        "misconceptions": [wrong[name].label for name in findings.misconceptions],
        "unexplained": dict.fromkeys(findings.stray_words),
    }
    return "; ".join(f"{name}: {', '.join(items)}" for name, items in parts.items() if items)
