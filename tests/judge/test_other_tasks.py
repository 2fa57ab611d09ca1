"""Other lessons than the kit's own: one layer, and a regression with other sizes and activations.

No sentence says what only another task asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from support.workbench import ROOT, lost, observe

from xorkit import lesson as lessons
from xorkit.engine.grading import grade_submission
from xorkit.hidden.session import HiddenTests
from xorkit.lesson import Lesson
from xorkit.probe.rerun import ACTIVATION_MODULES
from xorkit.reference import ACTIVATIONS as KNOWN
from xorkit.starts import survey
from xorkit.verdict import Verdict

CLAIMS = {
    "data": ("inputs_right", "targets_shaped", "targets_right"),
    "model": ("takes_inputs", "sized", "hidden_activated", "output_activated"),
    "loss_and_optimizer": ("loss_right", "optimizer_right", "rate_right"),
    "training_loop": ("weights_move", "fresh_gradients", "one_step", "updates", "epochs"),
}
FIXTURES = {"loss_and_optimizer": "settings", "training_loop": "training"}
RESULT = "def test_rows(result):\n    for row in result.rows:\n        check(row)\n"


@dataclass(frozen=True)
class Toy:
    lesson: Lesson
    solution: Mapping[str, str]

    @property
    def cells(self) -> dict[str, str]:
        """The hidden tests of every claim, and of the predictions."""
        head = "from xorkit.hidden import check\n\n\n"
        cells = {
            f"test_{cell}": head
            + "".join(
                f"def test_{claim}({FIXTURES.get(cell, cell)}):\n"
                f"    check({FIXTURES.get(cell, cell)}.{claim})\n\n\n"
                for claim in claims
            )
            for cell, claims in CLAIMS.items()
        }
        return {**cells, "test_predictions": head + RESULT}

    def verdict(self, changes: Mapping[str, str], seed: int = 0) -> Verdict:
        seen = observe({**self.solution, **changes}, self.lesson, seed)
        found, faults = grade_submission("ada", seen.evidence, HiddenTests(self.cells, self.lesson))
        assert faults == ()
        return found


def solution(task: Mapping[str, object], model: str, rate: float, epochs: int) -> dict[str, str]:
    return {
        "data": f"X = torch.tensor({task['inputs']})\nY = torch.tensor({task['targets']})\n",
        "model": f"model = nn.Sequential({model})\n",
        "loss_and_optimizer": (
            f"loss_fn = nn.MSELoss()\noptimizer = torch.optim.SGD(model.parameters(), lr={rate})\n"
        ),
        "training_loop": (
            f"for epoch in range({epochs}):\n"
            "    loss = loss_fn(model(X), Y)\n"
            "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n"
        ),
    }


def toy(task: dict[str, object], model: str) -> Toy:
    points = {f"test_{cell}": {f"test_{c}": 1.0 for c in cl} for cell, cl in CLAIMS.items()}
    points["test_predictions"] = {"test_rows": 1.0}
    data = {"assignment": "toy", "title": "A toy", "task": task, "parts": {}, "points": points}
    bare = Lesson.model_validate(data)
    known = bare.model_copy(
        update={"starts": lessons.StartFacts.model_validate(survey(bare.trained, starts=200))}
    )
    rate, epochs = bare.trained.lr, bare.trained.epochs
    return Toy(known, solution(task, model, rate, epochs))


@cache
def toys() -> dict[str, Toy]:
    line = np.linspace(-1, 1, 5)
    of_and = lessons.load(ROOT / "examples" / "and" / "lessons" / "and.yaml").task
    assert of_and is not None
    return {
        "one neuron": toy({**of_and.model_dump(), "epochs": 400}, "nn.Linear(2, 1), nn.Sigmoid()"),
        "a regression": toy(
            {
                "inputs": [[float(x)] for x in line],
                "targets": [[round(float(1.5 * x * x - x), 4)] for x in line],
                "layers": [1, 3, 1],
                "activations": ["tanh", "none"],
                "learning_rate": 0.1,
                "epochs": 600,
                "near": 0.3,
            },
            "nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)",
        ),
    }


# What is wrong, in which toy, what it costs and says.
WRONG = {
    "no zero_grad": (
        {"training_loop": ("    optimizer.zero_grad()\n", "")},
        "no-zero-grad",
        {"test_training_loop": 2},
    ),
    "no step": (
        {"training_loop": ("optimizer.step()", "optimizer.step")},
        "no-step",
        {"test_training_loop": 4},  # its epochs are counted as they were made
    ),
    "Adam": (
        {"loss_and_optimizer": ("optim.SGD", "optim.Adam")},
        "wrong-optimizer",
        {"test_loss_and_optimizer": 2},
    ),
    "the sum of the errors": (
        {"loss_and_optimizer": ("MSELoss()", "MSELoss(reduction='sum')")},
        "wrong-loss",
        {"test_loss_and_optimizer": 1},
    ),
    "ten epochs": (
        {"training_loop": ("range(", "range(10) or range(")},
        "too-few-epochs",
        {"test_training_loop": 1},
    ),
    "no bias": (
        {"model": ("1)", "1, bias=False)")},
        "wrong-architecture",
        {"test_model": 1},
    ),
    "another activation": (
        {"model": (r"nn.(Tanh|Sigmoid)()", "nn.ReLU()")},
        "wrong-architecture",
        {"test_model": 1},
    ),
}
FALSE = {
    "one neuron": r"hidden|lesson|XOR|tanh",
    "a regression": r"sigmoid|lesson|XOR|between 0 and 1|0\.73",
}


@pytest.mark.parametrize("name", ["one neuron", "a regression"])
def test_the_solution_keeps_every_point(name: str) -> None:
    for seed in range(3):
        found = toys()[name].verdict({}, seed)

        assert lost(found) == {}, found.findings
        assert set(found.diagnosis) <= {"bad-start"}


@pytest.mark.parametrize("name", ["one neuron", "a regression"])
@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_costs_its_own_points_in_true_words(name: str, what: str) -> None:
    own = toys()[name]
    changes, code, costs = WRONG[what]
    cells = {}
    for cell, (old, new) in changes.items():
        pattern = old if old.startswith("nn.(") else re.escape(old)
        pattern = pattern.replace("()", r"\(\)")
        cells[cell] = re.sub(pattern, new, own.solution[cell], count=1)
        assert cells[cell] != own.solution[cell]

    found = own.verdict(cells)

    assert found.diagnosis[0] == code
    taken = {cell: points for cell, points in lost(found).items() if cell != "test_predictions"}
    assert taken == costs
    said = [f.message for f in found.findings] + [t.message for c in found.cells for t in c.tests]
    assert not re.search(FALSE[name], " ".join(said), re.IGNORECASE), said


@pytest.mark.parametrize("name", ["one neuron", "a regression"])
def test_a_stalled_start_costs_nothing(name: str) -> None:
    """All parameters 30 times as large: the flat ends of sigmoid and tanh, where nothing moves."""
    own = toys()[name]
    count = own.lesson.trained.net.width
    start = f"torch.full(({count},), -30.0), model.parameters()"
    cell = f"{own.solution['model']}torch.nn.utils.vector_to_parameters({start})"

    found = own.verdict({"model": cell})

    assert lost(found) == {}
    assert found.diagnosis == ("bad-start",)


def test_the_probe_builds_every_activation_that_the_reference_computes() -> None:
    assert set(ACTIVATION_MODULES) == set(KNOWN)


@pytest.mark.parametrize(
    "change",
    [
        {"layers": [3, 1]},
        {"layers": [2, 2]},
        {"targets": [[0], [1]]},
        {"inputs": [[0, 0], [0], [1, 0], [1, 1]]},
        {"activations": ["sigmoid", "sigmoid"]},
        {"activations": ["softmax"]},
    ],
)
def test_a_task_that_does_not_fit_itself_is_refused(change: dict[str, object]) -> None:
    spec = toys()["one neuron"].lesson.task
    assert spec is not None

    with pytest.raises(ValueError, match=r"fit together|names one of"):
        lessons.TaskSpec.model_validate({**spec.model_dump(), **change})


def test_a_lesson_says_which_cell_is_which() -> None:
    own = toys()["one neuron"]
    named = own.lesson.model_copy(
        update={
            "cells": {"training_loop": "my_loop"},
            "points": {"test_my_loop": {"test_updates": 1.0}},
        }
    )
    cell = (
        "from xorkit.hidden import check\n\n\n"
        "def test_updates(training):\n    check(training.updates)\n"
    )
    loop = own.solution["training_loop"].replace("    optimizer.zero_grad()\n", "")
    seen = observe({**own.solution, "training_loop": loop}, own.lesson).evidence
    moved = replace(seen, observations={"my_loop": seen.observations["training_loop"]})

    found, faults = grade_submission("ada", moved, HiddenTests({"test_my_loop": cell}, named))

    assert (named.cell("training_loop"), named.role("my_loop")) == ("my_loop", "training_loop")
    assert (named.cell("data"), named.role("data"), named.role("training_loop")) == (
        "data",
        "data",
        "",
    )
    assert faults == ()
    assert [(f.code, f.grade_id) for f in found.findings] == [("no-zero-grad", "my_loop")]
