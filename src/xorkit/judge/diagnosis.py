"""What is wrong with a run that is no plain gradient descent, in a sentence or two.

Each message names the symptom in numbers and asks what leads to the cause; none gives the line.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

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
from xorkit.reference import Net, Task
from xorkit.verdict import Diagnosis, Finding

CELL = "training_loop"
ODD = 0.01  # of the updates: what draws a new start is right again at once
NEAR = 0.02  # how far a ratio may be from the whole number that it is taken for


def finding(code: Diagnosis, message: str) -> Finding:
    return Finding(code, message, CELL)


def faults(run: Run, mechanism: Mechanism, after: Run | None, task: Task) -> tuple[Finding, ...]:
    """What is wrong with a run that is no plain descent or that broke, most telling first.

    `after` is a run that was not stopped, which also shows what comes after the loop. The runs'
    columns are in the net's order, except where the mechanism is a misfit.
    """
    if run.stopped and not run.passes:
        text = "The cell ran for seconds and never finished a single pass. What does it wait for?"
        return (finding(Diagnosis.TIMEOUT, text),)
    if run.error is not None:
        return (broken(run, *run.error),)
    if not (run.events or run.passes):
        text = (
            "The cell ran, and nothing was seen of what trains a PyTorch model: no prediction, no"
            " slope, no step. What does one pass of training consist of?"
        )
        return (finding(Diagnosis.NOT_TRAINED, text),)
    if mechanism.kind == "misfit":
        return (_misfit(run, task),)
    habit = habits(run, task, mechanism.loss)
    if mechanism.kind == "straight":
        return (_straight(run),)
    if mechanism.kind == "still":
        return (_still(run, after, habit),)
    if mechanism.kind in ("linear", "adaptive") and habit is not None and not habit.slopes_right:
        mechanism = Mechanism("unknown", error=mechanism.error)  # the slopes are at fault
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


def times(count: float, what: str = "time") -> str:
    plural = "" if abs(count - 1) < NEAR else "es" if what.endswith("s") else "s"
    return f"{round(count, 2):g} {what}{plural}"


# ------------------------------------------------------------------------------ runs that broke


def rebuilt(run: Run, task: Task) -> Finding | None:
    """A run in which most passes had a model of their own, or answers that were made anew."""
    if run.models <= 2 or run.models * 4 <= run.total:
        return None
    if run.shapes == (task.targets.shape,):
        return finding(
            Diagnosis.DETACHED_LOSS,
            f"In each of {run.total} passes the walk back ended at {task.targets.size} new numbers,"
            " and at none of the model's weights. Where were the answers made into something new?",
        )
    return finding(
        Diagnosis.MODEL_REBUILT_IN_LOOP,
        f"In {run.total} passes the grader met {run.models} different models: yours is born again"
        " and forgets. What has to happen only once?",
    )


def broken(run: Run, name: str, text: str) -> Finding:
    """What a run that raised tells."""
    line = text.splitlines()[0] if text else ""
    if name == "NotImplementedError" and "empty" in text:
        return finding(Diagnosis.BLANK, line)
    line = line.split(": [")[0].split(". ")[0].rstrip(".")  # PyTorch goes on for lines
    done = int(moves(run.rows).sum())
    where = f"after {times(done, 'update')}" if done else "before the first update"
    raised = f"The loop stopped {where} with {name}: {line}"
    if "F" in run.events and "does not require grad" in text:
        return finding(
            Diagnosis.FROZEN_PARAMETERS,
            f"{raised}. None of the model's numbers may have a slope: what was said about them?",
        )
    cut = name == "AttributeError" and "no attribute 'backward'" in text
    if cut or "does not require grad" in text:
        return finding(
            Diagnosis.DETACHED_LOSS,
            f"{raised}. Between the weights and the loss the thread is cut: where does a number"
            " that remembers how it was made become a plain one?",
        )
    last = run.events.rsplit("f", 1)[-1].translate({ord("B"): None, ord("S"): None})
    if "a second time" in text and ("bb" in last or "gg" in last):
        return finding(
            Diagnosis.BACKWARD_TWICE,
            f"{raised}. One prediction can be walked back only once: how many walks does a pass of"
            " yours try?",
        )
    if "inplace operation" in text and last.lstrip("z").startswith("s"):
        return finding(
            Diagnosis.STEP_BEFORE_BACKWARD,
            f"{raised}. The weights moved while the error was still on its way back: in which"
            " order should these two happen?",
        )
    if "a second time" in text or "inplace operation" in text:
        return finding(
            Diagnosis.CRASH,
            f"{raised}. After an update the weights are new: is what you walk back from made anew"
            " in every pass?",
        )
    return finding(Diagnosis.CRASH, f"{raised}. Which of your names does that line use?")


def _misfit(run: Run, task: Task) -> Finding:
    count = run.rows.shape[1]
    return finding(
        Diagnosis.WRONG_ARCHITECTURE,
        f"The loop trains {times(count, 'number')}, and the net of lesson 10 has {task.net.width}."
        " Whose are they?",
    )


# ------------------------------------------------------------------------- nothing that moves


def _still(run: Run, after: Run | None, habit: Habits | None) -> Finding:
    events = run.events
    walks, steps = events.count("b") + events.count("g"), events.count("s")
    if habit is not None and habit.stepped:
        return finding(
            Diagnosis.MODEL_REBUILT_IN_LOOP,
            f"Each of {walks} passes begins with the same weights as the first: what a step changed"
            " is undone. What has to happen only once?",
        )
    if after is not None and walks and not steps and _ends_with_step(after):
        return finding(
            Diagnosis.STEP_OUTSIDE_LOOP,
            f"The weights stayed put for {after.passes} passes and moved once, at the very end. How"
            " often should they move? Look at the left margin.",
        )
    if not walks and not steps and not events.count("f"):
        return finding(
            Diagnosis.NO_BACKWARD,
            f"Slopes were cleared {times(events.count('z'))}, and nothing else was seen to happen:"
            " no prediction, no slope, no step. Does something go wrong there without a word?",
        )
    if not walks and not steps:
        return finding(
            Diagnosis.NO_BACKWARD,
            f"{times(events.count('f'), 'prediction')} and no slope: nobody asked which way is"
            " downhill. What finds that out?",
        )
    if not walks:
        return finding(
            Diagnosis.NO_BACKWARD,
            f"The weights were told to move {times(steps)} and stayed where they were, because no"
            " slope was ever worked out. What should work them out, and is it really called?",
        )
    if not steps and "o" not in events:
        return finding(
            Diagnosis.NO_STEP,
            f"In {walks} passes the slopes were worked out, and the weights never moved. When do"
            " they move, and is that really called?",
        )
    return _still_with_steps(run, after, steps, walks)


def _ends_with_step(run: Run) -> bool:
    order = run.events.rstrip("fzBS")
    return order.endswith("s") and "s" not in order.rstrip("sS") and run.error is None


def _still_with_steps(run: Run, after: Run | None, steps: int, walks: int) -> Finding:
    """Slopes were worked out, steps were made, nothing moved: `.grad` at each of them says why."""
    walked, used = _grads(run, "B"), _grads(run, "s")
    if len(walked) and np.isnan(walked).all():
        return finding(
            Diagnosis.DETACHED_LOSS,
            f"{walks} walks back brought no slope to any weight: the loss no longer knows where it"
            " came from. Where was a new number made out of it?",
        )
    if len(walked) and not np.nan_to_num(walked).any():
        return _flat(run, walks)
    if len(used) and not np.nan_to_num(used).any():
        if _steps_first(run, after):
            return finding(
                Diagnosis.STEP_BEFORE_BACKWARD,
                f"{steps} steps, all of length 0: each comes before the slopes of its pass exist."
                " What do you have to know before you step?",
            )
        return finding(
            Diagnosis.ZERO_GRAD_BEFORE_STEP,
            f"Slopes were worked out {times(walks)}, and every time they were gone when the"
            " weights were to move. Who was there in between?",
        )
    return finding(
        Diagnosis.FROZEN_PARAMETERS,
        f"The slopes are there, and {steps + run.events.count('o')} steps were made, but they moved"
        " other numbers than this model's. For whose numbers was that optimizer made?",
    )


def _flat(run: Run, walks: int) -> Finding:
    if len(run.losses) and not np.nan_to_num(run.losses, nan=1.0).any():
        text = f"The loss is exactly 0 in all of {walks} passes. What is compared with what?"
        return finding(Diagnosis.WRONG_LOSS, text)
    return finding(
        Diagnosis.DETACHED_LOSS,
        f"In {times(walks, 'pass')} every slope is exactly 0: somewhere between weights and loss"
        " the ground is flat, like a stair. Does the loss see the soft answers?",
    )


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
        text = "When a pass begins, the slopes of passes before are still there. What for?"
        code = Diagnosis.ZERO_GRAD_NOT_EVERY_PASS if "z" in run.events else Diagnosis.NO_ZERO_GRAD
        return finding(code, text)
    states = distinct(run.rows)
    cleared, count = len(mechanism.cleared), len(states) - 1
    if cleared == 1 and "z" not in run.events + run.before:
        slope = mechanism.factor * descent(states[1:3], task, task.net)
        length = float(np.linalg.norm(states[1] - states[2]) / np.linalg.norm(slope))
        return finding(
            Diagnosis.NO_ZERO_GRAD,
            f"The first step fits its slope; the second is {length:.2f} times as long as its own,"
            " because the slope of pass 1 is still in it, and so it goes on. What does the model"
            " remember when a pass begins?",
        )
    return finding(
        Diagnosis.ZERO_GRAD_NOT_EVERY_PASS,
        f"Of {count} passes only {cleared} began without old slopes; in the others those of the"
        " passes before add up. What should every single pass begin with?",
    )


# ------------------------------------------------------------------------- steps that are too long


def _length(
    run: Run, mechanism: Mechanism, habit: Habits | None, task: Task
) -> tuple[Finding, ...]:
    """Why the steps have another length than lr · slope: how often, of which loss, how far."""
    if mechanism.kind == "rates":
        text = (
            "The steps point the right way in each number, but some go farther than others. What"
            " makes the difference?"
        )
        return (finding(Diagnosis.WRONG_LR, text),)
    if mechanism.kind not in ("factor", "sums", "schedule") or mechanism.factor == 1:
        return ()
    factor = mechanism.factor
    if mechanism.kind == "schedule" and _other_values(run, task):
        text = (
            f"The first loss is {run.losses[0]:.4f}, where the mean of the squared errors is"
            f" {_mean_squares(run, task)[0]:.4f}. What is done to it before you walk back?"
        )
        return (finding(Diagnosis.WRONG_LOSS, text),)
    if mechanism.kind == "schedule":
        text = "The length of the steps changes from pass to pass, in the lesson it stays. Why?"
        return (finding(Diagnosis.WRONG_LR, text),)
    if habit is None or not habit.slopes_right:
        return (_scaled(factor),)
    found = []
    rest = factor / habit.scale
    walks = habit.walks if habit.walks_whole and _whole(habit.walks) else 1
    if walks >= 2:
        text = (
            f"Each step is {factor:.3g} times as long as asked: {times(walks, 'walk')} back in"
            " every pass, and their slopes add up. How many does one pass need?"
        )
        found.append(finding(Diagnosis.BACKWARD_TWICE, text))
    drivers = habit.steps + (1 if habit.beside and habit.steps else 0)
    if drivers >= 2 and _whole(drivers):
        text = (
            f"You go the right way, but {factor:.3g} times as far as asked: every pass moves the"
            f" weights {times(drivers)}. How often is meant?"
        )
        found.append(finding(Diagnosis.STEP_TWICE, text))
        rest = rest if habit.beside else rest / drivers
    if abs(habit.scale / walks - 1) > NEAR:
        found.append(_other_scale(habit.scale / walks, task))
    if abs(rest - 1) > NEAR and not (drivers >= 2 and habit.beside):
        found.append(_scaled(rest))
    return tuple(found) or (_scaled(factor),)


def _mean_squares(run: Run, task: Task) -> Array:
    rows = run.rows[: len(run.losses)]
    return reference.loss(rows, task.inputs, task.targets, task.net)


def _too_often(mechanism: Mechanism, habit: Habits | None, task: Task) -> Finding | None:
    """Several steps a pass that make no plain factor: for some rows each, or by another rule."""
    if mechanism.kind == "batch":
        count = len(task.inputs)
        text = (
            f"Each step looks at a part of the {count} rows only. The task moves once a pass, by"
            " the loss over all of them: how many rows does yours see before it steps?"
        )
        return finding(Diagnosis.STEP_TWICE, text)
    plain = mechanism.kind in ("clean", "factor", "sums", "schedule")
    if plain or habit is None or habit.steps < 2 or not habit.slopes_right:
        return None
    text = f"Every pass moves the weights {times(habit.steps)}. How often is meant?"
    return finding(Diagnosis.STEP_TWICE, text)


def _other_values(run: Run, task: Task) -> bool:
    """Whether what the loop walks back from is no mean of squared errors."""
    known = len(run.losses) > 0 and len(run.rows) > len(run.losses)
    return known and not np.allclose(run.losses, _mean_squares(run, task), rtol=1e-3)


def _whole(value: float) -> bool:
    return abs(value - round(value)) < NEAR


def _scaled(factor: float) -> Finding:
    if factor < 0:
        text = (
            f"Each step goes {-factor:.3g} times the slope, but uphill: the loss grows. In which"
            " direction does w −= lr · slope go?"
        )
        return finding(Diagnosis.WRONG_SIGN, text)
    text = (
        f"You go the right way, but each step is {factor:.3g} times lr · slope. What else says how"
        " far?"
    )
    return finding(Diagnosis.WRONG_LR, text)


def _other_scale(scale: float, task: Task) -> Finding:
    if scale < 0:
        text = (
            "The slopes are those of the loss upside down, so every step makes the error larger."
            " What is to become small?"
        )
        return finding(Diagnosis.WRONG_SIGN, text)
    text = (
        f"The slopes are {scale:.3g} times those of the mean squared error over {task.targets.size}"
        " answers. What is done to the loss before you walk back?"
    )
    return finding(Diagnosis.WRONG_LOSS, text)


# ------------------------------------------------------------------ other rules, other losses


def _left_out(mechanism: Mechanism, task: Task) -> Finding | None:
    if not mechanism.still:
        return None
    return finding(
        Diagnosis.FROZEN_PARAMETERS,
        f"{len(mechanism.still)} of the {task.net.width} numbers never move, though they have"
        " slopes. Which part of the model is left out?",
    )


def _other_rule(mechanism: Mechanism) -> Finding | None:
    if mechanism.kind == "late":
        return finding(
            Diagnosis.STEP_BEFORE_BACKWARD,
            "Each step follows the slope of the pass before: first you step, and only then you"
            " look. In which order should these two happen?",
        )
    if mechanism.kind == "linear":
        says = f"each step carries {mechanism.momentum:.2g} of the one before along"
    elif mechanism.kind == "adaptive":
        says = f"these are the steps of {mechanism.name}"
    else:
        return None
    text = (
        f"A good way to train, but not the one asked for: {says}. What was lesson 7's plain rule?"
    )
    return finding(Diagnosis.WRONG_OPTIMIZER, text)


def _list(values: Iterable[float]) -> str:
    return ", ".join(f"{round(value, 3) + 0:g}" for value in values)


def _pulls(run: Run, task: Task) -> list[float]:
    """How the mean squared error pulls each answer at the first pass."""
    predicted = reference.predict(run.rows[:1], task.inputs, task.net)
    return [float(p) for p in -reference.MSE.slope(predicted, task.targets[None]).ravel()]


def _other_loss(run: Run, mechanism: Mechanism, task: Task) -> Finding | None:
    if mechanism.kind == "targets":
        goals = ", ".join(f"{round(value, 2) + 0:g}" for value in mechanism.targets)
        text = (
            f"The loop pulls the answers towards ({goals}). Look at the table: what is each answer"
            " compared with?"
        )
        return finding(Diagnosis.WRONG_LOSS, text)
    if mechanism.kind == "part":
        text = (
            f"Every step looks at some of the {len(task.inputs)} rows only, always the same ones."
            " How many answers does your loss compare?"
        )
        return finding(Diagnosis.WRONG_LOSS, text)
    if mechanism.kind == "pulls":
        text = (
            f"The first update pulls the answers by ({_list(mechanism.targets)}), the mean squared"
            f" error by ({_list(_pulls(run, task))}). From what exactly is your loss computed?"
        )
        return finding(Diagnosis.WRONG_LOSS, text)
    if mechanism.loss == "mse":
        return None
    if mechanism.loss == "target-shape":
        goal, count = float(task.targets.mean()), len(task.targets)
        return finding(
            Diagnosis.TARGET_SHAPE,
            f"All answers are pulled towards {goal:g}: each is compared with all {count} targets"
            " instead of its own. Print the shapes of answers and targets: what differs?",
        )
    names = {
        "bce": "binary cross-entropy",
        "mse-again": "answers that are squashed once more before they are compared",
        "bce-again": "cross-entropy of answers that are squashed once more",
        "l1": "the plain error without the square",
    }
    text = f"The steps follow the slope of {names[mechanism.loss]}. Which loss did the task name?"
    return finding(Diagnosis.WRONG_LOSS, text)


def _straight(run: Run) -> Finding:
    text = (
        f"{int(moves(run.rows).sum())} updates go the very same way, whatever the slopes say: the"
        " weights are put somewhere instead of trained. What tells them where downhill is?"
    )
    return finding(Diagnosis.NOT_TRAINED, text)


def _unlike(run: Run, mechanism: Mechanism, habit: Habits | None, task: Task) -> Finding:
    """A run whose updates follow no slope of the lesson's loss: what are they instead?"""
    if habit is not None and habit.steps and habit.undone:
        text = (
            "Besides the steps something else writes into the weights, in every pass, and the work"
            " of the steps is lost. What has to happen only once?"
        )
        return finding(Diagnosis.MODEL_REBUILT_IN_LOOP, text)
    if habit is not None and habit.slopes_right:
        text = (
            "The slopes are right, but the weights don't move by lr · slope alone. What was lesson"
            " 7's plain rule?"
        )
        return finding(Diagnosis.WRONG_OPTIMIZER, text)
    names = _other_net(run.rows, task)
    if names:
        text = (
            f"The net that is trained here has {' and '.join(names)} where lesson 10's has sigmoid."
            " Where was it built?"
        )
        return finding(Diagnosis.WRONG_ARCHITECTURE, text)
    share = f" by {mechanism.error:.1%}" if math.isfinite(mechanism.error) else ""
    text = (
        f"The steps differ{share} from −lr · slope of the mean squared error. From what exactly is"
        " the loss computed that you walk back from?"
    )
    return finding(Diagnosis.WRONG_LOSS, text)


