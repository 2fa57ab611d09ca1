"""Whose a file is and when it was handed in, by the names that each LMS gives its downloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import PurePosixPath

from xorkit.intake import clock, gradescope
from xorkit.intake.archives import IncomingFile
from xorkit.intake.reading import Refusal

# A text or a link that is typed in has no number of a file.
_CANVAS = re.compile(
    r"(?P<name>[^/]*?)_(?P<late>LATE_)?(?P<id>\d+)_(?:(?P<file>\d+)_.+|(?:text|link)\.html)"
)
# Canvas counts all files of all its courses: less is a date, "task_05_2026_me.ipynb", or a version.
_CANVAS_DIGITS = 5
_CANVAS_ANONYMOUS = re.compile(
    r"(?P<name>)(?P<late>LATE_)?anon_(?P<id>[A-Za-z0-9]+)_(?P<file>\d+)_.+"
)
# The first such place is the LMS's: what comes behind it is what the learner calls the file.
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_[a-z]+(?:_.*)?")
# The word between the user and the time is "attempt" in the instructor's language.
_BLACKBOARD = re.compile(
    r"(?P<attempt>(?P<who>.+?)_[^\W\d_][^_\d]*_(?P<time>\d{4}(?:-\d\d){5}))(?:_.*|\.txt)"
)
# Two numbers (the user's, the folder's), the name and the local time.
_BRIGHTSPACE = re.compile(
    r"(?P<attempt>(?P<id>\d+)-\d+ ?- (?P<name>.+?) ?- (?P<date>[^-]*\d{4})"
    r" (?P<hour>\d{1,2})(?P<minute>\d\d)(?P<half> [AP]M)?)(?: ?- .+)?"
)
_SAKAI = re.compile(r"(?P<name>[^,()]+,[^()]*)\((?P<id>[^()\s]+)\)(?:_.+)?")
# Of nbgrader's exchange: user, assignment, time, and since 0.9 a secret.
_NBGRADER = re.compile(
    r"(?P<attempt>(?P<id>[^+]+)\+[^+]+\+(?P<time>\d{4}-\d\d-\d\d [^+]+))(?:\+.+)?"
)
# The zone after a time of day at the end of a line: "Date Submitted: … 4:49:41 PM EDT".
_SAID_ZONE = re.compile(
    r"\d:\d\d(?: ?[ap]\.?m\.?)? +((?:UTC|GMT)?[+-]\d{1,2}:?(?:\d\d)?|[A-Z]{1,5})\s*$",
    re.IGNORECASE | re.MULTILINE,
)
# The times of all files that one download wrote lie within this of each other.
_ONE_DOWNLOAD = timedelta(minutes=10)
# A local time that was read in the wrong zone is off by no more than this.
_ANY_ZONE = timedelta(hours=26)
_ILIAS = re.compile(r"(?P<last>[^_]+)_(?P<first>[^_]+)_(?P<login>[^/]+)")
# What Google Drive and the systems of the machines put around the name of a copy.
_COPY = re.compile(
    r"^(?:(?:copy of|kopie(?: von| van)?|copie de|c[oòó]pia d[ei]|kopia(?: av)?|kopi a[fv]|копия"
    r"|копія) )+"
    r"|(?: ?(?:のコピー|의 사본|的?副本)| dosyasının kopyası"
    r"|(?: -)? (?:copy|kopie|copie|c[oó]pia|kopia|kopi|копия|копія|コピー|복사본)"
    r"(?: ?\(?\d+\)?)?)+$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\s*\(\d+\)$|-\d+$")
# Folders that archives and tools put around the students' own.
_WRAPPERS = ("submitted", "submissions", "downloaded", "extracted", "archive")
_TASK = re.compile(
    r"(?:hw|homework|ps|lab|ex|exercise|assignment|task|week|unit|abgabe|aufgabe|blatt|übung)[\W_]*\d*",
    re.IGNORECASE,
)
# What learners call the folders of their own tries.
_TRY = re.compile(
    r"(?:.*[\W_])?(?:v|version|versuch|attempt|try|week|part|old|new|final|draft|backup)[\W_]*\d*",
    re.IGNORECASE,
)
# The same where nothing else is there: "final_v2", but not "jdoe_v2".
_TRIES = re.compile(
    r"(?:(?:v|version|versuch|attempt|try|old|new|final|draft|backup)[\W_\d]*)+", re.I
)
_VERSION = re.compile(r"version (\d{1,9})", re.IGNORECASE)  # Microsoft Teams' folder of an attempt
# What Sakai puts into a learner's folder itself.
_OF_SAKAI = ("timestamp.txt", "comments.txt", "feedbackText.html")
# Names under which a notebook can hide; files of other names only count where there is none.
_LIKELY = (".ipynb", ".json", ".txt", ".py")
# Of notebooks, and of what is handed in instead of one; other dots can belong to a name.
_ENDINGS = re.compile(
    r"(?:\.(?:ipynb|json|txt|py|zip|pdf|html?|docx?|odt|rtf|png|jpe?g|url|webloc|rar|7z|gz))+$",
    re.IGNORECASE,
)
_INSTEAD = re.compile(r"\.(?:pdf|html?|docx?|odt|rtf|url|webloc|rar|7z|gz)$", re.IGNORECASE)
_NO_NAME = re.compile(r"(?:untitled|unbenannt|notebook|colab|submission|solution)\W*\d*", re.I)


@dataclass(frozen=True)
class Ownership:
    """One way to read a file's place: whom it names, when and in which turn it was handed in.

    `ids` are known to the LMS or the course, `names` are how a person is called; `members` are
    the claims of those who handed in together. `turn` is a number of the LMS's that grows with each
    hand-in, `attempt` is the same for all files of one. `depth` is how far in the path it was read:
    what lies deeper is of the learner's making. An unsure claim only counts for whom a roster
    knows.
    """

    layout: str
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    time: datetime | None = None
    turn: int = 0
    attempt: str = ""
    late: bool | None = None
    members: tuple[Ownership, ...] = ()
    depth: int = 0
    sure: bool = True


@dataclass(frozen=True)
class Collection:
    """What has to be known of a whole download to read one file's place in it."""

    assignment: str
    submitters: Mapping[str, Ownership] = field(default_factory=dict)
    usernames: Mapping[str, str] = field(default_factory=dict)  # by what Blackboard puts in front
    zones: Mapping[str, str] = field(default_factory=dict)  # as Blackboard says them, by attempt
    times: Mapping[tuple[str, ...], datetime] = field(default_factory=dict)  # Sakai's, by folder
    zone: tzinfo | None = None  # of local times that nothing else is said of
    ilias: int = -1  # how deep in the paths ILIAS's folders stand
    depth: int = 0  # how deep in the paths the learners' folders stand: above, those of the class
    several: bool = False  # whether there are several such folders


