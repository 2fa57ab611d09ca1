"""Does the judge ever wrong a right loop, or believe a wrong one? Tried over many random starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from support.simulation import Loop, simulate
from xorkit import reference
from xorkit.evidence import ModelOutputs, PredictionsObservation, Run, Runs
from xorkit.judge.claims import HOLDS
from xorkit.judge.data import Data
from xorkit.judge.epochs import Facts
from xorkit.judge.model import Model
from xorkit.judge.questions import UPDATES, questions, vetted_start
from xorkit.judge.result import judge_result
from xorkit.judge.settings import Settings
from xorkit.judge.training import Training, judge_training
from xorkit.judge.updates import arrangement
from xorkit.reference import Task

BATCH = 500  # starts simulated at once: 90 MB of rows
SEED = 2026

LESSON = "the lesson's own loop"  # run to its end; of the others the first epochs tell
# Right orders; all of them must be credited from every start.
RIGHT = {
    LESSON: Loop("fzbs"),
    "zero_grad first": Loop("zfbs"),
    "zero_grad last": Loop("fbsz"),
    "step at the top": Loop("sfzb"),
}
# Mistakes, down to the smallest that people make; none may be credited from any start.
WRONG = {
    "zero_grad forgotten": Loop("fbs"),
    "zero_grad once, before": Loop("fbs", before="z"),
    "zero_grad every second epoch": Loop("fzbs", clear_every=2),
    "zero_grad every tenth epoch": Loop("fzbs", clear_every=10),
    "zero_grad before step": Loop("fbzs"),
    "step twice": Loop("fzbss"),
    "backward twice": Loop("fzbbs"),
    "step forgotten": Loop("fzb"),
    "step in every second epoch": Loop("fzbs", step_every=2),
    "backward forgotten": Loop("fzs"),
    "flat target": Loop("fzbs", flat_target=True),
    "another row wrong": Loop("fzbs", targets=(0, 1, 1, 1)),
    "cross-entropy": Loop("fzbs", loss="bce"),
    "lr 0.999": Loop("fzbs", lr=0.999),
    "lr 1.001": Loop("fzbs", lr=1.001),
    "lr 0.1": Loop("fzbs", lr=0.1),
    "lr that shrinks": Loop("fzbs", shrink=0.999),
    "uphill": Loop("fzbs", scale=-1),
    "sum of the errors": Loop("fzbs", loss="sum"),
    "momentum 0.01": Loop("fzbs", momentum=0.01),
    "weight decay 0.001": Loop("fzbs", decay=0.001),
    "output layer only": Loop("fzbs", held=(6, 7, 8)),
    "start put back": Loop("rfzbs"),
}


@dataclass(frozen=True)
class Sweep:
    """How many of the starts the judge was wrong about, loop by loop (only where it was)."""

    starts: int
    loops: int
    stalled: int  # starts that the right loop doesn't learn from: credited all the same
    false_rejects: dict[str, int] = field(default_factory=dict)
    false_accepts: dict[str, int] = field(default_factory=dict)


def sweep(task: Task, facts: Facts, starts: int, seed: int = SEED) -> Sweep:
    """Right and wrong loops, each from `starts` random starts.

    A right loop is wronged where it or its result loses a point, a wrong one believed where all is
    credited but the number of its epochs.
    """
    rng = np.random.default_rng(seed)
    rejects, accepts = dict.fromkeys(RIGHT, 0), dict.fromkeys(WRONG, 0)
    stalled = 0
    for count in _batches(starts):
        own = reference.random_starts(rng, count, task.net.sizes)
        alone = np.stack([vetted_start(task, rng) for _ in range(count)])
        whole = simulate(own, RIGHT[LESSON], task, task.epochs)
        for name, loop in {**RIGHT, **WRONG}.items():
            for k, run in enumerate(simulate(alone, loop, task, UPDATES, stopped=True)):
                runs = Runs(run, whole[k] if name == LESSON else None)
                training = judge_training(runs, task, facts)
                credited = _order_right(training)
                if name == LESSON:
                    reached, stalls = _result_right(training, whole[k], task, facts, rng)
                    credited, stalled = credited and reached, stalled + stalls
                rejects[name] = rejects.get(name, 0) + (name in RIGHT and not credited)
                accepts[name] = accepts.get(name, 0) + (name in WRONG and credited)
    return Sweep(
        starts,
        len(RIGHT) + len(WRONG),
        stalled,
        {name: count for name, count in rejects.items() if count},
        {name: count for name, count in accepts.items() if count},
    )


def _order_right(training: Training) -> bool:
    claims = (training.weights_move, training.fresh_gradients, training.one_step, training.updates)
    return all(claims)


def _batches(starts: int) -> Iterator[int]:
    for begin in range(0, starts, BATCH):
        yield min(BATCH, starts - begin)


def _result_right(
    training: Training, own: Run, task: Task, facts: Facts, rng: np.random.Generator
) -> tuple[bool, bool]:
    """Whether the result of a right loop keeps all points, and whether its start stalled."""
    asked = questions(task, own.rows[:1].tolist(), own.rows[:1].tolist(), rng)
    vectors = np.array([np.resize(v, task.net.width) for v in asked["vectors"]])
    outputs = reference.predict(vectors, np.array(asked["inputs"]), task.net)
    row = own.rows[-1].astype(np.float32).astype(np.float64)
    seen = PredictionsObservation(
        ModelOutputs(task.net.shapes, outputs, (True,) * len(task.net.shapes)), row
    )
    result = judge_result(seen, asked, own, _parts(training, task), task, facts)
    return bool(training.epochs) and all(result.rows), result.note is not None


def _parts(training: Training, task: Task) -> tuple[Data, Model, Settings, Training]:
    """The other cells, all right."""
    order = arrangement(np.zeros((1, task.net.width)), task.net.shapes, task)
    data = Data(HOLDS, HOLDS, HOLDS, task.inputs, task.targets)
    model = Model(HOLDS, HOLDS, HOLDS, HOLDS, task.net, order, task.net.shapes)
    return data, model, Settings(HOLDS, HOLDS, HOLDS, "mse", task.lr), training
