"""One task of a class: bytes in, bytes out, so that it runs in any process on any machine."""

from __future__ import annotations

import atexit
import functools
import json
import threading
import traceback
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from nbformat import NotebookNode

from xorkit.engine import assignment as assignments
from xorkit.engine import environment
from xorkit.engine.assignment import Assignment
from xorkit.engine.autograded import from_bytes, to_bytes, with_outputs, with_verdicts
from xorkit.engine.course import code_version
from xorkit.engine.grading import grade_submission
from xorkit.engine.running import Step, run_plan, steps
from xorkit.engine.store import Keys, pack_evidence, unpack_evidence
from xorkit.evidence import Evidence
from xorkit.files import digest
from xorkit.guest.limits import MiB
from xorkit.intake.reading import Refusal, read_notebook
from xorkit.intake.rebuilding import accepted
from xorkit.sandbox import ConfinementError, Limits, SandboxError, Warm
from xorkit.verdict import Verdict

LIMITED = ("timeout", "memory")  # how a cell may end that would have done better with more
KERNEL_TRIES = 2  # a kernel that could not be started may be the machine's bad moment
TRACE = 2000  # characters of a traceback that an instructor needs to report it
NEW = Keys()  # fits nothing that is kept
ONE_AT_A_TIME = threading.Lock()  # a cluster's worker may have threads; pytest has no patience


@dataclass(frozen=True)
class RunSettings:
    """How learners' code is run."""

    timeout: float = 60.0  # seconds of one cell
    memory: int = 2048 * MiB
    confined: bool = True

    @property
    def limits(self) -> Limits:
        # Evidence of the longest run that is kept is 2 MiB; with whole runs beside it, twice that.
        return Limits(
            cell_seconds=self.timeout, memory=self.memory, output=8 * MiB, message=8 * MiB
        )

    def __str__(self) -> str:
        return f"{self.timeout:g} s, {self.memory // MiB} MiB"


@dataclass(frozen=True)
class Job:
    """One submission: the file as handed in, or, without one, kept evidence to be judged again."""

    student: str
    settings: RunSettings
    keys: Keys = NEW  # `file` of what is handed in; the rest is found out
    repairs: tuple[str, ...] = ()  # what `xorkit collect` mended
    review: tuple[str, ...] = ()
    file: bytes | None = None
    evidence: bytes | None = None
    notebook: bytes | None = None
    epochs: int | None = None  # that are asked for, where not the lesson's number

    def pack(self) -> bytes:
        return _pack(self, ("file", "evidence", "notebook"))

    @classmethod
    def unpack(cls, data: bytes) -> Job:
        value = _unpack(data)
        value |= {"settings": RunSettings(**value["settings"]), "keys": Keys(**value["keys"])}
        value |= {name: tuple(value[name]) for name in ("repairs", "review")}
        return cls(**value)


@dataclass(frozen=True)
class JobResult:
    """What came of it: a verdict and what is to be kept of it, or why there is none."""

    student: str
    verdict: Verdict | None = None
    keys: Keys = NEW
    faults: tuple[str, ...] = ()  # failures of the grader's own
    ran: bool = False  # false: judged from kept evidence, or not gradable
    problem: str = ""  # the grader failed on this one
    fatal: Literal["", "confinement", "version"] = ""  # no other job will fare better here
    evidence: bytes | None = field(default=None, repr=False)  # None: as it is kept
    notebook: bytes | None = field(default=None, repr=False)

    def pack(self) -> bytes:
        verdict = self.verdict and self.verdict.to_json()
        return _pack(replace(self, verdict=None), ("evidence", "notebook"), verdict=verdict)

    @classmethod
    def unpack(cls, data: bytes) -> JobResult:
        value = _unpack(data)
        verdict = value["verdict"] and Verdict.from_json(value["verdict"])
        value |= {"verdict": verdict, "keys": Keys(**value["keys"])}
        return cls(**{**value, "faults": tuple(value["faults"])})


def _pack(value: Any, parts: tuple[str, ...], **changes: object) -> bytes:
    """A dataclass as a line of JSON, followed by those of its fields that are bytes."""
    data = {name: getattr(value, name) for name in parts}
    plain = asdict(replace(value, **dict.fromkeys(parts)))
    plain |= {**changes, "sizes": {name: len(d) for name, d in data.items() if d is not None}}
    return b"\n".join([json.dumps(plain).encode(), b"".join(d for d in data.values() if d)])


def _unpack(data: bytes) -> dict[str, Any]:
    line, _, rest = data.partition(b"\n")
    value: dict[str, Any] = json.loads(line)
    for name, size in value.pop("sizes").items():
        value[name], rest = rest[:size], rest[size:]
    return value


@functools.cache
def _warm(settings: RunSettings) -> Warm:
    """This process's fork server. Started once, ended with the process."""
    warm = Warm(settings.limits, confined=settings.confined)
    warm.__enter__()
    atexit.register(warm.__exit__, None, None, None)
    return warm


def work(assignment: bytes, packed: bytes) -> bytes:
    """Does one job in a process of its own: `outcome`, as bytes."""
    return outcome(assignment, Job.unpack(packed)).pack()


