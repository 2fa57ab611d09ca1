"""A small course of the same make as the real one: a master, a solved copy, ways to save it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode, from_dict

from xorkit.intake.rebuilding import RebuiltNotebook, rebuild

CHECK = "# Check {0}: run me\nprint('looking at', {1})\nassert {1} is not None"
TITLES = {
    "data": "Exercise 1 · The data",
    "model": "Exercise 2 · The model",
    "loss_and_optimizer": "Exercise 3 · Loss and optimizer",
    "training_loop": "Exercise 4 · The training loop",
    "matching": "Exercise 5 · Matching",
    "recall_step": "Question 1 · What does step do?",
    "recall_stuck": "Question 2 · Why does it get stuck?",
}
RELEASED = {
    "data": """
# The four rows of the table, and what XOR makes of each.
# 1a: the inputs, one row each
# 1b: the answers, in the same order
raise NotImplementedError("Blank 1a is still empty: the inputs")
""",
    "model": """
# 2a: two inputs, two hidden, one output
raise NotImplementedError("Blank 2a is still empty: the layers")
""",
    "loss_and_optimizer": """
# 3a: how wrong is it?
raise NotImplementedError("Blank 3a is still empty: the loss")
# 3b: who moves the weights?
raise NotImplementedError("Blank 3b is still empty: the optimizer")
""",
    "training_loop": """
losses = []
for epoch in range(5000):
    # 4a: the forward pass
    raise NotImplementedError("Blank 4a is still empty: the prediction")
    # 4b: clear, go back, step
    raise NotImplementedError("Blank 4b is still empty: three lines")
    losses.append(loss.item())
""",
    "matching": """
job_1 = ""  # @param ["", "loss.backward()", "optimizer.step()"]
job_2 = ""  # @param ["", "loss.backward()", "optimizer.step()"]
""",
    "recall_step": """
recall_step = ""  # @param {type:"string"}
""",
    "recall_stuck": '''
recall_stuck = """

"""
''',
}
SOLVED = {
    "data": """
# The four rows of the table, and what XOR makes of each.
# 1a: the inputs, one row each
X = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
# 1b: the answers, in the same order
Y = torch.tensor([[0.], [1.], [1.], [0.]])
""",
    "model": """
# 2a: two inputs, two hidden, one output
model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
""",
    "loss_and_optimizer": """
# 3a: how wrong is it?
loss_fn = nn.MSELoss()
# 3b: who moves the weights?
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
""",
    "training_loop": """
losses = []
for epoch in range(5000):
    # 4a: the forward pass
    pred = model(X)
    loss = loss_fn(pred, Y)
    # 4b: clear, go back, step
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
""",
    "matching": """
job_1 = "loss.backward()"  # @param ["", "loss.backward()", "optimizer.step()"]
job_2 = "optimizer.step()"  # @param ["", "loss.backward()", "optimizer.step()"]
""",
    "recall_step": """
recall_step = "It moves each weight a little, against its gradient."  # @param {type:"string"}
""",
    "recall_stuck": '''
recall_stuck = """
All four rows give nearly the same output,
and the sigmoid is flat there.
"""
''',
}
CHECKED = {  # what the visible check of each answer looks at
    "data": "X, Y",
    "model": "model",
    "loss_and_optimizer": "(loss_fn, optimizer)",
    "training_loop": "losses[-1]",
    "recall_step": "recall_step",
    "recall_stuck": "recall_stuck",
}


def anchor(grade_id: str) -> str:
    return f"# ✏️ {TITLES[grade_id]}"


def answer_text(grade_id: str, texts: Mapping[str, str] = SOLVED) -> str:
    return anchor(grade_id) + texts[grade_id].rstrip("\n")


def small_master() -> NotebookNode:
    """The released notebook: prose, a locked set-up, answers, locked checks, a demo between."""
    cells = [
        markdown("intro", "# XOR\nFill in the blanks. Have fun."),
        code("setup", "import torch\nfrom torch import nn\n\ntorch.manual_seed(0)", locked=True),
    ]
    for grade_id, title in TITLES.items():
        cells.append(markdown(f"about_{grade_id}", f"## {title}\nRead this about {grade_id}."))
        cells.append(code(grade_id, answer_text(grade_id, RELEASED), solution=True))
        if grade_id in CHECKED:
            check = CHECK.format(grade_id, CHECKED[grade_id])
            cells.append(code(f"test_{grade_id}", check, locked=True, grade=True, points=2.0))
        if grade_id == "training_loop":
            cells.append(code("", "with torch.no_grad():\n    print(model(X))", id="demo-cell"))
    cells.append(markdown("bye", "That was all. Download the file and hand it in."))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return node({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def solved(texts: Mapping[str, str] = SOLVED) -> NotebookNode:
    """The master as an able learner hands it in."""
    notebook = copy.deepcopy(small_master())
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in texts:
            cell.source = answer_text(grade_id, texts)
    return notebook


def node(raw: Mapping[str, Any]) -> NotebookNode:
    made: NotebookNode = from_dict(raw)
    return made


def code(grade_id: str, source: str, *, id: str = "", **marks: Any) -> dict[str, Any]:
    name = id or f"cell-{grade_id}"
    metadata: dict[str, Any] = {"id": name}
    if grade_id:
        nbgrader = {"schema_version": 3, "grade_id": grade_id, "task": False, "grade": False}
        metadata["nbgrader"] = {**nbgrader, "solution": False, "locked": False, **marks}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def markdown(id: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": id, "metadata": {"id": id}, "source": source}


def bare(source: str, kind: str = "code") -> NotebookNode:
    """A cell as a learner makes it: no metadata, no name."""
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source}
    return node(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))


def place(notebook: NotebookNode, grade_id: str) -> int:
    """Where the first cell of this grade_id stands."""
    for position, cell in enumerate(notebook.cells):
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id:
            return position
    raise AssertionError(f"no cell {grade_id!r}")


def as_bytes(notebook: Mapping[str, Any]) -> bytes:
    return json.dumps(notebook, ensure_ascii=False).encode()


def rebuilt(notebook: NotebookNode) -> RebuiltNotebook:
    return rebuild(small_master(), notebook)
