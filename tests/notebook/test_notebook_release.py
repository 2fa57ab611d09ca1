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

    numbers = [re.fullmatch(r"# ✏️ Exercise (\w+) · .+", line)[1] for line in first_lines]
    assert numbers == ["1", "2", "3", "4", "5", "6a", "6b", "6c", "6d", "6e"]
    assert "exercises = " + json.dumps(numbers).replace("[", "(").replace("]", ")") in (
        release["ready"].source
    )


def solution_lines(source):
    for grade_id in ANSWERS:
        for region in re.findall(
            r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", source[grade_id].source, re.DOTALL
        ):
            yield from (line.strip() for line in region.splitlines() if line.strip())


def test_the_release_holds_no_answer(source, release):
    menu = {"matching", "exercise-matching"}  # which offers the lines, on purpose
    questions = {cell_id for cell_id in release if cell_id.startswith("question-")}
    texts = [cell.source for name, cell in release.items() if name not in menu | questions]
    everything = "\n".join(texts)

    for line in solution_lines(source):
        value = re.match(r'\w+ = "(.*)"  # @param', line)
        if value:
            assert f'= "{value[1]}"' not in "\n".join(c.source for c in release.values())
        elif len(line) > len("Y = 1.0"):
            assert line not in everything
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN)|HIDDEN TESTS", json.dumps(release))


def test_no_hidden_test_reaches_the_release(source, release):
    for grade_id in POINTS:
        hidden = re.search("### BEGIN HIDDEN TESTS", source[grade_id].source)

        assert release[grade_id].source == source[grade_id].source[: hidden.start()].removesuffix(
            "\n"
        )


def test_the_badge_leads_to_the_release(release):
    setting = re.search(r'ReleaseCells\.colab = "(.+?)/(.+?)/(.+)"', config())
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
            exec(text, dict(solved))
        text = re.sub(rf'^ *raise .*"{re.escape(stub)}"\)\n', answer, text, flags=re.MULTILINE)
    exec(text.replace("range(5000)", "range(2)"), dict(solved))


def test_the_menu_is_the_lessons_list_of_lines(source, release):
    lesson = yaml.safe_load((COURSE / "lessons" / "xor.matching.yaml").read_text(encoding="utf-8"))
    lines = [entry["line"] for entry in lesson["lines"]]

    forms = re.findall(r'^(job_\d) = "(.*?)"  # @param (.*)', release["matching"].source, re.M)
    assert [name for name, _, _ in forms] == [f"job_{n}" for n in range(1, 10)]
    for _, value, menu in forms:
        assert value == lesson["placeholder"]
        assert json.loads(menu) == [lesson["placeholder"], *lines]
    assert "\n".join(lines) in release["exercise-matching"].source
    for number, job in enumerate(lesson["jobs"], 1):
        assert f"Job {number} · {job['job']} ({job['lesson']})" in release["matching"].source
    solved = re.findall(r'^job_\d = "(.*?)"', source["matching"].source, re.M)
    assert all(line in job["accepts"] for line, job in zip(solved, lesson["jobs"], strict=True))


def test_a_recall_answer_is_an_empty_text_field(release):
    for name in RECALL:
        assert f'recall_{name} = ""  # @param {{"type":"string"}}' in (
            release[f"recall_{name}"].source
        )


def test_the_release_needs_nothing_but_what_colab_has(release):
    imported = set()
    for cell in release.values():
        for node in ast.walk(ast.parse(cell.source if cell.cell_type == "code" else "")):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])

    assert imported - set(sys.stdlib_module_names) == {"torch", "matplotlib", "IPython", "google"}


def test_every_check_reports_in_the_same_way(release):
    reports = {
        re.search(r"^def _report\(.*?(?=\n\n\n)", release[grade_id].source, re.M | re.S)[0]
        for grade_id in POINTS
    }

    assert len(reports) == 1


def test_given_cells_are_folded_and_answers_are_not(release):
    folded = {
        name for name, c in release.items() if c.metadata.get("jupyter", {}).get("source_hidden")
    }

    assert folded == {"setup", "draw-my-loss", "compare-slopes", "ready", *POINTS}
    assert all(release[name].metadata.cellView == "form" for name in folded)
