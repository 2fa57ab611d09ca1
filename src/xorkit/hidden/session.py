"""A pytest session over evidence: collects the hidden tests once, and gives them their fixtures."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any, TypeVar

import pytest

from xorkit import judge as judging
from xorkit import matching as matching_
from xorkit import recall as recall_
from xorkit.cell_text import only_trains, runs_again, typed_answer
from xorkit.conventions import solution_of
from xorkit.evidence import (
    Evidence,
    EvidenceError,
    Value,
    read_data,
    read_model,
    read_predictions,
    read_settings,
    read_training,
    read_values,
)
from xorkit.judge import Claim, Data, Model, Result, Settings, Training
from xorkit.lesson import CellRole, Lesson
from xorkit.messages import finding, message_key, sentence, table, tell
from xorkit.verdict import CellVerdict, Diagnosis, Finding, Outcome, TestOutcome

SHOWN_ANSWER = 2000  # characters of an answer in words: a page, where two sentences were asked for

needs = pytest.mark.needs  # @needs("test_x"): not judged, rather than failed twice, where x failed
parametrize = pytest.mark.parametrize


_T = TypeVar("_T")


def check(claim: Claim) -> None:
    """Fails the test where the judge's claim doesn't hold, with what was seen instead."""
    if not claim:
        raise AssertionError(claim)


class Abstain(Exception):  # noqa: N818 - no error: a person is to look
    """Raised by a test that can't decide: what the learner reads, and a note for that person."""

    def __init__(self, message: str, note: str = "") -> None:
        super().__init__(message)
        self.note = note


class NoEvidence(Exception):  # noqa: N818 - says what there is no evidence of
    """There is no evidence of a cell, by the learner's doing: it was never reached, or killed."""


class GraderFault(Exception):  # noqa: N818 - said to the instructor, never to the learner
    """There is no evidence of a cell, by the grader's own fault."""


@dataclass(frozen=True)
class Judgement:
    """What the hidden tests concluded."""

    cells: tuple[CellVerdict, ...]
    findings: tuple[Finding, ...]
    faults: tuple[str, ...]  # failures of the grader's own
    judged: Mapping[str, Any] = field(default_factory=dict)  # what the fixtures gave, by name


# ---------------------------------------------------------------------------------- collecting


class _Cell(pytest.Module):
    """A graded cell as pytest's module."""

    source: str

    def _getobj(self) -> ModuleType:
        module = ModuleType(self.name)
        code = compile(self.source, f"<{self.name}>", "exec")
        exec(code, vars(module))  # noqa: S102 - the course's own cell
        return module


class _Notebook(pytest.File):
    """The graded cells of one notebook."""

    cells: Mapping[str, str]

    def collect(self) -> Iterator[_Cell]:
        for grade_id, source in self.cells.items():
            cell = _Cell.from_parent(self, path=self.path, name=grade_id, nodeid=grade_id)
            cell.source = source
            yield cell


