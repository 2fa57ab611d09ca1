"""How long a class takes to be collected: `python bench/intake.py --learners 1000`.

The class comes as one Canvas download of the released notebook as Colab's Drive keeps it, run and
with its outputs. Every third file is whole; the others are changed in the ways that are seen most:
marks gone, a copy of an answer, an answer split, checks deleted, own cells added.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from xorkit.intake.collecting import CollectReport, collect

RELEASE = Path(__file__).parents[1] / "release" / "xor" / "xor.ipynb"
# The goal: a class of 1,000 while one fetches a glass of water.
SECONDS_PER_THOUSAND = 20.0


def answers(notebook: NotebookNode) -> list[NotebookNode]:
    return [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")]


def marks_gone(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
        cell.metadata.pop("id", None)
        cell.pop("id", None)


def copied(notebook: NotebookNode) -> None:
    cell = answers(notebook)[1]
    notebook.cells.insert(notebook.cells.index(cell), copy.deepcopy(cell))


def split(notebook: NotebookNode) -> None:
    cell = answers(notebook)[3]
    lines = cell.source.split("\n")
    second = copy.deepcopy(cell)
    cell["source"], second["source"] = "\n".join(lines[:4]), "\n".join(lines[4:])
    notebook.cells.insert(notebook.cells.index(cell) + 1, second)


def checks_deleted(notebook: NotebookNode) -> None:
    kept = [c for c in notebook.cells if not c.metadata.get("nbgrader", {}).get("grade")]
    notebook["cells"] = kept


def cells_added(notebook: NotebookNode) -> None:
    for text in ("import math", "print(math.pi)", "rate = 1.0", "model = None"):
        notebook.cells.insert(9, nbformat.v4.new_code_cell(text))


CHANGES: tuple[Callable[[NotebookNode], None], ...] = (
    marks_gone,
    copied,
    split,
    checks_deleted,
    cells_added,
)


def work_of(number: int, release: NotebookNode) -> bytes:
    """One learner's file; the answers differ in every one."""
    notebook = copy.deepcopy(release)
    for cell in answers(notebook):
        cell["source"] = cell.source.replace("raise NotImplementedError", f"blank_{number} = str")
    user = {"displayName": f"Learner {number}", "userId": str(10**19 + number)}
    for cell in notebook.cells:
        cell.metadata["outputId"] = f"{number}"
        if cell.cell_type == "code":
            cell.metadata["executionInfo"] = {"status": "ok", "user": user}
            text = [f"epoch {epoch}   loss 0.2500\n" for epoch in range(0, 5000, 100)]
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    if number % 3:
        CHANGES[number % len(CHANGES)](notebook)
    return json.dumps(notebook, ensure_ascii=False, separators=(",", ":")).encode()


def download(path: Path, learners: int) -> None:
    release = nbformat.read(RELEASE, as_version=4)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(learners):
            name = f"learner{number}_{10_000 + number}_{900_000 + number}_xor.ipynb"
            archive.writestr(name, work_of(number, release))


def timed(path: Path, out: Path) -> tuple[CollectReport, float, float]:
    """What was collected, in how many seconds, and how many of them at work on a processor."""
    master = nbformat.read(RELEASE, as_version=4)
    begun, at_work = time.perf_counter(), time.process_time()
    done = collect([path], out, master, assignment="xor")
    return done, time.perf_counter() - begun, time.process_time() - at_work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learners", type=int, default=1000)
    learners = parser.parse_args().learners
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "download.zip", Path(folder) / "submitted"
        download(path, learners)
        first, seconds, at_work = timed(path, out)
        again, unchanged, _ = timed(path, out)
        size = path.stat().st_size
    mended = sum(bool(item.repairs) for item in first.taken)
    print(f"Python {platform.python_version()}, {platform.processor() or platform.machine()}")
    print(f"{learners} submissions in a download of {size / 2**20:.0f} MB")
    print(f"collected: {len(first.taken)} ({mended} with repairs) in {seconds:.1f} s,")
    print(f"  of which {at_work:.1f} s at work, the rest waiting for processor and disk")
    print(f"collected again: {len(again.unchanged)} unchanged in {unchanged:.1f} s")
    allowed = SECONDS_PER_THOUSAND * learners / 1000
    if len(first.taken) < learners or len(again.unchanged) < learners or seconds > allowed:
        raise SystemExit(f"wanted: all of them, in at most {allowed:.1f} s")


if __name__ == "__main__":
    main()
