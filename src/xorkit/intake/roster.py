"""Who is in the class: any table of people, and whom an id or a name means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from pathlib import Path

from xorkit.intake import clock
from xorkit.intake.tables import TextTable, read_table

# The columns that name a student in the course, best first; the exports of the LMSs are taken as
# they are, where "ID" is Canvas's and "Identifier" Moodle's.
_KEYS = (
    "student id",
    "id",
    "username",
    "user name",
    "login",
    "sis login id",
    "sid",
    "identifier",
    "id number",
    "student number",
    "matriculation number",
    "matrikelnummer",
    "email",
    "email address",
    "e mail",
)
_IN_ENGLISH = {"vollständiger name": "full name", "anmeldename": "username"}  # Moodle's worksheet
_ID_WORDS = re.compile(r"\b(?:id|sid|login|user|username|identifier|e?mail|number|matrikel)")
_NAME_COLUMNS = ("name", "full name", "student", "display name", "student name")
_FIRST_NAMES = (
    "first name",
    "given name",
    "given names",
    "forename",
    "vorname",
    "prénom",
    "nombre",
)
_LAST_NAMES = (
    *("last name", "surname", "family name", "nachname", "familienname", "nom", "nom de famille"),
    *("apellido", "apellidos", "apellido(s)", "cognome", "sobrenome", "achternaam", "efternamn"),
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "ø": "oe"})


@dataclass(frozen=True)
class Person:
    """A student: the id in the course, all other ids, all spellings of the name, the group.

    `handed_in` is when Moodle's grading worksheet says that the submission was last changed.
    """

    student: str
    ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    group: str = ""
    handed_in: datetime | None = None


@dataclass(frozen=True)
class Roster:
    people: tuple[Person, ...]

    @cached_property
    def _by_id(self) -> Mapping[str, frozenset[Person]]:
        return _index((name, person) for person in self.people for name in person.ids)

    @cached_property
    def _by_name(self) -> Mapping[str, frozenset[Person]]:
        return _index((name, person) for person in self.people for name in person.names)

    def whom(self, ids: Iterable[str], names: Iterable[str]) -> frozenset[Person]:
        """Everybody whom these can mean: by an id if one is known, else by name."""
        known = [self._by_id.get(as_id(name), frozenset[Person]()) for name in ids]
        found = frozenset().union(*known)
        if found:
            return found
        spelled = (spelling for name in names for spelling in spellings(name))
        return frozenset().union(*(self._by_name.get(s, frozenset[Person]()) for s in spelled))

    def group(self, name: str) -> tuple[Person, ...]:
        """The members of a group of this name."""
        wanted = squashed(name)
        return tuple(p for p in self.people if p.group and squashed(p.group) == wanted)


def _index(pairs: Iterable[tuple[str, Person]]) -> Mapping[str, frozenset[Person]]:
    found: dict[str, set[Person]] = {}
    for name, person in pairs:
        found.setdefault(name, set()).add(person)
    return {name: frozenset(people) for name, people in found.items()}


def as_id(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def squashed(name: str) -> str:
    """A name's letters and digits alone, without case and accents."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in letters if c.isalnum())


def spellings(name: str) -> frozenset[str]:
    """The ways in which systems write a name: accents dropped or spelled out, family name first."""
    first, comma, last = unicodedata.normalize("NFC", name).partition(",")
    orders = [f"{last} {first}", f"{first} {last}"] if comma else [first]
    written = [form for order in orders for form in (order, order.casefold().translate(_UMLAUTS))]
    return frozenset(filter(None, map(squashed, written)))


def safe_id(text: str) -> str:
    """A student's id as a folder's name: no path, no pattern signs, no spaces."""
    text = unicodedata.normalize("NFC", text).strip()
    return re.sub(r"[^\w.@+-]+", "_", text).lstrip("._-").rstrip("_")


