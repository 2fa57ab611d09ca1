"""What the other self-checks say about right, wrong and odd things left behind."""

from __future__ import annotations

import contextlib
import io

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

CHECKS = ["test_data", "test_model", "test_loss_and_optimizer", "test_training_loop"]
CHECKS += ["test_predictions", "test_matching", "test_recall_step"]

WRONG = {  # code that is run after the solutions; the check; its crossed rows; words it must say
    "X of whole numbers": (
        "X = X.long()",
        "test_data",
        ["`X` is a tensor: four rows of two"],
        "int64",
    ),
    "X as lists": ("X = X.tolist()", "test_data", ["`X` is a tensor: four rows of two"], "a list"),
    "Y as a flat row": (
        "Y = Y.flatten()",
        "test_data",
        ["`Y` is a tensor: four rows of one"],
        "(4,)",
    ),
    "Y of doubles, which is not wrong": ("Y = Y.double()", "test_data", [], "float64"),
    "no Y": ("del Y", "test_data", ["`Y` is a tensor: four rows of one"], "1b"),
    "Y of OR": (
        "Y = torch.tensor([[0.], [1.], [1.], [1.]])",
        "test_data",
        ["Every question has its answer"],
        "[1.0, 1.0]",
    ),
    "a question asked twice": (
        "X = torch.tensor([[0., 0.], [0., 1.], [0., 1.], [1., 1.]])",
        "test_data",
        ["All four questions are asked"],
        "[1.0, 0.0]",
    ),
    "data that the loop can't use": (
        "X = X.long(); In.append('# ✏️ Exercise 4 ·\\nfor i in range(5000):\\n"
        " optimizer.zero_grad()\\n loss_fn(model(X), Y).backward()\\n optimizer.step()')",
        "test_training_loop",
        [],
        "see what the check of Exercise 1 says",
    ),
    "no model": ("del model", "test_model", ["`model` is a network"], "2a"),
    "a model that isn't built": (
        "model = nn.Sequential",
        "test_model",
        ["`model` is a network"],
        "blueprint",
    ),
    "no sigmoid after the hidden layer": (
        "model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1), nn.Sigmoid())",
        "test_model",
        ["A sigmoid after the hidden layer"],
        "straight line",
    ),
    "no sigmoid after the output": (
        "model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1))",
        "test_model",
        ["A sigmoid after the output"],
        "0 to 1",
    ),
    "two sigmoids after the output": (
        "model.append(nn.Sigmoid())",
        "test_model",
        ["A sigmoid after the output"],
        "above one half",
    ),
    "another bend": (
        "model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1), nn.Sigmoid())",
        "test_model",
        ["A sigmoid after each layer"],
        "something else",
    ),
    "no hidden layer": (
        "model = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())",
        "test_model",
        ["Nine weights and biases"],
        "2 + 1 = 3",
    ),
    "a wider layer": (
        "model = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid())",
        "test_model",
        ["Nine weights and biases"],
        "17",
    ),
    "layers that don't fit": (
        "model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(1, 1))",
        "test_model",
        ["Nine weights and biases", "Two numbers in, one answer out"],
        "RuntimeError",
    ),
    "a loss that isn't built": (
        "loss_fn = nn.MSELoss",
        "test_loss_and_optimizer",
        ["`loss_fn` averages the squared differences"],
        "blueprint",
    ),
    "a sum": (
        "loss_fn = nn.MSELoss(reduction='sum')",
        "test_loss_and_optimizer",
        ["`loss_fn` averages the squared differences"],
        "adds up",
    ),
    "absolute differences": (
        "loss_fn = nn.L1Loss()",
        "test_loss_and_optimizer",
        ["`loss_fn` averages the squared differences"],
        "without squaring",
    ),
    "logarithms": (
        "loss_fn = nn.BCELoss()",
        "test_loss_and_optimizer",
        ["`loss_fn` averages the squared differences"],
        "logarithms",
    ),
    "a timid learning rate": (
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)",
        "test_loss_and_optimizer",
        ["The learning rate is 1.0"],
        "0.1",
    ),
    "momentum": (
        "optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)",
        "test_loss_and_optimizer",
        ["It follows lesson 7's plain rule"],
        "another way",
    ),
    "uphill": (
        "optimizer = torch.optim.SGD(model.parameters(), lr=1.0, maximize=True)",
        "test_loss_and_optimizer",
        ["It follows lesson 7's plain rule"],
        "another way",
    ),
    "Adam": (
        "optimizer = torch.optim.Adam(model.parameters(), lr=1.0)",
        "test_loss_and_optimizer",
        ["It follows lesson 7's plain rule"],
        "Adam",
    ),
    "an optimizer that wants a closure": (
        "optimizer = torch.optim.LBFGS(model.parameters(), lr=1.0)",
        "test_loss_and_optimizer",
        ["It follows lesson 7's plain rule"],
        "LBFGS",
    ),
    "a new model after the optimizer": (
        "model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())",
        "test_loss_and_optimizer",
        ["It holds all numbers of `model`"],
        "run Exercise 3 again",
    ),
    "half a model in the optimizer": (
        "optimizer = torch.optim.SGD(model[0].parameters(), lr=1.0)",
        "test_loss_and_optimizer",
        ["It holds all numbers of `model`"],
        "2 of its 4",
    ),
    "no optimizer": (
        "optimizer = None",
        "test_loss_and_optimizer",
        ["`optimizer` is an optimizer"],
        "3b",
    ),
    "an untrained network": (
        "",
        "test_predictions",
        ["0 XOR 0", "0 XOR 1", "1 XOR 0", "1 XOR 1"],
        "hasn't been trained yet",
    ),
    "a network that got stuck": (
        "losses = [0.25] * 5000",
        "test_predictions",
        ["0 XOR 0", "0 XOR 1", "1 XOR 0", "1 XOR 1"],
        "which costs no points",
    ),
    "an optimizer of one's own, which is not wrong": (
        "class Mine:\n    def step(self): pass\noptimizer = Mine()",
        "test_loss_and_optimizer",
        [],
        "of your own making",
    ),
    "a model of the loop's own, which is not wrong": (
        "model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())\n"
        "In.append('# ✏️ Exercise 4 ·\\nmodel, losses = train()')",
        "test_loss_and_optimizer",
        [],
        "your loop has made another model",
    ),
    "no network to ask": ("model = 3", "test_predictions", ["Your network"], "Exercises 2 to 4"),
    "a loop that hasn't been run": ("", "test_training_loop", ["Your loop"], "not run yet"),
    "a loop with blanks": (
        "In.append('# ✏️ Exercise 4 · x\\n    raise NotImplementedError(\"Blank 4c is still')",
        "test_training_loop",
        ["Your loop"],
        "4c",
    ),
    "too few passes": (
        "losses = [0.25] * 300; In.append('for i in range(300):\\n optimizer.zero_grad()\\n "
        "loss_fn(model(X), Y).backward()\\n optimizer.step()')",
        "test_training_loop",
        ["5000 passes"],
        "300",
    ),
    "open jobs": (
        "for n in range(1, 10): globals()[f'job_{n}'] = 'x' if n > 2 else '(choose a line)'",
        "test_matching",
        ["A line for every job"],
        "still open: 1, 2",
    ),
    "a line that isn't in the menu": (
        "for n in range(1, 10): globals()[f'job_{n}'] = 'a'\n"
        'job_4 = \'b\'; In.append(\'# ✏️ Exercise 5 ·\\njob_1 = "a"  # @param ["-", "a"]\')',
        "test_matching",
        ["Job 4"],
        "in the list",
    ),
    "nothing recalled": ("recall_step = ' '", "test_recall_step", ["Your answer"], "still empty"),
}


