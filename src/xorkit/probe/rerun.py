"""Runs a learner's cell once more, alone: with what other cells leave behind set right."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import itertools
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from xorkit.probe.asking import fill, kept, put
from xorkit.probe.limits import EndOfRun, alarmed, under_alarm
from xorkit.probe.notebook import Namespace, shell
from xorkit.probe.recording import (
    describe,
    flat,
    holds,
    parameters_of,
    raising_line,
    recorder,
)

FEW_SECONDS = 5.0  # a few dozen epochs of a right loop take 0.02 s, with a picture in each 3 s
WHOLE_SECONDS = 20.0  # 5000 epochs take a second, on a busy machine five
LOOKS = 400  # events looked at closely: fifty epochs of eight events
ACTIVATION_MODULES: Mapping[
    str, Callable[[], nn.Module]
] = {  # by the names of `reference.ACTIVATIONS`
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "none": nn.Identity,
}
SETTINGS = 3  # see `settings`
WHOLE_ROOM = 60_000  # numbers kept of a whole run's rows: 6,000 epochs of the lesson's net


def lesson_objects(questions: Mapping[str, Any], start: Sequence[float]) -> dict[str, Any]:
    """The lesson's own data, model, loss and optimizer, by the names that the contract fixes."""
    layers: list[nn.Module] = []
    pairs = itertools.pairwise(questions["layers"])
    for (n_in, n_out), name in zip(pairs, questions["activations"], strict=True):
        layers += [nn.Linear(n_in, n_out), ACTIVATION_MODULES[name]()]
    net = nn.Sequential(*layers)
    fill(parameters_of(net), start)
    return _around(net, parameters_of(net), questions)


def _around(
    model: Any, parameters: Sequence[torch.Tensor], questions: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "X": torch.tensor(questions["X"]),
        "Y": torch.tensor(questions["Y"]),
        "model": model,
        "loss_fn": nn.MSELoss(),
        "optimizer": torch.optim.SGD(parameters, lr=questions["lr"]),
    }


@contextlib.contextmanager
def swapped(namespace: Namespace, names: Mapping[str, Any]) -> Iterator[None]:
    """The learner's namespace with some names set right, under all the names they go by."""
    saved = dict(namespace)
    plain = (type(None), bool, int, float, str)  # equal by chance, not one thing by two names
    alias = {
        id(saved[name]): value
        for name, value in names.items()
        if name in saved and not isinstance(saved[name], plain)
    }
    namespace.update({name: alias[id(v)] for name, v in saved.items() if id(v) in alias})
    namespace.update(names)
    try:
        yield
    finally:
        namespace.clear()
        namespace.update(saved)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing of what runs inside is seen or heard; random numbers go on as before."""
    with contextlib.ExitStack() as stack:
        null = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(null))
        stack.enter_context(contextlib.redirect_stderr(null))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.callback(random.setstate, random.getstate())
        stack.callback(setattr, threading, "excepthook", threading.excepthook)
        threading.excepthook = lambda args: None  # a thread of the learner's may have been ended
        stack.callback(np.random.set_state, np.random.get_state())
        stack.enter_context(torch.enable_grad())
        stack.enter_context(_without_pictures())
        if shell() is not None:
            from IPython.utils.capture import capture_output

            stack.enter_context(capture_output(stdout=False, stderr=False, display=True))
        yield


@contextlib.contextmanager
def _without_pictures() -> Iterator[None]:
    """Closes the figures that were opened inside, which a notebook would show at a cell's end."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    before = set(pyplot.get_fignums()) if pyplot else set()
    try:
        yield
    finally:
        pyplot = sys.modules.get("matplotlib.pyplot")
        for number in set(pyplot.get_fignums()) - before if pyplot else ():
            pyplot.close(number)  # type: ignore[union-attr]


