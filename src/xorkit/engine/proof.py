"""The course proves itself: what must earn everything does, what must earn nothing does not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import yaml
from nbformat import NotebookNode
from pydantic import Field, TypeAdapter, ValidationError

from xorkit.cell_text import plain_values
from xorkit.conventions import (
    answer_cells,
    filled,
    grade_id,
    hidden_tests,
    is_test,
    metadata,
    secret_regions,
    solution_of,
    solution_texts,
)
from xorkit.engine import machine
from xorkit.engine.assignment import Assignment, of_course
from xorkit.engine.autograded import to_bytes
from xorkit.engine.course import Course, CourseError, code_version
from xorkit.engine.grading import grade_submission
from xorkit.engine.packing import SHEET, PackError, packed, sheet_of, strings, unpacked
from xorkit.engine.store import unpack_evidence
from xorkit.evidence import Evidence
from xorkit.files import digest, sha256, write_file
from xorkit.hidden.session import HiddenTests
from xorkit.lesson import Lesson
from xorkit.recall import Rubric, mark_answer
from xorkit.verdict import Diagnosis, Verdict
from xorkit.yaml_parts import Text, YamlPart

if TYPE_CHECKING:
    from xorkit.engine.job import RunSettings

OWN_RESULT = "test_predictions"  # about the learner's own result, which may be good by luck
SOLVED, UNTOUCHED = "the solutions", "the untouched release"
LEAST_RUBRIC_TEXT = 30  # characters of a rubric's text that no other text has by chance
# Characters of a solution line that says enough to be looked for in the release.
LEAST_SOLUTION_LINE = 12
# Epochs that a mistake trains whose own result isn't looked at: what its updates cost is seen in
# ten times as many as the grader's own run of the loop has, in a tenth of the lesson's time.
FEWER_EPOCHS = 500
WORTH_A_WORKER = 3  # trainings: they take as long as the start of a process with its fork server


class Mistake(YamlPart):
    """A row of `lessons/<assignment>.mistakes.yaml`: a change of the solution and what it costs."""

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
                raise CourseError(
                    f"mistake {self.name!r}: {old!r} isn't in the cell {self.cell}, whose "
                    f"solution is, without the markers:\n{text}"
                )
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
    """Every promise, as it is checked. Raises CourseError, ConfinementError and WorkersError.

    `count` processes run the notebooks; None: as many as are worth their start.
    """
    kept = _Cache(course.path(".xorkit", "proof", course.assignment))
    listed = mistakes(course)
    with ThreadPoolExecutor(1) as beside:
        ticks = beside.submit(_ticks, course, listed, kept)  # waits for a process of its own
        yield from _leaks(course, kept)
        yield from _rubrics(course, kept)
        verdicts = yield from _points_earned(course, settings, count, listed, kept)
        if listed:
            yield _checks_agree(ticks.result(), verdicts)
            yield _all_tests_fail_somewhere(course, verdicts)
    kept.tidy()


def _points_earned(
    course: Course,
    settings: RunSettings,
    count: int | None,
    listed: Sequence[Mistake],
    kept: _Cache,
) -> Generator[Check, None, Mapping[str, Verdict]]:
    """What the solutions, the untouched release and each mistake come to; their verdicts."""
    solutions = solution_texts(course.source)
    variants = [Variant(SOLVED, solutions), Variant(UNTOUCHED, {})]
    variants += [variant_of(course.lesson, mistake, solutions) for mistake in listed]
    verdicts = _graded(course, settings, count, variants, kept)
    yield _earns(verdicts[SOLVED], course.lesson.max_score)
    yield _earns(verdicts[UNTOUCHED], 0)
    for mistake, variant in zip(listed, variants[2:], strict=True):
        yield _costs(mistake, verdicts[mistake.name], variant.epochs)
    return verdicts


@dataclass(frozen=True)
class Variant:
    """What solution cells hold; `epochs`: so many are asked for, where not the lesson's number."""

    name: str
    texts: Mapping[str, str]
    epochs: int | None = None


