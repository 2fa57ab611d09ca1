"""Files, folders and LMS downloads into `submitted/`, each file rebuilt and its repairs kept."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property, cmp_to_key
from pathlib import Path, PurePosixPath
from typing import Literal

from nbformat import NotebookNode

from xorkit.files import sha256
from xorkit.foreign import first_of
from xorkit.intake.archives import IncomingFile, Opener
from xorkit.intake.layouts import is_likely, is_notebook, is_work, readings
from xorkit.intake.owners import Owner, owner
from xorkit.intake.reading import OtherNotebook, Refusal, read_notebook
from xorkit.intake.rebuilding import RebuiltNotebook, accepted
from xorkit.intake.records import (
    FILE_TIMES,
    LOGS,
    LogEntry,
    Record,
    add_to_log,
    as_bytes,
    as_text,
    read_record,
    write_record,
    write_submission,
    write_times,
)
from xorkit.intake.released import ReleasedNotebook, released
from xorkit.intake.roster import Roster, read_roster
from xorkit.progress import over

_SIDE_FILE = "It is no notebook."
# The course's other folders beside `submitted/`: nothing in there was handed in.
_OF_THE_COURSE = ("autograded", "feedback", "release", "source", LOGS)
Fate = Literal["taken", "unchanged", "not taken", "set aside", "refused", "unplaced"]


@dataclass(frozen=True)
class FileOutcome:
    """What a collection did with one file, whose it is, and why.

    `replaced` names the file whose place it took.
    """

    source: str
    fate: Fate
    student: str = ""
    reason: str = ""
    repairs: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    late: bool | None = None
    replaced: str = ""

    @property
    def name(self) -> str:
        return PurePosixPath(self.source).name


@dataclass(frozen=True)
class CollectReport:
    """What became of every file.

    "unchanged" is what was collected before already; "not taken" another notebook that gives way
    to it, "set aside" a file that is none; "unplaced" are those whose owner is not sure.
    """

    items: tuple[FileOutcome, ...] = ()

    def _with(self, fate: Fate) -> tuple[FileOutcome, ...]:
        return tuple(item for item in self.items if item.fate == fate)

    @property
    def taken(self) -> tuple[FileOutcome, ...]:
        return self._with("taken")

    @property
    def unchanged(self) -> tuple[FileOutcome, ...]:
        return self._with("unchanged")

    @property
    def not_taken(self) -> tuple[FileOutcome, ...]:
        return self._with("not taken")

    @property
    def set_aside(self) -> tuple[FileOutcome, ...]:
        return self._with("set aside")

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        return self._with("refused")

    @property
    def unplaced(self) -> tuple[FileOutcome, ...]:
        return self._with("unplaced")


@dataclass(frozen=True)
class _OwnedFile:
    """A file with its owner, and the number of the download that it came in."""

    found: IncomingFile
    owner: Owner
    download: int

    @property
    def attempt(self) -> tuple[int, str, str]:
        claim = self.owner.claim
        return self.download, claim.layout, claim.attempt

    @cached_property
    def origin(self) -> Record:
        claim = self.owner.claim
        return Record(
            source=self.found.source,
            handed_in=as_text(claim.time),
            modified=as_text(self.found.modified),
            turn=claim.turn,
            lms=claim.layout,
            user=self.owner.user,
            late=claim.late,
            members=self.owner.members,
        )

    def item(self, fate: Fate, reason: str = "") -> FileOutcome:
        student, late = self.owner.student, self.owner.claim.late
        return FileOutcome(self.found.source, fate, student, reason, late=late)


@dataclass(frozen=True)
class _Precedence:
    """What decides which of two notebooks counts."""

    origin: Record
    filled: int


@dataclass(frozen=True)
class _NotebookFile:
    """A file that can be graded."""

    handed: _OwnedFile
    sha256: str
    rebuilt: RebuiltNotebook

    @property
    def name(self) -> str:
        return self.handed.found.name

    @property
    def standing(self) -> _Precedence:
        return _Precedence(self.handed.origin, self.rebuilt.filled)


_Refused = tuple[_OwnedFile, str]  # with the reason


def collect(
    paths: Iterable[Path],
    submitted: Path,
    master: NotebookNode,
    *,
    assignment: str,
    roster: Path | None = None,
    zone: tzinfo | None = None,
) -> CollectReport:
    """Take in everything under these paths; one bad file never stops the rest.

    Writes `submitted/<student>/<assignment>/<assignment>.ipynb`, rebuilt, and `intake.json`
    beside it, which stands alone and says why where all of a student's files were refused; adds
    what was done to the log. Local times (in zips, in names) are of `zone`, or of this machine's.
    Raises FileNotFoundError for a path, ValueError for one of the course's own, or for a roster or
    master that is none.
    """
    people = read_roster(roster, zone) if roster else None
    plan = released(master)
    if not plan.answers:
        raise ValueError("The released notebook has no cell that learners fill.")
    paths = list(paths)
    for path in paths:
        _refuse_own(path, submitted)
    items: list[FileOutcome] = []
    by_student: dict[str, list[_OwnedFile]] = {}
    with Opener(zone) as opener:
        for number, path in enumerate(paths):
            files = list(opener.files(path))
            for found, claims in readings(assignment, files, path.name, zone):
                whose = owner(found, claims, people)
                if isinstance(whose, Owner):
                    handed = _OwnedFile(found, whose, number)
                    by_student.setdefault(whose.student, []).append(handed)
                else:
                    items.append(_unowned(found, whose))
        for student, handed_in in over(sorted(by_student.items()), "collecting"):
            items += _settled(handed_in, submitted / student / assignment, plan, people)
    add_to_log(submitted, assignment, _entries(items))
    return CollectReport(tuple(items))


def _refuse_own(path: Path, submitted: Path) -> None:
    """Raises ValueError for what the course itself has written: it would be taken for learners'."""
    course, here = submitted.resolve().parent, path.resolve()
    own = [submitted.resolve(), *(course / name for name in _OF_THE_COURSE)]
    said = "holds the course itself" if course.is_relative_to(here) else ""
    for folder in own:
        said = f"is the course's own, in {folder.name}/" if here.is_relative_to(folder) else said
    if said:
        raise ValueError(
            f"{path} {said}: not what learners handed in. Wanted: the download of your LMS, or a "
            "folder of its own with the learners' files."
        )


