"""What is graded, what is only judged again, and what is left alone."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from support.tiny_course import (
    CELLS,
    LESSON,
    assert_agrees,
    graded,
    hand_in,
    kept_files,
    mark_by_hand,
    marks,
    scores,
)
from typer.testing import CliRunner

from xorkit.cli import app
from xorkit.conventions import hidden_tests
from xorkit.engine import batch, records, settled, store
from xorkit.engine.course import Course, open_course
from xorkit.engine.gradebook import open_gradebook
from xorkit.engine.job import RunSettings
from xorkit.files import sha256
from xorkit.intake.records import Record, write_record

ENDLESS = "number = 7\nwhile True:\n    pass"
UNSURE = 'words = "maybe"'


def _again(course: Course) -> Course:
    """The course as the next command reads it."""
    return open_course(course.root, course.assignment)


def _change_lesson(course: Course, old: str, new: str) -> Course:
    (course.root / "lessons" / "tiny.yaml").write_text(LESSON.replace(old, new), "utf-8")
    return _again(course)


def _change_tests(course: Course, old: str, new: str) -> Course:
    path = course.notebook_path("source")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    return _again(course)


def test_a_graded_class_is_in_the_gradebook_and_in_autograded(course: Course) -> None:
    hand_in(course, "ada")
    hand_in(course, "bob", {"number": "number = 7.0", "words": UNSURE})

    done = graded(course)

    assert {name: p.verdict.score for name, p in done.items()} == {"ada": 5, "bob": 1}
    assert scores(course) == {"ada": 5, "bob": 1}
    assert done["bob"].verdict.needs_review == ("test_words",)
    assert_agrees(course)
    notebook = nbformat.read(course.notebook_path("autograded", "bob"), as_version=4)
    tests = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}
    assert "def test_is_whole" in tests["test_number"].source
    assert "Which type counts?" in tests["test_number"].outputs[0].data["text/plain"]


def test_a_graded_cell_shows_its_tests_without_the_learners_own_check(course: Course) -> None:
    hand_in(course, "ada")
    graded(course)

    notebook = nbformat.read(course.notebook_path("autograded", "ada"), as_version=4)

    (cell,) = (c for c in notebook.cells if c.id == "test_number")
    assert cell.source.startswith("### BEGIN HIDDEN TESTS\nfrom xorkit.hidden import")
    assert hidden_tests(cell.source) == hidden_tests(CELLS["test_number"])


def test_a_cell_that_stops_below_its_answer_costs_nothing_and_is_said(course: Course) -> None:
    hand_in(course, "ada", {"number": "number = 7\n1 / 0"})
    hand_in(course, "bob", {"number": "1 / 0", "words": "words = str(number) + ' because'\n1 / 0"})

    done = graded(course)

    verdict = done["ada"].verdict
    assert (verdict.score, verdict.diagnosis) == (5, ())
    assert "ZeroDivisionError" in verdict.findings[0].message
    assert verdict.findings[0].note
    told = done["bob"].verdict.findings
    assert told[0].grade_id == "number"
    assert not any(finding.note for finding in told)


def test_what_has_not_changed_is_left_alone(course: Course) -> None:
    hand_in(course, "ada")
    graded(course)
    before = kept_files(course)

    assert graded(_again(course)) == {}
    assert kept_files(course) == before


def test_only_what_has_changed_runs_again(course: Course) -> None:
    hand_in(course, "ada")
    hand_in(course, "bob")
    graded(course)

    hand_in(course, "bob", {"number": "number = 8"})
    done = graded(_again(course))

    assert {name: (p.ran, p.verdict.score) for name, p in done.items()} == {"bob": (True, 3)}


def test_the_same_answers_in_another_file_are_not_run_again(course: Course) -> None:
    path = hand_in(course, "ada")
    graded(course)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source = "# My own title"
    nbformat.write(notebook, path)

    done = graded(_again(course))

    assert {name: p.ran for name, p in done.items()} == {"ada": False}
    assert graded(_again(course)) == {}


@pytest.mark.parametrize("way", ["grade", "rejudge"])
def test_changed_tests_are_judged_without_running_anything(course: Course, way: str) -> None:
    hand_in(course, "ada")
    hand_in(course, "bob", {"number": "number = 8"})
    graded(course)

    course = _change_tests(course, "== 7, ", "== 8, ")
    if way == "grade":
        done = graded(course)
        assert {name: p.ran for name, p in done.items()} == {"ada": False, "bob": False}
    else:
        pairs = batch.rejudge(course)
        moved = {after.student: (before.score, after.score) for before, after in pairs}
        assert moved == {"ada": (5, 3), "bob": (3, 5)}

    assert scores(course) == {"ada": 3, "bob": 5}
    assert_agrees(course)
    notebook = nbformat.read(course.notebook_path("autograded", "ada"), as_version=4)
    assert any("== 8, " in cell.source for cell in notebook.cells)
    assert graded(_again(course)) == {}


def test_changed_points_reach_the_gradebook(course: Course) -> None:
    hand_in(course, "ada")
    graded(course)

    course = _change_lesson(course, "test_is_seven: 2", "test_is_seven: 4")
    course = _change_tests(course, '"points": 3', '"points": 5')
    list(batch.rejudge(course))

    assert scores(course) == {"ada": 7}
    assert_agrees(course)


def test_a_result_that_met_no_limit_holds_under_any(course: Course) -> None:
    hand_in(course, "ada")
    hand_in(course, "bob", {"number": ENDLESS})
    done = graded(course, RunSettings(timeout=1))
    assert done["bob"].verdict.diagnosis == ("timeout",)

    again = graded(_again(course), RunSettings(timeout=2))

    assert {name: p.ran for name, p in again.items()} == {"bob": True}


def test_one_learner_alone_is_graded_when_asked(course: Course) -> None:
    hand_in(course, "ada")
    hand_in(course, "bob")

    assert list(graded(course, students=["bob"])) == ["bob"]
    assert list(graded(_again(course), students=["bob"], everything=True)) == ["bob"]
    assert scores(course) == {"bob": 5}


@pytest.mark.parametrize("then", ["nothing", "grade --all", "rejudge", "a new file", "report"])
def test_a_persons_mark_is_final(course: Course, then: str) -> None:
    hand_in(course, "ada", {"words": UNSURE})
    graded(course)
    mark_by_hand(course, "ada", "test_words", 1.5)

    match then:
        case "nothing":
            graded(course)
        case "grade --all":
            graded(course, everything=True)
        case "rejudge":
            list(batch.rejudge(course))
        case "a new file":
            hand_in(course, "ada", {"number": "number = 8", "words": UNSURE})
            graded(course)
        case "report":
            records.verdicts(course)

    verdict = store.verdict_of(course, "ada")
    assert verdict is not None
    assert verdict.score == scores(course)["ada"] == (2.5 if then == "a new file" else 4.5)
    assert verdict.status == "graded"
    assert_agrees(course)


def test_extra_credit_counts_in_both(course: Course) -> None:
    hand_in(course, "ada")
    graded(course)
    mark_by_hand(course, "ada", "test_number", 3, extra=1)

    graded(course)

    assert scores(course) == {"ada": 6}
    assert_agrees(course)


def test_a_mark_that_is_taken_back_is_gone(course: Course) -> None:
    hand_in(course, "ada")
    graded(course)
    mark_by_hand(course, "ada", "test_number", 1)
    graded(course)
    with open_gradebook(course.db_url) as book:
        book.find_grade("test_number", "tiny", "tiny", "ada").manual_score = None
        book.db.commit()

    graded(course)

    assert scores(course) == {"ada": 5}
    assert_agrees(course)


def test_a_lost_gradebook_is_written_again_with_the_persons_marks(course: Course) -> None:
    hand_in(course, "ada", {"words": UNSURE})
    graded(course)
    mark_by_hand(course, "ada", "test_words", 1.5)
    graded(course)
    (course.root / "gradebook.db").unlink()

    assert graded(_again(course)) == {}

    assert scores(course) == {"ada": 4.5}
    assert_agrees(course)


def test_what_cannot_be_graded_has_no_score_until_a_good_file_comes(course: Course) -> None:
    path = hand_in(course, "ada")
    graded(course)
    path.write_text("no notebook", "utf-8")

    (progress,) = graded(_again(course)).values()

    assert progress.verdict.status == "not_gradable"
    assert progress.verdict.message
    assert {mark.auto for mark in marks(course)["ada"].values()} == {None}
    assert list(kept_files(course)) == ["ada/tiny/verdict.json"]
    assert_agrees(course)
    assert list(graded(_again(course))) == ["ada"], "it is said again as long as it is so"

    hand_in(course, "ada")
    (progress,) = graded(_again(course)).values()

    assert progress.verdict.status == "graded"
    assert scores(course) == {"ada": 5}
    assert_agrees(course)


def test_a_persons_mark_stays_when_the_next_file_cannot_be_graded(course: Course) -> None:
    path = hand_in(course, "ada", {"words": UNSURE})
    graded(course)
    mark_by_hand(course, "ada", "test_words", 2)
    path.write_text("no notebook", "utf-8")

    (progress,) = graded(course).values()

    assert progress.verdict.status == "needs_review"
    assert scores(course) == {"ada": 2}
    assert_agrees(course)


def _bob_anew(course: Course) -> None:
    hand_in(course, "bob", {"number": "number = 8"})


def _bob_anew_then_judged_again(course: Course) -> None:
    _bob_anew(course)
    assert len(list(batch.rejudge(course))) == 2


def _bob_anew_from_a_copy_that_keeps_times(course: Course) -> None:
    path = course.notebook_path("submitted", "bob")
    seen = path.stat()
    _bob_anew(course)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def _broken_verdict(course: Course) -> None:
    course.result_path("bob", "verdict.json").write_text("{")


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        (lambda course: None, []),
        (lambda course: hand_in(course, "cleo"), ["cleo"]),
        (_bob_anew, ["bob"]),
        (_bob_anew_then_judged_again, ["bob"]),
        (_bob_anew_from_a_copy_that_keeps_times, ["bob"]),
        (_broken_verdict, ["bob"]),
        (lambda course: course.notebook_path("submitted", "bob").touch(), []),
        (lambda course: course.notebook_path("submitted", "bob").write_text("mine"), ["bob"]),
        (lambda course: shutil.rmtree(course.path("submitted", "bob")), []),
        (lambda course: hand_in(course, "pdf"), ["pdf"]),
    ],
)
def test_who_is_not_graded_as_submitted_holds_it_is_told(
    change: Callable[[Course], object],
    waits: list[str],
    course: Course,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settled, "CLOCK_STEP", -1.0)
    hand_in(course, "ada")
    hand_in(course, "bob")
    hand_in(course, "pdf").write_bytes(b"%PDF-1.7")
    graded(course)
    change(course)
    for _ in range(2):  # read, then as it is noted
        said: list[str] = []
        _, names = settled.settled_class(_again(course), said.append)

        assert names == waits
        line = f"not graded yet, or changed since: {', '.join(waits)}. Run `xorkit grade tiny`."
        assert said == [f"{len(waits)} {line}"] * bool(waits)

    graded(_again(course))
    assert settled.settled_class(_again(course))[1] == []


def test_each_command_says_who_is_not_graded(course: Course) -> None:
    hand_in(course, "ada")
    graded(course)
    for number in range(7):
        hand_in(course, f"new{number}")
    line = "7 not graded yet, or changed since: new0, new1, new2, new3, new4 and 2 more. Run"
    for command in ("export", "report", "feedback"):
        ran = CliRunner().invoke(app, [command, "--course", str(course.root)])

        assert ran.exit_code == 0
        assert line in ran.stderr
    assert "new4 and 2 more" in course.path("report", "tiny.html").read_text("utf-8")


def test_what_lies_in_submitted_where_nobody_looks_is_told(course: Course) -> None:
    notebook = hand_in(course, "ada").read_bytes()
    for place in ("bob/TINY/tiny.ipynb", "cleo.ipynb", ".DS_Store", "eve/other/other.ipynb"):
        path = course.path("submitted", place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(notebook)
    course.path("submitted", "dan").mkdir()
    course.path("source", "other").mkdir()
    said: list[str] = []

    assert list(graded(course, say=said.append)) == ["ada"]
    assert said == [
        "3 in submitted/ not looked at: bob/TINY, cleo.ipynb, dan (empty). Wanted:"
        " submitted/LEARNER/tiny/tiny.ipynb; move them there, or let `xorkit collect` do it."
    ]


def test_results_of_withdrawn_work_stay_and_are_told_of(course: Course) -> None:
    hand_in(course, "ada")
    hand_in(course, "bob")
    graded(course)
    shutil.rmtree(course.path("submitted", "ada"))

    said: list[str] = []
    graded(_again(course), say=said.append)

    assert scores(course) == {"ada": 5, "bob": 5}
    assert len(said) == 1
    assert "ada" in said[0]


def _spoiled(evidence: bytes) -> bytes:
    return evidence[:20]


def _of_an_older_kit(evidence: bytes) -> bytes:
    value = json.loads(gzip.decompress(evidence))
    return gzip.compress(json.dumps(value | {"form": value["form"] - 1}).encode())


@pytest.mark.parametrize("change", [_spoiled, _of_an_older_kit])
def test_judging_again_without_evidence_says_how_to_get_some(
    course: Course, change: Callable[[bytes], bytes]
) -> None:
    hand_in(course, "ada")
    graded(course)
    path = course.result_path("ada", store.EVIDENCE)
    path.write_bytes(change(path.read_bytes()))
    before = kept_files(course)

    said: list[str] = []
    assert list(batch.rejudge(course, say=said.append)) == []

    assert "--student ada" in said[0]
    assert kept_files(course) == before
    course = _change_tests(course, "== 7, ", "== 8, ")
    assert {name: p.ran for name, p in graded(course).items()} == {"ada": True}


@pytest.mark.parametrize("spoiled", ["", "{}", "[1]", '{"keys": 3}'])
def test_a_spoiled_verdict_is_made_anew(course: Course, spoiled: str) -> None:
    hand_in(course, "ada")
    graded(course)
    course.result_path("ada", store.VERDICT).write_text(spoiled, "utf-8")

    assert list(graded(_again(course))) == ["ada"]
    assert json.loads(course.result_path("ada", store.VERDICT).read_text("utf-8"))["score"] == 5


NAMES = (
    *("O'Hara", "Jürgen Müller", "李雷", "-rf", "[bold]", "a.b@c.de", "x" * 200, "1", "a;b\nc"),
    *(
        "'; DROP TABLE grade; --",
        '" OR 1=1',
        "=1+1",
        "%s%n{0}",
        "a%2fb%00",
        "..a",
        "~root",
        "$HOME",
    ),
    *("\x1b]0;x\x07\x1b[2J", "a\tb\rc", "\u202ereversed", "\u00e9", "e\u0301", "\ufeff", "*?"),
)


def test_any_name_can_be_a_learners_and_any_text_an_answer(course: Course) -> None:
    for name in NAMES:
        hand_in(course, name, {"words": f"words = 'because ' + {name + chr(0)!r}"})

    graded(course)

    assert scores(course) == dict.fromkeys(NAMES, 5)
    assert_agrees(course)


def test_a_name_that_is_no_text_is_said_and_stops_nobody(course: Course) -> None:
    hand_in(course, "ada")
    folder = Path(course.path("submitted"), "\udcff")
    shutil.copytree(course.path("submitted", "ada"), folder)

    done = graded(course)

    assert {name: p.verdict.status for name, p in done.items()} == {
        "ada": "graded",
        "\\udcff": "not_gradable",
    }


@pytest.mark.parametrize("then", ["grade", "grade all", "judge again", "lose the gradebook"])
def test_a_persons_comment_stays_with_the_mark(course: Course, then: str) -> None:
    hand_in(course, "bob", {"words": UNSURE})
    graded(course)
    with open_gradebook(course.db_url) as book:  # as the formgrader writes it
        book.find_comment("words", "tiny", "tiny", "bob").manual_comment = "Maybe? Say it."
        book.db.commit()
    mark_by_hand(course, "bob", "test_words", 1)
    records.verdicts(course)

    if then == "judge again":
        list(batch.rejudge(course))
    elif then == "lose the gradebook":
        (course.root / "gradebook.db").unlink()
    else:
        graded(course, everything=then == "grade all")

    (verdict,) = records.verdicts(course)
    assert [(c.score, c.comment) for c in verdict.cells if c.grade_id == "test_words"] == [
        (1, "Maybe? Say it.")
    ]
    with open_gradebook(course.db_url) as book:
        comment = book.find_comment("words", "tiny", "tiny", "bob").manual_comment
    assert comment == "Maybe? Say it."
    assert_agrees(course)


def test_a_checked_file_stays_checked_until_another_comes(course: Course) -> None:
    def hand_in_doubtful(text: str) -> None:
        path = hand_in(course, "bob", {"words": f'words = "because {text}"'})
        record = Record(review=("Two answers.",), notebook=sha256(path.read_bytes()))
        write_record(path.parent, record)

    hand_in_doubtful("of the week")
    assert graded(course)["bob"].verdict.status == "needs_review"

    assert [v.status for v in records.check_off(course, ["bob"])] == ["graded"]
    graded(course, everything=True)
    list(batch.rejudge(course))
    (verdict,) = records.verdicts(course)
    assert (verdict.status, verdict.review, verdict.checked) == ("graded", ("Two answers.",), True)

    hand_in_doubtful("of seven days")
    graded(course)
    assert [v.status for v in records.verdicts(course)] == ["needs_review"]
