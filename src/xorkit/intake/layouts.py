"""Whose a file is and when it was handed in, by the names that each LMS gives its downloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import yaml

from xorkit.intake.archives import IncomingFile
from xorkit.intake.cells import as_mapping
from xorkit.intake.reading import Refusal

GRADESCOPE_LIST = "submission_metadata.yml"
_CANVAS = re.compile(r"(?P<name>[^/]*?)_(?P<late>LATE_)?(?P<id>\d+)_(?P<file>\d+)_(?P<rest>.+)")
_CANVAS_ANONYMOUS = re.compile(r"(?P<late>LATE_)?anon_(?P<id>[A-Za-z0-9]+)_(?P<file>\d+)_.+")
_MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_[a-z]+(?:_.*)?")
# The word between the user and the time is "attempt" in the instructor's language.
_BLACKBOARD = re.compile(
    r"(?P<who>.+?)_(?P<word>[^\W\d_][^_\d]*)_(?P<time>\d{4}(?:-\d\d){5})(?:_.*|\.txt)"
)
_ILIAS = re.compile(r"(?P<last>[^_]+)_(?P<first>[^_]+)_(?P<login>[^/]+)")
_COPY = re.compile(r"^(?:copy of |kopie von |copie de |copia de )+", re.IGNORECASE)
_NUMBER = re.compile(r"\s*\(\d+\)$|-\d+$")
# Folders that archives and tools put around the students' own.
_WRAPPERS = ("submitted", "submissions", "downloaded", "extracted", "archive")
# Names under which a notebook can hide; files of other names only count where there is none.
_LIKELY = (".ipynb", ".json", ".txt", ".py")
# Of notebooks, and of what is handed in instead of one; other dots can belong to a name.
_ENDINGS = re.compile(
    r"(?:\.(?:ipynb|json|txt|py|zip|pdf|html?|docx?|odt|rtf|png|jpe?g|url|webloc|rar|7z|gz))+$",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"(?:untitled|unbenannt|notebook|colab|submission|solution)\W*\d*", re.I)


@dataclass(frozen=True)
class Ownership:
    """One way to read a file's place: whom it names, when and in which turn it was handed in.

    `ids` are known to the LMS or the course, `names` are how a person is called; `members` are
    the claims of those who handed in together. `depth` is how far in the path it was read: what
    lies deeper is of the learner's making. An unsure claim only counts for whom a roster knows.
    """

    layout: str
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    time: datetime | None = None
    turn: int = 0
    late: bool | None = None
    members: tuple[Ownership, ...] = ()
    depth: int = 0
    sure: bool = True


@dataclass(frozen=True)
class Collection:
    """What has to be known of a whole download to read one file's place in it."""

    assignment: str
    submitters: Mapping[str, Ownership] = field(default_factory=dict)
    usernames: Mapping[str, str] = field(default_factory=dict)
    wrapper: str = ""
    ilias: int = -1  # how deep in the paths ILIAS's folders stand
    depth: int = -1  # how deep in the paths an LMS's names stand in at least half of them


def survey(assignment: str, files: Sequence[IncomingFile], root: str) -> Collection:
    """Read what a download says about itself; a damaged list counts as none."""
    folders = {found.parts[0] for found in files if len(found.parts) > 1}
    names = {PurePosixPath(root).stem.casefold(), assignment.casefold(), *_WRAPPERS}
    only = next(iter(folders)) if len(folders) == 1 else ""
    wrapper = only if only.casefold() in names else ""
    lists = [found for found in files if found.name == GRADESCOPE_LIST]
    listed = min(lists, key=lambda found: len(found.parts), default=None)
    collection = Collection(
        assignment,
        submitters=_gradescope_list(listed) if listed else {},
        usernames=dict(_blackboard_users(files, wrapper)),
        wrapper=wrapper,
        ilias=_ilias_depth(files, wrapper),
    )
    return replace(collection, depth=_usual_depth(files, collection))


def _blackboard_users(files: Sequence[IncomingFile], wrapper: str) -> Iterator[tuple[str, str]]:
    """What the texts beside the submissions tell; deeper ones are of a learner's making."""
    for found in files:
        match = _BLACKBOARD.fullmatch(found.name)
        if match and is_list(found) and len(_inside(found.parts, wrapper)) == 1:
            yield match["who"], _blackboard_user(found, match["who"])


