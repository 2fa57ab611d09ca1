"""What the other checks say about right, wrong and odd things left behind."""

from __future__ import annotations

import contextlib
import io

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.learner import Learner, wrong
from torch import nn

X, Y = (
    "X = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])\n",
    "Y = torch.tensor([[0.], [1.], [1.], [0.]])",
)
LOSS = "loss_fn = nn.MSELoss()\n"
MODEL = "model = nn.Sequential({})"
SIGNS = {True: "+", False: "x", None: "-"}

CELLS = {  # the exercise; its cell's text; the check's signs; words that it must say
    "nothing wrong": ("data", X + Y, "+++", "All right"),
    "rows in another order": ("data", f"{X}{Y}\nX, Y = X.flip(0), Y.flip(0)", "+++", ""),
    "X of whole numbers": ("data", f"{X}X = X.long()\n{Y}", "x++", "int64"),
    "X as lists": ("data", f"{X}X = X.tolist()\n{Y}", "x++", "list"),
    "Y as a flat row": ("data", f"{X}{Y}\nY = Y.flatten()", "+x-", "(4,)"),
    "no Y": ("data", X, "+x-", "no Y"),
    "Y of OR": ("data", f"{X}{Y}\nY[3] = 1.0", "++x", "(1, 1)"),
    "a row asked twice": ("data", f"{X}X[2] = X[1]\n{Y}", "x++", "(0, 1), (0, 1)"),
    "an empty blank": (
        "data",
        X + 'raise NotImplementedError("Blank 1b is still empty: the targets")',
        "x",
        "Blank 1b is still empty: the targets",
    ),
    "no model": ("model", "", "x---", "no model"),
    "a model that isn't built": ("model", "model = nn.Sequential", "x---", ""),
    "no sigmoid after the hidden layer": (
        "model",
        MODEL.format("nn.Linear(2, 2), nn.Linear(2, 1), nn.Sigmoid()"),
        "++x+",
        "hidden",
    ),
    "a wider layer": (
        "model",
        MODEL.format("nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid()"),
        "+x++",
        "2 → 4 → 1",
    ),
    "a class": (
        "model",
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.out, self.hidden = nn.Linear(2, 1), nn.Linear(2, 2)\n"
        "    def forward(self, x):\n"
        "        return torch.sigmoid(self.out(torch.sigmoid(self.hidden(x))))\n"
        "model = Net()",
        "++++",
        "weights and biases",
    ),
    "a sum and a timid rate": (
        "loss_and_optimizer",
        "loss_fn = nn.MSELoss(reduction='sum')\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)",
        "x+x",
        "0.1",
    ),
    "Adam": (
        "loss_and_optimizer",
        LOSS + "optimizer = torch.optim.Adam(model.parameters(), lr=1.0)",
        "+xx",
        "Adam",
    ),
    "half a model in the optimizer": (
        "loss_and_optimizer",
        LOSS + "optimizer = torch.optim.SGD(model[0].parameters(), lr=1.0)",
        "+x+",
        "6 of the model's 9",
    ),
    "a loss written out": (
        "loss_and_optimizer",
        "def loss_fn(p, y): return ((p - y) ** 2).mean()\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=1.0)",
        "+++",
        "",
    ),
    "open jobs": (
        "matching",
        "for n in range(3, 10): globals()[f'job_{n}'] = 'model.train()'\njob_1 = '(choose a line)'",
        "x",
        "still open: 1, 2",
    ),
    "numbers of lines, typed lines, and a line that isn't there": (
        "matching",
        "for n in range(1, 10): globals()[f'job_{n}'] = n\n"
        "job_3 = '7'; job_4 = 'nn.Softmax()'; job_5 = ' optimizer.STEP( ) '; job_6 = 99",
        "+xx",
        "`99` is none of the lines",
    ),
    "an answer in two lines": ("recall_step", "recall_step = 'it moves\\nthem'", "+", "3 words"),
    "nothing recalled": ("recall_step", "recall_step = ' '", "x", "Still empty"),
    "a number recalled": ("recall_step", "recall_step = 3", "x", "not a text"),
}


@pytest.mark.parametrize(("grade_id", "text", "signs", "says"), CELLS.values(), ids=CELLS)
def test_a_check_crosses_what_is_wrong_and_nothing_else(
    grade_id: str, text: str, signs: str, says: str, solved: Learner
) -> None:
    for name in {"data": ("X", "Y"), "model": ("model",)}.get(grade_id, ()):
        del solved.names[name]
    solved.run(text, grade_id)

    table = solved.check(grade_id)

    assert signs == "".join(SIGNS[row.state] for row in table.rows), table.to_text()
    assert says in table.to_text()
    assert table.to_html().count("<tr") == len(table.rows) + len(table.listed)


