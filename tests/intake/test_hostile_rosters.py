"""Whatever a roster's file holds, it is read or refused with one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xorkit.intake.roster import Roster, read_roster, safe_id

HEADER = "id,name,email\n"
ROWS = st.lists(
    st.lists(st.text(max_size=12) | st.sampled_from(["../..", "=1+1", "\x1b[2J", "a;b", '"']))
).map(lambda rows: HEADER + "\n".join(",".join(row) for row in rows))
ODD = {
    "NUL bytes": b"id,name\n\0\0,\0\n",
    "a lone surrogate": HEADER.encode() + b"\xed\xa0\x80,x,y\n",
    "half of UTF-16": b"\xff\xfei\0d",
    "a field without end": HEADER.encode() + b'"' + b"x" * 300_000,
    "10,000 columns": b",".join(b"id%d" % k for k in range(10_000)),
    "one column 5,000 times": b",".join([b"id"] * 5_000) + b"\n" + b"a" * 10,
    "a separator alone": b";;;;\n",
    "an id of paths": HEADER.encode() + b"../../etc/passwd,x,y\n",
    "an id of dots": HEADER.encode() + b"...,x,y\n",
}


def read(path: Path, data: bytes) -> Roster | None:
    path.write_bytes(data)
    said = ""
    try:
        return read_roster(path)
    except ValueError as error:
        said = str(error)
    assert 0 < len(said) < 2_000
    return None


@pytest.mark.parametrize("name", ODD)
def test_it_is_read_or_refused_for(name: str, tmp_path: Path) -> None:
    people = read(tmp_path / "roster.csv", ODD[name])

    for person in people.people if people else ():
        assert "/" not in person.student
        assert person.student.strip(".")


@given(st.binary(max_size=200) | ROWS.map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=150, deadline=None)
def test_no_roster_is_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    people = read(tmp_path_factory.mktemp("class") / "roster.csv", data)

    for person in people.people if people else ():
        assert person.student == safe_id(person.student)
