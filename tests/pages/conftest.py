"""Learners of every kind, graded once."""

from __future__ import annotations

import pytest
from support import classroom
from support.classroom import Learner, Room

from xorkit.lesson import Lesson
from xorkit.verdict import Verdict


def _without(text: str, *parts: str) -> str:
    return "\n".join(line for line in text.splitlines() if not any(part in line for part in parts))


def _choosing(text: str, choices: dict[int, str]) -> str:
    """The matching cell with other lines chosen."""
    lines = text.splitlines()
    for number, choice in choices.items():
        (place,) = [k for k, line in enumerate(lines) if line.startswith(f"job_{number} = ")]
        lines[place] = f'job_{number} = "{choice}"'
    return "\n".join(lines)


@pytest.fixture(scope="session")
def lesson() -> Lesson:
    return classroom.lesson()


@pytest.fixture(scope="session")
def room() -> Room:
    right, empty = classroom.solutions(), classroom.released()
    mistaken = {
        "loss_and_optimizer": right["loss_and_optimizer"].replace("lr=1.0", "lr=0.1"),
        "training_loop": _without(right["training_loop"], "zero_grad()"),
        "matching": _choosing(right["matching"], {2: "torch.zeros(2, 2)", 8: "(choose a line)"}),
        "recall_zero_grad": 'recall_zero_grad = "It sets the weights back to zero."',
        "recall_tensor": 'recall_tensor = "Something with the quux of the frobnicated manifold"',
    }
    broken = {"training_loop": right["training_loop"].replace("loss.backward()", "loss.oops()")}
    mended = {"repairs": ("The file was in an old format.",), "review": ("Two answers to 4.",)}
    refused = Verdict("refused", "xor", 40.0, message="The file only holds a link.")
    return Room(
        right=Learner(classroom.graded("right", {}), right),
        mistaken=Learner(classroom.graded("mistaken", mistaken), {**right, **mistaken}),
        stuck=Learner(classroom.graded("stuck", {}, classroom.STALLS, **mended), right),
        broken=Learner(classroom.graded("broken", broken), {**right, **broken}),
        empty=Learner(classroom.graded("empty", empty), empty),
        refused=Learner(refused, {}),
    )
