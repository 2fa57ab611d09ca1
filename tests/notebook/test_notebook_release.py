"""The tracked release: a fresh build, without answers, in the order that everything relies on."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import xorkit
from xorkit.engine.packing import HOME, PIECE, briefly, packed

COURSE = Path(__file__).parents[2]
RELEASE = Path("release/xor/xor.ipynb")
RECALL = ["zero_grad", "step", "backward", "stuck", "tensor"]
ANSWERS = ["data", "model", "loss_and_optimizer", "training_loop", "matching"]
ANSWERS += [f"recall_{name}" for name in RECALL]
POINTS = {"test_data": 3, "test_model": 4, "test_loss_and_optimizer": 3, "test_training_loop": 7}
POINTS |= {"test_predictions": 4, "test_matching": 9}
POINTS |= {f"test_recall_{name}": 2 for name in RECALL}


def build(folder: Path) -> bytes:
    """What plain nbgrader makes of a copy of the course."""
    for part in ("source", "lessons"):
        shutil.copytree(COURSE / part, folder / part)
    shutil.copy(COURSE / "nbgrader_config.py", folder)
    programs = Path(sys.executable).parent  # nbgrader calls alembic by its bare name
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    command = [str(programs / "nbgrader"), "generate_assignment", "xor", "--force"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (folder / RELEASE).read_bytes()


def test_the_release_is_what_a_fresh_build_gives(tmp_path):
    assert (COURSE / RELEASE).read_bytes() == build(tmp_path / "course")


def test_answers_and_graded_cells_stand_in_the_contracts_order(source, release):
    for cells in (source, release):
        marks = [cell.metadata.nbgrader for cell in cells.values() if "nbgrader" in cell.metadata]

        assert [m.grade_id for m in marks if m.solution] == ANSWERS
        assert {m.grade_id: m.points for m in marks if m.grade} == POINTS
        assert [m.grade_id for m in marks if m.locked and not m.grade] == ["setup"]
        assert all(m.schema_version == 3 for m in marks)


def test_every_cell_can_be_recognised_by_its_id_anywhere(source, release):
    assert list(source) == list(release)
    assert [cell.metadata.id for cell in release.values()] == list(release)
    graded = [cell for cell in release.values() if "nbgrader" in cell.metadata]
    assert all(cell.metadata.nbgrader.grade_id == cell.id for cell in graded)


def test_every_answer_begins_with_its_own_first_line(release):
    first_lines = [release[grade_id].source.splitlines()[0] for grade_id in ANSWERS]

    matches = [re.fullmatch(r"# ✏️ Exercise (\w+) · .+", line) for line in first_lines]
    numbers = [match and match[1] for match in matches]
    assert numbers == ["1", "2", "3", "4", "5", "6a", "6b", "6c", "6d", "6e"]


def solution_lines(source):
    for grade_id in ANSWERS:
        for region in re.findall(
            r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", source[grade_id].source, re.DOTALL
        ):
            yield from (line.strip() for line in region.splitlines() if line.strip())


def menu_lines():
    """The lines that the matching exercise offers, on purpose: its cell, its text, its check."""
    lesson = yaml.safe_load((COURSE / "lessons" / "xor.matching.yaml").read_text(encoding="utf-8"))
    return {entry["line"] for entry in lesson["lines"]}


def test_the_release_holds_no_answer(source, release):
    menu = {"matching", "exercise-matching"}  # which offers the lines, on purpose
    questions = {cell_id for cell_id in release if cell_id.startswith("question-")}
    texts = [cell.source for name, cell in release.items() if name not in menu | questions]
    everything = "\n".join(texts)

    for line in solution_lines(source):
        value = re.match(r'\w+ = "(.*)"  # @param', line)
        if value:
            assert f'= "{value[1]}"' not in "\n".join(c.source for c in release.values())
        elif len(line) > len("Y = 1.0") and line not in menu_lines():
            assert line not in everything
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN)|HIDDEN TESTS", json.dumps(release))


def test_no_hidden_test_reaches_the_release(source, release):
    for grade_id in POINTS:
        visible, _, _ = source[grade_id].source.partition("### BEGIN HIDDEN TESTS")

        visible = visible.rstrip("\n")
        title, call = visible.splitlines()
        assert title.startswith("# @title ✔ ")
        assert call == f'check("{grade_id.removeprefix("test_")}")'
        assert release[grade_id].source.startswith(f"{visible} if callable(")
        assert len(release[grade_id].source.splitlines()) == 2


def test_the_badge_leads_to_the_release(release):
    setting = re.search(r'ReleaseCells\.colab = "(.+?)/(.+?)/(.+)"', config())
    assert setting is not None
    owner, repository, branch = setting.groups()
    address = f"https://colab.research.google.com/github/{owner}/{repository}/blob/{branch}/"

    assert f"({address}{RELEASE.as_posix()})" in release["welcome"].source


def config():
    return (COURSE / "nbgrader_config.py").read_text(encoding="utf-8")


def stubs(cell):
    return re.findall(r'raise NotImplementedError\("(Blank .+)"\)', cell.source)


def test_each_blank_says_which_one_is_empty(release):
    said = [stub.split(" ")[1] for grade_id in ANSWERS for stub in stubs(release[grade_id])]

    assert said == ["1a", "1b", "2a", "3a", "3b", "4a", "4b", "4c", "4d", "4e"]


@pytest.mark.parametrize("grade_id", ANSWERS[:4])
def test_filling_the_first_blanks_leads_to_the_next_one(grade_id, source, release, solved):
    answers = re.findall(
        r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", source[grade_id].source, re.DOTALL
    )
    text = release[grade_id].source
    for stub, answer in zip(stubs(release[grade_id]), answers, strict=True):
        with pytest.raises(NotImplementedError, match=re.escape(stub)):
            exec(text, dict(solved.names))
        text = re.sub(rf'^ *raise .*"{re.escape(stub)}"\)\n', answer, text, flags=re.MULTILINE)
    exec(text.replace("range(5000)", "range(2)"), dict(solved.names))


def test_the_menu_is_the_lessons_list_of_lines(source, release):
    lesson = yaml.safe_load((COURSE / "lessons" / "xor.matching.yaml").read_text(encoding="utf-8"))
    lines = [entry["line"] for entry in lesson["lines"]]

    forms = re.findall(r'^(job_\d) = "(.*?)"  # @param (.*)', release["matching"].source, re.M)
    assert [name for name, _, _ in forms] == [f"job_{n}" for n in range(1, 10)]
    for _, value, menu in forms:
        assert value == lesson["placeholder"]
        assert json.loads(menu) == [lesson["placeholder"], *lines]
    listed = "\n".join(f"{number:2d}  {line}" for number, line in enumerate(lines, 1))
    assert listed in release["exercise-matching"].source
    for number, job in enumerate(lesson["jobs"], 1):
        assert f"Job {number} · {job['job']} ({job['lesson']})" in release["matching"].source
    solved = re.findall(r'^job_\d = "(.*?)"', source["matching"].source, re.M)
    assert all(line in job["accepts"] for line, job in zip(solved, lesson["jobs"], strict=True))


def test_a_recall_answer_is_an_empty_text_field(release):
    for name in RECALL:
        assert f'recall_{name} = ""  # @param {{"type":"string"}}' in (
            release[f"recall_{name}"].source
        )


def imported(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_the_release_needs_nothing_but_what_colab_has(release):
    code = [cell.source for cell in release.values() if cell.cell_type == "code"]
    code += [text for name, text in packed().files.items() if name.startswith("xorkit")]

    tops = {top for text in code for top in imported(text)} - set(sys.stdlib_module_names)
    assert tops == {"torch", "numpy", "matplotlib", "IPython", "google", "xorkit"}
    assert "xorkit.selfcheck" in packed().files


def code_lines(cell):
    """Lines of code, without blank ones, comments and docstrings."""
    tree = ast.parse(cell.source)
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    texts = {
        number
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    lines = enumerate(cell.source.splitlines(), 1)
    return [n for n, line in lines if line.strip()[:1] not in ("", "#") and n not in texts]


def test_the_authored_notebook_is_short_and_defines_nothing_twice(source):
    code = [cell for cell in source.values() if cell.cell_type == "code"]
    visible = [re.split("### BEGIN HIDDEN TESTS", cell.source)[0] for cell in code]
    names = [
        node.name
        for text in visible
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]

    assert sum(len(code_lines(cell)) for cell in code) <= 300
    assert max(len(cell.source.splitlines()) for cell in code) <= 40
    assert len(names) == len(set(names))


def test_what_is_packed_is_small_and_says_what_it_is(release):
    text = release["setup"].source
    piece = packed()

    found = PIECE.search(text)
    assert found is not None
    assert found[1] == piece.text, "run `make build`: what is packed has changed"
    assert len(piece.text) <= 60_000
    assert f"# SHA-256 of what is packed: {piece.sha256}\n" in text
    assert f"modules of xorkit {xorkit.__version__}" in text
    assert f"Their source: {HOME}\n" in text
    assert f'Source = "{HOME}"' in (COURSE / "pyproject.toml").read_text("utf-8")


def test_what_is_packed_is_the_kits_code_and_nothing_else():
    for name, text in packed().files.items():
        if name.startswith("xorkit"):
            path = COURSE / "src" / Path(*name.split("."))
            path = path.with_suffix(".py") if not path.is_dir() else path / "__init__.py"

            source = path.read_text("utf-8")
            assert statements(text) <= statements(briefly(source, source)), name


def statements(text):
    """A module's statements as `ast.dump` writes them, without what nobody runs."""
    body = Undocumented().visit(ast.parse(text)).body
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    names = {(node.module, ast.dump(alias)) for node in imports for alias in node.names}
    return names | {ast.dump(node) for node in body if node not in imports}


class Undocumented(ast.NodeTransformer):
    """Takes docstrings and annotations away; those of fields are all alike."""

    def generic_visit(self, node):
        if isinstance(node, ast.ClassDef):
            for field in (each for each in node.body if isinstance(each, ast.AnnAssign)):
                field.annotation = ast.Constant(None)
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        kinds = ast.Module | ast.FunctionDef | ast.ClassDef
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            del node.body[0]
            if not (node.body or isinstance(node, ast.Module)):
                node.body.append(ast.Expr(ast.Constant(0)))
        return super().generic_visit(node)

    def visit_AnnAssign(self, node):
        if node.value is None or isinstance(node.annotation, ast.Constant):
            return node
        return ast.Assign([node.target], node.value)


def test_given_cells_are_folded_and_answers_are_not(release):
    folded = {
        name for name, c in release.items() if c.metadata.get("jupyter", {}).get("source_hidden")
    }

    assert folded == {"setup", "draw-my-loss", "compare-slopes", "ready", *POINTS}
    assert all(release[name].metadata.cellView == "form" for name in folded)
