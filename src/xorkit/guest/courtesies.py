"""Courtesies: what learners' code does in Colab and can't do here is skipped, and said in a line.

Nothing here protects anything; the confinement does that. It keeps a harmless cell from failing.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from xorkit.guest import colab, device

Note = Callable[[str], None]

SHELL_MAGICS = ("bash", "sh", "script", "shell", "perl", "ruby", "python", "python2", "python3")
INSTALLERS = ("pip", "conda", "mamba", "micromamba", "uv")
ROOM = 8 << 20  # bytes; where they are missing, ZeroMQ ends the process or falls silent
LONGEST_COMMAND = 60  # characters of a skipped command that the note repeats


def tame(shell: Any) -> None:
    """Teach ipykernel, and its `shell`, to skip what can't work while grading."""
    note = _once(print)
    _ask_nobody()
    shell.ask_exit = lambda: note("skipped: exit(), the notebook goes on")
    _skip_shell(shell, note)
    _skip_programs(note)
    _stay_one_process(note)
    _draw_inline(shell)
    _leave_room(shell)
    device.watch(shell, note)
    colab.install(shell, note)


def _once(say: Callable[[str], object]) -> Note:
    """A note that says each thing once."""
    said: set[str] = set()

    def note(text: str) -> None:
        if text not in said:
            said.add(text)
            say(f"[while grading] {text}")

    return note


def _ask_nobody() -> None:
    """`input` and `getpass` are methods of the kernel, of which there may be none yet."""
    kernel: Any = importlib.import_module("ipykernel.ipkernel").IPythonKernel
    kernel.raw_input = kernel.getpass = staticmethod(_empty_line)


def _empty_line(prompt: object = "", stream: object = None) -> str:
    """Stands in for `input` and `getpass`: nobody is here to type."""
    print(prompt)
    return ""


def _skipped(command: Any) -> str:
    plain = isinstance(command, (str, bytes, os.PathLike))
    line = os.fsdecode(command if plain else " ".join(map(str, command))).strip().partition("\n")[0]
    return "skipped: " + (line if len(line) < LONGEST_COMMAND else line[:LONGEST_COMMAND] + "…")


def _skip_shell(shell: Any, note: Note) -> None:
    """`!cmd`, `x = !cmd`, `%%bash`, `%pip`."""
    from IPython.utils.text import LSString, SList

    def system(command: str) -> None:
        note(_skipped(f"!{command}"))
        shell.user_ns["_exit_code"] = 0

    def getoutput(command: str, split: bool = True, depth: int = 0) -> object:
        system(command)
        return SList() if split else LSString()

    def script(line: str, cell: str | None = None) -> None:
        system(cell or line)

    shell.system = shell.system_piped = shell.system_raw = system
    shell.getoutput = getoutput
    for name in SHELL_MAGICS:
        shell.register_magic_function(script, "line_cell", name)
    for name in INSTALLERS:
        install = functools.partial(lambda name, line: system(f"{name} {line}"), name)
        shell.register_magic_function(install, "line", name)


def _skip_programs(note: Note) -> None:
    """subprocess, os.system, os.popen."""

    class NoProgram(subprocess.Popen[Any]):
        """A program that wasn't started, and would have succeeded in silence."""

        _child_created = False  # nothing for the destructor to wait for

        def __init__(self, args: Any, *_: Any, **options: Any) -> None:
            note(_skipped(args))
            self.args, self.pid, self.returncode = args, 0, 0
            as_text = any(map(options.get, ("text", "universal_newlines", "encoding", "errors")))
            self.stdin, self.stdout, self.stderr = (
                (io.StringIO() if as_text else io.BytesIO())
                if options.get(stream) == subprocess.PIPE
                else None
                for stream in ("stdin", "stdout", "stderr")
            )

        def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
            return self.stdout and self.stdout.read(), self.stderr and self.stderr.read()

        def poll(self) -> int:
            return 0

        def wait(self, timeout: float | None = None) -> int:
            return 0

        def send_signal(self, sig: int) -> None:
            """There is nobody to receive it."""

    def system(command: Any) -> int:
        note(_skipped(command))
        return 0

    subprocess.Popen = NoProgram  # type: ignore[misc]
    os.system = system  # noqa: TID251 - taken away, not used


def _stay_one_process(note: Note) -> None:
    """A DataLoader loads by itself, `torch.compile` (wants a C compiler) gives back its model."""
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
    room = [bytes(ROOM)]  # zeros are reserved, not written: unlike a bytearray it takes no time
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
