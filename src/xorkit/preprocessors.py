"""What our notebooks need beyond nbgrader's own preprocessors, for the release and for grading."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor, SaveAutoGrades
from traitlets import Unicode

from xorkit.conventions import OUTCOME_MIME, SOLUTION, metadata

Resources = dict[str, Any]

MARKER = re.compile(r"(BEGIN|END) SOLUTION")
BLANK = re.compile(r"^[ \t]*# Blank (?P<number>\w+) · (?P<job>[^(\n]+)", re.MULTILINE)
FORM_LINE = re.compile(
    r"""^(?P<name>\w+) = "(?P<value>.*)"(?P<form>[ \t]+# @param (?P<options>.+))$"""
)
COLAB_LINK = re.compile(r"https://colab\.research\.google\.com/github/[^\s)]*")


class ClearBlanks(ClearSolutions):  # type: ignore[misc]  # nbgrader ships no types
    """Empty the solution regions, so that each says for itself that it is still empty.

    A region of code becomes an error that names the blank, after the nearest line
    `# Blank 4a · what to do (where it was learnt)` above it. A region of form lines
    (`name = "…"  # @param …`) keeps its names and forms and loses its values.
    """

    def _replace_solution_region(self, cell: NotebookNode, language: str) -> bool:
        source = cell.source
        cell.source = SOLUTION.sub(lambda region: _emptied(region, source), source)
        if MARKER.search(cell.source):
            raise ValueError(f"A solution region has only one of its two markers:\n{source}")
        if cell.source == source and metadata(cell).get("solution"):
            raise ValueError(f"This answer cell has no solution region to empty:\n{source}")
        return bool(cell.source != source)


def _emptied(region: re.Match[str], source: str) -> str:
    lines = [line for line in region["body"].splitlines() if line.strip()]
    if any(FORM_LINE.match(line) for line in lines):
        return "\n".join(_emptied_form_line(line) for line in lines)
    return region["indent"] + _stub(source[: region.start()])


def _stub(text_above: str) -> str:
    blanks = list(BLANK.finditer(text_above))
    if not blanks:
        raise ValueError(f"No line '# Blank 1a · …' stands above a solution region:\n{text_above}")
    job = blanks[-1]["job"].strip()
    message = f"Blank {blanks[-1]['number']} is still empty: {job[0].lower()}{job[1:]}"
    return f"raise NotImplementedError({json.dumps(message, ensure_ascii=False)})"


def _emptied_form_line(line: str) -> str:
    if line.startswith("#"):
        return line
    form = FORM_LINE.match(line)
    if not form:
        raise ValueError(f"A solution region of form lines holds another line: {line!r}")
    return f'{form["name"]} = "{_nothing_chosen(form["options"])}"{form["form"]}'


def _nothing_chosen(options: str) -> str:
    """A drop-down's first entry, which is no answer; nothing for a text field."""
    parsed, _ = json.JSONDecoder().raw_decode(options)
    return str(parsed[0]) if isinstance(parsed, list) else ""


class PackChecks(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader ships no types
    """Put the self-checks into the set-up cell, so that the release needs nothing else."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        from xorkit.engine.packing import with_checks
        from xorkit.lesson import find_lesson

        course = CourseDirectory(parent=self)
        with_checks(nb, find_lesson(resources["nbgrader"]["assignment"], Path(course.root)))
        return nb, resources


class ReleaseCells(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader ships no types
    """Make every cell recognisable and presentable wherever the release is opened."""

    colab = Unicode(help="Where Colab finds the release: owner/repository/branch, on GitHub.").tag(
        config=True
    )

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        nb.metadata["language_info"] = {"name": "python"}  # not the version of who edited last
        place = resources["nbgrader"]
        link = self._link(f"release/{place['assignment']}/{place['notebook']}.ipynb")
        for cell in nb.cells:
            cell.metadata["id"] = cell.id  # Colab drops `cell.id` and keeps this
            if cell.cell_type == "markdown":
                cell.source = COLAB_LINK.sub(link, cell.source)
            elif "# @param" in cell.source or cell.source.startswith("# @title"):
                cell.metadata["cellView"] = "form"  # Colab shows the form, not the code
                if cell.source.startswith("# @title"):
                    cell.metadata["jupyter"] = {"source_hidden": True}  # so does JupyterLab
        return nb, resources

    def _link(self, path: str) -> str:
        owner, _, rest = self.colab.partition("/")
        repository, _, branch = rest.partition("/")
        if not (owner and repository and branch):
            raise ValueError(
                f"c.ReleaseCells.colab is {self.colab!r}: it should read 'owner/repository/branch'"
            )
        return f"https://colab.research.google.com/github/{owner}/{repository}/blob/{branch}/{path}"


class Rebuild(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader ships no types
    """Move the learner's answers into the release, as `xorkit collect` and `xorkit grade` do.

    So each answer stands above its tests, whatever was deleted, copied, moved or renamed.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        from xorkit.intake.rebuilding import (
            rebuild,  # commands that run nothing load this file, too
        )

        place = resources["nbgrader"]
        course = CourseDirectory(parent=self)
        folder = course.format_path(course.release_directory, ".", place["assignment"])
        path = Path(folder, f"{place['notebook']}.ipynb")
        release = nbformat.read(path, as_version=4)
        return rebuild(release, nb).notebook, resources


class SaveGrades(SaveAutoGrades):  # type: ignore[misc]  # nbgrader ships no types
    """Save the score that a graded cell's tests published, and nothing that only looks like one.

    Where they left the cell to a person, or where nothing was published, a person is asked. Points
    that are sure all the same are kept, and so is what a person decided before.
    """

    def _add_score(self, cell: NotebookNode, resources: Resources) -> None:
        about = metadata(cell)
        if about.get("solution"):  # an answer that is marked by hand
            super()._add_score(cell, resources)
            return
        place = (self.notebook_id, self.assignment_id, self.student_id)
        grade = self.gradebook.find_grade(about["grade_id"], *place)
        score, open_ = published(cell, float(about["points"]))
        decided = grade.manual_score is not None or bool(grade.extra_credit)
        grade.auto_score = score if score or not open_ else None
        grade.needs_manual_grade = open_ and not decided
        self.gradebook.db.commit()


def published(cell: NotebookNode, points: float) -> tuple[float, bool]:
    """The points that `xorkit.hidden.grade` displayed, and whether a person has to look."""
    shown = [
        output["data"][OUTCOME_MIME]
        for output in cell.outputs
        if OUTCOME_MIME in output.get("data", {})
    ]
    score = shown[0]["score"] if len(shown) == 1 else None
    if not isinstance(score, int | float) or not 0 <= score <= points:
        return 0.0, True
    return float(score), bool(shown[0]["needs_review"])