def execute(source: str, namespace: Namespace) -> BaseException | None:
    """Runs a cell's text in a namespace; gives back what it raised."""
    try:
        here = shell()
        text = here.transform_cell(source) if here is not None else source
        code = compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        under_alarm(lambda: _run_code(code, namespace))
    except BaseException as error:  # whatever the learner's cell raises, SystemExit included
        return error
    return None


def _run_code(code: CodeType, namespace: Namespace) -> None:
    waits = eval(code, namespace)  # noqa: S307 - in the learner's process
    if code.co_flags & inspect.CO_COROUTINE:  # an `await` at the cell's top level
        with _no_loop():
            asyncio.run(waits)


@contextlib.contextmanager
def _no_loop() -> Iterator[None]:
    """The kernel's own event loop is set aside, as one can't run inside of another."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        yield
        return
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)
        if task is not None:
            asyncio.tasks._enter_task(loop, task)


class _Start:
    """Hands out the numbers of a start, each to the next parameter of its size, if there is one."""

    def __init__(self, model: nn.Module) -> None:
        self.rest = [flat(parameter).tolist() for parameter in model.parameters()]

    def give(self, parameters: Iterable[torch.Tensor]) -> None:
        for parameter in parameters:
            numbers = next((n for n in self.rest if len(n) == parameter.numel()), None)
            if numbers is not None:
                self.rest.remove(numbers)
            else:
                pool = [*itertools.chain.from_iterable(self.rest)]
                numbers, self.rest = pool[: parameter.numel()], [pool[parameter.numel() :]]
            if len(numbers) == parameter.numel():
                put(parameter, numbers)


@contextlib.contextmanager
def _following(start: _Start, old: Iterable[torch.Tensor]) -> Iterator[None]:
    """Notes forward passes, and gives the first model that the run itself builds its start.

    `old` are the parameters from before the run, which have theirs.
    """
    record = recorder()
    seen: dict[int, nn.Module] = {}
    known = {id(parameter) for parameter in old}

    def on_forward(module: nn.Module, _: object) -> None:
        if id(module) not in seen:
            seen[id(module)] = module
            fresh = [p for p in parameters_of(module) if id(p) not in known]
            known.update(map(id, fresh))
            if not record.models:
                start.give(fresh)
        first = next((p for p in module._parameters.values() if p is not None), None)
        current = record.recordings[-1] if record.recordings else None
        if first is not None and current is not None and first is current.parameters[0]:
            current.event(ord("f") if first.requires_grad else ord("F"))

    handle = register_module_forward_pre_hook(on_forward)
    try:
        yield
    finally:
        handle.remove()


@dataclass(frozen=True)
class Setting:
    """What a loop is run with: names to set right, and the parameters that it is to train."""

    names: Mapping[str, Any]
    parameters: Sequence[torch.Tensor]


def settings(
    namespace: Namespace, questions: Mapping[str, Any], right: Mapping[str, Any]
) -> tuple[Setting, ...]:
    """Ways to run a loop, best first; `right` are the lesson's own objects.

    A loop may reach for more than the contract's names: a layer by its name, a list of parameters,
    a trainer that holds the model. Then it runs with the learner's own model, from the same start,
    and where it can't do with that either, with all that is the learner's own.
    """
    lesson = parameters_of(right["model"])
    ways = [Setting(right, lesson)]
    own = parameters_of(namespace.get("model"), right["X"])
    if sum(p.numel() for p in own) == sum(p.numel() for p in lesson):
        ways += [Setting(_around(namespace["model"], own, questions), own), Setting({}, own)]
    return tuple(ways)


@dataclass(frozen=True)
class RunAlone:
    """A loop's run alone: what was recorded, and in which setting."""

    run: dict[str, Any]
    setting: int
    telling: bool  # whether it shows what the loop does


