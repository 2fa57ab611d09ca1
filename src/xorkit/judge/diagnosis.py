"""What is wrong with a run that is no plain gradient descent: codes, symptoms and their numbers.

The sentences stand in `messages.toml`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np

from xorkit import reference
from xorkit.evidence import Array, Run
from xorkit.judge.accounting import Habits, gradients_right, habits
from xorkit.judge.deviations import MEANT, ODD, Deviations, calls
from xorkit.judge.errors import known_error
from xorkit.judge.updates import (
    CLOSE,
    FEW,
    UNKNOWN,
    Mechanism,
    descent,
    descent_of,
    distinct,
    gradient_of,
    matches,
    moves,
    off_by,
    ratios,
)
from xorkit.messages import finding, sentence
from xorkit.reference import Net, Task
from xorkit.verdict import Diagnosis, Fact, Finding

SHOWN = 5e-3  # how far two lists of numbers differ that are shown as different
NEAR = 0.02  # how far a ratio may be from the whole number that it is taken for


def faults(run: Run, mechanism: Mechanism, after: Run | None, task: Task) -> tuple[Finding, ...]:
    """What is wrong with a run that is no plain descent or that broke, most telling first.

    `after` is a run that was not stopped, which also shows what comes after the loop. The runs'
    columns are in the net's order, except where the mechanism is a misfit.
    """
    if run.stopped and not run.backwards:
        return (finding(Diagnosis.TIMEOUT, "no-backward"),)
    if run.error is not None:
        return (broken(run),)
    if not (run.events or run.backwards):
        return (finding(Diagnosis.NOT_TRAINED, "nothing"),)
    if mechanism.kind == "misfit":
        return (_misfit(run, task),)
    habit = habits(run, task, mechanism.loss)
    if mechanism.kind == "straight":
        return (finding(Diagnosis.NOT_TRAINED, "straight"),)
    if mechanism.kind == "still":
        return (_still(run, after, habit),)
    if mechanism.kind in ("pulls", "unknown") and off_by(run.rows, task) <= CLOSE:
        return (_some_unlike(run, task),)
    by_gradients = habit is None or (habit.gradients_right and not habit.plain)
    if mechanism.kind in ("linear", "adaptive") and not by_gradients:
        mechanism = UNKNOWN  # the gradients are at fault
    found = [
        _not_cleared(run, mechanism, habit, task),
        *_length(run, mechanism, habit, task),
        _too_often(mechanism, habit, after, task),
        _left_out(mechanism, task),
        _other_rule(mechanism),
        _other_loss(run, mechanism, task),
        _unlike(run, habit, task) if not mechanism.descends else None,
    ]
    told = tuple(each for each in found if each is not None)
    return told or (_unlike(run, habit, task),)


# ------------------------------------------------------------------------------ runs that broke


def rebuilt(run: Run, mechanism: Mechanism, task: Task) -> Finding | None:
    """A run in which most epochs had a model of their own, or answers that were made anew.

    Parameters that are new tensors each time, but go on from the values before, are no new model.
    """
    goes_on = run.backwards == run.total and mechanism.descends
    if run.models <= 2 or run.models * 4 <= run.total or goes_on:
        return None
    if run.shapes == (task.targets.shape,):
        return finding(
            Diagnosis.DETACHED_LOSS,
            "new-leaf",
            count=task.targets.size,
        )
    return finding(
        Diagnosis.MODEL_REBUILT_IN_LOOP, "models", backwards=run.total, models=run.models
    )


def broken(run: Run, *, alone: bool = False) -> Finding:
    """What a run that raised tells. `alone`: nobody but the grader has met this error."""
    error = run.error or ("", "")
    name, text = error
    said = text.splitlines()[0] if text else ""
    if name == "NotImplementedError" and "empty" in text:
        return finding(Diagnosis.BLANK, "cell", stub=said)
    said = said.split(": [")[0].split(". ")[0].rstrip(".")  # PyTorch goes on for lines
    told: dict[str, Fact] = {"error": name, "text": said}
    updates, backwards = int(moves(run.rows).sum()), run.events.count("B")
    if run.line and backwards and not updates:
        stopped = sentence(None, "broke-after", **told, line=run.line, backwards=backwards)
    elif alone or not run.line:
        symptom = "broke-alone" if alone else "broke"
        stopped = sentence(None, symptom, **told, updates=updates)
    else:
        stopped = sentence(None, "broke-in", **told, updates=updates, line=run.line)
    return finding(*_error(run, error), stopped=stopped)


def _error(run: Run, error: tuple[str, str]) -> tuple[Diagnosis, str]:
    """Code and symptom of an error, from what had happened before it."""
    text = error[1]
    last = run.events.rsplit("f", 1)[-1].translate({ord("B"): None, ord("S"): None})
    if "F" in run.events and "does not require grad" in text:
        return Diagnosis.FROZEN_PARAMETERS, "no-gradients"
    if "a second time" in text and ("bb" in last or "gg" in last):
        return Diagnosis.BACKWARD_TWICE, "crash"
    if "inplace operation" in text and last.lstrip("z").startswith("s"):
        return Diagnosis.STEP_BEFORE_BACKWARD, "crash"
    if "a second time" in text or "inplace operation" in text:
        return Diagnosis.CRASH, "stale-graph"
    return known_error(error, run.line)


def _misfit(run: Run, task: Task) -> Finding:
    seen, wanted = run.rows.shape[1], task.net.width
    return finding(Diagnosis.WRONG_ARCHITECTURE, "misfit", seen=seen, wanted=wanted)


# ------------------------------------------------------------------------- nothing that moves


def _still(run: Run, after: Run | None, habit: Habits | None) -> Finding:
    events = run.events
    backwards, steps = events.count("b") + events.count("g"), events.count("s")
    if habit is not None and habit.stepped:
        return finding(Diagnosis.MODEL_REBUILT_IN_LOOP, "undone")
    if after is not None and backwards and not steps and _ends_with_step(after):
        return finding(Diagnosis.STEP_OUTSIDE_LOOP, "at-end", backwards=after.backwards)
    if not backwards and not steps and not events.count("f"):
        return finding(Diagnosis.NO_BACKWARD, "nothing")
    if not backwards and not steps:
        return finding(Diagnosis.NO_BACKWARD, "forward-only")
    if not backwards:
        return finding(Diagnosis.NO_BACKWARD, "steps-only")
    if not steps and "o" not in events:
        return finding(Diagnosis.NO_STEP, "never")
    return _still_with_steps(run, after)


def _ends_with_step(run: Run) -> bool:
    order = run.events.rstrip("fzBS")
    return order.endswith("s") and "s" not in order.rstrip("sS") and run.error is None


def _still_with_steps(run: Run, after: Run | None) -> Finding:
    """Gradients were computed, steps made, nothing moved: `.grad` at each of them says why."""
    computed, used = _grads(run, "B"), _grads(run, "s")
    if not len(run.detail_grads):  # a learner's own run: the calls are all that is known
        if np.mean(["z" in part.partition("s")[0] for part in calls(run)]) > 1 - ODD:
            return finding(Diagnosis.ZERO_GRAD_BEFORE_STEP, "gone")
        count = run.backwards
        return finding(Diagnosis.NO_STEP, "nothing-moved", count=count, epochs=count)
    if len(computed) and np.isnan(computed).all():
        return finding(Diagnosis.DETACHED_LOSS, "no-gradient")
    if len(computed) and not np.nan_to_num(computed).any():
        if len(run.losses) and not np.nan_to_num(run.losses, nan=1.0).any():
            return finding(Diagnosis.WRONG_LOSS, "zero")
        return finding(Diagnosis.DETACHED_LOSS, "zero-gradient")
    if len(used) and not np.nan_to_num(used).any():
        if _steps_first(run, after):
            return finding(Diagnosis.STEP_BEFORE_BACKWARD, "empty")
        return finding(Diagnosis.ZERO_GRAD_BEFORE_STEP, "gone")
    return finding(Diagnosis.FROZEN_PARAMETERS, "elsewhere")


def _grads(run: Run, letter: str) -> Array:
    looked = run.events[: len(run.detail_grads)]
    return run.detail_grads[[k for k, event in enumerate(looked) if event == letter]]


def _steps_first(run: Run, after: Run | None) -> bool:
    """Whether an epoch steps before its backward pass: in a ring of calls, its ends tell."""
    first = run.events.find("s") < run.events.find("b")
    ends = run if after is None else after
    return first and (ends.stopped or ends.events.rfind("b") > ends.events.rfind("s"))


# ------------------------------------------------------------------- gradients that add up


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
        grads = gradient_of(states[1:2], task, mechanism.loss)[0]
        own = mechanism.factor * task.lr * np.delete(grads, mechanism.still)
        ratio = np.linalg.norm(states[1] - states[2]) / np.linalg.norm(own)
        return finding(Diagnosis.NO_ZERO_GRAD, "sums", ratio=ratio)
    return finding(Diagnosis.ZERO_GRAD_NOT_EVERY_PASS, "sums", clean=cleared, updates=count)


# ------------------------------------------------------------------------- steps that are too long


def _length(
    run: Run, mechanism: Mechanism, habit: Habits | None, task: Task
) -> tuple[Finding, ...]:
    """Why the steps have another length than lr · gradient: how often, of which loss, how far."""
    if mechanism.kind == "rates":
        return (finding(Diagnosis.WRONG_LR, "parameters"),)
    if mechanism.kind == "capped":
        return (finding(Diagnosis.WRONG_LR, "capped", most=mechanism.factor),)
    if mechanism.kind not in ("factor", "sums", "schedule") or mechanism.factor == 1:
        return ()
    factor = mechanism.factor
    if mechanism.kind == "schedule" and other_values(run, task):
        seen, wanted = run.losses[0], _mean_squares(run, task)[0]
        return (finding(Diagnosis.WRONG_LOSS, "first-value", seen=seen, wanted=wanted),)
    if mechanism.kind == "schedule":
        return (_schedule(run, task),)
    if habit is None:
        return (_by_calls(run, factor),)
    if not habit.gradients_right:
        return (_scaled(factor),)
    found = []
    rest = factor / habit.scale
    backwards = habit.backwards if habit.backward_whole and _whole(habit.backwards) else 1
    if backwards >= 2:
        found.append(
            finding(Diagnosis.BACKWARD_TWICE, "factor", factor=factor, backwards=backwards)
        )
    drivers = habit.steps + (1 if habit.beside and habit.steps else 0)
    if drivers >= 2 and _whole(drivers) and rest > 1 + NEAR:
        # Steps of several optimizers may share the parameters: then these move less often.
        shared = not habit.beside and abs(rest / drivers - 1) > NEAR and _whole(rest)
        symptom = "steps" if shared else "factor"
        found.append(finding(Diagnosis.STEP_TWICE, symptom, factor=factor, steps=drivers))
        rest = rest if habit.beside else 1.0 if shared else rest / drivers
    if abs(habit.scale / backwards - 1) > NEAR:
        found.append(_other_scale(habit.scale / backwards, task))
    if abs(rest - 1) > NEAR and not (drivers >= 2 and habit.beside):
        found.append(_scaled(rest))
    return tuple(found) or (_scaled(factor),)


def _by_calls(run: Run, factor: float) -> Finding:
    """Why updates are longer, in a run of which only the calls were recorded."""
    steps = float(np.median([part.count("s") for part in calls(run)] or [0]))
    backwards = run.backwards / max(1, int(moves(run.rows).sum()))
    if steps >= 2 and abs(factor - steps) < NEAR:
        return finding(Diagnosis.STEP_TWICE, "factor", factor=factor, steps=steps)
    if backwards >= 2 - NEAR and abs(factor - backwards) < NEAR:
        return finding(Diagnosis.BACKWARD_TWICE, "factor", factor=factor, backwards=backwards)
    return _scaled(factor)


def _schedule(run: Run, task: Task) -> Finding:
    states = distinct(run.rows)
    factors = ratios(states[:-1] - states[1:], descent(states, task))
    return finding(Diagnosis.WRONG_LR, "schedule", low=factors.min(), high=factors.max())


def _mean_squares(run: Run, task: Task) -> Array:
    rows = run.rows[: len(run.losses)]
    return reference.loss(rows, task.inputs, task.targets, task.net)


def _too_often(
    mechanism: Mechanism, habit: Habits | None, after: Run | None, task: Task
) -> Finding | None:
    """Several steps an epoch that make no plain factor: for some rows each, or by another rule."""
    if mechanism.kind == "batch" and after is not None and after.backwards <= task.epochs:
        return finding(Diagnosis.WRONG_LOSS, "other-rows", rows=len(task.inputs))
    if mechanism.kind == "batch":
        return finding(Diagnosis.STEP_TWICE, "batches", rows=len(task.inputs))
    plain = mechanism.kind in ("clean", "factor", "sums", "schedule")
    if plain or habit is None or habit.steps < 2 or not habit.gradients_right:
        return None
    return finding(Diagnosis.STEP_TWICE, "several", steps=habit.steps)


def other_values(run: Run, task: Task) -> bool:
    """Whether what the backward passes begin at is no mean of squared errors, nearly every time."""
    if not 0 < len(run.losses) < len(run.rows):
        return False
    alike = np.isclose(run.losses, _mean_squares(run, task), rtol=1e-3)
    return not alike[0] and bool(alike.mean() < ODD)


def _whole(value: float) -> bool:
    return abs(value - round(value)) < NEAR


def _scaled(factor: float) -> Finding:
    if factor < 0:
        return finding(Diagnosis.WRONG_SIGN, "uphill")
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
    """The gradient of the mean squared error with respect to the predictions of the first epoch."""
    predicted = reference.predict(run.rows[:1], task.inputs, task.net)
    return reference.MSE.gradient(predicted, task.targets[None]).ravel()


def _other_loss(run: Run, mechanism: Mechanism, task: Task) -> Finding | None:
    if mechanism.kind == "targets":
        return finding(
            Diagnosis.WRONG_LOSS, "targets", targets=tuple(np.round(mechanism.targets, 3).tolist())
        )
    if mechanism.kind == "part":
        return finding(Diagnosis.WRONG_LOSS, "some-rows", rows=len(task.inputs))
    if mechanism.kind == "pulls":
        seen, wanted = -np.array(mechanism.targets), _pulls(run, task)
        if np.allclose(seen, wanted, atol=SHOWN):  # nobody would see a difference
            return finding(Diagnosis.WRONG_LOSS, "unlike", error=off_by(run.rows, task))
        return finding(Diagnosis.WRONG_LOSS, "pulls", seen=seen, wanted=wanted)
    if mechanism.loss == "mse":
        return None
    if mechanism.loss == "target-shape":
        goal, count = task.targets.mean(), len(task.targets)
        return finding(Diagnosis.TARGET_SHAPE, "broadcast", goal=goal, count=count)
    return finding(Diagnosis.WRONG_LOSS, mechanism.loss)


def _unlike(run: Run, habit: Habits | None, task: Task) -> Finding:
    """A run whose updates follow no gradient of the task's loss: what are they instead?"""
    if habit is not None and habit.steps and habit.undone:
        return finding(Diagnosis.MODEL_REBUILT_IN_LOOP, "overwritten")
    if habit is not None and habit.gradients_right and not habit.plain:
        return finding(Diagnosis.WRONG_OPTIMIZER, "besides")
    net = _other_net(run.rows, task)
    if net is not None:
        return finding(
            Diagnosis.WRONG_ARCHITECTURE, "trained-net", seen=str(net), wanted=str(task.net)
        )
    error = off_by(run.rows, task)
    if math.isfinite(error):
        return finding(Diagnosis.WRONG_LOSS, "unlike", error=error)
    return finding(Diagnosis.WRONG_LOSS, "unlike-unmeasured")


