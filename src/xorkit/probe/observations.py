"""What is to be seen of each answer cell."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from xorkit.evidence import MAX_WIDTH, MIME, QUESTION, decode, encode
from xorkit.probe.asking import ask_loss, ask_model, ask_optimizer, ask_tensor, ask_value
from xorkit.probe.limits import limited
from xorkit.probe.notebook import Namespace, shell
from xorkit.probe.recording import (
    MAX_MODELS,
    describe,
    flat,
    holds,
    parameters_of,
    raising_line,
    recorder,
)
from xorkit.probe.rerun import (
    WHOLE_SECONDS,
    lesson_objects,
    quiet,
    run_alone,
    run_blank,
    run_in,
)

ASSIGNMENT = re.compile(r"(?:^|;|^%time )\s*(\w+)\s*=(?!=)", re.MULTILINE)
MOST_NAMES = 100  # that a cell assigns; an answer sets one or two
WAITED = 4  # times the lesson's epochs until a loop that waits for a small loss should have it
STANDARD = "float32"  # in which layers count unless they are told otherwise

Observer = Callable[[Namespace, str, Mapping[str, Any]], dict[str, Any]]


def observe_data(namespace: Namespace, source: str, questions: Mapping[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {name: ask_tensor(namespace.get(name)) for name in ("X", "Y")}
    if seen["X"].get("dtype", STANDARD) != STANDARD:
        # As good as any, if the model that is made next takes it.
        model = run_blank(questions.get("next", ""), namespace, {}).get("model")
        parameters = parameters_of(model)
        if parameters and not _takes(model, namespace["X"]):
            seen["model"] = str(parameters[0].dtype).removeprefix("torch.")
    return seen


def _takes(model: Any, inputs: torch.Tensor) -> bool:
    try:
        with torch.no_grad():
            limited(lambda: model(inputs))
    except Exception:  # a learner's forward may raise anything
        return False
    return True


def observe_model(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    left = run_blank(source, namespace, {name: torch.tensor(questions[name]) for name in "XY"})
    return ask_model(left.get("model"), questions)


def observe_loss_and_optimizer(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    right = lesson_objects(questions, np.ravel(questions["pairs"]).tolist())  # any numbers will do
    left = run_blank(source, namespace, {name: right[name] for name in ("X", "Y", "model")})
    # A cell may build the model once more; what counts is whether the optimizer has the last one's.
    optimizer = ask_optimizer(left.get("model"), left.get("optimizer"), questions)
    if not _moving(optimizer):
        # One that was made from more than the model's name knows the learner's own model only, as
        # it was then or, where a loop has made new tensors, as it is now.
        made = (namespace.get("optimizer"), left.get("optimizer"))
        own = [ask_optimizer(namespace.get("model"), each, questions) for each in made]
        optimizer = max(optimizer, *own, key=_moving)
    return {"loss": ask_loss(left.get("loss_fn"), questions), "optimizer": optimizer}


def _moving(answer: Mapping[str, Any]) -> int:
    """How many of the parameters the steps moved."""
    if "rows" not in answer:
        return 0
    rows = decode(answer["rows"])
    return int((rows != rows[0]).any(axis=0).sum())


def observe_training_loop(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    record = recorder()
    own, backwards = _own(namespace, questions)
    endless = isinstance(record.raised, KeyboardInterrupt)  # the cell's time was over
    raised = None if endless else describe(record.raised)
    line = raising_line(record.raised, source) if raised is not None else ""
    alone = run_alone(source, namespace, questions, limit=questions["updates"], raised=raised)
    seen: dict[str, Any] = {"own": own, "alone": alone.run, "whole": []}
    seen |= {"raised": raised and [*raised, line], "replaced": record.replaced()}
    if endless:
        # Does it wait until it has learned, and its start never did? From one that learns it ends.
        starts, limit = ["good"], WAITED * questions["epochs"]
    elif backwards < questions["enough"]:
        # Too few epochs, early stopping, or a crash elsewhere? Whole runs from two starts tell: one
        # that learns, one that stalls. A loop without end has to be ended.
        starts, limit = ["good", "stall"], 2 * questions["epochs"]
    else:
        return seen
    for start in starts if alone.run["backwards"] and alone.run["error"] is None else ():
        run = run_in(
            alone.setting,
            source,
            namespace,
            questions,
            limit=limit,
            seconds=WHOLE_SECONDS,
            start=start,
        )
        if run is None:
            break
        seen["whole"].append(run.run)
        if run.run["error"] is not None or run.run["stopped"]:
            break
    return seen


def _own(namespace: Namespace, questions: Mapping[str, Any]) -> tuple[dict[str, Any] | None, int]:
    """The learner's own run, if any was recorded, and how many backward passes one model made.

    Of more models than anybody tries one after the other, those of all together: they were built in
    the loop, and need no whole runs to show it.
    """
    record = recorder()
    parameters = parameters_of(namespace.get("model"), torch.tensor(questions["X"]))
    recording = record.of(parameters)
    if recording is None:
        return None, 0
    stopped = isinstance(record.raised, KeyboardInterrupt)
    run = recording.to_json(
        total=record.backwards,
        models=record.models,
        on_model="model" not in namespace or holds(parameters, recording),
        stopped=stopped,
        cut=stopped,
    )
    return run, recording.backwards if record.models <= MAX_MODELS else record.backwards


def observe_predictions(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    model = namespace.get("model")
    parameters = parameters_of(model, torch.tensor(questions["X"]))
    row = np.concatenate([flat(p) for p in parameters]) if parameters else np.empty(0)
    return {
        "model": ask_model(model, questions),
        "row": encode(row[:MAX_WIDTH].astype(np.float32)),
    }


def observe_values(
    namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    """The plain values of the names that a cell's text assigns."""
    names = questions.get("names") or assigned(source)
    return {"values": {name: ask_value(namespace.get(name)) for name in names}}


