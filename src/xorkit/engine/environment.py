"""What a notebook met that Colab has and the grader's machine hasn't, and what that excuses.

The learner's process tells of packages and of somebody who types, so what it says is checked: it
can send a cell to a person, and never earns a point. Of newer Pythons the cell's own text tells.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xorkit.conventions import solution_of
from xorkit.engine.newer_python import missing_python
from xorkit.evidence import Evidence, Lack
from xorkit.guest.lacks import ANY, CLICK, COLAB, FILE, GPU, INTERNET, PROCESS, PROGRAM, TYPING
from xorkit.guest.limits import LACKS_MIME
from xorkit.guest.standins import colab_names
from xorkit.messages import finding, tell
from xorkit.verdict import CellVerdict, Diagnosis, Finding, TestOutcome, Verdict

if TYPE_CHECKING:
    from xorkit.hidden.session import Judgement

COLAB_PYTHON = (3, 13)  # of Colab's image of August 2026
USUAL = ("pandas", "scipy", "sklearn", "seaborn", "plotly", "tensorboard", "ipywidgets")
INSTALLABLE = ("package", "python")  # what an instructor can do something about
NOT_INSTALLED = (TYPING, CLICK, COLAB, GPU, INTERNET, PROGRAM, FILE, PROCESS)
TIED = {"torchaudio", "torchcodec", "torchtext", "torchvision"}  # each release to one of PyTorch
# What no machine has, in words.
ABSENT = {
    "typing": "somebody who types", "clicking": "somebody who clicks", "colab": "Colab itself",
}  # fmt: skip
MOST_LACKS = 20  # lacks of one cell that are kept
# What a package may be called that nothing of the notebook's text names. No dot: to look for a part
# of a package would import the package here.
MODULE = re.compile(r"[A-Za-z_]\w{0,40}", re.ASCII)
UNDEFINED = re.compile(r"name '(\w+)' is not defined")
NAMED = (*INSTALLABLE, "cell", "machine")  # kinds whose sentence says the name


def told(
    outputs: Sequence[Mapping[str, Any]], installed: Collection[str]
) -> tuple[list[Mapping[str, Any]], tuple[Lack, ...]]:
    """A cell's outputs without what it told of its lacks, and those that can be true.

    `installed` are packages that the notebook itself installs, with `ANY` where that isn't sure.
    """
    kept: list[Mapping[str, Any]] = []
    found: list[Lack] = []
    for output in outputs:
        data = output.get("data")
        if isinstance(data, dict) and LACKS_MIME in data:
            found += [lack for lack in _read(data[LACKS_MIME]) if _can_be(lack, installed)]
        else:
            kept.append(output)
    return kept, tuple(dict.fromkeys(found))[:MOST_LACKS]


def _read(text: object) -> list[Lack]:
    try:
        rows = json.loads(str(text)[:10_000])
        return [Lack(str(kind), str(name), hangs is True) for kind, name, hangs in rows]
    except (ValueError, TypeError, RecursionError):
        return []


def _can_be(lack: Lack, installed: Collection[str]) -> bool:
    if (lack.kind, lack.name) in NOT_INSTALLED:
        return True
    known = lack.name in colab_names() or lack.name.lower() in installed
    may_be = ANY in installed and MODULE.fullmatch(lack.name)
    return lack.kind == "package" and bool(known or may_be) and not is_met(lack)


def is_met(lack: Lack) -> bool:
    """Whether this machine has by now what a cell lacked."""
    if lack.kind == "python":
        return tuple(map(int, lack.name.split("."))) <= sys.version_info[:2]
    return lack.kind == "package" and _installed(lack.name)


@functools.cache
def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def lacks_of(
    error: tuple[str, str] | None,
    source: str,
    python: str,
    runs: bool,
    lost: Collection[str],
) -> tuple[Lack, ...]:
    """What the grader itself sees that a cell lacked.

    `python` reads its `source`, where this one doesn't or only as written anew (`runs`); `lost` are
    names that other cells couldn't leave behind.
    """
    found = [Lack("python", python, not runs)] if python else []
    if missing := missing_python(error, source):
        found.append(Lack("python", missing, True))
    missed = UNDEFINED.search(error[1]) if error and error[0] == "NameError" else None
    if missed is not None and missed[1] in lost:
        found.append(Lack("cell", missed[1], True))
    return tuple(found)


def lacks_key(evidence: Evidence) -> str:
    """What a result would come out another way with; empty where it holds on any machine."""
    lacks = {lack for run in evidence.cells for lack in run.lacks if lack.kind in INSTALLABLE}
    return " ".join(sorted({f"{lack.kind}:{lack.name}" for lack in lacks}))


def still_lacks(lacks: str) -> bool:
    """Whether this machine still lacks all that a result's `key` names."""
    named = (each.partition(":") for each in lacks.split())
    return not any(is_met(Lack(kind, name, True)) for kind, _, name in named)