def _usual_depth(files: Sequence[IncomingFile], collection: Collection) -> int:
    """So deep that a learner's own folder, called as an LMS would, is never taken for the LMS's."""
    depths = []
    for found in files:
        if not is_list(found):
            read = (claim for claim in _read(found, collection) if claim.layout != "folder")
            depths.append(min((claim.depth for claim in read), default=1 << 30))
    usual = sorted(depths)[(len(depths) - 1) // 2] if depths else -1
    return usual if usual < 1 << 30 else -1


def _ilias_depth(files: Sequence[IncomingFile], wrapper: str) -> int:
    """Where every folder is called Nachname_Vorname_login, the names mostly with capitals."""
    paths = [_inside(found.parts, wrapper) for found in files]
    paths = [parts for parts in paths if len(parts) > 1 or ".ipynb" in parts[-1]]
    number = {-1: 0}
    for depth in range(min((len(parts) - 1 for parts in paths), default=0)):
        folders = {parts[depth] for parts in paths}
        people = [match for folder in folders if (match := _ILIAS.fullmatch(folder))]
        capitals = sum(not (m["last"][0].islower() or m["first"][0].islower()) for m in people)
        if len({m["login"] for m in people}) == len(folders) <= 2 * capitals:
            number[depth] = len(folders)
    return max(number, key=lambda depth: number[depth])  # an outer folder can be called so as well


def _inside(parts: tuple[str, ...], wrapper: str) -> tuple[str, ...]:
    return parts[1:] if wrapper and parts[0] == wrapper and len(parts) > 1 else parts


def is_list(found: IncomingFile) -> bool:
    """Whether a file belongs to the download, not to a learner."""
    matched = _BLACKBOARD.fullmatch(found.name)
    return found.name == GRADESCOPE_LIST or bool(
        matched and found.name.endswith(f"_{matched['time']}.txt")
    )


def of_learners(files: Sequence[IncomingFile]) -> list[IncomingFile]:
    """The files without the download's own lists; an attempt that has no file has its text."""
    own = [found for found in files if not is_list(found)]
    attempts = {_attempt(found) for found in own}
    texts = (found for found in files if is_list(found) and found.name != GRADESCOPE_LIST)
    return own + [found for found in texts if _attempt(found) not in attempts]


def _attempt(found: IncomingFile) -> str:
    """What is the same in the names of all files of one attempt in Blackboard."""
    match = _BLACKBOARD.fullmatch(found.name)
    return found.name[: match.end("time")] if match else ""


def claims(found: IncomingFile, collection: Collection) -> tuple[Ownership, ...]:
    """All ways to read whose this file is, the likeliest first; none where it says nothing."""
    read = _read(found, collection)
    by_lms = {c for c in read if c.sure and c.layout != "folder" and c.depth <= collection.depth}
    sure = by_lms or {claim for claim in read if claim.sure and claim.layout == "folder"}
    return tuple(replace(claim, sure=claim in sure) for claim in read)


def _read(found: IncomingFile, collection: Collection) -> tuple[Ownership, ...]:
    """What each layout reads in the outermost part of the path that looks like its own."""
    parts = _inside(found.parts, collection.wrapper)
    return tuple(claim for layout in _LAYOUTS for claim in layout(parts, collection))


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
            who, time = match["who"], _blackboard_time(match["time"])
            told = collection.usernames.get(who)
            pieces = who.split("_")
            users = [told] if told else ["_".join(pieces[i:]) for i in range(1, len(pieces))]
            for user in users or [who]:
                yield Ownership("blackboard", (user,), time=time, depth=depth)
            return


def _blackboard_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _blackboard_user(found: IncomingFile, who: str) -> str:
    """The username that the text beside a submission has in brackets; "" where it has none."""
    try:
        first = found.read()[:1000].decode("utf-8", "replace").partition("\n")[0]
    except Refusal:
        return ""
    brackets = re.findall(r"\(([^()]+)\)\s*$", first)
    return brackets[-1] if brackets and who.endswith(f"_{brackets[-1]}") else ""


def _canvas(parts: tuple[str, ...], _collection: Collection) -> Iterator[Ownership]:
    for depth, part in enumerate(parts):
        start, pattern = 0, _CANVAS
        if _CANVAS_ANONYMOUS.fullmatch(part):
            pattern = _CANVAS_ANONYMOUS
        while match := pattern.fullmatch(part[start:]):
            names = (part[: start + match.end("name")],) if pattern is _CANVAS else ()
            turn, late = int(match["file"]), bool(match["late"])
            yield Ownership("canvas", (match["id"],), names, turn=turn, late=late, depth=depth)
            start += match.start("id")  # a name may end in a number itself: read on
        if start:
            return


def _ilias(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    depth = collection.ilias
    if 0 <= depth < len(parts) - 1 and (match := _ILIAS.fullmatch(parts[depth])):
        name = f"{match['first']} {match['last']}"
        yield Ownership("ilias", (match["login"], parts[depth]), (name,), depth=depth)


def _drive(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    """Google Classroom's "Jane Doe - xor.ipynb", Google Forms' "xor - Jane Doe.ipynb"."""
    stem = stem_of(parts[-1])
    first, dash, last = stem.partition(" - ")
    if not dash:
        return
    depth = len(parts) - 1
    person, _, file = stem.rpartition(" - ")
    if _is_file_name(first, collection.assignment):
        yield Ownership("drive", names=(last,), depth=depth)
    elif _is_file_name(file, collection.assignment):
        yield Ownership("drive", names=(person,), depth=depth)
    else:
        yield Ownership("drive", names=(person,), depth=depth, sure=False)
        yield Ownership("drive", names=(last,), depth=depth, sure=False)


def _folder(parts: tuple[str, ...], collection: Collection) -> Iterator[Ownership]:
    """A folder for each student, or files that are called after them."""
    usual = {collection.assignment.casefold(), ""}
    own = True
    for depth, folder in enumerate(parts[:-1]):
        if not folder.lower().endswith(".zip") and folder.casefold() not in usual:
            yield Ownership("folder", (folder,), (folder,), depth=depth, sure=own)
            own = False
    stem = _NUMBER.sub("", _COPY.sub("", stem_of(parts[-1])))
    name = re.escape(collection.assignment)
    stem = re.sub(rf"^{name}[\s_.-]+|[\s_.-]+{name}$", "", stem, flags=re.IGNORECASE)
    if not _is_file_name(stem, collection.assignment) and not _NO_NAME.fullmatch(stem):
        # A picture or a list that lies about is nobody's, unless the roster knows its name.
        own = own and is_likely(parts[-1])
        yield Ownership("folder", (stem,), (stem,), depth=len(parts) - 1, sure=own)


_LAYOUTS: tuple[Callable[[tuple[str, ...], Collection], Iterator[Ownership]], ...] = (
    _gradescope,
    _moodle,
    _blackboard,
    _canvas,
    _ilias,
    _drive,
    _folder,
)


def is_likely(name: str) -> bool:
    """Whether a file of this name may be a notebook."""
    return "." not in name or name.lower().endswith(_LIKELY)


def stem_of(name: str) -> str:
    return _ENDINGS.sub("", name)


def _is_file_name(text: str, assignment: str) -> bool:
    """Whether this is what the file is called, not the person: "Copy of xor (1)"."""
    plain = _NUMBER.sub("", _COPY.sub("", text.strip()))
    return plain.casefold() == assignment.casefold()


class _RubyLoader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """A safe loader that reads what Ruby wrote: tags it does not know are plain values."""


def _untagged(loader: Any, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_RubyLoader.add_multi_constructor("!", _untagged)


def _gradescope_list(found: IncomingFile) -> Mapping[str, Ownership]:
    """The claim of every submission in Gradescope's list, by its folder's name."""
    try:
        listed = as_mapping(_RubyLoader(found.read()).get_single_data())
    except (Refusal, yaml.YAMLError, RecursionError, ValueError):
        return {}
    claims = ((str(folder), _submission(as_mapping(about))) for folder, about in listed.items())
    return {name: claim for name, claim in claims if re.fullmatch(r"submission_\d+", name)}


def _submission(about: Mapping[Any, Any]) -> Ownership:
    keys = {str(key).lstrip(":"): value for key, value in about.items()}
    people, time = keys.get("submitters"), keys.get("created_at")
    members = tuple(map(_submitter, people)) if isinstance(people, list) else ()
    if not isinstance(time, datetime):
        return Ownership("gradescope", members=members)
    in_utc = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    return Ownership("gradescope", time=in_utc, members=members)


def _submitter(person: object) -> Ownership:
    about = {str(key).lstrip(":"): str(value) for key, value in as_mapping(person).items() if value}
    ids = tuple(about[key] for key in ("sid", "email") if key in about)
    return Ownership("gradescope", ids, tuple(about[key] for key in ("name",) if key in about))
