"""Downloads of every LMS arrive completely, with the right people, once."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import downloads
from support.downloads import (
    BY_NAME_ALONE,
    CLASS,
    LATE,
    LAYOUTS,
    Learner,
    as_zip,
    author,
    collected_from,
    roster,
    work_of,
    zipped,
)
from support.small_course import as_bytes, node, small_master, solved

from xorkit.files import sha256
from xorkit.intake.collecting import CollectReport, collect
from xorkit.intake.records import members_of, read_record

Layout = Callable[[Learner], dict[str, bytes]]


def take_in(tmp_path: Path, *paths: Path, with_roster: bool = True) -> CollectReport:
    people = roster(tmp_path / "roster.csv") if with_roster else None
    out = tmp_path / "submitted"
    return collect(paths, out, small_master(), assignment="xor", roster=people)


def authors(tmp_path: Path) -> dict[str, int]:
    """Who wrote what lies in each student's folder."""
    found = sorted((tmp_path / "submitted").glob("*/xor/xor.ipynb"))
    return {path.parent.parent.name: author(path.read_text()) for path in found}


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def folder_of(tmp_path: Path, files: dict[str, bytes], name: str = "in") -> Path:
    for part, data in files.items():
        path = tmp_path / name / part
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / name


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_a_download_of_thirty_arrives_with_the_right_people_and_once(
    layout: Layout, tmp_path: Path
) -> None:
    download = zipped(tmp_path / "download.zip", collected_from(layout))
    done = take_in(tmp_path, download)

    assert authors(tmp_path) == {p.login: p.number for p in CLASS}
    assert len(done.taken) == 30
    assert (done.refused, done.unplaced, done.unchanged) == ((), (), ())

    before = snapshot(tmp_path / "submitted")
    again = take_in(tmp_path, download)

    assert snapshot(tmp_path / "submitted") == before
    assert len(again.unchanged) == 30
    assert again.taken == ()


@pytest.mark.parametrize("layout", LAYOUTS[::3], ids=lambda layout: layout.__name__)
def test_an_unpacked_download_arrives_like_a_packed_one(layout: Layout, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(as_zip(collected_from(layout)))) as archive:
        archive.extractall(tmp_path / "unpacked")
    take_in(tmp_path, tmp_path / "unpacked")

    assert authors(tmp_path) == {p.login: p.number for p in CLASS}


@pytest.mark.parametrize("layout", BY_NAME_ALONE, ids=lambda layout: layout.__name__)
def test_where_only_names_tell_people_apart_two_of_one_name_are_listed(
    layout: Layout, tmp_path: Path
) -> None:
    files = {name: data for p in CLASS[2:] for name, data in layout(p).items()}
    files |= layout(CLASS[0])
    done = take_in(tmp_path, zipped(tmp_path / "download.zip", files))

    assert authors(tmp_path) == {p.login: p.number for p in CLASS[2:]}
    (item,) = done.unplaced
    assert "jdoe, jdoe2" in item.reason


def test_without_a_roster_the_ids_of_the_lms_name_the_folders(tmp_path: Path) -> None:
    files: dict[str, Any] = {}
    for layout in (downloads.moodle, downloads.canvas):
        files |= {name: data for p in CLASS[:5] for name, data in layout(p).items()}
    take_in(tmp_path, zipped(tmp_path / "download.zip", files), with_roster=False)

    expected = {str(p.moodle): p.number for p in CLASS[:5]}
    assert authors(tmp_path) == expected | {str(p.canvas): p.number for p in CLASS[:5]}


def test_anonymous_canvas_downloads_keep_their_codes(tmp_path: Path) -> None:
    files = {name: data for p in CLASS for name, data in downloads.canvas_anonymous(p).items()}
    done = take_in(tmp_path, zipped(tmp_path / "download.zip", files), with_roster=False)

    assert authors(tmp_path) == {f"aB3dE{p.canvas}": p.number for p in CLASS}
    assert [item.student for item in done.taken if item.late] == [f"aB3dE{LATE.canvas}"]


