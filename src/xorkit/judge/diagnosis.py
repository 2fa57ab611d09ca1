"""What is wrong with a run that is no plain gradient descent: codes, symptoms and their numbers.

The sentences stand in `messages.toml`.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from xorkit import reference
from xorkit.evidence import Array, Run
from xorkit.judge.accounting import Habits, habits
from xorkit.judge.updates import (
    FEW,
    Mechanism,
    descent,
    distinct,
    explain,
    matches,
    moves,
)
from xorkit.messages import finding
from xorkit.reference import Net, Task
from xorkit.verdict import Diagnosis, Fact, Finding

ODD = 0.01  # of the updates: what draws a new start is right again at once
NEAR = 0.02  # how far a ratio may be from the whole number that it is taken for


def faults(run: Run, mechanism: Mechanism, after: Run | None, task: Task) -> tuple[Finding, ...]:
    """What is wrong with a run that is no plain descent or that broke, most telling first.

    `after` is a run that was not stopped, which also shows what comes after the loop. The runs'
    columns are in the net's order, except where the mechanism is a misfit.
    """
    if run.stopped and not run.passes:
        return (finding(Diagnosis.TIMEOUT, "no-backward"),)
    if run.error is not None:
        return (broken(run, *run.error),)
    if not (run.events or run.passes):
        return (finding(Diagnosis.NOT_TRAINED, "nothing"),)
    if mechanism.kind == "misfit":
        return (_misfit(run, task),)
    habit = habits(run, task, mechanism.loss)
    if mechanism.kind == "straight":
        return (_straight(run),)
    if mechanism.kind == "still":
        return (_still(run, after, habit),)
    if mechanism.kind in ("linear", "adaptive") and habit is not None and not habit.slopes_right:
        mechanism = Mechanism("unknown", error=mechanism.error)  # the gradients are at fault
    found = [
        _not_cleared(run, mechanism, habit, task),
        *_length(run, mechanism, habit, task),
        _too_often(mechanism, habit, task),
        _left_out(mechanism, task),
        _other_rule(mechanism),
        _other_loss(run, mechanism, task),
        _unlike(run, mechanism, habit, task) if not mechanism.descends else None,
    ]
    return tuple(each for each in found if each is not None) or (
        _unlike(run, mechanism, habit, task),
    )


# ------------------------------------------------------------------------------ runs that broke


def rebuilt(run: Run, task: Task) -> Finding | None:
    """A run in which most passes had a model of their own, or answers that were made anew."""
    if run.models <= 2 or run.models * 4 <= run.total:
        return None
    if run.shapes == (task.targets.shape,):
        return finding(
            Diagnosis.DETACHED_LOSS,
            "new-leaf",
            backwards=run.total,
            count=task.targets.size,
        )
    return finding(
        Diagnosis.MODEL_REBUILT_IN_LOOP, "models", backwards=run.total, models=run.models
    )


def broken(run: Run, name: str, text: str) -> Finding:
    """What a run that raised tells."""
    line = text.splitlines()[0] if text else ""
    if name == "NotImplementedError" and "empty" in text:
        return finding(Diagnosis.BLANK, "cell", stub=line)
    line = line.split(": [")[0].split(". ")[0].rstrip(".")  # PyTorch goes on for lines
    facts: dict[str, Fact] = {
        "updates": int(moves(run.rows).sum()),
        "error": name,
        "text": line,
    }
    if "F" in run.events and "does not require grad" in text:
        return finding(Diagnosis.FROZEN_PARAMETERS, "no-gradients", **facts)
    cut = name == "AttributeError" and "no attribute 'backward'" in text
    if cut or "does not require grad" in text:
        return finding(Diagnosis.DETACHED_LOSS, "cut", **facts)
    last = run.events.rsplit("f", 1)[-1].translate({ord("B"): None, ord("S"): None})
    if "a second time" in text and ("bb" in last or "gg" in last):
        return finding(Diagnosis.BACKWARD_TWICE, "crash", **facts)
    if "inplace operation" in text and last.lstrip("z").startswith("s"):
        return finding(Diagnosis.STEP_BEFORE_BACKWARD, "crash", **facts)
    if "a second time" in text or "inplace operation" in text:
        return finding(Diagnosis.CRASH, "stale-graph", **facts)
    return finding(Diagnosis.CRASH, "loop", **facts)


def _misfit(run: Run, task: Task) -> Finding:
    seen, wanted = run.rows.shape[1], task.net.width
    return finding(Diagnosis.WRONG_ARCHITECTURE, "misfit", seen=seen, wanted=wanted)


# ------------------------------------------------------------------------- nothing that moves


def _still(run: Run, after: Run | None, habit: Habits | None) -> Finding:
    events = run.events
    backwards, steps = events.count("b") + events.count("g"), events.count("s")
    if habit is not None and habit.stepped:
        return finding(Diagnosis.MODEL_REBUILT_IN_LOOP, "undone", backwards=backwards)
    if after is not None and backwards and not steps and _ends_with_step(after):
        return finding(Diagnosis.STEP_OUTSIDE_LOOP, "at-end", backwards=after.passes)
    if not backwards and not steps and not events.count("f"):
        return finding(Diagnosis.NO_BACKWARD, "nothing", zeroed=events.count("z"))
    if not backwards and not steps:
        return finding(Diagnosis.NO_BACKWARD, "forward-only", forwards=events.count("f"))
    if not backwards:
        return finding(Diagnosis.NO_BACKWARD, "steps-only", steps=steps)
    if not steps and "o" not in events:
        return finding(Diagnosis.NO_STEP, "never", backwards=backwards)
    return _still_with_steps(run, after, steps, backwards)


def _ends_with_step(run: Run) -> bool:
    order = run.events.rstrip("fzBS")
    return order.endswith("s") and "s" not in order.rstrip("sS") and run.error is None


def _still_with_steps(run: Run, after: Run | None, steps: int, backwards: int) -> Finding:
    """Gradients were computed, steps made, nothing moved: `.grad` at each of them says why."""
    computed, used = _grads(run, "B"), _grads(run, "s")
    if len(computed) and np.isnan(computed).all():
        return finding(Diagnosis.DETACHED_LOSS, "no-gradient", backwards=backwards)
    if len(computed) and not np.nan_to_num(computed).any():
        if len(run.losses) and not np.nan_to_num(run.losses, nan=1.0).any():
            return finding(Diagnosis.WRONG_LOSS, "zero", backwards=backwards)
        return finding(Diagnosis.DETACHED_LOSS, "zero-gradient", backwards=backwards)
    if len(used) and not np.nan_to_num(used).any():
        if _steps_first(run, after):
            return finding(Diagnosis.STEP_BEFORE_BACKWARD, "empty", steps=steps)
        return finding(Diagnosis.ZERO_GRAD_BEFORE_STEP, "gone", backwards=backwards)
    return finding(Diagnosis.FROZEN_PARAMETERS, "elsewhere", steps=steps + run.events.count("o"))


def _grads(run: Run, letter: str) -> Array:
    looked = run.events[: len(run.detail_grads)]
    return run.detail_grads[[k for k, event in enumerate(looked) if event == letter]]


def _steps_first(run: Run, after: Run | None) -> bool:
    """Whether a pass steps before it walks back: in a ring of calls, its ends tell."""
    first = run.events.find("s") < run.events.find("b")
    ends = run if after is None else after
    return first and (ends.stopped or ends.events.rfind("b") > ends.events.rfind("s"))


# ---------------------------------------------------------------------- slopes that add up


def _not_cleared(
    run: Run, mechanism: Mechanism, habit: Habits | None, task: Task
) -> Finding | None:
    if mechanism.kind != "sums":
        if habit is None or not habit.leftovers:
            return None
        if "z" in run.events:
            return finding(Diagnosis.ZERO_GRAD_NOT_EVERY_PASS, "leftovers")
        return finding(Diagnosis.NO_ZERO_GRAD, "leftovers")
    states = distinct(run.rows)
    cleared, count = len(mechanism.cleared), len(states) - 1
    if cleared == 1 and "z" not in run.events + run.before:
        gradient = mechanism.factor * descent(states[1:3], task, task.net)
        ratio = np.linalg.norm(states[1] - states[2]) / np.linalg.norm(gradient)
        return finding(Diagnosis.NO_ZERO_GRAD, "sums", ratio=ratio)
    return finding(Diagnosis.ZERO_GRAD_NOT_EVERY_PASS, "sums", clean=cleared, updates=count)


# ------------------------------------------------------------------------- steps that are too long


def _length(
    run: Run, mechanism: Mechanism, habit: Habits | None, task: Task
) -> tuple[Finding, ...]:
    """Why the steps have another length than lr · gradient: how often, of which loss, how far."""
    if mechanism.kind == "rates":
        return (finding(Diagnosis.WRONG_LR, "parameters"),)
    if mechanism.kind not in ("factor", "sums", "schedule") or mechanism.factor == 1:
        return ()
    factor = mechanism.factor
    if mechanism.kind == "schedule" and _other_values(run, task):
        seen, wanted = run.losses[0], _mean_squares(run, task)[0]
        return (finding(Diagnosis.WRONG_LOSS, "first-value", seen=seen, wanted=wanted),)
    if mechanism.kind == "schedule":
        return (finding(Diagnosis.WRONG_LR, "schedule"),)
    if habit is None or not habit.slopes_right:
        return (_scaled(factor),)
    found = []
    rest = factor / habit.scale
    backwards = habit.walks if habit.walks_whole and _whole(habit.walks) else 1
    if backwards >= 2:
        found.append(
            finding(Diagnosis.BACKWARD_TWICE, "factor", factor=factor, backwards=backwards)
        )
    drivers = habit.steps + (1 if habit.beside and habit.steps else 0)
    if drivers >= 2 and _whole(drivers):
        found.append(finding(Diagnosis.STEP_TWICE, "factor", factor=factor, steps=drivers))
        rest = rest if habit.beside else rest / drivers
    if abs(habit.scale / backwards - 1) > NEAR:
        found.append(_other_scale(habit.scale / backwards, task))
    if abs(rest - 1) > NEAR and not (drivers >= 2 and habit.beside):
        found.append(_scaled(rest))
    return tuple(found) or (_scaled(factor),)


def _mean_squares(run: Run, task: Task) -> Array:
    rows = run.rows[: len(run.losses)]
    return reference.loss(rows, task.inputs, task.targets, task.net)


def _too_often(mechanism: Mechanism, habit: Habits | None, task: Task) -> Finding | None:
    """Several steps an epoch that make no plain factor: for some rows each, or by another rule."""
    if mechanism.kind == "batch":
        return finding(Diagnosis.STEP_TWICE, "batches", rows=len(task.inputs))
    plain = mechanism.kind in ("clean", "factor", "sums", "schedule")
    if plain or habit is None or habit.steps < 2 or not habit.slopes_right:
        return None
    return finding(Diagnosis.STEP_TWICE, "several", steps=habit.steps)


def _other_values(run: Run, task: Task) -> bool:
    """Whether what the loop walks back from is no mean of squared errors."""
    known = len(run.losses) > 0 and len(run.rows) > len(run.losses)
    return known and not np.allclose(run.losses, _mean_squares(run, task), rtol=1e-3)


def _whole(value: float) -> bool:
    return abs(value - round(value)) < NEAR


def _scaled(factor: float) -> Finding:
    if factor < 0:
        return finding(Diagnosis.WRONG_SIGN, "uphill", factor=-factor)
    return finding(Diagnosis.WRONG_LR, "factor", factor=factor)


def _other_scale(scale: float, task: Task) -> Finding:
    if scale < 0:
        return finding(Diagnosis.WRONG_SIGN, "loss")
    return finding(Diagnosis.WRONG_LOSS, "scale", scale=scale, count=task.targets.size)


# ------------------------------------------------------------------ other rules, other losses


def _left_out(mechanism: Mechanism, task: Task) -> Finding | None:
    if not mechanism.still:
        return None
    still, count = len(mechanism.still), task.net.width
    return finding(Diagnosis.FROZEN_PARAMETERS, "some", still=still, count=count)


def _other_rule(mechanism: Mechanism) -> Finding | None:
    if mechanism.kind == "late":
        return finding(Diagnosis.STEP_BEFORE_BACKWARD, "late")
    if mechanism.kind == "linear":
        return finding(Diagnosis.WRONG_OPTIMIZER, "momentum", share=mechanism.momentum)
    if mechanism.kind == "adaptive":
        return finding(Diagnosis.WRONG_OPTIMIZER, "adaptive", name=mechanism.name)
    return None


def _pulls(run: Run, task: Task) -> Array:
    """The gradient of the mean squared error with respect to the predictions of the first pass."""
    predicted = reference.predict(run.rows[:1], task.inputs, task.net)
    return reference.MSE.slope(predicted, task.targets[None]).ravel()


def _other_loss(run: Run, mechanism: Mechanism, task: Task) -> Finding | None:
    if mechanism.kind == "targets":
        return finding(Diagnosis.WRONG_LOSS, "targets", targets=mechanism.targets)
    if mechanism.kind == "part":
        return finding(Diagnosis.WRONG_LOSS, "some-rows", rows=len(task.inputs))
    if mechanism.kind == "pulls":
        seen = tuple(-pull for pull in mechanism.targets)
        return finding(Diagnosis.WRONG_LOSS, "pulls", seen=seen, wanted=_pulls(run, task))
    if mechanism.loss == "mse":
        return None
    if mechanism.loss == "target-shape":
        goal, count = task.targets.mean(), len(task.targets)
        return finding(Diagnosis.TARGET_SHAPE, "broadcast", goal=goal, count=count)
    return finding(Diagnosis.WRONG_LOSS, mechanism.loss)


def _straight(run: Run) -> Finding:
    return finding(Diagnosis.NOT_TRAINED, "straight", updates=moves(run.rows).sum())


def _unlike(run: Run, mechanism: Mechanism, habit: Habits | None, task: Task) -> Finding:
    """A run whose updates follow no gradient of the task's loss: what are they instead?"""
    if habit is not None and habit.steps and habit.undone:
        return finding(Diagnosis.MODEL_REBUILT_IN_LOOP, "overwritten")
    if habit is not None and habit.slopes_right:
        return finding(Diagnosis.WRONG_OPTIMIZER, "besides")
    net = _other_net(run.rows, task)
    if net is not None:
        return finding(
            Diagnosis.WRONG_ARCHITECTURE, "trained-net", seen=str(net), wanted=str(task.net)
        )
    if math.isfinite(mechanism.error):
        return finding(Diagnosis.WRONG_LOSS, "unlike", error=mechanism.error)
    return finding(Diagnosis.WRONG_LOSS, "unlike-unmeasured")