def _entries(items: Iterable[FileOutcome]) -> Iterator[LogEntry]:
    """What the log says of them; of each learner's files that were set aside in one line."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    aside: dict[str, list[str]] = {}
    for item in items:
        if item.fate == "set aside":
            aside.setdefault(item.student, []).append(item.name)
        elif item.fate != "unchanged" or item.reason:
            reason = " ".join(filter(None, [item.reason, *item.review]))
            yield LogEntry(now, item.student, item.source, item.fate, reason, item.replaced)
    for student, names in aside.items():
        yield LogEntry(now, student, first_of(names), "set aside", "No notebooks.")


def _unowned(found: IncomingFile, why: str) -> FileOutcome:
    """What lies about: of notes, lists and pictures nobody need be told."""
    if found.broken:
        return FileOutcome(found.source, "refused", reason=found.broken)
    if is_work(found.name) or _is_json(found):
        return FileOutcome(found.source, "unplaced", reason=why)
    return FileOutcome(found.source, "set aside", reason="It is no notebook, and nobody's.")


def _is_json(found: IncomingFile) -> bool:
    """Whether it is a notebook for all that its name says."""
    try:
        return found.read()[:100].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))
    except Refusal:
        return True


def _settled(
    files: Sequence[_OwnedFile], folder: Path, plan: ReleasedNotebook, people: Roster | None
) -> Iterator[FileOutcome]:
    """What becomes of one student's files."""
    if people is None and _may_be_several_people(files):
        reason = "Several files are called so: several people or several tries? A roster can tell."
        yield from (handed.item("unplaced", reason) for handed in files)
        return
    old = read_record(folder / f"{folder.name}.ipynb")
    users = _users([*(handed.origin for handed in files), old])
    namesakes = _namesakes(users, people)
    for handed in files:
        if handed.origin.user in namesakes:
            yield handed.item("unplaced", namesakes[handed.origin.user])
    files = [handed for handed in files if handed.origin.user not in namesakes]
    best: _NotebookFile | None = None
    failed: list[_Refused] = []
    items: list[FileOutcome] = []
    one_name = [
        f"Handed in under several ids of one name ({lms}: {', '.join(ids)}): is it one person?"
        for lms, ids in users.items()
        if people and not namesakes.keys() & ids
    ]
    review = [*one_name]
    repairs: list[str] = []
    for attempt in _attempts(files):
        if best and best.rebuilt.filled:
            items += [_earlier(handed, best) for handed in attempt]
            continue
        readable, unreadable, aside = _read(attempt, plan)
        failed += unreadable
        items += [handed.item("set aside", reason) for handed, reason in aside]
        if best and readable and readable[0].rebuilt.filled:
            readable.append(best)  # a later attempt, but a blank one
        elif best:
            items += [_earlier(other.handed, best) for other in readable]
            continue
        for other in readable[1:]:
            item, said = _beside(other, readable[0])
            items.append(item)
            # That a copy is blank is no question to a person, that a later attempt is blank is one.
            (review if other.rebuilt.filled or other is best else repairs).extend(said)
        best = readable[0] if readable else None
    refused = [handed.item("refused", reason) for handed, reason in failed]
    if best:
        review += [_not_graded(handed, best.handed.origin) for handed, _ in failed]
        stored = _stored(best, repairs, review, folder, old, plan, namesakes.keys())
        if stored.fate == "not taken":
            _look_again(folder, old, one_name)
        yield stored
    elif failed:
        refused[0] = _noted(*failed[0], folder, old)
    yield from (*refused, *items)