def read_roster(path: Path, zone: tzinfo | None = None) -> Roster:
    """The people of a roster CSV or an LMS's own export; raises ValueError, OSError.

    Times in it are of `zone`, or of this machine's.
    """
    found: dict[str, Person] = {}
    for person in people_of(read_table(path), path.name, zone):
        if not person.student:
            continue
        known = found.get(person.student)
        if known and not known.ids & person.ids:
            ids = " and ".join(sorted(min(p.ids) for p in (known, person)))
            raise ValueError(f"{path.name}: {ids} would share the folder {person.student!r}.")
        if known and known.names and person.names and not _of_one_name(known, person):
            raise ValueError(
                f"{path.name}: {person.student!r} stands in two rows with two names. Wanted: an id "
                "for each person, or the same name in both rows."
            )
        found[person.student] = _merged(known, person) if known else person
    return Roster(tuple(found.values()))


def _of_one_name(one: Person, other: Person) -> bool:
    """Whether a name is the other, or has all its letters in order: "Ann Lee" and "Ann B. Lee"."""
    pairs = ((a, b) for a in one.names for b in other.names)
    return any(_is_within(a, b) or _is_within(b, a) for a, b in pairs)


def _is_within(short: str, long: str) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)


def _merged(one: Person, other: Person) -> Person:
    """Somebody who stands in two rows, as of two sections."""
    return Person(
        one.student,
        one.ids | other.ids,
        one.names | other.names,
        one.group or other.group,
        max(filter(None, (one.handed_in, other.handed_in)), default=None),
    )


def titles_of(table: TextTable) -> list[str]:
    """What a table's columns are called, in English where they say who somebody is."""
    titles = (re.sub(r"[\s_-]+", " ", title.strip().casefold()) for title in table.header)
    return [_IN_ENGLISH.get(title, title) for title in titles]


def people_of(table: TextTable, name: str, zone: tzinfo | None = None) -> tuple[Person, ...]:
    """Who each row of a table is (without an id: nobody); raises ValueError."""
    columns = titles_of(table)
    keys = [columns.index(known) for known in _KEYS if known in columns]
    # In Moodle's lists of participants the ID number is a column that many sites leave empty.
    used = (k for k in keys if any(cell.strip() for row in table.rows for cell in row[k : k + 1]))
    key = next(used, keys[0] if keys else None)
    if key is None:
        raise ValueError(
            f"{name} has the columns {_some(table.header)}; one of them must be called "
            f"{' or '.join(_KEYS[:3])}: it names the student's folder."
        )
    rows = ([cell.strip() for cell in row] for row in table.rows)
    return tuple(_person(columns, row, key, zone) for row in rows)


def _some(header: Sequence[str]) -> str:
    """A header as a message can show it, whatever it is."""
    shown = ", ".join(name[:30] for name in header[:12])
    return f"{shown}, …" if len(header) > 12 else shown


def _person(columns: Sequence[str], row: Sequence[str], key: int, zone: tzinfo | None) -> Person:
    cells = dict(zip(columns, row, strict=False))
    ids = [cells.get(column, "") for column in columns if _ID_WORDS.search(column)]
    ids += [_number_at_end(name) for name in ids]
    first, last = (
        next((cells[column] for column in known if cells.get(column)), "")
        for known in (_FIRST_NAMES, _LAST_NAMES)
    )
    names = [cells.get(column, "") for column in _NAME_COLUMNS]
    names += [f"{first} {last}", f"{last} {first}"]
    own = row[key] if key < len(row) else ""
    return Person(
        student=safe_id(_number_at_end(own) or own),
        ids=frozenset(filter(None, map(as_id, [*ids, own]))),
        names=frozenset().union(*(spellings(name) for name in names)),
        group=cells.get("group", "") or cells.get("group name", ""),
        handed_in=_moodle_time(cells.get("last modified (submission)", ""), zone),
    )


def _moodle_time(text: str, zone: tzinfo | None) -> datetime | None:
    """ "Friday, 1 May 2026, 3:00 PM"; None in another language, or where there is none."""
    date, _, time = re.sub(r"^[A-Z][a-z]+day, ", "", text).rpartition(", ")
    return clock.parsed_time(date, time, zone)


def _number_at_end(text: str) -> str:
    """The number in Moodle's "Participant 1236059" or "Teilnehmer/in1236059"."""
    match = re.fullmatch(r"[^\W\d]+(?: |/[^\W\d]+ ?)(\d+)", text.strip())
    return match[1] if match else ""