@dataclass(eq=False)  # pytest 9.0 hashes its plugins
class _Plugin:
    """One session: collects the cells once, then judges each piece of evidence by them.

    `judgements` is called with each outcome before the next evidence is asked for.
    """

    cells: Mapping[str, str]
    lesson: Lesson
    evidences: Iterable[Evidence]
    judgements: Callable[[Judgement], None]
    unusable: list[str] = field(default_factory=list)  # why cells could not be collected

    def begin(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.outcomes: defaultdict[str, list[TestOutcome]] = defaultdict(list)
        self.findings: list[Finding] = []
        self.faults: list[str] = [*self.unusable]
        self.judged: dict[str, Any] = {}

    def judgement(self) -> Judgement:
        cells = (self._cell(grade_id, tuple(self.outcomes[grade_id])) for grade_id in self.cells)
        findings, faults = tuple(dict.fromkeys(self.findings)), tuple(self.faults)
        return Judgement(tuple(cells), findings, faults, self.judged)

    def _cell(self, grade_id: str, tests: tuple[TestOutcome, ...]) -> CellVerdict:
        if not tests:  # fail closed: a cell without observed tests has no score
            text = sentence(None, "grader")
            tests = (TestOutcome("tests", "not_judged", 0, "", text, review=True),)
        return CellVerdict(grade_id, self.lesson.max_points(grade_id), tests)

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "needs(test): judged only where that test passed")

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> _Notebook:
        notebook = _Notebook.from_parent(parent, path=file_path)
        notebook.cells = self.cells
        return notebook

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.unusable.append(f"{report.nodeid}: {report.longreprtext}")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Every test once for each evidence."""
        items = [item for item in session.items if isinstance(item, pytest.Function)]
        after = [*items[1:], None]
        for evidence in self.evidences:
            self.begin(evidence)
            for item, nextitem in zip(items, after, strict=False):
                self._run(item, nextitem)
            self.judgements(self.judgement())
        return True

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        for marker in item.iter_markers("needs"):
            passed = {t.name for t in self._outcomes(item) if t.outcome == "passed"}
            if not passed.issuperset(marker.args):
                pytest.skip(sentence(None, "needs"))

    def _run(self, item: pytest.Function, nextitem: pytest.Item | None) -> None:
        """In the place of pytest's own way, which takes longer to report than most tests to run.

        Fixtures are made anew, as pytest-rerunfailures does it.
        """
        item._initrequest()
        hooks = item.ihook
        error = _raised(hooks.pytest_runtest_setup, item=item)
        if error is None:
            error = _raised(hooks.pytest_runtest_call, item=item)
        self._outcomes(item).append(self._conclude(item, error))
        if error := _raised(hooks.pytest_runtest_teardown, item=item, nextitem=nextitem):
            self._broke(item, error)

    def _outcomes(self, item: pytest.Item) -> list[TestOutcome]:
        return self.outcomes[item.nodeid.split("::")[0]]

    def _conclude(self, item: pytest.Function, error: BaseException | None) -> TestOutcome:
        grade_id = item.nodeid.split("::")[0]
        outcome, message, review = self._weigh(grade_id, item, error)
        return TestOutcome(
            name=item.name,
            outcome=outcome,
            points=self.lesson.points[grade_id][item.originalname],
            claim=(item.function.__doc__ or "").strip(),
            message=message,
            review=review,
            note=error.note if isinstance(error, Abstain) else "",
        )

    def _weigh(
        self, grade_id: str, item: pytest.Function, error: BaseException | None
    ) -> tuple[Outcome, str, bool]:
        if error is None:
            return "passed", "", False
        if isinstance(error, AssertionError):
            said = error.args[0] if error.args else ""
            found = said.finding if isinstance(said, Claim) else None
            return "failed", str(said) if found is None else self._tell(found, grade_id), False
        if isinstance(error, NoEvidence):
            return "failed", str(error), False
        if isinstance(error, EvidenceError):
            return "failed", self._tell(finding(Diagnosis.TAMPERING, "evidence"), grade_id), False
        if isinstance(error, pytest.skip.Exception):
            return "not_judged", error.msg or "", False
        if isinstance(error, Abstain):
            return "not_judged", str(error), True
        self._broke(item, error)
        return "not_judged", sentence(None, "grader"), True

    def _broke(self, item: pytest.Item, error: BaseException) -> None:
        self.faults.append(f"{item.nodeid}: {type(error).__name__}: {error}")

    def _tell(self, found: Finding, grade_id: str) -> str:
        """What was found, as a sentence; kept where it has a code."""
        told = replace(tell(found, self.lesson.hints), grade_id=solution_of(grade_id))
        told = judging.named_only(told, self.evidence.answers.get(told.grade_id, ""))
        if told.code is not None:
            self.findings.append(told)
        return told.message

    # -------------------------------------------------------------------------------- fixtures

    def _seen(self, blank: str, read: Callable[[object], _T]) -> _T:
        """What was observed of an answer cell. Raises EvidenceError, NoEvidence or GraderFault."""
        if blank in self.evidence.faults:
            raise GraderFault(self.evidence.faults[blank])
        try:
            return read(self.evidence.observations[blank])
        except KeyError:
            raise NoEvidence(self._why_unseen(blank)) from None

    def _of(self, role: CellRole, read: Callable[[object], _T]) -> _T:
        """The observation of the solution cell that the lesson gives this role."""
        return self._seen(self.lesson.cell(role), read)

    def _values(self, blank: str) -> Mapping[str, Value]:
        """The plain values that a cell left behind; none where it left only its text."""
        try:
            return self._seen(blank, read_values)
        except NoEvidence:
            if blank not in self.evidence.answers:
                raise
            return {}

    def _why_unseen(self, blank: str) -> str:
        cell = self.evidence.cell(blank)
        why = f"unseen-{cell.status}" if cell else ""
        return sentence(None, why if message_key(None, why) in table() else "not-reached")

    def _once(self, name: str, make: Callable[[], _T]) -> _T:
        if name not in self.judged:
            self.judged[name] = make()
        made: _T = self.judged[name]
        return made

    # No fixture asks for another one: pytest would set that up again for every test, which took a
    # tenth of the time that judging takes.

    @pytest.fixture
    def data(self) -> Data:
        return self._data()

    @pytest.fixture
    def model(self) -> Model:
        return self._model()

    @pytest.fixture
    def settings(self) -> Settings:
        return self._settings()

    @pytest.fixture
    def training(self) -> Training:
        loop = self._training()
        if loop.review:
            raise Abstain(loop.review)
        return loop

    @pytest.fixture
    def result(self) -> Result:
        found = self._result()
        if found.review and not any(found.rows):
            raise Abstain(found.review)
        return found

    @pytest.fixture
    def matching(self) -> Mapping[int, matching_.MatchingChoice]:
        def make() -> Mapping[int, matching_.MatchingChoice]:
            if self.lesson.matching is None:
                raise GraderFault("this lesson has no matching file")
            cell = self.lesson.cell("matching")
            source, values = self.evidence.answers.get(cell, ""), self._values(cell)
            choices = matching_.grade_matching(self.lesson.matching, values, source)
            return _Choices({choice.job: choice for choice in choices})

        return self._once("matching", make)

    @pytest.fixture
    def recall(self) -> Callable[[str], recall_.Mark]:
        def mark(question: str) -> recall_.Mark:
            def make() -> recall_.Mark:
                return recall_.mark_answer(self.lesson.recall[question], answer)

            self._values(question)
            answer = typed_answer(self.evidence, question)
            found = self._once(question, make)
            if found.points is None:
                raise Abstain(found.message, f"{_shown(answer)}\nWhy a person: {found.note}")
            return found

        return mark

    @pytest.fixture
    def values(self) -> Callable[[str], Mapping[str, Any]]:
        return lambda blank: defaultdict(lambda: None, self._seen(blank, read_values))

    # -------------------------------------------------------------------------- what is judged once

    def _data(self) -> Data:
        return self._once(
            "data", lambda: judging.judge_data(self._of("data", read_data), self.lesson.trained)
        )

    def _model(self) -> Model:
        def make() -> Model:
            seen = self._of("model", read_model)
            return judging.judge_model(seen, self.evidence.questions, self.lesson.trained)

        return self._once("model", make)

    def _settings(self) -> Settings:
        def make() -> Settings:
            seen = self._of("loss_and_optimizer", read_settings)
            return judging.judge_settings(seen, self.evidence.questions, self.lesson.trained)

        return self._once("settings", make)

    def _training(self) -> Training:
        def make() -> Training:
            cell, task = self.lesson.cell("training_loop"), self.lesson.trained
            seen = self._seen(cell, read_training)
            text, asked = self.evidence.answers.get(cell), self.evidence.questions
            if only_trains(text or "draw()") and not judging.begins_as_asked(seen.alone, asked):
                raise EvidenceError("the run begins where its loop can't have begun")
            ran = self.evidence.cell(cell)
            ended = ran is not None and ran.status == "ok"
            try:
                others = self._data(), self._model(), self._settings()
            except Exception:  # what is wrong with another cell is said of that one
                others = None
            facts, again = self.lesson.start_facts, runs_again(text or "draw()")
            return judging.judge_training(seen, task, facts, others, again=again, ended=ended)

        return self._once("training", make)

    def _result(self) -> Result:
        parts = self._data(), self._model(), self._settings(), self._training()

        def make() -> Result:
            seen = self._of("predictions", read_predictions)
            task, facts = self.lesson.trained, self.lesson.start_facts
            asked, own = self.evidence.questions, parts[-1].own
            found = judging.judge_result(seen, asked, own, parts, task, facts)
            if found.note is not None:
                self._tell(found.note, self.lesson.cell("predictions"))
            return found

        return self._once("result", make)


def _raised(hook: Callable[..., object], **asked: pytest.Item | None) -> BaseException | None:
    """What a hook raises, if anything; that somebody wants to end pytest is let through."""
    try:
        hook(**asked)
    except (KeyboardInterrupt, pytest.exit.Exception):
        raise
    except BaseException as error:  # skip, fail and a test's SystemExit are no Exceptions
        return error
    return None


class _Choices(dict[int, matching_.MatchingChoice]):
    """The choices by job; asking for one that only a person can read raises Abstain."""

    def __getitem__(self, job: int) -> matching_.MatchingChoice:
        choice = super().__getitem__(job)
        if choice.status == "unclear":
            raise Abstain(choice.message, f"Job {job}: {choice.note}")
        return choice


# Only what runs tests and makes fixtures: the rest of pytest takes longer to start than all tests.
UNUSED = (
    *("cacheprovider", "capture", "debugging", "doctest", "faulthandler", "junitxml", "legacypath"),
    *("logging", "monkeypatch", "pastebin", "recwarn", "setuponly", "setupplan", "skipping"),
    *("stepwise", "subtests", "terminal", "terminalprogress", "threadexception", "tmpdir"),
    *("unittest", "unraisableexception", "warnings"),
)
OPTIONS = (
    "--disable-plugin-autoload",
    "--noconftest",
    "--assert=plain",  # hidden cells are no files that pytest could rewrite
    "--override-ini=filterwarnings=",
    *(f"-pno:{name}" for name in UNUSED),
)


# What people set for their own tests, pytest would read here, too: the session above has no `-v`,
# and one option that it doesn't know would stop it. No option of pytest's switches this off.
FOR_OTHER_TESTS = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")


def _run(plugin: _Plugin) -> None:
    here = Path(__file__)
    for name in FOR_OTHER_TESTS:
        os.environ.pop(name, None)
    pytest.main([*OPTIONS, f"--rootdir={here.parent}", "-c", "/dev/null", str(here)], [plugin])


def judge(cells: Mapping[str, str], evidence: Evidence, lesson: Lesson) -> Judgement:
    """Runs the hidden tests of graded cells (grade_id -> their code) over the evidence."""
    found: list[Judgement] = []
    plugin = _Plugin(cells, lesson, [evidence], found.append)
    _run(plugin)
    return found[0] if found else _unfinished(plugin)


def _unfinished(plugin: _Plugin) -> Judgement:
    """What is left to say where pytest gave up: a person has to look at every cell."""
    plugin.begin(Evidence())
    plugin.faults.append("pytest ended before all hidden tests were done")
    return plugin.judgement()


class HiddenTests:
    """The hidden tests of an assignment, kept ready for one evidence after the other.

    Collecting them takes pytest longer than running them, so one session stays open: in a thread,
    because pytest gives control back only at its end.
    """

    def __init__(self, cells: Mapping[str, str], lesson: Lesson) -> None:
        self.lesson = lesson
        self._cells = cells
        self._session: threading.Thread | None = None

    def judge(self, evidence: Evidence) -> Judgement:
        """Runs all of them over the evidence. Not for two threads at a time."""
        self.open()
        self._evidences.put(evidence)
        return self._judgements.get()

    def open(self) -> None:
        """Starts the session where there is none, without waiting for it."""
        if self._session is not None and self._session.is_alive():
            return
        evidences: SimpleQueue[Evidence | None] = SimpleQueue()
        judgements: SimpleQueue[Judgement] = SimpleQueue()
        plugin = _Plugin(self._cells, self.lesson, iter(evidences.get, None), judgements.put)

        def work() -> None:
            try:
                _run(plugin)
            finally:
                judgements.put(_unfinished(plugin))

        self._evidences, self._judgements = evidences, judgements
        self._session = threading.Thread(target=work, name="hidden tests", daemon=True)
        self._session.start()


def _shown(answer: object) -> str:
    """An answer as the person reads it who marks it: on its own line, as far as a page goes."""
    text = " ".join(str(answer).encode("utf-8", "replace").decode().split())
    return f"“{text[:SHOWN_ANSWER]}{' …' if len(text) > SHOWN_ANSWER else ''}”"
