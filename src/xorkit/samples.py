"""The sample class: learners as data, turned into files as Colab, Drive and others save them."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from nbformat import NotebookNode
from pydantic import TypeAdapter

from xorkit.conventions import answer_cells, filled, solution_texts
from xorkit.yaml_parts import YamlPart

Json = dict[str, Any]
HANDED_IN, ROSTER = "handed-in", "roster.csv"
MIDNIGHT = (2026, 3, 20, 23, 59, 0)  # when all of them handed in: files come out equal each time
DUE = "2026-03-21 00:00 UTC"


class Learner(YamlPart):
    """One learner of the class; the file with the data says what each field means."""

    id: str
    name: str
    story: str
    cells: dict[str, str] = {}
    seed: int | None = None
    edits: dict[str, dict[str, str]] = {}
    form: dict[str, str] = {}
    blank: tuple[str, ...] | Literal["all"] = ()
    deleted: tuple[str, ...] = ()
    pasted: tuple[str, ...] = ()
    in_markdown: tuple[str, ...] = ()
    added: dict[str, str] = {}
    saved: Literal["colab", "drive", "github", "jupyter", "bare", "windows", "old", "pdf"] = "colab"
    cut_at: str = ""
    assignment: str
    file: str
    came: Literal["canvas", "classroom", "mail"] = "canvas"
    late: str | bool = False
    beside: dict[str, str] = {}
    loses: dict[str, float] = {}
    says: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    refused: bool = False


def read_class(path: Path) -> tuple[Learner, ...]:
    """The learners in `samples/<assignment>/class.yaml`; raises ValueError where one is odd."""
    usual = {"assignment": path.parent.name, "file": f"{path.parent.name}.ipynb"}
    rows = [usual | row for row in yaml.safe_load(path.read_text("utf-8"))]
    return TypeAdapter(tuple[Learner, ...]).validate_python(rows)


def write_class(
    folder: Path, learners: Iterable[Learner], source: NotebookNode, release: NotebookNode
) -> None:
    """What a teacher downloads: `handed-in/` as it comes from three places, and `roster.csv`."""
    downloads = folder / HANDED_IN
    downloads.mkdir(parents=True, exist_ok=True)
    solutions = solution_texts(source)
    rows = [("student id", "name", "canvas id")]
    for number, learner in enumerate(learners):
        data = file_bytes(learner, release, solutions)
        canvas_id = 51_000 + number
        _PLACES[learner.came](downloads, learner, canvas_id, data)
        for name, text in learner.beside.items():
            other = learner.model_copy(update={"file": name})
            data = _dumped(release) if text == "untouched" else text.encode()
            _PLACES[learner.came](downloads, other, canvas_id, data)
        rows.append((learner.id, learner.name, str(canvas_id)))
    with (folder / ROSTER).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


# ------------------------------------------------------------------------------ what they answered


def answers(
    learner: Learner, release: NotebookNode, solutions: Mapping[str, str]
) -> dict[str, str]:
    """What stands in each answer cell; raises ValueError where the data names what isn't there."""
    texts = dict(solutions)
    released = {grade_id: cell.source for grade_id, cell in answer_cells(release).items()}
    for grade_id, text in learner.cells.items():
        texts[grade_id] = f"{released[grade_id].partition(chr(10))[0]}\n\n{text.rstrip()}"
    if learner.seed is not None:
        texts["model"] = _seeded(texts["model"], learner.seed)
    for grade_id, edits in learner.edits.items():
        for old, new in edits.items():
            if texts[grade_id].count(old) != 1:
                raise ValueError(f"{learner.id}: {old!r} is not in {grade_id} just once")
            texts[grade_id] = texts[grade_id].replace(old, new)
    for name, value in learner.form.items():
        grade_id = name if name in texts else "matching"
        texts[grade_id] = _chosen(texts[grade_id], name, value)
    blank = released if learner.blank == "all" else learner.blank
    return texts | {grade_id: released[grade_id] for grade_id in blank}


def _seeded(text: str, seed: int) -> str:
    """The model's cell with a seed above the model."""
    above = re.compile(r"^(?=model = )", re.MULTILINE)
    new, count = above.subn(f"torch.manual_seed({seed})\n", text)
    if count != 1:
        raise ValueError(f"no one place for a seed in: {text}")
    return new


def _chosen(text: str, name: str, value: str) -> str:
    """The text with another value in a form line, which Colab writes in double quotes."""
    line = re.compile(rf'^{name} = "(?:[^"\\]|\\.)*"', re.MULTILINE)
    quoted = f"{name} = {json.dumps(value, ensure_ascii=False)}"
    new, count = line.subn(lambda _: quoted, text)
    if count != 1:
        raise ValueError(f"no form line for {name} in: {text}")
    return new


# -------------------------------------------------------------------------- what became of the file


def file_bytes(learner: Learner, release: NotebookNode, solutions: Mapping[str, str]) -> bytes:
    """The bytes of the learner's file."""
    texts = answers(learner, release, solutions)
    notebook: Json = json.loads(json.dumps(filled(release, texts)))
    notebook["cells"] = list(_disordered(learner, notebook["cells"], release))
    for count, cell in enumerate(_code(notebook), start=1):
        cell["execution_count"] = count
    data = FORMS[learner.saved](notebook, learner)
    return data[: data.index(f'"{learner.cut_at}"'.encode())] if learner.cut_at else data


def _disordered(learner: Learner, cells: list[Json], release: NotebookNode) -> Iterator[Json]:
    """The cells, as far as they are still there, with those that were added."""
    released = {cell.id: cell.source for cell in release.cells}
    for cell in cells:
        name = cell["id"]
        if name in learner.pasted:
            yield {**cell, "id": f"copy-{name}", "source": released[name]}
        if name in learner.in_markdown:
            yield _text_cell(cell)
        elif name not in learner.deleted:
            yield cell
        if name in learner.added:
            yield _own_cell(f"own-{name}", learner.added[name])


