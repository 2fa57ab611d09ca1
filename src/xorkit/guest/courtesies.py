"""Courtesies: what learners' code does in Colab works here, or is skipped and said in a line.

Nothing here protects anything; the confinement does that. It keeps a harmless cell from failing.
"""

from __future__ import annotations

import builtins
import concurrent.futures
import functools
import getopt
import getpass
import importlib
import inspect
import io
import locale
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from xorkit.guest import device, folders, newer_python, shell_lines, standins
from xorkit.guest.folders import Folders
from xorkit.guest.lacks import PROGRAM, EmptyLine, Lacks, NoBytes, NothingSaid, Say, nobody_types

System = Callable[..., tuple[int, str]]  # of a command's words or text: its status and output

SHELL_MAGICS = ("bash", "sh", "script", "shell", "perl", "ruby", "python", "python2", "python3")
INSTALLERS = ("pip", "conda", "mamba", "micromamba", "uv")
# Magics of extensions that aren't here: what they show or measure is not looked at.
OTHER_MAGICS = ("tensorboard", "tensorflow_version", "bigquery", "sql", "cython", "R")
# Those that run the Python that they measure, and the options in front of it, as getopt has them.
RUNNING_MAGICS = {"memit": "r:t:i:coD", "mprun": "rcT:f:", "lprun": "rsu:zm:D:T:f:"}
# What Colab's older IPython has under these names.
OLDER = {
    "IPython.display": ("matplotlib_inline.backend_inline", "set_matplotlib_formats"),
    "IPython.core.display": ("IPython.display", "display"),
}
# Commands that bring files of any name; of others, those that they name.
BRINGS = re.compile(
    r"(?:^|[;&|]|\bsudo\b)\s*(?:[\w./-]*/)?(?:git|unzip|tar|7z|gdown|kaggle|python3?)\b|[$`*]"
)
COMMENT = re.compile(r"\s*(#.*)?\n?")
# What multiprocessing makes, and its twin that is made of threads makes, too.
PROCESSES = (
    "Process", "Pool", "Manager", "Queue", "JoinableQueue", "Pipe", "Lock", "RLock", "Semaphore",
    "BoundedSemaphore", "Condition", "Event", "Barrier", "Value", "Array",
)  # fmt: skip
SPARE_MEMORY = 8 << 20  # bytes; where they are missing, ZeroMQ ends the process or falls silent
LONGEST_COMMAND = 60  # characters of a skipped command that the note repeats

FOLDERS = Folders()  # of this process, which runs one notebook


def tame(shell: Any) -> None:
    """Teach ipykernel, and its `shell`, to skip what can't work while grading.

    Once the process is confined, `settle` gives Colab's folders their place.
    """
    note = _once(print)
    lacks = Lacks(note)
    _ask_nobody(lacks)
    shell.db = {}  # of `%cd` and the like, in a folder that can't be written
    _stay_alive(shell, note)
    promise = standins.install_standins(shell, lacks)
    system = _system(note, lacks, promise)
    _read_magics(shell, system)
    _be_older(shell)
    _run_no_programs(system)
    _stay_one_process(note)
    _draw_inline(shell)
    _leave_room(shell)
    device.watch(shell, note)
    standins.stand_in_for_colab(shell, lacks, note, FOLDERS)
    folders.install_folders(FOLDERS)
    newer_python.provide()
    _speak_english()


def settle(scratch: str) -> None:
    """From now on, what is written in Colab's folders lies in this one."""
    FOLDERS.scratch = scratch


def _once(say: Callable[[str], object]) -> Say:
    """A note that says each thing once."""
    said: set[str] = set()

    def note(text: str) -> None:
        if text not in said:
            said.add(text)
            say(f"[while grading] {text}")

    return note


def _stay_alive(shell: Any, note: Say) -> None:
    """`exit()`, and how Colab's kernel is restarted after an install."""

    def do_shutdown(self: Any, restart: bool) -> dict[str, Any]:
        note("skipped: do_shutdown(), the notebook goes on")
        return {"status": "ok", "restart": restart}

    shell.ask_exit = lambda: note("skipped: exit(), the notebook goes on")
    kernel: Any = importlib.import_module("ipykernel.ipkernel").IPythonKernel
    kernel.do_shutdown = do_shutdown  # the grader's own ends it from outside


def _ask_nobody(lacks: Lacks) -> None:
    """`input` and `getpass`, in a cell and when one is run again.

    While a cell runs, ipykernel puts its own methods in their place, and these back afterwards.
    """
    kernel: Any = importlib.import_module("ipykernel.ipkernel").IPythonKernel
    answer = nobody_types(lacks)
    kernel.raw_input = kernel.getpass = staticmethod(answer)
    builtins.input = getpass.getpass = answer


