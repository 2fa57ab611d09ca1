"""Every right way of the table keeps all points; every mistake costs its own, by its own name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support import cell_truth
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
# Each sentence, and a row of the tables that it is said of.
SAID = (
    ("backward-twice.crash", "backward twice on one graph"),
    ("backward-twice.factor", "backward twice, the graph kept"),
    ("backward-twice.now-and-then", "a second walk back in every tenth epoch"),
    ("bad-start.alike", "all parameters one at the start"),
    ("bad-start.flat", "zero_grad first"),
    ("bad-start.zero-gradient", "all parameters nought at the start"),
    ("crash.call-arguments", "targets left out"),
    ("crash.compared-shapes", "targets for three rows"),
    ("crash.condition", "a condition on four predictions"),
    ("crash.constructor-arguments", "a layer made without its outputs"),
    ("crash.cross-entropy", "cross-entropy of what may be larger than one"),
    ("crash.dtype", "whole numbers as inputs, in the loop"),
    ("crash.indentation", "a line that is not indented"),
    ("crash.index", "a row that isn't there"),
    ("crash.layer-shapes", "inputs turned round"),
    ("crash.leaf", "an update that autograd watches"),
    ("crash.loop", "a program that quits"),
    ("crash.loss-arguments", "the loss class called"),
    ("crash.no-array", "a prediction made an array"),
    ("crash.no-backward-method", "backward of the optimizer"),
    ("crash.no-call", "an optimizer made from a method"),
    ("crash.no-optimizer-method", "zero_grad of the loss"),
    ("crash.no-parameters", "an optimizer of numbers"),
    ("crash.no-scalar", "a walk back from four numbers"),
    ("crash.no-sequence", "a number where a sequence is meant"),
    ("crash.no-such-name", "an optimizer spelt in small letters"),
    ("crash.no-tensor", "inputs as list of lists"),
    ("crash.none", "grads zeroed by hand before there are any"),
    ("crash.none-operand", "an update by hand before there are gradients"),
    ("crash.not-callable", "a number called like a function"),
    ("crash.nothing-to-move", "parameters used up before the optimizer gets them"),
    ("crash.one-element", "one number of four predictions"),
    ("crash.stale-graph", "one prediction for all passes"),
    ("crash.syntax", "a slip of the pen"),
    ("crash.tensor-called", "a table called like a function"),
    ("crash.tuple", "a comma after the loss"),
    ("crash.unbound-name", "a name assigned in a function that it belongs to"),
    ("crash.undefined-name", "a misspelt name"),
    ("crash.unpacking", "three names for a row of two"),
    ("detached-loss.cut", "a detached prediction"),
    ("detached-loss.loss-fn", "a loss function that gives a plain number"),
    ("detached-loss.new-leaf", "a prediction copied into a new tensor"),
    ("detached-loss.no-gradient", "a loss made anew"),
    ("detached-loss.zero-gradient", "rounded answers in the loss"),
    ("frozen-parameters.elsewhere", "an optimizer made for another model"),
    ("frozen-parameters.model", "a hidden layer frozen where the model is made"),
    ("frozen-parameters.no-gradients", "no layer may learn"),
    ("frozen-parameters.no-steps", "an optimizer of another model"),
    ("frozen-parameters.some", "an optimizer of the output layer in the training cell"),
    ("frozen-parameters.some-steps", "an optimizer of the output layer"),
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
    ("not-trained.idle", "a loop for another kind of model than the notebook has"),
    ("not-trained.no-descent", "weights written down before a right loop"),
    ("not-trained.no-model", "no model"),
    ("not-trained.no-training", "whole numbers"),
    ("not-trained.not-finite", "an infinite loss"),
    ("not-trained.nothing", "nothing at all"),
    ("not-trained.other-model", "a lambda for a model, made in the training cell"),
    ("not-trained.straight", "steps by the loss instead of the slope"),
    ("step-before-backward.crash", "step before backward, zero_grad in between"),
    ("step-before-backward.empty", "step before backward, zero_grad first"),
    ("step-before-backward.late", "gradient of the epoch before"),
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
    ("target-shape.shape", "targets in one row"),
    ("timeout.endless", "a loop without an end"),
    ("too-few-epochs.accuracy", "an end as soon as all predictions are on the right side"),
    ("too-few-epochs.count", "backward and step after the loop"),
    ("too-few-epochs.early", "an end long before it has learned"),
    ("too-few-epochs.short", "one pass"),
    ("wrong-architecture.error", "layers that don't fit"),
    ("wrong-architecture.hidden-activation", "ReLU after the hidden layer"),
    ("wrong-architecture.hidden-linear", "no sigmoid after the hidden layer"),
    ("wrong-architecture.misfit", "a wider model built in the training cell"),
    ("wrong-architecture.missing", "no model"),
    ("wrong-architecture.no-biases", "layers without biases"),
    ("wrong-architecture.no-hidden-layer", "no hidden layer"),
    ("wrong-architecture.no-parameters", "layers in a plain list"),
    ("wrong-architecture.output-activation", "tanh after the output"),
    ("wrong-architecture.output-linear", "no sigmoid after the output"),
    ("wrong-architecture.output-shape", "two outputs"),
    ("wrong-architecture.output-twice", "two sigmoids after the output"),
    ("wrong-architecture.sizes", "three hidden neurons"),
    ("wrong-architecture.trained-net", "a model with tanh built in the training cell"),
    ("wrong-architecture.unlike", "a class that knows the answers"),
    ("wrong-data.dtype", "whole numbers"),
    ("wrong-data.missing", "no targets"),
    ("wrong-data.no-tensor", "lists instead of tensors"),
    ("wrong-data.other-dtype", "numbers of double precision for a model of single"),
    ("wrong-data.rows", "a row asked twice"),
    ("wrong-data.shape", "three columns of inputs"),
    ("wrong-data.target", "a wrong target and no zero_grad"),
    ("wrong-loss.bce", "cross-entropy in the loop"),
    ("wrong-loss.bce-again", "cross-entropy that squashes once more"),
    ("wrong-loss.error", "a blueprint of a loss"),
    ("wrong-loss.first-value", "the root of the loss"),
    ("wrong-loss.gradient", "a loss function with a wrong chain rule"),
    ("wrong-loss.l1", "errors without the square"),
    ("wrong-loss.later", "a loss of one row in every twentieth epoch"),
    ("wrong-loss.missing", "no loss"),
    ("wrong-loss.mse-again", "a sigmoid too many in the loop"),
    ("wrong-loss.now-and-then", "cross-entropy in every tenth epoch"),
    ("wrong-loss.other-rows", "random row in every epoch"),
    ("wrong-loss.pulls", "the mean of errors with their signs"),
    ("wrong-loss.scale", "the sum instead of the mean"),
    ("wrong-loss.some-rows", "only the first row"),
    ("wrong-loss.targets", "answers and questions mixed up"),
    ("wrong-loss.unlike", "a penalty on large weights"),
    ("wrong-loss.unlike-unmeasured", "an infinite loss"),
    ("wrong-loss.value", "fourth powers as the loss"),
    ("wrong-loss.value-bce", "cross-entropy as the loss"),
    ("wrong-loss.value-bce-again", "cross-entropy of logits as the loss"),
    ("wrong-loss.value-half", "half of the mean as the loss"),
    ("wrong-loss.value-l1", "absolute errors as the loss"),
    ("wrong-loss.value-mse-again", "a loss with a sigmoid of its own"),
    ("wrong-loss.value-sum", "the sum as the loss"),
    ("wrong-loss.zero", "predictions compared with themselves"),
    ("wrong-lr.capped", "gradients cut short in every epoch"),
    ("wrong-lr.capped-now-and-then", "slopes cut short now and then"),
    ("wrong-lr.factor", "small steps by hand"),
    ("wrong-lr.now-and-then", "a rate that shrinks after a hundred passes"),
    ("wrong-lr.parameters", "a rate of its own for each layer, in the training cell"),
    ("wrong-lr.rate", "a wrong rate and step twice"),
    ("wrong-lr.rates", "a rate of its own for each layer"),
    ("wrong-lr.schedule", "a rate that shrinks from pass to pass"),
    ("wrong-optimizer.adaptive", "Adam in the training cell"),
    ("wrong-optimizer.besides", "an optimizer that the judge has no name for"),
    ("wrong-optimizer.error", "LBFGS in its own cell"),
    ("wrong-optimizer.later", "Adam from the hundredth epoch on"),
    ("wrong-optimizer.missing", "no optimizer"),
    ("wrong-optimizer.momentum", "momentum in the training cell"),
    ("wrong-optimizer.no-rate", "Adam"),
    ("wrong-optimizer.steps", "Adam"),
    ("wrong-sign.loss", "the loss upside down"),
    ("wrong-sign.now-and-then", "uphill in every tenth epoch"),
    ("wrong-sign.steps", "an optimizer that goes uphill"),
    ("wrong-sign.uphill", "uphill by hand"),
    ("zero-grad-before-step.gone", "zero_grad between backward and step"),
    ("zero-grad-before-step.now-and-then", "gradients zeroed before the step in every tenth epoch"),
    ("zero-grad-not-every-pass.leftovers", "Adam, and zero_grad in every second epoch"),
    ("zero-grad-not-every-pass.now-and-then", "zero_grad in the first hundred passes only"),
    ("zero-grad-not-every-pass.sums", "zero_grad once, before the loop"),
)
# Loops for which it hangs on the start when they end, and starts where they ended otherwise than
# from most: with more luck than a wrong loop is to have, or after a single update.
OF_A_START = (
    ("an end long before it has learned", 16, "early"),  # a stalled start makes all its epochs
    ("an end long before it has learned", 18, "early"),  # the run alone ends after one update
    ("an end where the loss stands still", 7, "early"),  # both of the whole runs go far
    ("an end where the loss stands still", 13, "elsewhere"),  # it learned
)
# Sentences about a loop that no row leads to in a short run; `test_simulated` tries them.
SIMULATED = {"timeout.no-backward", "too-few-epochs.none"}
# Files whose tests name the other sentences: what is told of cells that didn't end, of the grader's
# machine, beside another finding. They try whole families, and what stands inside of `stopped` is
# tried with that.
OTHERS = ("test_untold.py", "test_calls.py", "test_simulated.py")
FAMILIES = ("environment.", "uncoded.unseen-", "uncoded.broke")
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
    assert unsaid(name, found) == set()


@pytest.mark.parametrize("name", names(MISTAKES))
def test_a_mistake_costs_its_own_points_and_is_named(name: str) -> None:
    row: dict[str, Any] = MISTAKES[name]

    found, seen = judged(row)

    assert lost(found) == wanted_loss(row, seen.off)
    assert found.diagnosis[0] == row["code"]
    assert untrue(found, seen) == []
    assert unsaid(name, found) == set()


@pytest.mark.parametrize(("name", "seed", "symptom"), OF_A_START)
def test_a_loop_that_ends_too_soon_gains_nothing_by_its_start(
    name: str, seed: int, symptom: str
) -> None:
    found, seen = judged(MISTAKES[name], seed)

    assert lost(found) == wanted_loss(MISTAKES[name], seen.off)
    assert (found.findings[0].code, found.findings[0].symptom) == ("too-few-epochs", symptom)
    assert untrue(found, seen) == []


def unsaid(name: str, found: Verdict) -> set[str]:
    """The sentences that a row stands for and that were not said."""
    told = {message_key(each.code, each.symptom) for each in found.findings}
    return {said for said, of in SAID if of == name} - told


def untrue(found: Verdict, seen: Seen) -> list[str]:
    """The findings whose sentence PyTorch doesn't bear out, in any recorded run or of any cell."""
    observed = seen.evidence.observations["training_loop"]
    runs = read_training(observed) if "alone" in observed else None
    recorded = [runs.alone, *runs.whole] if runs is not None else []
    recorded += [runs.own] if runs is not None and runs.own is not None else []
    wrong = []
    for each in found.findings:
        name, facts = message_key(each.code, each.symptom), dict(each.facts)
        said = [is_true(name, facts, run) for run in recorded]
        said.append(cell_truth.is_true(name, facts, seen.evidence))
        if True not in said and False in said:
            wrong.append(each.message)
    return wrong


