"""Which student a file belongs to; where that is not sure, why."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xorkit.intake.archives import IncomingFile
from xorkit.intake.layouts import Ownership
from xorkit.intake.reading import Refusal
from xorkit.intake.roster import Person, Roster, safe_id

_ACCOUNT = re.compile(rb'"displayName"\s*:\s*("(?:[^"\\]|\\.){1,200}")')
# Folder names end at 255 bytes; a group's is made of all its members' ids.
_LONGEST = 120
_NOBODY = (
    "Neither its name nor a folder inside of what was collected says whose it is. Put it into a "
    "folder that is called after the student, and collect the folder around that one."
)


@dataclass(frozen=True)
class Owner:
    """A student's id in the course (or a group's), and by which claim it was found.

    `user` is the LMS's id of who has a name there, too.
    """

    student: str
    claim: Ownership
    members: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    user: str = ""


def owner(found: IncomingFile, read: Sequence[Ownership], people: Roster | None) -> Owner | str:
    """Whose file this is by the ways to read its name, or why that can't be said."""
    if people is None:
        sure = [claim for claim in read if claim.sure]
        return _unlisted(sure[0]) if sure else _NOBODY
    read = sorted(read, key=lambda claim: claim.depth)
    groups = [claim for claim in read if len(claim.members) > 1]
    if groups:
        return _group(groups[0], people)
    claims = [replace(m, depth=c.depth) for c in read for m in (c.members or (c,))]
    found_people = _nearest(claims, people)
    if len(found_people) > 1:
        names = ", ".join(sorted(person.student for person in found_people))
        return f"It fits several people of the roster: {names}."
    for person, claim in found_people.items():
        user, claim = _user(claim, people), _whole(claim, read)
        if claim.layout == "moodle" and person.handed_in:  # the grading worksheet knows best
            claim = replace(claim, time=person.handed_in)
        return Owner(person.student, claim, user=user)
    for claim in claims:
        if group := [p for name in claim.names for p in people.group(name)]:
            return _joint(sorted({p.student for p in group}), claim, safe_id(group[0].group))
    return _by_account(found, people) if not read else _not_listed(read)


def _nearest(claims: Sequence[Ownership], people: Roster) -> dict[Person, Ownership]:
    """Whom the claims name, by the outermost part of the path that names anybody."""
    for depth in sorted({claim.depth for claim in claims}):
        here = [claim for claim in reversed(claims) if claim.depth == depth]
        by_id = {p: claim for claim in here for p in people.whom(claim.ids, ())}
        if found := by_id or {p: claim for claim in here for p in people.whom((), claim.names)}:
            return found
    return {}


def _user(claim: Ownership, people: Roster) -> str:
    """The id that the roster knows, else the LMS's own; a folder's name is no id of an LMS's."""
    ids = claim.ids if claim.names and claim.layout != "folder" else ()
    return next((i for i in ids if people.whom([i], ())), ids[0] if ids else "")


def _whole(claim: Ownership, read: Sequence[Ownership]) -> Ownership:
    """The submission's claim, with its time, where the person's was in its list of members."""
    return next((c for c in read if replace(claim, depth=0) in c.members), claim)


def _unlisted(claim: Ownership) -> Owner | str:
    """Without a roster the LMS's own id is the student's."""
    members = [_own_id(member) for member in claim.members or (claim,)]
    if not all(members):
        return _NOBODY
    if len(members) > 1:
        return _joint(sorted(set(members)), claim)
    return Owner(members[0], claim)


def _own_id(claim: Ownership) -> str:
    return next((name for text in (*claim.ids, *claim.names) if (name := safe_id(text))), "")


def _group(claim: Ownership, people: Roster) -> Owner | str:
    """People who handed in together: one submission, called after all of them."""
    found = [people.whom(member.ids, member.names) for member in claim.members]
    if any(len(persons) != 1 for persons in found):
        return "It is from a group, and not everybody in it is in the roster once."
    members: list[Person] = [person for persons in found for person in persons]
    return _joint(sorted({person.student for person in members}), claim)


def _joint(members: Sequence[str], claim: Ownership, name: str = "") -> Owner:
    name = name or "+".join(members)
    if len(name) > _LONGEST:
        name = f"group-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return Owner(name, claim, tuple(members)) if len(members) > 1 else Owner(members[0], claim)


def _not_listed(read: Sequence[Ownership]) -> str:
    first = next((claim for claim in read if claim.sure), read[0])
    people = first.members or (first,)
    named = dict.fromkeys(name for claim in people for name in (*claim.names, *claim.ids))
    return f"The roster has nobody who is called {' or '.join(named)}."


def _by_account(found: IncomingFile, people: Roster) -> Owner | str:
    """A file without any name: the Colab account that ran all of it, if the roster knows it."""
    try:
        names = {str(json.loads(name)) for name in _ACCOUNT.findall(found.read())}
    except (Refusal, ValueError):
        return _NOBODY
    persons = people.whom((), names)
    if len(names) != 1 or len(persons) != 1:
        return _NOBODY
    person = next(iter(persons))
    note = "Whose file this is was told by the Colab account in it alone."
    return Owner(person.student, Ownership("account"), review=(note,))
