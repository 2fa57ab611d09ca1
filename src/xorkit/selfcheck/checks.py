"""A check of each exercise: what the judge says of it, claim by claim, as the grade will."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from xorkit import judge
from xorkit.evidence import (
    EvidenceError,
    loads,
    read_data,
    read_model,
    read_predictions,
    read_settings,
    read_training,
)
from xorkit.judge.claims import HOLDS
from xorkit.judge.epochs import gave_up, near
from xorkit.judge.updates import descent, in_order, moves
from xorkit.messages import tell
from xorkit.probe import observe
from xorkit.probe.notebook import Namespace
from xorkit.selfcheck.display import CheckRow, CheckTable, updates_picture
from xorkit.selfcheck.session import Session, empty_blanks, is_of, session, unchosen
from xorkit.selfcheck.sheet import Sheet, SheetCell, SheetClaim
from xorkit.verdict import Diagnosis

# Processor time for a loop's first updates; and no whole runs, for which nobody would wait.
QUICK = {"few_seconds": 1.5, "enough": 0}
SHOWN_UPDATES = 4
LEARNED = 0.6  # of the loss of always answering the mean: below, a training went on from another
MATCHING = "matching"
OBSERVED = {"data": "data", "model": "model", "settings": "loss_and_optimizer"}
OBSERVED |= {"training": "training_loop", "result": "predictions"}

_T = TypeVar("_T")


class Checks:
    """`check("model")` shows what holds of an exercise; `check()` what is still open in all."""

    def __init__(self, sheet: Sheet, namespace: Namespace | None = None) -> None:
        self.sheet = sheet
        self.session = session(sheet.to_text()) if namespace is None else Session(sheet, namespace)

    def __call__(self, name: str = "") -> None:
        from IPython.display import display

        table = self.table(name)
        display({"text/html": table.to_html(), "text/plain": table.to_text()}, raw=True)

    def table(self, name: str = "") -> CheckTable:
        """What a check shows. Whatever the notebook holds, it raises nothing."""
        if not name:
            return self._ready()
        cell = self.sheet.cell(name)
        if cell is None:
            names = ", ".join(f"`{each.grade_id}`" for each in self.sheet.cells)
            rows: tuple[CheckRow, ...] = (
                CheckRow(None, f"No exercise is called `{name}`", f"There are {names}."),
            )
            return CheckTable("A check", rows, "Write one of these names between the brackets.")
        try:
            return self._table(cell)
        except (Exception, SystemExit) as error:  # a learner's objects may raise anything
            text = f"It stopped with {type(error).__name__}. Your work and your points are safe."
            return CheckTable(
                cell.title, (CheckRow(None, "The check itself", text),), "Go on all the same."
            )

    def _table(self, cell: SheetCell) -> CheckTable:
        text = self.session.text_of(cell)
        rows: tuple[CheckRow, ...]
        if cell.first_line and not text:
            rows = (
                CheckRow(False, "Your cell", "It hasn't been run since you opened the notebook."),
            )
            return CheckTable(cell.title, rows, "Fill it in and run it, then run this check again.")
        blanks = empty_blanks(text)
        if blanks:
            rows = tuple(
                CheckRow(False, f"{name} is still empty", f"{job}.") for name, job in blanks
            )
            step = f"Fill in {blanks[0][0].lower()}, run the cell, then run this check again."
            return CheckTable(cell.title, rows, step)
        if cell.claims:
            return _Look(self.session, cell, text).table()
        if cell.role == MATCHING and self.sheet.menu is not None:
            return self._matching(cell)
        values = [(name, self.session.namespace.get(name)) for name in cell.names]
        rows = tuple(_in_words(value[1]) if cell.in_words else _left(*value) for value in values)
        return CheckTable(cell.title, rows, _noted(self.sheet, cell, rows))

    def _matching(self, cell: SheetCell) -> CheckTable:
        """What was chosen for each job, and what is open or no line; never which line is right."""
        menu = self.sheet.menu
        assert menu is not None  # noqa: S101 - looked at before
        chosen = [
            _chosen(self.session.namespace.get(f"job_{number}"), menu.lines, menu.placeholder)
            for number in range(1, len(menu.jobs) + 1)
        ]
        still_open = [str(number) for number, line in enumerate(chosen, 1) if line is None]
        strange = [
            CheckRow(False, f"Job {number}", f"`{line[1][:60]}` is none of the lines in the list.")
            for number, line in enumerate(chosen, 1)
            if line is not None and not line[0]
        ]
        seen = f"{len(chosen) - len(still_open)} of {len(chosen)} are chosen"
        seen += f"; still open: {', '.join(still_open)}." if still_open else "."
        rows = (CheckRow(not still_open, "A line for every job", seen), *strange)
        listed = tuple(
            (str(number), job, "still open" if line is None else f"`{line[1][:60]}`")
            for number, (job, line) in enumerate(zip(menu.jobs, chosen, strict=True), 1)
        )
        step = "Is this what you meant? Grading tells whether the lines fit."
        if still_open or strange:
            step = "Choose a line of the list for these jobs, and run the cell again."
        return CheckTable(cell.title, rows, step, listed)

    def _ready(self) -> CheckTable:
        """What is open in the whole notebook: as its page has it in Colab, else as it was run."""
        live = _live_texts()
        rows = []
        for cell in self.sheet.cells:
            if not cell.first_line:
                continue
            found = [text for text in live or () if is_of(cell, text)]
            text = self.session.text_of(cell) if live is None else "".join(found[:1])
            if live is not None and len(found) != 1:
                says = "no cell begins" if not found else f"{len(found)} cells begin"
                end = " any more." if not found else ": keep one."
                rows.append(CheckRow(False, cell.title, f"{says} with `{cell.first_line}`{end}"))
            elif not text:
                rows.append(CheckRow(None, cell.title, "not run since you opened the notebook"))
            else:
                open_ = [name for name, _ in empty_blanks(text)] + unchosen(text)
                seen = f"still empty: {', '.join(open_)}" if open_ else ""
                rows.append(CheckRow(not open_, cell.title, seen))
        step = "Ready. Save, download the file as .ipynb, and hand it in."
        if None in [row.state for row in rows]:
            step = "Run all cells from top to bottom, then this one once more."
        if False in [row.state for row in rows]:
            step = "Have another look at the rows with a cross. You can hand in all the same."
        if live is None:
            unseen = "changes since you last ran a cell, cells that got lost, whether you saved"
            rows.append(CheckRow(None, "What can't be seen from here", unseen))
        return CheckTable("Ready to hand in?", tuple(rows), step)


def _live_texts() -> list[str] | None:
    """The texts of all cells as the notebook's page has them; None outside of Colab."""
    try:
        from google.colab import _message  # type: ignore[import-not-found]

        live = _message.blocking_request("get_ipynb", timeout_sec=20)["ipynb"]
        return ["".join(cell["source"]) for cell in live["cells"]]
    except Exception:  # not in Colab, or its page doesn't answer
        return None


