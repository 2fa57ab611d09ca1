"""The training loop and what came of it: order and number of its calls, its passes, its result.

The loop is judged on the run that it made alone, on the lesson's own objects and from a start that
nobody knew; its passes are counted in the learner's own run, or in whole runs where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xorkit import reference
from xorkit.evidence import Array, EvidenceError, Run, decode, read_run
from xorkit.judge.blanks import HOLDS, Data, Judged, Model, Settings, judge_model, missing
from xorkit.judge.updates import Mechanism, arranged, distinct, explain, matches, moves
from xorkit.reference import Net, Task
from xorkit.verdict import Finding

CELL = "training_loop"
ENOUGH = 0.98  # of the lesson's passes: counting from 1 or stopping at the last print is no mistake
FEW = 3  # updates that tell nearly all mistakes apart; one does not


@dataclass(frozen=True)
class Facts:
    """What many starts of this lesson do, by the reference: see `xorkit facts`."""

    starts: int
    stalled: int
    typical: int  # passes after which half of those that learn have learned


@dataclass(frozen=True)
class Training:
    """What was said of the training loop, claim by claim."""

    weights_move: Judged
    fresh_slopes: Judged
    one_step: Judged
    updates: Judged
    passes: Judged
    mechanism: Mechanism
    run: Run | None = None  # alone
    own: Run | None = None
    notes: tuple[Finding, ...] = ()

    @property
    def right(self) -> bool:
        return bool(self.fresh_slopes and self.one_step and self.updates and self.passes)

    @property
    def finding(self) -> Finding | None:
        claims = (self.updates, self.weights_move, self.fresh_slopes, self.one_step, self.passes)
        return next((claim.finding for claim in claims if claim.finding), None)


def judge_training(seen: Mapping[str, Any], task: Task, facts: Facts) -> Training:
    """The claims about the loop, from its runs."""
    run = read_run(seen["alone"])
    own = read_run(seen["own"]) if seen.get("own") else None
    whole = tuple(read_run(value) for value in seen.get("whole", []))
    mechanism = mechanism_of(run, task)
    after = own or (whole[0] if whole else None)
    fault = None if mechanism.clean and not _broke(run) else diagnose(run, mechanism, after, task)
    passes = _judge_passes(own, whole, task, facts)
    late = None if fault else _late(own, whole, task)
    if fault:
        claims = _claims(run, mechanism, fault)
    elif late:
        claims = (HOLDS, _not(late) if late.code.startswith("zero") else HOLDS, HOLDS, _not(late))
    else:
        claims = (HOLDS, HOLDS, HOLDS, HOLDS)
    if _broke(run):
        passes = _not(fault) if fault else passes
    return Training(*claims, passes, mechanism, run, own)


def _not(finding: Finding | None) -> Judged:
    return Judged(False, finding)


def _broke(run: Run) -> bool:
    return run.error is not None


def mechanism_of(run: Run, task: Task) -> Mechanism:
    """What makes the updates of a run on the lesson's own net."""
    rows = arranged(run.rows, run.shapes, task, task.net)
    if rows is None:
        return Mechanism("unknown", error=math.inf)
    return explain(rows, task, task.net)


def _claims(
    run: Run, mechanism: Mechanism, fault: Finding
) -> tuple[Judged, Judged, Judged, Judged]:
    """weights_move, fresh_slopes, one_step, updates: which of them a fault breaks."""
    wrong = _not(fault)
    if not moves(run.rows).any() or fault.code == "model-rebuilt-in-loop":
        return wrong, wrong, wrong, wrong
    clearing = ("no-zero-grad", "zero-grad-not-every-pass", "zero-grad-before-step")
    fresh = wrong if fault.code in clearing else HOLDS
    stepping = ("step-twice", "backward-twice", "step-before-backward", "step-outside-loop")
    step = wrong if fault.code in stepping else HOLDS
    if _broke(run) and moves(run.rows).sum() < FEW:
        fresh, step = wrong, wrong  # it broke before anything could be seen of a second pass
    return HOLDS, fresh, step, wrong


