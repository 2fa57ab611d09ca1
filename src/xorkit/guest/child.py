"""What happens in a fresh fork: bounds, confinement, then Jupyter's own kernel."""

from __future__ import annotations

import builtins
import importlib
import json
import os
import random
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from contextlib import suppress
from copy import deepcopy
from types import ModuleType
from typing import Any, ClassVar, NoReturn

from xorkit.guest import confine, courtesies, mounts
from xorkit.guest.limits import ConfinementError, Limits

REPORT = 3  # the one descriptor, beside 0, 1 and 2, that a fresh kernel keeps
ADDRESS_SLACK = 1 << 30  # the stacks and malloc arenas of a kernel's own 11 threads: 700 MiB
ALL_DESCRIPTORS = 1 << 30
PROCESSOR_GRACE = 5  # seconds from SIGXCPU, which can be ignored, to SIGKILL
# Output that the grader is too slow to read is dropped beyond this, and the news that a cell has
# ended with it: more than a picture of each epoch makes.
UNREAD_MESSAGES = 20_000
# Of the application's steps those that need no socket, in its own order.
BEFORE_THE_FORK = (
    "init_profile_dir", "init_pdb", "init_gui_pylab", "init_extensions", "init_code",
)  # fmt: skip
USER_TASKS = 4096  # threads beside those that the user already has: a thread bomb's hard end


def become_kernel(orders: dict[str, Any], report: int) -> NoReturn:
    """Become a kernel as ordered. Reports readiness, or why not, as a line on `report`."""
    status = 1
    try:
        _become_kernel(orders, report)
        status = 0
    except BaseException as error:
        _tell(
            error=f"{error}" or type(error).__name__,
            confinement=isinstance(error, ConfinementError),
            trace=traceback.format_exc(),
        )
    finally:
        os._exit(status)  # skips a second of interpreter teardown, and the server's own cleanup


def _become_kernel(orders: dict[str, Any], report: int) -> None:
    scratch, limits = orders["scratch"], Limits(**orders["limits"])
    os.setsid()
    if orders["confined"]:
        mounts.give_own(scratch, limits)
    confine.die_with(orders["server"])
    _leave_the_server(report)
    _settle_in(scratch)
    bound(limits)
    if orders["confined"]:
        confine.confine(scratch, orders["sockets"])
    courtesies.settle(scratch)
    _reseed()
    app = _kernel(orders["sockets"])
    _tell(ready=True)
    os.close(REPORT)
    app.start()


def _tell(**answer: object) -> None:
    os.write(REPORT, json.dumps(answer).encode() + b"\n")


def _leave_the_server(report: int) -> None:
    """Keep no descriptor of the server's, nor its signal handlers."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    if report != REPORT:
        os.dup2(report, REPORT)
    os.closerange(REPORT + 1, ALL_DESCRIPTORS)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _settle_in(scratch: str) -> None:
    os.chdir(scratch)
    os.umask(0o077)
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # when memory runs out, this process goes first
    profile = os.environ["IPYTHONDIR"]
    os.environ.clear()
    os.environ.update(
        HOME=scratch,
        TMPDIR=scratch,
        IPYTHONDIR=profile,
        LANG="C.UTF-8",
        PATH="/usr/bin:/bin",
        USER="learner",
        COLAB_RELEASE_TAG="release-colab",  # programs look for these two
        COLAB_GPU="",
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        OMP_NUM_THREADS="1",
    )
    sys.argv = ["notebook"]
    tempfile.tempdir = None  # forget the server's
    kept = [path for path in sys.path if path.startswith(confine.installation())]
    sys.path[:] = ["", *kept]  # modules that the notebook writes


def bound(limits: Limits) -> None:
    """Set the kernel's own limits; nothing that runs here can raise them."""
    pages = [int(field) for field in _read("/proc/self/statm").split()]
    page = os.sysconf("SC_PAGE_SIZE")
    seconds = int(limits.processor_seconds)
    wanted = {
        resource.RLIMIT_DATA: (pages[5] * page + limits.memory,) * 2,
        resource.RLIMIT_AS: (pages[0] * page + limits.memory + ADDRESS_SLACK,) * 2,
        resource.RLIMIT_CPU: (seconds, seconds + PROCESSOR_GRACE),
        resource.RLIMIT_FSIZE: (limits.longest_file,) * 2,
        resource.RLIMIT_NOFILE: (limits.open_files,) * 2,
        # Not 0: a crash handler that the kernel starts through a pipe ignores that.
        resource.RLIMIT_CORE: (1, 1),
        resource.RLIMIT_MSGQUEUE: (0, 0),
        resource.RLIMIT_NPROC: (_tasks_of_user() + USER_TASKS,) * 2,
    }
    for kind, (soft, hard) in wanted.items():
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))


