"""The course proves itself: what must earn everything does, what must earn nothing does not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import nbformat
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from xorkit.cell_text import plain_values
from xorkit.conventions import (
    filled,
    grade_id,
    is_test,
    metadata,
    secret_regions,
    solution_texts,
)
from xorkit.engine import machine, workers
from xorkit.engine.assignment import of_course
from xorkit.engine.autograded import to_bytes
from xorkit.engine.course import Course, CourseError, code_version
from xorkit.engine.grading import grade_submission
from xorkit.engine.job import Job, RunSettings
from xorkit.engine.packing import PackError, sheet_of, strings, unpacked
from xorkit.engine.store import unpack_evidence
from xorkit.evidence import Evidence
from xorkit.files import digest, write_file
from xorkit.recall import Rubric, mark_answer
from xorkit.verdict import Diagnosis, Verdict

Text = Annotated[str, StringConstraints(min_length=1)]
OWN_RESULT = "test_predictions"  # about the learner's own result, which may be good by luck
SOLVED, UNTOUCHED = "the solutions", "the untouched release"
LEAST_RUBRIC_TEXT = 30  # characters of a rubric's text that no other text has by chance
LEAST_SOLUTION_LINE = (
    12  # characters of a solution line that says enough to be looked for in the release
)


class Mistake(BaseModel):
    """A row of `lessons/<assignment>.mistakes.yaml`: a change of the solution and what it costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    cell: Text
    replace: dict[str, str] = {}
    text: str | None = None  # the whole cell's instead
    loses: dict[str, float]
    diagnosis: Diagnosis | None = None
    own_result: bool = Field(False, description="may lose points of test_predictions as well")

    def changed(self, solutions: Mapping[str, str]) -> dict[str, str]:
        """The solutions with this mistake. Raises CourseError where there is nothing to replace."""
        text = solutions[self.cell] if self.text is None else self.text
        for old, new in self.replace.items():
            if old not in text:
                raise CourseError(f"mistake {self.name!r}: {old!r} isn't in the cell {self.cell}")
            text = text.replace(old, new)
        return {**solutions, self.cell: text}


@dataclass(frozen=True)
class Check:
    """One promise of the course, whether it holds, and if not what was seen."""

    claim: str
    holds: bool
    seen: str = ""


def mistakes(course: Course) -> tuple[Mistake, ...]:
    """The course's own list of mistakes. Raises CourseError where the file doesn't fit."""
    path = course.path("lessons", f"{course.assignment}.mistakes.yaml")
    if not path.exists():
        return ()
    try:
        rows = TypeAdapter(tuple[Mistake, ...]).validate_python(
            yaml.safe_load(path.read_text("utf-8"))
        )
    except (ValidationError, yaml.YAMLError) as error:
        raise CourseError(f"{path} doesn't fit: {error}") from error
    return rows


def prove(course: Course, settings: RunSettings, count: int | None) -> Iterator[Check]:
    """Every promise, as it is checked."""
    yield from _leaks(course)
    yield from _rubrics(course)
    solutions = solution_texts(course.source)
    listed = mistakes(course)
    variants = {SOLVED: solutions, UNTOUCHED: {}}
    variants |= {mistake.name: mistake.changed(solutions) for mistake in listed}
    verdicts = _graded(course, settings, count, variants)
    yield _earns(verdicts[SOLVED], course.lesson.max_score)
    yield _earns(verdicts[UNTOUCHED], 0)
    for mistake in listed:
        yield _costs(mistake, verdicts[mistake.name])
    if listed:
        yield _checks_agree(course, listed, verdicts)
        yield _all_tests_fail_somewhere(course, verdicts)


def _graded(
    course: Course,
    settings: RunSettings,
    count: int | None,
    variants: Mapping[str, Mapping[str, str]],
) -> dict[str, Verdict]:
    """The verdict on each variant. What was seen of one is kept: it isn't run again to be judged.

    A variant that differs from the solutions only in plain values isn't run at all.
    """
    own = of_course(course)
    solutions, names = variants[SOLVED], own.names()
    plain = {name: _plain(texts, solutions, names) for name, texts in variants.items()}
    files = {
        name: to_bytes(filled(course.release, texts))
        for name, texts in variants.items()
        if not plain[name]
    }
    folder = course.path(".xorkit", "proof", course.assignment)
    kept = {name: folder / f"{digest([file, own.base])}.gz" for name, file in files.items()}
    jobs = [Job(name, settings, file=files[name]) for name in kept if not kept[name].exists()]
    for done in workers.run_jobs(own.pack(), jobs, min(count or machine.cores(), len(jobs))):
        if done.evidence is None:
            raise CourseError(f"{done.student}: {done.problem or done.verdict}")
        write_file(kept[done.student], done.evidence)
    for path in set(folder.glob("*.gz")) - set(kept.values()):
        path.unlink()
    seen = {name: _evidence(path) for name, path in kept.items()}
    verdicts: dict[str, Verdict] = {}
    for name, texts in variants.items():
        evidence = seen.get(name) or replace(
            seen[SOLVED],
            answers={**seen[SOLVED].answers, **texts},
            observations={**seen[SOLVED].observations, **plain[name]},
        )
        verdicts[name], faults = grade_submission(name, evidence, own.tests)
        if faults:
            raise CourseError(f"a hidden test broke on {name}: {faults[0]}")
    return verdicts