def _system(note: Say, lacks: Lacks, promise: Callable[[str], object]) -> System:
    """Does what only touches files, takes note of what would be there, skips all else."""

    def system(command: Any, sign: str = "") -> tuple[int, str]:
        plain = isinstance(command, (str, bytes, os.PathLike))
        text = os.fsdecode(command) if plain else shlex.join(map(os.fsdecode, command))
        done = shell_lines.run_shell_line(text, FOLDERS)
        if done is not None:
            if done[0]:
                lacks.breaks(set(re.findall(r"[\w-]+", text)))
            return done
        line = sign + text.strip().partition("\n")[0]
        short = line if len(line) < LONGEST_COMMAND else line[:LONGEST_COMMAND] + "…"
        note(f"skipped: {short}")
        if standins.installs(text):
            promise(text)  # which a cell may have put together
        else:
            named = set() if BRINGS.search(text) else set(re.findall(r"[\w-]+", text))
            lacks.promise(PROGRAM, named)
        return 0, EmptyLine(lacks, PROGRAM)

    return system


def _read_magics(shell: Any, system: System) -> None:
    """`!cmd`, `x = !cmd`, `%%bash`, `%pip`; cell magics below a comment, as Colab takes them."""
    from IPython.utils.text import LSString, SList

    arg_split = importlib.import_module("IPython.utils.process").arg_split

    class Silence(SList, NothingSaid):
        """What IPython gives for `x = !cmd`, of a command that said nothing."""

    def run(command: str) -> None:
        shell.user_ns["_exit_code"], said = system(command, "!")
        print(said, end="")

    def expanded(command: str) -> None:
        run(shell.var_expand(command, depth=1))

    def getoutput(command: str, split: bool = True, depth: int = 0) -> object:
        said = system(shell.var_expand(command, depth=depth + 1), "!")[1]
        return (SList if said else Silence)(said.splitlines()) if split else LSString(said)

    def script(line: str, cell: str | None = None) -> None:
        run(cell or line)

    def nothing(line: str, cell: str | None = None) -> None:
        """What an extension would show."""

    def runs(options: str, line: str, cell: str = "") -> None:
        words = getopt.getopt(arg_split(line, posix=False, strict=False), options)[1]
        code = shell.transform_cell(f"{' '.join(words)}\n{cell}")
        exec(code, shell.user_ns)  # noqa: S102 - the cell's own code, as the magic runs it

    def wandb(line: str, cell: str = "") -> None:
        runs("", "", cell)  # the line is about the page that it shows

    shell.system = shell.system_piped = shell.system_raw = expanded
    shell.getoutput = getoutput
    for name in SHELL_MAGICS:
        shell.register_magic_function(script, "line_cell", name)
    for name in INSTALLERS:
        install = functools.partial(lambda name, line: run(f"{name} {line}"), name)
        shell.register_magic_function(install, "line", name)
    for name in OTHER_MAGICS:
        shell.register_magic_function(nothing, "line_cell", name)
    for name, options in RUNNING_MAGICS.items():
        shell.register_magic_function(functools.partial(runs, options), "line_cell", name)
    shell.register_magic_function(wandb, "line_cell", "wandb")
    shell.input_transformers_cleanup.insert(0, _magic_first)


def _speak_english() -> None:
    """Colab's locale is there under its name, though this machine may only have the plain one."""
    original = locale.setlocale

    @functools.wraps(original)
    def setlocale(category: int, wanted: Any = None) -> str:
        try:
            return original(category, wanted)
        except locale.Error:
            if str(wanted).replace("-", "").lower() not in ("en_us.utf8", "en_us"):
                raise
            return original(category, "C.UTF-8")

    locale.setlocale = setlocale  # type: ignore[assignment]


def _be_older(shell: Any) -> None:
    """The names that Colab's IPython 7 has and newer ones haven't, and how it tells that it is."""
    for owner, (origin, name) in OLDER.items():
        module = importlib.import_module(owner)
        if not hasattr(module, name):
            setattr(module, name, getattr(importlib.import_module(origin), name))
    if not hasattr(shell, "magic"):
        shell.magic = lambda line: shell.run_line_magic(*f"{line.lstrip('%')} ".split(" ", 1))
    type(shell).__module__ = "google.colab._shell"  # programs look for it in str(get_ipython())


def _magic_first(lines: list[str]) -> list[str]:
    """A cell without the comments above its cell magic, which IPython wants on the first line."""
    first = next((i for i, line in enumerate(lines) if not COMMENT.fullmatch(line)), 0)
    return lines[first:] if lines and lines[first].startswith("%%") else lines


