"""The judge against loops that NumPy alone simulates: what each does is known by construction.

Hundreds of random starts, learning rates and lengths for every code that a trajectory shows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.simulation import Loop, simulate
from support.sweep import sweep
from support.truth import is_true
from support.workbench import lesson

from xorkit import reference
from xorkit.evidence import Runs
from xorkit.judge.deviations import deviations
from xorkit.judge.epochs import judge_epochs
from xorkit.judge.questions import vetted_start
from xorkit.judge.training import Training, judge_training
from xorkit.judge.updates import distinct, explain, matches
from xorkit.reference import Task

COURSE = lesson()
TASK, FACTS = COURSE.trained, COURSE.start_facts
ROUNDS = 10  # tasks with a learning rate and a length of their own
STARTS = 10  # from which each of them is run

RIGHT = [
    Loop("fzbs"),
    Loop("zfbs"),
    Loop("fbsz"),
    Loop("sfzb"),
    Loop("zfzbs", before="zs"),
    Loop("fzbszs"),
    Loop("ffzbsf"),
]
# What a loop does, and which codes its claims must name, in this order.
WRONG = [
    (Loop("fbs"), ["no-zero-grad"]),
    (Loop("fbs", after="z"), ["no-zero-grad"]),
    (Loop("fbs", before="z"), ["zero-grad-not-every-pass"]),
    (Loop("fzbs", clear_every=2), ["zero-grad-not-every-pass"]),
    (Loop("fzbs", clear_every=7), ["zero-grad-not-every-pass"]),
    (Loop("fbsz", clear_every=13), ["zero-grad-not-every-pass"]),
    (Loop("fbzs"), ["zero-grad-before-step"]),
    (Loop("zfbzs"), ["zero-grad-before-step"]),
    (Loop("fzs"), ["no-backward"]),
    (Loop("fs"), ["no-backward"]),
    (Loop("f"), ["no-backward"]),
    (Loop("fzb"), ["no-step"]),
    (Loop("fb"), ["no-step"]),
    (Loop("zsfb"), ["step-before-backward"]),
    (Loop("fzbss"), ["step-twice"]),
    (Loop("fzbsss"), ["step-twice"]),
    (Loop("fzbbs"), ["backward-twice"]),
    (Loop("fzbbbs"), ["backward-twice"]),
    (Loop("fzbbss"), ["backward-twice", "step-twice"]),
    (Loop("fbss"), ["no-zero-grad", "step-twice"]),
    (Loop("fbbs"), ["no-zero-grad", "backward-twice"]),
    (Loop("fzbs", flat_target=True), ["target-shape"]),
    (Loop("fbs", flat_target=True), ["no-zero-grad", "target-shape"]),
    (Loop("fzbss", flat_target=True), ["step-twice", "target-shape"]),
    (Loop("fzbs", scale=-1), ["wrong-sign"]),
    (Loop("fzbs", lr=-1), ["wrong-sign"]),
    (Loop("fzbs", lr=0.1), ["wrong-lr"]),
    (Loop("fzbs", lr=0.99), ["wrong-lr"]),
    (Loop("fzbs", lr=2.5), ["wrong-lr"]),
    (Loop("fzbs", shrink=0.95), ["wrong-lr"]),
    (Loop("fzbs", loss="sum"), ["wrong-loss"]),
    (Loop("fzbs", loss="half"), ["wrong-loss"]),
    (Loop("fzbs", loss="bce"), ["wrong-loss"]),
    (Loop("fzbs", loss="l1"), ["wrong-loss"]),
    (Loop("fzbs", scale=0.25), ["wrong-loss"]),
    (Loop("fzbs", targets=(0, 1, 1, 1)), ["wrong-loss"]),
    (Loop("fzbs", targets=(1, 0, 0, 1)), ["wrong-loss"]),
    (Loop("fzbs", momentum=0.9), ["wrong-optimizer"]),
    (Loop("fzbs", momentum=0.5), ["wrong-optimizer"]),
    (Loop("fzbs", decay=0.01), ["wrong-optimizer"]),
    (Loop("fzbs", held=(6, 7, 8)), ["frozen-parameters"]),
    (Loop("fzbs", held=(0, 1, 2, 3, 4, 5)), ["frozen-parameters"]),
    (Loop("fzbs", held=(0, 1, 2, 3, 6, 7)), ["frozen-parameters"]),
    (Loop("rfzbs"), ["model-rebuilt-in-loop"]),
]


def tasks() -> list[tuple[Task, int, np.random.Generator]]:
    """The lesson with other learning rates, and a number of passes that the judge gets to see."""
    rng = np.random.default_rng(7)
    rates = np.exp(rng.uniform(np.log(0.2), np.log(3.0), ROUNDS))
    return [
        (replace(TASK, lr=float(rate)), int(rng.integers(8, 60)), np.random.default_rng(seed))
        for seed, rate in enumerate([1.0, *rates[1:]])
    ]


def named(loop: Loop, task: Task, passes: int, rng: np.random.Generator) -> list[Training]:
    """What the judge says of a loop that was stopped after some passes, from several starts."""
    starts = np.stack([vetted_start(task, rng) for _ in range(STARTS)])
    runs = simulate(starts, loop, task, passes, stopped=True)
    return [judge_training(Runs(run), task, FACTS) for run in runs]


def codes(training: Training) -> list[str]:
    claims = (training.weights_move, training.fresh_gradients, training.one_step, training.updates)
    found = [claim.finding.code for claim in claims if claim.finding and claim.finding.code]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("decay", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("seed", range(6))
def test_weights_that_decay_to_nothing_are_explained_to_the_end(decay: float, seed: int) -> None:
    start = vetted_start(TASK, np.random.default_rng(seed))[None]

    (run,) = simulate(start, Loop("fzbs", decay=decay), TASK, 2000, stopped=True)

    assert np.abs(run.rows[-1]).max() < 1e-17  # where a gradient is nothing but rounding
    assert explain(run.rows, TASK).kind == "linear"


@pytest.mark.parametrize("loop", RIGHT, ids=lambda loop: f"{loop.before}({loop.order})")
def test_a_right_order_is_proved_from_every_start(loop: Loop) -> None:
    found = {
        tuple(codes(training))
        for task, passes, rng in tasks()
        for training in named(loop, task, passes, rng)
    }

    assert found == {()}


@pytest.mark.parametrize(("loop", "wanted"), WRONG, ids=lambda value: str(value))
def test_a_mistake_is_named_from_every_start(loop: Loop, wanted: list[str]) -> None:
    passes_needed = 2 * max(loop.clear_every, 4)
    found = {
        tuple(codes(training))
        for task, passes, rng in tasks()
        for training in named(loop, task, max(passes, passes_needed), rng)
    }

    assert found == {tuple(wanted)}


def test_a_step_after_the_loop_is_seen_in_the_run_that_was_not_stopped() -> None:
    starts = reference.random_starts(np.random.default_rng(0), 200, TASK.net.sizes)
    for order in ("fzb", "fb"):
        loop = Loop(order, after="s")
        stopped = simulate(starts, loop, TASK, 48, stopped=True)
        whole = simulate(starts, loop, TASK, 80)

        found = {
            tuple(codes(judge_training(Runs(alone, own), TASK, FACTS)))
            for alone, own in zip(stopped, whole, strict=True)
        }

        assert found == {("step-outside-loop",)}


def test_a_loop_that_counts_to_less_is_told_from_one_that_has_learned() -> None:
    start = np.array(COURSE.facts.good[:40])
    stall = np.array(COURSE.facts.stall[:40])
    loop, counted = Loop("fzbs"), 1000
    alone = simulate(start, loop, TASK, 48, stopped=True)
    short, stalled = (simulate(s, loop, TASK, counted) for s in (start, stall))
    learned = simulate(start, loop, TASK, TASK.epochs // 2)
    patient = simulate(stall[: len(start)], loop, TASK, TASK.epochs)
    for k in range(min(len(start), len(stall))):
        counts = judge_training(Runs(alone[k], short[k], (short[k], stalled[k])), TASK, FACTS)
        looks = judge_training(Runs(alone[k], learned[k], (learned[k], patient[k])), TASK, FACTS)

        assert counts.epochs.finding is not None
        assert counts.epochs.finding.code == "too-few-epochs"
        assert counts.updates
        assert looks.right


def test_a_run_that_never_ends_costs_its_epochs_and_one_that_waits_to_learn_nothing() -> None:
    task = replace(TASK, epochs=100)
    start = np.array(COURSE.facts.good[:1])
    (alone,) = simulate(start, Loop("fzbs"), task, 48, stopped=True)
    (long,) = simulate(start, Loop("fzbs"), task, 400, stopped=True)
    kept = replace(long, rows=long.rows[:250], end_rows=long.rows[-60:])  # both ends
    (learned,) = simulate(start, Loop("fzbs"), TASK, TASK.epochs)

    endless = judge_training(Runs(alone, kept), task, FACTS)
    ended = judge_training(Runs(alone, replace(kept, stopped=False)), task, FACTS)
    waits = judge_training(Runs(alone, kept, (learned,)), task, FACTS)

    assert endless.epochs.finding is not None
    assert endless.epochs.finding.code == "timeout"
    assert dict(endless.epochs.finding.facts) == {"backwards": 400}
    assert is_true("timeout.endless", {"backwards": 400}, kept)
    assert codes(endless) == codes(ended) == codes(waits) == []
    assert ended.right
    assert waits.right


def test_what_was_stopped_or_makes_no_update_is_told_so() -> None:
    start = np.array(COURSE.facts.good[:1])
    (stopped,) = simulate(start, Loop("f"), TASK, 9)
    (idle,) = simulate(start, Loop("fz"), TASK, 9)
    waits = judge_training(Runs(replace(stopped, stopped=True)), TASK, FACTS)
    ends = judge_epochs(idle, (), TASK, FACTS, clean=False)

    assert is_true("timeout.no-backward", {}, replace(stopped, stopped=True))
    assert codes(waits) == ["timeout"]
    assert ends.finding is not None
    assert (ends.finding.symptom, is_true("too-few-epochs.none", {}, idle)) == ("none", True)


@pytest.mark.parametrize(
    ("loop", "wanted", "count"),
    [
        (Loop("fzbs", step_every=10), "no-step", 0),
        (Loop("fzbs", clear_every=2), "zero-grad-not-every-pass", 200),
        (Loop("fzbss"), None, 0),
    ],
)
def test_what_is_told_of_some_epochs_is_true_of_so_many(
    loop: Loop, wanted: str | None, count: int
) -> None:
    start = np.array(COURSE.facts.good[:1])
    (run,) = simulate(start, loop, TASK, 400)

    seen = deviations(run, TASK)

    if wanted is None:
        assert seen is None  # no update is right: nothing is an exception
        return
    assert seen is not None
    assert seen.carried == count
    assert seen.right + seen.wrong + seen.skipped + seen.stuck == seen.epochs


def test_a_trajectory_of_straight_lines_is_no_training() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        begin, end = reference.random_starts(rng, 2, TASK.net.sizes) * [[1], [20]]
        shares = np.linspace(0, 1, 49)[:, None]
        (run,) = simulate(begin[None], Loop("fzbs"), TASK, 48, stopped=True)
        for drawn in (shares, shares**2):
            line = (begin + drawn * (end - begin)).astype(np.float32).astype(np.float64)

            training = judge_training(Runs(replace(run, rows=line)), TASK, FACTS)

            assert codes(training) == ["not-trained"]


def test_one_number_changed_in_one_row_is_seen() -> None:
    starts = reference.random_starts(np.random.default_rng(3), 50, TASK.net.sizes)
    for run in simulate(starts, Loop("fzbs"), TASK, 48, stopped=True):
        rows = run.rows.copy()
        rows[20, 4] += 1e-3

        assert judge_training(Runs(run), TASK, FACTS).updates
        assert not judge_training(Runs(replace(run, rows=rows)), TASK, FACTS).updates


@pytest.mark.parametrize("seed", range(5, 13))
def test_the_simulation_computes_what_pytorch_computes(seed: int) -> None:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 2), torch.nn.Sigmoid(), torch.nn.Linear(2, 1), torch.nn.Sigmoid()
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.5)
    inputs, targets = (
        torch.tensor(values, dtype=torch.float32) for values in (TASK.inputs, TASK.targets)
    )
    rows = []
    for _ in range(200):
        rows.append(torch.cat([p.detach().ravel() for p in model.parameters()]).double().numpy())
        if len(rows) % 3 == 1:
            optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()

    (run,) = simulate(rows[0][None], Loop("fzbs", clear_every=3, momentum=0.5), TASK, 199)

    states = distinct(run.rows)
    np.testing.assert_allclose(run.rows, np.array(rows), rtol=0, atol=1e-5)
    # Later on, the rounding of one update after the other has added up.
    assert matches(states[:10], states[:9] - np.array(rows)[1:10]).all()


def test_the_sweep_finds_nothing_wrong_on_a_few_starts() -> None:
    found = sweep(lesson(300).trained, FACTS, starts=6)

    assert found.starts == 6
    assert found.loops >= 25
    assert found.false_rejects == {}
    assert found.false_accepts == {}