def test_every_sentence_is_tried_on_a_row_that_says_it() -> None:
    rows = {**MISTAKES, **CORRECT}
    tried = {*CHECKS, *cell_truth.CHECKS}
    tried |= {name for name, row in sentences().items() if "stopped" in row.fields}
    others = "".join(Path(__file__).with_name(name).read_text("utf-8") for name in OTHERS)
    rest = {
        name
        for name in set(sentences()) - tried
        if not name.startswith(FAMILIES) and f'"{name.partition(".")[2]}"' not in others
    }
    named = {name for name in rest if f'"{name}"' in others}

    assert tried <= set(sentences())
    assert rest == named
    of_a_start = {f"too-few-epochs.{symptom}" for _, _, symptom in OF_A_START}
    assert tried == {said for said, _ in SAID} | SIMULATED | of_a_start
    assert {row for _, row in SAID} <= set(rows)


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


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("micrograd style classes with zero_grad of their own", 3),  # neurons may change places
        ("new leaf tensors, a flat target", 3),  # which of the weights are turned round
        ("the root of the loss", 6),  # 0.51, where it is hardly longer than the mean's gradient
    ],
)
def test_a_row_holds_from_other_starts(name: str, seed: int) -> None:
    row = {**CORRECT, **MISTAKES}[name]

    found, seen = judged(row, seed)

    assert lost(found) == (wanted_loss(row, seen.off) if "code" in row else {})
    assert [*found.diagnosis, "bad-start"][0] == row.get("code", "bad-start")


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
