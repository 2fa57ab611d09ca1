"""Of all that one learner handed in the right file counts, and every other one is accounted for."""

from __future__ import annotations

import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.downloads import CLASS, as_zip, gradescope_list, roster, work_of
from support.small_course import SOLVED, as_bytes, small_master, solved

from xorkit.intake.clock import placed_as_said, zone_named
from xorkit.intake.collecting import CollectReport, collect
from xorkit.intake.records import members_of, read_log, read_record

JANE = CLASS[0]
BLANK = as_bytes(small_master())
HALF = as_bytes(solved({"data": SOLVED["data"] + "\nprint('by learner 0, attempt 5')\n"}))
MOODLE = f"Jane Doe_{JANE.moodle}_assignsubmission_file_"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """For tests that set TZ: this machine's zone is as before afterwards."""
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


@dataclass(frozen=True)
class Zip:
    """A download as a zip: files by name, each with its local time."""

    files: dict[str, tuple[str, bytes]]

    def write(self, folder: Path) -> Path:
        path = folder / f"{len(list(folder.iterdir()))}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, (when, data) in self.files.items():
                local = datetime.fromisoformat(when)
                archive.writestr(zipfile.ZipInfo(name, local.timetuple()[:6]), data)
        return path


@dataclass(frozen=True)
class Loose:
    """Files in a folder: by name, each with the point in time (UTC) when it was changed."""

    files: dict[str, tuple[str, bytes]]

    def write(self, folder: Path) -> Path:
        top = folder / str(len(list(folder.iterdir())))
        for name, (when, data) in self.files.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            at = datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()
            os.utime(path, (at, at))
        return top


def moodle(when: str, data: bytes) -> Zip:
    return Zip({f"{MOODLE}/xor.ipynb": (when, data)})


def loose(when: str, data: bytes, name: str = "xor.ipynb") -> Loose:
    return Loose({f"jdoe/{name}": (when, data)})


def take_in(
    tmp_path: Path, *downloads: Zip | Loose, zone: str | None = None, listed: bool = True
) -> CollectReport:
    """One `xorkit collect` of these downloads."""
    folder = tmp_path / "downloads"
    folder.mkdir(exist_ok=True)
    return collect(
        [download.write(folder) for download in downloads],
        tmp_path / "submitted",
        small_master(),
        assignment="xor",
        roster=roster(tmp_path / "roster.csv") if listed else None,
        zone=zone_named(zone) if zone else None,
    )


def attempt_in(tmp_path: Path, student: str = "jdoe") -> str:
    """Which of the attempts counts: its number, or "blank"."""
    text = (tmp_path / "submitted" / student / "xor" / "xor.ipynb").read_text()
    return text.partition("attempt ")[2][:1] or "blank"


