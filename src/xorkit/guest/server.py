"""The fork server: a process that has imported everything slow, and forks a kernel on request.

Started by `xorkit.sandbox.fork` as `python -m xorkit.guest.server FD`. It speaks JSON lines over
the socket FD, one request at a time:
    {"preload": [name, …]}            -> {} once all is imported, and called where it is a function
    {"start": {scratch, sockets, …}}  -> {"pid": n} once the kernel listens
    {"reap": pid}                     -> {"status": n, "peak": bytes, "processor": seconds} of a
                                         kernel that has ended
and {"error": text, "confinement": bool} where it can't. It knows no course: what it holds in
memory, every learner's process inherits.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

from xorkit.guest import child, confine, dynamo, mounts
from xorkit.guest.limits import ConfinementError, SandboxError

PARENT_POLL_SECONDS = 1.0  # only where another process holds the socket's other end open
START_SECONDS = 30.0  # a kernel needs 0.1; a machine that swaps may need long
# What a kernel imports by itself, when it starts and when it shows its first traceback.
KERNEL_MODULES = (
    "IPython",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.magics.execution",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "faulthandler",
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "matplotlib_inline.backend_inline",
    "numpy.random",
    "pygments.formatters.terminal256",
    "stack_data",
    "tornado.platform.asyncio",
    "tornado.queues",
    "tqdm.auto",
)


def serve_forks(handle: int) -> None:
    os.chdir("/")
    grader = os.getppid()
    with socket.socket(fileno=handle) as channel, channel.makefile("rb", 0) as lines:
        while _request_waits(channel, grader):
            line = lines.readline()
            if not line:
                return  # the grader is gone: so are, with this process, its kernels
            channel.sendall(json.dumps(_answer(json.loads(line))).encode() + b"\n")


def _request_waits(channel: socket.socket, grader: int) -> bool:
    while os.getppid() == grader:
        if select.select([channel], [], [], PARENT_POLL_SECONDS)[0]:
            return True
    return False


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        match request:
            case {"preload": names}:
                warm_up(names)
                return {}
            case {"start": orders}:
                return {"pid": _fork({**orders, "server": os.getpid()})}
            case {"reap": pid}:
                _, status, usage = os.wait4(pid, 0)
                processor = usage.ru_utime + usage.ru_stime
                return {"status": status, "peak": usage.ru_maxrss << 10, "processor": processor}
        raise SandboxError(f"the fork server was asked for {request}")
    except Exception as error:  # whatever it is, the grader must hear of it
        text = str(error) or type(error).__name__
        return {"error": text, "confinement": isinstance(error, ConfinementError)}


def warm_up(names: list[str]) -> None:
    """Import what `names` say, "module" or "module:function", and run what is slow the first time.

    Functions are called once there is a shell. Raises SandboxError.
    """
    # Unimportable, so that ipykernel does without: 8 MiB, and nobody debugs here.
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    found = [_imported(name) for name in (*KERNEL_MODULES, *names)]
    # It asks other programs where libseccomp is. Where that fails, confining fails and says why.
    with suppress(ImportError, RuntimeError):
        importlib.import_module("xorkit.guest.syscalls")
    for looked_for in (confine.installation, mounts.available):
        looked_for()  # once: all children find what was found
    _make_profile()
    _train_once()
    _plot_once()
    child.prepare()
    confine.libraries()
    for function in filter(callable, found):
        function()
    if len(os.listdir("/proc/self/task")) != 1:
        raise SandboxError(f"a preloaded module started a thread: {', '.join(names)}")
    gc.collect()
    gc.freeze()


def _imported(name: str) -> Any:
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError) as error:
        raise SandboxError(f"can't preload {name}: {error}") from error


def _make_profile() -> None:
    """IPython's folders, once for all children, which can't write there and don't have to."""
    from IPython.core.profiledir import ProfileDir

    os.makedirs(os.environ["IPYTHONDIR"], exist_ok=True)
    profile = ProfileDir.create_profile_dir_by_name(os.environ["IPYTHONDIR"])
    os.makedirs(os.path.join(profile.location, "db"), exist_ok=True)


def _train_once() -> None:
    """What an optimizer and a backward pass import the first time.

    With one thread and tiny tensors: a forked child hangs in OpenMP if its parent used two.
    """
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    dynamo.put_off()
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sigmoid())
    for optimizer in (torch.optim.SGD(model.parameters()), torch.optim.Adam(model.parameters())):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(torch.ones(2, 2)), torch.ones(2, 2)).backward()
        optimizer.step()


def _plot_once() -> None:
    """Finds the fonts and loads the backend that `plt.show()` draws with."""
    import io

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([0, 1])
    figure.savefig(io.BytesIO())
    plt.close(figure)


def _fork(orders: dict[str, Any]) -> int:
    """A kernel that listens; its pid. Raises what the child reports, ConfinementError included."""
    report, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        child.become_kernel(orders, write)  # never returns
    os.close(write)
    try:
        answer = _read_report(report)
    finally:
        os.close(report)
    if answer.get("ready"):
        return pid
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    kind = ConfinementError if answer.get("confinement") else SandboxError
    raise kind(answer.get("error") or f"a fresh kernel ended at once (wait status {status})")


def _read_report(report: int) -> dict[str, Any]:
    """What the child says about itself; empty if it ends or hangs first."""
    deadline = time.monotonic() + START_SECONDS
    text = b""
    while not text.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([report], [], [], left)[0]:
            return {"error": f"a fresh kernel wasn't ready within {START_SECONDS:.0f} s"}
        piece = os.read(report, 1 << 16)
        if not piece:
            return {}
        text += piece
    answer: dict[str, Any] = json.loads(text)
    return answer


if __name__ == "__main__":
    serve_forks(int(sys.argv[1]))
