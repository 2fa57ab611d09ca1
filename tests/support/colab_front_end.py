"""An environment with Colab's own old front end, made by the tests themselves.

What is not of the front end (PyTorch, NumPy, matplotlib) is the one that is installed here; xorkit
isn't, as in Colab.
"""

from __future__ import annotations

import json
import subprocess
import venv
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from nbformat import NotebookNode

FRONT_END = (  # of Colab's image of August 2026
    "ipython==7.34.0",
    "ipykernel==6.17.1",
    "jupyter-client==6.1.12",
    "nbclient==0.7.4",
)
RUN = """
import sys, json, nbformat, nbclient, IPython
book = nbformat.read(sys.stdin, as_version=4)
patient = {"timeout": 300, "startup_timeout": 300}
nbclient.NotebookClient(book, kernel_name="python3", **patient).execute()
json.dump([IPython.__version__, nbformat.writes(book)], sys.stdout)
"""


def front_end(folder: Path) -> Path:
    """The environment's Python, in this folder. Made once; skips where no index can be reached."""
    python, complete = folder / "bin" / "python", folder / "complete"
    if complete.exists() and complete.read_text() == str(FRONT_END):
        return python
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *FRONT_END]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip(f"pip reaches no package index: {done.stderr[-200:]}")
    assert not done.returncode, done.stderr
    (site,) = folder.glob("lib/*/site-packages")
    (site / "installed_here.pth").write_text(f"{Path(torch.__file__).parents[1]}\n")
    complete.write_text(str(FRONT_END))
    return python


def run_in_front_end(python: Path, book: NotebookNode) -> tuple[str, dict[str, Any]]:
    """IPython's version, and the notebook's cells by their ids once all of them have run."""
    done = subprocess.run(
        [python, "-c", RUN],
        input=nbformat.writes(book),
        capture_output=True,
        text=True,
        env={"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(python.parents[1])},
    )
    assert not done.returncode, done.stderr[-3000:]
    version, text = json.loads(done.stdout)
    return version, {cell.id: cell for cell in nbformat.reads(text, as_version=4).cells}
