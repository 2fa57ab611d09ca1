"""Two notebooks that act together meet nowhere; what one leaves is not there for the next."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from attacks import PRELUDE
from red_team import ATTEMPT
from support.small_limits import LIMITS

from xorkit.sandbox import Kernel, Warm

HELD = "import builtins\nbuiltins.held = getattr(builtins, 'held', [])\n"
LOCK = "struct.pack('hhqqi', {}, 0, 0, 0, 0)"
READING, WRITING = LOCK.format("fcntl.F_RDLCK"), LOCK.format("fcntl.F_WRLCK")
LIBRARY = f"{HELD}library = open(os.__file__, 'rb')\nbuiltins.held.append(library)\n"
# What one of two does, who know each other's process and folders, and what the other looks for.
TOGETHER = {
    "a lock on a file that both may read": (
        f"{LIBRARY}fcntl.flock(library, fcntl.LOCK_EX)",
        f"{LIBRARY}try: fcntl.flock(library, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: breach = True",
    ),
    "a record lock on such a file": (
        f"{LIBRARY}fcntl.lockf(library, fcntl.LOCK_SH)",
        f"{LIBRARY}lock = fcntl.fcntl(library, fcntl.F_GETLK, {WRITING})\n"
        "breach = struct.unpack('hhqqi', lock)[0] != fcntl.F_UNLCK",
    ),
    "a lock of an open file's own": (
        f"{LIBRARY}fcntl.fcntl(library, fcntl.F_OFD_SETLK, {READING})",
        f"{LIBRARY}lock = fcntl.fcntl(library, fcntl.F_OFD_GETLK, {WRITING})\n"
        "breach = struct.unpack('hhqqi', lock)[0] != fcntl.F_UNLCK",
    ),
    "a lease on such a file": (
        f"{LIBRARY}fcntl.fcntl(library, fcntl.F_SETLEASE, fcntl.F_WRLCK)",
        f"{LIBRARY}breach = fcntl.fcntl(library, fcntl.F_SETLEASE, fcntl.F_RDLCK) == 0",
    ),
    "a file's times": (
        "os.utime(os.__file__, (1, 1))",
        "breach = os.stat(os.__file__).st_mtime == 1",
    ),
    "a file in shared memory": ("write('/dev/shm/xk-x')", "breach = read('/dev/shm/xk-x')"),
    "a named piece of memory": (
        "from multiprocessing.shared_memory import SharedMemory\nSharedMemory('xk', True, 64)",
        "from multiprocessing.shared_memory import SharedMemory\nbreach = SharedMemory('xk')",
    ),
    "System V memory": (
        "call('shmget', 4711, 4096, 0o1666)",
        "breach = call('shmget', 4711, 4096, 0) >= 0",
    ),
    "a queue of messages": (
        "call('mq_open', b'xk', 0o102, 0o666, 0)",
        "breach = call('mq_open', b'xk', 0, 0, 0) >= 0",
    ),
    "a file in the temporary folder": ("write('/tmp/xk-x')", "breach = read('/tmp/xk-x')"),
    "a file in Colab's folder": ("write('/content/x')", "breach = read('/content/x')"),
    "a file in the home folder": (
        "write(os.path.expanduser('~/x'))",
        "breach = read(os.path.expanduser('~/x'))",
    ),
    "a module in Python's installation": (
        "write(os.path.dirname(json.__file__) + '/xk.py')",
        "breach = os.path.exists(os.path.dirname(json.__file__) + '/xk.py')",
    ),
    "a file among the sockets": (
        "write(mine + '.s/x')",
        "breach = 'x' in os.listdir(theirs + '.s')",
    ),
    "a socket by its path": (
        f"{HELD}s = socket.socket(socket.AF_UNIX)\ns.bind(mine + '.s/y')\n"
        "s.listen()\nheld.append(s)",
        "s = socket.socket(socket.AF_UNIX)\nbreach = says(s.connect, theirs + '.s/y')",
    ),
    "a socket without a path": (
        f"{HELD}s = socket.socket(socket.AF_UNIX)\ns.bind('\\0xk-x'); s.listen()\nheld.append(s)",
        "s = socket.socket(socket.AF_UNIX)\nbreach = says(s.connect, '\\0xk-x')",
    ),
    "an open pipe": (
        f"{HELD}held.append(os.pipe())",
        "breach = os.listdir(f'/proc/{other}/fd')",
    ),
    "a process's name": (
        "call('prctl', 15, b'xk-answers', 0, 0, 0)",
        "breach = b'xk-answers' in read(f'/proc/{other}/comm') + read(f'/proc/{other}/stat')",
    ),
    "a signal": (
        "os.kill(other, 0)",
        "breach = says(os.kill, other, 0)",
    ),
    "a key": ("call('add_key', b'user', b'xk', b'y', 1, -4)", "breach = call('keyctl', 10, -4, 0)"),
    "memory of the server's": (
        f"{HELD}import torch\ntorch.left = os.left = 1\nlibc.setenv(b'LEFT', b'1', 1)",
        "import torch\nlibc.getenv.restype = ctypes.c_char_p\n"
        "breach = hasattr(torch, 'left') or hasattr(os, 'left') or libc.getenv(b'LEFT')",
    ),
    "a way in which the process is run": (
        "os.umask(0o123); signal.signal(signal.SIGUSR2, signal.SIG_IGN); os.chdir('/')\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
        "breach = os.umask(0o77) == 0o123 or resource.getrlimit(resource.RLIMIT_NOFILE)[1] == 99"
        " or signal.getsignal(signal.SIGUSR2) == signal.SIG_IGN",
    ),
    "a start-up file": (
        "write(os.environ['IPYTHONDIR'] + '/profile_default/startup/x.py', 'left = 1')",
        "breach = 'left' in get_ipython().user_ns or os.listdir(os.environ['IPYTHONDIR'])",
    ),
}
# Rows that leave nothing behind on the machine that tries them without confinement.
UNCONFINED = (
    "a lock on a file that both may read",
    "a record lock on such a file",
    "a lock of an open file's own",
    "a file in shared memory",
    "a file among the sockets",
    "a socket by its path",
    "a socket without a path",
    "an open pipe",
    "a process's name",
    "a signal",
)
WHO = "import os, posix; print(os.getpid(), posix.getcwd())"


def introduce(one: Kernel, other: Kernel, names: dict[Kernel, tuple[str, str]]) -> None:
    """Tells a kernel who it is, and who the other is."""
    about = {"mine": names[one][1], "theirs": names[other][1]}
    text = "\n".join(f"{name} = {value!r}" for name, value in about.items())
    one.run(f"WORLD = '{{}}'\n{PRELUDE}\n{text}\nother = {names[other][0]}")


def breaches(kernel: Kernel, rows: Mapping[str, tuple[str, str]], when: str) -> set[str]:
    """What a kernel finds of what the other has left."""
    found = set()
    for name, (_, look) in rows.items():
        ran = kernel.run(attempt(look, f"{when} {name}"), seconds=5)
        assert ran.status == "ok", (name, ran.error)
        if any("BREACH" in str(output.get("text")) for output in ran.outputs):
            found.add(name)
    return found


def attempt(code: str, name: str) -> str:
    indented = "\n".join(f"    {line}" for line in code.splitlines())
    return str(ATTEMPT.format(code=indented, folder=name))


def acted_out(warm: Warm, rows: Mapping[str, tuple[str, str]]) -> dict[str, set[str]]:
    """The rows by which one notebook reaches the one beside it, and the one that comes next."""
    try:
        with warm.start() as beside:
            with warm.start() as one:
                names = {}
                for kernel in (one, beside):
                    pid, scratch = str(kernel.run(WHO).outputs[0]["text"]).split()
                    names[kernel] = (pid, scratch)
                introduce(one, beside, names)
                introduce(beside, one, names)
                for name, (leave, _) in rows.items():
                    one.run(attempt(leave, name), seconds=5)
                at_once = breaches(beside, rows, "beside")
            with warm.start() as later:
                names[later] = names[one]
                introduce(later, one, names)
                return {"beside": at_once, "next": breaches(later, rows, "next")}
    finally:
        for path in ("/dev/shm/xk-x", "/dev/shm/xk", "/dev/mqueue/xk"):
            with suppress(OSError):
                Path(path).unlink()


@pytest.fixture(scope="module")
def reached(warm: Warm) -> dict[str, set[str]]:
    return acted_out(warm, TOGETHER)


@pytest.mark.parametrize("name", TOGETHER)
@pytest.mark.parametrize("which", ["beside", "next"])
def test_a_notebook_reaches_the_other_by_no(
    reached: dict[str, set[str]], which: str, name: str
) -> None:
    assert name not in reached[which]


def test_without_confinement_they_meet() -> None:
    rows = {name: TOGETHER[name] for name in UNCONFINED}
    with Warm(LIMITS, confined=False, preload=("torch",)) as warm:
        assert acted_out(warm, rows)["beside"] == set(rows)
