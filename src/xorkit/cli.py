"""The commands. Each one hands its work on, shows what came of it, and says where to look next."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

import xorkit

if TYPE_CHECKING:
    from xorkit.engine.batch import Progress
    from xorkit.engine.course import Course
    from xorkit.engine.job import RunSettings
    from xorkit.lesson import Lesson
    from xorkit.recall import Change, Report, SecondStage
    from xorkit.verdict import Verdict

# Heavy imports stand inside the commands: `xorkit --help` must not wait for nbgrader.

UNGRADABLE, BROKEN = 1, 2  # exit statuses: some could not be graded; wrong usage or a broken course
LEAST_MEMORY = 64 << 20  # a "2" that was to be 2G would fail everyone; training takes 40 MiB

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


CourseOption = Annotated[
    Path, typer.Option("--course", help="The course folder.", show_default="this folder")
]
AssignmentArgument = Annotated[
    str, typer.Argument(help="The assignment's name.", show_default="the course's only one")
]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds that one cell may run.")]
Memory = Annotated[str, typer.Option("--memory", help="Memory that one notebook may use.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes; else one a core, fewer for little work."),
]
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="Address of a Dask scheduler.")]
Unconfined = Annotated[
    bool, typer.Option("--unconfined", help="Run learners' code as yourself, unprotected.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]
THIS_FOLDER = Path()


def _version(wanted: bool) -> None:
    if wanted:
        print(f"xorkit {xorkit.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Auto-graded PyTorch exercises that are judged by what the training did."""


def main() -> None:
    """The console script. A mistake of usage or of the course ends with 2 and one message."""
    app()


def _tell(text: str, first: str = "") -> None:
    from xorkit.terminal import out

    out.tell(text, first)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    from xorkit.terminal import out

    out.show(names, rows, title)


def _say(message: str, first: str = "[bold yellow]xorkit:[/]") -> None:
    """What the instructor should know meanwhile; on stderr, so that --json stays JSON."""
    from xorkit.terminal import err

    err.tell(message, first)


def _fail(message: str, status: int = BROKEN) -> NoReturn:
    _say(message, "[bold red]xorkit:[/]")
    raise typer.Exit(status)


@contextmanager
def _opened(root: Path, assignment: str, *, check: bool = True) -> Iterator[Course]:
    """The course, with its errors said in one line instead of a traceback.

    Without `check` it is checked by whoever reads the lesson.
    """
    from xorkit.engine.course import open_course
    from xorkit.errors import KitError

    try:
        course = open_course(root, assignment)
        if check:
            course.check()
        yield course
    except KitError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.strerror or error}: {error.filename or ''}. Nothing graded so far is lost.")


def _settings(timeout: float, memory: str, unconfined: bool) -> RunSettings:
    from xorkit.engine.job import RunSettings

    if not 0 < timeout < float("inf"):
        _fail(
            f"--timeout {timeout:g} is no time that a cell could take; wanted seconds, such as 60"
        )
    if unconfined:
        _say(
            "--unconfined: learners' code runs as you, with all that you may read, write and send.",
            "[bold yellow]Warning:[/]",
        )
    return RunSettings(timeout, _bytes(memory), not unconfined)


def _bytes(size: str) -> int:
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    number, unit = size.upper().removesuffix("B").removesuffix("I"), 1
    if number[-1:] in units:
        number, unit = number[:-1], units[number[-1]]
    try:
        found = int(float(number) * unit)
    except (ValueError, OverflowError):
        found = 0
    if found < LEAST_MEMORY:
        _fail(f"--memory {size!r} is no size for a notebook; wanted one such as 2G or 800M")
    return found


# --------------------------------------------------------------------------------------- commands