def _some_unlike(run: Run, task: Task) -> Finding:
    """A run of which most updates are right: whether the others have other gradients."""
    rows = run.rows
    odd = np.flatnonzero(moves(rows) & ~matches(rows, descent_of(run, task)))
    right = gradients_right(run, task, rows[odd])
    code = Diagnosis.WRONG_OPTIMIZER if right else Diagnosis.WRONG_LOSS
    return finding(code, "later", epochs=len(rows) - 1, count=len(odd), first=odd[0] + 1)


def _other_net(rows: Array, task: Task) -> Net | None:
    """The net of other activations of which the updates are plain descent, if there is one."""
    states = distinct(rows)
    for names in itertools.product(reference.ACTIVATIONS, repeat=len(task.net.activations)):
        other = replace(task, net=Net(task.net.sizes, names))
        if all(matches(s, descent(s, other)).all() for s in (states[: FEW + 1], states)):
            return other.net
    return None


# ------------------------------------------------------------------------- now and then, or later


def now_and_then(seen: Deviations, task: Task) -> Finding | None:
    """What some epochs do that are no plain descent, in a run in which others are."""
    twice = [factor for factor in seen.factors if factor > 1.5 and _whole(factor)]
    uphill = [factor for factor in seen.factors if factor < 0]
    broadcast = seen.losses["target-shape"]
    counts = {
        (Diagnosis.ZERO_GRAD_NOT_EVERY_PASS, "now-and-then"): seen.carried,
        (Diagnosis.BACKWARD_TWICE, "now-and-then"): seen.repeated,
        (Diagnosis.ZERO_GRAD_BEFORE_STEP, "now-and-then"): seen.emptied,
        (Diagnosis.NO_STEP, "nothing-moved"): seen.stuck,
        (Diagnosis.STEP_TWICE, "now-and-then"): len(twice),
        (Diagnosis.WRONG_SIGN, "now-and-then"): len(uphill),
        (Diagnosis.WRONG_LR, "now-and-then"): len(seen.factors) - len(twice) - len(uphill),
        (Diagnosis.WRONG_LR, "capped-now-and-then"): seen.capped,
        (Diagnosis.TARGET_SHAPE, "now-and-then"): broadcast,
        (Diagnosis.WRONG_LOSS, "now-and-then"): seen.losses.total() - broadcast,
    }
    told = max(counts, key=lambda each: counts[each])
    if counts[told] < MEANT:
        return None
    facts: dict[str, Fact] = {"count": counts[told], "epochs": seen.epochs}
    if told[0] == Diagnosis.STEP_TWICE:
        facts["factor"] = float(np.median(twice))
    if told[0] == Diagnosis.TARGET_SHAPE:
        facts["goal"] = float(task.targets.mean())
    return finding(*told, **facts)


def skipped(seen: Deviations) -> Finding:
    """Backward passes that no step follows."""
    return finding(Diagnosis.NO_STEP, "now-and-then", count=seen.skipped, epochs=seen.epochs)


def strayed(seen: Deviations) -> Finding | None:
    """Updates that follow no gradient at all, more of them than new starts would make."""
    if seen.nudges < FEW and seen.jumps <= max(FEW, ODD * seen.epochs):
        return None  # a new start now and then, or other weights put in their place at the end
    return finding(
        Diagnosis.WRONG_OPTIMIZER,
        "later",
        epochs=seen.epochs,
        count=seen.jumps,
        first=seen.first,
    )
