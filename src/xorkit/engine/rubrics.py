"""How the recall rubrics do on their own test answers and on the class, and what persons taught."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from xorkit.cell_text import typed_answer
from xorkit.engine import store
from xorkit.engine.course import Course
from xorkit.files import write_file
from xorkit.recall import Change, Report, SecondStage, changes, evaluate, fitted
from xorkit.recall.rubric import FULL_MARKS

Answers = list[tuple[object, int | None]]  # each with the mark that a person gave, if one did


def on_tests(course: Course) -> Iterator[tuple[str, Report]]:
    """Each question's report over the test answers of its rubric."""
    for name, rubric in course.lesson.recall.items():
        yield name, evaluate(rubric, [(test.answer, test.mark) for test in rubric.tests])


def on_class(course: Course) -> Iterator[tuple[str, Report]]:
    """Each question's report over the class's own answers."""
    for name, answers in class_answers(course).items():
        yield name, evaluate(course.lesson.recall[name], answers)


def tried(course: Course, phrase: str, concept: str) -> Iterator[tuple[str, list[Change]]]:
    """What a phrase for a concept would change, by question: on its tests and on the class.

    `concept` is a concept's name, where two questions share it `question.concept`. Raises
    ValueError where no question has it, or the phrase can't be read.
    """
    question, _, name = concept.rpartition(".")
    rubrics = course.lesson.recall
    having = [
        each
        for each in ([question] if question in rubrics else rubrics)
        if name in rubrics[each].concepts
    ]
    if not having or (question and question not in rubrics):
        known = ", ".join(f"{each}.{own}" for each in rubrics for own in rubrics[each].concepts)
        asked = f"no concept {concept!r}" if concept else "--try needs a concept, with --for"
        raise ValueError(f"{asked}; there are: {known}")
    told = class_answers(course)
    for each in having:
        tests: Answers = [(test.answer, test.mark) for test in rubrics[each].tests]
        yield each, changes(rubrics[each], name, phrase, [*tests, *told[each]])


def class_answers(course: Course) -> dict[str, Answers]:
    """What the class answered to each question, from kept evidence."""
    found: dict[str, Answers] = {name: [] for name in course.lesson.recall}
    for student in course.students("autograded"):
        evidence, verdict = (
            store.evidence_of(course, student),
            store.verdict_of(course, student),
        )
        if evidence is None or verdict is None:
            continue
        marks = {cell.grade_id: cell.manual_score for cell in verdict.cells}
        for name, answers in found.items():
            mark = marks.get(f"test_{name}")
            answers.append((typed_answer(evidence, name), _whole(mark)))
    return found


def _whole(mark: float | None) -> int | None:
    """A person's mark as a rubric could give it; half a point, or extra credit, it can't."""
    return next((whole for whole in range(FULL_MARKS + 1) if whole == mark), None)


def add_marks(course: Course) -> tuple[Path, int]:
    """Adds persons' marks of the class to the rubrics' tests; gives back the file and how many.

    They go into `lessons/<assignment>.recall.tests.yaml`, which is read together with the rubrics.
    """
    path = course.path("lessons", f"{course.assignment}.recall.tests.yaml")
    kept: dict[str, list[dict[str, object]]] = {}
    if path.exists():
        kept = yaml.safe_load(path.read_text("utf-8")) or {}
    added = 0
    for name, answers in class_answers(course).items():
        known = {test.answer for test in course.lesson.recall[name].tests}
        for answer, mark in _marked(answers):
            if answer not in known:
                kept.setdefault(name, []).append({"answer": answer, "mark": mark})
                known.add(answer)
                added += 1
    if added:
        text = yaml.safe_dump(kept, allow_unicode=True, sort_keys=False, width=100)
        write_file(path, text.encode())
    return path, added


def fit_course(course: Course) -> tuple[Path, SecondStage]:
    """Fits the second stage to the rubrics' tests and to the marks that persons gave to the class.

    It goes into `lessons/<assignment>.recall.fit.json`, which is read together with the rubrics.
    """
    rubrics = course.lesson.recall
    answers = {
        name: dict(_marked((test.answer, test.mark) for test in rubric.tests))
        for name, rubric in rubrics.items()
    }
    for name, told in class_answers(course).items():
        answers[name] |= dict(_marked(told))
    marked = {name: [*own.items()] for name, own in answers.items()}
    found = fitted(rubrics, marked, datetime.date.today().isoformat())
    path = course.path("lessons", f"{course.assignment}.recall.fit.json")
    write_file(path, (found.model_dump_json(indent=1) + "\n").encode())
    return path, found


def _marked(answers: Iterable[tuple[object, int | None]]) -> Iterator[tuple[str, int]]:
    for answer, mark in answers:
        if isinstance(answer, str) and answer.strip() and mark is not None:
            yield answer.strip(), mark
