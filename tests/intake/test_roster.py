"""Any table of people is read, and whom an id or a name means is never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xorkit.intake.roster import Roster, read_roster, safe_id, spellings


def students(people: Roster) -> list[str]:
    return [person.student for person in people.people]


def whom(people: Roster, *ids: str, name: str = "") -> set[str]:
    return {person.student for person in people.whom(ids, [name] if name else [])}


TABLES = {
    "ours": "id,first_name,last_name,email,lms_user_id\njdoe,Jane,Doe,j@uni.example,7\n",
    "with semicolons": "ID;Name;E-Mail\njdoe;Doe, Jane;j@uni.example\n",
    "with tabs": "username\tfull name\temail\njdoe\tJane Doe\tj@uni.example\n",
    "of Gradescope": "First Name,Last Name,SID,Email,Role\nJane,Doe,jdoe,j@uni.example,Student\n",
    "of Canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,XOR (9)\n"
        "    Points Possible,,,,,40\n"
        '"Doe, Jane",jdoe,s7,j@uni.example,A,\n'
    ),
    "with a line for Excel": "sep=;\nid;name;email\njdoe;Jane Doe;j@uni.example\n",
    "of participants": "First name,Surname,ID number,Email address\nJane,Doe,jdoe,j@uni.example\n",
    "with given names": "Student_ID,Family name,Given name,Mail\njdoe,Doe,Jane,j@uni.example\n",
    "with German headings": "Nachname;Vorname;Matrikelnummer;Mail\nDoe;Jane;jdoe;j@uni.example\n",
    "of Moodle": (
        "Identifier,Full name,Email address,Status,Grade\n"
        "Participant 70,Jane Doe,j@uni.example,Submitted,\n"
    ),
    "of Moodle, all in German": (
        "ID,Vollständiger Name,E-Mail-Adresse\nTeilnehmer/in70,Jane Doe,j@uni.example\n"
    ),
    "of Moodle in German": (
        "ID,Vollständiger Name,E-Mail-Adresse,Name\nTeilnehmer/in70,x,j@uni.example,Jane Doe\n"
    ),
}


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_any_make_are_read(kind: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(TABLES[kind], encoding=encoding)
    people = read_roster(path)
    student = "70" if "Moodle" in kind else "jdoe"

    assert [name for name in students(people) if name] == [student]
    assert whom(people, student) == {student}
    assert whom(people, "J@UNI.example") == {student}
    assert whom(people, name="Jane Doe") == {student}
    assert whom(people, name="doejane" if "Canvas" in kind else "Jane Doe") == {student}
    assert whom(people, "stranger", name="Jane Roe") == set()


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("Zoë Müller", "Zoe Mueller"),
        ("Zoë Müller", "ZOE MULLER"),
        ("Müller, Zoë", "müllerzoë"),
        ("Müller, Zoë", "Zoë Müller"),
        ("Weiß, Sören", "soerenweiss"),
        ("Andre\u0301", "André"),
        ("O'Brien, Conan", "obrienconan"),
        ("李 小龙", "李小龙"),
    ],
)
def test_a_name_is_known_in_the_spellings_that_systems_give_it(written: str, seen: str) -> None:
    assert spellings(written) & spellings(seen)


def test_an_id_that_is_known_counts_more_than_a_name(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("id,name\nann,Ann Lee\nbob,Bob Ray\n")

    assert whom(read_roster(path), "bob", name="Ann Lee") == {"bob"}


def test_whoever_has_no_id_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("id,name\n,Jane Doe\n,Bob Ray\nann,Ann Lee\n")

    assert students(read_roster(path)) == ["ann"]


def test_an_id_number_that_nobody_has_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("ID number,Email address,Name\n,j@uni.example,Jane Doe\n")

    assert students(read_roster(path)) == ["j@uni.example"]


def test_a_roster_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no table .*people\.csv"):
        read_roster(tmp_path / "people.csv")


@pytest.mark.parametrize("text", ["", "\n\n", "name,group\nJane,1\n", '"a\nb'])
def test_a_table_without_people_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"empty|must be called|table"):
        read_roster(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04" + bytes(range(256)), "spreadsheet's own file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "spreadsheet's own file"),
        (b'id,name\n"' + b"x" * 200_000, "table"),
        (b",".join([b"column" * 50] * 5_000), "must be called"),
        (b"id,name\nann,Ann\n" + b" " * (65 << 20), "MB"),
        (b"id,name\na b,Ann Lee\na_b,Bob Ray\n", "share the folder"),
        (b"id,name\nann,Ann Lee\nann,Bob Lee\n", "in two rows with two names"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "must be called"),
    ],
    ids=[
        "xlsx",
        "xls",
        "a quote",
        "5,000 columns",
        "65 MB",
        "two of one folder",
        "two of one id",
        "a picture",
    ],
)
def test_what_is_no_roster_is_refused_in_a_few_words(
    data: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=reason) as refused:
        read_roster(path)

    assert len(str(refused.value)) < 700


def test_somebody_in_two_rows_is_one_person(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("id,name,email,group\nann,Ann Lee,a@x.example,\nann,Ann B. Lee,,Red\n")
    people = read_roster(path)

    assert students(people) == ["ann"]
    assert whom(people, "a@x.example") == whom(people, name="Ann B. Lee") == {"ann"}
    assert [person.student for person in people.group("red")] == ["ann"]


@given(st.text())
def test_whatever_an_id_is_its_folder_is_a_plain_name(text: str) -> None:
    name = safe_id(text)

    assert not set(name) & set('/\\*?[]{}~:|<>"\0\n ')
    assert name not in {".", ".."}
    assert not name.startswith((".", "-"))
    assert safe_id(name) == name