def _other_net(rows: Array, task: Task) -> Net | None:
    """The net of other activations of which the updates are plain descent, if there is one."""
    states = distinct(rows)
    for names in itertools.product(reference.ACTIVATIONS, repeat=len(task.net.activations)):
        net = Net(task.net.sizes, names)
        if matches(states, descent(states, task, net)).all():
            return net
    return None


# ---------------------------------------------------------------- later than the first passes


def _more_often(run: Run, first: int) -> Finding | None:
    """More steps or more walks back in each pass from the first one that is wrong."""
    passes = run.events.split("b")[1:]  # from each walk back to the next one
    before, after = (
        float(np.median([calls.count("s") for calls in part])) if part else 0.0
        for part in (passes[:first], passes[first:])
    )
    if before != 1 or after < 2:
        return None
    return finding(Diagnosis.STEP_TWICE, "later", first=first, steps=after)


def later_fault(run: Run, task: Task) -> Finding | None:
    """A fault that begins later than a run alone could see, in a run on the lesson's own net."""
    states = distinct(run.rows if run.complete else run.rows[:-1])
    right = matches(states, descent(states, task, task.net))
    if not len(right) or right.all() or not right[:FEW].all():
        return None  # not the lesson's data, loss or rate: nothing to compare with
    first = int(np.argmin(right))
    often = _more_often(run, first)
    if often is not None:
        return often
    part = explain(states[max(0, first - FEW) :], task, task.net)
    if part.kind == "sums":
        return finding(Diagnosis.ZERO_GRAD_NOT_EVERY_PASS, "later", first=first)
    if part.kind in ("factor", "schedule"):
        return finding(Diagnosis.WRONG_LR, "later", first=first)
    if np.sum(~right) <= max(FEW, ODD * len(right)):
        return None  # a new start now and then, or other weights put in their place at the end
    share = np.mean(right[first:])
    return finding(Diagnosis.WRONG_OPTIMIZER, "later", first=first, share=share)
