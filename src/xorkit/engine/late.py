"""How late a submission is and what that costs, as nbgrader's own late policy has it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.preprocessors import AssignLatePenalties
from traitlets import import_item

from xorkit.engine import submitted
from xorkit.engine.course import Course, CourseError, importing, nbgrader_config
from xorkit.engine.gradebook import HandIn
from xorkit.intake.clock import zone_named
from xorkit.verdict import Lateness, Verdict


@dataclass(frozen=True)
class LatePolicy:
    """A course's due date (UTC, without a zone, as nbgrader keeps it) and nbgrader's plugin."""

    course: Course
    due: datetime | None
    preprocessor: Any  # nbgrader's AssignLatePenalties; None where autograde doesn't run it

    @property
    def is_nbgraders(self) -> bool:
        """Whether no program of the course's own has a say in what lateness costs."""
        parts = (self.preprocessor, getattr(self.preprocessor, "plugin_inst", None))
        return all(p is None or type(p).__module__.split(".")[0] == "nbgrader" for p in parts)

    def apply(self, verdict: Verdict, known: HandIn) -> tuple[Verdict, HandIn]:
        """The verdict with its lateness, and what the gradebook has to hold.

        Raises CourseError where the plugin fails: no penalty is made up.
        """
        timestamp, marked_late = submitted.handed_in(self.course, verdict.student, known.timestamp)
        due = self.due and self.due + known.extension if known.extension else self.due
        seconds = max(0.0, (timestamp - due).total_seconds()) if timestamp and due else 0.0
        wanted = replace(known, timestamp=timestamp, penalty=self._penalty(verdict, seconds, known))
        late = None
        if seconds:
            late = Lateness(seconds, wanted.penalty or 0.0, _iso(timestamp), _iso(due))
        elif marked_late and not (timestamp and due):
            late = Lateness(None, 0.0, _iso(timestamp), _iso(due))
        return replace(verdict, late=late), wanted

    def _penalty(self, verdict: Verdict, seconds: float, known: HandIn) -> float | None:
        if self.preprocessor is None:
            return known.penalty  # nbgrader leaves it alone as well
        if not seconds:
            return None
        plugin = self.preprocessor.plugin_inst
        try:
            found = plugin.late_submission_penalty(verdict.student, verdict.score, seconds)
            return None if found is None else min(max(0.0, float(found)), verdict.score)
        except Exception as error:  # it is a program of the course's own
            raise CourseError(
                f"the late policy {type(plugin).__name__} of nbgrader_config.py stops at"
                f" {verdict.student}, {seconds:g} s late, with {type(error).__name__}: {error}"
            ) from error


def late_policy(course: Course, book: Gradebook) -> LatePolicy:
    """Raises CourseError where nbgrader_config.py names a plugin that can't be loaded."""
    due = book.find_assignment(course.assignment).duedate
    try:
        return LatePolicy(course, due, _preprocessor(course))
    except Exception as error:  # the plugin is a program, and can fail in any way
        raise CourseError(
            f"nbgrader_config.py's late policy can't be loaded: {type(error).__name__}: {error}"
        ) from error


def _preprocessor(course: Course) -> Any:
    """nbgrader's preprocessor as `nbgrader autograde` would run it; None if it wouldn't."""
    config = nbgrader_config(course.root)
    default = Autograde.autograde_preprocessors.default()
    for kind in config.Autograde.get("autograde_preprocessors", default):
        with importing(course.root):
            kind = import_item(kind) if isinstance(kind, str) else kind
            if issubclass(kind, AssignLatePenalties):
                found = kind(config=config)
                found.log = logging.getLogger("xorkit.nbgrader")  # silent unless listened to
                found.init_plugin()
                return found if found.enabled else None
    return None


def _iso(time: datetime | None) -> str:
    return time.replace(tzinfo=UTC).isoformat() if time else ""


def parsed_due_date(text: str, zone: str | None) -> datetime:
    """The point in time that a text such as "2026-05-01 23:59" means, in a zone.

    Without `zone`, the text's own ("… UTC", "… +02:00", "… Europe/Berlin") or this machine's.
    Raises ValueError with what was wanted.
    """
    first, _, last = text.strip().rpartition(" ")
    if zone is None and first and not last[:1].isdigit() and last[:1] not in "+-":
        text, zone = first, last
    try:
        time = datetime.fromisoformat(text.strip().replace(" +", "+").replace(" -", "-"))
    except ValueError:
        time = None
    if time is None or len(text.strip()) <= len("2026-05-01") or not 1 < time.year < 9999:
        raise ValueError(f'{text!r} is no time; wanted one such as "2026-05-01 23:59"')
    if time.tzinfo is not None:
        if zone is not None:
            raise ValueError(f"{text!r} says its zone itself; leave out {zone}")
        return time
    if zone is None:
        return time.astimezone()
    # Of an hour that comes twice the second one, which is the kinder of the two.
    due = time.replace(tzinfo=zone_named(zone), fold=1)
    if due.astimezone(UTC).astimezone(due.tzinfo).replace(tzinfo=None) != time:
        raise ValueError(f"there is no {time} in {zone}: clocks are put forward then")
    return due
