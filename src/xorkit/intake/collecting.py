"""Files, folders and LMS downloads into `submitted/`, each file rebuilt and its repairs kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from nbformat import NotebookNode

from xorkit.files import sha256
from xorkit.intake.archives import IncomingFile, Opener
from xorkit.intake.layouts import claims, is_likely, of_learners, survey
from xorkit.intake.owners import Owner, owner
from xorkit.intake.reading import Refusal, read_notebook
from xorkit.intake.rebuilding import RebuiltNotebook, accepted
from xorkit.intake.records import Record, as_text, read_record, write_record, write_submission
from xorkit.intake.released import ReleasedNotebook, released
from xorkit.intake.roster import Roster, read_roster

Fate = Literal["taken", "unchanged", "refused", "unplaced"]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Item:
    """One line of what a collection did: a file, whose it is, and why it ended there."""

    source: str
    fate: Fate
    student: str = ""
    reason: str = ""
    repairs: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    late: bool | None = None


@dataclass(frozen=True)
class CollectReport:
    """What became of every file; `unplaced` are those whose owner is not sure."""

    items: tuple[Item, ...] = ()

    def _with(self, fate: Fate) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.fate == fate)

    @property
    def taken(self) -> tuple[Item, ...]:
        return self._with("taken")

    @property
    def unchanged(self) -> tuple[Item, ...]:
        return self._with("unchanged")

    @property
    def refused(self) -> tuple[Item, ...]:
        return self._with("refused")

    @property
    def unplaced(self) -> tuple[Item, ...]:
        return self._with("unplaced")


@dataclass(frozen=True)
class _Incoming:
    """A file with its owner."""

    found: IncomingFile
    owner: Owner

    @property
    def attempt(self) -> tuple[datetime, int]:
        return self.owner.claim.time or _LONG_AGO, self.owner.claim.turn

    @property
    def rank(self) -> tuple[tuple[datetime, int], datetime]:
        return self.attempt, self.found.modified or _LONG_AGO

    def item(self, fate: Fate, reason: str = "") -> Item:
        student, late = self.owner.student, self.owner.claim.late
        return Item(self.found.source, fate, student, reason, late=late)


@dataclass(frozen=True)
class _NotebookFile:
    """A file that can be graded."""

    handed: _Incoming
    sha256: str
    rebuilt: RebuiltNotebook


def collect(
    paths: Iterable[Path],
    submitted: Path,
    master: NotebookNode,
    *,
    assignment: str,
    roster: Path | None = None,
) -> CollectReport:
    """Take in everything under these paths; one bad file never stops the rest.

    Writes `submitted/<student>/<assignment>/<assignment>.ipynb`, rebuilt, and `intake.json`
    beside it, which stands alone and says why where all of a student's files were refused. Raises
    FileNotFoundError for a path, ValueError for a roster or master that is none.
    """
    people = read_roster(roster) if roster else None
    plan = released(master)
    if not plan.answers:
        raise ValueError("The released notebook has no cell that learners fill.")
    items: list[Item] = []
    handed: dict[str, list[_Incoming]] = {}
    with Opener() as opener:
        for path in paths:
            for found in _owned(list(opener.files(path)), path.name, assignment, people):
                if isinstance(found, Item):
                    items.append(found)
                else:
                    handed.setdefault(found.owner.student, []).append(found)
        for student, files in sorted(handed.items()):
            items += _settled(files, submitted / student / assignment, plan, people)
    return CollectReport(tuple(items))


def _owned(
    files: Sequence[IncomingFile], root: str, assignment: str, people: Roster | None
) -> Iterator[_Incoming | Item]:
    """Every file of one download with its owner, or as an item that says why it has none."""
    collection = survey(assignment, files, root)
    for found in of_learners(files):
        whose = owner(found, claims(found, collection), people)
        if isinstance(whose, Owner):
            yield _Incoming(found, whose)
        else:
            fate: Fate = "refused" if found.broken else "unplaced"
            yield Item(found.source, fate, reason=found.broken or whose)


def _settled(
    files: Sequence[_Incoming], folder: Path, plan: ReleasedNotebook, people: Roster | None
) -> Iterator[Item]:
    """What becomes of one student's files."""
    if people is None and _may_be_several_people(files):
        reason = "Several files are called so: several people or several tries? A roster can tell."
        yield from (handed.item("unplaced", reason) for handed in files)
        return
    files = sorted(files, key=lambda handed: handed.rank, reverse=True)
    likely = [handed for handed in files if is_likely(handed.found.name)]
    others = [handed for handed in files if not is_likely(handed.found.name)]
    old = read_record(folder / f"{folder.name}.ipynb")
    if likely and files[0].attempt == likely[0].attempt and _is_known(likely[0].found, old):
        yield likely[0].item("unchanged")
        return
    readable, refused = _readable(likely, plan)
    if not readable:
        readable, unlikely = _readable(others, plan)
        refused += unlikely
    else:
        newer = [handed for handed in others if handed.attempt > readable[0].handed.attempt]
        refused += [handed.item("refused", "It is newer, but no notebook.") for handed in newer]
    if readable:
        yield _stored(readable, refused, folder, old)
    else:
        refused[0] = _noted((likely or others)[0], refused[0], folder, old)
    yield from refused


