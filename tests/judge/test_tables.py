"""Every right way of the table keeps all points; every mistake costs its own, by its own name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.truth import CHECKS, is_true
from support.workbench import (
    SOLUTION,
    Seen,
    judged,
    lesson,
    lost,
    observe,
    table,
    verdict,
    wanted_loss,
)

from xorkit.evidence import read_training
from xorkit.messages import message_key
from xorkit.messages import table as sentences
from xorkit.verdict import Verdict

CORRECT, MISTAKES = table("correct.yaml"), table("mistakes.yaml")
KEPT = 3  # of the seven points of test_training_loop, by a loop whose updates aren't the lesson's
OTHER_UPDATES = {
    "no-zero-grad",
    "zero-grad-not-every-pass",
    "zero-grad-before-step",
    "no-backward",
    "no-step",
    "step-before-backward",
    "step-outside-loop",
    "step-twice",
    "backward-twice",
    "detached-loss",
    "target-shape",
    "wrong-sign",
    "wrong-loss",
    "wrong-optimizer",
}
# Each sentence about a loop, and a row of the table of mistakes that it is said of.
SAID = (
    ("backward-twice.crash", "backward twice on one graph"),
    ("backward-twice.factor", "backward twice, the graph kept"),
    ("backward-twice.now-and-then", "a second walk back in every tenth epoch"),
    ("crash.stale-graph", "one prediction for all passes"),
    ("detached-loss.cut", "a detached prediction"),
    ("detached-loss.no-gradient", "a loss made anew"),
    ("detached-loss.zero-gradient", "rounded answers in the loss"),
    ("frozen-parameters.elsewhere", "an optimizer made for another model"),
    ("frozen-parameters.no-gradients", "no layer may learn"),
    ("frozen-parameters.some", "an optimizer of the output layer in the training cell"),
    ("model-rebuilt-in-loop.models", "the model built again in every pass"),
    ("model-rebuilt-in-loop.overwritten", "weights drawn again in every pass"),
    ("model-rebuilt-in-loop.undone", "weights put back in every pass"),
    ("no-backward.forward-only", "only predictions"),
    ("no-backward.nothing", "errors swallowed"),
    ("no-backward.steps-only", "backward forgotten"),
    ("no-step.idle", "a step in every second pass"),
    ("no-step.never", "step forgotten"),
    ("no-step.nothing-moved", "sixty right passes, then passes for show"),
    ("no-step.now-and-then", "a step left out in every tenth epoch"),
    ("no-zero-grad.leftovers", "Adam and no zero_grad"),
    ("no-zero-grad.sums", "forgotten zero_grad"),
    ("not-trained.elsewhere", "another model is trained"),
    ("not-trained.nothing", "nothing at all"),
    ("not-trained.straight", "steps by the loss instead of the slope"),
    ("step-before-backward.crash", "step before backward, zero_grad in between"),
    ("step-before-backward.empty", "step before backward, zero_grad first"),
    ("step-outside-loop.at-end", "step after the loop"),
    ("step-outside-loop.few", "backward and step after the loop"),
    ("step-twice.batches", "a step after each of the four rows"),
    ("step-twice.factor", "step twice"),
    ("step-twice.now-and-then", "a second step in every tenth epoch"),
    ("step-twice.several", "two steps a pass with Adam"),
    ("step-twice.steps", "three optimizers for two layers"),
    ("tampering.replaced", "zero_grad replaced by nothing"),
    ("target-shape.broadcast", "a flat target"),
    ("target-shape.now-and-then", "a flat target in every tenth epoch"),
    ("too-few-epochs.count", "backward and step after the loop"),
    ("too-few-epochs.early", "an end long before it has learned"),
    ("too-few-epochs.short", "one pass"),
    ("wrong-loss.bce", "cross-entropy in the loop"),
    ("wrong-loss.bce-again", "cross-entropy that squashes once more"),
    ("wrong-loss.first-value", "the root of the loss"),
    ("wrong-loss.l1", "errors without the square"),
    ("wrong-loss.mse-again", "a sigmoid too many in the loop"),
    ("wrong-loss.now-and-then", "cross-entropy in every tenth epoch"),
    ("wrong-loss.pulls", "the mean of errors with their signs"),
    ("wrong-loss.scale", "the sum instead of the mean"),
    ("wrong-loss.some-rows", "only the first row"),
    ("wrong-loss.targets", "answers and questions mixed up"),
    ("wrong-loss.zero", "predictions compared with themselves"),
    ("wrong-lr.capped-now-and-then", "slopes cut short now and then"),
    ("wrong-lr.factor", "small steps by hand"),
    ("wrong-lr.now-and-then", "a rate that shrinks after a hundred passes"),
    ("wrong-lr.parameters", "a rate of its own for each layer, in the training cell"),
    ("wrong-lr.schedule", "a rate that shrinks from pass to pass"),
    ("wrong-optimizer.adaptive", "Adam in the training cell"),
    ("wrong-optimizer.besides", "an optimizer that the judge has no name for"),
    ("wrong-optimizer.momentum", "momentum in the training cell"),
    ("wrong-sign.loss", "the loss upside down"),
    ("wrong-sign.now-and-then", "uphill in every tenth epoch"),
    ("wrong-sign.uphill", "uphill by hand"),
    ("zero-grad-before-step.gone", "zero_grad between backward and step"),
    ("zero-grad-before-step.now-and-then", "gradients zeroed before the step in every tenth epoch"),
    ("zero-grad-not-every-pass.now-and-then", "zero_grad in the first hundred passes only"),
    ("zero-grad-not-every-pass.sums", "zero_grad once, before the loop"),
)
# Sentences that few starts or long runs lead to; they are tried wherever a row says one.
RARE = {
    "bad-start.alike",
    "bad-start.flat",
    "bad-start.zero-gradient",
    "detached-loss.new-leaf",
    "step-before-backward.late",
    "timeout.endless",
    "timeout.no-backward",
    "too-few-epochs.accuracy",
    "too-few-epochs.none",
    "wrong-loss.other-rows",
    "wrong-loss.unlike",
    "wrong-lr.capped",
    "wrong-optimizer.later",
    "zero-grad-not-every-pass.leftovers",
}
# Sentences that assert something else than what one run shows: tried where their parts are tested.
ELSEWHERE = {
    "environment.package",
    "environment.python",
    "frozen-parameters.model",
    "not-trained.idle",
    "not-trained.no-descent",
    "not-trained.no-training",
    "not-trained.other-model",
}
# Of the rows that need all of the lesson's passes, those that every run of the tests can wait for.
WAITED_FOR = {
    "an end as soon as it has learned",
    "several tries that end as soon as one has learned",
    "a thousand passes",
    "an end long before it has learned",
}


def names(rows: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    long = {name for name, row in rows.items() if row.get("full")} - WAITED_FOR
    return [pytest.param(n, marks=pytest.mark.sweep) if n in long else n for n in rows]


@pytest.mark.parametrize("name", names(CORRECT))
def test_a_right_way_keeps_every_point(name: str) -> None:
    found, seen = judged(CORRECT[name])

    assert lost(found) == {}
    assert [finding.code for finding in found.findings if not finding.note] == []
    assert untrue(found, seen) == []


@pytest.mark.parametrize("name", names(MISTAKES))
def test_a_mistake_costs_its_own_points_and_is_named(name: str) -> None:
    row: dict[str, Any] = MISTAKES[name]

    found, seen = judged(row)

    assert lost(found) == wanted_loss(row, seen.off)
    assert found.diagnosis[0] == row["code"]
    assert untrue(found, seen) == []
    assert {said for said, of in SAID if of == name} <= {
        message_key(each.code, each.symptom) for each in found.findings
    }


def untrue(found: Verdict, seen: Seen) -> list[str]:
    """The findings whose sentence PyTorch's own gradients don't bear out, in any recorded run."""
    observed = seen.evidence.observations["training_loop"]
    if "alone" not in observed:
        return []
    runs = read_training(observed)
    recorded = [run for run in (runs.alone, runs.own, *runs.whole) if run is not None]
    wrong = []
    for each in found.findings:
        said = [
            is_true(message_key(each.code, each.symptom), dict(each.facts), run) for run in recorded
        ]
        if True not in said and False in said:
            wrong.append(each.message)
    return wrong


def test_every_sentence_that_asserts_something_of_a_loop_is_tried_on_a_row() -> None:
    asserting = {name for name, row in sentences().items() if row.asserts}

    assert set(CHECKS) <= set(sentences())
    assert asserting - set(CHECKS) == ELSEWHERE
    assert set(CHECKS) == {said for said, _ in SAID} | RARE
    assert {row for _, row in SAID} <= set(MISTAKES)


def test_a_loop_that_does_not_descend_the_lessons_loss_keeps_at_most_three_points() -> None:
    rows = [
        row
        for row in MISTAKES.values()
        if row["code"] in OTHER_UPDATES
        and "training_loop" in row
        and "data" not in row
        and "test_loss_and_optimizer"
        not in row["loses"]  # an optimizer's mistake is not the loop's
    ]

    assert len(rows) >= 100
    assert all(7 - row["loses"].get("test_training_loop", 0) <= KEPT for row in rows)


def test_a_later_try_that_learns_is_as_good_as_a_first_one() -> None:
    row = CORRECT["several tries that end as soon as one has learned"]

    found, seen = judged(row, seed=1)

    assert seen.evidence.observations["training_loop"]["own"]["models"] == 2
    assert lost(found) == {}


def test_a_right_loop_from_a_flat_spot_keeps_all_points_and_hears_how_common_that_is() -> None:
    course = lesson()
    start = course.facts.stall[0]
    cells = {
        "model": SOLUTION["model"]
        + f"torch.nn.utils.vector_to_parameters(torch.tensor({list(start)}), model.parameters())\n"
    }

    seen = observe(cells, course)
    found = verdict(seen, course)

    assert seen.off
    assert lost(found) == {}
    assert found.diagnosis == ("bad-start",)
    assert (
        f"{course.facts.stalled} of {course.facts.starts} random starts"
        in found.findings[0].message
    )