# ------------------------------------------------------------------- what is wrong with the loop


def diagnose(run: Run, mechanism: Mechanism, after: Run | None, task: Task) -> Finding:
    """The fault of a run that is no plain gradient descent, in one sentence.

    `after` is a run that was not stopped, which also shows what comes after the loop.
    """
    rebuilt = run.models > max(2, run.passes // 4) and run.models > 2
    if rebuilt:
        return _finding(
            "model-rebuilt-in-loop",
            f"In {run.models} passes the grader met {run.models} different models: yours is born"
            " again with new numbers and forgets. Which lines have to happen just once?",
        )
    if run.error is not None:
        return _diagnose_error(run, run.error)
    by_kind: dict[str, Callable[[Run, Mechanism, Task], Finding]] = {
        "sums": _diagnose_sums,
        "factor": _diagnose_factor,
        "schedule": _diagnose_factor,
        "some": _diagnose_some,
        "linear": _diagnose_optimizer,
        "adaptive": _diagnose_optimizer,
    }
    if mechanism.kind == "still":
        return _diagnose_still(run, after)
    if mechanism.loss != "mse":
        return _diagnose_loss(run, mechanism, task)
    return by_kind.get(mechanism.kind, _diagnose_unknown)(run, mechanism, task)


def _finding(code: str, message: str) -> Finding:
    return Finding(code, message, CELL)


def _diagnose_error(run: Run, error: tuple[str, str]) -> Finding:
    name, text = error
    done = int(moves(run.rows).sum())
    where = "before the first update" if not done else f"after {done} update{'s' * (done > 1)}"
    raised = f"The loop stopped {where} with {name}: {text.splitlines()[0] if text else ''}"
    if name == "NotImplementedError":
        return _finding("blank", text or "A line of the loop is still empty.")
    if "does not require grad" in text or (
        name == "AttributeError" and "backward" in text and "has no attribute" in text
    ):
        return _finding(
            "detached-loss",
            f"{raised}. Between the weights and the loss the thread is cut: which line turns a"
            " tensor that remembers into a plain number?",
        )
    order = run.events.replace("F", "")
    if "a second time" in text and _twice(order):
        return _finding(
            "backward-twice",
            f"{raised}. One prediction can be walked back only once: how many walks does a pass"
            " of yours try?",
        )
    if "inplace operation" in text:
        return _finding(
            "step-before-backward",
            f"{raised}. The weights moved while the error was still on its way back: in which"
            " order should these two happen?",
        )
    if "a second time" in text:
        return _finding(
            "crash",
            f"{raised}. After an update the weights are new: is what you walk back from made anew"
            " in every pass?",
        )
    return _finding("crash", f"{raised}.")


def _twice(order: str) -> bool:
    """Whether two walks back came after one forward pass."""
    return any(part.count("b") > 1 for part in order.split("f")[1:]) and order.count("f") > 0


def _diagnose_still(run: Run, after: Run | None) -> Finding:
    events = run.events
    walks, steps = events.count("b") + events.count("g"), events.count("s")
    if after is not None and walks and not steps and _ends_with_step(after):
        return _finding(
            "step-outside-loop",
            f"The weights stayed put for {after.passes} passes and moved just once, at the very"
            " end. How often do you want to move? Look at the left margin.",
        )
    if not walks:
        if not steps and not events.count("z"):
            return _finding(
                "no-backward",
                "The weights never moved, and nothing ever asked for their slopes. Which line of a"
                " pass finds out where downhill is?",
            )
        return _finding(
            "no-backward",
            f"step came {steps} times, but the slopes were never computed, so it had nothing to go"
            " by. Is the line that should make them there, and really called?",
        )
    if not steps:
        return _finding(
            "no-step",
            f"In {walks} passes the slopes were computed and the weights never moved. When do they"
            " move, and is that line really called?",
        )
    return _still_with_steps(run)


def _ends_with_step(run: Run) -> bool:
    order = run.events.rstrip("fzBS")
    return order.endswith("s") and "s" not in order.rstrip("sS") and run.error is None


def _still_with_steps(run: Run) -> Finding:
    """Backward and step were both called, and still nothing moved: the slopes at each step say why."""
    at_walk, at_step = _grads(run, "B"), _grads(run, "s")
    if at_walk.size and np.isnan(at_walk).all():
        return _finding(
            "detached-loss",
            "backward ran, but no slope reached any weight: the loss no longer knows where it came"
            " from. Which line made a new number out of it?",
        )
    if at_walk.size and not np.nan_to_num(at_walk).any():
        return _finding(
            "detached-loss",
            "Every slope is exactly 0: somewhere between weights and loss the ground is flat like"
            " the step of a stair. Does the loss see the soft predictions?",
        )
    if at_step.size and not np.nan_to_num(at_step).any():
        if _steps_first(run.events):
            return _finding(
                "step-before-backward",
                "In every pass step comes when the slopes of that pass don't exist yet: you step"
                " before you know where downhill is.",
            )
        return _finding(
            "zero-grad-before-step",
            "The slopes are computed, but when step looks for them they are gone, every time. Who"
            " was there just before?",
        )
    return _finding(
        "frozen-parameters",
        "The slopes are there and step is called, but it moves other numbers than this model's."
        " For whose parameters was that optimizer made?",
    )


def _grads(run: Run, letter: str) -> Array:
    looked = run.events[: len(run.detail_grads)]
    return run.detail_grads[[k for k, event in enumerate(looked) if event == letter]]


def _steps_first(events: str) -> bool:
    """Whether a step stands between a pass's forward and its backward."""
    parts = events.split("f")[1:]
    return bool(parts) and sum("s" in part.split("b")[0] for part in parts) > len(parts) / 2


def _diagnose_sums(run: Run, mechanism: Mechanism, task: Task) -> Finding:
    count = int(moves(run.rows).sum())
    often = len(mechanism.cleared)
    if often == 1 and "z" not in run.events + run.before:
        rows = distinct(arranged(run.rows, run.shapes, task, task.net))  # type: ignore[arg-type]
        slope = reference.gradient(rows[1:2], task.inputs, task.targets, task.net)
        length = np.linalg.norm(rows[1] - rows[2]) / (task.lr * np.linalg.norm(slope))
        return _finding(
            "no-zero-grad",
            f"Your first step is exact. The second is {length:.2f} times as long as its slope: it"
            " is the sum of the slopes of passes 1 and 2, and so it goes on. What does the model"
            " still remember when a pass begins?",
        )
    return _finding(
        "zero-grad-not-every-pass",
        f"Of {count} passes only {often} began with cleared slopes; the others add up what the"
        " passes before had left. What does every single pass have to begin with?",
    )


def _diagnose_factor(run: Run, mechanism: Mechanism, task: Task) -> Finding:
    factor = mechanism.factor
    if factor < 0:
        return _finding(
            "wrong-sign",
            f"Each step goes {-factor:.3g} times the slope uphill: the loss grows. In which"
            " direction does w −= lr · grad go?",
        )
    walks, steps = run.events.count("b"), run.events.count("s")
    updates = max(1, int(moves(run.rows).sum()))
    twice = abs(factor - round(factor)) < 0.01 and round(factor) >= 2
    if twice and walks >= 1.9 * updates:
        return _finding(
            "backward-twice",
            f"Each step is {factor:.3g} times as long as asked, and each pass walks back"
            f" {walks / updates:.3g} times: the slopes come in more than once.",
        )
    if twice and (steps >= 1.9 * updates or _moved_between_steps(run)):
        return _finding(
            "step-twice",
            f"You go in the right direction, but {factor:.3g} times as far as asked. How many times"
            " does one pass move the weights?",
        )
    if abs(factor - task.targets.size) < 0.01:
        return _finding(
            "wrong-loss",
            f"Each step is {factor:.3g} times as long as asked: is your loss the mean of the"
            " squared errors, or their sum?",
        )
    if mechanism.kind == "schedule":
        text = "The length of your steps changes from pass to pass; the lesson's lr stays."
        return _finding("wrong-lr", f"{text} Who changes it?")
    return _finding(
        "wrong-lr",
        f"Right direction, but each step is {factor:.3g} times lr · slope. What else scales it?",
    )


def _moved_between_steps(run: Run) -> bool:
    """Whether weights also moved outside of `step`: a second update by hand."""
    looked = run.events[: len(run.detail_rows)]
    after = [k for k, event in enumerate(looked[:-1]) if event == "S"]
    return any((run.detail_rows[k] != run.detail_rows[k + 1]).any() for k in after)


def _diagnose_some(run: Run, mechanism: Mechanism, task: Task) -> Finding:
    return _finding(
        "frozen-parameters",
        f"{len(mechanism.still)} of the {task.net.width} numbers never move, the others are right."
        " Which part of the model is left out?",
    )


def _diagnose_optimizer(run: Run, mechanism: Mechanism, task: Task) -> Finding:
    if mechanism.kind == "linear":
        says = f"each step carries {mechanism.momentum:.2g} of the step before along"
    else:
        says = f"these are the steps of {mechanism.name}"
    text = f"A valid way to train, but not the lesson's: {says}. The task is w −= lr · grad."
    return _finding("wrong-optimizer", text)


def _diagnose_loss(run: Run, mechanism: Mechanism, task: Task) -> Finding:
    if mechanism.loss == "target-shape":
        goal = float(task.targets.mean())
        return _finding(
            "target-shape",
            f"All your predictions are pulled towards {goal:g}: each is compared with every target"
            " instead of its own. Print the shapes of predictions and targets: what differs?",
        )
    names = {"bce": "binary cross-entropy", "l1": "the plain absolute error"}
    return _finding(
        "wrong-loss",
        f"The steps follow the slope of {names[mechanism.loss]}, a loss that this task didn't ask"
        " for. Which loss did the cell above set up?",
    )


def _diagnose_unknown(run: Run, mechanism: Mechanism, task: Task) -> Finding:
    if mechanism.kind == "delayed":
        return _finding(
            "step-before-backward",
            "Each step follows the slope of the pass before: you step, and only then look.",
        )
    if mechanism.kind == "batch":
        return _finding(
            "wrong-loss",
            "Each step looks at a part of the four rows only. The task moves once per pass, by the"
            " loss over all of them.",
        )
    share = "" if not math.isfinite(mechanism.error) else f" by {mechanism.error:.1%}"
    return _finding(
        "wrong-loss",
        f"The steps differ from −lr · slope of the lesson's loss{share}. From what is the loss"
        " computed that you walk back from?",
    )


# -------------------------------------------------------------------------- how many, how long


def _updates(run: Run) -> int:
    """How many updates a run made: passes at one point count once."""
    if not run.complete:
        return run.passes
    return int(moves(run.rows).sum())


def _judge_passes(own: Run | None, whole: tuple[Run, ...], task: Task, facts: Facts) -> Judged:
    """Whether the loop makes its passes; stopping because it has learned is no fault.

    Whole runs were made from a start that converges and from one that stalls: a loop that stops
    after the same number of passes on both counts, it doesn't look.
    """
    enough = ENOUGH * task.epochs
    runs = [run for run in (own, *whole) if run is not None and run.passes]
    endless = next((run for run in whole if run.stopped), None)
    if endless is not None:
        text = f"The loop was still running after {endless.passes} passes. What makes it end?"
        return missing("timeout", text, CELL)
    counts = [_updates(run) for run in runs]
    if not counts or max(counts) == 0:
        return missing("too-few-epochs", "No pass of the loop moved the weights.", CELL)
    if max(counts) >= enough:
        return HOLDS
    looks = len(set(counts)) > 1 and all(_learned(run, task) or run is own for run in runs[:2])
    if looks:
        return HOLDS
    text = (
        f"Your loop makes {max(counts)} passes, the task says {task.epochs}. Starts that learn need"
        f" about {facts.typical} of them. How many rounds did the task say?"
    )
    return missing("too-few-epochs", text, CELL)


def _learned(run: Run, task: Task) -> bool:
    rows = arranged(run.rows[-1:], run.shapes, task, task.net)
    return rows is not None and bool(near(rows, task.net, task).all())


def near(rows: Array, net: Net, task: Task) -> Array:
    """Which predictions (N,) at the last of the rows are near their targets."""
    predicted = reference.predict(rows[-1:], task.inputs, net)[0]
    return np.asarray((np.abs(predicted - task.targets) <= task.near).all(axis=1))


def _late(own: Run | None, whole: tuple[Run, ...], task: Task) -> Finding | None:
    """A fault that begins later than the run alone could see, in a run on the lesson's own net."""
    for run in (*whole, own):
        if run is None or not run.complete:
            continue
        rows = arranged(run.rows, run.shapes, task, task.net)
        if rows is None:
            continue
        slopes = task.lr * reference.gradient(rows[:-1], task.inputs, task.targets, task.net)
        right = matches(rows, slopes)
        if right.all() or right[:FEW].sum() < FEW:
            continue  # not the lesson's data, loss or rate: nothing to compare with
        first = int(np.argmin(right))
        part = explain(rows[max(0, first - FEW) :], task, task.net)
        if part.kind == "sums" and len(part.cleared) < len(rows) - first:
            return _finding(
                "zero-grad-not-every-pass",
                f"Up to pass {first} every update is exact; then the slopes of earlier passes are"
                " added in. What changes there?",
            )
        if part.kind in ("factor", "schedule"):
            return _finding("wrong-lr", f"From pass {first + 1} on the steps have another length.")
    return None


# ------------------------------------------------------------------------------------ the result


@dataclass(frozen=True)
class Result:
    """What was said of the learner's own model after training."""

    rows: tuple[Judged, ...]  # one a row of the table
    predictions: tuple[float, ...] = ()
    note: Finding | None = None
    review: str = ""  # why a person should look
    losses: tuple[float, ...] = ()  # the learner's own loss, thinned out
    theta: tuple[float, ...] = ()  # the trained parameters, in the order of `sizes`
    sizes: tuple[int, ...] = ()


def judge_result(
    seen: Mapping[str, Any],
    questions: Mapping[str, Any],
    own: Run | None,
    parts: tuple[Data, Model, Settings, Training],
    task: Task,
    facts: Facts,
) -> Result:
    """Whether the own model learned the table, by its own training."""
    data, _, settings, training = parts
    count = len(task.inputs)
    model = judge_model(seen["model"], questions, task, "predictions")
    parameters = decode(seen["row"]).astype(np.float64)
    if model.net is None or not parameters.size:
        text = "There is no trained model that the grader can compute predictions with."
        return Result((missing("not-trained", text, CELL),) * count)
    theta = model.parameters(parameters[None])
    predicted = reference.predict(theta, task.inputs, model.net)[0]
    shown = tuple(float(value) for value in predicted[:, 0])
    if own is None or not _is_trained(own, parameters):
        text = (
            f"The model answers {_list(shown)}, but no training that the grader saw brought its"
            " weights there. Which line moves them?"
        )
        return Result((missing("not-trained", text, CELL),) * count, shown)
    rows = model.parameters(own.rows)
    mine = Task(
        data.inputs if data.inputs is not None else task.inputs,
        data.targets if data.targets is not None else task.targets,
        model.net,
        settings.lr or task.lr,
        task.epochs,
        task.near,
    )
    losses = _thin(reference.loss(rows, task.inputs, task.targets, model.net))
    drawn = (tuple(round(float(value), 4) for value in theta[0]), model.net.sizes)
    reached = near(theta, model.net, task)
    proved, review = _proved(rows, own, mine, model.net, training)
    if not proved:
        text = f"The model answers {_list(shown)}, but its weights didn't get there by training."
        judged = missing("not-trained", text, CELL)
        return Result((judged,) * count, shown, None, review, losses, *drawn)
    right = bool(
        data.inputs_right
        and data.targets_right
        and model.right
        and settings.loss_right
        and settings.optimizer_right
        and settings.rate_right
        and training.right
    )
    if not reached.all() and right:
        end = float(reference.loss(theta, task.inputs, task.targets, model.net)[0])
        text = (
            f"Your loop is right, and this start led to a flat spot (loss {end:.3f}):"
            f" {facts.stalled} of {facts.starts} random starts do. It costs no points; run the"
            " cells again from the model on and see."
        )
        note = Finding("bad-start", text, CELL, note=True)
        return Result((HOLDS,) * count, shown, note, "", losses, *drawn)
    rows_judged = tuple(
        HOLDS if ok else _not(_unreached(task, k, shown[k])) for k, ok in enumerate(reached)
    )
    return Result(rows_judged, shown, None, "", losses, *drawn)


def _unreached(task: Task, k: int, value: float) -> Finding:
    goal = task.targets[k, 0]
    inputs = ", ".join(f"{number:g}" for number in task.inputs[k])
    text = f"For ({inputs}) your model answers {value:.2f}, wanted near {goal:g}."
    return Finding("", text, "predictions")


def _list(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _thin(losses: Array) -> tuple[float, ...]:
    """At most 200 of the losses, the last among them: as many as a small picture shows."""
    keep = np.unique(np.linspace(0, len(losses) - 1, min(200, len(losses))).astype(int))
    return tuple(round(float(value), 5) for value in losses[keep])


def _is_trained(own: Run, parameters: Array) -> bool:
    """Whether the recorded run moved, and ended just where the model is."""
    last = own.rows[-1]
    return len(last) == len(parameters) and np.allclose(last, parameters) and moves(own.rows).any()


def _proved(rows: Array, own: Run, task: Task, net: Net, training: Training) -> tuple[bool, str]:
    """Whether training brought the weights from an unlearned start to where they are.

    The second part says why a person should look, where the judge can't tell.
    """
    if near(rows[:1], net, task).all():
        return False, ""
    mine = explain(rows, task, net)
    if mine.kind not in ("unknown", "still"):
        return True, ""
    # Not one mechanism throughout: a new start within the loop, or a training by rules unknown
    # here. Believed where the greatest part of the way is plain descent that began unlearned.
    slopes = task.lr * reference.gradient(rows[:-1], task.inputs, task.targets, net)
    wrong = np.flatnonzero(~matches(rows, slopes))
    last = int(wrong[-1]) + 1 if len(wrong) else 0
    began = not near(rows[last : last + 1], net, task).all()
    if len(wrong) < len(rows) / 100 and len(rows) - 1 - last >= FEW and began:
        return True, ""
    if not training.weights_move:
        return False, ""
    losses = reference.loss(rows, task.inputs, task.targets, net)
    falls = losses[-1] < losses[0] and len(rows) > 100
    return (
        False,
        "It may have been trained by a rule that the grader doesn't know." if falls else "",
    )


def own_run(seen: Mapping[str, Any]) -> Run | None:
    """The learner's own run in what was seen of the training loop; None where there is none."""
    try:
        return read_run(seen["own"]) if seen.get("own") else None
    except (EvidenceError, KeyError):
        return None