def _users(records: Iterable[Record]) -> Mapping[str, list[str]]:
    """The ids that each LMS gives to those who have one student's name."""
    users: dict[str, set[str]] = {}
    for record in records:
        users.setdefault(record.lms, set()).update(filter(None, [record.user]))
    return {lms: sorted(ids) for lms, ids in users.items() if len(ids) > 1}


def _namesakes(users: Mapping[str, list[str]], people: Roster | None) -> Mapping[str, str]:
    """Whom only a name makes this student, where the roster knows the student by another id."""
    found: dict[str, str] = {}
    for lms, ids in users.items():
        known = [user for user in ids if people and people.whom([user], ())]
        for user in ids if known else ():
            if user not in known:
                found[user] = (
                    f"The name is that of somebody in the roster, the id is not: {user}, where "
                    f"{known[0]} has handed in, too ({lms}). If both are one person: add {user} to "
                    "that row of the roster and collect it again."
                )
    return found


def _may_be_several_people(files: Sequence[_OwnedFile]) -> bool:
    """Whether nothing but a display name, or its likeness to a folder's, makes them one's."""
    claims = [handed.owner.claim for handed in files if is_work(handed.found.name)]
    only_names = any(claim.names and not claim.ids for claim in claims)
    names = {claim.ids[:1] or claim.names[:1] for claim in claims}
    return len(names) > 1 or (only_names and len(claims) > 1)


def _attempts(files: Sequence[_OwnedFile]) -> list[list[_OwnedFile]]:
    """The files of each hand-in, the newest first; what nothing tells apart is one hand-in."""
    groups: dict[object, list[_OwnedFile]] = {}
    for handed in files:
        groups.setdefault(handed.attempt, []).append(handed)
    newest = cmp_to_key(_later)
    first = {
        key: max([h for h in group if is_notebook(h.found.name)] or group, key=newest)
        for key, group in groups.items()
    }
    merged: list[list[_OwnedFile]] = []
    last: _OwnedFile | None = None
    for key in sorted(groups, key=lambda key: newest(first[key]), reverse=True):
        if last and not last.origin.compared(first[key].origin)[0]:
            merged[-1] += groups[key]
        else:
            merged.append(list(groups[key]))
        last = first[key]
    return merged


