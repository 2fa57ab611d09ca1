"""The matching exercise: choices are read however they are written, and told apart."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from xorkit.cell_text import plain_values
from xorkit.evidence import Thing, read_values
from xorkit.matching import MatchingExercise, grade_matching
from xorkit.probe.asking import ask_value

LESSONS = Path(__file__).parents[2] / "lessons"
EXERCISE = MatchingExercise.model_validate(
    yaml.safe_load((LESSONS / "xor.matching.yaml").read_text("utf-8"))
)
RIGHT = {f"job_{n}": job.accepts[0] for n, job in enumerate(EXERCISE.jobs, 1)}

WAYS_TO_WRITE = [
    (2, "nn.Linear(2, 2)"),
    (2, "nn.Linear(2,2)"),
    (2, "  nn.Linear( 2 , 2 )  "),
    (2, "'nn.Linear(2, 2)'"),
    (2, "`nn.Linear(2, 2)`"),
    (2, "nn.linear(2, 2)"),
    (2, ["nn.Linear(2, 2)"]),
    (1, "torch.tensor([[0., 0.], [0., 1.]])"),
    (5, "nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())"),
    (5, "pred = model(X)"),
    (5, "model(X)"),
    (8, "model.zero_grad()"),
    (7, "loss.backward();"),
    (7, "loss.backward()  # the gradients"),
    (7, "loss.backward()."),
    (7, "“loss.backward()”"),
    (7, "1"),
    (7, 1),
    (7, "1."),
    (7, "(1)"),
    (7, "line 1"),
    (7, "No. 1"),
    (7, "#1"),
    (7, "1) loss.backward()"),
    (2, 4),
    (2, 4.0),
    (2, "torch.nn.Linear(2, 2)"),
    (2, "Linear(2, 2)"),
    (2, "nn.Linear(in_features=2, out_features=2)"),
    (2, "hidden = nn.Linear(2, 2)"),
    (4, "nn.Sigmoid"),
    (4, "Sigmoid()"),
    (4, "torch.nn.Sigmoid()"),
    (6, "loss_fn = nn.MSELoss()"),
    (6, "loss_fn = torch.nn.MSELoss();"),
    (5, "nn.Sequential(…)"),
    (5, "model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())"),
    (5, "y_pred = model(X)"),
    (5, "nn.Sequential(...) or pred = model(X)"),
    (1, "X = torch.tensor([[0., 0.]])"),
    (1, "torch.tensor(...)"),
    (1, "tensor([...])"),
    (8, "zero_grad()"),
    (8, "optimiser.zero_grad()"),
    (9, "step()"),
    (9, ("optimizer.step()",)),
    (9, Thing("list", "['optimizer.step()']")),
]
OTHERWISE = [
    (4, "", "blank"),
    (4, None, "blank"),
    (4, ..., "blank"),
    (4, "...", "blank"),
    (4, EXERCISE.placeholder, "blank"),
    (4, "nn.Sigmoid(), nn.MSELoss()", "doubled"),
    (4, ["nn.Sigmoid()", "nn.MSELoss()"], "doubled"),
    (4, "?", "blank"),
    (4, "idk", "blank"),
    (4, 3, "wrong"),
    (4, "3", "wrong"),
    (4, ["nn.MSELoss()"], "wrong"),
    (7, "loss.backward", "wrong"),
    (8, "optimizer.zero_grad", "wrong"),
    (6, "torch.nn.BCELoss()", "wrong"),
    (9, "opt.step", "wrong"),
    (5, "nn.Sequential(...), loss.backward()", "doubled"),
    (4, [7, 5], "doubled"),
    (4, "nn.ReLU()", "unclear"),
    (4, 0, "unclear"),
    (4, 99, "unclear"),
    (4, True, "unclear"),
    (4, "3) nn.Sigmoid()", "unclear"),
    (4, "sigmoid()", "unclear"),
    (4, "not nn.Sigmoid()", "unclear"),
    (7, "backward()", "unclear"),
    (7, "error.backward()", "unclear"),
    (6, "F.mse_loss(pred, Y)", "unclear"),
    (2, "nn.Linear(2, 1)", "unclear"),
    (4, Thing("Sigmoid", "own"), "unclear"),
    (4, "nn.MSELoss()", "wrong"),
    (9, "optimizer.step", "wrong"),
]


def choice(number, value):
    return grade_matching(EXERCISE, {**RIGHT, f"job_{number}": value})[number - 1]


def test_all_right_earns_a_point_a_job():
    choices = grade_matching(EXERCISE, RIGHT)

    assert [one.status for one in choices] == ["right"] * 9
    assert sum(one.points for one in choices) == EXERCISE.max_points == 9


def test_nothing_chosen_earns_nothing():
    assert [one.status for one in grade_matching(EXERCISE, {})] == ["blank"] * 9


def test_one_line_serves_two_jobs():
    assert EXERCISE.jobs[1].accepts == EXERCISE.jobs[2].accepts


@pytest.mark.parametrize(("number", "value"), WAYS_TO_WRITE)
def test_a_right_choice_counts_however_it_is_written(number, value):
    found = choice(number, value)

    assert (found.status, found.points) == ("right", 1)


@pytest.mark.parametrize(("number", "value", "status"), OTHERWISE)
def test_blank_doubled_unknown_and_wrong_are_told_apart(number, value, status):
    found = choice(number, value)

    assert (found.status, found.points) == (status, 0)


@pytest.mark.parametrize("number", range(1, 10))
@pytest.mark.parametrize("line", EXERCISE.lines, ids=lambda line: line.line)
def test_a_wrong_choice_is_explained_without_the_answer(number, line):
    job = EXERCISE.jobs[number - 1]
    found = choice(number, line.line)
    if line.line in job.accepts:
        assert found.status == "right"
        return

    assert found.status == "wrong"
    assert line.line in found.message
    assert line.does in found.message
    assert job.job in found.message
    assert found.misconception == line.belief
    assert not any(f"`{accepted}`" in found.message for accepted in job.accepts)


def test_a_line_chosen_twice_is_pointed_out():
    assert "same line for job 9" in choice(8, "optimizer.step()").message


def test_the_menu_can_be_shown_by_a_form():
    assert EXERCISE.options[0] == EXERCISE.placeholder
    assert not [option for option in EXERCISE.options if set(option) & set("\"'\\\n")]
    assert len(set(EXERCISE.options)) == len(EXERCISE.options)


@given(
    st.dictionaries(
        st.sampled_from(sorted(RIGHT)),
        st.one_of(
            st.text().filter(lambda text: not any(map(str.isdigit, text))),
            st.integers(min_value=len(EXERCISE.lines) + 1),
            st.none(),
        ),
    )
)
def test_no_value_breaks_it_and_noise_earns_nothing(values):
    choices = grade_matching(EXERCISE, values)

    assert len(choices) == 9
    assert {one.points for one in choices} == {0}


MENU = ", ".join(f'"{option}"' for option in EXERCISE.options)
LINES = {n: f'job_{n} = "{RIGHT[f"job_{n}"]}"  # @param [{MENU}]' for n in range(1, 10)}
CALLS = ", ".join(RIGHT[f"job_{n}"] for n in range(1, 10))
WORDED = ", ".join(f"{name}={line!r}" for name, line in RIGHT.items())
UNTOUCHED = "\n".join(f'job_{n} = "{EXERCISE.placeholder}"' for n in range(1, 10))
ALL = dict.fromkeys(range(1, 10), "a person will read")
TEXTS = [RIGHT[f"job_{n}"] for n in range(1, 10)]


def cell(changes: dict[int, str] | None = None, after: str = "") -> str:
    """The filled cell, some of its lines replaced."""
    lines = {**LINES, **(changes or {})}
    return "\n".join(["# ✏️ Exercise 5 · Who does the job now?", "", *lines.values(), after])


def left(source: str) -> dict[str, object]:
    """What the probe sees of the names after the cell has run as far as Python gets."""
    known = plain_values(source)
    if known is not None:
        return {name: known.get(name) for name in RIGHT}
    model = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
    pred = model(torch.zeros(4, 2))
    names = {"torch": torch, "nn": nn, "model": model, "X": torch.zeros(4, 2), "pred": pred}
    names |= {"loss_fn": nn.MSELoss(), "loss": pred.mean()}
    names |= {"optimizer": torch.optim.SGD(model.parameters(), lr=1.0)}
    with contextlib.suppress(Exception):
        exec(source, names)
    values = {name: ask_value(names.get(name)) for name in RIGHT}
    return dict(read_values({"values": values}))


WHOLE_CELLS = [
    # (what was done, the cell, points, what is said of the jobs that are lost)
    ("as it should be", cell(), 9, {}),
    ("a line emptied", cell({3: "job_3 ="}), 8, {3: "has no value; the 8 others count"}),
    ("emptied before the menu", cell({3: f"job_3 =   # @param [{MENU}]"}), 8, {3: "has no value"}),
    (
        "two lines emptied",
        cell({3: "job_3 =", 7: "job_7 = "}),
        7,
        {3: "7 others", 7: "7 others"},
    ),
    ("a line deleted", cell({3: ""}), 8, {3: "has no value; the 8 others count"}),
    ("curly quotes", cell({7: "job_7 = “loss.backward()”"}), 9, {}),
    (
        "curly quotes and the menu",
        cell({7: f"job_7 = “loss.backward()”  # @param [{MENU}]"}),
        9,
        {},
    ),
    ("single curly quotes", cell({7: "job_7 = ‘loss.backward()’"}), 9, {}),
    ("one curly quote", cell({7: 'job_7 = "loss.backward()”'}), 9, {}),
    ("no quote at the end", cell({7: 'job_7 = "loss.backward()'}), 9, {}),
    ("… before the menu", cell({7: f'job_7 = "loss.backward()  # @param [{MENU}]'}), 9, {}),
    ("no quote at the start", cell({7: 'job_7 = loss.backward()"'}), 9, {}),
    (
        "a wrong line without a quote",
        cell({7: 'job_7 = "model.train()'}),
        8,
        {7: "`model.train()`"},
    ),
    ("nothing chosen, cut", cell({7: 'job_7 = "(choose a line)'}), 8, {7: "nothing is"}),
    ("no quotes at all", cell({4: "job_4 = nn.Sigmoid()"}), 9, {}),
    ("a call that fails", cell({7: "job_7 = loss.backward()", 9: "job_9 = opt.step()"}), 9, {}),
    ("a statement", cell({5: "job_5 = pred = model(X)"}), 9, {}),
    ("a method named", cell({9: "job_9 = optimizer.step"}), 8, {9: "only mentions the method"}),
    ("a method named that the menu lacks", cell({7: "job_7 = loss.backward"}), 8, {7: "mentions"}),
    ("a with line", cell({8: "job_8 = with torch.no_grad():"}), 8, {8: "`with torch.no_grad():`"}),
    ("names without underscore", cell().replace("job_", "job"), 9, {}),
    ("names with a capital", cell().replace("job_", "Job_"), 9, {}),
    ("names with a space", cell().replace("job_", "Job "), 9, {}),
    ("colons", cell().replace(" = ", ": "), 9, {}),
    ("doubled equals signs", cell().replace(" = ", " == ").replace("pred ==", "pred ="), 9, {}),
    ("numbers", cell({n: f"job_{n} = {k}" for n, k in ((1, 14), (7, 1), (9, 9))}), 9, {}),
    ("a list of nine", f"answers = {TEXTS}", 9, {}),
    ("a list of nine calls", f"answers = [{CALLS}]", 9, {}),
    (
        "a list below the untouched lines",
        "\n".join(f'job_{n} = "{EXERCISE.placeholder}"' for n in range(1, 10))
        + f"\nanswers = {TEXTS}",
        9,
        {},
    ),
    ("a dict by number", f"jobs = {dict(enumerate(TEXTS, 1))}", 9, {}),
    ("a dict by name", f"jobs = {RIGHT}", 9, {}),
    (
        "a dict of keywords",
        f"jobs = dict({', '.join(f'{k}={v!r}' for k, v in RIGHT.items())})",
        9,
        {},
    ),
    ("all in one line", f"{', '.join(RIGHT)} = {TEXTS}", 9, {}),
    ("all in one line, calls", f"{', '.join(RIGHT)} = {CALLS}", 9, {}),
    ("semicolons", cell({n: f"job_{n} = {t!r};" for n, t in enumerate(TEXTS, 1)}), 9, {}),
    ("annotations", "\n".join(f"{k}: str = {v!r}" for k, v in RIGHT.items()), 9, {}),
    ("compared, not given", "\n".join(f"{k} == {v!r}" for k, v in RIGHT.items()), 9, {}),
    ("an f-string", cell({4: 'job_4 = f"nn.Sigmoid()"'}), 9, {}),
    ("a raw string", cell({4: 'job_4 = r"nn.Sigmoid()"'}), 9, {}),
    ("put together", cell({4: 'job_4 = "nn." + "Sigmoid()"'}), 9, {}),
    ("triple quotes", cell({4: 'job_4 = """\nnn.Sigmoid()\n"""'}), 9, {}),
    ("a comma at the end", cell({4: 'job_4 = "nn.Sigmoid()",'}), 9, {}),
    ("a set of one", cell({4: 'job_4 = {"nn.Sigmoid()"}'}), 9, {}),
    ("in brackets", cell({4: 'job_4 = (\n  "nn.Sigmoid()"\n)'}), 9, {}),
    ("all capitals", cell().replace("job_", "JOB_"), 9, {}),
    ("a job too many", cell(after='job_10 = "loss.backward()"'), 9, {}),
    ("None", cell({4: "job_4 = None"}), 8, {4: "nothing is chosen yet"}),
    ("full-width quotes", cell({4: "job_4 = \uff02nn.Sigmoid()\uff02"}), 9, {}),
    ("a full-width equals sign", cell({4: 'job_4 \uff1d "nn.Sigmoid()"'}), 9, {}),
    ("full-width brackets", cell({4: 'job_4 = "nn.Sigmoid\uff08\uff09"'}), 9, {}),
    ("hard spaces", cell({4: 'job_4\u00a0=\u00a0"nn.Sigmoid()"'}), 9, {}),
    ("low and high quotes", cell({4: "job_4 = „nn.Sigmoid()“"}), 9, {}),
    ("guillemets", cell({4: "job_4 = «nn.Sigmoid()»"}), 9, {}),
    ("printed below", cell(after="\n".join(f"print({name})" for name in RIGHT)), 9, {}),
    ("only printed", "\n".join(f'print("{line}")' for line in TEXTS), 0, ALL),
    ("in comments", "\n".join(f"# {k} = {v}" for k, v in RIGHT.items()), 0, ALL),
    (
        "in the comment beside",
        cell({4: f'job_4 = "{EXERCISE.placeholder}"  # nn.Sigmoid()'}),
        8,
        {4: "a person will read"},
    ),
    ("last job first", "\n".join(f"{k} = {v!r}" for k, v in reversed(RIGHT.items())), 9, {}),
    ("chosen again below", cell({4: 'job_4 = "nn.MSELoss()"'}, f"job_4 = '{TEXTS[3]}'"), 9, {}),
    ("the same for two", cell({2: f"job_2 = job_3 = {TEXTS[1]!r}", 3: ""}), 9, {}),
    ("one by the other", cell({3: "job_3 = job_2"}), 9, {}),
    ("a list of pairs", f"answers = {[*enumerate(TEXTS, 1)]}", 9, {}),
    (
        "a dict by numbers in quotes",
        f"jobs = { ({str(n): t for n, t in enumerate(TEXTS, 1)}) }",
        9,
        {},
    ),
    ("a tuple of nine", f"answers = {tuple(TEXTS)}", 9, {}),
    ("a text block", '"""\n' + "\n".join(f"{k}: {v}" for k, v in RIGHT.items()) + '"""', 9, {}),
    (
        "a text block from its first line on",
        '"""' + "\n".join(f"{k}: {v}" for k, v in RIGHT.items()) + '"""',
        9,
        {},
    ),
    (
        "a text block with a name",
        "jobs = '''" + "\n".join(f"{k} = {v}" for k, v in RIGHT.items()) + "'''",
        9,
        {},
    ),
    ("bullets", "\n".join(f"- {k}: {v}" for k, v in RIGHT.items()), 9, {}),
    (
        "a dict left open",
        "jobs = {\n" + "\n".join(f'  "{k}": "{v}",' for k, v in RIGHT.items()),
        9,
        {},
    ),
    (
        "a dict filled one by one",
        "\n".join(f"jobs[{n}] = {t!r}" for n, t in enumerate(TEXTS, 1)),
        9,
        {},
    ),
    ("all in one line, cut", "; ".join(f'{k} = "{v}"' for k, v in RIGHT.items())[:-1], 9, {}),
    ("signs without width", cell({4: 'job_4 = "\u200bnn.Sigmoid()\u200b"'}), 9, {}),
    ("brackets around it", cell({4: 'job_4 = "(nn.Sigmoid())"'}), 9, {}),
    (
        "in a comment above",
        cell({4: '# nn.Sigmoid()\njob_4 = ""'}),
        8,
        {4: "a person will read"},
    ),
    (
        "explained beside",
        cell({4: 'job_4 = "nn.Sigmoid() squeezes"'}),
        8,
        {4: "a person will read"},
    ),
    ("in a function", "def f():\n" + "\n".join(f"  {k} = {v!r}" for k, v in RIGHT.items()), 9, {}),
    ("in small letters", "\n".join(f"{k} = {v.lower()!r}" for k, v in RIGHT.items()), 9, {}),
    ("a dict counted from 0", f"jobs = {dict(enumerate(TEXTS))}", 9, {}),
    (
        "a dict by other names",
        f"jobs = { ({f'answer_{n}': t for n, t in enumerate(TEXTS, 1)}) }",
        0,
        ALL,
    ),
    ("a list of ten", f"answers = {[*TEXTS, TEXTS[6]]}", 0, ALL),
    (
        "a job that there isn't, for one",
        cell({4: 'job_44 = "nn.Sigmoid()"'}),
        8,
        {4: "a person will read"},
    ),
    ("its number in words", cell({4: 'job_four = "nn.Sigmoid()"'}), 8, {4: "a person will read"}),
    ("the whole path", cell({4: "job_4 = torch.nn.modules.activation.Sigmoid()"}), 9, {}),
    ("the whole path, a text", cell({6: 'job_6 = "torch.nn.modules.loss.MSELoss()"'}), 9, {}),
    ("a walrus", cell({4: '(job_4 := "nn.Sigmoid()")'}), 9, {}),
    ("keywords", cell({2: "job_2 = nn.Linear(in_features=2, out_features=2)"}), 9, {}),
    ("an f-string with a name", cell({4: 'name = "Sigmoid"\njob_4 = f"nn.{name}()"'}), 9, {}),
    ("unpacked from a name", f"a = {TEXTS}\n{', '.join(RIGHT)} = a", 9, {}),
    (
        "a remark of another language",
        cell({4: 'job_4 = "nn.Sigmoid()" // squash'}),
        8,
        {4: "person"},
    ),
    ("two lines", cell({4: 'job_4 = "nn.Sigmoid() or nn.MSELoss()"'}), 8, {4: "Which single line"}),
    (
        "swapped",
        cell({8: f"job_8 = {TEXTS[8]!r}", 9: f"job_9 = {TEXTS[7]!r}"}),
        7,
        {8: "`optimizer.step()`", 9: "`optimizer.zero_grad()`"},
    ),
    ("written to globals", "\n".join(f"globals()['{k}'] = {v!r}" for k, v in RIGHT.items()), 9, {}),
    ("arrows", "\n".join(f"{k} -> {v}" for k, v in RIGHT.items()), 0, ALL),
    ("a lambda", cell({4: "job_4 = lambda: nn.Sigmoid()"}), 8, {4: "a person will read"}),
    ("bytes", cell({4: 'job_4 = b"nn.Sigmoid()"'}), 8, {4: "a person will read"}),
    ("something below that fails", cell(after="print(answer)"), 9, {}),
    ("something above that fails", "import notthere\n" + cell(), 9, {}),
    ("a stray word", "done!\n" + cell(), 9, {}),
    ("a bracket left open", cell(after="print("), 9, {}),
    ("indented", cell({4: '  job_4 = "nn.Sigmoid()"'}), 9, {}),
    (
        "eight in a list",
        f"answers = {TEXTS[:8]}",
        0,
        dict.fromkeys(range(1, 10), "a person will read"),
    ),
    ("lines and no names", "\n".join(TEXTS), 0, ALL),
    ("another thing", cell({6: "job_6 = loss_fn"}), 8, {6: "a person will read"}),
    ("words", cell({6: 'job_6 = "the squared error"'}), 8, {6: "a person will read"}),
    ("nothing", "", 0, dict.fromkeys(range(1, 10), "has no value yet")),
]


@pytest.mark.parametrize(
    ("source", "points", "lost"), [row[1:] for row in WHOLE_CELLS], ids=[r[0] for r in WHOLE_CELLS]
)
def test_only_the_job_is_lost_whose_line_is(source, points, lost):
    choices = grade_matching(EXERCISE, left(source), source)

    assert {one.job: one.message for one in choices if not one.points}.keys() == lost.keys()
    assert sum(one.points for one in choices) == points
    for job, said in lost.items():
        assert said in choices[job - 1].message


def test_what_a_person_reads_says_what_stands_there():
    (note,) = {
        one.note
        for one in grade_matching(EXERCISE, {**RIGHT, "job_6": Thing("int_", "7_")})
        if one.note
    }

    assert note == "`job_6` holds an int_, not a text: `7_` is not a line of the list"


BASE: dict[str, Any] = {
    "placeholder": "(choose)",
    "lines": [{"line": "a()", "does": "does a"}, {"line": "b()", "does": "b", "belief": "b is a"}],
    "jobs": [{"job": "a", "lesson": "lesson 1", "accepts": ["a()"]}],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"jobs": [{**BASE["jobs"][0], "accepts": ["c()"]}]}, "job 1 accepts 'c\\(\\)'"),
        ({"lines": [*BASE["lines"], {"line": "A( )", "does": "x", "belief": "y"}]}, "twice"),
        ({"lines": [*BASE["lines"], {"line": 'c("")', "does": "x", "belief": "y"}]}, "form can't"),
        ({"lines": [BASE["lines"][0], {"line": "b()", "does": "b"}]}, "say which belief"),
        ({"lines": [{**BASE["lines"][0], "belief": "x"}, BASE["lines"][1]]}, "remove its belief"),
    ],
)
def test_an_exercise_that_contradicts_itself_is_refused(change, said):
    MatchingExercise.model_validate(BASE)
    with pytest.raises(ValidationError, match=said):
        MatchingExercise.model_validate({**BASE, **change})
