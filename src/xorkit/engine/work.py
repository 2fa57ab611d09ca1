"""One task of a class: bytes in, bytes out, so that it runs in any process on any machine."""

from __future__ import annotations

import atexit
import functools
import gzip
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from xorkit import judge
from xorkit.engine.running import Step, run
from xorkit.lesson import Lesson
from xorkit.sandbox import ConfinementError, Limits, SandboxError, Warm

MiB = 1 << 20


@dataclass(frozen=True)
class Settings:
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


@dataclass(frozen=True)
class Job:
    """What to run for one learner."""

    student: str
    steps: tuple[Step, ...]
    lesson: str  # the lesson as JSON
    settings: Settings

    def pack(self) -> bytes:
        return gzip.compress(json.dumps(asdict(self)).encode(), compresslevel=1)


@dataclass(frozen=True)
class Done:
    """What came of it: evidence as JSON and outputs by cell, or why nothing could be run."""

    student: str
    evidence: Mapping[str, Any] | None = None
    outputs: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    problem: str = ""
    unconfined: bool = False  # this machine can't confine: no other job will fare better

    @classmethod
    def unpack(cls, data: bytes) -> Done:
        return cls(**json.loads(gzip.decompress(data)))

    def pack(self) -> bytes:
        return gzip.compress(json.dumps(asdict(self)).encode(), compresslevel=1)


@functools.cache
def _warm(settings: Settings) -> Warm:
    """This process's fork server. Started once, ended with the process."""
    warm = Warm(settings.limits, confined=settings.confined)
    warm.__enter__()
    atexit.register(warm.__exit__, None, None, None)
    return warm


@functools.lru_cache(maxsize=4)
def _lesson(text: str) -> Lesson:
    return Lesson.model_validate_json(text)


def work(packed: bytes) -> bytes:
    """Runs one job. Raises nothing: a failure of the grader's own comes back as such."""
    value = json.loads(gzip.decompress(packed))
    steps = tuple(Step(**{**step, "names": tuple(step["names"])}) for step in value["steps"])
    student, settings = value["student"], Settings(**value["settings"])
    try:
        evidence, outputs = run(steps, questions(_lesson(value["lesson"])), _warm(settings))
    except ConfinementError as error:
        return Done(student, problem=str(error), unconfined=True).pack()
    except (SandboxError, OSError) as error:
        return Done(student, problem=f"{type(error).__name__}: {error}").pack()
    return Done(student, evidence.to_json(), outputs).pack()


def questions(lesson: Lesson) -> dict[str, Any]:
    """Fresh questions for one submission; none where the lesson trains nothing."""
    if lesson.task is None:
        return {}
    facts = lesson.facts
    return judge.questions(lesson.trained, facts.good, facts.stall, np.random.default_rng())