OwnedFile = tuple[IncomingFile, tuple[Ownership, ...]]


def readings(
    assignment: str, files: Sequence[IncomingFile], root: str, zone: tzinfo | None = None
) -> list[OwnedFile]:
    """Every learner's file of one download with all ways to read whose it is, the likeliest first.

    What the download says about itself counts: Gradescope's list, Blackboard's texts, nbgrader's
    timestamp.txt; a damaged one counts as none. Local times are of `zone`, or of this machine's.
    """
    collection = _survey(assignment, files, root, zone)
    read = [(found, _read(found, collection)) for found in _of_learners(files)]
    usual = _usual_depth(read)
    return list(_timed([(found, _ranked(claims, usual)) for found, claims in read]))


def _survey(
    assignment: str, files: Sequence[IncomingFile], root: str, zone: tzinfo | None
) -> Collection:
    depth = _class_depth(assignment, files, root)
    lists = [found for found in files if found.name == gradescope.LIST]
    listed = min(lists, key=lambda found: len(found.parts), default=None)
    texts = list(_blackboard_texts(files, depth))
    return Collection(
        assignment,
        submitters=_gradescope_list(listed) if listed else {},
        usernames={match["who"]: _username(text, match["who"]) for match, text in texts},
        zones={match["attempt"]: _said_zone(text) for match, text in texts},
        times={found.parts[:-1]: time for found in files if (time := _sakai_time(found))},
        zone=zone,
        ilias=_ilias_depth(files),
        depth=depth,
        several=len({f.parts[depth] for f in files if len(f.parts) > depth + 1}) > 1,
    )