def _later(one: _OwnedFile, other: _OwnedFile) -> int:
    return one.origin.compared(other.origin)[0]


def _earlier(handed: _OwnedFile, best: _NotebookFile) -> FileOutcome:
    """A file of an attempt before the one that counts: not even read."""
    if not is_likely(handed.found.name):
        return handed.item("set aside", _SIDE_FILE)
    _, by = best.handed.origin.compared(handed.origin)
    return handed.item("not taken", f"It was handed in before {best.handed.found.name}, by {by}.")


def _read(
    attempt: Sequence[_OwnedFile], plan: ReleasedNotebook
) -> tuple[list[_NotebookFile], list[_Refused], list[_Refused]]:
    """The notebooks of one attempt, the one that counts first; what is refused; what is set aside.

    Files that are not called like a notebook are only read where no filled one is.
    """
    readable: list[_NotebookFile] = []
    refused: list[_Refused] = []
    aside: list[_Refused] = []
    others: list[_Refused] = []  # notebooks, but not of this assignment
    side: list[_Refused] = []  # not called like notebooks, and none
    for tier in (2, 1, 0):
        for handed in attempt:
            name = handed.found.name
            if is_notebook(name) + is_likely(name) != tier:
                continue
            if tier < 2 and any(file.rebuilt.filled for file in readable):
                aside.append((handed, _SIDE_FILE))
                continue
            try:
                readable.append(_notebook_file(handed, plan))
            except OtherNotebook as error:
                others.append((handed, str(error)))
            except Refusal as error:
                (refused if is_notebook(name) else side).append((handed, str(error)))
    if readable:
        aside += [(handed, _SIDE_FILE) for handed, _ in side]
    else:
        refused += side
    if any(file.rebuilt.filled for file in readable):
        aside += others
    else:
        refused += others
    readable.sort(key=lambda file: "-checkpoint" in file.name)  # Jupyter's own copies last
    return sorted(readable, key=cmp_to_key(_counts), reverse=True), refused, aside


def _counts(one: _NotebookFile, other: _NotebookFile) -> int:
    return _ranked(one.standing, other.standing, together=True)[0]


def _notebook_file(handed: _OwnedFile, plan: ReleasedNotebook) -> _NotebookFile:
    """Raises Refusal."""
    data = handed.found.read()
    notebook, repairs = read_notebook(data)
    rebuilt = accepted(plan, notebook)
    rebuilt = replace(rebuilt, repairs=(*repairs, *rebuilt.repairs))
    return _NotebookFile(handed, sha256(data), rebuilt)


def _ranked(one: _Precedence, other: _Precedence, *, together: bool) -> tuple[int, str]:
    """Which of two counts (1: the one, -1: the other), and what is said of the one that doesn't.

    A blank one never counts before a filled one. Then the LMS's order counts; of two that were
    handed in together the one with more answers; then the files' times.
    """
    more = one.filled - other.filled
    sign, by = one.origin.compared(other.origin)
    if more and not (one.filled and other.filled):
        return more, "none of its answers is filled in"
    if more and together and (not sign or by == FILE_TIMES):
        fewer, most = sorted([one.filled, other.filled])
        return more, f"{fewer} of its answers are filled in, {most} of the other's"
    return sign, f"it is the earlier one by {by}" if sign else "nothing tells which one is later"


def _beside(other: _NotebookFile, best: _NotebookFile) -> tuple[FileOutcome, list[str]]:
    """What is said of a notebook beside the one that counts, and of both where they differ."""
    if other.sha256 == best.sha256:
        return other.handed.item("set aside", "It is the same file once more."), []
    if other.rebuilt.answers == best.rebuilt.answers:
        return other.handed.item("not taken", f"It holds the same answers as {best.name}."), []
    _, why = _ranked(best.standing, other.standing, together=True)
    item = other.handed.item("not taken", f"It differs from {best.name}, and {why}.")
    names = f"{best.name} was taken, {other.name} was not: {why}"
    return item, [f"Two different notebooks were handed in: {names}."]


