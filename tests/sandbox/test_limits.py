"""A cell that takes too much is ended, named, and costs nobody else anything."""

import json
import platform

import pytest
from support.small_limits import LIMITS

from xorkit.sandbox import CellStatus, Kernel

# What the cell does: its code, the status, does the kernel live on?
LATE: dict[str, tuple[str, bool]] = {
    "loops forever": ("while True: pass", True),
    "sleeps": ("import time; time.sleep(60)", True),
    "goes on after an interrupt": (
        "import time\ntry: time.sleep(60)\nexcept BaseException: time.sleep(60)",
        False,
    ),
    "is inside C code that takes no interrupt": ("sum(range(10**12))", False),
    "stops itself": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", False),
}
ENDED: dict[str, tuple[str, CellStatus, bool | None]] = {
    "uses up its processor time": (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass",
        "timeout",
        False,
    ),
    "allocates too much at once": ("x = bytearray(10**10)", "memory", True),
    "allocates too large a tensor": ("import torch; torch.zeros(10**10)", "memory", True),
    "allocates too large an array": ("import numpy; numpy.ones(10**10)", "memory", True),
    "fills the memory bit by bit": (
        "x = []\nwhile True: x.append(bytearray(10**6))",
        "memory",
        False,
    ),
    "fills the memory with small objects": (
        "x = []\nwhile True: x.append(bytearray(1000))",
        "memory",
        False,
    ),
    "fills shared memory": (
        "import mmap; m = mmap.mmap(-1, 1 << 30)\nwhile True: m.write(bytes(1 << 20))",
        "memory",
        False,
    ),
    "exits": ("import os; os._exit(0)", "died", False),
    "crashes": ("import ctypes; ctypes.string_at(0)", "died", False),
    "kills itself": ("import os; os.kill(os.getpid(), 9)", "died", False),
    "aborts": ("import os; os.abort()", "died", False),
    "closes every descriptor": ("import os; os.closerange(0, 300)", "died", False),
    "prints forever": ("while True: print('no end in sight')", "output", True),
    "prints forever after an interrupt": (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "while True: print('no end in sight')",
        "output",
        False,
    ),
    "shows pictures forever": (
        "from IPython.display import HTML\nwhile True: display(HTML('<p>' * 9999))",
        "output",
        None,  # obeys the interrupt on a quiet machine, is killed on a busy one
    ),
    "starts too many threads": (
        "import threading, time\nthreading.stack_size(1 << 16)\n"
        "while True: threading.Thread(target=time.sleep, args=(60,)).start()",
        "died",
        False,
    ),
    "makes too many files": ("for i in range(10**5): open(str(i), 'w').close()", "died", False),
    "makes too many folders": (
        "import os\nfor i in range(10**5): os.mkdir('d'); os.chdir('d')",
        "died",
        False,
    ),
    "fills the disk with files": (
        "for i in range(100): open(str(i), 'wb').write(bytes(10**6))\nimport time; time.sleep(5)",
        "died",
        False,
    ),
    "fills the disk with files that have no name": (
        "import os, time\nx = [open('f', 'w+b') for i in range(20) if not os.path.exists('f') "
        "or os.unlink('f') is None]\nfor f in x: f.write(bytes(10**6)); f.flush()\ntime.sleep(5)",
        "died",
        False,
    ),
    **{
        f"fills the disk with nameless files {how}": (
            "import mmap, os, time\nkept = []\nfor i in range(200):\n"
            f"    with open('f', 'w+b') as f:\n        {code}\n        os.unlink('f')\n"
            "time.sleep(5)",
            "died",
            False,
        )
        for how, code in {
            "that are mapped": (
                "f.write(bytes(10**6)); f.flush(); kept.append(mmap.mmap(f.fileno(), 4096))"
            ),
            "that are reserved": (
                "os.posix_fallocate(f.fileno(), 0, 10**6); kept.append(mmap.mmap(f.fileno(), 4096))"
            ),
            "that are written through a map": (
                "f.truncate(10**6); kept.append(mmap.mmap(f.fileno(), 10**6)); "
                "kept[-1].write(bytes(10**6))"
            ),
            "that are open twice": "kept.append(os.dup(f.fileno())); f.write(bytes(10**6))",
            "that another thread holds": (
                "import threading; f.write(bytes(10**6)); f.flush(); "
                "threading.Thread(target=lambda g: time.sleep(9), "
                "args=(os.fdopen(os.dup(f.fileno())),)).start()"
            ),
        }.items()
    },
    "fills the disk with long links": (
        "import os, time\nfor i in range(10**5): os.symlink('x' * 4000, str(i))\ntime.sleep(5)",
        "died",
        False,
    ),
    "fills the disk by copying": (
        "import shutil, time\nopen('f', 'wb').write(bytes(10**6))\n"
        "for i in range(100): shutil.copyfile('f', str(i))\ntime.sleep(5)",
        "died",
        False,
    ),
    "makes sockets without end": (
        "import socket\nfor i in range(10**4):\n"
        "    with socket.socket(socket.AF_UNIX) as s: s.bind(f'{i}')",
        "died",
        False,
    ),
    "makes sockets without end beside its own": (
        "import posix, socket\nplace = posix.getcwd() + '.s/'\n"
        "for i in range(10**4):\n"
        "    with socket.socket(socket.AF_UNIX) as s: s.bind(f'{place}{i}')",
        "died",
        False,
    ),
    "writes one file that is too long": ("open('f', 'wb').write(bytes(10**8))", "error", True),
    "opens too many files": ("x = [open('/dev/null') for i in range(10**4)]", "error", True),
}

if platform.machine() == "x86_64":
    ENDED |= {
        "makes a system call of another convention": (
            "import ctypes; ctypes.CDLL(None).syscall(0x40000000 + 39)",
            "died",
            False,
        ),
        "makes a 32-bit system call from machine code": (
            "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\n"
            "m.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))\n"
            "ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()",
            "died",
            False,
        ),
        "ends its main thread and goes on": (
            "import threading, time, ctypes\n"
            "threading.Thread(target=time.sleep, args=(60,)).start()\n"
            "ctypes.CDLL(None).syscall(60, 0)",
            "died",
            False,
        ),
    }


@pytest.mark.parametrize("name", LATE)
def test_a_cell_is_stopped_that(kernel: Kernel, name: str) -> None:
    code, alive = LATE[name]
    ran = kernel.run(code, seconds=1)

    assert (ran.status, ran.alive) == ("timeout", alive)
    assert ran.error == ("TimeoutError", "the cell was still running after 1 s")
    assert (kernel.run("1 + 1").status == "ok") == alive


@pytest.mark.parametrize("name", ENDED)
def test_a_cell_is_ended_that(kernel: Kernel, name: str) -> None:
    code, status, alive = ENDED[name]
    ran = kernel.run(code)

    assert ran.status == status
    assert alive is None or ran.alive == alive
    assert ran.error is not None
    assert len(json.dumps(ran.outputs)) < 2 * LIMITS.output
    assert (kernel.run("1 + 1").status == "ok") == ran.alive
