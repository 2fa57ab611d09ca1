"""Free text against a rubric: full or half the points, none on evidence, or a person looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xorkit.recall import gates, second
from xorkit.recall.findings import Findings, look
from xorkit.recall.gates import Doubt
from xorkit.recall.rubric import FULL_MARKS, PARTIAL, Points, Rubric, SecondStage
from xorkit.recall.text import read_answer

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
    `gate` names what handed the answer over; answers with equal `findings` are alike.
    """

    points: int | None
    credited: tuple[str, ...] = ()
    misconceptions: tuple[str, ...] = ()
    message: str = ""
    note: str = ""
    gate: str = ""
    findings: str = ""


def mark_answer(rubric: Rubric, answer: object) -> Mark:
    """Mark one answer: whatever the learner's cell left behind."""
    if answer is None or answer is Ellipsis:
        return _nothing(rubric, "the answer is empty")
    if not isinstance(answer, str):
        kind = getattr(answer, "type", type(answer).__name__)  # what is recorded says of what type
        return Mark(None, message=PERSON, note=f"not a text, its type is {kind}")
    if len(answer) > gates.LONGEST_ANSWER:
        note = f"longer than {gates.LONGEST_ANSWER} characters"
        return Mark(None, message=PERSON, note=note, gate="length")
    reading = read_answer(answer, rubric.lexicon)
    if reason := gates.says_nothing(answer, reading, rubric.asked, rubric.pasted):
        return _nothing(rubric, reason)
    findings = look(rubric, reading)
    worth = findings.misconceptions or findings.complete((*rubric.full, *rubric.partial))
    if not worth and not findings.contradicted and gates.only_asks(reading, rubric.asked):
        return _nothing(rubric, "the answer says nothing beyond the question")
    if not (findings.concepts or findings.misconceptions) and gates.is_bare_code(answer):
        return _nothing(rubric, "a call alone explains nothing")
    outcome = _judged(rubric, answer, findings)
    if isinstance(outcome, int):
        return _mark(rubric, findings, outcome)
    if outcome.open and rubric.second_stage is not None and rubric.ask_second_stage.use:
        threshold = rubric.ask_second_stage.threshold
        if decision := second.decide(rubric.second_stage, rubric, findings, threshold):
            return _mark(rubric, findings, decision.points, decision.why)
    return _person(rubric, findings, outcome)


def fitted(
    rubrics: Mapping[str, Rubric], marked: Mapping[str, Sequence[second.Marked]], day: str
) -> SecondStage:
    """The second stage, fitted to answers with persons' marks. `day` is said in its file."""
    questions = {}
    for name, rubric in rubrics.items():
        found = ((_findings_of(rubric, answer), mark) for answer, mark in marked[name])
        questions[name] = second.fit_question(rubric, [(one, mark) for one, mark in found if one])
    return SecondStage(fitted=day, digest=second.answers_digest(marked), questions=questions)


def _findings_of(rubric: Rubric, answer: str) -> tuple[Findings, bool] | None:
    """An answer's findings and whether it is open; None where only a person may mark it."""
    if len(answer) > gates.LONGEST_ANSWER:
        return None
    findings = look(rubric, read_answer(answer, rubric.lexicon))
    outcome = _judged(rubric, answer, findings)
    if isinstance(outcome, Doubt) and not outcome.open:
        return None
    return findings, isinstance(outcome, Doubt)


def _judged(rubric: Rubric, answer: str, findings: Findings) -> Points | Doubt:
    """The points by the rules, or why they aren't sure."""
    return (
        gates.needs_person(answer, findings.reading, rubric.lexicon)
        or _unreliable(findings)
        or _decided(rubric, findings)
    )


def _unreliable(findings: Findings) -> Doubt | None:
    """Why the findings can't be trusted, however many there are."""
    if findings.unsure:
        reason = f"“{findings.unsure[0]}” is a phrase that the rubric leaves to a person"
        return Doubt("left to a person", reason)
    if findings.loose_not or set(findings.concepts) & set(findings.denied):
        reason = 'a "not" that the rubric does not account for'
        nothing = not (findings.concepts or findings.denied)
        return Doubt("a loose “not”", reason, open=nothing)
    return None