@app.command("quickstart")
def quickstart_command(
    folder: Annotated[Path, typer.Argument(help="The new course folder.")],
    lesson: Annotated[
        str, typer.Option(help="Which of the kit's.", show_default="the main one")
    ] = "",
    colab: Annotated[
        str, typer.Option(help="owner/repository/branch that learners open the notebook from.")
    ] = "",
) -> None:
    """Make a course folder of your own. Nothing else is needed to build and grade it."""
    from xorkit.quickstart import QuickstartError
    from xorkit.quickstart import quickstart as make

    try:
        made = make(folder, lesson, colab)
    except QuickstartError as error:
        _fail(str(error))
    _tell(f"Made {made}. Next: cd {made} && xorkit build")


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where; it is made anew.")] = Path("demo"),
    workers: Workers = None,
    unconfined: Unconfined = False,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """The whole course on the sample class. Build, collect, grade, feedback, report."""
    from xorkit import samples
    from xorkit.engine.late import parsed_due_date
    from xorkit.engine.records import set_due
    from xorkit.pages.writing import feedback_path

    with _opened(root, "") as own:
        _tell("A sample class is built, collected and graded: a few minutes on two cores.")
        _copy_course(root, folder)
        with _opened(folder, own.assignment) as course:
            _build(course, prove=False)
            learners = samples.read_class(root / "samples" / own.assignment / "class.yaml")
            downloaded = folder / "downloaded"
            samples.write_class(downloaded, learners, course.source, course.release)
            _collect(course, [downloaded / samples.HANDED_IN], downloaded / samples.ROSTER)
            # The sample class has a loop without end: twenty seconds are enough to see that.
            verdicts = _grade(course, _settings(20, "2G", unconfined), workers=workers)
            set_due(course, parsed_due_date(samples.DUE, None))
            _feedback(course)
            report_path = _report(course)
            shown = next(v.student for v in verdicts if "no-zero-grad" in v.diagnosis)
    _tell("\nLook at the class report first, in a browser: what is to do, who, and why.")
    _tell(f"The class report:         {report_path}")
    _tell(f"One learner's feedback:   {feedback_path(course, shown)}")
    jupyter = Path(sys.executable).with_name("jupyter")  # there also where no venv is active
    _tell(f"The formgrader:           cd {folder} && {jupyter} lab")


