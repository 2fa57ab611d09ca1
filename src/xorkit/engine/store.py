"""What is kept of each graded submission, beside its notebook in `autograded/`.

`verdict.json` is written last: where it stands, everything else does. `evidence.json.gz` is what
judging again needs, so that no learner's code has to run again; it bears the digest of what was
run, so that it is never taken for that of other answers.
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xorkit.engine.course import Course
from xorkit.files import UNFINISHED, digest, write_file
from xorkit.verdict import Verdict

if TYPE_CHECKING:  # most commands read no evidence, and evidence needs NumPy
    from xorkit.evidence import Evidence

VERDICT, EVIDENCE, CHECKED = "verdict.json", "evidence.json.gz", "checked.txt"
GZIP = 31  # zlib's number for its largest window and gzip's header


@dataclass(frozen=True)
class Keys:
    """Digests of what a result depends on. An empty one fits nothing: it is done again."""

    file: str = ""  # what was handed in, to the byte
    base: str = ""  # the release and the kit
    run: str = ""  # the texts of all cells that ran
    judged: str = ""  # the hidden tests and the lesson
    limits: str = ""  # those that a cell met; a result that met none holds under any
    lacks: str = ""  # what cells met that the machine hadn't; it holds while that stays so


NO_KEYS = Keys()


@dataclass(frozen=True)
class StoredResult:
    """A verdict as it lies in the course, and what it holds for."""

    verdict: Verdict
    keys: Keys


def keep(
    course: Course, kept: StoredResult, evidence: bytes | None, notebook: bytes | None
) -> None:
    """Keeps a result; parts that are None stay as they are."""
    student = kept.verdict.student
    _clear(course, student)
    if evidence is not None:
        write_file(course.result_path(student, EVIDENCE), evidence)
    if notebook is not None:
        write_file(course.notebook_path("autograded", student), notebook)
    keep_verdict(course, kept)


def keep_ungraded(course: Course, kept: StoredResult) -> None:
    """Keeps that something can't be graded, and nothing of what was graded before."""
    student = kept.verdict.student
    _clear(course, student)
    course.result_path(student, EVIDENCE).unlink(missing_ok=True)
    course.notebook_path("autograded", student).unlink(missing_ok=True)
    keep_verdict(course, kept)


def keep_verdict(course: Course, kept: StoredResult) -> None:
    value = {**kept.verdict.to_json(), "keys": vars(kept.keys)}
    text = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    write_file(course.result_path(kept.verdict.student, VERDICT), text)


def note_check(course: Course, kept: StoredResult) -> None:
    """Notes that a person has looked at this very file, for these very reasons."""
    write_file(course.result_path(kept.verdict.student, CHECKED), _checked(kept))


def is_checked(course: Course, kept: StoredResult) -> bool:
    verdict = kept.verdict
    if not verdict.review:
        return False
    return _read(course.result_path(verdict.student, CHECKED)) == _checked(kept)


def _checked(kept: StoredResult) -> bytes:
    return digest([kept.keys.file, *kept.verdict.review]).encode()


def _clear(course: Course, student: str) -> None:
    """Removes what a killed grader left half-written."""
    folder = course.result_path(student, VERDICT).parent
    for path in folder.glob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def stored_result(course: Course, student: str) -> StoredResult | None:
    """The kept result; None where there is none, or one of another form."""
    try:
        value = json.loads(course.result_path(student, VERDICT).read_text("utf-8"))
        return StoredResult(Verdict.from_json(value), Keys(**value["keys"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def verdict_of(course: Course, student: str) -> Verdict | None:
    """The kept verdict; None where there is none, or one of another form."""
    found = stored_result(course, student)
    return None if found is None else found.verdict


def evidence_bytes(course: Course, student: str) -> bytes | None:
    return _read(course.result_path(student, EVIDENCE))


def notebook_bytes(course: Course, student: str) -> bytes | None:
    return _read(course.notebook_path("autograded", student))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def pack_evidence(evidence: Evidence, keys: Keys) -> bytes:
    value = {**evidence.to_json(), "run": keys.run, "limits": keys.limits, "lacks": keys.lacks}
    # In rows of numbers nothing repeats: to look for it takes four times as long and finds 1 %.
    packer = zlib.compressobj(1, wbits=GZIP, strategy=zlib.Z_HUFFMAN_ONLY)
    return packer.compress(json.dumps(value).encode()) + packer.flush()


def unpack_evidence(data: bytes | None) -> tuple[Evidence, Keys] | None:
    """Evidence and what it is of; None where it can't be read."""
    from xorkit.evidence import Evidence

    try:
        value: dict[str, Any] = json.loads(gzip.decompress(data or b""))
        return Evidence.from_json(value), Keys(
            run=value["run"], limits=value["limits"], lacks=value["lacks"]
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def evidence_of(course: Course, student: str) -> Evidence | None:
    """The evidence that the kept verdict is from; None where there is none that can be read."""
    found, result = unpack_evidence(evidence_bytes(course, student)), stored_result(course, student)
    if found is None or result is None or found[1].run != result.keys.run:
        return None
    return found[0]