def outcome(assignment: Assignment | bytes, job: Job) -> JobResult:
    """Does one job. Raises nothing: a failure of the grader's own comes back as such."""
    try:
        with ONE_AT_A_TIME:
            if isinstance(assignment, bytes):
                assignment = assignments.unpack(assignment)
            return _done(assignment, job)
    except ConfinementError as error:
        return JobResult(job.student, problem=str(error), fatal="confinement")
    except Exception as error:  # a batch goes on, whatever one notebook brings to light
        trace = traceback.format_exc()[-TRACE:]
        problem = f"{type(error).__name__}: {error}"
        return JobResult(job.student, problem=problem, faults=(trace,))


def _done(assignment: Assignment, job: Job) -> JobResult:
    if assignment.code != code_version():
        return JobResult(job.student, fatal="version")
    if job.file is None:
        return _judged_again(assignment, job)
    keys = replace(job.keys, base=assignment.base, judged=assignment.judged)
    try:
        submission = _rebuilt(assignment, job, job.file)
    except Refusal as error:
        verdict = not_gradable(assignment, job.student, str(error))
        return JobResult(job.student, verdict, keys)
    texts = (f"{step.kind}\0{step.source}" for step in submission.plan)
    keys = replace(keys, run=digest([*texts, assignment.task, assignment.code]))
    found = unpack_evidence(job.evidence)
    if found is not None and found[1].run == keys.run and still_holds(found[1], job.settings):
        keys = replace(keys, limits=found[1].limits, lacks=found[1].lacks)
        evidence = replace(found[0], repairs=submission.repairs, review=submission.review)
        notebook = from_bytes(job.notebook) or submission.notebook
        ran = False
    else:
        assignment.tests.open()  # gets ready while the notebook runs
        evidence, notebook = _run(assignment, job, submission)
        if any(cell.status in LIMITED for cell in evidence.cells):
            keys = replace(keys, limits=str(job.settings))
        keys = replace(keys, lacks=environment.lacks_key(evidence))
        ran = True
    done = _judged(assignment, job.student, evidence, keys, notebook)
    return replace(done, ran=ran, evidence=pack_evidence(evidence, keys))


def still_holds(keys: Keys, settings: RunSettings) -> bool:
    """Whether a result would come out the same under these limits and on this machine."""
    return keys.limits in ("", str(settings)) and environment.still_lacks(keys.lacks)


@dataclass(frozen=True)
class _Submission:
    notebook: NotebookNode
    plan: tuple[Step, ...]
    repairs: tuple[str, ...]
    review: tuple[str, ...]


def _rebuilt(assignment: Assignment, job: Job, file: bytes) -> _Submission:
    """The master notebook with the learner's answers. Raises Refusal.

    Also of what `collect` rebuilt before: files in `submitted/`, records among them, may be of any
    making, and it takes 10 ms.
    """
    read, mended = read_notebook(file)
    rebuilt = accepted(assignment.plan, read)
    return _Submission(
        rebuilt.notebook,
        tuple(steps(rebuilt.notebook, assignment.release, assignment.lesson)),
        tuple(dict.fromkeys([*job.repairs, *mended, *rebuilt.repairs])),
        tuple(dict.fromkeys([*job.review, *rebuilt.review])),
    )


def _run(
    assignment: Assignment, job: Job, submission: _Submission
) -> tuple[Evidence, NotebookNode]:
    """What was seen, and the notebook with outputs. Raises SandboxError."""
    for tries_left in reversed(range(KERNEL_TRIES)):
        questions = assignment.questions(job.epochs)
        try:
            evidence, outputs = run_plan(
                submission.plan, questions, _warm(job.settings), job.settings.timeout
            )
            break
        except ConfinementError:
            raise
        except SandboxError:
            if not tries_left:
                raise
    evidence = replace(evidence, repairs=submission.repairs, review=submission.review)
    return evidence, with_outputs(submission.notebook, outputs)


def _judged(
    assignment: Assignment,
    student: str,
    evidence: Evidence,
    keys: Keys,
    notebook: NotebookNode | None,
) -> JobResult:
    verdict, faults = grade_submission(student, evidence, assignment.tests)
    graded = None
    if notebook is not None:
        graded = to_bytes(with_verdicts(notebook, assignment.graded_cells, verdict.cells))
    return JobResult(
        student=student,
        verdict=verdict,
        keys=keys,
        faults=faults,
        notebook=graded,
    )


def _judged_again(assignment: Assignment, job: Job) -> JobResult:
    """From kept evidence alone, which stays as it is, with no look at what is handed in now."""
    found = unpack_evidence(job.evidence)
    if found is None or found[1].run != job.keys.run:
        return JobResult(job.student, problem="there is no evidence that this kit can read")
    keys = replace(job.keys, judged=assignment.judged)
    return _judged(assignment, job.student, found[0], keys, from_bytes(job.notebook))


def not_gradable(assignment: Assignment, student: str, message: str) -> Verdict:
    lesson = assignment.lesson
    return Verdict(student, lesson.assignment, lesson.max_score, message=message)


def failed(assignment: Assignment, done: JobResult) -> Verdict:
    """The grader's own failure: no fault of the file's, so a person has to look."""
    verdict = not_gradable(assignment, done.student, f"The grader failed: {done.problem}")
    return replace(verdict, review=("The grader failed on this file.",))