def _other_net(rows: Array, task: Task) -> tuple[str, ...]:
    """The activations with which the updates are plain descent; empty where none are."""
    states = distinct(rows)
    for names in itertools.product(reference.ACTIVATIONS, repeat=len(task.net.activations)):
        if matches(states, descent(states, task, Net(task.net.sizes, names))).all():
            return tuple(
                "nothing" if name == "none" else name for name in names if name != "sigmoid"
            )
    return ()


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
    return finding(
        Diagnosis.STEP_TWICE,
        f"Up to pass {first} every update is exact; from then on every pass moves the weights"
        f" {times(after)}. What changes there?",
    )


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
        return finding(
            Diagnosis.ZERO_GRAD_NOT_EVERY_PASS,
            f"Up to pass {first} every update is exact; from then on the slopes of passes before"
            " add up. What changes there?",
        )
    if part.kind in ("factor", "schedule"):
        text = f"Up to pass {first} every step is exact, then its length changes. What changes it?"
        return finding(Diagnosis.WRONG_LR, text)
    if np.sum(~right) <= max(FEW, ODD * len(right)):
        return None  # a new start now and then, or other weights put in their place at the end
    return finding(
        Diagnosis.WRONG_OPTIMIZER,
        f"Up to pass {first} every update is −lr · slope, of those after it only"
        f" {np.mean(right[first:]):.0%}. What changes there?",
    )