@pytest.mark.parametrize(("code", "check", "wrong", "says"), WRONG.values(), ids=WRONG)
def test_a_check_crosses_what_is_wrong_and_nothing_else(code, check, wrong, says, solved, look):
    exec(code, solved)

    table = look(check, solved)

    assert wrong == table.wrong, table.text
    assert says in table.text


RIGHT = {
    "the rows of XOR in another order": ("X, Y = X.flip(0), Y.flip(0)", "test_data"),
    "a class": (
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.out, self.hidden = nn.Linear(2, 1), nn.Linear(2, 2)\n"
        "    def forward(self, x):\n"
        "        return torch.sigmoid(self.out(torch.sigmoid(self.hidden(x))))\n"
        "model = Net()",
        "test_model",
    ),
    "parameters made by hand, columns for rows": (
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.b2, self.w2 = nn.Parameter(torch.rand(1)), nn.Parameter(torch.rand(2, 1))\n"
        "        self.w1, self.b1 = nn.Parameter(torch.rand(2, 2)), nn.Parameter(torch.rand(2))\n"
        "    def forward(self, x):\n"
        "        return ((x @ self.w1 + self.b1).sigmoid() @ self.w2 + self.b2).sigmoid()\n"
        "model = Net()",
        "test_model",
    ),
    "a class of its own": (
        "class Net:\n"
        "    def __init__(self): self.layers = [nn.Linear(2, 2), nn.Linear(2, 1)]\n"
        "    def __call__(self, x):\n"
        "        for layer in self.layers: x = torch.sigmoid(layer(x))\n"
        "        return x\n"
        "model = Net()",
        "test_model",
    ),
    "a model of doubles": ("model = model.double()", "test_model"),
    "data of doubles for a model of doubles": (
        "X, Y, model = X.double(), Y.double(), model.double()",
        "test_data",
    ),
    "answers of doubles": (
        "class Knows(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.w = nn.Parameter(torch.ones(1).double())\n"
        "    def forward(self, x): return (x[:, :1] - x[:, 1:]).abs() * self.w\n"
        "model = Knows()",
        "test_predictions",
    ),
    "a trained model": (
        "for p in model.parameters(): p.data.mul_(8)",
        "test_model",
    ),
    "a loss written out": (
        "def loss_fn(p, y): return ((p - y) ** 2).mean()",
        "test_loss_and_optimizer",
    ),
    "the functional loss": ("loss_fn = nn.functional.mse_loss", "test_loss_and_optimizer"),
    "one group for each layer": (
        "optimizer = torch.optim.SGD([{'params': m.parameters()} for m in (model[0], model[2])],"
        " lr=1.0)",
        "test_loss_and_optimizer",
    ),
    "an answer in two lines": ("recall_step = 'it moves\\nthem'", "test_recall_step"),
    "names of Python's own that were used for something else": (
        "sum = max = len = list = str = type = isinstance = zip = map = 0",
        "test_model",
    ),
}