@app.command("build")
def build_command(
    assignment: AssignmentArgument = "",
    workers: Workers = None,
    unconfined: Unconfined = False,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """Source to release, checked. Solutions earn full marks, nothing leaks, mistakes are found."""
    with _opened(root, assignment) as course:
        settings = _settings(60, "2G", unconfined)
        _build(course, prove=True, settings=settings, workers=workers)


@app.command("collect")
def collect_command(
    paths: Annotated[list[Path], typer.Argument(help="Files, folders, zips of your LMS.")],
    assignment: Annotated[
        str, typer.Option(help="Its name.", show_default="the course's only one")
    ] = "",
    roster: Annotated[
        Path | None, typer.Option(help="CSV that maps ids, names and e-mails to students.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Of the LMS, such as Europe/Berlin; else this machine's.")
    ] = None,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """What learners handed in → submitted/. Says what was repaired, what was refused, and why."""
    with _opened(root, assignment) as course:
        if not _collect(course, paths, roster, timezone):
            raise typer.Exit(UNGRADABLE)


@app.command("grade")
def grade_command(
    assignment: AssignmentArgument = "",
    everything: Annotated[bool, typer.Option("--all", help="Also what hasn't changed.")] = False,
    student: Annotated[list[str] | None, typer.Option(help="Only this learner.")] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    timeout: Timeout = 60,
    memory: Memory = "2G",
    unconfined: Unconfined = False,
    as_json: AsJson = False,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """Grade everything in submitted/ that is new or changed."""
    with _opened(root, assignment, check=False) as course:
        if workers is None and not scheduler and _few_wait(course, student, everything):
            _start_ahead()
        course.check()
        verdicts = _grade(
            course,
            _settings(timeout, memory, unconfined),
            students=student,
            everything=everything,
            workers=workers,
            scheduler=scheduler,
            as_json=as_json,
        )
    if any(verdict.status == "not_gradable" for verdict in verdicts):
        raise typer.Exit(UNGRADABLE)


@app.command("rejudge")
def rejudge_command(
    assignment: AssignmentArgument = "",
    student: Annotated[list[str] | None, typer.Option(help="Only this learner.")] = None,
    as_json: AsJson = False,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """Judge again from kept evidence. Runs no learner's code, shows every mark that moved."""
    from xorkit.engine.batch import rejudge as judge_again

    with _opened(root, assignment) as course:
        _all_known(student, course, "autograded")
        count, moved = 0, []
        for before, after in judge_again(course, student, say=_say):
            count += 1
            if (was := _marks(before)) != (marks := _marks(after)):
                moved.append((after.student, before.score, after.score, was, marks))
    if as_json:
        for name, old, new, *_ in moved:
            print(json.dumps({"student": name, "was": old, "is": new}))
        return
    if moved:
        rows = [
            (name, cell, str(was.get(cell)), str(score))
            for name, _, _, was, marks in moved
            for cell, score in marks.items()
            if was.get(cell) != score
        ]
        _table(("learner", "cell", "was", "is"), rows, "Marks that moved")
    _tell(f"Judged {count} again; the marks of {len(moved)} moved.")


@app.command("feedback")
def feedback_command(
    assignment: AssignmentArgument = "",
    student: Annotated[list[str] | None, typer.Option(help="Only this learner.")] = None,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """Write each learner's feedback page."""
    with _opened(root, assignment, check=False) as course:
        _all_known(student, course, "autograded")
        _feedback(course, student)


@app.command("report")
def report_command(
    assignment: AssignmentArgument = "",
    since: Annotated[
        str | None, typer.Option(help="Show what was collected from this time on, 2026-05-01 say.")
    ] = None,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """Write the class report. What to do, who, why, what to teach again."""
    time = None
    if since is not None:
        try:
            time = datetime.fromisoformat(since).astimezone()
        except ValueError:
            _fail(f'--since {since!r} is no time; wanted one such as "2026-05-01 23:59"')
    with _opened(root, assignment, check=False) as course:
        _tell(f"The class report: {_report(course, time)}")


@app.command()
def mark(
    assignment: AssignmentArgument = "",
    csv: Annotated[
        Path | None, typer.Option(help="Write what waits as a table instead, for a spreadsheet.")
    ] = None,
    marked: Annotated[
        Path | None, typer.Option("--from", help="Read the marks from such a table.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0: any.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """Mark the answers that wait for a person. Like with like, one key a mark."""
    from xorkit import marking
    from xorkit.pages import words

    if csv and marked:
        _fail("--csv writes a table and --from reads one: give one of them")
    with _opened(root, assignment) as course:
        if csv:
            if not (count := marking.write_waiting(marking.waiting(course), csv)):
                _tell("No answer waits for a mark.")
                return
            _tell(
                f"Wrote {count} answers to {csv}. Fill in the points, then: xorkit mark"
                f" {course.assignment} --from {csv}"
            )
            return
        try:
            if marked:
                given = marking.read_marks(course, marked)
                refused = list(marking.give_marks(course, given))
                for refusal, why in refused:
                    _say(f"{refusal.answer.student}, {refusal.answer.cell}: {why}")
                taken = words.plural(len(given) - len(refused), "mark")
                _tell(f"Took over {taken}." if given else f"No points are filled in: {marked}")
            elif not marking.serve(course, port, browser, _say):
                return
        except marking.MarksError as error:
            _fail(str(error))
        for line in marking.bring_up_to_date(course):
            _tell(line)


@app.command("export")
def export_command(
    assignment: AssignmentArgument = "",
    to: Annotated[
        Literal["csv", "canvas", "moodle", "gradescope"], typer.Option(help="For which LMS.")
    ] = "csv",
    output: Annotated[Path | None, typer.Option(help="Folder for the files.")] = None,
    template: Annotated[
        Path | None, typer.Option(help="The LMS's own export (Canvas gradebook, Moodle worksheet).")
    ] = None,
    roster: Annotated[
        Path | None, typer.Option(help="CSV that maps students to the LMS's ids.")
    ] = None,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """Grades for the LMS."""
    from xorkit.export import ExportError, export_course

    with _opened(root, assignment, check=False) as course:
        try:
            written = export_course(
                course, to, output=output, template=template, roster=roster, say=_say
            )
        except ExportError as error:
            _fail(str(error))
    for path in written:
        _tell(f"Wrote {path}")


@app.command()
def due(
    assignment: AssignmentArgument,
    time: Annotated[
        str, typer.Argument(help='Such as "2026-05-01 23:59"; "none" takes it away.')
    ] = "",
    zone: Annotated[
        str | None, typer.Option(help="Such as Europe/Berlin; else this machine's.")
    ] = None,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """Set the due date. In the gradebook, where nbgrader has it; late penalties follow at once."""
    from xorkit.engine import late
    from xorkit.engine.records import due_date, set_due

    with _opened(root, assignment) as course:
        try:
            wanted = late.parsed_due_date(time, zone) if time not in ("", "none") else None
        except ValueError as error:
            _fail(str(error))
        if time:
            found = set_due(course, wanted)
            behind = sum(verdict.late is not None for verdict in found)
            cost = sum(verdict.final_score < verdict.score for verdict in found)
            if found:
                _tell(f"Late: {behind} of {len(found)} graded. Fewer points for it: {cost}.")
        now = due_date(course)
    if now is None:
        _tell(f"{assignment} has no due date.")
    else:
        here = now.astimezone(wanted.tzinfo if wanted else None)
        _tell(f"{assignment} is due {here:%Y-%m-%d %H:%M %Z} ({now:%Y-%m-%d %H:%M} UTC).")


@app.command()
def rubric(
    assignment: AssignmentArgument = "",
    add_marks: Annotated[
        bool, typer.Option("--add-marks", help="Add persons' marks of this class to the tests.")
    ] = False,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit the second stage to the tests and persons' marks.")
    ] = False,
    phrase: Annotated[
        str, typer.Option("--try", help="A phrase: what would it change, added --for a concept?")
    ] = "",
    concept: Annotated[str, typer.Option("--for", help="The concept that --try is about.")] = "",
    root: CourseOption = THIS_FOLDER,
) -> None:
    """How the recall rubrics do. On their own test answers and on the class."""
    from xorkit.engine import rubrics

    if concept and not phrase:
        _fail("--for names the concept that a phrase is tried for: give the phrase with --try")
    with _opened(root, assignment) as course:
        if add_marks:
            path, added = rubrics.add_marks(course)
            _tell(f"{added} marked answers are new in {path}" if added else "No new marks.")
        if fit:
            _show_fit(*rubrics.fit_course(course))
        if phrase:
            try:
                _show_changes(rubrics.tried(course, phrase, concept))
            except ValueError as error:
                _fail(str(error))
        if add_marks or fit or phrase:
            return
        serious = _show_rubrics("the rubrics' own tests", rubrics.on_tests(course))
        if course.students("autograded"):
            _show_rubrics("the class", rubrics.on_class(course))
    if serious:
        _fail(f"{serious} test answers get a sure mark that is two off: mend the rubric")


@app.command()
def checked(
    assignment: AssignmentArgument,
    students: Annotated[list[str], typer.Argument(help="The learners whose files you looked at.")],
    root: CourseOption = THIS_FOLDER,
) -> None:
    """A file that wanted a look has had it."""
    from xorkit.engine.records import check_off

    with _opened(root, assignment) as course:
        _all_known(students, course, "autograded")
        for verdict in check_off(course, students):
            what = "checked" if verdict.checked else "nothing wanted a look"
            _tell(f"{verdict.student}: {what}")


@app.command("publish")
def publish_command(
    folder: Annotated[Path, typer.Argument(help="Where to; it need not exist.")] = Path(
        "published"
    ),
    assignment: Annotated[
        str, typer.Option(help="Its name.", show_default="the course's only one")
    ] = "",
    branch: Annotated[
        str | None, typer.Option(help="Commit it on this branch instead, ready to push.")
    ] = None,
    root: CourseOption = THIS_FOLDER,
) -> None:
    """What learners may see, ready to push. Refuses if any answer would leak."""
    from xorkit.engine import publishing

    with _opened(root, assignment) as course:
        if branch is not None:
            commit = publishing.publish_branch(course, branch)
            _tell(f"Committed {commit[:10]} on {branch}. Next: git push origin {branch}")
            return
        owner, repository, place = publishing.place_of(course)
        for path in publishing.publish(course, folder):
            _tell(f"Wrote {path}")
        _tell(
            f"Next: push what is in {folder} to {owner}/{repository}, branch {place}. Learners open"
            " the notebook with the button in its README."
        )


@app.command()
def doctor(root: CourseOption = THIS_FOLDER) -> None:
    """What this machine can do. Versions, sandbox, cores; what to install."""
    from xorkit import sandbox
    from xorkit.engine.machine import versions

    rows = [(what, True, found) for what, found in versions()] + [*sandbox.look_over()]
    _table(
        ("what", "", "found, or what to do"),
        [(what, "✓" if good else "✗", says) for what, good, says in rows],
    )
    if not all(good for _, good, _ in rows):
        _fail("learners' code can't be confined here; see the lines with ✗", UNGRADABLE)


@app.command()
def facts(assignment: AssignmentArgument = "", root: CourseOption = THIS_FOLDER) -> None:
    """Compute how random starts end. Writes lessons/<assignment>.starts.json."""
    from xorkit.files import write_file
    from xorkit.starts import survey

    with _opened(root, assignment) as course:
        found = survey(course.lesson.trained)
        path = course.path("lessons", f"{course.assignment}.starts.json")
        write_file(path, (json.dumps(found) + "\n").encode())
    _tell(f"{found['stalled']} of {found['starts']} starts stall. Wrote {path}")


# ------------------------------------------------------------------ what commands are made of


def _copy_course(root: Path, folder: Path) -> None:
    """A course of its own for the demo: what is authored, nothing that was graded."""
    if folder.exists() and not (folder / ".xorkit-demo").exists() and any(folder.iterdir()):
        _fail(f"{folder} holds something that isn't a demo; name another one with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("source", "lessons"):
        shutil.copytree(root / name, folder / name)
    shutil.copy(root / "nbgrader_config.py", folder)
    (folder / ".xorkit-demo").touch()


def _build(
    course: Course, *, prove: bool, settings: RunSettings | None = None, workers: int | None = None
) -> None:
    from xorkit.engine import release
    from xorkit.engine.course import CourseError
    from xorkit.engine.proof import prove as checks
    from xorkit.engine.publishing import colab_link

    if prove and workers is None:
        release.build(course, _start_ahead)  # notebooks will have to be run
    else:
        release.build(course)
    _tell(f"Built {course.notebook_path('release')}")
    try:
        colab_link(course)
    except CourseError as error:
        _say(str(error))
    if not prove or settings is None:
        return
    failed = 0
    for check in checks(course, settings, workers):
        failed += not check.holds
        seen = "" if check.holds else f": {check.seen}"
        _tell(f"{check.claim}{seen}", "[green]✓[/]" if check.holds else "[bold red]✗[/]")
    if failed:
        _fail(f"{failed} of the course's own promises don't hold; see the lines with ✗")


def _collect(
    course: Course, paths: list[Path], roster: Path | None, timezone: str | None = None
) -> bool:
    """Collects and tells what became of every file; whether all of them found a place."""
    from xorkit.foreign import first_of
    from xorkit.intake import collecting
    from xorkit.intake.clock import zone_named

    try:
        found = collecting.collect(
            paths,
            course.path("submitted"),
            course.release,
            assignment=course.assignment,
            roster=roster,
            zone=zone_named(timezone) if timezone else None,
        )
    except (FileNotFoundError, ValueError) as error:
        _fail(str(error))
    rows = []
    for item in found.items:
        says = [item.reason, *item.repairs, *(f"to look at: {text}" for text in item.review)]
        if item.fate != "set aside" and (text := "\n".join(filter(None, says))):
            rows.append((item.student, Path(item.source).name, item.fate, text))
    if rows:
        _table(("learner", "file", "", "what was mended, or why not"), rows)
    if found.set_aside:
        names = first_of([item.name for item in found.set_aside])
        _tell(f"Set aside, as no notebooks: {names}")
    counts = (
        f"{len(found.taken)} taken, {len(found.unchanged)} unchanged, {len(found.not_taken)} not"
        f" taken, {len(found.refused)} refused, {len(found.unplaced)} that fit nobody or several"
    )
    _tell(f"Collected into {course.path('submitted')}: {counts}")
    return not found.refused and not found.unplaced


def _grade(
    course: Course,
    settings: RunSettings,
    *,
    students: list[str] | None = None,
    everything: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    as_json: bool = False,
) -> list[Verdict]:
    """Grades with a live bar where there is a terminal, then shows a table."""
    from xorkit.engine.batch import grade_class as run
    from xorkit.engine.environment import to_do

    _all_known(students, course, "submitted")
    done: list[Progress] = []
    with _bar(course.lesson, quiet=as_json) as (begin, advance):
        for progress in run(
            course,
            settings,
            students=students,
            everything=everything,
            count=workers,
            scheduler=scheduler,
            begin=begin,
            say=_say,
        ):
            done.append(progress)
            advance(progress)
    if as_json:
        for progress in done:
            print(json.dumps(progress.verdict.to_json()))
    else:
        _show(done, course.lesson)
        for line in to_do(progress.verdict for progress in done):
            _say(f"{line}.")
    for progress in done:
        if progress.faults:
            first, more = progress.faults[0], len(progress.faults) - 1
            text = f"{progress.verdict.student}: {first}" + (f" (and {more} more)" if more else "")
            _say(text, "[bold red]The grader failed:[/]")
    return [progress.verdict for progress in done]


def _few_wait(course: Course, students: list[str] | None, everything: bool) -> bool:
    """Whether this process will itself run the notebooks that wait: one or two."""
    from xorkit.engine.settled import RUN_HERE, newer

    names = students or course.students("submitted")
    return 0 < len(names if everything else newer(course, names)) <= RUN_HERE


def _start_ahead() -> None:
    """Lets the fork server get ready while this process does other things."""
    from xorkit.guest import launch

    if sys.platform.startswith("linux"):
        launch.start_ahead()


def _all_known(students: list[str] | None, course: Course, step: str) -> None:
    if students and (unknown := sorted(set(students) - set(course.students(step)))):
        _fail(f"nothing in {step}/ by {', '.join(unknown)}")


@contextmanager
def _bar(
    lesson: Lesson, quiet: bool
) -> Iterator[tuple[Callable[[int], None], Callable[[Progress], None]]]:
    """A live bar on a terminal; a plain line for each submission elsewhere."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bar,
    )

    from xorkit.terminal import out

    failed = 0

    def line(progress: Progress) -> None:
        verdict = progress.verdict
        if not quiet:
            _tell(f"{verdict.student}: {_score(verdict)} {_found(verdict, lesson)}")

    if quiet or not out.is_terminal:
        yield (lambda count: None), line
        return
    columns = (
        TextColumn("grading"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=out, transient=True) as bar:
        task = bar.add_task("grading", total=None, failed="")

        def begin(count: int) -> None:
            bar.update(task, total=count)

        def advance(progress: Progress) -> None:
            nonlocal failed
            failed += progress.verdict.status == "not_gradable"
            bar.update(task, advance=1, failed=f"{failed} not gradable" if failed else "")

        yield begin, advance


def _show(done: Iterable[Progress], lesson: Lesson) -> None:
    rows = []
    for verdict in sorted((progress.verdict for progress in done), key=lambda v: v.student):
        seconds = verdict.details.get("seconds", 0)
        rows.append((verdict.student, _score(verdict), _found(verdict, lesson), f"{seconds:.1f}"))
    if rows:
        _table(("learner", "points", "what was found", "seconds"), rows)
    else:
        _tell("Nothing in submitted/ is new or changed. (--all grades everything again.)")


def _show_rubrics(title: str, reports: Iterable[tuple[str, Report]]) -> int:
    """A table, and what was not understood; gives back the number of serious errors."""
    names = ("question", "answers", "matched", "missed", "wrongly credited", "to a person")
    rows, unknown, gates, serious = [], [], [], 0
    for name, report in reports:
        lists = (report.judged, report.matched, report.missed, report.wrongly_credited)
        rows.append((name, *(str(len(found)) for found in (*lists, report.handed_over))))
        if report.phrasings:
            said = ", ".join(f"{text} ({count})" for text, count in report.phrasings[:3])
            unknown.append(f"  {name}: {said}")
        if report.gates:
            said = ", ".join(f"{gate} ({count})" for gate, count in report.gates)
            gates.append(f"  {name}: {said}")
        serious += len(report.serious)
    _table(names, rows, f"On {title}")
    if unknown:
        _tell("\n".join(["Not understood, most often:", *unknown]))
    if gates:
        _tell("\n".join(["Handed to a person because of:", *gates]))
    return serious


def _show_fit(path: Path, fitted: SecondStage) -> None:
    names = ("question", "left open by the rules", "decided", "a mark off", "two marks off")
    rows = []
    for name, own in fitted.questions.items():
        numbers = own.figures
        counts = (numbers.answers, numbers.sure, numbers.wrong - numbers.serious, numbers.serious)
        rows.append((name, *map(str, counts)))
    _table(names, rows, "On answers that it had not seen, part by part")
    _tell(f"Wrote {path}")


def _show_changes(found: Iterable[tuple[str, list[Change]]]) -> None:
    rows = []
    for name, changes in found:
        for one in changes:
            marks = ("a person" if mark is None else str(mark) for mark in (one.before, one.after))
            person = "" if one.wanted is None else str(one.wanted)
            rows.append((name, *marks, person, str(one.answer)))
    if rows:
        _table(("question", "before", "after", "a person gave", "answer"), rows)
    else:
        _tell("The phrase would change no mark.")


def _score(verdict: Verdict) -> str:
    if verdict.status == "not_gradable":
        return "–"
    waits = " + a person's" if verdict.needs_review else ""
    return f"{verdict.final_score:g}/{verdict.max_score:g}{waits}"


def _found(verdict: Verdict, lesson: Lesson) -> str:
    """What was found, and where points are missing of which no diagnosis tells."""
    told = {lesson.kind(f.grade_id) for f in verdict.findings if f.code and not f.note}
    parts: list[str] = [*verdict.diagnosis]
    parts += [f"{k} −{lost:g}" for k, lost in lesson.missing(verdict).items() if k not in told]
    if verdict.late:
        parts.append(str(verdict.late))
    if verdict.needs_review:
        parts.append(f"{len(verdict.needs_review)} for a person")
    if verdict.repairs:
        parts.append(f"{len(verdict.repairs)} repaired")
    return verdict.message or ", ".join(parts)


def _marks(verdict: Verdict) -> dict[str, float]:
    return {cell.grade_id: cell.score for cell in verdict.cells}


def _feedback(course: Course, students: list[str] | None = None) -> None:
    from xorkit.engine.settled import settled_verdicts
    from xorkit.pages.writing import write_feedback

    found = settled_verdicts(course, _say)
    chosen = [v for v in found if not students or v.student in students]
    count = write_feedback(course, chosen)
    same = f"; {len(chosen) - count} are as they were" if count < len(chosen) else ""
    _tell(f"Wrote {count} feedback pages into {course.path('feedback')}{same}")


def _report(course: Course, since: datetime | None = None) -> Path:
    from xorkit.engine.settled import settled_class
    from xorkit.pages.writing import write_report

    found, waiting = settled_class(course, _say)
    return write_report(course, found, waiting=waiting, since=since)