def _class_depth(assignment: str, files: Sequence[IncomingFile], root: str) -> int:
    """How many folders of the class stand around the learners' own.

    Such a one is called as tools call it, or holds the folders of several learners, each called
    otherwise. A folder in which notebooks lie, or tries at one, is a learner's.
    """
    generic = {PurePosixPath(root).stem.casefold(), assignment.casefold(), *_WRAPPERS}
    work = [found.parts for found in files if is_work(found.name)]
    notebooks = [parts for parts in work if is_notebook(parts[-1])]
    folders = {found.parts[0] for found in files if len(found.parts) > 1}
    top = folders.pop() if len(folders) == 1 else ""
    depth = int(top.casefold() in generic or bool(_TASK.fullmatch(top)))
    while notebooks and all(len(parts) > depth + 1 for parts in notebooks):
        in_folders = {
            p[: depth + 2]: _person(p[depth + 1], assignment) for p in work if len(p) > depth + 2
        }
        as_files = {
            p: _person(p[-1], assignment, of_file=True) for p in notebooks if len(p) == depth + 2
        }
        inside = in_folders | as_files
        people = {name.casefold() for name in inside.values() if name}
        if len({parts[: depth + 1] for parts in inside}) == len(inside) or len(people) < len(
            inside
        ):
            break
        depth += 1
    return depth


def _person(name: str, assignment: str, *, of_file: bool = False) -> str:
    """Whom a folder (or zip) is called after, or a file "jdoe_task.ipynb"; "" where nobody."""
    stem = stem_of(name) if of_file or name.lower().endswith(".zip") else name
    stem = _NUMBER.sub("", _COPY.sub("", stem))
    person = _without(assignment, r"[\s_.-]+", stem)
    if _is_file_name(person, assignment) or _NO_NAME.fullmatch(person) or _TRY.fullmatch(person):
        return ""
    return "" if of_file and person == stem else person