@pytest.mark.parametrize(("code", "check"), RIGHT.values(), ids=RIGHT)
def test_a_check_ticks_what_is_right_in_another_way(code, check, solved, look):
    exec(code, solved)

    table = look(check, solved)

    assert all(state for state, _, _ in table.rows), table.text


def test_the_solutions_get_only_ticks(source, solved, look):
    for grade_id in ("training_loop", "matching", "recall_step"):
        exec(source[grade_id].source, solved)
        solved["In"].append(source[grade_id].source)
    tables = {check: look(check, solved) for check in CHECKS if check != "test_predictions"}

    open_rows = {name: t.text for name, t in tables.items() if not all(r[0] for r in t.rows)}
    assert open_rows == {}


class Thorny:
    """Raises at whatever is asked of it, even at what kind of thing it is."""

    def _refuse(self, *args, **kwargs):
        raise RuntimeError("leave me alone")

    __class__ = property(_refuse)  # type: ignore[assignment]
    __eq__ = __bool__ = __len__ = __iter__ = __getattr__ = __str__ = __repr__ = _refuse
    __call__ = __float__ = __getitem__ = __contains__ = _refuse
    __hash__ = object.__hash__


class Quitter(nn.Module):
    def forward(self, x):
        raise SystemExit("bye")


class Bare(nn.Module):
    """No parameters, and not a tensor either."""

    def forward(self, x):
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
LOOP = """# ✏️ Exercise 4 ·
for i in range(9):
    loss_fn(model(X), Y).backward()
    optimizer.step()
"""


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(left=st.dictionaries(st.sampled_from(NAMES), NONSENSE), gone=st.sets(st.sampled_from(NAMES)))
def test_no_check_ever_raises_or_writes_to_stderr(left, gone, release, look):
    names = {name: value for name, value in left.items() if name not in gone}
    names |= {"__name__": "__main__", "torch": None, "nn": 3, "In": ["", LOOP]}
    complaints = io.StringIO()
    with contextlib.redirect_stderr(complaints):
        for check in CHECKS:
            table = look(check, names)
            assert table.rows
            assert table.next_step

    assert complaints.getvalue() == ""


def test_a_check_speaks_plainly_where_the_setup_has_not_run(release, capsys):
    exec(release["test_data"].source, {})

    said = capsys.readouterr().out
    assert "✗ `X` is a tensor: four rows of two: not there yet" in said
    assert "→ Fill in blank 1a" in said


@pytest.mark.parametrize("name", ["draw-my-loss", "compare-slopes", "ready"])
def test_the_other_cells_speak_plainly_where_nothing_has_run(name, release, capsys):
    exec(release[name].source, {})

    said = capsys.readouterr().out
    assert any(words in said for words in ("run the cell", "set-up cell", "Run all cells"))


def test_the_loop_is_found_without_its_first_line(source, solved, look):
    text = source["training_loop"].source.partition("\n")[2]
    solved["In"] += [text, "loss_fn", "print(model)"]

    assert look("test_training_loop", solved).wrong == []


def test_a_check_that_meets_a_warning_stays_silent(solved, look, recwarn):
    exec("def loss_fn(p, y):\n    import warnings\n    warnings.warn('!')\n    return 1.0", solved)

    look("test_loss_and_optimizer", solved)

    assert len(recwarn) == 0
