"""The sample class, handed in as files and graded: the right points for the right reason.

What each learner loses stands beside the learner's answers in samples/xor/class.yaml, written down
from the course's rules before anything was graded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
import torch

from xorkit import samples
from xorkit.engine import batch
from xorkit.engine.course import Course
from xorkit.engine.job import RunSettings
from xorkit.intake.collecting import CollectReport, collect
from xorkit.lesson import load
from xorkit.samples import HANDED_IN, ROSTER, Learner
from xorkit.verdict import Verdict

LESSON = Path(__file__).parents[2] / "lessons" / "xor.yaml"
# Said of what only follows from another mistake, or of a start that was unlucky by chance.
ASIDE = {"not-trained", "bad-start"}
NO_ZERO_GRAD = {"training_loop": {"optimizer.zero_grad()": "pass"}}


@dataclass(frozen=True)
class Graded:
    """What became of the files, and the verdicts by learner."""

    collected: CollectReport
    verdicts: Mapping[str, Verdict]
    faults: Mapping[str, tuple[str, ...]]

    def lost(self, student: str) -> dict[str, float]:
        """Points lost by graded cell, but for cells that a person still has to look at."""
        cells = self.verdicts[student].cells
        lost = {c.grade_id: c.max_score - c.score for c in cells if not c.needs_review}
        return {grade_id: points for grade_id, points in lost.items() if points}


def final_losses(seeds: range, zero_grad: bool) -> dict[int, float]:
    """What the lesson's own program ends at from each seed, in plain PyTorch."""
    inputs = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    targets = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    found = {}
    for seed in seeds:
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Linear(2, 2), torch.nn.Sigmoid(), torch.nn.Linear(2, 1), torch.nn.Sigmoid()
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        for _ in range(5000):
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            if zero_grad:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found[seed] = loss.item()
    return found


@pytest.fixture(scope="module")
def stalled() -> list[Learner]:
    """Right programs from seeds from which they don't get there."""
    losses = final_losses(range(5, 10), zero_grad=True)
    seeds = islice((seed for seed, loss in losses.items() if loss > 0.1), 2)
    return [_seeded(f"stalled-{seed}", seed, {}) for seed in seeds]


@pytest.fixture(scope="module")
def lucky() -> list[Learner]:
    """Programs without zero_grad from seeds from which they get there all the same."""
    losses = final_losses(range(7, 12), zero_grad=False)
    seeds = islice((seed for seed, loss in losses.items() if loss < 0.001), 2)
    return [_seeded(f"lucky-{seed}", seed, NO_ZERO_GRAD) for seed in seeds]


def _seeded(name: str, seed: int, edits: dict[str, dict[str, str]]) -> Learner:
    return Learner(
        id=name,
        name=f"Lee {name}",
        story="",
        assignment="xor",
        file="xor.ipynb",
        seed=seed,
        edits=edits,
    )


@pytest.fixture(scope="module")
def graded(
    new_course: Callable[[str], Course],
    learners: tuple[Learner, ...],
    stalled: list[Learner],
    lucky: list[Learner],
) -> Graded:
    course = new_course("class")
    solved = Learner(
        id="solved", name="Solveig Solved", story="", assignment="xor", file="xor.ipynb"
    )
    download = course.root / "downloaded"
    everyone = (*learners, solved, *stalled, *lucky)
    samples.write_class(download, everyone, course.source, course.release)
    collected = collect(
        [download / HANDED_IN],
        course.root / "submitted",
        course.release,
        assignment="xor",
        roster=download / ROSTER,
    )
    done = list(batch.grade_class(course, RunSettings(timeout=30)))
    return Graded(
        collected,
        {progress.verdict.student: progress.verdict for progress in done},
        {progress.verdict.student: progress.faults for progress in done},
    )


def test_matching_choices_are_lines_of_the_menu(learners: tuple[Learner, ...]) -> None:
    exercise = load(LESSON).matching
    assert exercise is not None
    menu = {line.line for line in exercise.lines}
    chosen = {v for x in learners for name, v in x.form.items() if name.startswith("job_")}

    assert chosen <= menu


def test_collect_takes_every_file_but_those_that_are_no_notebook_and_loses_nobody(
    graded: Graded, learners: tuple[Learner, ...]
) -> None:
    refused = {learner.id for learner in learners if learner.refused}

    assert {item.student for item in graded.collected.refused} == refused
    assert not graded.collected.unplaced
    assert set(graded.verdicts) >= {learner.id for learner in learners}
    ungraded = (v for v in graded.verdicts.values() if v.status == "not_gradable")
    assert {verdict.student for verdict in ungraded} == refused


def test_the_grader_itself_never_fails(graded: Graded) -> None:
    assert {student: faults for student, faults in graded.faults.items() if faults} == {}


def test_everyone_loses_the_points_of_their_own_mistakes_and_no_others(
    graded: Graded, learners: tuple[Learner, ...]
) -> None:
    expected = {learner.id: learner.loses for learner in learners if not learner.refused}

    assert {student: graded.lost(student) for student in expected} == expected


def test_everyone_is_told_what_went_wrong(graded: Graded, learners: tuple[Learner, ...]) -> None:
    expected = {learner.id: learner.says for learner in learners if not learner.refused}
    told = {
        student: tuple(c for c in graded.verdicts[student].diagnosis if c in says or c not in ASIDE)
        for student, says in expected.items()
    }

    assert told == expected


def test_what_the_rubrics_cannot_vouch_for_waits_for_a_person(
    graded: Graded, learners: tuple[Learner, ...]
) -> None:
    expected = {learner.id: set(learner.waits) for learner in learners if not learner.refused}

    assert {name: set(graded.verdicts[name].needs_review) for name in expected} == expected


def test_the_solutions_earn_40_of_40_and_the_untouched_release_nothing(graded: Graded) -> None:
    solved, untouched = graded.verdicts["solved"], graded.verdicts["ychen"]

    assert (solved.score, solved.max_score, solved.status) == (40, 40, "graded")
    assert (untouched.score, untouched.max_score) == (0, 40)


def test_a_right_loop_keeps_all_its_points_from_seeds_that_stall(
    graded: Graded, stalled: list[Learner]
) -> None:
    assert len(stalled) == 2
    assert {learner.id: graded.lost(learner.id) for learner in stalled} == {
        learner.id: {} for learner in stalled
    }
    assert all("bad-start" in graded.verdicts[learner.id].diagnosis for learner in stalled)


def test_a_loop_without_zero_grad_loses_half_its_points_though_it_reaches_xor(
    graded: Graded, lucky: list[Learner]
) -> None:
    points = {c.grade_id: c.max_score for c in graded.verdicts["solved"].cells}[
        "test_training_loop"
    ]

    assert len(lucky) >= 2
    for learner in lucky:
        assert graded.lost(learner.id)["test_training_loop"] >= points / 2
        assert set(graded.lost(learner.id)) == {"test_training_loop"}  # the result is what it is
        assert graded.verdicts[learner.id].diagnosis[0] == "no-zero-grad"
