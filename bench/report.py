"""How large and how fast the pages are: `python bench/report.py --learners 1000`.

The class is made up: real losses and updates by the reference, real marks of made-up choices and of
the rubric's own test answers; which tests a learner passes follows an ability and chance.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from xorkit import lesson as lessons
from xorkit import matching, recall, reference
from xorkit.lesson import Lesson
from xorkit.pages.feedback_page import feedback_page
from xorkit.pages.report_page import report_page
from xorkit.verdict import CellVerdict, Diagnosis, Finding, TestOutcome, Verdict

ROOT = Path(__file__).parents[1]
CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOPS = ("right", "no-zero-grad", "step-twice", "too-few-epochs")
RUNS = 64  # different starts of each kind of loop


def runs(lesson: Lesson, kind: str, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """What a verdict keeps of RUNS trainings with one kind of loop."""
    task = lesson.trained
    epochs = 600 if kind == "too-few-epochs" else task.epochs
    theta = reference.random_starts(rng, RUNS, task.net.sizes)
    kept = np.unique(np.linspace(0, epochs, 200).astype(int))
    moved, asked, losses, total = [], [], [], np.zeros_like(theta)
    for epoch in range(epochs + 1):
        if epoch in kept:
            losses.append(reference.loss(theta, task.inputs, task.targets, task.net))
        wanted = task.lr * reference.gradient(theta, task.inputs, task.targets, task.net)
        total = total + wanted if kind == "no-zero-grad" else wanted
        step = 2 * total if kind == "step-twice" else total
        if epoch < 4:
            moved.append(-step)
            asked.append(-wanted)
        if epoch < epochs:
            theta = theta - step
    predicted = reference.predict(theta, task.inputs, task.net)[:, :, 0]
    for k in range(RUNS):
        yield {
            "losses": np.round([values[k] for values in losses], 5).tolist(),
            "drawn": epochs,
            "theta": np.round(theta[k], 4).tolist(),
            "sizes": list(task.net.sizes),
            "predictions": predicted[k].tolist(),
            "updates": {
                "moved": [np.round(move[k], 6).tolist() for move in moved],
                "downhill": [np.round(step[k], 6).tolist() for step in asked],
            },
        }


def learners(lesson: Lesson, count: int, seed: int = 0) -> Iterator[Verdict]:
    """A class of made-up learners."""
    rng = np.random.default_rng(seed)
    trained = {kind: list(runs(lesson, kind, rng)) for kind in LOOPS}
    for k in range(count):
        student = f"learner{k:04d}"
        if rng.random() < 0.02:
            text = "The file only holds a link, not the notebook itself. Please ask for the file."
            yield Verdict(student, lesson.assignment, lesson.max_score, message=text)
        else:
            yield learner(lesson, student, trained, rng)


def learner(
    lesson: Lesson, student: str, trained: dict[str, list[dict[str, Any]]], rng: np.random.Generator
) -> Verdict:
    ability = rng.normal()
    kind = LOOPS[0] if rng.normal() < ability + 0.8 else str(rng.choice(LOOPS[1:]))
    choices = matched(lesson, ability, rng)
    marks = {name: answered(lesson, name, rng) for name in lesson.recall}
    details: Any = {
        **trained[kind][rng.integers(RUNS)],
        "seconds": round(float(rng.lognormal(0.7, 0.4)), 2),
        "matching": [vars(choice) for choice in choices],
        "recall": marks,
    }
    near = np.abs(np.array(details["predictions"]) - lesson.trained.targets[:, 0]) < 0.25
    findings = [Finding(Diagnosis(kind), MESSAGE, "training_loop")] if kind != "right" else []
    if kind == "right" and not near.all():
        findings = [Finding(Diagnosis.BAD_START, MESSAGE, "training_loop", note=True)]
    if rng.normal() > ability + 1.5:
        findings.append(Finding(Diagnosis.WRONG_LR, MESSAGE, "loss_and_optimizer"))
    cells = tuple(
        cell(lesson, grade_id, findings, near, choices, marks) for grade_id in lesson.points
    )
    repairs = ("The file was in an old notebook format and was brought up to date.",)
    return Verdict(
        student,
        lesson.assignment,
        lesson.max_score,
        cells,
        tuple(findings),
        repairs if rng.random() < 0.1 else (),
        ("Two cells look like answers to Exercise 4.",) if rng.random() < 0.02 else (),
        details=details,
    )


MESSAGE = (
    "What was seen in the loop, in a sentence as long as most of them are, with a number such as"
    " 2.20 and a question at its end: what does the model still remember?"
)


def matched(
    lesson: Lesson, ability: float, rng: np.random.Generator
) -> tuple[matching.MatchingChoice, ...]:
    if lesson.matching is None:
        return ()
    lines = lesson.matching.options
    values = {
        f"job_{n}": job.accepts[0] if rng.normal() < ability + 1 else str(rng.choice(lines))
        for n, job in enumerate(lesson.matching.jobs, 1)
    }
    return matching.grade_matching(lesson.matching, values)


def answered(lesson: Lesson, name: str, rng: np.random.Generator) -> dict[str, Any]:
    rubric = lesson.recall[name]
    answers = [test.answer for test in rubric.tests] + ["Some kind of frobnication, I suppose?"]
    answer = str(rng.choice(answers))
    mark = recall.mark_answer(rubric, answer)
    return {**vars(mark), "credited": list(mark.credited), "answer": answer}


def cell(
    lesson: Lesson,
    grade_id: str,
    findings: list[Finding],
    near: NDArray[np.bool_],
    choices: tuple[matching.MatchingChoice, ...],
    marks: dict[str, dict[str, Any]],
) -> CellVerdict:
    """A graded cell: the last of its tests fail where a finding says so."""
    name, points = grade_id.removeprefix("test_"), lesson.points[grade_id]
    wrong = any(found.grade_id == name and not found.note for found in findings)
    stuck = any(found.note for found in findings)
    if name == "matching":
        rows = [(f"test_job[{c.job}]", bool(c.points), c.message) for c in choices]
    elif name == "predictions":
        rows = [(f"test_prediction[{k}]", bool(ok) or stuck, MESSAGE) for k, ok in enumerate(near)]
    elif name in marks:
        got = marks[name]["points"]
        if got is None:
            test = TestOutcome("test_part", "not_judged", 1, "The idea.", "", review=True)
            return CellVerdict(grade_id, lesson.max_points(grade_id), (test,))
        rows = [("test_part", got >= 1, ""), ("test_whole", got == 2, marks[name]["message"])]
    else:
        rows = [(test, not wrong or k < 1, MESSAGE) for k, test in enumerate(points)]
    tests = tuple(
        TestOutcome(
            test,
            "passed" if ok else "failed",
            points[test.split("[")[0]],
            f"What {test.split('[')[0]} claims, in a line.",
            "" if ok else message,
        )
        for test, ok, message in rows
    )
    return CellVerdict(grade_id, lesson.max_points(grade_id), tests)


FILTER = """() => {
    const begin = performance.now(), field = document.getElementById("name");
    field.value = "learner0007";
    field.dispatchEvent(new Event("input"));
    document.body.getBoundingClientRect();
    return performance.now() - begin;
}"""
PAINTED = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


def opened(path: Path) -> dict[str, float]:
    """Milliseconds until headless Chromium has painted the page, and to filter its table."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(path.as_uri(), wait_until="load")
        page.evaluate(PAINTED)
        painted = 1000 * (time.perf_counter() - start)
        filtered = page.evaluate(FILTER)
        browser.close()
    return {"open_ms": round(painted), "filter_ms": round(filtered)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learners", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("build/bench-report"))
    arguments = parser.parse_args()
    lesson = lessons.load(ROOT / "lessons" / "xor.yaml")
    verdicts = list(learners(lesson, arguments.learners))
    arguments.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    text = report_page(verdicts, lesson, before={v.student: 20 for v in verdicts[::9]})
    seconds = time.perf_counter() - start
    path = arguments.out.resolve() / "report.html"
    path.write_text(text, "utf-8")
    each, sizes = [], []
    for verdict in verdicts[:50]:
        start = time.perf_counter()
        sizes.append(len(feedback_page(verdict, lesson).encode()))
        each.append(time.perf_counter() - start)
    found = {
        "learners": len(verdicts),
        "report_seconds": round(seconds, 2),
        "report_megabytes": round(len(text.encode()) / 1e6, 2),
        **opened(path),
        "feedback_seconds_median": round(statistics.median(each), 3),
        "feedback_kilobytes_median": round(statistics.median(sizes) / 1e3),
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