def _evidence(path: Path) -> Evidence:
    found = unpack_evidence(path.read_bytes())
    if found is None:
        raise CourseError(f"{path} can't be read: delete it, and build again")
    return found[0]


def _plain(
    texts: Mapping[str, str], solutions: Mapping[str, str], names: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """What is seen of cells that differ from the solutions; nothing where they must run for it."""
    seen: dict[str, Any] = {}
    for cell in solutions:
        if texts.get(cell) == solutions[cell]:
            continue
        values = plain_values(texts.get(cell, ""))
        if not names.get(cell) or values is None or not values.keys() >= set(names[cell]):
            return {}
        seen[cell] = {"values": {name: values[name] for name in names[cell]}}
    return seen


def _earns(verdict: Verdict, wanted: float) -> Check:
    lost = {c.grade_id: c.score for c in verdict.cells if c.score != (c.max_score if wanted else 0)}
    says = f"{verdict.student} earn{'' if wanted else 's'} {wanted:g} of {verdict.max_score:g}"
    return Check(says, verdict.score == wanted and not verdict.needs_review, f"saw {lost}")


def _costs(mistake: Mistake, verdict: Verdict) -> Check:
    lost = {c.grade_id: c.max_score - c.score for c in verdict.cells if c.score < c.max_score}
    if mistake.own_result:
        lost.pop(OWN_RESULT, None)
    found = next((finding.code for finding in verdict.findings if not finding.note), None)
    claim = f"“{mistake.name}” costs {_points(mistake.loses)}"
    if mistake.diagnosis:
        claim += f" and is found as {mistake.diagnosis}"
    holds = lost == mistake.loses and found == mistake.diagnosis
    return Check(claim, holds, f"lost {_points(lost)}, found {found or 'nothing'}")


def _points(lost: Mapping[str, float]) -> str:
    return ", ".join(f"{points:g} in {cell}" for cell, points in lost.items()) or "nothing"


def _all_tests_fail_somewhere(course: Course, verdicts: Mapping[str, Verdict]) -> Check:
    tests = {f"{cell}::{test}" for cell, points in course.lesson.points.items() for test in points}
    failed = {
        f"{cell.grade_id}::{test.name.partition('[')[0]}"
        for name, verdict in verdicts.items()
        for cell in verdict.cells
        for test in cell.tests
        if test.outcome == "failed" and name != UNTOUCHED
    }
    never = sorted(tests - failed)
    return Check("every hidden test is failed by a listed mistake", not never, ", ".join(never))


OUTCOMES = {"passed": True, "failed": False, "not_judged": None}


def _checks_agree(
    course: Course, listed: Sequence[Mistake], verdicts: Mapping[str, Verdict]
) -> Check:
    """Whether the notebook's checks tick what the grade credits; an open row says nothing."""
    claim = "the checks in the notebook tick what the grade credits, on every listed mistake"
    differing = []
    for name, rows in _ticks(course, listed).items():
        graded = {
            test.claim: OUTCOMES[test.outcome]
            for cell in verdicts[name].cells
            for test in cell.tests
        }
        differing += [
            f"“{name}”: {'✓' if state else '✗'} {what}"
            for what, state in rows
            if state is not None and what in graded and graded[what] is not state
        ]
    return Check(claim, not differing, "; ".join(differing[:3]))


def _ticks(course: Course, listed: Sequence[Mistake]) -> dict[str, list[tuple[str, bool | None]]]:
    """What the check of each mistake's own cell shows. Kept: it costs a start of PyTorch."""
    sheet = sheet_of(course.source, course.lesson)
    asked = [
        (mistake.name, mistake.cell, _cells_to(course, mistake))
        for mistake in listed
        if (cell := sheet.cell(mistake.cell)) is not None and cell.claims
    ]
    if not asked:
        return {}
    text = json.dumps({"sheet": sheet.to_text(), "asked": asked})
    kept = course.path(
        ".xorkit", "proof", course.assignment, f"{digest([text, code_version()])}.json"
    )
    if not kept.exists():
        done = subprocess.run(
            [sys.executable, "-m", "xorkit.selfcheck"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CourseError(f"the checks of the notebook stop with:\n{done.stderr.strip()}")
        for path in kept.parent.glob("*.json"):
            path.unlink()
        write_file(kept, done.stdout.encode())
    found: dict[str, list[tuple[str, bool | None]]] = json.loads(kept.read_bytes())
    return found


def _cells_to(course: Course, mistake: Mistake) -> list[tuple[str, str]]:
    """What a notebook with this mistake has run when its cell is checked: given cells, answers."""
    texts = mistake.changed(solution_texts(course.source))
    cells = []
    for cell in course.source.cells:
        name = grade_id(cell)
        if cell.cell_type == "code" and metadata(cell) and not is_test(cell):
            cells.append((name, texts.get(name, cell.source)))
        if name == mistake.cell:
            break
    return cells


def _rubrics(course: Course) -> Iterator[Check]:
    """No test answer of a rubric may get a sure mark that is two points off.

    What a rubric got wrong is kept under its own digest: to mark all tests takes seconds.
    """
    path = course.path(".xorkit", "proof", course.assignment, "rubrics.json")
    known = json.loads(path.read_bytes()) if path.exists() else {}
    found: dict[str, list[str]] = {}
    for name, rubric in course.lesson.recall.items():
        key = digest([rubric.model_dump_json(), code_version()])
        found[key] = known[key] if key in known else _far_off(rubric)
        wrong = found[key]
        yield Check(f"{name}: no test answer is two marks off", not wrong, "; ".join(wrong))
    write_file(path, json.dumps(found).encode())


def _far_off(rubric: Rubric) -> list[str]:
    marked = ((test, mark_answer(rubric, test.answer).points) for test in rubric.tests)
    return [
        f"{test.answer!r} got {points}, wanted {test.mark}"
        for test, points in marked
        if points is not None and abs(points - test.mark) == 2
    ]


def _leaks(course: Course) -> Iterator[Check]:
    """Nothing of the key in any file of the release."""
    found = []
    for path in sorted(course.path("release", course.assignment).rglob("*")):
        if path.is_file():
            found += [f"{secret!r} in {path.name}" for secret in leaks(course, path)]
    yield Check("no answer leaks into the release", not found, "; ".join(found[:5]))


def leaks(course: Course, path: Path) -> list[str]:
    """What of the key a file of the release holds."""
    text = path.read_text("utf-8", errors="replace")
    if path.suffix == ".ipynb":
        notebook = nbformat.read(path, as_version=4)
        text = "\n".join(line for cell in notebook.cells for line in _lines(cell))
        try:
            text += unpacked("\n".join(cell.source for cell in notebook.cells))
        except PackError as error:
            return [str(error)]
    return [secret for secret in secrets(course) if secret in text]


def _lines(cell: Any) -> list[str]:
    """The lines of a cell but for the menus of its forms, which hold every line of the lesson."""
    return [re.sub(r"# @param.*", "", line) for line in str(cell.source).splitlines()]


def secrets(course: Course) -> list[str]:
    """Every line that only the source may hold: solutions, hidden tests, and the rubrics and keys.

    A line that the matching exercise offers in its menu is no secret, nor is a comment.
    """
    lines = ["BEGIN SOLUTION", "BEGIN HIDDEN TESTS"]
    for cell in course.source.cells:
        for region in secret_regions(cell.source):
            lines += [re.sub(r"# @param.*", "", line).strip() for line in region.splitlines()]
    for rubric in course.lesson.recall.values():
        lines.append(rubric.model_answer)
        told = strings(rubric.model_dump(mode="json", exclude={"question", "lesson"}))
        lines += [text for text in told if len(text) >= LEAST_RUBRIC_TEXT]
    exercise = course.lesson.matching
    for line in exercise.lines if exercise else ():
        lines += [line.does, line.belief]
    shown = [rubric.question for rubric in course.lesson.recall.values()]
    shown += [*exercise.options, *(job.job for job in exercise.jobs)] if exercise else []
    asked = "\n".join(shown)
    secret = [line for line in dict.fromkeys(lines) if line not in asked and line[:1] != "#"]
    return [line for line in secret if len(line) >= LEAST_SOLUTION_LINE]