class _Said:
    """What a program said, which may be nothing that anybody knows: then `silence`."""

    silence: Any = None

    def read(self, size: int | None = -1) -> Any:
        return super().read(size) if self.silence is None else self.silence  # type: ignore[misc]


class _SaidText(_Said, io.StringIO): ...


class _SaidBytes(_Said, io.BytesIO): ...


def _said(text: str, *, as_text: bool) -> Any:
    stream: _Said = _SaidText(text) if as_text else _SaidBytes(text.encode())
    if isinstance(text, EmptyLine):
        stream.silence = text if as_text else NoBytes(text.lacks)
    return stream


def _run_no_programs(system: System) -> None:
    """subprocess, os.system, os.popen."""

    class NoProgram(subprocess.Popen[Any]):
        """A program that wasn't started; what it does to files was done all the same."""

        _child_created = False  # nothing for the destructor to wait for

        def __init__(self, args: Any, *_: Any, **options: Any) -> None:
            self.args, self.pid = args, 0
            self.returncode, said = system(args)
            as_text = any(map(options.get, ("text", "universal_newlines", "encoding", "errors")))
            self.stdin, self.stdout, self.stderr = (
                _said(text, as_text=as_text) if options.get(stream) == subprocess.PIPE else None
                for stream, text in (("stdin", ""), ("stdout", said), ("stderr", ""))
            )

        def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
            return self.stdout and self.stdout.read(), self.stderr and self.stderr.read()

        def poll(self) -> int:
            return int(self.returncode)

        def wait(self, timeout: float | None = None) -> int:
            return int(self.returncode)

        def send_signal(self, sig: int) -> None:
            """There is nobody to receive it."""

    def os_system(command: Any) -> int:
        status, said = system(command)
        print(said, end="")
        return status << 8  # as wait(2) gives it

    subprocess.Popen = NoProgram  # type: ignore[misc]
    os.system = os_system  # noqa: TID251 - taken away, not used


def _stay_one_process(note: Say) -> None:
    """Threads in the place of processes; a DataLoader loads by itself.

    `torch.compile`, which wants a C compiler, gives back its model.
    """
    by_threads = importlib.import_module("multiprocessing.dummy")
    context: Any = importlib.import_module("multiprocessing.context").BaseContext
    for name in PROCESSES:
        twin = getattr(by_threads, name)
        setattr(importlib.import_module("multiprocessing"), name, twin)
        setattr(context, name, staticmethod(twin))  # also what threads are awaited by

    class ThreadsAsProcesses(concurrent.futures.ThreadPoolExecutor):
        def __init__(self, max_workers: Any = None, *_: Any, initializer: Any = None, **__: Any):
            super().__init__(max_workers, initializer=initializer)

    vars(concurrent.futures)["ProcessPoolExecutor"] = ThreadsAsProcesses
    torch: Any = importlib.import_module("torch")
    loader = torch.utils.data.DataLoader
    original = loader.__init__
    signature = inspect.signature(original)

    @functools.wraps(original)
    def init(*args: Any, **options: Any) -> None:
        bound = signature.bind(*args, **options)
        if bound.arguments.get("num_workers"):
            note("DataLoader: num_workers=0")
            alone = {"num_workers": 0, "prefetch_factor": None, "persistent_workers": False}
            bound.arguments.update(alone, multiprocessing_context=None, timeout=0)
        original(*bound.args, **bound.kwargs)

    def compile(model: Any = None, **_: Any) -> Any:
        note("torch.compile: left as it is")
        return model if model is not None else lambda decorated: decorated

    loader.__init__ = init
    torch.compile = compile


def _leave_room(shell: Any) -> None:
    """A cell that has taken all memory can still be shown its error."""
    room = [
        bytes(SPARE_MEMORY)
    ]  # zeros are reserved, not written: unlike a bytearray it takes no time
    show = shell.showtraceback

    def showtraceback(*args: Any, **options: Any) -> None:
        if isinstance(sys.exc_info()[1], MemoryError):
            room.clear()
        show(*args, **options)

    shell.showtraceback = showtraceback


def _draw_inline(shell: Any) -> None:
    """Figures appear as Jupyter's do: the backend was loaded before there was a shell to tell."""

    def enable_gui(gui: Any = None) -> None:
        """There is none, and before the fork no kernel either, which IPython would ask."""

    def matplotlib(line: str = "") -> None:
        shell.enable_matplotlib("inline")

    shell.enable_gui = enable_gui
    matplotlib()
    # `%matplotlib notebook`, `widget`, `qt` want what isn't here.
    shell.register_magic_function(matplotlib, "line", "matplotlib")