def _usual_depth(read: Iterable[OwnedFile]) -> int:
    """So deep that a learner's own folder, called as an LMS would, is never taken for the LMS's."""
    depths = (
        min((c.depth for c in claims if c.layout != "folder" and c.sure), default=1 << 30)
        for found, claims in read
        if not is_list(found)
    )
    usual = sorted(depths)
    middle = usual[(len(usual) - 1) // 2] if usual else -1
    return middle if middle < 1 << 30 else -1


def _ranked(claims: tuple[Ownership, ...], usual: int) -> tuple[Ownership, ...]:
    by_lms = {c for c in claims if c.sure and c.layout != "folder" and c.depth <= usual}
    folders = (c for c in claims if c.layout == "folder" and c.depth >= usual)
    sure = by_lms or {claim for claim in folders if claim.sure}
    return tuple(replace(claim, sure=claim in sure) for claim in claims)


def _timed(read: Sequence[OwnedFile]) -> Iterator[OwnedFile]:
    """The readings with the times that nothing in a name says: Moodle's zips, timestamp.txt."""
    moodle: dict[tuple[str, ...], list[datetime]] = {}
    stamps: dict[tuple[str, ...], datetime | None] = {}
    for found, claims in read:
        layout = claims[0].layout if claims else ""
        if layout == "moodle" and found.modified:
            moodle.setdefault(claims[0].ids, []).append(found.modified)
        if layout == "folder" and found.name == "timestamp.txt" and not _is_packed(found):
            stamps[found.parts[:-1]] = _timestamp(found)
    of_moodle = {ids: max(times) for ids, times in moodle.items()}
    packed = [found.packed for found, _ in read if found.packed]
    if not _are_hand_in_times(list(of_moodle.values()), max(packed, default=None)):
        of_moodle = {}
    beside = {found.parts[:-1] for found, _ in read if found.name != "timestamp.txt"}
    for found, claims in read:
        stamp = None if _is_packed(found) else stamps.get(found.parts[:-1])
        if stamp and found.name == "timestamp.txt" and found.parts[:-1] in beside:
            continue  # it has said what it says
        yield (
            found,
            tuple(
                replace(claim, time=of_moodle.get(claim.ids))
                if claim.layout == "moodle"
                else replace(claim, time=stamp if claim.layout == "folder" else claim.time)
                for claim in claims
            ),
        )


def _is_packed(found: IncomingFile) -> bool:
    """Whether it lies in an archive of the learner's own, where a time would be theirs, too."""
    return any(part.lower().endswith(".zip") for part in found.parts[:-1])


def _are_hand_in_times(times: Sequence[datetime], packed: datetime | None) -> bool:
    """Whether Moodle's zip has the times of the hand-ins: newer ones have the download's instead.

    Those are all alike; a single learner's is near the time at which the zip itself was written.
    """
    if len(times) > 1:
        return max(times) - min(times) > _ONE_DOWNLOAD
    return packed is not None and bool(times) and packed - times[0] > _ANY_ZONE


def _timestamp(found: IncomingFile) -> datetime | None:
    """What nbgrader's timestamp.txt says."""
    try:
        return _utc(found.read()[:100].decode("utf-8").strip())
    except (Refusal, ValueError):
        return None


def _utc(text: str) -> datetime | None:
    """A time as nbgrader writes it; it says UTC, or another zone."""
    from nbgrader.utils import parse_utc

    try:
        return parse_utc(text).replace(tzinfo=UTC) if text else None
    except (ValueError, OverflowError):
        return None


def _blackboard_texts(
    files: Sequence[IncomingFile], depth: int
) -> Iterator[tuple[re.Match[str], str]]:
    """The texts beside the submissions; deeper ones are of a learner's making."""
    for found in files:
        match = _BLACKBOARD.fullmatch(found.name)
        if match and is_list(found) and len(found.parts) <= depth + 1:
            with suppress(Refusal):
                yield match, found.read()[:1000].decode("utf-8", "replace")


def _username(text: str, who: str) -> str:
    """What stands in brackets at the end of the first line; "" where that is no username."""
    brackets = re.findall(r"\(([^()]+)\)\s*$", text.partition("\n")[0])
    return brackets[-1] if brackets and who.endswith(f"_{brackets[-1]}") else ""


def _said_zone(text: str) -> str:
    said = _SAID_ZONE.search(text)
    return said[1].upper() if said else ""


def _ilias_depth(files: Sequence[IncomingFile]) -> int:
    """Where every folder is called Nachname_Vorname_login, the names mostly with capitals."""
    paths = [found.parts for found in files if len(found.parts) > 1 or is_notebook(found.name)]
    number = {-1: 0}
    for depth in range(min((len(parts) - 1 for parts in paths), default=0)):
        folders = {parts[depth] for parts in paths}
        people = [match for folder in folders if (match := _ILIAS.fullmatch(folder))]
        capitals = sum(not (m["last"][0].islower() or m["first"][0].islower()) for m in people)
        if len({m["login"] for m in people}) == len(folders) <= 2 * capitals:
            number[depth] = len(folders)
    return max(number, key=lambda depth: number[depth])  # an outer folder can be called so as well


def is_list(found: IncomingFile) -> bool:
    """Whether a file belongs to the download, not to a learner."""
    matched = _BLACKBOARD.fullmatch(found.name)
    return found.name == gradescope.LIST or bool(
        matched and found.name.endswith(f"_{matched['time']}.txt")
    )


def _of_learners(files: Sequence[IncomingFile]) -> list[IncomingFile]:
    """The files without the download's own lists; an attempt that has no file has its text."""
    of_brightspace = {f for f in files if any(map(_BRIGHTSPACE.fullmatch, f.parts))}
    own = [
        found
        for found in files
        if not (is_list(found) or _is_sakai_s(found))
        and not (of_brightspace and found.name == "index.html" and found not in of_brightspace)
    ]
    attempts = {_attempt(found) for found in own}
    texts = (found for found in files if is_list(found) and found.name != gradescope.LIST)
    return own + [found for found in texts if _attempt(found) not in attempts]


def _is_sakai_s(found: IncomingFile) -> bool:
    """Whether Sakai or the instructor has put it into a learner's folder."""
    *above, folder, below = ("", "", *found.parts)[-3:]
    if _SAKAI.fullmatch(folder):
        return below in _OF_SAKAI
    return bool(_SAKAI.fullmatch(above[0])) and folder.lower().startswith("feedback attachment")


def _sakai_time(found: IncomingFile) -> datetime | None:
    """What Sakai's timestamp.txt says: 17 digits down to milliseconds, or ISO 8601."""
    if not _is_sakai_s(found) or found.name != "timestamp.txt":
        return None
    try:
        text = found.read()[:100].decode("utf-8").strip()
        time = datetime.strptime(text[:14], "%Y%m%d%H%M%S") if text.isdigit() else None
        time = time or datetime.fromisoformat(text)
    except (Refusal, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _attempt(found: IncomingFile) -> str:
    """What is the same in the names of all files of one attempt in Blackboard."""
    match = _BLACKBOARD.fullmatch(found.name)
    return match["attempt"] if match else ""


def _read(found: IncomingFile, collection: Collection) -> tuple[Ownership, ...]:
    """What each layout reads in the outermost part of the path that looks like its own."""
    return tuple(claim for layout in _LAYOUTS for claim in layout(found.parts, collection))


def _gradescope(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    for depth, part in enumerate(parts):
        if part in collection.submitters:
            yield replace(collection.submitters[part], depth=depth)
            return


def _moodle(parts: tuple[str, ...], _collection: Collection) -> Iterator[Ownership]:
    for depth, part in enumerate(parts):
        if match := _MOODLE.fullmatch(part):
            # Some sites put the username in front; blind marking has a word for the name.
            user, _, name = match["name"].rpartition("_")
            ids = (match["id"], user) if user else (match["id"],)
            yield Ownership("moodle", ids, (name, match["name"]), depth=depth)
            return


def _blackboard(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    for depth, part in enumerate(parts):
        if match := _BLACKBOARD.fullmatch(part):
            who, attempt = match["who"], match["attempt"]
            told = collection.usernames.get(who)
            pieces = who.split("_")
            users = [told] if told else ["_".join(pieces[i:]) for i in range(1, len(pieces))]
            said = collection.zones.get(attempt, "")
            time = _blackboard_time(match["time"], said, collection.zone)
            for user in users or [who]:
                yield Ownership("blackboard", (user,), time=time, attempt=attempt, depth=depth)
            return


def _blackboard_time(text: str, said: str, zone: tzinfo | None) -> datetime | None:
    try:
        local = datetime.strptime(text, "%Y-%m-%d-%H-%M-%S")
        return clock.placed_as_said(local, said, zone)
    except (ValueError, OverflowError):
        return None


def _canvas(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    for depth, part in enumerate(parts):
        if not (match := _CANVAS_ANONYMOUS.fullmatch(part) or _CANVAS.fullmatch(part)):
            continue
        name, file, late = match["name"], match["file"] or "", bool(match["late"])
        doubtful = (file and len(file) < _CANVAS_DIGITS) or _is_no_person(name, collection)
        sure = not (doubtful and _lies_in_own_folder(parts[: depth + 1], collection))
        numbers = [(name, match["id"], file)]
        # A name may end in a number itself, and the ids are the two behind it. Nothing further back
        # is Canvas's: that is what the learner calls the file.
        third = re.match(r"_(\d+)_.", part[match.end("file") :]) if file else None
        if third and name and not late:
            numbers.append((part[: match.end("id")], file, third[1]))
        for name, user, file in numbers:
            names, turn = (name,) if name else (), int(file or 0)
            yield Ownership("canvas", (user,), names, None, turn, "", late, (), depth, sure)
        return


def _ilias(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    depth = collection.ilias
    if 0 <= depth < len(parts) - 1 and (match := _ILIAS.fullmatch(parts[depth])):
        name = f"{match['first']} {match['last']}"
        yield Ownership("ilias", (match["login"], parts[depth]), (name,), depth=depth)


def _brightspace(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    for depth, part in enumerate(parts):
        if match := _BRIGHTSPACE.fullmatch(part):
            clock_time = f"{match['hour']}:{match['minute']}{match['half'] or ''}"
            time = clock.parsed_time(match["date"], clock_time, collection.zone)
            ids, names, attempt = (match["id"],), (match["name"],), match["attempt"]
            yield Ownership("brightspace", ids, names, time, attempt=attempt, depth=depth)
            return


def _sakai(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    for depth, part in enumerate(parts):
        if match := _SAKAI.fullmatch(part):
            time = collection.times.get(parts[: depth + 1])
            yield Ownership("sakai", (match["id"],), (match["name"],), time=time, depth=depth)
            return


def _nbgrader(parts: tuple[str, ...], _collection: Collection) -> Iterator[Ownership]:
    for depth, part in enumerate(parts):
        if match := _NBGRADER.fullmatch(part):
            time, attempt = _utc(match["time"]), match["attempt"]
            yield Ownership("nbgrader", (match["id"],), time=time, attempt=attempt, depth=depth)
            return


def _drive(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    """Google Classroom's "Jane Doe - file.ipynb", Google Forms' "file - Jane Doe.ipynb"."""
    stem = stem_of(parts[-1])
    first, dash, last = stem.partition(" - ")
    if not dash:
        return
    depth = len(parts) - 1
    person, _, file = stem.rpartition(" - ")
    own = _lies_in_own_folder(parts, collection)
    if _is_file_name(stem, collection.assignment):
        return  # "task - Copy.ipynb"
    if _is_file_name(first, collection.assignment):
        sure = not (own and (collection.several or _is_no_person(last, collection)))
        yield Ownership("drive", names=(last,), depth=depth, sure=sure)
    elif _is_file_name(file, collection.assignment):
        sure = not (own and _is_no_person(person, collection))
        yield Ownership("drive", names=(person,), depth=depth, sure=sure)
    else:
        yield Ownership("drive", names=(person,), depth=depth, sure=False)
        yield Ownership("drive", names=(last,), depth=depth, sure=False)


def _lies_in_own_folder(parts: tuple[str, ...], collection: Collection) -> bool:
    """Whether a folder around it is called as a learner's: then that is whose it is."""
    depth = len(parts) - 1
    return any(claim.sure and claim.depth < depth for claim in _folder(parts, collection))


def _is_no_person(name: str, collection: Collection) -> bool:
    """Whether this says what a file is, not who wrote it: "task", "final"."""
    return _is_file_name(name, collection.assignment) or any(
        pattern.fullmatch(name) for pattern in (_NO_NAME, _TRIES)
    )


def _folder(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    """A folder or a zip for each student, or files that are called after them."""
    assignment, own = collection.assignment, True
    tries = [int(match[1]) for part in parts[:-1] if (match := _VERSION.fullmatch(part))]
    turn = tries[-1] if tries else 0
    for depth, folder in enumerate(parts[:-1]):
        packed = folder.lower().endswith(".zip")
        person = _person(folder, assignment) if packed else _without(assignment, "[_.-]", folder)
        if person and folder.casefold() != assignment.casefold():
            names = tuple(dict.fromkeys((person, folder)))
            sure = own and depth >= collection.depth
            yield Ownership("folder", names, names, None, turn, str(turn), depth=depth, sure=sure)
            own = own and not sure
    whole = _NUMBER.sub("", _COPY.sub("", stem_of(parts[-1])))
    stem = _without(assignment, r"[\s_.-]+", whole)
    tried = stem != whole and _TRIES.fullmatch(stem)  # "task_final_v2"
    if not (_is_file_name(stem, assignment) or _NO_NAME.fullmatch(stem)):
        # What lies about and is no notebook is nobody's, unless the roster knows its name.
        own = own and not tried and is_likely(parts[-1]) and is_work(parts[-1])
        yield Ownership("folder", (stem,), (stem,), depth=len(parts) - 1, sure=own)


def _without(assignment: str, between: str, name: str) -> str:
    """What stands before or behind the assignment's name."""
    escaped = re.escape(assignment)
    return re.sub(rf"^{escaped}{between}|{between}{escaped}$", "", name, flags=re.IGNORECASE)


_LAYOUTS: tuple[Callable[[tuple[str, ...], Collection], Iterator[Ownership]], ...] = (
    _gradescope,
    _moodle,
    _blackboard,
    _canvas,
    _ilias,
    _brightspace,
    _sakai,
    _nbgrader,
    _drive,
    _folder,
)


def is_notebook(name: str) -> bool:
    """Whether a file is called like a notebook, or like what one is packed in."""
    return ".ipynb" in name.lower() or name.lower().endswith(".zip")


def is_likely(name: str) -> bool:
    """Whether a file of this name may be a notebook."""
    return "." not in name or name.lower().endswith(_LIKELY) or is_notebook(name)


def is_work(name: str) -> bool:
    """Whether a file of this name is handed in as work, be it instead of a notebook.

    Notes, lists, programs and pictures lie beside it.
    """
    likely = is_likely(name) and not name.lower().endswith((".txt", ".py"))
    return likely or bool(_INSTEAD.search(name))


def stem_of(name: str) -> str:
    return _ENDINGS.sub("", name)


def _is_file_name(text: str, assignment: str) -> bool:
    """Whether this is what the file is called, not the person: "Copy of task (1)"."""
    plain = _COPY.sub("", _NUMBER.sub("", _COPY.sub("", text.strip())))
    return plain.casefold() == assignment.casefold()


def _gradescope_list(found: IncomingFile) -> Mapping[str, Ownership]:
    """The claim of every submission in Gradescope's list, by its folder's name."""
    try:
        listed = gradescope.read_list(found.read())
    except (Refusal, gradescope.ListError):
        return {}
    return {
        folder: Ownership(
            "gradescope",
            time=time,
            turn=int(folder.removeprefix("submission_")[:18]),
            attempt=folder,
            members=tuple(map(_submitter, people)),
        )
        for folder, (time, people) in listed.items()
    }


def _submitter(person: Mapping[str, str]) -> Ownership:
    ids = tuple(person[key] for key in ("sid", "email") if key in person)
    return Ownership("gradescope", ids, tuple(person[key] for key in ("name",) if key in person))