def _tasks_of_user() -> int:
    """Threads that this user runs now: the limit counts them all."""
    own, total = os.getuid(), 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):  # ended meanwhile, or hidden from us
            threads = os.stat(f"/proc/{pid}/task")
            total += threads.st_nlink - 2 if threads.st_uid == own else 0
    return total


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


def _reseed() -> None:
    """Forks of one server would all draw the same numbers."""
    import numpy as np
    import torch

    random.seed()
    np.random.seed()
    torch.default_generator.seed()  # torch.seed() asks for GPUs, which takes longer than all this


class _Sys(ModuleType):
    """`sys` as ipykernel sees it, without modules.

    It lists them all for a debugger that isn't here, and the 2000 that it touches are copied:
    6 MiB, and a tenth of what it takes to start.
    """

    modules: ClassVar[dict[str, ModuleType]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


def prepare() -> None:
    """Make the application and IPython's shell, once for all children: most of a kernel's start."""
    from ipykernel import ipkernel
    from ipykernel.kernelapp import IPKernelApp
    from ipykernel.zmqshell import ZMQInteractiveShell
    from IPython.core.application import BaseIPythonApplication
    from jupyter_client import session
    from traitlets.config import Config

    class Ready(BaseIPythonApplication):
        def initialize(self, argv: Any = None) -> None:
            """There is no command line, and no file of settings."""

    class Application(IPKernelApp, Ready):
        def init_iopub(self, context: Any) -> None:
            context.sndhwm = UNREAD_MESSAGES
            super().init_iopub(context)  # type: ignore[no-untyped-call]

        def init_shell(self) -> None:
            super().init_shell()  # type: ignore[no-untyped-call]
            shell: Any = self.shell
            shell.parent = shell.kernel = self.kernel  # it was made before both
            shell.init_environment()

    ipkernel.sys = _Sys("sys")  # type: ignore[attr-defined]
    session.json = _own_copy("json")  # type: ignore[attr-defined]
    config = Config()
    config.HistoryManager.enabled = False  # a database and a thread that nobody reads
    app: Any = Application.instance(config=deepcopy(config))  # the shell adds to its own
    app.log.setLevel("ERROR")  # how to connect to it, which nobody reads either
    app.shell = ZMQInteractiveShell.instance(config=config)
    for step in BEFORE_THE_FORK:
        getattr(app, step)()
        setattr(app, step, _done)
    courtesies.tame(app.shell)
    _keep_to_cells(app.shell)


def _own_copy(package: str) -> ModuleType:
    """A package once more, for those whose work must not hang on what a cell does to the first."""
    first = {name: sys.modules.pop(name) for name in [*sys.modules] if _is_in(name, package)}
    found = importlib.import_module(package)
    sys.modules.update(first)
    return found


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _keep_to_cells(shell: Any) -> None:
    """What cells put in the place of builtins is there while cells run, and only then.

    ipykernel and the probe have Python's own, and the modules that were there before, and a stream
    that is open; else a cell that is right, or a joke, could end with a kernel that has no answer.
    """
    run, names, modules = shell.run_code, vars(builtins), sys.modules
    ours, loaded = dict(names), dict(modules)
    theirs: dict[str, Any] = {}
    streams: dict[str, Any] = {}

    async def run_code(*args: Any, **options: Any) -> Any:
        if not streams:
            streams.update(stdout=sys.stdout, stderr=sys.stderr)
        names.update(theirs)
        try:
            return await run(*args, **options)
        finally:  # no builtin is called in here: there may be none
            theirs.clear()
            theirs.update({name: names[name] for name in ours.keys() & names.keys()})
            names.update(ours)
            modules.update({name: loaded[name] for name in loaded.keys() - modules.keys()})
            for name, stream in streams.items():
                if getattr(
                    getattr(sys, name, None), "closed", False
                ):  # the kernel's reply would fail
                    setattr(sys, name, stream)

    shell.run_code = run_code


def _done() -> None:
    """Takes the place of a step of the application's that has been made before the fork."""


def _kernel(sockets: str) -> Any:
    """ipykernel's application, its sockets bound, its handlers in place."""
    from ipykernel.kernelapp import IPKernelApp

    app: Any = IPKernelApp.instance()
    app.connection_file = f"{sockets}/kernel.json"
    with warnings.catch_warnings():
        # ipykernel's pipe for subprocesses' output is TCP, which isn't to be had here.
        warnings.simplefilter("ignore")
        app.initialize()
    return app