def variant_of(lesson: Lesson, mistake: Mistake, solutions: Mapping[str, str]) -> Variant:
    """The solutions with a mistake, and with a shorter loop where that is sure to tell as much.

    It isn't where the own result is looked at, or the number of epochs is part of the mistake.
    """
    texts = mistake.changed(solutions)
    if lesson.task is not None and lesson.task.epochs > FEWER_EPOCHS and mistake.own_result:
        cell = lesson.cell("training_loop")
        number = re.compile(rf"(?<![\w.]){lesson.task.epochs}(?![\w.])")
        wanted = len(number.findall(solutions[cell]))
        text, count = number.subn(str(FEWER_EPOCHS), texts[cell])
        if count == wanted > 0:
            return Variant(mistake.name, {**texts, cell: text}, FEWER_EPOCHS)
    return Variant(mistake.name, texts)


class _Cache:
    """What proofs saw and concluded, each under the digest of all that it depends on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: set[Path] = set()

    def path(self, parts: Iterable[str], suffix: str) -> Path:
        path = self._folder / f"{digest(parts)}{suffix}"
        self._used.add(path)
        return path

    def value(self, parts: Iterable[str], make: Callable[[], Any]) -> Any:
        """A value of JSON that was made before, or is made now."""
        path = self.path(parts, ".json")
        with suppress(OSError, ValueError):
            return json.loads(path.read_bytes())
        made = json.dumps(make())
        write_file(path, made.encode())
        return json.loads(made)

    def tidy(self) -> None:
        """Deletes what this proof had no use for."""
        for path in set(self._folder.glob("*")) - self._used:
            path.unlink()


def _graded(
    course: Course,
    settings: RunSettings,
    count: int | None,
    variants: Sequence[Variant],
    kept: _Cache,
) -> dict[str, Verdict]:
    """The verdict on each variant; nothing is run or judged again of which the same was seen.

    Cells that leave plain values (the matching, answers in words) are judged by their text, apart
    from the others: a change of theirs, or of a rubric, trains nothing.
    """
    own = of_course(course)
    released = {name: cell.source for name, cell in answer_cells(course.release).items()}
    variants = [replace(variant, texts={**released, **variant.texts}) for variant in variants]
    names = {cell: wanted for cell, wanted in own.names().items() if wanted}
    values = [_plain(variant.texts, names) for variant in variants]
    plain = {cell for cell in names if all(cell in seen for seen in values)}
    given = [SHEET.sub("", cell.source) for cell in course.release.cells if _is_given(cell)]
    paths = []
    run: dict[Path, Variant] = {}  # one of those that differ in plain cells only
    for variant in variants:
        rest = [text for cell, text in variant.texts.items() if cell not in plain]
        known = [*rest, str(variant.epochs), *given, own.task, own.code]
        paths.append(kept.path(known, ".gz"))
        run.setdefault(paths[-1], variant)
    _run(course, own, settings, count, run)
    tell = _judge(own, plain, kept, True)
    asked = {variant.epochs for variant in variants}
    judge = {epochs: _judge(own, plain, kept, False, epochs) for epochs in asked}
    verdicts = {}
    for variant, path, seen in zip(variants, paths, values, strict=True):
        name, texts = variant.name, variant.texts
        trained = judge[variant.epochs](name, [path.name], partial(_evidence, path))
        about = [json.dumps([texts[cell] for cell in sorted(plain)])]
        told = tell(name, about, partial(Evidence, (), texts, seen))
        parts = {cell.grade_id: cell for cell in (*trained.cells, *told.cells)}
        verdicts[name] = replace(
            trained,
            max_score=course.lesson.max_score,
            cells=tuple(parts[cell] for cell in own.graded_cells),
            findings=(*trained.findings, *told.findings),
        )
    return verdicts


def _plain(
    texts: Mapping[str, str], names: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """What is seen of the cells whose text says all that they leave behind."""
    seen = {}
    for cell, wanted in names.items():
        values = plain_values(texts.get(cell, ""))
        if values is not None and values.keys() >= set(wanted):
            seen[cell] = {"values": {name: values[name] for name in wanted}}
    return seen


def _is_given(cell: NotebookNode) -> bool:
    about = metadata(cell)
    return bool(cell.cell_type == "code" and about) and not (about.get("solution") or is_test(cell))


def _run(
    course: Course,
    own: Assignment,
    settings: RunSettings,
    count: int | None,
    variants: Mapping[Path, Variant],
) -> None:
    """Runs the variants of which there is no evidence yet. Raises CourseError."""
    paths = {variant.name: path for path, variant in variants.items() if not path.exists()}
    if not paths:
        return
    # They take a second to load, which an unchanged course is spared.
    from xorkit.engine import workers
    from xorkit.engine.job import Job

    jobs = []
    for name, path in paths.items():
        file = to_bytes(filled(course.release, variants[path].texts))
        jobs.append(Job(name, settings, file=file, epochs=variants[path].epochs))
    epochs = course.lesson.task.epochs if course.lesson.task else 1
    trainings = sum(1 if job.epochs is None else job.epochs / epochs for job in jobs)
    worth = int(trainings / WORTH_A_WORKER) if count is None else len(jobs)
    for done in workers.run_jobs(own, jobs, machine.crew(count, worth)):
        if done.evidence is None:
            raise CourseError(f"{done.student}: {done.problem or done.verdict}")
        write_file(paths[done.student], done.evidence)


Judge = Callable[[str, Sequence[str], Callable[[], Evidence]], Verdict]


def _judge(
    own: Assignment, plain: Set[str], kept: _Cache, part: bool, epochs: int | None = None
) -> Judge:
    """Judges one part of the graded cells: those about plain cells, or the others.

    The judge takes a variant's name, what its evidence is known by, and how to get it.
    """
    cells = {
        name: hidden_tests(text)
        for name, text in own.graded_cells.items()
        if (solution_of(name) in plain) is part
    }
    lesson = own.lesson
    if not part:  # so that no change of a rubric has these cells judged again
        recall = {name: rubric for name, rubric in lesson.recall.items() if name not in plain}
        matching = None if lesson.cell("matching") in plain else lesson.matching
        lesson = lesson.model_copy(update={"recall": recall, "matching": matching})
    if epochs is not None:
        values = lesson.model_dump(mode="json")  # a mere copy may keep the task as arrays
        lesson = Lesson.model_validate({**values, "task": {**values["task"], "epochs": epochs}})
    tests = HiddenTests(cells, lesson)
    known = [lesson.model_dump_json(), json.dumps(cells), own.code]

    def judge(name: str, about: Sequence[str], evidence: Callable[[], Evidence]) -> Verdict:
        if not cells:
            return Verdict(name, lesson.assignment, lesson.max_score)

        def make() -> Any:
            verdict, faults = grade_submission(name, evidence(), tests)
            if faults:
                raise CourseError(f"a hidden test broke on {name}: {faults[0]}")
            return replace(verdict, details={}).to_json()

        return replace(Verdict.from_json(kept.value([*known, *about], make)), student=name)

    return judge


def _evidence(path: Path) -> Evidence:
    found = unpack_evidence(path.read_bytes())
    if found is None:
        raise CourseError(f"{path} can't be read: delete it, and build again")
    return found[0]


def _earns(verdict: Verdict, wanted: float) -> Check:
    lost = {c.grade_id: c.score for c in verdict.cells if c.score != (c.max_score if wanted else 0)}
    says = f"{verdict.student} earn{'' if wanted else 's'} {wanted:g} of {verdict.max_score:g}"
    return Check(says, verdict.score == wanted and not verdict.needs_review, f"saw {lost}")


def _costs(mistake: Mistake, verdict: Verdict, epochs: int | None) -> Check:
    lost = {c.grade_id: c.max_score - c.score for c in verdict.cells if c.score < c.max_score}
    if mistake.own_result:
        lost.pop(OWN_RESULT, None)
    found = next((finding.code for finding in verdict.findings if not finding.note), None)
    claim = f"“{mistake.name}” costs {_points(mistake.loses)}"
    if mistake.diagnosis:
        claim += f" and is found as {mistake.diagnosis}"
    if epochs is not None:
        claim += f" ({epochs} epochs)"
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
    ticks: Mapping[str, Sequence[tuple[str, bool | None]]], verdicts: Mapping[str, Verdict]
) -> Check:
    """Whether the notebook's checks tick what the grade credits; an open row says nothing."""
    claim = "the checks in the notebook tick what the grade credits, on every listed mistake"
    differing = []
    for name, rows in ticks.items():
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