def test_each_row_has_its_own_hint(solved: Learner) -> None:
    solved.run("X = [[0., 0.], [0., 1.], [1., 0.], [1., 1.]]\nY = X", "data")

    first, second, _ = (row.seen for row in solved.check("data").rows)

    assert first != second
    assert "X" in first
    assert "Y" in second


def test_choices_are_shown_back_and_none_is_called_right_or_wrong(solved: Learner) -> None:
    right = solved.solution("matching")
    solved.run(right, "matching")
    solved_table = solved.check("matching")
    swapped = right.replace('"loss.backward()"  #', '"swap"  #').replace(
        '"optimizer.step()"  #', '"loss.backward()"  #'
    )
    solved.run(swapped.replace('"swap"  #', '"optimizer.step()"  #'), "matching")
    table = solved.check("matching")

    assert [row.state for row in table.rows] == [True]
    assert table.rows == solved_table.rows
    assert table.next_step == solved_table.next_step
    assert [line[0] for line in table.listed] == [str(number) for number in range(1, 10)]
    assert "`optimizer.step()`" in table.listed[6]
    assert "`loss.backward()`" in table.listed[8]


def test_a_check_of_what_has_not_been_run_says_so(learner: Learner) -> None:
    assert "hasn't been run" in learner.check("data").to_text()
    assert "Run all cells" in learner.check().to_text()
    assert "`data`, `model`" in learner.check("dada").to_text()


def test_an_untrained_model_is_no_answer_to_the_four_rows(solved: Learner) -> None:
    assert len(wrong(solved.check("predictions"))) == 4


def test_the_loop_is_found_without_its_first_line(solved: Learner) -> None:
    text = solved.solution("training_loop").partition("\n")[2]
    solved.run(text)
    solved.run("print(model)")

    assert wrong(solved.check("training_loop")) == []


class Thorny:
    """Raises at whatever is asked of it, even at what kind of thing it is."""

    def _refuse(self, *args: object, **kwargs: object) -> None:
        raise RuntimeError("leave me alone")

    __class__ = property(_refuse)
    __eq__ = __bool__ = __len__ = __iter__ = __getattr__ = __str__ = __repr__ = _refuse  # type: ignore[assignment]
    __call__ = __float__ = __getitem__ = __contains__ = _refuse
    __hash__ = object.__hash__


class Quitter(nn.Module):
    def forward(self, x: object) -> None:
        raise SystemExit("bye")


class Bare(nn.Module):
    """No parameters, and not a tensor either."""

    def forward(self, x: object) -> str:
        return "0110"


NONSENSE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.floats(), max_size=3),
    st.builds(Thorny),
    st.builds(object),
    st.builds(Quitter),
    st.builds(Bare),
    st.sampled_from([Thorny, nn.Module, nn.MSELoss, torch.optim.SGD, torch, len, NotImplemented]),
    st.builds(
        torch.full,
        st.sampled_from([(), (0,), (4,), (4, 1), (4, 2), (2, 4, 1)]),
        st.sampled_from([0.0, 1.0, float("nan"), float("inf")]),
    ),
    st.builds(lambda: nn.Linear(2, 1)),
    st.builds(lambda: nn.Sequential()),
    st.builds(lambda: torch.optim.Adam(nn.Linear(3, 3).parameters())),
    st.builds(lambda: lambda *args: "no loss"),
)
NAMES = ["X", "Y", "model", "loss_fn", "optimizer", "losses", "job_1", "job_9", "recall_step"]
LOOP = "for i in range(9):\n    loss_fn(model(X), Y).backward()\n    optimizer.step()\n"
CHECKS = ["data", "model", "loss_and_optimizer", "training_loop", "predictions", "matching"]


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(left=st.dictionaries(st.sampled_from(NAMES), NONSENSE))
@example(left={"model": Quitter()})
def test_no_check_ever_raises_or_writes_to_stderr(
    left: dict[str, object], learner: Learner
) -> None:
    for name in CHECKS:
        learner.run(LOOP if name == "training_loop" else "pass", name)
    learner.names.update(left)
    complaints = io.StringIO()
    with contextlib.redirect_stderr(complaints):
        for name in [*CHECKS, "recall_step", ""]:
            table = learner.check(name)
            assert table.rows
            assert table.next_step
            assert table.to_text()
            assert table.to_html()

    assert complaints.getvalue() == ""