# ------------------------------------------------------------------------------------- the verdict


def awaiting_clicks(evidence: Evidence, findings: Collection[Finding]) -> Evidence:
    """The evidence; a loop that showed no training hangs on a button that nobody clicks."""
    if not any(Lack(*CLICK, False) in run.lacks for run in evidence.cells):
        return evidence
    shown_none = {
        found.grade_id
        for found in findings
        if found.code == Diagnosis.NOT_TRAINED and found.symptom in ("nothing", "idle")
    }
    hang = shown_none & evidence.answers.keys()
    cells = (
        replace(run, lacks=(*run.lacks, Lack(*CLICK, True))) if run.grade_id in hang else run
        for run in evidence.cells
    )
    return replace(evidence, cells=tuple(cells))


def hanging(evidence: Evidence) -> dict[str, Lack]:
    """The cells whose result hangs on something that is lacking, and on what."""
    return {
        run.grade_id: lack for run in evidence.cells for lack in reversed(run.lacks) if lack.hangs
    }


def excused(judgement: Judgement, evidence: Evidence) -> Judgement:
    """The judgement with what hangs on a lack left to a person, and what was lacking said."""
    if not any(run.lacks for run in evidence.cells):
        return judgement
    hang = hanging(evidence)
    left = {cell.grade_id: _left(cell, hang, evidence) for cell in judgement.cells}
    cells = tuple(_excused(cell, left[cell.grade_id]) for cell in judgement.cells)
    excused_cells = {solution_of(name) for name, lack in left.items() if lack is not None}
    waiting = {solution_of(c.grade_id) for c in cells if any(t.review for t in c.tests)}
    findings = [f for f in judgement.findings if f.grade_id not in excused_cells or f.note]
    notes = _notes(evidence, waiting & excused_cells)
    return replace(judgement, cells=cells, findings=(*findings, *notes))


def _left(cell: CellVerdict, hang: Mapping[str, Lack], evidence: Evidence) -> Lack | None:
    """On what the tests of a graded cell hang; None where what failed is the learner's."""
    name = solution_of(cell.grade_id)
    # A cell without an answer of its own, as the predictions', looks at what all others made.
    others = None if name in evidence.answers else next(iter(hang.values()), None)
    return hang.get(name, others)


def _excused(cell: CellVerdict, lack: Lack | None) -> CellVerdict:
    if lack is None:
        return cell
    return replace(cell, tests=tuple(_left_open(test, lack) for test in cell.tests))


def _left_open(test: TestOutcome, lack: Lack) -> TestOutcome:
    if test.outcome != "failed":
        return test
    note = f"What the test said: {test.message}" if test.message else ""
    says = tell(_said(lack, waits=True)).message
    return replace(test, outcome="not_judged", message=says, review=True, note=note)


def _said(lack: Lack, *, waits: bool) -> Finding:
    facts = {"name": lack.name} if lack.kind in NAMED else {}
    own = lack.kind == "package" and lack.name not in colab_names()
    kind = "installed" if own else lack.kind
    symptom = f"{kind}-waits" if waits else kind
    return replace(finding(Diagnosis.ENVIRONMENT, symptom, **facts), note=True)