def _ticks(
    course: Course, listed: Sequence[Mistake], kept: _Cache
) -> dict[str, list[tuple[str, bool | None]]]:
    """What the check of each mistake's own cell shows: those not kept, in one start of PyTorch."""
    sheet = sheet_of(course.source, course.lesson)
    code, text = code_version(), sheet.to_text()
    asked = {
        mistake.name: (mistake.cell, _cells_to(course, mistake))
        for mistake in listed
        if (cell := sheet.cell(mistake.cell)) is not None and cell.claims
    }
    known = {name: [text, json.dumps(ask), code] for name, ask in asked.items()}
    new = [name for name in asked if not kept.path(known[name], ".json").exists()]
    seen = _checked({"sheet": text, "asked": [(name, *asked[name]) for name in new]}) if new else {}
    return {name: kept.value(known[name], partial(seen.get, name)) for name in asked}


def _checked(question: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "xorkit.selfcheck"],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CourseError(f"the checks of the notebook stop with:\n{done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
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


def _rubrics(course: Course, kept: _Cache) -> Iterator[Check]:
    """No test answer of a rubric may get a sure mark that is two points off."""
    for name, rubric in course.lesson.recall.items():
        known = [rubric.model_dump_json(), code_version()]
        wrong = kept.value(known, partial(_far_off, rubric))
        yield Check(f"{name}: no test answer is two marks off", not wrong, "; ".join(wrong))


def _far_off(rubric: Rubric) -> list[str]:
    marked = ((test, mark_answer(rubric, test.answer).points) for test in rubric.tests)
    return [
        f"{test.answer!r} got {points}, wanted {test.mark}"
        for test, points in marked
        if points is not None and abs(points - test.mark) == 2
    ]


def _leaks(course: Course, kept: _Cache) -> Iterator[Check]:
    """Nothing of the key in any file of the release."""
    code = code_version()
    kit = partial(kept.value, ["the packed kit", code], _kit_text)
    known = ["leaks", code, *secrets(course)]
    found = []
    for path in sorted(course.path("release", course.assignment).rglob("*")):
        if path.is_file():
            about = [*known, path.suffix, sha256(path.read_bytes())]
            held = kept.value(about, partial(leaks, course, path, kit))
            found += [f"{secret!r} in {path.name}" for secret in held]
    yield Check("no answer leaks into the release", not found, "; ".join(found[:5]))


def _kit_text() -> str:
    """The kit's own modules as the release holds them. Raises PackError."""
    return "\n".join(packed().files.values())


def leaks(course: Course, path: Path, kit: Callable[[], str] = _kit_text) -> list[str]:
    """What of the key a file of the release holds. The kit's own modules are open to all."""
    text = path.read_text("utf-8", errors="replace")
    open_text = ""
    if path.suffix == ".ipynb":
        notebook = nbformat.read(path, as_version=4)
        text = "\n".join(line for cell in notebook.cells for line in _lines(cell))
        try:
            if inside := unpacked("\n".join(cell.source for cell in notebook.cells)):
                text, open_text = text + inside, kit()
        except PackError as error:
            return [str(error)]
    return [secret for secret in secrets(course) if text.count(secret) > open_text.count(secret)]


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