def _not_graded(handed: _OwnedFile, counts: Record) -> str:
    """What a person is told of a notebook that can't be read, where another one is graded."""
    if handed.origin.compared(counts)[0] > 0:
        return f"A newer file could not be graded: {handed.found.name}. The one before it was."
    return f"Another file could not be graded: {handed.found.name}."


def _stored(
    best: _NotebookFile,
    repairs: Sequence[str],
    review: Sequence[str],
    folder: Path,
    old: Record,
    plan: ReleasedNotebook,
    namesakes: Container[str] = (),
) -> FileOutcome:
    """The file that counts written into its folder, unless what lies there counts more.

    What lies there from a namesake never does.
    """
    handed, path = best.handed, folder / f"{folder.name}.ipynb"
    new = replace(
        handed.origin,
        sha256=best.sha256,
        repairs=(*repairs, *best.rebuilt.repairs),
        review=(*best.rebuilt.review, *handed.owner.review, *review),
    )
    try:
        later, _ = new.compared(old)
        same = sha256(as_bytes(best.rebuilt.notebook)) == old.notebook
        if old.sha256 == new.sha256 or (same and later <= 0):
            return _unchanged(handed, new, folder, old)
        if path.exists() and old.user not in namesakes:
            kept = _Precedence(old, _filled(path, plan))
            counts, why = _ranked(_Precedence(new, best.rebuilt.filled), kept, together=False)
            if counts <= 0:
                if later > 0:
                    said = f"A newer notebook is blank: {best.name}. The one before it was graded."
                    _look_again(folder, old, [said])
                reason = f"It differs from what was collected before, and {why}."
                if not counts:
                    reason += f" If this one is: delete {folder} and collect it again."
                return handed.item("not taken", reason)
            if later <= 0:
                note = f"A blank notebook was collected before: {best.name} took its place."
                new = replace(new, review=(*new.review, note))
        write_submission(folder, path.name, best.rebuilt.notebook, new)
    except OSError as error:
        return handed.item("refused", f"It could not be written to {folder}: {error}.")
    item = replace(handed.item("taken"), repairs=new.repairs, review=new.review)
    return replace(item, replaced=old.source or (path.name if old.modified else ""))


def _unchanged(handed: _OwnedFile, new: Record, folder: Path, old: Record) -> FileOutcome:
    """What is known already; what the LMS says of its time is noted if it is new."""
    said, before = ((r.handed_in, r.turn, r.late) for r in (new, old))
    if said != before and any(said) and (not any(before) or new.compared(old)[0] > 0):
        write_times(
            folder, replace(old, handed_in=said[0], turn=said[1], late=said[2], lms=new.lms)
        )
        return handed.item("unchanged", "Only its time is new.")
    _look_again(folder, old, new.review)
    return handed.item("unchanged")


def _filled(path: Path, plan: ReleasedNotebook) -> int:
    """How many answers of a submission that lies there already are filled in."""
    if path.is_symlink() or not path.is_file():  # a pipe would be waited for
        return 0
    try:
        return accepted(plan, read_notebook(path.read_bytes())[0]).filled
    except Refusal:
        return 0


def _noted(newest: _OwnedFile, reason: str, folder: Path, old: Record) -> FileOutcome:
    """A refusal kept for the class to know of; an older notebook stays, and a person is told."""
    new, refused = replace(newest.origin, refused=reason), newest.item("refused", reason)
    try:
        if old != Record() and new.compared(old)[0] <= 0:
            return refused
        if any(".ipynb" in path.name for path in folder.glob("*")):
            _look_again(folder, old, [_not_graded(newest, old)])
        elif not newest.owner.review:  # else a guess would put somebody into the class
            write_record(folder, new)
    except OSError as error:
        return replace(refused, reason=f"{reason} It could not be noted: {error}.")
    return refused


def _look_again(folder: Path, old: Record, review: Sequence[str]) -> None:
    """Adds to a kept record why a person should look; what is known already changes nothing."""
    both = tuple(dict.fromkeys([*old.review, *review]))
    if old.notebook and both != old.review:
        write_record(folder, replace(old, review=both))
