"""Whatever lies where a notebook should be: graded, or refused with a reason; it stops nobody."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from support.tiny_course import assert_agrees, graded, hand_in, marks, scores

from xorkit.engine import records
from xorkit.engine.course import Course
from xorkit.intake.collecting import collect

SECRET = "the key to everything"


def _link(path: Path) -> None:
    secret = path.parents[3] / "secret.ipynb"
    secret.write_text(SECRET, "utf-8")
    path.unlink()
    path.symlink_to(secret)


def _link_to_a_neighbour(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parents[2] / "ada" / "tiny" / "tiny.ipynb")


def _linked_folder(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(path.parents[2] / "ada" / "tiny")


def _linked_learner(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.parent.rmdir()
    path.parent.parent.symlink_to(path.parents[2] / "ada")


def _dangling_link(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to("nowhere")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _file_for_a_folder(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("{}", "utf-8")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _nothing(path: Path) -> None:
    path.unlink()


def _other_files(path: Path) -> None:
    path.rename(path.with_name("holiday.jpg"))


def _two_others(path: Path) -> None:
    path.with_name("b.ipynb").write_bytes(path.read_bytes())
    path.rename(path.with_name("a.ipynb"))


def _writes(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


REFUSED: dict[str, Callable[[Path], None]] = {
    "a link to a file outside": _link,
    "a link to a neighbour's file": _link_to_a_neighbour,
    "a folder that is a link": _linked_folder,
    "a learner who is a link": _linked_learner,
    "a link to nowhere": _dangling_link,
    "a folder instead of the file": _folder,
    "a file instead of the folder": _file_for_a_folder,
    "a pipe that nobody writes": _pipe,
    "an empty folder": _nothing,
    "another file": _other_files,
    "two notebooks of other names": _two_others,
    "an empty file": _writes(b""),
    "zeros": _writes(b"\0" * 1000),
    "no notebook": _writes(b"{}"),
    "a list": _writes(b"[1, 2]"),
    "cells of the wrong kind": _writes(b'{"cells": 7}'),
    "cells that are numbers": _writes(b'{"cells": [1, null, "x", {"source": {"a": 1}}]}'),
    "nested too deeply": _writes(b'{"cells": ' + b"[" * 100_000),
    "a huge file": _writes(b'{"cells": "' + b"x" * (1 << 20) * 300),
    "a packed file": _writes(gzip.compress(b"x" * (1 << 20))),
}


def test_what_cannot_be_read_is_refused_with_a_reason_and_stops_nobody(course: Course) -> None:
    hand_in(course, "ada")
    for name, spoil in REFUSED.items():
        spoil(hand_in(course, name))
    hand_in(course, "zoe")

    done = graded(course)

    assert set(done) == {"ada", "zoe", *REFUSED}
    for name in REFUSED:
        verdict = done[name].verdict
        assert (name, verdict.status, verdict.score) == (name, "not_gradable", 0)
        assert verdict.message
        assert SECRET not in verdict.message
    assert {name: score for name, score in scores(course).items() if score} == {"ada": 5, "zoe": 5}
    assert_agrees(course)


def test_who_was_refused_by_collect_is_not_gradable_until_a_good_file_comes(
    course: Course, tmp_path: Path
) -> None:
    hand_in(course, "zoe")
    _collect(course, tmp_path, "xor.pdf", b"%PDF-1.7")

    for _ in range(2):
        verdict = graded(course)["ada"].verdict
        assert verdict.status == "not_gradable"
        assert "The file is a PDF" in verdict.message
    assert {mark.auto for mark in marks(course)["ada"].values()} == {None}
    assert_agrees(course)
    assert {v.student: v.status for v in records.verdicts(course)} == {
        "ada": "not_gradable",
        "zoe": "graded",
    }

    good = hand_in(course, "somebody").read_bytes()
    shutil.rmtree(course.path("submitted", "somebody"))
    _collect(course, tmp_path, "tiny.ipynb", good)

    assert graded(course)["ada"].verdict.status == "graded"
    assert scores(course) == {"ada": 5, "zoe": 5}
    assert_agrees(course)


def _collect(course: Course, tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / "in" / "ada" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    collect([path.parents[1]], course.path("submitted"), course.release, assignment="tiny")


def test_the_only_notebook_counts_under_any_name(course: Course) -> None:
    path = hand_in(course, "ada")
    path.rename(path.with_name("tiny (1).ipynb"))

    graded(course)

    assert scores(course) == {"ada": 5}