def _notes(evidence: Evidence, waiting: Collection[str]) -> Iterator[Finding]:
    for run in evidence.cells:
        waits = run.grade_id in waiting
        own = run.grade_id if run.grade_id in evidence.answers else ""
        for lack in run.lacks:
            if waits or lack.kind in INSTALLABLE:
                yield replace(_said(lack, waits=waits), grade_id=own)


# ----------------------------------------------------------------------------- for the instructor


def details(evidence: Evidence) -> list[dict[str, Any]]:
    """What a notebook lacked and what waits for it, for the page on the class."""
    waits: dict[tuple[str, str], bool] = {}
    for run in evidence.cells:
        for lack in run.lacks:
            waits[lack.kind, lack.name] = waits.get((lack.kind, lack.name), False) or lack.hangs
    return [{"kind": kind, "name": name, "waits": w} for (kind, name), w in sorted(waits.items())]


def lacks_to_do(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Kind and name of what a notebook lacked, where somebody can install it or has to look."""
    for lack in verdict.details.get("lacks", ()):
        kind, name = lack["kind"], lack["name"]
        waits = lack.get("waits") and verdict.needs_review and kind != "cell"
        if name != COLAB[1] if kind in INSTALLABLE else waits:
            yield kind, name


def to_do(verdicts: Iterable[Verdict]) -> list[str]:
    """How many learners met what lack, and the command that mends it, or who looks at it."""
    met: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    assignment = ""
    for verdict in verdicts:
        assignment = verdict.assignment
        for lack in lacks_to_do(verdict):
            met[lack].add(verdict.student)
    names = colab_names()
    known = sorted(name for kind, name in met if kind == "package" and name in names)
    others = sorted(name for kind, name in met if kind == "package" and name not in names)
    pythons = sorted(name for kind, name in met if kind == "python")
    unmendable = [lack for lack in met if lack[0] not in INSTALLABLE]
    again = f"; then `xorkit grade {assignment}` runs only these again"
    lines = []
    if known:
        packages = dict.fromkeys(names[name] for name in known)
        pin = [f"torch=={_torch()}"] if TIED & packages.keys() else []
        command = f"`pip install {' '.join([*packages, *pin])}`"
        used = _learners(met, [("package", name) for name in known])
        lines.append(
            f"{used} used packages that Colab has and this machine hasn't: {command}{again}"
        )
    if others:
        used = _learners(met, [("package", name) for name in others])
        lines.append(
            f"{used} used packages that their notebooks install: {', '.join(others)}. Look at each,"
            f" as nobody vouches for them, and `pip install` those that you trust{again}"
        )
    if pythons:
        used = _learners(met, [("python", name) for name in pythons])
        lines.append(
            f"{used} used a newer Python, {pythons[-1]} or later: `python{pythons[-1]} -m venv"
            f" FOLDER`, and install xorkit there as you did here{again}"
        )
    if unmendable:
        lacking = sorted({ABSENT.get(kind, name) for kind, name in unmendable})
        lines.append(
            f"{_learners(met, unmendable)} needed {', '.join(lacking)}, which no machine that"
            f" grades has: `xorkit mark {assignment}` shows what waits for you"
        )
    return lines


def _learners(by_lack: Mapping[tuple[str, str], set[str]], lacks: Sequence[tuple[str, str]]) -> str:
    count = len(set().union(*(by_lack[lack] for lack in lacks)))
    return f"{count} learner{'' if count == 1 else 's'}"


def _torch() -> str:
    """The release of PyTorch that is here, which is to stay."""
    return importlib.metadata.version("torch").partition("+")[0]


def compared() -> str:
    """How this machine differs from Colab's, and what would make up for it."""
    missing = [name for name in USUAL if not _installed(name)]
    says = []
    if sys.version_info[:2] < COLAB_PYTHON:
        newer = "{}.{}".format(*COLAB_PYTHON)
        says.append(f"Colab has Python {newer}: set the course up with that one")
    if missing:
        says.append(f"missing {', '.join(missing)}: pip install 'xorkit[colab]'")
    return "; ".join(says) or "Python and the usual packages, yes"