def test_a_name_without_an_id_is_not_taken_for_one_person_if_two_files_bear_it(
    tmp_path: Path,
) -> None:
    files = {
        "Jane Doe - xor.ipynb": work_of(CLASS[0]),
        "Jane Doe - xor (1).ipynb": work_of(CLASS[1]),
        "Zoë Müller - xor.ipynb": work_of(CLASS[2]),
    }
    done = take_in(tmp_path, zipped(tmp_path / "download.zip", files), with_roster=False)

    assert authors(tmp_path) == {"Zoë_Müller": 2}
    assert len(done.unplaced) == 2


def test_late_flags_and_times_of_the_lms_are_kept(tmp_path: Path) -> None:
    canvas = zipped(tmp_path / "canvas.zip", collected_from(downloads.canvas))
    done = take_in(tmp_path, canvas)

    assert [item.student for item in done.taken if item.late] == [LATE.login]
    record = read_record(tmp_path / "submitted" / LATE.login / "xor" / "xor.ipynb")
    assert record.late is True
    assert record.turn == 678900 + LATE.number


def test_the_time_of_the_lms_is_kept_as_nbgrader_reads_it(tmp_path: Path) -> None:
    take_in(tmp_path, zipped(tmp_path / "b.zip", downloads.blackboard(CLASS[0])))

    folder = tmp_path / "submitted" / "jdoe" / "xor"
    assert read_record(folder / "xor.ipynb").handed_in == "2026-11-21T23:59:59+00:00"
    assert (folder / "timestamp.txt").read_text() == "2026-11-21 23:59:59 UTC\n"