def _is_known(found: IncomingFile, old: Record) -> bool:
    """Whether it is what was collected before."""
    try:
        return bool(old.sha256) and sha256(found.read()) == old.sha256
    except Refusal:
        return False


def _may_be_several_people(files: Sequence[_Incoming]) -> bool:
    """Whether nothing but a display name, or its likeness to a folder's, makes them one's."""
    names = {handed.owner.claim.ids[:1] or handed.owner.claim.names[:1] for handed in files}
    only_names = any(handed.owner.claim.names and not handed.owner.claim.ids for handed in files)
    return len(names) > 1 or (only_names and len(files) > 1)


def _readable(
    files: Sequence[_Incoming], plan: ReleasedNotebook
) -> tuple[list[_NotebookFile], list[Item]]:
    """The files of the newest attempt that can be graded, and what was refused until there."""
    readable: list[_NotebookFile] = []
    refused: list[Item] = []
    for handed in files:
        if readable and handed.attempt < readable[0].handed.attempt:
            break
        try:
            data = handed.found.read()
            notebook, repairs = read_notebook(data)
            rebuilt = accepted(plan, notebook)
        except Refusal as error:
            refused.append(handed.item("refused", str(error)))
        else:
            rebuilt = replace(rebuilt, repairs=(*repairs, *rebuilt.repairs))
            readable.append(_NotebookFile(handed, sha256(data), rebuilt))
    return readable, refused


def _stored(
    readable: Sequence[_NotebookFile], refused: Sequence[Item], folder: Path, old: Record
) -> Item:
    """The newest file written into its folder, unless that holds it or a newer one already."""
    best, *others = readable
    name = f"{folder.name}.ipynb"
    new = _record(best, others, refused)
    try:
        if old.sha256 == new.sha256:
            _look_again(folder, old, new.review)
            return best.handed.item("unchanged")
        if (folder / name).exists() and not new.is_newer_than(old):
            return best.handed.item("unchanged", "It is not newer than what was collected before.")
        write_submission(folder, name, best.rebuilt.notebook, new)
    except OSError as error:
        return best.handed.item("refused", f"It could not be written to {folder}: {error}.")
    return replace(best.handed.item("taken"), repairs=new.repairs, review=new.review)


def _noted(newest: _Incoming, refused: Item, folder: Path, old: Record) -> Item:
    """A refusal kept for the class to know of; an older notebook stays, and a person is told."""
    new = replace(_origin(newest), refused=refused.reason)
    try:
        if old != Record() and not new.is_newer_than(old):
            return refused
        if any(".ipynb" in path.name for path in folder.glob("*")):
            _look_again(folder, old, (_newer(refused),))
        elif not newest.owner.review:  # else a guess would put somebody into the class
            write_record(folder, new)
    except OSError as error:
        return replace(refused, reason=f"{refused.reason} It could not be noted: {error}.")
    return refused


def _look_again(folder: Path, old: Record, review: Sequence[str]) -> None:
    """Adds to a kept record why a person should look; what is known already changes nothing."""
    both = tuple(dict.fromkeys([*old.review, *review]))
    if old.notebook and both != old.review:
        write_record(folder, replace(old, review=both))


def _record(
    best: _NotebookFile, others: Sequence[_NotebookFile], refused: Sequence[Item]
) -> Record:
    handed, review = best.handed, [*best.rebuilt.review, *best.handed.owner.review]
    for other in others:
        if other.rebuilt.answers != best.rebuilt.answers:
            review.append(
                f"Two different notebooks were handed in together: {handed.found.name} was "
                f"taken, {other.handed.found.name} was not."
            )
    return replace(
        _origin(handed),
        sha256=best.sha256,
        repairs=best.rebuilt.repairs,
        review=(*review, *map(_newer, refused)),
    )


def _origin(handed: _Incoming) -> Record:
    claim = handed.owner.claim
    return Record(
        source=handed.found.source,
        handed_in=as_text(claim.time),
        modified=as_text(handed.found.modified),
        turn=claim.turn,
        late=claim.late,
        members=handed.owner.members,
    )


def _newer(refused: Item) -> str:
    name = PurePosixPath(refused.source).name
    return f"A newer file could not be graded: {name}. The one before it was."