def _in_words(answer: object) -> CheckRow:
    """Whether there is an answer; what it is worth, grading says."""
    if not isinstance(answer, str) or not answer.split():
        empty = answer is None or isinstance(answer, str)
        seen = "Still empty" if empty else f"A {type(answer).__name__}, not a text"
        return CheckRow(False, "Your answer", f"{seen}: write a sentence of your own.")
    words = len(answer.split())
    return CheckRow(True, "Your answer", f"{words} word{'s' * (words != 1)}.")


def _left(name: str, value: object) -> CheckRow:
    """A name that a cell is to leave behind, and what it holds."""
    if value is None:
        return CheckRow(False, f"`{name}`", "It isn't there yet.")
    return CheckRow(True, f"`{name}`", f"It is {repr(value)[:80]}.")


def _noted(sheet: Sheet, cell: SheetCell, rows: tuple[CheckRow, ...]) -> str:
    """The next step after a cell of which a check says only whether it is filled."""
    if not all(row.state for row in rows):
        return "Fill it in, run the cell, then run this check again. A guess may be worth a point."
    after = sheet.after(cell)
    return f"Noted. Next: {after.title}" if after else "Noted. That was the last one."


def _chosen(value: object, lines: tuple[str, ...], placeholder: str) -> tuple[bool, str] | None:
    """Whether a choice is a line of the list, and the line; None where nothing is chosen.

    A number stands for the line of that number.
    """
    text = str(value).strip() if isinstance(value, str | int) else ""
    if text in ("", "...", placeholder) or isinstance(value, bool):
        return None
    if text.isdecimal() and 1 <= int(text) <= len(lines):
        return True, lines[int(text) - 1]
    plain = {_plain(line): line for line in lines}
    return (_plain(text) in plain, plain.get(_plain(text), text))


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


