"""The second stage: what the rules leave open is decided as persons decided on like answers.

A logistic regression on the rubric's own findings, with a handful of coefficients a question. It is
fitted by `xorkit rubric --fit` and lies beside the lesson as JSON; using it needs no library. It is
never asked about what no finding can judge: another language, a text to the grader, a sentence
turned round, a word list, words out of order, a "not" that nothing accounts for.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xorkit.recall.findings import Findings
from xorkit.recall.rubric import FULL_MARKS, Coefficients, Figures, Points, Rubric

Marked = tuple[str, int]  # an answer and a person's mark
Vector = list[float]

PULL = 1.0  # towards 0, of a coefficient: a hundred answers a question are few
PULL_OF_BASE = 0.05  # … of the base rate, which all answers tell
ROUNDS = 40  # of Newton's method, which needs about eight
SMALLEST_STEP = 1e-9
FOLDS = 10  # parts of the answers, each decided by what the others taught
SERIOUS = 0.08  # likelihood of being two marks off, from which on a person decides
SURELY = 0.8  # likelihood of a mark that what was found speaks against
CERTAINLY = 0.9  # ... that nothing was earned, where half the points are said in words of their own
FEWEST = 3  # answers with the same findings, from which on they are named
MOST_UNEXPLAINED = 6.0  # unexplained words: more say no more


def features(rubric: Rubric, findings: Findings) -> dict[str, float]:
    """What the regression sees of an answer, by name: about 0 to 1 each."""
    words = len(findings.reading.content)
    stray = len(findings.stray)
    right = set(findings.concepts)
    return {
        "base": 1.0,
        **{f"says {name}": float(name in right) for name in rubric.concepts},
        **{f"hints at {name}": float(name in findings.hints) for name in rubric.concepts},
        "says all": float(findings.complete(rubric.full)),
        "misconceptions": min(2.0, len(findings.misconceptions)),
        "very wrong": float(
            any(rubric.misconceptions[name].effect == "zero" for name in findings.misconceptions)
        ),
        "tangled": float(findings.tangled),
        "opposite": float(bool(findings.contradicted)),
        "denied": float(bool(findings.denied)),
        "unexplained": min(MOST_UNEXPLAINED, stray) / MOST_UNEXPLAINED,
        "open clauses": min(2, findings.open_clauses) / 2,
        "share unexplained": stray / max(1, words),
        "another thing": float(bool(findings.foreign)),
        "aside": float(bool(findings.aside)),
        "asks": float("?" in findings.reading.raw),
        "length": math.log1p(words) / 3,
        "says nothing known": float(not right and not findings.misconceptions),
    }


def alike(findings: Findings) -> str:
    """What two answers share that are called alike: concepts, misconceptions and opposites."""
    said = [*findings.concepts, *(f"not {name}" for name in findings.contradicted)]
    return "+".join([*said, *(f"wrong {name}" for name in findings.misconceptions)]) or "nothing"


@dataclass(frozen=True)
class Decision:
    points: Points
    why: str


def decide(
    own: Coefficients, rubric: Rubric, findings: Findings, threshold: float
) -> Decision | None:
    """The mark that is likely enough; None where none is, or where it may be two off."""
    likely = _likelihoods(own, features(rubric, findings))
    points = max((0, 1, 2), key=lambda mark: likely[mark])
    if likely[points] < threshold or (points != 1 and likely[FULL_MARKS - points] > SERIOUS):
        return None
    if points and findings.loose_not:
        return None
    opposed = findings.contradicted or rubric.needed.intersection(findings.denied)
    if points == FULL_MARKS and (opposed or findings.foreign):
        return None  # whatever was marked so far: something wrong was said
    if points == FULL_MARKS and findings.misconceptions and likely[points] < SURELY:
        return None  # … unless the many words around it show that it was meant otherwise
    if points == 0 and findings.concepts:
        apart = findings.complete(rubric.partial) and not findings.tangled
        if likely[points] < (CERTAINLY if apart else SURELY):
            return None
    if points == 0 and not all(map(rubric.lexicon.knows, findings.stray_words)):
        return None  # a word that nobody has met may be the right one
    same = own.marks.get(alike(findings), (0, 0, 0))
    why = f"{likely[points]:.0%} likely by what persons gave"
    if sum(same) >= FEWEST:
        why = f"like {same[points]} of {sum(same)} answers with the same findings ({why})"
    return Decision(points, why)  # type: ignore[arg-type]


def _likelihoods(own: Coefficients, seen: Mapping[str, float]) -> tuple[float, float, float]:
    some, full = (
        _sigmoid(sum(weights.get(name, 0.0) * value for name, value in seen.items()))
        for weights in (own.some, own.full)
    )
    full = min(some, full)
    return 1 - some, some - full, full


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


# -------------------------------------------------------------------------------------- fitting


Seen = tuple[tuple[Findings, bool], int]  # an answer's findings, whether it is open, and the mark


def fit_question(rubric: Rubric, seen: Sequence[Seen]) -> Coefficients:
    """Fits one question's coefficients to the findings and marks of answers."""
    threshold = rubric.ask_second_stage.threshold
    rows = [(features(rubric, findings), mark) for (findings, _), mark in seen]
    names = list(rows[0][0]) if rows else []
    counts: dict[str, list[int]] = {}
    for (findings, _), mark in seen:
        counts.setdefault(alike(findings), [0, 0, 0])[mark] += 1
    answered = open_ = wrong = serious = 0
    for part in range(FOLDS):
        others = [row for place, row in enumerate(rows) if place % FOLDS != part]
        learnt = _coefficients(names, others, {}, Figures(answers=0, sure=0, wrong=0, serious=0))
        for place in range(part, len(rows), FOLDS):
            (findings, left_open), mark = seen[place]
            if left_open:
                open_ += 1
                decision = decide(learnt, rubric, findings, threshold)
                if decision is not None:
                    answered += 1
                    wrong += decision.points != mark
                    serious += abs(decision.points - mark) == FULL_MARKS
    figures = Figures(answers=open_, sure=answered, wrong=wrong, serious=serious)
    return _coefficients(names, rows, counts, figures)