def test_the_newest_attempt_by_the_lms_wins_whatever_comes_first(tmp_path: Path) -> None:
    take_in(tmp_path, zipped(tmp_path / "b.zip", downloads.blackboard(CLASS[0])))

    text = (tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb").read_text()
    assert "by learner 0, attempt 2" in text


def test_a_file_without_a_time_takes_the_earlier_time_away(tmp_path: Path) -> None:
    first = zipped(tmp_path / "1.zip", blackboard_attempt("2019-11-20-10-00-00", 1))
    take_in(tmp_path, first)
    take_in(tmp_path, folder_of(tmp_path, {"jdoe/xor.ipynb": work_of(CLASS[0], 2)}))

    folder = tmp_path / "submitted" / "jdoe" / "xor"
    assert "attempt 2" in (folder / "xor.ipynb").read_text()
    assert not (folder / "timestamp.txt").exists()


def blackboard_attempt(time: str, attempt: int) -> dict[str, bytes]:
    return {f"XOR lab_jdoe_attempt_{time}_xor.ipynb": work_of(CLASS[0], attempt)}


def test_a_newer_file_replaces_an_older_one_and_never_the_other_way(tmp_path: Path) -> None:
    old = zipped(tmp_path / "1.zip", blackboard_attempt("2026-11-20-10-00-00", 1))
    new = zipped(tmp_path / "2.zip", blackboard_attempt("2026-11-20-11-00-00", 2))
    written = tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb"

    assert len(take_in(tmp_path, old).taken) == 1
    assert len(take_in(tmp_path, new).taken) == 1
    assert "attempt 2" in written.read_text()
    (item,) = take_in(tmp_path, old).not_taken
    assert "earlier one by the LMS's times" in item.reason
    assert "attempt 2" in written.read_text()


def test_a_file_put_there_by_hand_is_only_replaced_by_a_newer_one(tmp_path: Path) -> None:
    folder = tmp_path / "submitted" / "jdoe" / "xor"
    folder.mkdir(parents=True)
    (folder / "xor.ipynb").write_bytes(work_of(CLASS[0], 7))
    download = folder_of(tmp_path, {"jdoe/xor.ipynb": work_of(CLASS[0], 8)})
    os.utime(download / "jdoe" / "xor.ipynb", (1_000_000_000, 1_000_000_000))

    assert len(take_in(tmp_path, download).not_taken) == 1
    os.utime(folder / "xor.ipynb", (900_000_000, 900_000_000))
    assert len(take_in(tmp_path, download).taken) == 1
    assert "attempt 8" in (folder / "xor.ipynb").read_text()


def test_a_newer_pdf_does_not_hide_the_notebook_but_a_person_is_told(tmp_path: Path) -> None:
    files = blackboard_attempt("2026-11-20-10-00-00", 1)
    files["XOR lab_jdoe_attempt_2026-11-21-10-00-00_xor.pdf"] = b"%PDF-1.7"
    (item,) = take_in(tmp_path, zipped(tmp_path / "1.zip", files)).taken

    assert "xor.pdf" in " ".join(item.review)


def test_two_different_notebooks_handed_in_together_are_said(tmp_path: Path) -> None:
    files = {"jdoe/xor.ipynb": work_of(CLASS[0], 1), "jdoe/xor (1).ipynb": work_of(CLASS[0], 2)}
    download = folder_of(tmp_path, files)
    os.utime(download / "jdoe" / "xor.ipynb", (1_000_000_000, 1_000_000_000))
    (item,) = take_in(tmp_path, download).taken

    assert "two different notebooks" in " ".join(item.review).lower()
    assert "attempt 2" in (tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb").read_text()


@pytest.mark.parametrize(
    "name",
    [
        "xor.ipynb",
        "Copy of xor.ipynb",
        "Copy of Copy of xor.ipynb",
        "xor (1).ipynb",
        "XOR.ipynb",
        "xor-1.ipynb",
        "Untitled1.ipynb",
        "xor.ipynb.txt",
        "xor.ipynb.json",
        "xor.txt",
        "xor",
        "sub/deeper/xor.ipynb",
        "xor.zip",
        "мой ноутбук.ipynb",
        "-rf *.ipynb",
    ],
)
def test_any_file_name_will_do(name: str, tmp_path: Path) -> None:
    data = work_of(CLASS[0])
    data = as_zip({"xor.ipynb": data}) if name.endswith(".zip") else data
    take_in(tmp_path, folder_of(tmp_path, {f"jdoe/{name}": data}))

    assert authors(tmp_path) == {"jdoe": 0}


def test_a_notebook_is_found_under_the_name_of_another_kind_of_file(tmp_path: Path) -> None:
    take_in(tmp_path, folder_of(tmp_path, {"jdoe/xor.pdf": work_of(CLASS[0])}))

    assert authors(tmp_path) == {"jdoe": 0}


@pytest.mark.skipif(os.name == "nt", reason="names there are always text")
def test_a_file_name_that_is_no_text_is_taken_and_can_be_printed(tmp_path: Path) -> None:
    download = folder_of(tmp_path, {"jdoe/xor.ipynb": work_of(CLASS[0])})
    os.rename(
        os.fsencode(download / "jdoe/xor.ipynb"), os.fsencode(download) + b"/jdoe/M\xfcll.ipynb"
    )
    (item,) = take_in(tmp_path, download).taken

    assert item.source.encode().endswith(b"/jdoe/M?ll.ipynb")


def test_two_people_whose_folders_would_get_one_name_are_listed(tmp_path: Path) -> None:
    files = {"Jane Doe/xor.ipynb": work_of(CLASS[0]), "Jane_Doe/xor.ipynb": work_of(CLASS[1])}
    done = take_in(tmp_path, folder_of(tmp_path, files), with_roster=False)

    assert authors(tmp_path) == {}
    assert len(done.unplaced) == 2


def test_what_lies_beside_a_notebook_is_left_alone(tmp_path: Path) -> None:
    files = {
        "jdoe/xor.ipynb": work_of(CLASS[0]),
        "jdoe/picture.png": b"\x89PNG",
        "jdoe/.ipynb_checkpoints/xor-checkpoint.ipynb": work_of(CLASS[1]),
        "__MACOSX/jdoe/._xor.ipynb": b"\x00\x05\x16\x07",
        "jdoe/.DS_Store": b"\x00",
    }
    done = take_in(tmp_path, zipped(tmp_path / "1.zip", files))

    assert authors(tmp_path) == {"jdoe": 0}
    assert (done.refused, done.unplaced) == ((), ())


def test_a_refusal_names_the_learner_and_what_to_ask_for(tmp_path: Path) -> None:
    files = {
        "jdoe/xor.pdf": b"%PDF-1.4",
        "jdoe2/page.html": b"<!DOCTYPE html><html></html>",
        "late/link.url": b"[InternetShortcut]\nURL=https://colab.research.google.com/drive/1",
        "ab/xor.ipynb": b"",
        "anon/a.zip": as_zip({"b.zip": as_zip({"c.zip": as_zip({"xor.ipynb": b"{}"})})}),
    }
    done = take_in(tmp_path, folder_of(tmp_path, files))

    assert {item.student for item in done.refused} == {"jdoe", "jdoe2", "late", "ab", "anon"}
    assert all("anted: " in item.reason for item in done.refused)


def test_a_stranger_and_a_nameless_file_are_listed_not_guessed(tmp_path: Path) -> None:
    files = {"nobody/xor.ipynb": work_of(CLASS[0]), "xor.ipynb": work_of(CLASS[1])}
    done = take_in(tmp_path, folder_of(tmp_path, files))

    assert authors(tmp_path) == {}
    reasons = {Path(item.source).parent.name: item.reason for item in done.unplaced}
    assert "nobody" in reasons["nobody"]
    assert "folder" in reasons["in"]


def test_a_nameless_file_is_placed_by_the_colab_account_in_it_and_a_person_is_told(
    tmp_path: Path,
) -> None:
    notebook = json.loads(work_of(CLASS[2]))
    user = {"displayName": "Zoë Müller", "userId": "12345678901234567890"}
    notebook["cells"][1]["metadata"]["executionInfo"] = {"user": user}
    (item,) = take_in(tmp_path, folder_of(tmp_path, {"xor.ipynb": as_bytes(notebook)})).taken

    assert item.student == "mueller.z"
    assert "account" in " ".join(item.review)
    written = (tmp_path / "submitted" / "mueller.z" / "xor" / "xor.ipynb").read_text()
    assert "Zoë" not in written


def test_people_who_handed_in_together_get_one_submission(tmp_path: Path) -> None:
    listed = (
        "submission_5:\n  :submitters:\n"
        "  - :name: Jane Doe\n    :email: jdoe@uni.example\n"
        "  - :name: A B\n    :email: ab@uni.example\n  :created_at: 2026-11-20 15:00:00 Z\n"
    )
    files = {
        "x/submission_metadata.yml": listed.encode(),
        "x/submission_5/xor.ipynb": work_of(CLASS[0]),
    }
    take_in(tmp_path, zipped(tmp_path / "1.zip", files))

    assert authors(tmp_path) == {"ab+jdoe": 0}
    assert members_of(tmp_path / "submitted", "xor") == {"ab+jdoe": ("ab", "jdoe")}


def test_a_group_of_the_roster_gets_one_submission(tmp_path: Path) -> None:
    people = tmp_path / "groups.csv"
    people.write_text("id;name;group\na1;Ann Lee;Team Red\na2;Bo Chan;Team Red\na3;Cy Day;\n")
    files = {"Team Red_991_assignsubmission_file/xor.ipynb": work_of(CLASS[0])}
    out = tmp_path / "submitted"
    download = zipped(tmp_path / "1.zip", files)
    collect([download], out, small_master(), assignment="xor", roster=people)

    assert members_of(out, "xor") == {"Team_Red": ("a1", "a2")}


@pytest.mark.parametrize(
    "inner",
    ["jdoe2/xor.ipynb", "Zoë Müller_1236002_assignsubmission_file/xor.ipynb", "jdoe2.ipynb"],
)
@pytest.mark.parametrize("outer", ["jdoe", "Jane Doe_1236000_assignsubmission_file"])
def test_what_a_learner_calls_things_inside_does_not_make_them_somebody_else(
    outer: str, inner: str, tmp_path: Path
) -> None:
    data = as_zip({inner: work_of(CLASS[0])})
    take_in(tmp_path, zipped(tmp_path / "1.zip", {f"{outer}/handed in.zip": data}))

    assert authors(tmp_path) == {"jdoe": 0}


@pytest.mark.parametrize(
    ("name", "students"),
    [
        ("doejane_12300_678901_x_12302_99999_xor.ipynb", {"jdoe"}),
        ("doejane_12300_678901_week_3_12302_xor.ipynb", {"jdoe"}),
        ("doejane_12300_678901_12302_5_xor.ipynb", {"jdoe"}),
        ("doejane_LATE_12300_678901_12302_xor.ipynb", {"jdoe"}),
        ("doejane_3_12300_678901_xor.ipynb", {"jdoe"}),  # her name ends in a number
        ("evilguy_777_678901_x_12302_99999_xor.ipynb", set()),
        ("evilguy_777_678901_12302_99999_xor.ipynb", set()),
    ],
)
def test_numbers_in_what_a_learner_calls_a_file_are_no_ids_of_canvas(
    name: str, students: set[str], tmp_path: Path
) -> None:
    take_in(tmp_path, zipped(tmp_path / "1.zip", {name: work_of(CLASS[0])}))

    assert set(authors(tmp_path)) == students


NAMESAKES: dict[str, tuple[str, str, str]] = {
    "Moodle": (
        "Identifier,Full name\nParticipant 101,Jane Doe\n",
        "Jane Doe_101_assignsubmission_file/xor.ipynb",
        "Jane Doe_102_assignsubmission_file/xor.ipynb",
    ),
    "Canvas": (
        'Student,ID,SIS Login ID\n"Doe, Jane",101,jdoe\n',
        "doejane_101_678901_xor.ipynb",
        "doejane_102_678902_xor.ipynb",
    ),
    "Brightspace": (
        "id,name\n101,Jane Doe\n",
        "101-34 - Jane Doe - May 1, 2026 1159 PM/xor.ipynb",
        "102-34 - Jane Doe - May 2, 2026 1159 PM/xor.ipynb",
    ),
    "Sakai": (
        "id,name\n101,Jane Doe\n",
        "XOR/Doe, Jane(101)/files/xor.ipynb",
        "XOR/Doe, Jane(102)/files/xor.ipynb",
    ),
}


@pytest.mark.parametrize(("table", "own", "namesake_s"), NAMESAKES.values(), ids=NAMESAKES)
@pytest.mark.parametrize("order", ["together", "own first", "namesake first"])
def test_of_two_ids_with_one_name_the_one_that_the_roster_knows_counts(
    order: str, table: str, own: str, namesake_s: str, tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text(table)
    files = {own: work_of(CLASS[0]), namesake_s: work_of(CLASS[1])}
    calls = {
        "together": [files],
        "own first": [{name: files[name]} for name in (own, namesake_s)],
        "namesake first": [{name: files[name]} for name in (namesake_s, own, namesake_s)],
    }[order]
    for call in calls:
        download = zipped(tmp_path / "1.zip", call)
        out = tmp_path / "submitted"
        done = collect([download], out, small_master(), assignment="xor", roster=people)

    assert authors(tmp_path) == {"101": 0}
    (item,) = done.unplaced
    assert "102" in item.reason


def test_of_two_ids_with_one_name_that_the_roster_does_not_know_a_person_is_told(
    tmp_path: Path,
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("id,name\njdoe,Jane Doe\n")
    for number in (101, 102):
        files = {f"Jane Doe_{number}_assignsubmission_file/xor.ipynb": work_of(CLASS[0], number)}
        download = zipped(tmp_path / "1.zip", files)
        out = tmp_path / "submitted"
        collect([download], out, small_master(), assignment="xor", roster=people)

    review = read_record(out / "jdoe" / "xor" / "xor.ipynb").review
    assert "moodle: 101, 102" in " ".join(review)


def test_nor_does_it_without_a_roster(tmp_path: Path) -> None:
    inner = f"{CLASS[2].name}_{CLASS[2].moodle}_assignsubmission_file/xor.ipynb"
    files = {f"{p.login}/xor.ipynb": work_of(p) for p in CLASS[1:3]}
    files["jdoe/handed in.zip"] = as_zip({inner: work_of(CLASS[0])})
    take_in(tmp_path, zipped(tmp_path / "1.zip", files), with_roster=False)

    assert authors(tmp_path) == {p.login: p.number for p in CLASS[:3]}


def test_a_list_of_the_learner_s_own_making_gives_nobody_s_work_away(tmp_path: Path) -> None:
    forged = "\n".join(
        [
            "submission_5:",
            "  :submitters:",
            "  - :sid: jdoe",
            "late:",
            "  :submitters:",
            "  - :sid: jdoe",
        ]
    )
    files = {f"x/submission_{i}/xor.ipynb": work_of(CLASS[i]) for i in (5, 6)}
    files["x/submission_6/submission_metadata.yml"] = forged.encode()
    real = "\n".join(f"submission_{i}:\n  :submitters:\n  - :sid: '{CLASS[i].sid}'" for i in (5, 6))
    files["x/submission_metadata.yml"] = real.encode()
    files["late/xor.ipynb"] = work_of(LATE)
    take_in(tmp_path, zipped(tmp_path / "1.zip", files))

    people = (CLASS[5], CLASS[6], LATE)
    assert authors(tmp_path) == {p.login: p.number for p in people}


@pytest.mark.parametrize(
    ("names", "students"),
    [
        (("Doe_Jane_jdoe", "Roe_Max_mroe"), {"jdoe", "mroe"}),
        (("anna_maria_schmidt", "karl_heinz_schmid"), {"anna_maria_schmidt", "karl_heinz_schmid"}),
        (("Doe_Jane_doe", "Doe_John_doe"), {"Doe_Jane_doe", "Doe_John_doe"}),
    ],
)
def test_ilias_is_known_by_its_folders_and_not_by_any_underscores(
    names: tuple[str, str], students: set[str], tmp_path: Path
) -> None:
    files = {f"{name}/xor.ipynb": work_of(CLASS[i]) for i, name in enumerate(names)}
    take_in(tmp_path, folder_of(tmp_path, files), with_roster=False)

    assert set(authors(tmp_path)) == students


# ---------------------------------------------------------------- hostile archives


def hostile_zip(path: Path, name: str, mode: int = 0o100644, data: bytes = b"{}") -> Path:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, data)
        archive.writestr("jdoe/xor.ipynb", work_of(CLASS[0]))
    return path


@pytest.mark.parametrize(
    "name",
    ["../../evil/xor.ipynb", "/etc/evil/xor.ipynb", "C:\\evil\\xor.ipynb", "a/../../x.ipynb"],
)
def test_a_path_out_of_the_archive_is_refused_and_writes_nothing(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    done = take_in(inside, hostile_zip(tmp_path / "1.zip", name, data=work_of(CLASS[1])))

    assert authors(inside) == {"jdoe": 0}
    assert "out of the archive" in done.refused[0].reason
    assert {path.name for path in tmp_path.iterdir()} == {"a", "1.zip"}


@pytest.mark.parametrize("name", [".", "/".join("a" * 50), "n" * 300 + ".ipynb"])
def test_a_name_that_no_file_has_is_refused(name: str, tmp_path: Path) -> None:
    done = take_in(tmp_path, hostile_zip(tmp_path / "1.zip", name))

    assert authors(tmp_path) == {"jdoe": 0}
    assert "name" in done.refused[0].reason


def test_links_in_archives_and_folders_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(work_of(CLASS[1]))
    link = stat.S_IFLNK | 0o777
    packed = hostile_zip(tmp_path / "1.zip", "ab/xor.ipynb", link, str(secret).encode())
    unpacked = folder_of(tmp_path, {"late/note.txt": b"see link"})
    (unpacked / "late" / "xor.ipynb").symlink_to(secret)
    (unpacked / "anon").symlink_to(tmp_path)
    done = take_in(tmp_path, packed, unpacked)

    assert authors(tmp_path) == {"jdoe": 0}
    assert {"ab", "late"} <= {item.student for item in done.refused}


def test_a_zip_bomb_is_refused_without_unpacking_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xorkit.intake.archives.MAX_FILE_BYTES", 10**6)
    bomb = as_zip({"xor.ipynb": bytes(2 * 10**6)})
    lying = bytearray(bomb)
    for place in (lying.index(b"PK\x01\x02") + 24, 22):  # the size in both headers
        lying[place : place + 4] = (1000).to_bytes(4, "little")
    files = {"ab/a.zip": bomb, "anon/b.zip": bytes(lying), "jdoe/xor.ipynb": work_of(CLASS[0])}
    done = take_in(tmp_path, folder_of(tmp_path, files))

    assert authors(tmp_path) == {"jdoe": 0}
    assert {item.student for item in done.refused} == {"ab", "anon"}


def test_all_that_is_unpacked_together_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xorkit.intake.archives.MAX_TOTAL_BYTES", 30_000)
    done = take_in(tmp_path, zipped(tmp_path / "1.zip", collected_from(downloads.folders)))

    assert 0 < len(done.taken) < 30
    assert len(done.taken) + len(done.refused) == 30
    assert all("in all" in item.reason for item in done.refused)


def test_an_archive_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xorkit.intake.archives.MAX_MEMBERS", 29)
    done = take_in(tmp_path, zipped(tmp_path / "1.zip", collected_from(downloads.folders)))

    assert len(done.refused) == 1
    assert "30 files" in done.refused[0].reason


def test_damaged_and_locked_archives_are_refused_and_stop_nobody(tmp_path: Path) -> None:
    good = as_zip({"xor.ipynb": work_of(CLASS[1])})
    locked = bytearray(good)
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    spoiled = good.replace(good[60:70], bytes(10))
    files = {
        "ab/cut.zip": good[:200],
        "anon/locked.zip": bytes(locked),
        "late/spoiled.zip": spoiled,
        "jdoe/xor.ipynb": work_of(CLASS[0]),
    }
    done = take_in(tmp_path, folder_of(tmp_path, files))

    assert authors(tmp_path) == {"jdoe": 0}
    assert {item.student for item in done.refused} == {"ab", "anon", "late"}


def test_a_damaged_download_is_refused_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "1.zip").write_bytes(b"PK\x03\x04 and no more")
    good = folder_of(tmp_path, {"jdoe/xor.ipynb": work_of(CLASS[0])})
    done = take_in(tmp_path, tmp_path / "1.zip", good)

    assert "damaged" in done.refused[0].reason
    assert authors(tmp_path) == {"jdoe": 0}


def test_names_in_archives_without_the_utf_8_mark_are_read(tmp_path: Path) -> None:
    packed = as_zip({"Müller_Zoë/xor.ipynb": work_of(CLASS[2])})
    unmarked = packed.replace("Müller_Zoë".encode(), "Müller_Zoë".encode())
    raw = bytearray(unmarked)
    for start in (raw.index(b"PK\x03\x04") + 7, raw.index(b"PK\x01\x02") + 9):
        raw[start] &= ~0x08 & 0xFF
    (tmp_path / "1.zip").write_bytes(bytes(raw))
    take_in(tmp_path, tmp_path / "1.zip", with_roster=False)

    assert authors(tmp_path) == {"Müller_Zoë": 2}


@pytest.mark.parametrize("student", ["..", ".hidden", "a*b?[c]", "white space", "../../x", "-o"])
def test_a_student_id_never_becomes_a_path_or_a_pattern(student: str, tmp_path: Path) -> None:
    people = tmp_path / "roster.csv"
    people.write_text(f'id,name\n"{student}",Jane Doe\n')
    out = tmp_path / "deep" / "submitted"
    download = folder_of(tmp_path, {"Jane Doe - xor.ipynb": work_of(CLASS[0])})
    collect([download], out, small_master(), assignment="xor", roster=people)

    written = list(tmp_path.rglob("xor/xor.ipynb"))
    assert all(path.is_relative_to(out) and path.parent.parent.parent == out for path in written)
    assert all(not set("*?[] ") & set(path.parent.parent.name) for path in written)


def test_a_folder_that_can_not_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted" / "jdoe").write_text("a file, not a folder")
    files = {f"{p.login}/xor.ipynb": work_of(p) for p in CLASS[:3]}
    done = take_in(tmp_path, folder_of(tmp_path, files))

    assert authors(tmp_path) == {"jdoe2": 1, "mueller.z": 2}
    assert "could not be written" in done.refused[0].reason


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.zip"):
        take_in(tmp_path, tmp_path / "nowhere.zip")


@pytest.mark.parametrize(
    "path", [".", "submitted", "submitted/jdoe", "autograded", "collected", "release", "in/../.."]
)
def test_the_course_s_own_folders_are_not_collected(path: str, tmp_path: Path) -> None:
    course = tmp_path / "course"
    (course / "in").mkdir(parents=True)
    out = course / "submitted"
    collect(
        [folder_of(tmp_path, {"jdoe/xor.ipynb": work_of(CLASS[0])})],
        out,
        small_master(),
        assignment="xor",
    )
    before = snapshot(course)

    with pytest.raises(ValueError, match="not what learners handed in"):
        collect([course / path], out, small_master(), assignment="xor")
    assert snapshot(course) == before


def test_a_master_without_answers_is_said(tmp_path: Path) -> None:
    empty = node({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    with pytest.raises(ValueError, match="no cell that learners fill"):
        collect([tmp_path], tmp_path / "out", empty, assignment="xor")


def test_outputs_of_fifty_megabytes_are_left_behind(tmp_path: Path) -> None:
    notebook = solved()
    text = ["epoch 1000 loss 0.25\n" * 10_000] * 250
    notebook.cells[1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    data = as_bytes(notebook)
    assert len(data) > 50 * 10**6
    take_in(tmp_path, folder_of(tmp_path, {"jdoe/xor.ipynb": data}))

    written = tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb"
    assert written.stat().st_size < 30_000


def test_a_record_that_no_longer_fits_its_notebook_is_not_believed(tmp_path: Path) -> None:
    take_in(tmp_path, folder_of(tmp_path, {"jdoe/xor.ipynb": work_of(CLASS[0])}))
    written = tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb"

    assert read_record(written).source
    written.write_bytes(work_of(CLASS[1]))
    assert read_record(written).source == ""


def test_a_record_of_the_learner_s_own_making_gives_nobody_else_a_grade(tmp_path: Path) -> None:
    folder = tmp_path / "submitted" / "jdoe" / "xor"
    folder.mkdir(parents=True)
    data = work_of(CLASS[0])
    (folder / "xor.ipynb").write_bytes(data)
    forged = {"notebook": sha256(data), "members": ["jdoe", "ab"], "repairs": [1, {}], "turn": []}
    (folder / "intake.json").write_text(json.dumps(forged))

    assert members_of(tmp_path / "submitted", "xor") == {}
    assert read_record(folder / "xor.ipynb").repairs == ()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"repairs": 3}', '{"unknown": 1}'])
def test_a_damaged_record_counts_as_none(text: str, tmp_path: Path) -> None:
    take_in(tmp_path, folder_of(tmp_path, {"jdoe/xor.ipynb": work_of(CLASS[0])}))
    written = tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb"
    (written.parent / "intake.json").write_text(text)

    assert read_record(written).sha256 == ""