def run_alone(
    source: str,
    namespace: Namespace,
    questions: Mapping[str, Any],
    *,
    limit: int,
    raised: Sequence[str] | None = None,
) -> RunAlone:
    """The first few epochs of the learner's loop, in the first setting where they tell something.

    A mistake in another cell can't reach it, and nobody knew the start before. Where no setting
    tells anything, the one that ends as the learner's own run did, with the error `raised`.
    """
    # A check in the notebook has less time.
    seconds = questions.get("few_seconds", FEW_SECONDS)
    runs: list[RunAlone] = []
    for setting in range(SETTINGS):
        run = run_in(setting, source, namespace, questions, limit=limit, seconds=seconds)
        if run is None:
            break
        runs.append(run)
        if run.telling or (run.run["stopped"] and not run.run["backwards"]):
            return run
    same = (each for each in runs if each.run["error"] == raised)
    return next(same, runs[0]) if raised is not None else runs[0]


def run_in(
    setting: int,
    source: str,
    namespace: Namespace,
    questions: Mapping[str, Any],
    *,
    limit: int,
    seconds: float,
    start: str = "start",
) -> RunAlone | None:
    """The learner's loop in one setting, stopped after `limit` backward passes or so many seconds.

    It begins with the names, the objects and the files as they were before the cell. None where
    there is no such setting.
    """
    record = recorder()
    right = lesson_objects(questions, questions[start])
    now = parameters_of(namespace.get("model"), right["X"])
    now += [p for recording in record.recordings for p in recording.parameters]
    with record.before_cell.put_back(namespace):
        ways = settings(namespace, questions, right)
        if setting >= len(ways):
            return None
        known = [*parameters_of(namespace.get("model"), right["X"]), *now]
        return _run_in(setting, ways[setting], known, source, namespace, right, limit, seconds)


def _run_in(
    setting: int,
    way: Setting,
    known: Sequence[torch.Tensor],
    source: str,
    namespace: Namespace,
    right: Mapping[str, Any],
    limit: int,
    seconds: float,
) -> RunAlone:
    record = recorder()
    with kept(known), _registered(namespace.values()), record.aside():
        record.reset(room=WHOLE_ROOM, looks=LOOKS)
        _Start(right["model"]).give(way.parameters)
        own = record.add(way.parameters, way.names.get("model", namespace.get("model")))
        following = _following(_Start(right["model"]), [*known, *way.parameters])
        with swapped(namespace, way.names), following:
            error = _within(source, namespace, limit, seconds)
            over = isinstance(error, EndOfRun) or record.backwards >= limit
            model = parameters_of(namespace.get("model"), right["X"])
            longest = record.of(model) or own
            run = longest.to_json(
                total=record.backwards,
                models=record.models,
                on_model=holds(model, longest),
                stopped=over,
                cut=over and record.backwards < limit,
                error=None if over else describe(error),
                line="" if over else raising_line(error, source),
            )
    strayed = longest.ids & {id(p) for p in known} - {id(p) for p in way.parameters}
    return RunAlone(run, setting, longest.moved and run["error"] is None and not strayed)


@contextlib.contextmanager
def _registered(values: Iterable[Any]) -> Iterator[None]:
    """Gives models the parameters back that a run puts others in the place of."""
    models = [value for value in values if isinstance(value, nn.Module)]
    modules = (m for model in models for m in model.modules())
    before = [(m, {**m._parameters}) for m in modules if type(m._parameters) is dict]  # no script
    try:
        yield
    finally:
        for module, parameters in before:
            module._parameters.update(parameters)


def _within(source: str, namespace: Namespace, limit: int, seconds: float) -> BaseException | None:
    """Runs a cell's text; after so many backward passes or seconds it raises Enough."""
    record = recorder()
    with alarmed(seconds) as hurry:

        def at_limit() -> None:
            hurry()
            raise EndOfRun

        record.limit, record.at_limit = limit, at_limit
        return execute(source, namespace)


def run_blank(source: str, namespace: Namespace, names: Mapping[str, Any]) -> dict[str, Any]:
    """What a cell leaves behind, with the cells before it set right."""
    with recorder().aside():
        recorder().reset()
        with swapped(namespace, names):
            _within(source, namespace, 0, FEW_SECONDS)  # a loop is not what is asked here
            return dict(namespace)
