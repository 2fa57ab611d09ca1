"""Nothing outlives its owner, nothing is left behind, and without confinement nothing runs."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.small_limits import LIMITS

import xorkit.sandbox.warm
from xorkit.guest import launch
from xorkit.sandbox import ConfinementError, Kernel, SandboxError, Warm, look_over
from xorkit.sandbox.watchdog import remove, usage

# Ways in which a machine can fail to confine: each is brought about before `confine` is called.
INCAPABLE = {
    "Landlock is not there": """
        landlock.version = version
        refuse("landlock_create_ruleset", errno.ENOSYS)
    """,
    "Landlock was switched off at boot": """
        landlock.version = version
        refuse("landlock_create_ruleset", errno.EOPNOTSUPP)
    """,
    "Landlock is refused": """refuse("landlock_restrict_self", errno.EPERM)""",
    "Landlock does nothing": """landlock.restrict_files = lambda *_, **__: None""",
    "seccomp does nothing": """
        from xorkit.guest import syscalls
        syscalls.filter_syscalls = lambda: None
    """,
    "libseccomp is missing": """
        import ctypes.util
        del sys.modules["pyseccomp"]
        ctypes.util.find_library = lambda name: None
    """,
    "pyseccomp is missing": """sys.modules["pyseccomp"] = None""",
    "another thread is running": """
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    """,
    "the scratch folder is missing": """os.rmdir(scratch)""",
}
TRY = """
import ctypes, errno, os, sys, tempfile, threading, time
import pyseccomp
from xorkit.guest import landlock
from xorkit.guest.confine import confine
from xorkit.guest.limits import ConfinementError

def refuse(call, code):
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    rules.add_rule(pyseccomp.ERRNO(code), NUMBERS[call])
    rules.load()

NUMBERS = {"landlock_create_ruleset": 444, "landlock_restrict_self": 446}
version = landlock.version
scratch = tempfile.mkdtemp()
%s
try:
    confine(scratch)
except ConfinementError as error:
    print(error)
    sys.exit(0)
os._exit(1)
"""


@pytest.mark.parametrize("name", INCAPABLE)
def test_nothing_runs_where(tmp_path: Path, name: str) -> None:
    code = TRY % textwrap.dedent(INCAPABLE[name])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done
    assert len(done.stdout) > 20, "the message says too little"


GRADER = """
import sys, time
from xorkit.sandbox import Limits, Warm

with Warm(Limits(), preload=("torch",)) as warm, warm.start() as kernel:
    ran = kernel.run("import os; print(os.getppid(), os.getpid())")
    print(ran.outputs[0]["text"], flush=True)
    kernel.run("import time; time.sleep(60)")