def review_of(tmp_path: Path) -> str:
    return " ".join(read_record(tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb").review)


def repairs_of(tmp_path: Path) -> str:
    return " ".join(read_record(tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb").repairs)


ONE, TWO = work_of(JANE, 1), work_of(JANE, 2)

# ------------------------------------------------------------------ zips and files, on one clock


@dataclass(frozen=True)
class Clock:
    """Two hand-ins, the earlier first, that only a common clock puts in order."""

    first: Zip | Loose
    second: Zip | Loose
    here: str = "UTC"  # this machine's zone
    zone: str | None = None  # --timezone


CLOCKS = {
    "west of Greenwich, a file, then a zip": Clock(
        loose("2026-05-01 20:00", ONE), moodle("2026-05-01 14:00", TWO), "America/Los_Angeles"
    ),
    "east of Greenwich, a zip, then a file": Clock(
        moodle("2026-05-01 14:00", ONE), loose("2026-05-01 13:00", TWO), "Europe/Berlin"
    ),
    "half an hour apart in India": Clock(
        loose("2026-05-01 08:00", ONE), moodle("2026-05-01 14:00", TWO), "Asia/Kolkata"
    ),
    "the LMS's zone is another one than ours": Clock(
        loose("2026-05-01 20:00", ONE),
        moodle("2026-05-01 14:00", TWO),
        "Europe/Berlin",
        "America/Los_Angeles",
    ),
    "in winter": Clock(
        moodle("2026-12-01 14:00", ONE), loose("2026-12-01 13:30", TWO), "Europe/Berlin"
    ),
    "in summer": Clock(
        moodle("2026-07-01 14:00", ONE), loose("2026-07-01 12:30", TWO), "Europe/Berlin"
    ),
    "one before, one after the clocks go forward": Clock(
        moodle("2026-03-29 01:50", ONE), loose("2026-03-29 01:10", TWO), "Europe/Berlin"
    ),
    "one before, one after the clocks go back": Clock(
        loose("2026-10-25 01:30", ONE), moodle("2026-10-25 03:10", TWO), "Europe/Berlin"
    ),
    "the date line lies between": Clock(
        loose("2026-05-01 01:00", ONE), moodle("2026-05-01 14:00", TWO), "Pacific/Auckland"
    ),
    "two zips": Clock(moodle("2026-05-01 13:00", ONE), moodle("2026-05-01 14:00", TWO)),
    "two files": Clock(loose("2026-05-01 13:00", ONE), loose("2026-05-01 14:00", TWO)),
}


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("order", ["as handed in", "the other way", "both at once"])
def test_the_later_file_counts_in_whatever_order_they_come(
    order: str, clock: Clock, tmp_path: Path, machine: pytest.MonkeyPatch
) -> None:
    machine.setenv("TZ", clock.here)
    time.tzset()
    first, second = clock.first, clock.second
    calls: Sequence[Sequence[Zip | Loose]] = {
        "as handed in": ([first], [second]),
        "the other way": ([second], [first]),
        "both at once": ([first, second],),
    }[order]
    items = [item for call in calls for item in take_in(tmp_path, *call, zone=clock.zone).items]

    assert attempt_in(tmp_path) == "2"
    fates = [item.fate for item in items]
    assert fates == (["taken", "taken"] if order == "as handed in" else ["taken", "not taken"])
    assert all(item.reason for item in items if item.fate == "not taken")


def stamped(kind: int, field_: bytes) -> bytes:
    """A zip whose entry says noon of 1 May local and another time in an extra field."""
    entry = zipfile.ZipInfo(f"{MOODLE}/xor.ipynb", (2026, 5, 1, 12, 0, 0))
    entry.extra = kind.to_bytes(2, "little") + len(field_).to_bytes(2, "little") + field_
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(entry, ONE)
    return data.getvalue()


AT = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
TICKS = int((AT - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10**7


@pytest.mark.parametrize(
    ("extra", "modified"),
    [
        (stamped(0x5455, b"\x01" + int(AT.timestamp()).to_bytes(4, "little")), AT),
        (stamped(0x000A, bytes(4) + b"\x01\x00\x18\x00" + TICKS.to_bytes(8, "little") * 3), AT),
        (stamped(0x5455, b"\x00" + bytes(4)), datetime(2026, 5, 1, 10, tzinfo=UTC)),
        (stamped(0x5455, b"\x01"), datetime(2026, 5, 1, 10, tzinfo=UTC)),
        (stamped(0x9999, b"anything"), datetime(2026, 5, 1, 10, tzinfo=UTC)),
    ],
    ids=["Info-ZIP's", "Windows's", "one without a time", "half a one", "another's"],
)
def test_a_zip_that_says_the_point_in_time_is_believed(
    extra: bytes, modified: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "1.zip"
    path.write_bytes(extra)
    out = tmp_path / "submitted"
    zone = zone_named("Europe/Berlin")
    collect([path], out, small_master(), assignment="xor", zone=zone)

    record = read_record(out / str(JANE.moodle) / "xor" / "xor.ipynb")
    assert record.modified == modified.isoformat()


# -------------------------------------------------------------------------- the LMS's own order


def canvas(number: int, data: bytes, when: str = "2026-05-01 12:00", name: str = "xor") -> Zip:
    return Zip({f"doejane_{JANE.canvas}_{number}_{name}.ipynb": (when, data)})


def blackboard(when: str, data: bytes, said: str = "", packed: str = "2026-06-01 00:00") -> Zip:
    stem = f"XOR lab_jdoe_attempt_{when}"
    text = f"Name: Jane Doe (jdoe)\nAssignment: XOR lab\nDate Submitted: Friday, {said}\n"
    return Zip({f"{stem}_xor.ipynb": (packed, data), f"{stem}.txt": (packed, text.encode())})


def gradescope(number: int, created: str, data: bytes) -> Zip:
    listed = f"submission_{number}:\n  :submitters:\n  - :sid: '{JANE.sid}'\n"
    listed += f"  :created_at: {created}\n" if created else ""
    folder, packed = "assignment_99_export", "2026-06-01 00:00"
    return Zip(
        {
            f"{folder}/submission_{number}/xor.ipynb": (packed, data),
            f"{folder}/submission_metadata.yml": (packed, listed.encode()),
        }
    )


ORDERS = {
    "Canvas's ids against the zips' clocks": (
        canvas(678901, ONE, "2026-05-02 12:00"),
        canvas(678950, TWO, "2026-05-01 12:00"),
    ),
    "Canvas's ids against the names": (
        canvas(678901, ONE, name="xor-2"),
        canvas(678950, TWO, name="xor"),
    ),
    "ids of another length": (canvas(99999, ONE), canvas(100000, TWO)),
    "Canvas's LATE": (
        canvas(678901, ONE, "2026-05-02 12:00"),
        Zip({f"doejane_LATE_{JANE.canvas}_678950_xor.ipynb": ("2026-05-01 12:00", TWO)}),
    ),
    "Blackboard's attempts against the zips' clocks": (
        blackboard("2026-05-01-10-00-00", ONE, packed="2026-06-02 00:00"),
        blackboard("2026-05-01-11-00-00", TWO, packed="2026-06-01 00:00"),
    ),
    "Blackboard says its zones where the clocks go back": (
        blackboard("2026-11-01-01-50-00", ONE, "1 November 2026 01:50:00 o'clock EDT"),
        blackboard("2026-11-01-01-10-00", TWO, "November 1, 2026 1:10:00 AM EST"),
    ),
    "Gradescope's numbers where it says no time": (
        gradescope(331122, "", ONE),
        gradescope(331999, "", TWO),
    ),
    "Gradescope's times": (
        gradescope(331122, "2026-05-01 15:00:00.846921000 Z", ONE),
        gradescope(331999, "2026-05-01 09:00:00.846921000 -07:00", TWO),
    ),
}


@pytest.mark.parametrize(("first", "second"), ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("order", ["as handed in", "the other way", "both at once"])
def test_the_lms_s_order_wins_over_clocks(
    order: str, first: Zip, second: Zip, tmp_path: Path
) -> None:
    if order == "both at once":
        take_in(tmp_path, first, second)
    else:
        for download in (first, second) if order == "as handed in" else (second, first):
            take_in(tmp_path, download)

    assert attempt_in(tmp_path) == "2"


def test_numbers_of_two_systems_are_not_compared(tmp_path: Path) -> None:
    take_in(tmp_path, canvas(999999, ONE, "2026-05-01 12:00"))
    take_in(tmp_path, gradescope(331999, "2026-05-02 12:00:00 Z", TWO))

    assert attempt_in(tmp_path) == "2"


def test_what_the_lms_says_of_a_time_is_noted_for_a_file_that_is_known(tmp_path: Path) -> None:
    take_in(tmp_path, loose("2026-05-03 12:00", ONE))
    (item,) = take_in(tmp_path, blackboard("2026-05-01-10-00-00", ONE, "10:00 AM CET")).items
    stamp = tmp_path / "submitted" / "jdoe" / "xor" / "timestamp.txt"

    assert (item.fate, stamp.read_text()) == ("unchanged", "2026-05-01 09:00:00 UTC\n")
    take_in(tmp_path, loose("2026-05-04 12:00", ONE))
    assert stamp.exists()


def test_the_same_file_handed_in_again_has_the_later_time(tmp_path: Path) -> None:
    for hour in ("10", "12", "11"):
        take_in(tmp_path, blackboard(f"2026-05-01-{hour}-00-00", ONE), zone="UTC")

    stamp = tmp_path / "submitted" / "jdoe" / "xor" / "timestamp.txt"
    assert stamp.read_text() == "2026-05-01 12:00:00 UTC\n"


SAID = datetime(2026, 11, 20, 15)


@pytest.mark.parametrize(
    ("name", "here", "hour"),
    [
        ("EST", "Europe/Berlin", 20),
        ("CET", "America/New_York", 14),
        ("MEZ", "America/New_York", 14),
        ("GMT+02:00", "America/New_York", 13),
        ("UTC", "America/New_York", 15),
        ("CST", "Asia/Shanghai", 7),  # a name of several zones means ours if it is one of ours
        ("CST", "Europe/Berlin", 21),  # else what it means in e-mails
        ("IST", "Europe/Berlin", 14),  # or nothing
        ("FOO", "Europe/Berlin", 14),
        ("", "Europe/Berlin", 14),
    ],
)
def test_a_zone_that_blackboard_names_is_understood(name: str, here: str, hour: int) -> None:
    assert placed_as_said(SAID, name, ZoneInfo(here)).astimezone(UTC).hour == hour


# ----------------------------------------------------------------------- Moodle's and nbgrader's


def test_moodle_s_times_are_hand_in_times_unless_they_are_the_download_s(tmp_path: Path) -> None:
    def of(when: str, number: int) -> dict[str, tuple[str, bytes]]:
        person = CLASS[number]
        folder = f"{person.name}_{person.moodle}_assignsubmission_file"
        return {f"{folder}/xor.ipynb": (when, work_of(person))}

    apart = Zip({**of("2026-05-01 12:00", 2), **of("2026-05-02 12:00", 3)})
    alike = Zip({**of("2026-05-03 12:00", 4), **of("2026-05-03 12:02", 9)})
    take_in(tmp_path, apart, zone="UTC")
    take_in(tmp_path, alike, zone="UTC")
    times = {
        path.parents[1].name: read_record(path).handed_in
        for path in tmp_path.glob("submitted/*/xor/xor.ipynb")
    }

    assert times == {
        CLASS[2].login: "2026-05-01T12:00:00+00:00",
        CLASS[3].login: "2026-05-02T12:00:00+00:00",
        CLASS[4].login: "",
        CLASS[9].login: "",
    }


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("Friday, 1 May 2026, 3:00 PM", "2026-05-01T13:00:00+00:00"),
        ("Friday, May 1, 2026, 15:00", "2026-05-01T13:00:00+00:00"),
        ("1 May 2026, 15:00", "2026-05-01T13:00:00+00:00"),
        ("-", ""),
        ("yesterday", ""),
        ("Freitag, 1. Mai 2026, 15:00", ""),
        ("9" * 5000, ""),
    ],
)
def test_moodle_s_grading_worksheet_says_when(text: str, utc: str, tmp_path: Path) -> None:
    sheet = tmp_path / "worksheet.csv"
    head = 'Identifier,"Full name",Status,Grade,"Last modified (submission)"'
    sheet.write_text(f'{head}\nParticipant {JANE.moodle},"Jane Doe",Submitted,,"{text}"\n')
    folder = tmp_path / "downloads"
    folder.mkdir()
    now = datetime.now().isoformat(timespec="seconds")  # what newer Moodles write into the zip
    collect(
        [moodle(now, ONE).write(folder)],
        tmp_path / "submitted",
        small_master(),
        assignment="xor",
        roster=sheet,
        zone=zone_named("Europe/Berlin"),
    )

    record = read_record(tmp_path / "submitted" / str(JANE.moodle) / "xor" / "xor.ipynb")
    assert record.handed_in == utc


@pytest.mark.parametrize(
    ("place", "text", "handed_in"),
    [
        ("jdoe", "2026-05-01 12:00:00 UTC", "2026-05-01T12:00:00+00:00"),
        ("submitted/jdoe/xor", "2026-05-01 12:00:00 Europe/Berlin", "2026-05-01T10:00:00+00:00"),
        ("jdoe", "soon", ""),
        (MOODLE, "2026-05-01 12:00:00 UTC", "2026-06-01T00:00:00+00:00"),  # a learner's own making
    ],
)
def test_nbgrader_s_timestamp_is_kept_where_the_course_wrote_it(
    place: str, text: str, handed_in: str, tmp_path: Path
) -> None:
    when = "2026-06-01 00:00"
    files = {f"{place}/xor.ipynb": (when, ONE), f"{place}/timestamp.txt": (when, text.encode())}
    take_in(tmp_path, Zip(files), zone="UTC")

    assert read_record(tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb").handed_in == handed_in


def test_a_learner_s_zip_says_nothing_of_times(tmp_path: Path) -> None:
    inner = as_zip({"xor.ipynb": ONE, "timestamp.txt": b"2020-01-01 00:00:00 UTC"})
    take_in(tmp_path, Zip({"jdoe/all.zip": ("2026-05-01 12:00", inner)}))

    assert read_record(tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb").handed_in == ""


# ------------------------------------------------------------------------------ several notebooks

NEW, OLD = "2026-05-02 12:00", "2026-05-01 12:00"


@dataclass(frozen=True)
class Several:
    """Notebooks of one learner and which of them counts."""

    files: dict[str, tuple[str, bytes]]
    counts: str
    said: str  # a part of what is said of the other one
    told: str = "a person"  # whom: a person who looks, the learner (a blank copy), or nobody else


SEVERAL = {
    "a blank copy that is newer": Several(
        {"xor.ipynb": (NEW, BLANK), "xor (1).ipynb": (OLD, ONE)},
        "1",
        "none of its answers",
        "the learner",
    ),
    "a blank copy that is older": Several(
        {"xor.ipynb": (OLD, BLANK), "Copy of xor.ipynb": (NEW, ONE)},
        "1",
        "none of its answers",
        "the learner",
    ),
    "a blank one and a filled one under a text's name": Several(
        {"xor.ipynb": (NEW, BLANK), "my work.txt": (OLD, ONE)},
        "1",
        "none of its answers",
        "the learner",
    ),
    "one with more answers": Several(
        {"xor.ipynb": (NEW, HALF), "xor-final.ipynb": (OLD, ONE)}, "1", "are filled in"
    ),
    "two filled ones": Several(
        {"xor.ipynb": (OLD, ONE), "xor2.ipynb": (NEW, TWO)}, "2", "the files' times"
    ),
    "two filled ones of one time": Several(
        {"xor.ipynb": (OLD, ONE), "xor2.ipynb": (OLD, TWO)}, "1", "nothing tells"
    ),
    "the same one twice": Several(
        {"xor.ipynb": (OLD, ONE), "xor (1).ipynb": (NEW, ONE)}, "1", "same file", "nobody"
    ),
    "the same answers": Several(
        {"xor.ipynb": (OLD, ONE), "xor (1).ipynb": (NEW, ONE + b"\n")},
        "1",
        "same answers",
        "nobody",
    ),
    "three of them": Several(
        {"a.ipynb": (NEW, BLANK), "b.ipynb": (OLD, TWO), "c.ipynb": (NEW, HALF)},
        "2",
        "are filled in",
    ),
}


@pytest.mark.parametrize("row", SEVERAL.values(), ids=SEVERAL)
@pytest.mark.parametrize("kind", [Zip, Loose], ids=["zip", "files"])
def test_of_several_notebooks_the_filled_one_counts_and_both_are_said(
    kind: type[Zip] | type[Loose], row: Several, tmp_path: Path
) -> None:
    files = {f"jdoe/{name}": file for name, file in row.files.items()}
    done = take_in(tmp_path, kind(files))

    assert attempt_in(tmp_path) == row.counts
    assert len(done.taken) == 1
    others = [*done.not_taken, *done.set_aside]
    assert len(others) == len(files) - 1
    assert row.said in " ".join(item.reason for item in others)
    assert (row.said in review_of(tmp_path)) == (row.told == "a person")
    assert (row.said in repairs_of(tmp_path)) == (row.told == "the learner")
    assert (done.refused, done.unplaced) == ((), ())


@pytest.mark.parametrize("order", [(BLANK, ONE), (ONE, BLANK)], ids=["blank first", "blank last"])
@pytest.mark.parametrize("newer", [0, 1])
def test_a_blank_notebook_never_displaces_a_filled_one(
    newer: int, order: tuple[bytes, bytes], tmp_path: Path
) -> None:
    for number, data in enumerate(order):
        take_in(tmp_path, canvas(678901 + (number == newer), data))

    assert attempt_in(tmp_path) == "1"
    # A person is asked where the later one is the blank one, or where a blank one gave way.
    assert ("blank" in review_of(tmp_path)) == (order[newer] == BLANK)


@pytest.mark.parametrize("newer", [0, 1])
def test_nor_does_it_in_one_download_of_all_attempts(newer: int, tmp_path: Path) -> None:
    first, second = (BLANK, ONE) if newer == 0 else (ONE, BLANK)
    attempts = blackboard("2026-05-01-10-00-00", first), blackboard("2026-05-01-11-00-00", second)
    files = {name: file for attempt in attempts for name, file in attempt.files.items()}
    for _ in range(2):
        take_in(tmp_path, Zip(files))

        assert attempt_in(tmp_path) == "1"
        assert ("none of its answers" in review_of(tmp_path)) == (second == BLANK)


def test_a_resubmission_with_fewer_answers_counts(tmp_path: Path) -> None:
    take_in(tmp_path, canvas(678901, ONE))
    take_in(tmp_path, canvas(678902, HALF))

    assert attempt_in(tmp_path) == "5"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([BLANK, ONE, TWO, HALF]), min_size=1, max_size=4),
    st.data(),
)
def test_what_counts_hangs_neither_on_the_order_nor_on_how_it_is_packed(
    contents: list[bytes], data: st.DataObject
) -> None:
    """The last filled one by the LMS's numbers, else a blank one."""
    numbers = data.draw(st.permutations(range(len(contents))))
    cuts = data.draw(st.lists(st.booleans(), min_size=len(contents), max_size=len(contents)))
    with tempfile.TemporaryDirectory() as folder:
        waiting: list[Zip | Loose] = []
        for number, cut in zip(numbers, cuts, strict=True):
            waiting.append(gradescope(331000 + number, "", contents[number]))
            if cut:
                take_in(Path(folder), *waiting)
                waiting = []
        if waiting:
            take_in(Path(folder), *waiting)
        seen = attempt_in(Path(folder))

    filled = [content for content in contents if content != BLANK]
    wanted = filled[-1].decode().partition("attempt ")[2][:1] if filled else "blank"
    assert seen == wanted


# ------------------------------------------------------------------- whose it is, without a roster

ZOE = "Zoë Müller"
FILES = "_assignsubmission_file"
D2L = "152711-351765 - Jane Doe - May 18, 2026 1224 PM"
SAKAI = "XOR lab/Doe, Jane(jdoe)"
HTML = b"<html><body>a list</body></html>"
PDF = b"%PDF-1.7"
PLACES: dict[str, tuple[dict[str, bytes], dict[str, str]]] = {
    "Brightspace, folders": (
        {
            f"{D2L}/xor.ipynb": TWO,
            "152711-351765 - Jane Doe- May 9, 2026 130 AM/xor.ipynb": ONE,
            "152712-351765 - Zoë Müller- May 18, 2026 930 AM/Copy of xor.ipynb": ONE,
            "index.html": HTML,
        },
        {"152711": "2", "152712": "1"},
    ),
    "Brightspace, files": (
        {f"{D2L} - xor.ipynb": ONE, f"{D2L} - README.txt": b"hi", "index.html": HTML},
        {"152711": "1"},
    ),
    "Sakai": (
        {
            f"{SAKAI}/Submission attachment(s)/xor.ipynb": ONE,
            f"{SAKAI}/Feedback Attachment(s)/xor.ipynb": TWO,
            f"{SAKAI}/Doe, Jane(jdoe)_submissionText.html": b"<p>see the file</p>",
            f"{SAKAI}/timestamp.txt": b"20260501101530123",
            f"{SAKAI}/comments.txt": b"",
            "XOR lab/Müller, Zoë(mueller.z)/提出物の添付ファイル/xor.ipynb": TWO,
            "XOR lab/grades.csv": b'"XOR lab","Points"',
        },
        {"jdoe": "1", "mueller.z": "2"},
    ),
    "people with one name in Moodle": (
        {f". Sukarno_101{FILES}/xor.ipynb": ONE, f"- Ali_102{FILES}/xor.ipynb": TWO},
        {"101": "1", "102": "2"},
    ),
    "in Sakai": (
        {"XOR lab/., Sukarno(suk)/files/xor.ipynb": ONE, f"{SAKAI}/files/xor.ipynb": TWO},
        {"suk": "1", "jdoe": "2"},
    ),
    "in ILIAS": (
        {"._Sukarno_suk/xor.ipynb": ONE, "Doe_Jane_jdoe/xor.ipynb": TWO},
        {"suk": "1", "jdoe": "2"},
    ),
    "folders that begin with a dot": (
        {".jdoe/xor.ipynb": ONE, ".git/xor.ipynb": TWO, ".Trash-1000/files/xor.ipynb": TWO},
        {"jdoe": "1"},
    ),
    "a file that begins with a dot": (
        {f".gitte_101{FILES}_xor.ipynb": ONE, ".gitignore": b"*.pt"},
        {"101": "1"},
    ),
    "Moodle, a file called like another's": (
        {
            f"Jane Doe_101{FILES}_Max Mustermann_102{FILES}_xor.ipynb": ONE,
            f"Max Mustermann_102{FILES}_xor.ipynb": TWO,
        },
        {"101": "1", "102": "2"},
    ),
    "what a copy is called in one's own folder": (
        {
            f"{who}/{name}.ipynb": data
            for who, name, data in zip(
                "abcdef",
                [
                    "xor - Copy",
                    "xor - Kopie (2)",
                    "Cópia de xor",
                    "xor_2026_05_01",
                    "final - xor",
                    "xor - meine Lösung",
                ],
                [ONE, TWO] * 3,
                strict=True,
            )
        },
        {"a": "1", "b": "2", "c": "1", "d": "2", "e": "1", "f": "2"},
    ),
    "one learner's copy": ({"jdoe/xor - Copy.ipynb": ONE}, {"jdoe": "1"}),
    "one learner's file with a date": ({"jdoe/xor_2026_05_01.ipynb": ONE}, {"jdoe": "1"}),
    "one learner's file with a year": ({"jdoe/lab_05_2026_me.ipynb": ONE}, {"jdoe": "1"}),
    "one file of Canvas in a folder": ({"hand-ins/doejane_101_67890_xor.ipynb": ONE}, {"101": "1"}),
    "one file of Classroom in a folder": (
        {"my class/Jane Doe - xor.ipynb": ONE},
        {"Jane_Doe": "1"},
    ),
    "one learner in a class's folder": ({"hw 3/jdoe/xor.ipynb": ONE}, {"jdoe": "1"}),
    "nbgrader's exchange": (
        {
            "inbound/jdoe+xor+2026-05-01 10:00:00.123456 UTC+c2VjcmV0/xor.ipynb": ONE,
            "inbound/jdoe+xor+2026-05-01 11:00:00.123456 UTC+c2VjcmV0/xor.ipynb": TWO,
        },
        {"jdoe": "2"},
    ),
    "Teams, with versions": (
        {
            f"Submitted files/{ZOE}/XOR lab/Version 10/xor.ipynb": TWO,
            f"Submitted files/{ZOE}/XOR lab/Version 9/xor.ipynb": ONE,
            "Submitted files/Jane Doe/XOR lab/xor.ipynb": ONE,
        },
        {"Zoë_Müller": "2", "Jane_Doe": "1"},
    ),
    "GitHub Classroom": (
        {"xor-jdoe/xor.ipynb": ONE, "xor-kim/src/xor.ipynb": TWO},
        {"jdoe": "1", "kim": "2"},
    ),
    "Drive, in the assignment's folder": (
        {"XOR lab/Jane Doe - xor.ipynb": ONE, f"XOR lab/{ZOE} - Copy of xor.ipynb": TWO},
        {"Jane_Doe": "1", "Zoë_Müller": "2"},
    ),
    "a class in a folder": (
        {"hw 3/jdoe/xor.ipynb": ONE, "hw 3/kim/lab.ipynb": TWO, "hw 3/ann/xor.pdf": PDF},
        {"jdoe": "1", "kim": "2"},
    ),
    "sections": (
        {"A/jdoe/xor.ipynb": ONE, "A/kim/xor.ipynb": TWO, "B/ann/xor.ipynb": ONE},
        {"jdoe": "1", "kim": "2", "ann": "1"},
    ),
    "files called after people, in a folder": (
        {"hw 3/jdoe_xor.ipynb": ONE, "hw 3/xor-kim.ipynb": TWO},
        {"jdoe": "1", "kim": "2"},
    ),
    "each learner's zip": (
        {
            "jdoe.zip": as_zip({"xor.ipynb": ONE}),
            "kim_xor.zip": as_zip({"my folder/xor.ipynb": TWO}),
        },
        {"jdoe": "1", "kim": "2"},
    ),
    "each learner's zip, in a folder": (
        {"hw 3/jdoe.zip": as_zip({"xor.ipynb": ONE}), "hw 3/kim.zip": as_zip({"xor.ipynb": TWO})},
        {"jdoe": "1", "kim": "2"},
    ),
    "a class's zip in a zip": (
        {"all.zip": as_zip({"jdoe/xor.ipynb": ONE, "kim/xor.ipynb": TWO})},
        {"jdoe": "1", "kim": "2"},
    ),
    "a notebook that is only called a zip": ({"jdoe/xor.ipynb.zip": ONE}, {"jdoe": "1"}),
    "one learner's tries": ({"jdoe/v1/xor.ipynb": ONE, "jdoe/final/xor.ipynb": ONE}, {"jdoe": "1"}),
    "tries that all have": (
        {f"{who}/{week}/{week}.ipynb": ONE for who in ("jdoe", "kim") for week in ("mon", "tue")},
        {"jdoe": "1", "kim": "1"},
    ),
    "one learner's notebooks": ({"jdoe/lab.ipynb": ONE, "jdoe/notes.ipynb": BLANK}, {"jdoe": "1"}),
    "Jupyter's own copies": (
        {
            "jdoe/xor-checkpoint.ipynb": TWO,
            "jdoe/xor.ipynb": ONE,
            "jdoe/.ipynb_checkpoints/xor-checkpoint.ipynb": TWO,
        },
        {"jdoe": "1"},
    ),
}


@pytest.mark.parametrize(("files", "whose"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("kind", [Zip, Loose], ids=["zip", "files"])
def test_each_learner_s_work_is_found_without_a_roster(
    kind: type[Zip] | type[Loose],
    files: dict[str, bytes],
    whose: dict[str, str],
    tmp_path: Path,
) -> None:
    done = take_in(
        tmp_path, kind({name: (OLD, data) for name, data in files.items()}), listed=False
    )
    found = {path.parents[1].name for path in tmp_path.glob("submitted/*/xor/xor.ipynb")}

    assert {student: attempt_in(tmp_path, student) for student in found} == whose
    assert done.unplaced == ()
    assert {item.student for item in done.refused} <= {"ann"}


@pytest.mark.parametrize(
    "copy",
    [
        "Copy of xor",
        "Kopie von xor",
        "Copie de xor",
        "Copia de xor",
        "Cópia de xor",
        "Copia di xor",
        "Kopie van xor",
        "Kopia av xor",
        "Kopi av xor",
        "Kopia xor",
        "Копия xor",
        "xor のコピー",
        "xor的副本",
        "xor dosyasının kopyası",
        "xor - Copy",
        "xor - Copy (2)",
        "xor - Kopie",
        "xor copy 2",
    ],
)
def test_a_copy_is_called_so_in_many_languages(copy: str, tmp_path: Path) -> None:
    files = {f"Jane Doe - {copy}.ipynb": (OLD, ONE), f"{copy}.ipynb": (OLD, TWO)}
    done = take_in(tmp_path, Loose(files), listed=False)

    assert [(item.student, item.fate) for item in done.items] == [
        ("", "unplaced"),
        ("Jane_Doe", "taken"),
    ]


@pytest.mark.parametrize("name", ["xor_final_v2", "final xor", "xor v3"])
def test_what_try_it_is_names_nobody(name: str, tmp_path: Path) -> None:
    (item,) = take_in(tmp_path, Loose({f"{name}.ipynb": (OLD, ONE)}), listed=False).items

    assert item.fate == "unplaced"


@pytest.mark.parametrize(
    ("files", "zone", "handed_in"),
    [
        ({f"{D2L}/xor.ipynb": ONE}, "America/Toronto", "2026-05-18T16:24:00+00:00"),
        ({"1-2 - A B - 18 May, 2026 1224/xor.ipynb": ONE}, "UTC", "2026-05-18T12:24:00+00:00"),
        ({"1-2 - A B - Mai 18, 2026 1224 PM/xor.ipynb": ONE}, "UTC", ""),
        (
            {f"{SAKAI}/timestamp.txt": b"20260501101530123"},
            "Asia/Tokyo",
            "2026-05-01T10:15:30+00:00",
        ),
        (
            {f"{SAKAI}/timestamp.txt": b"2026-05-01T10:15:30+09:00"},
            "UTC",
            "2026-05-01T01:15:30+00:00",
        ),
        ({f"{SAKAI}/timestamp.txt": b"99999999999999"}, "UTC", ""),
        (
            {"jdoe+xor+2026-05-01 10:00:00 UTC/xor.ipynb": ONE},
            "Asia/Tokyo",
            "2026-05-01T10:00:00+00:00",
        ),
        ({"jdoe+xor+2026-99-01 10:00:00 UTC/xor.ipynb": ONE}, "UTC", ""),
    ],
)
def test_the_times_in_names_and_stamps_are_read(
    files: dict[str, bytes], zone: str, handed_in: str, tmp_path: Path
) -> None:
    files = (
        {**files}
        if len(files) == 1 and ONE in files.values()
        else {**files, f"{SAKAI}/a/xor.ipynb": ONE}
    )
    take_in(
        tmp_path, Zip({name: (OLD, data) for name, data in files.items()}), zone=zone, listed=False
    )

    (path,) = tmp_path.glob("submitted/*/xor/xor.ipynb")
    assert read_record(path).handed_in == handed_in


# -------------------------------------------------------------------------------------- side files

SIDE_FILES = {
    "README.txt": b"my homework",
    "README.md": b"# my homework",
    "requirements.txt": b"torch",
    "model.py": b"import torch",
    ".vscode/settings.json": b"{}",
    "loss.png": b"\x89PNG",
    "photo.jpg": b"\xff\xd8\xff",
    "data.csv": b"x,y\n0,1\n",
    "report.pdf": b"%PDF-1.7",
    "notes.docx": b"PK\x03\x04",
    "weights.pt": b"\x00\x01",
    "log.json": b'{"loss": [1, 2]}',
    "page.html": b"<!DOCTYPE html><html></html>",
    "Makefile": b"all:\n",
    "venv/lib/site-packages/x.py": b"",
    ".git/HEAD": b"ref",
    "Thumbs.db": b"\x00",
}


def beside(layout: str, name: str) -> str:
    if layout == "canvas":
        return f"doejane_{JANE.canvas}_678999_{name.replace('/', '_')}"
    if layout == "blackboard":
        return f"XOR lab_jdoe_attempt_2026-05-01-10-00-00_{name.replace('/', '_')}"
    return f"{MOODLE if layout == 'moodle' else 'jdoe'}/{name}"


@pytest.mark.parametrize("layout", ["moodle", "folder", "canvas", "blackboard"])
@pytest.mark.parametrize("data", [ONE, BLANK], ids=["filled", "blank"])
def test_side_files_are_set_aside_without_alarm(data: bytes, layout: str, tmp_path: Path) -> None:
    files = {beside(layout, name): (NEW, content) for name, content in SIDE_FILES.items()}
    files[beside(layout, "xor.ipynb")] = (OLD, data)
    done = take_in(tmp_path, Zip(files))

    assert [item.student for item in done.taken] == ["jdoe"]
    assert (done.refused, done.unplaced, done.not_taken) == ((), (), ())
    assert review_of(tmp_path) == ""
    again = take_in(tmp_path, Zip(files))
    assert {item.fate for item in again.items} == {"unchanged", "set aside"}


@pytest.mark.parametrize("name", SIDE_FILES)
def test_each_side_file_alone_raises_no_alarm(name: str, tmp_path: Path) -> None:
    done = take_in(
        tmp_path,
        Loose({"jdoe/xor.ipynb": (OLD, ONE), f"jdoe/{name}": (NEW, SIDE_FILES[name])}),
        listed=False,
    )

    assert {item.fate for item in done.items} <= {"taken", "set aside"}
    assert review_of(tmp_path) == ""


def test_files_that_lie_about_are_nobody_s(tmp_path: Path) -> None:
    files = {"jdoe/xor.ipynb": (OLD, ONE), "README.txt": (OLD, b"hi"), "grades.csv": (OLD, b"a,b")}
    done = take_in(tmp_path, Loose(files), listed=False)

    assert len(done.taken) == 1
    assert (done.refused, done.unplaced) == ((), ())


def test_a_second_notebook_that_cannot_be_read_is_an_alarm_and_not_called_newer(
    tmp_path: Path,
) -> None:
    files = {"jdoe/xor.ipynb": (OLD, ONE), "jdoe/xor (1).ipynb": (OLD, b"%PDF-1.7")}
    done = take_in(tmp_path, Loose(files))

    assert len(done.refused) == 1
    assert "xor (1).ipynb" in review_of(tmp_path)
    assert "newer" not in review_of(tmp_path)


OTHERS = {
    "another assignment's": [("hw1", "x = 1"), ("hw2", "y = 2")],
    "scratch": [("", "print('trying things')"), ("", "import math")],
}


@pytest.mark.parametrize("cells", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("data", [ONE, BLANK], ids=["a filled one", "a blank one"])
def test_a_notebook_of_something_else_is_an_alarm_only_where_nothing_is_filled_in(
    data: bytes, cells: list[tuple[str, str]], tmp_path: Path
) -> None:
    other = {
        "cells": [
            {
                "cell_type": "code",
                "metadata": {"nbgrader": {"grade_id": name}} if name else {},
                "source": source,
            }
            for name, source in cells
        ]
    }
    files = {"jdoe/xor.ipynb": (OLD, data), "jdoe/lab.ipynb": (NEW, json.dumps(other).encode())}
    done = take_in(tmp_path, Loose(files))

    assert len(done.taken) == 1
    assert [item.name for item in done.refused] == ([] if data == ONE else ["lab.ipynb"])
    assert ("lab.ipynb" in review_of(tmp_path)) == (data == BLANK)


# ------------------------------------------------------------------------------------------ groups


@pytest.mark.parametrize(
    ("files", "group"),
    [
        ({"Team Red_991_assignsubmission_file/xor.ipynb": ONE}, "Team_Red"),
        ({"teamred_12_678901_xor.ipynb": ONE}, "Team_Red"),
        ({"Team Red/xor.ipynb": ONE, "Team Red/README.txt": b"we"}, "Team_Red"),
        ({"Team Red/xor.ipynb": BLANK, "Team Red/xor (1).ipynb": ONE}, "Team_Red"),
        ({"a1/xor.ipynb": ONE}, "a1"),
    ],
    ids=["Moodle", "Canvas", "with a side file", "with a blank copy", "one of them alone"],
)
def test_a_group_has_one_submission(files: dict[str, bytes], group: str, tmp_path: Path) -> None:
    people = tmp_path / "groups.csv"
    people.write_text("id;name;group\na1;Ann Lee;Team Red\na2;Bo Chan;Team Red\na3;Cy Day;\n")
    folder = tmp_path / "downloads"
    folder.mkdir()
    download = Zip({name: (OLD, data) for name, data in files.items()}).write(folder)
    out = tmp_path / "submitted"
    collect([download], out, small_master(), assignment="xor", roster=people)

    assert [path.name for path in out.iterdir()] == [group]
    assert attempt_in(tmp_path, group) == "1"
    assert members_of(out, "xor") == ({group: ("a1", "a2")} if group != "a1" else {})


def test_a_group_s_later_hand_in_counts_whoever_handed_it_in(tmp_path: Path) -> None:
    def of(number: int, created: str, data: bytes) -> Zip:
        people = "".join(f"  - :sid: '{CLASS[i].sid}'\n" for i in (0, 1))
        text = f"submission_{number}:\n  :submitters:\n{people}  :created_at: {created}\n"
        return Zip(
            {
                f"submission_{number}/xor.ipynb": (OLD, data),
                "submission_metadata.yml": (OLD, text.encode()),
            }
        )

    take_in(tmp_path, of(12, "2026-05-02 10:00:00 Z", TWO))
    take_in(tmp_path, of(11, "2026-05-01 10:00:00 Z", ONE))

    assert attempt_in(tmp_path, "jdoe+jdoe2") == "2"


# ------------------------------------------------------------------------------------ the log


def test_the_log_says_what_was_taken_replaced_and_refused_and_only_once(tmp_path: Path) -> None:
    out = tmp_path / "submitted"
    take_in(tmp_path, canvas(678901, ONE))
    take_in(tmp_path, canvas(678902, TWO))
    take_in(tmp_path, canvas(678901, ONE))
    broken = Loose({"late/xor.pdf": (OLD, b"%PDF-1.7"), "nobody/xor.ipynb": (OLD, ONE)})
    folder = broken.write(tmp_path / "downloads")
    for _ in range(2):
        collect([folder], out, small_master(), assignment="xor", roster=tmp_path / "roster.csv")
    log = read_log(out, "xor")

    assert [(entry.student, entry.fate) for entry in log] == [
        ("jdoe", "taken"),
        ("jdoe", "taken"),
        ("jdoe", "not taken"),
        ("", "unplaced"),
        ("late", "refused"),
    ]
    assert log[1].replaced.endswith("678901_xor.ipynb")
    assert all(entry.reason for entry in log[2:])
    assert read_log(out, "xor", datetime.now(UTC)) == ()
    assert read_log(out, "xor", datetime(2020, 1, 1, tzinfo=UTC)) == log
    assert read_log(out, "other") == ()


def test_a_spoiled_line_of_the_log_is_left_out(tmp_path: Path) -> None:
    take_in(tmp_path, canvas(678901, ONE))
    path = tmp_path / "collected" / "xor.jsonl"
    spoiled = ["", "{", "[]", '{"time": 1}', json.dumps({"time": "x", "student": ""}), "[" * 9999]
    path.write_text("\n".join([*spoiled, path.read_text()]))

    assert [entry.fate for entry in read_log(tmp_path / "submitted", "xor")] == ["taken"]


# --------------------------------------------------------------------------------- hostile lists


@pytest.mark.parametrize("seconds", [1 << 38, 1 << 45, -(1 << 37)])
def test_a_time_that_no_calendar_has_stops_nobody(seconds: int, tmp_path: Path) -> None:
    folder = loose(OLD, ONE).write(tmp_path)
    try:
        os.utime(folder / "jdoe" / "xor.ipynb", (seconds, seconds))
    except OSError:
        pytest.skip("this file system has no such time")
    collect([folder], tmp_path / "submitted", small_master(), assignment="xor")

    assert attempt_in(tmp_path) == "1"


@pytest.mark.parametrize(
    "download",
    [
        blackboard("9999-12-31-23-59-59", ONE, "11:59:59 PM EST"),
        blackboard("0000-00-00-00-00-00", ONE),
        gradescope(5, "9999-12-31 23:59:59.9 -12:00", ONE),
        gradescope(5, "0001-01-01 00:00:00 +14:00", ONE),
    ],
)
def test_nor_does_one_at_the_end_of_all_calendars(download: Zip, tmp_path: Path) -> None:
    take_in(tmp_path, download, zone="Pacific/Kiritimati")
    take_in(tmp_path, download, zone="America/Los_Angeles")

    assert attempt_in(tmp_path) == "1"


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for i in range(1, levels):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]")
    return "\n".join(lines) + "\n"


HOSTILE = {
    "nested aliases": bomb(30) + "submission_5:\n  :submitters:\n  - :sid: *a29\n",
    "a merge of aliases": bomb(30) + "submission_5:\n  <<: *a29\n  :submitters: *a29\n",
    "nested too deeply": "submission_5: " + "[" * 100_000,
    "mappings nested too deeply": "submission_5: " + "{a: " * 100_000,
    "an alias of itself": "submission_5: &a\n  :submitters: [*a, *a]\n",
    "an object of Python's": "submission_5: !!python/object/apply:os.system ['true']\n",
    "an object of Ruby's": "submission_5: !ruby/object:Gem::Installer\n  :submitters: 3\n",
    "a list": "- 1\n- 2\n",
    "a text": "submission_5",
    "two documents": "submission_5: {}\n---\nsubmission_6: {}\n",
    "no YAML": "\x00\x01: [",
    "numbers for people": "submission_5:\n  :submitters: [1, [2], {3: 4}]\n",
    "a list for a key": "? [a, b]\n: submission_5\n",
    "a time that is none": "submission_5:\n  :created_at: [1]\n  :submitters: []\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_list_ends_nothing_and_names_nobody(text: str, tmp_path: Path) -> None:
    files = {
        "submission_metadata.yml": (OLD, text.encode()),
        "submission_5/xor.ipynb": (OLD, TWO),
        "jdoe/xor.ipynb": (OLD, ONE),
    }
    take_in(tmp_path, Zip(files))

    assert [path.name for path in (tmp_path / "submitted").iterdir()] == ["jdoe"]
    assert attempt_in(tmp_path) == "1"


def test_a_person_who_is_listed_once_and_named_again_is_known(tmp_path: Path) -> None:
    text = f"submission_5:\n  :submitters:\n  - &a\n    :sid: '{JANE.sid}'\nsubmission_6:\n"
    text += "  :submitters: [*a]\n"
    files = {"submission_metadata.yml": (OLD, text.encode())}
    files |= {f"submission_{n}/xor.ipynb": (OLD, work_of(JANE, n)) for n in (5, 6)}
    take_in(tmp_path, Zip(files))

    assert attempt_in(tmp_path) == "6"


def test_a_real_list_is_read_whole(tmp_path: Path) -> None:
    files = {"submission_metadata.yml": (OLD, gradescope_list())}
    files |= {f"submission_{331100 + p.number}/xor.ipynb": (OLD, work_of(p)) for p in CLASS}
    done = take_in(tmp_path, Zip(files))

    assert len(done.taken) == len(CLASS)
    record = read_record(tmp_path / "submitted" / "jdoe" / "xor" / "xor.ipynb")
    assert record.handed_in == "2026-11-20T15:00:00.846921+00:00"


@pytest.mark.skipif(os.name == "nt", reason="links and pipes there are others")
@pytest.mark.parametrize("which", ["learner", "assignment"])
def test_nothing_is_written_through_a_link(which: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    learner = tmp_path / "submitted" / "jdoe"
    learner.parent.mkdir()
    if which == "learner":
        learner.symlink_to(elsewhere)
    else:
        learner.mkdir()
        (learner / "xor").symlink_to(elsewhere)
    done = take_in(tmp_path, loose(OLD, ONE))

    assert list(elsewhere.iterdir()) == []
    assert "link" in done.refused[0].reason


@pytest.mark.skipif(os.name == "nt", reason="links and pipes there are others")
def test_a_record_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "submitted" / "jdoe" / "xor"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "intake.json")

    assert take_in(tmp_path, loose(OLD, ONE)).taken
