"""Who handed in nothing but what was refused is kept in mind, until something better comes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.downloads import CLASS, as_zip, roster, work_of, zipped
from support.small_course import small_master

from xorkit.intake.collecting import CollectReport, collect
from xorkit.intake.records import members_of, read_record

PDF = b"%PDF-1.7"
PAGE = b"<!DOCTYPE html><html></html>"


def take_in(
    tmp_path: Path, files: dict[str, bytes], name: str = "1.zip", with_roster: bool = True
) -> CollectReport:
    people = roster(tmp_path / "roster.csv") if with_roster else None
    download = zipped(tmp_path / name, files)
    submitted = tmp_path / "submitted"
    return collect([download], submitted, small_master(), assignment="xor", roster=people)


def kept(tmp_path: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in tmp_path.joinpath("submitted").rglob("*") if path.is_file())
    return {
        str(path.relative_to(tmp_path / "submitted")): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in files
    }


def notebook(tmp_path: Path, student: str = "jdoe") -> Path:
    return tmp_path / "submitted" / student / "xor" / "xor.ipynb"


def attempt(day: int, name: str, data: bytes) -> dict[str, bytes]:
    return {f"XOR lab_jdoe_attempt_2026-11-{day}-10-00-00_{name}": data}


@pytest.mark.parametrize(
    ("path", "data", "reason"),
    [
        ("jdoe/xor.pdf", PDF, "PDF"),
        ("jdoe/xor.ipynb", PAGE, "web page"),
        ("jdoe/link.url", b"[InternetShortcut]\nURL=https://x", "link"),
        ("jdoe/xor.zip", b"PK\x03\x04", "damaged"),
        ("jdoe/xor.zip", as_zip({}), "holds no file"),
        (
            "jdoe/xor.zip",
            as_zip({".ipynb_checkpoints/xor-checkpoint.ipynb": b"{}"}),
            "only what a tool",
        ),
        ("jdoe/xor.zip", as_zip({".git/HEAD": b"ref", ".git/config": b""}), "HEAD and 1 more"),
        ("Jane Doe_1236000_assignsubmission_onlinetext/onlinetext.html", PAGE, "web page"),
        ("doejane_12300_678901_text.html", PAGE, "web page"),
        ("doejane_12300_text.html", PAGE, "web page"),
        ("doejane_LATE_12300_link.html", PAGE, "web page"),
        ("jdoe.pdf", PDF, "PDF"),
    ],
)
def test_a_refusal_stands_where_the_notebook_would_be(
    path: str, data: bytes, reason: str, tmp_path: Path
) -> None:
    (item,) = take_in(tmp_path, {path: data}).refused

    assert list(kept(tmp_path)) == ["jdoe/xor/intake.json"]
    assert read_record(notebook(tmp_path)).refused == item.reason
    assert reason in item.reason


def test_a_text_is_what_was_handed_in_where_an_attempt_in_blackboard_has_no_file(
    tmp_path: Path,
) -> None:
    text = b"Name: Jane Doe (jdoe)\nSubmission Field:\nHere is my code.\n"
    stem = "XOR lab_jdoe_attempt_2026-11-20-10-00-00"
    (item,) = take_in(tmp_path, {f"{stem}.txt": text}).refused

    assert "no notebook" in item.reason
    assert read_record(notebook(tmp_path)).refused

    good = {f"{stem}_xor.ipynb": work_of(CLASS[0]), f"{stem}.txt": text}
    assert take_in(tmp_path, good, "2.zip").refused == ()


def test_collecting_it_again_changes_nothing(tmp_path: Path) -> None:
    files = {"jdoe/xor.pdf": PDF, "jdoe/page.html": PAGE}
    take_in(tmp_path, files)
    before = kept(tmp_path)
    again = take_in(tmp_path, files, "2.zip")

    assert kept(tmp_path) == before
    assert len(again.refused) == 2


def test_a_good_file_takes_its_place(tmp_path: Path) -> None:
    take_in(tmp_path, attempt(20, "xor.pdf", PDF))
    done = take_in(tmp_path, attempt(21, "xor.ipynb", work_of(CLASS[0])))

    assert [item.student for item in done.taken] == ["jdoe"]
    assert read_record(notebook(tmp_path)).refused == ""
    assert notebook(tmp_path).exists()


def test_so_does_an_older_good_file(tmp_path: Path) -> None:
    take_in(tmp_path, attempt(21, "xor.pdf", PDF))
    take_in(tmp_path, attempt(20, "xor.ipynb", work_of(CLASS[0])))

    assert notebook(tmp_path).exists()


def test_the_newest_refusal_counts(tmp_path: Path) -> None:
    take_in(tmp_path, attempt(21, "xor.pdf", PDF))
    take_in(tmp_path, attempt(20, "xor.html", PAGE))
    assert "PDF" in read_record(notebook(tmp_path)).refused

    take_in(tmp_path, attempt(22, "xor.html", PAGE))
    assert "web page" in read_record(notebook(tmp_path)).refused


@pytest.mark.parametrize("name", ["xor.pdf", "xor.ipynb"])
@pytest.mark.parametrize("together", [True, False])
def test_a_newer_refused_file_leaves_the_good_one_and_a_person_is_told_once(
    together: bool, name: str, tmp_path: Path
) -> None:
    good, newer = attempt(20, "xor.ipynb", work_of(CLASS[0])), attempt(21, name, PDF)
    take_in(tmp_path, good)
    written = notebook(tmp_path).read_bytes()
    second = {**good, **newer} if together else newer

    for _ in range(2):
        done = take_in(tmp_path, second, "2.zip")

        assert len(done.refused) == 1
        assert notebook(tmp_path).read_bytes() == written
        (review,) = read_record(notebook(tmp_path)).review
        assert review.startswith("A newer file could not be graded: ")


def test_an_older_refused_file_says_nothing_about_the_good_one(tmp_path: Path) -> None:
    take_in(tmp_path, attempt(21, "xor.ipynb", work_of(CLASS[0])))
    take_in(tmp_path, attempt(20, "xor.pdf", PDF), "2.zip")

    assert read_record(notebook(tmp_path)).review == ()


def test_a_notebook_put_there_by_hand_stays(tmp_path: Path) -> None:
    folder = tmp_path / "submitted" / "jdoe" / "xor"
    folder.mkdir(parents=True)
    (folder / "Copy of xor.ipynb").write_bytes(work_of(CLASS[0]))
    before = kept(tmp_path)
    take_in(tmp_path, attempt(21, "xor.pdf", PDF))

    assert kept(tmp_path) == before


@pytest.mark.parametrize(
    ("files", "with_roster"),
    [
        ({"nobody/xor.pdf": PDF}, True),
        ({"syllabus.pdf": PDF, "grades.csv": b"a,b"}, True),
        ({"syllabus.pdf": PDF, "grades.csv": b"a,b"}, False),
        ({"Jane Doe - xor.pdf": PDF, "Jane Doe - xor (1).pdf": PDF}, False),
        ({"xor.pdf": b'%PDF {"displayName": "Zo\xc3\xab M\xc3\xbcller"}'}, True),
    ],
)
def test_only_sure_owners_get_one(
    files: dict[str, bytes], with_roster: bool, tmp_path: Path
) -> None:
    done = take_in(tmp_path, files, with_roster=with_roster)

    assert len(done.items) == len(files)
    assert kept(tmp_path) == {}


def test_it_holds_for_everybody_of_a_group(tmp_path: Path) -> None:
    listed = (
        "submission_5:\n  :submitters:\n"
        "  - :name: Jane Doe\n    :email: jdoe@uni.example\n"
        "  - :name: A B\n    :email: ab@uni.example\n"
    )
    take_in(tmp_path, {"submission_metadata.yml": listed.encode(), "submission_5/xor.pdf": PDF})

    assert members_of(tmp_path / "submitted", "xor") == {"ab+jdoe": ("ab", "jdoe")}


def test_a_refusal_beside_a_notebook_is_not_believed(tmp_path: Path) -> None:
    take_in(tmp_path, {"jdoe/xor.pdf": PDF})
    notebook(tmp_path).write_bytes(work_of(CLASS[0]))

    assert read_record(notebook(tmp_path)).refused == ""
    assert json.loads(notebook(tmp_path).with_name("intake.json").read_text())["refused"]