def answers_digest(answers: Mapping[str, Iterable[Marked]]) -> str:
    text = json.dumps({name: sorted(marked) for name, marked in answers.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _coefficients(
    names: Sequence[str],
    rows: Sequence[tuple[Mapping[str, float], int]],
    counts: Mapping[str, Sequence[int]],
    figures: Figures,
) -> Coefficients:
    table = [[row[name] for name in names] for row, _ in rows]
    some, full = (
        dict(
            zip(names, _regression(table, [float(mark >= least) for _, mark in rows]), strict=True)
        )
        for least in (1, FULL_MARKS)
    )
    marks: dict[str, Any] = {key: tuple(count) for key, count in sorted(counts.items())}
    return Coefficients(some=some, full=full, marks=marks, figures=figures)


def _regression(rows: Sequence[Vector], wanted: Sequence[float]) -> Vector:
    """Ridge logistic regression by Newton's method: the same answers give the same numbers."""
    if not rows:
        return []
    width = len(rows[0])
    pull = [PULL_OF_BASE, *[PULL] * (width - 1)]
    weights = [0.0] * width
    for _ in range(ROUNDS):
        gradient = [p * w for p, w in zip(pull, weights, strict=True)]
        curve = [[pull[i] * (i == j) for j in range(width)] for i in range(width)]
        for row, want in zip(rows, wanted, strict=True):
            said = _sigmoid(sum(w * x for w, x in zip(weights, row, strict=True)))
            spread = said * (1 - said)
            for i, x in enumerate(row):
                if x:
                    gradient[i] += (said - want) * x
                    for j, y in enumerate(row):
                        curve[i][j] += spread * x * y
        step = _solved(curve, gradient)
        weights = [w - s for w, s in zip(weights, step, strict=True)]
        if max(map(abs, step)) < SMALLEST_STEP:
            break
    return [round(weight, 4) for weight in weights]


def _solved(matrix: list[Vector], right: Vector) -> Vector:
    """Gaussian elimination; the matrix is symmetric and positive, so it needs no pivots."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i, pivot in enumerate(rows):
        for j in range(i + 1, len(rows)):
            share = rows[j][i] / pivot[i]
            rows[j] = [a - share * b for a, b in zip(rows[j], pivot, strict=True)]
    found = [0.0] * len(rows)
    for i in reversed(range(len(rows))):
        rest = sum(rows[i][j] * found[j] for j in range(i + 1, len(rows)))
        found[i] = (rows[i][-1] - rest) / rows[i][i]
    return found