def assigned(source: str) -> list[str]:
    """The names that a cell assigns; where magics stand in it, those at the beginning of a line."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return list(dict.fromkeys(ASSIGNMENT.findall(source)))[:MOST_NAMES]
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    stored = [node.id for node in names if isinstance(node.ctx, ast.Store)]
    return list(dict.fromkeys(stored))[:MOST_NAMES]


OBSERVERS: Mapping[str, Observer] = {
    "data": observe_data,
    "model": observe_model,
    "loss_and_optimizer": observe_loss_and_optimizer,
    "training_loop": observe_training_loop,
    "predictions": observe_predictions,
}


def observe(
    role: str, namespace: Namespace, source: str, questions: Mapping[str, Any]
) -> dict[str, Any]:
    """What is to be seen of a solution cell of this role, as JSON. `source` is the cell's text.

    A failure of the probe's own is said as such: it must not look like a learner's.
    """
    try:
        with quiet():
            return OBSERVERS.get(role, observe_values)(namespace, source, questions)
    except Exception as error:
        return {"fault": ": ".join(describe(error) or ())}


def attend() -> None:
    """From now on this kernel's shell answers QUESTION expressions; all others stay IPython's.

    After the mark follows JSON, [cell, its role, its text, questions] for each thing that is to be
    seen of the last cell. What the answer takes is bound here, before a learner's first cell, and
    looked up by no name of the notebook's.
    """
    here, record = shell(), recorder()
    namespace, usual = here.user_ns, here.user_expressions
    look, loads, dumps = observe, json.loads, json.dumps

    def answer(expression: str) -> dict[str, Any]:
        if not expression.startswith(QUESTION):
            return usual({"": expression})[""]  # type: ignore[no-any-return]
        try:
            record.cell_begins(namespace)
            asked = loads(expression.removeprefix(QUESTION))
            seen = dumps({cell: look(role, namespace, *about) for cell, role, *about in asked})
        except BaseException:  # an interrupt, too: a reply must go out
            return {"status": "error"}
        return {"status": "ok", "data": {MIME: seen}, "metadata": {}}

    def user_expressions(expressions: Mapping[str, str]) -> dict[str, Any]:
        return {key: answer(expression) for key, expression in expressions.items()}

    here.user_expressions = user_expressions