"""


def test_server_and_kernel_end_when_the_grader_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", GRADER], stdout=subprocess.PIPE) as grader:
        assert grader.stdout is not None
        pids = [int(pid) for pid in grader.stdout.readline().split()]
        assert len(pids) == 2
        grader.kill()

    assert end_soon(pids)


def end_soon(pids: list[int]) -> bool:
    deadline = time.monotonic() + 20
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(runs, pids))


def runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def unconfined() -> Iterator[Warm]:
    with Warm(LIMITS, confined=False, preload=("torch",)) as server:
        yield server


def test_unconfined_kernels_read_what_the_grader_may_and_keep_the_limits(
    unconfined: Warm, tmp_path: Path
) -> None:
    (tmp_path / "notes").write_text("mine")
    with unconfined.start() as kernel:
        read = kernel.run(f"print(open({str(tmp_path / 'notes')!r}).read())")
        filled = kernel.run("x = bytearray(10**10)")

    assert read.outputs[0]["text"] == "mine\n"
    assert filled.status == "memory"


@pytest.mark.parametrize("end", ["", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_what_an_unconfined_kernel_has_started_ends_with_it(unconfined: Warm, end: str) -> None:
    with unconfined.start() as kernel:
        ran = kernel.run("import os, time; print(os.fork() or time.sleep(600))")
        kernel.run(end)

    assert end_soon([int(str(ran.outputs[0]["text"]))])


def test_a_server_that_was_killed_is_replaced_and_its_kernels_are_told_dead(
    unconfined: Warm,
) -> None:
    with unconfined.start() as kernel:
        ran = kernel.run("import os; print(os.getppid())")
        os.kill(int(str(ran.outputs[0]["text"])), signal.SIGKILL)
        assert kernel.run("import time; time.sleep(60)").status == "died"
    with unconfined.start() as kernel:
        assert kernel.run("1").status == "ok"


def test_a_server_that_was_started_ahead_forks_the_kernels() -> None:
    launch.start_ahead()
    (ahead,) = launch._ahead

    with Warm(LIMITS, confined=False) as warm, warm.start() as kernel:
        ran = kernel.run("import os; print(os.getppid())")
        assert int(str(ran.outputs[0]["text"])) == ahead.pid
    assert launch._ahead == []
    assert end_soon([ahead.pid])
    assert not ahead.folder.exists()


def test_a_server_that_was_started_ahead_in_vain_leaves_nothing() -> None:
    code = """
        from xorkit.guest import launch
        launch.start_ahead()
        print(launch._ahead[0].pid, launch._ahead[0].folder)
    """
    words = [sys.executable, "-c", textwrap.dedent(code)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    pid, folder = said.split()

    assert end_soon([int(pid)])
    assert not Path(folder).exists()


def test_a_module_that_cant_be_preloaded_is_named() -> None:
    with (
        Warm(LIMITS, preload=("no_such_module",)) as warm,
        pytest.raises(SandboxError, match="can't preload no_such_module"),
    ):
        warm.start()


def test_a_kernel_that_dies_between_two_cells_is_told_by_the_next(kernel: Kernel) -> None:
    assert kernel.run("import threading, os; threading.Timer(0.1, os._exit, (7,)).start()").alive
    time.sleep(0.5)
    ran = kernel.run("1")

    assert (ran.status, ran.alive) == ("died", False)
    assert ran.error == ("Exited", "the kernel's process ended itself with exit code 7")


def test_the_scratch_folder_is_gone_when_the_kernel_is_closed(warm: Warm) -> None:
    with warm.start() as kernel:
        ran = kernel.run(
            "import os, posix; os.makedirs('a/b'); open('a/b/c', 'w')\n"
            "print(os.getpid(), posix.getcwd())"
        )
        pid, scratch = str(ran.outputs[0]["text"]).split()
        assert Path(f"/proc/{pid}/root{scratch}/a/b/c").exists()
        assert Path(f"{scratch}.s").exists()

    assert not Path(scratch).exists()
    assert not Path(f"{scratch}.s").exists()


def test_two_kernels_draw_different_random_numbers(warm: Warm) -> None:
    code = "import random, numpy, torch; print(random.random(), numpy.random.rand(), torch.rand(1))"
    with warm.start() as one, warm.start() as other:
        drawn = [str(kernel.run(code).outputs[0]["text"]).split() for kernel in (one, other)]

    assert all(a != b for a, b in zip(*drawn, strict=True))


def test_nothing_that_one_learner_leaves_is_there_for_the_next(warm: Warm) -> None:
    imports = "import builtins, os, sys, torch\n"
    with warm.start() as kernel:
        ran = kernel.run(
            f"{imports}builtins.left = torch.left = 1\nos.environ['LEFT'] = '1'\n"
            "sys.modules['left'] = os\nopen('left', 'w').close()\ntorch.manual_seed(0)"
        )
        assert ran.status == "ok"
    with warm.start() as kernel:
        ran = kernel.run(
            f"{imports}print([hasattr(builtins, 'left'), hasattr(torch, 'left'), "
            "'LEFT' in os.environ, 'left' in sys.modules, *os.listdir()])\n"
            "print([line for line in open('/proc/self/maps') if line.split()[1] == 'rw-s'])"
        )

    assert ran.outputs[0]["text"] == "[False, False, False, False]\n[]\n"


def test_elsewhere_than_on_linux_a_stock_kernel_runs_and_only_unconfined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(xorkit.sandbox.warm, "LINUX", False)
    with pytest.raises(ConfinementError, match="--unconfined"), Warm(LIMITS):
        pass
    with Warm(LIMITS, confined=False, preload=("torch",)) as warm, warm.start() as kernel:
        assert kernel.run("!make").outputs[0]["text"] == "[while grading] skipped: !make\n"
        assert kernel.run("import time; time.sleep(60)", seconds=1).status == "timeout"
        assert kernel.run("import os; os._exit(3)").status == "died"


def test_this_machine_can_confine() -> None:
    assert [(what, fine) for what, fine, _ in look_over()] == [("confinement", True)]


def test_a_folder_is_emptied_whatever_is_in_it(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    home = os.open(".", os.O_RDONLY)
    os.chdir(full)
    for _ in range(450):  # longer than any path may be
        os.mkdir("ten-letters")
        os.chdir("ten-letters")
    os.fchdir(home)
    os.close(home)
    (full / "locked").mkdir(mode=0o300)
    (full / "locked" / "inner").mkdir(mode=0)
    (full / "away").symlink_to(tmp_path)
    os.mkfifo(full / "pipe")

    with pytest.raises(OSError, match="deep"):
        usage(full)
    remove(full)
    assert list(tmp_path.iterdir()) == []


def test_what_nameless_files_hold_is_seen_where_the_scratch_is_no_file_system_of_its_own(
    unconfined: Warm, tmp_path: Path
) -> None:
    free = shutil.disk_usage(tmp_path).free
    with unconfined.start() as kernel:
        ran = kernel.run(
            "import mmap, os, time\nkept = []\nwhile True:\n"
            "    with open('f', 'w+b') as f:\n"
            "        f.write(bytes(10**6))\n        f.flush()\n"
            "        kept.append(mmap.mmap(f.fileno(), 4096))\n        os.unlink('f')"
        )

        assert ran.error is not None
        assert (ran.status, ran.error[0]) == ("died", "DiskFull")
        assert free - shutil.disk_usage(tmp_path).free < free // 10


def test_no_kernel_is_started_on_a_disk_that_is_almost_full(
    warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil._ntuple_diskusage(100, 99, LIMITS.scratch)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)

    with pytest.raises(SandboxError, match=r"16 MiB are free .* set TMPDIR"):
        warm.start()