def _decided(rubric: Rubric, findings: Findings) -> Points | Doubt:
    wrong = bool(findings.misconceptions or findings.contradicted)
    if findings.foreign and findings.concepts:
        words = ", ".join(findings.foreign)
        return Doubt("another thing", f"it speaks of something else: {words}", open=True)
    if findings.complete(rubric.full) and rubric.needed.intersection(findings.denied):
        return Doubt("a loose “not”", "something that would be right is denied")
    if findings.complete(rubric.full) and not wrong:
        # Nothing is missing and nothing wrong: a question mark or an aside makes no difference.
        share = STRAY_SHARE_IN_FULL * len(findings.reading.content)
        return _if_explained(findings, FULL_MARKS, max(STRAY_IN_FULL, int(share)))
    if findings.side_not:
        return Doubt("a “not” beside", 'a "not" about something else', open=True)
    if findings.aside:
        reason = f"“{findings.aside}” has nothing to do with the question"
        return Doubt("an aside", reason, open=True)
    if "?" in findings.reading.raw:
        return Doubt("a question", "it asks rather than says", open=True)
    if findings.concepts and findings.contradicted:
        return Doubt("right and opposite", "something right beside its opposite", open=True)
    if wrong and not findings.concepts:
        return _if_explained(findings, 0, STRAY_IN_ZERO)
    effects = {rubric.misconceptions[name].effect for name in findings.misconceptions}
    if findings.tangled or "zero" in effects:
        return Doubt(
            "right and very wrong", "something right beside something very wrong", open=True
        )
    if findings.complete(rubric.partial):
        return _if_explained(findings, PARTIAL, STRAY_IN_ZERO if wrong else STRAY_IN_PARTIAL)
    return Doubt("nothing known", "nothing that the rubric knows", open=True)


def _if_explained(findings: Findings, points: Points, allowed: int) -> Points | Doubt:
    counted = [
        index for index in findings.stray if points != FULL_MARKS or index not in findings.beside
    ]
    if len(counted) > allowed or (points != FULL_MARKS and findings.hints):
        reason = "too many words that the rubric doesn't account for"
        return Doubt("unexplained words", reason, open=True)
    return points


def _mark(rubric: Rubric, findings: Findings, points: Points, why: str = "") -> Mark:
    misconceptions = [rubric.misconceptions[name] for name in findings.misconceptions]
    labels = tuple(rubric.concepts[name].label for name in findings.concepts)
    said = [
        *([f"Credited: {'; '.join(labels)}."] if labels and points else []),
        *(misconception.feedback for misconception in misconceptions if points != FULL_MARKS),
        *(["You write the opposite of what happens."] if findings.contradicted else []),
        *([] if points == FULL_MARKS else _next_move(rubric, findings)),
    ]
    return Mark(
        points,
        labels if points else (),
        tuple(misconception.label for misconception in misconceptions),
        " ".join(said),
        "; ".join(filter(None, (why, _summary(rubric, findings)))),
        findings=second.alike(findings),
    )


def _next_move(rubric: Rubric, findings: Findings) -> list[str]:
    """A question about what is missing on the shortest way to full marks, and where to look."""
    ways = [[name for name in way if name not in findings.concepts] for way in rubric.full]
    questions = [rubric.concepts[name].ask for name in min(ways, key=len)[:1]]
    return [*questions, f"Look at {rubric.lesson} again."]


def _nothing(rubric: Rubric, reason: str) -> Mark:
    message = f"No points yet: {reason}. Look at {rubric.lesson} and say it in your own words."
    return Mark(0, message=message, note=reason)


def _person(rubric: Rubric, findings: Findings, doubt: Doubt) -> Mark:
    note = "; ".join(filter(None, (doubt.reason, _summary(rubric, findings))))
    return Mark(None, message=PERSON, note=note, gate=doubt.gate, findings=second.alike(findings))


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
