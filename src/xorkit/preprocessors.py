"""What our notebooks need beyond nbgrader's own preprocessors while the release is built."""

from __future__ import annotations

import json
import re
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor
from traitlets import Unicode

Resources = dict[str, Any]

REGION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION[ \t]*\n(?P<body>.*?)^[ \t]*### END SOLUTION[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
MARKER = re.compile(r"(BEGIN|END) SOLUTION")
BLANK = re.compile(r"^[ \t]*# Blank (?P<number>\w+) · (?P<job>[^(\n]+)", re.MULTILINE)
FORM = re.compile(r"""^(?P<name>\w+) = "(?P<value>.*)"(?P<form>[ \t]+# @param (?P<options>.+))$""")
COLAB_LINK = re.compile(r"https://colab\.research\.google\.com/github/[^\s)]*")


class ClearBlanks(ClearSolutions):  # type: ignore[misc]  # nbgrader ships no types
    """Empty the solution regions, so that each says for itself that it is still empty.

    A region of code becomes an error that names the blank, after the nearest line
    `# Blank 4a · what to do (where it was learnt)` above it. A region of form lines
    (`name = "…"  # @param …`) keeps its names and forms and loses its values.
    """

    def _replace_solution_region(self, cell: NotebookNode, language: str) -> bool:
        source = cell.source
        cell.source = REGION.sub(lambda region: _emptied(region, source), source)
        if MARKER.search(cell.source):
            raise ValueError(f"A solution region has only one of its two markers:\n{source}")
        if cell.source == source and cell.metadata.get("nbgrader", {}).get("solution"):
            raise ValueError(f"This answer cell has no solution region to empty:\n{source}")
        return bool(cell.source != source)


def _emptied(region: re.Match[str], source: str) -> str:
    lines = [line for line in region["body"].splitlines() if line.strip()]
    if any(FORM.match(line) for line in lines):
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
    form = FORM.match(line)
    if not form:
        raise ValueError(f"A solution region of form lines holds another line: {line!r}")
    return f'{form["name"]} = "{_nothing_chosen(form["options"])}"{form["form"]}'


def _nothing_chosen(options: str) -> str:
    """A drop-down's first entry, which is no answer; nothing for a text field."""
    parsed, _ = json.JSONDecoder().raw_decode(options)
    return str(parsed[0]) if isinstance(parsed, list) else ""


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
