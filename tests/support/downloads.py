"""Thirty learners with awkward names, and their work as each LMS hands it out."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from support.small_course import SOLVED, as_bytes, solved


@dataclass(frozen=True)
class Learner:
    """One person, known to each system by another name."""

    number: int
    first: str
    last: str
    login: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}".strip()

    @property
    def canvas(self) -> int:
        return 12300 + self.number

    @property
    def moodle(self) -> int:
        return 1236000 + self.number

    @property
    def email(self) -> str:
        return f"{self.login.replace('@', '.')}@uni.example"

    @property
    def sid(self) -> str:
        return f"00{77000 + self.number}"


NAMES = (
    ("Jane", "Doe", "jdoe"),
    ("Jane", "Doe", "jdoe2"),  # somebody else
    ("Zoë", "Müller", "mueller.z"),
    ("Sören", "Weiß", "weiss_s"),
    ("小龙", "李", "lixiaolong"),
    ("민준", "김", "kim@mj"),
    ("Søren", "Ødegård", "s_o_degard"),
    ("Ana_Maria", "Souza", "amsouza"),
    ("Conan", "O'Brien", "cobrien"),
    ("Jean-Luc", "d'Été", "dete"),
    ("María José", "de la Cruz", "mjcruz"),
    ("Kim_12", "3", "kim3"),
    ("Anna", "Berg 2", "berg2"),
    ("Anna", "van den Berg", "van_den_berg"),
    ("Dwayne", 'Johnson "Rock"', "the.rock"),
    ("Ludwig", "Wittgenstein (PhD)", "witt"),
    ("Владимир", "Иванов", "vivanov"),
    ("محمد", "علي", "mali"),
    ("अनिता", "शर्मा", "anita"),
    ("Sukarno", "", "sukarno"),
    ("Ho", "An - xor", "hoan"),
    ("Late", "Comer", "late"),
    ("Anon", "Ymous", "anon"),
    ("Attempt", "Two", "attempt_2"),
    ("Ümit", "İnanç", "uinanc"),
    (unicodedata.normalize("NFD", "André"), unicodedata.normalize("NFD", "Beyoncé"), "abey"),
    ("Max", "Mustermann", "MMuster"),
    ("A", "B", "ab"),
    ("Submission", "Xor", "xor2"),
    ("E. E.", "Cummings", "e.e.cummings"),
)
CLASS = tuple(Learner(i, first, last, login) for i, (first, last, login) in enumerate(NAMES))
LATE = CLASS[21]


@lru_cache(maxsize=200)
def work_of(learner: Learner, attempt: int = 1) -> bytes:
    """A solved notebook that only this learner can have written."""
    line = f"\nprint('by learner {learner.number}, attempt {attempt}')\n"
    return as_bytes(solved({**SOLVED, "data": SOLVED["data"] + line}))


def author(notebook: str) -> int:
    found = re.search(r"by learner (\d+), attempt", notebook)
    assert found is not None
    return int(found[1])


def roster(path: Path) -> Path:
    """The course's list: the login is the student's folder."""
    rows = [["id", "first_name", "last_name", "email", "lms_user_id", "moodle id", "sid"]]
    for p in CLASS:
        ids = [p.email, str(p.canvas), str(p.moodle), p.sid]
        rows.append([p.login, p.first, p.last, *ids])
    return write_table(path, rows)


def write_table(path: Path, rows: Iterable[Iterable[str]], encoding: str = "utf-8") -> Path:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_text(text.getvalue(), encoding=encoding)
    return path


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    path.write_bytes(as_zip(files))
    return path


def as_zip(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 15, 0, 0)), data)
    return stream.getvalue()


def canvas_name(learner: Learner) -> str:
    """The sortable name in small letters, all but letters, digits and _ dropped."""
    sortable = f"{learner.last}{learner.first}"
    return re.sub(r"[^\w]", "", sortable).lower()


def canvas(learner: Learner) -> dict[str, bytes]:
    late = "LATE_" if learner == LATE else ""
    name = f"{canvas_name(learner)}_{late}{learner.canvas}_{678900 + learner.number}_xor.ipynb"
    return {name: work_of(learner)}


def canvas_anonymous(learner: Learner) -> dict[str, bytes]:
    late = "LATE_" if learner == LATE else ""
    return {f"{late}anon_{'aB3dE'}{learner.canvas}_{678900}_xor.ipynb": work_of(learner)}


def moodle_name(learner: Learner) -> str:
    return re.sub(r"[/\\:*?\"<>|]", "", learner.name.replace("_", " "))


def moodle(learner: Learner) -> dict[str, bytes]:
    folder = f"{moodle_name(learner)}_{learner.moodle}_assignsubmission_file"
    return {
        f"{folder}/my work/Copy of xor.ipynb": work_of(learner),
        f"{moodle_name(learner)}_{learner.moodle}_assignsubmission_onlinetext/onlinetext.html": (
            b"<html><body>Here it is!</body></html>"
        ),
    }


def moodle_before_4_1(learner: Learner) -> dict[str, bytes]:
    folder = f"{moodle_name(learner)}_{learner.moodle}_assignsubmission_file_"
    return {f"{folder}/xor.ipynb": work_of(learner)}


def moodle_without_folders(learner: Learner) -> dict[str, bytes]:
    name = f"{moodle_name(learner)}_{learner.moodle}_assignsubmission_file_xor.ipynb"
    return {name: work_of(learner)}


def moodle_blind(learner: Learner) -> dict[str, bytes]:
    return {f"Participant_{learner.moodle}_assignsubmission_file/xor.ipynb": work_of(learner)}


def moodle_with_usernames(learner: Learner) -> dict[str, bytes]:
    folder = f"{learner.login}_{moodle_name(learner)}_{learner.moodle}_assignsubmission_file"
    return {f"{folder}/xor.ipynb": work_of(learner)}


def blackboard(learner: Learner, word: str = "attempt") -> dict[str, bytes]:
    """Two attempts, both handed out, each with a text beside it."""
    files = {}
    for attempt, time in ((1, "2026-11-20-15-00-00"), (2, "2026-11-21-23-59-59")):
        stem = f"XOR lab_{learner.login}_{word}_{time}"
        files[f"{stem}_xor.ipynb"] = work_of(learner, attempt)
        text = f"Name: {learner.name} ({learner.login})\nAssignment: XOR lab\n"
        files[f"{stem}.txt"] = text.encode()
    return files


def blackboard_in_dutch(learner: Learner) -> dict[str, bytes]:
    return blackboard(learner, "poging")


def classroom(learner: Learner) -> dict[str, bytes]:
    return {f"{learner.name} - Copy of xor.ipynb": work_of(learner)}


def google_form(learner: Learner) -> dict[str, bytes]:
    return {f"Responses/xor - {learner.name}.ipynb": work_of(learner)}


def gradescope(learner: Learner) -> dict[str, bytes]:
    folder = f"assignment_99_export/submission_{331100 + learner.number}"
    return {f"{folder}/xor.ipynb": work_of(learner)}


def ilias(learner: Learner) -> dict[str, bytes]:
    last = learner.last.replace("_", " ") or "-"
    folder = f"{last}_{learner.first.replace('_', ' ')}_{learner.login}"
    return {f"{folder}/xor.ipynb": work_of(learner)}


def ilias_in_folders(learner: Learner) -> dict[str, bytes]:
    return {f"XOR_Lab_2026/Abgaben/{path}": data for path, data in ilias(learner).items()}


def folders(learner: Learner) -> dict[str, bytes]:
    return {f"{learner.login}/xor.ipynb": work_of(learner)}


def nbgrader(learner: Learner) -> dict[str, bytes]:
    return {f"submitted/{learner.login}/xor/xor (1).ipynb": work_of(learner)}


def files_by_login(learner: Learner) -> dict[str, bytes]:
    return {f"xor_{learner.login}.ipynb": work_of(learner)}


def zips_by_login(learner: Learner) -> dict[str, bytes]:
    return {f"{learner.login}/handed in.zip": as_zip({"stuff/xor.ipynb": work_of(learner)})}


def gradescope_list(people: Iterable[Learner] = CLASS) -> bytes:
    """Gradescope's list as Ruby writes it."""
    lines = ["---"]
    for p in people:
        lines += [
            f"submission_{331100 + p.number}:",
            "  :submitters:",
            f'  - :name: "{p.name.replace(chr(34), chr(92) + chr(34))}"',
            f"    :sid: '{p.sid}'",
            f"    :email: {p.email}",
            "  :created_at: 2026-11-20 15:00:00.846921000 Z",
            "  :score: !ruby/object:BigDecimal 18:0.0",
            "  :history: []",
        ]
    return "\n".join([*lines, ""]).encode()


def collected_from(layout: Callable[[Learner], dict[str, bytes]]) -> dict[str, bytes]:
    files = {name: data for learner in CLASS for name, data in layout(learner).items()}
    if layout is gradescope:
        files["assignment_99_export/submission_metadata.yml"] = gradescope_list()
    if layout is ilias:
        files = {"submissions.zip": as_zip(files)}
    return files


LAYOUTS = (
    canvas,
    moodle,
    moodle_before_4_1,
    moodle_without_folders,
    moodle_blind,
    moodle_with_usernames,
    blackboard,
    blackboard_in_dutch,
    gradescope,
    ilias,
    ilias_in_folders,
    folders,
    nbgrader,
    files_by_login,
    zips_by_login,
)
BY_NAME_ALONE = (classroom, google_form)