def _text_cell(cell: Json) -> Json:
    """An answer in words, retyped in a text cell."""
    words = re.findall(r'"(?:[^"\\]|\\.)*"(?=  # @param)', cell["source"])
    text = {"cell_type": "markdown", "source": json.loads(words[0])}
    return text | {"id": cell["id"], "metadata": cell["metadata"]}


def _own_cell(name: str, text: str) -> Json:
    cell: Json = {"cell_type": "code", "execution_count": None, "outputs": [], "source": text}
    return cell | {"id": name, "metadata": {"id": name}}


def _colab(notebook: Json, learner: Learner) -> bytes:
    """File → Download: two spaces, no newline at the end, an id for every output."""
    _mark_as_colab(notebook)
    return _dumped(notebook, indent=2)


def _drive(notebook: Json, learner: Learner) -> bytes:
    """The file in Google Drive: one line, and who ran each cell."""
    _mark_as_colab(notebook)
    user = {"displayName": learner.name, "userId": "0" * 12 + "12345678"}
    for cell in _code(notebook):
        info = {"elapsed": 12, "status": "ok", "timestamp": 1774051140000, "user": user}
        cell["metadata"]["executionInfo"] = info | {"user_tz": -60}
    return _dumped(notebook, separators=(",", ":"))


def _github(notebook: Json, learner: Learner) -> bytes:
    """File → Save a copy in GitHub: a badge on top."""
    _mark_as_colab(notebook)
    place = f"https://colab.research.google.com/github/x/y/blob/main/{learner.assignment}.ipynb"
    badge = f'<a href="{place}">Open</a>'
    about = {"id": "view-in-github", "colab_type": "text"}
    cell = {"cell_type": "markdown", "metadata": about, "source": [badge]}
    notebook["cells"].insert(0, cell)
    notebook["metadata"]["colab"]["include_colab_link"] = True
    return _dumped(notebook, indent=2)


def _jupyter(notebook: Json, learner: Learner) -> bytes:
    """Saved by JupyterLab: one space, sorted keys."""
    return _dumped(notebook, indent=1, sort_keys=True) + b"\n"


def _bare(notebook: Json, learner: Learner) -> bytes:
    """Cells that were copied, text by text, into a new notebook."""
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        del cell["id"]
    return _dumped(notebook | {"metadata": {}, "nbformat_minor": 0}, indent=2)


def _windows(notebook: Json, learner: Learner) -> bytes:
    """Windows newlines inside and outside of the cells, and a byte-order mark."""
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    return b"\xef\xbb\xbf" + _dumped(notebook, indent=1).replace(b"\n", b"\r\n")


def _old(notebook: Json, learner: Learner) -> bytes:
    """Format 4.0, which has no ids of cells."""
    for cell in notebook["cells"]:
        del cell["id"]
        cell["metadata"].pop("id", None)
    return _dumped(notebook | {"nbformat_minor": 0}, indent=1)


def _pdf(notebook: Json, learner: Learner) -> bytes:
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"


FORMS: Mapping[str, Callable[[Json, Learner], bytes]] = {
    "colab": _colab,
    "drive": _drive,
    "github": _github,
    "jupyter": _jupyter,
    "bare": _bare,
    "windows": _windows,
    "old": _old,
    "pdf": _pdf,
}


def _code(notebook: Json) -> Iterable[Json]:
    return (cell for cell in notebook["cells"] if cell["cell_type"] == "code")


def _mark_as_colab(notebook: Json) -> None:
    """What Colab adds wherever it saves: sources as lines, its own notes, ids of outputs."""
    notebook["metadata"]["colab"] = {"provenance": [], "toc_visible": True}
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    for number, cell in enumerate(_code(notebook)):
        about = {"base_uri": "https://localhost:8080/"}
        cell["metadata"] |= {"colab": about, "outputId": f"5e1f0a52-0000-4000-8000-{number:012}"}


def _dumped(notebook: Json, **how: Any) -> bytes:
    return json.dumps(notebook, ensure_ascii=False, **how).encode()


# ----------------------------------------------------------------------------- where it is found


def _canvas(downloads: Path, learner: Learner, canvas_id: int, data: bytes) -> None:
    """Canvas's zip: <family name and first name>_<user>_<file>_<name of the file>."""
    first, _, last = learner.name.rpartition(" ")
    who = re.sub(r"\W", "", f"{last}{first}").lower()
    late = "_LATE" if learner.late else ""
    name = f"{who}{late}_{canvas_id}_{canvas_id + 900_000}_{learner.file}"
    _add_to_zip(downloads / "submissions.zip", name, data)


def _classroom(downloads: Path, learner: Learner, canvas_id: int, data: bytes) -> None:
    """The zip of a Google Classroom folder in Drive."""
    _add_to_zip(
        downloads / "classroom.zip",
        f"{learner.assignment.upper()}/{learner.name} - {learner.file}",
        data,
    )


def _mail(downloads: Path, learner: Learner, canvas_id: int, data: bytes) -> None:
    """A folder in which the teacher saves what came by mail, with a note if it came late."""
    path = downloads / "mail" / learner.name / learner.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if learner.late:
        path.with_name("timestamp.txt").write_text(f"{learner.late}\n")


_PLACES: Mapping[str, Callable[[Path, Learner, int, bytes], None]] = {
    "canvas": _canvas,
    "classroom": _classroom,
    "mail": _mail,
}


def _add_to_zip(path: Path, name: str, data: bytes) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, MIDNIGHT), data)