def _next_step(sheet: Sheet, cell: SheetCell, rows: tuple[CheckRow, ...]) -> str:
    if any(row.state is False for row in rows):
        again = f" To read again: {cell.look}." if cell.look else ""
        what = "the cell" if cell.first_line else "the cells above"
        return f"Next: look at the first ✗, mend {what}, run it and then this check again.{again}"
    if any(row.state is None for row in rows):
        return "Next: read what is open. Nothing here is wrong."
    after = sheet.after(cell)
    return f"All right. Next: {after.title}" if after else "All right. That was the last one."


class _Look:
    """One look at one exercise: observed as for a grade, judged by the same functions."""

    def __init__(self, notebook: Session, cell: SheetCell, text: str) -> None:
        assert notebook.sheet.task is not None, "only a lesson that trains has claims"  # noqa: S101
        self.notebook, self.cell, self.text = notebook, cell, text
        self.sheet, self.task = notebook.sheet, notebook.sheet.task
        spec = self.sheet.spec
        assert spec is not None  # noqa: S101 - where there is a task
        rng = np.random.default_rng()
        self.asked = {**judge.questions(self.task, spec.good, spec.stall, rng), **QUICK}
        self.judged: dict[str, Any] = {}

    def table(self) -> CheckTable:
        rows: list[CheckRow] = []
        told: set[str] = set()
        for claim in self.cell.claims:
            row = self._row(claim, rows)
            if row.state is False and row.seen in told:
                row = replace(row, seen="Same cause.")
            told.add(row.seen)
            rows.append(row)
        step = _next_step(self.sheet, self.cell, tuple(rows))
        note = getattr(self.judged.get("result"), "note", None)
        if note is not None:
            step = tell(note, self.sheet.hints).message
        return CheckTable(self.cell.title, tuple(rows), step, picture=self._picture())

    def _sentence(self, claim: SheetClaim) -> str:
        if claim.row is None or self.task.targets.shape[1] != 1:
            return claim.text
        inputs = ", ".join(f"{value:g}" for value in self.task.inputs[claim.row])
        return f"For ({inputs}) the prediction is near {self.task.targets[claim.row, 0]:g}."

    def _row(self, claim: SheetClaim, above: Sequence[CheckRow]) -> CheckRow:
        what = self._sentence(claim)
        if not all(above[number].state for number in claim.needs):
            return CheckRow(None, what, "Looked at once the rows above are right.")
        try:
            part = self._part(claim.part)
        except EvidenceError as error:
            return CheckRow(
                False, what, f"What your objects answer is nothing to judge by: {error}."
            )
        found = getattr(part, claim.name, None)
        if found is None:
            other = "The xorkit installed here is another version than this notebook's."
            return CheckRow(None, what, f"{other} Build the release again.")
        if claim.row is not None:
            found = found[claim.row]
        if claim.part == "result":
            return self._prediction(what, part, claim.row or 0, found)
        if claim.part == "training" and claim.name == "epochs" and not found:
            return self._epochs(what, part, found)
        return CheckRow(True, what, self._seen(claim, part)) if found else self._missed(what, found)

    def _missed(self, what: str, found: judge.Claim) -> CheckRow:
        """A claim that doesn't hold, with the sentence that grading has for it."""
        if found.finding is None:
            return CheckRow(False, what)
        told = judge.named_only(tell(found.finding, self.sheet.hints), self.text)
        return CheckRow(False, what, told.message, str(told.code or ""))

    def _part(self, name: str) -> Any:
        """What the judge says of an exercise."""
        if name not in self.judged:
            self.judged[name] = getattr(self, f"_{name}")()
        return self.judged[name]

    def _observed(self, part: str, read: Callable[[object], _T]) -> _T:
        cell = self._cell_of(part)
        text = self.notebook.text_of(cell) if cell.first_line else ""
        after = self.sheet.after(cell)
        more = {"next": self.notebook.text_of(after) if after else ""}
        with self.notebook.as_before(cell):
            seen = observe(OBSERVED[part], self.notebook.namespace, text, {**self.asked, **more})
        if "fault" in seen:
            raise RuntimeError(seen["fault"])
        return read(loads(json.dumps(seen)))

    def _cell_of(self, part: str) -> SheetCell:
        return self.sheet.of_role(OBSERVED[part]) or self.cell

    def _data(self) -> judge.Data:
        return judge.judge_data(self._observed("data", read_data), self.task)

    def _model(self) -> judge.Model:
        return judge.judge_model(self._observed("model", read_model), self.asked, self.task)

    def _settings(self) -> judge.Settings:
        seen = self._observed("settings", read_settings)
        return judge.judge_settings(seen, self.asked, self.task)

    def _training(self) -> judge.Training:
        seen = self._observed("training", read_training)
        ended = self.notebook.raised.get(self._cell_of("training").grade_id, seen) is None
        try:
            data, model, settings = map(self._part, ("data", "model", "settings"))
            others = data, model, settings
        except EvidenceError:  # that cell's own check says so
            others = None
        return judge.judge_training(seen, self.task, self.sheet.facts, others, ended=ended)

    def _result(self) -> judge.Result:
        data, model, settings, training = map(self._part, ("data", "model", "settings", "training"))
        seen = self._observed("result", read_predictions)
        if self._open(training):
            training = replace(training, epochs=HOLDS)
        parts = data, model, settings, training
        own, facts = training.own, self.sheet.facts
        return judge.judge_result(seen, self.asked, own, parts, self.task, facts)

    def _epochs(self, what: str, training: judge.Training, found: judge.Claim) -> CheckRow:
        if training.own is None:
            text = "Run the cell once more: its epochs are counted while it runs."
            return CheckRow(None, what, text)
        text = self._open(training)
        return CheckRow(None, what, text) if text else self._missed(what, found)

    def _open(self, training: judge.Training) -> str:
        """Why a loop may have been short: only a whole run from another start tells if that is so.

        Empty where that makes no difference.
        """
        own, found = training.own, training.epochs.finding
        endless = found is not None and found.code == Diagnosis.TIMEOUT
        if own is None or training.epochs or not training.updates or endless:
            return ""
        fine = f"{own.backwards} epochs: fine, if your loop"
        ordered = in_order(own, self.task)
        if ordered is not None and near(ordered.rows, self.task).all():
            return f"{fine} ends once it has learned."
        if gave_up(own, self.task, self.sheet.facts):
            return f"{fine} gives up a start that doesn't learn."
        return ""

    def _prediction(
        self, what: str, result: judge.Result, row: int, found: judge.Claim
    ) -> CheckRow:
        if not result.predictions:
            return self._missed(what, found)
        value, goal = result.predictions[row], self.task.targets[row, 0]
        own, targets = self.judged["training"].own, self.task.targets
        baseline = float(((targets - targets.mean(axis=0)) ** 2).mean())
        near_ = bool(abs(value - goal) <= self.task.near)
        if own is not None and len(own.losses) and own.losses[0] < LEARNED * baseline:
            return CheckRow(near_, what, f"It is {value:.3f}.")  # it went on from another training
        if not found:
            return self._missed(what, found)
        stuck = "" if near_ else " Not near, but only because of this start: it costs no points."
        return CheckRow(True, what, f"It is {value:.3f}.{stuck}")

    def _seen(self, claim: SheetClaim, part: Any) -> str:
        """What a claim that holds was seen by, where a number says it."""
        if claim.part == "model" and claim.name == "sized":
            sizes = [int(np.prod(shape)) for shape in part.shapes]
            return f"{' + '.join(map(str, sizes))} = {sum(sizes)} weights and biases"
        if claim.part == "training" and claim.name == "epochs":
            return f"{part.own.backwards} epochs seen" if part.own is not None else ""
        rows = self._rows() if claim.part == "training" and claim.name == "updates" else None
        if rows is None:
            return ""
        moved, asked = rows[1:] - rows[:-1], -descent(rows, self.task)
        gap = float(np.abs(moved - asked).max())
        return f"{len(moved)} updates compared; the largest difference is {gap:.0e}: rounding"

    def _rows(self) -> Any:
        """The parameters at the loop's first epochs, in the net's order; None without any."""
        run = self.judged["training"].run
        ordered = in_order(run, self.task)
        rows = None if ordered is None else ordered.rows
        return rows if rows is not None and len(rows) > 1 and moves(rows).any() else None

    def _picture(self) -> str:
        """The first updates beside the steps asked for, where they differ."""
        training = self.judged.get("training")
        if training is None or training.updates or self.cell.role != OBSERVED["training"]:
            return ""
        with contextlib.suppress(Exception):  # numbers that can't be drawn
            rows = self._rows()
            if rows is not None and np.isfinite(rows).all():
                few = rows[: SHOWN_UPDATES + 1]
                return updates_picture(few[1:] - few[:-1], -descent(few, self.task))
        return ""
