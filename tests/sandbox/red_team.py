"""Makes the attacks of attacks.txt from inside real kernels.

`python red_team.py [--unconfined]` prints, as JSON, the names of those that got through, and what
became of cells that hide what they use from a watchdog.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attacks import ATTACKS, PRELUDE

from xorkit.sandbox import CellResult, Kernel, Limits, Warm

# In a folder of its own, as an earlier attack may have left files behind.
ATTEMPT = """
os.mkdir({folder!r})
os.chdir({folder!r})
breach = None
try:
{code}
except (OSError, ValueError) as error:
    print("stopped:", repr(error))
finally:
    os.chdir("..")
print("BREACH", breach) if breach else None
"""
# What an unprivileged grader can't see as easily as root can.
HIDERS = {
    "hides files where they can't be listed": (
        "import os, time; os.mkdir('d', 0o300)\n"
        "for i in range(100): open(f'd/{i}', 'wb').write(bytes(10**6))\ntime.sleep(9)"
    ),
    "hides files by deleting them while open": (
        "import os, time\nfiles = []\n"
        "for i in range(100):\n    files.append(open('f', 'wb', 0)); os.unlink('f')\n"
        "    files[-1].write(bytes(10**6))\ntime.sleep(9)"
    ),
    "hides memory in a shared mapping": (
        "import mmap; m = mmap.mmap(-1, 5 << 29)\nwhile True: m.write(bytes(1 << 20))"
    ),
    "starts many threads": (
        "import threading, time\nthreading.stack_size(1 << 16)\n"
        "while True: threading.Thread(target=time.sleep, args=(9,)).start()"
    ),
}
SECRET = "expected = [0, 1, 1, 0]"
TOKEN = "XORKIT_RED_TEAM_TOKEN"


class World:
    """A grader's machine, as far as attacks care: a course, a sibling, listeners, a secret."""

    def __init__(self, warm: Warm) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="course-"))
        (self.folder / "empty").mkdir()
        self.secret = self._file("hidden_test.py")
        self.victim = warm.start()
        told = self.victim.run("import os, posix; print(os.getpid(), posix.getcwd())").outputs[0][
            "text"
        ]
        sibling, scratch = str(told).split()
        self.sockets = [socket.create_server(("127.0.0.1", 0))]
        self.facts: dict[str, Any] = {
            "course": str(self.folder),
            "secret": str(self.secret),
            "gradebook": str(self._file("gradebook.db")),
            "empty": str(self.folder / "empty"),
            "beside": f"{self.folder}-beside",
            "home": os.path.expanduser("~"),
            "unix": self._listener(str(self.folder / "bus")),
            "abstract": self._listener("\0xorkit-" + secrets.token_hex(8))[1:],
            "port": self.sockets[0].getsockname()[1],
            "sibling": int(sibling),
            "sibling_scratch": scratch,
            "grader": os.getpid(),
            "cores": os.cpu_count(),
            "token": os.environ[TOKEN],
        }

    def _file(self, name: str) -> Path:
        path = self.folder / name
        path.write_text(SECRET)
        return path

    def _listener(self, address: str) -> str:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen()
        self.sockets.append(listener)
        return address

    def close(self) -> None:
        self.victim.close()
        for each in self.sockets:
            each.close()
        shutil.rmtree(self.folder)
        for left in (self.facts["beside"], f"/dev/shm/{self.facts['token']}"):
            Path(left).unlink(missing_ok=True)


class Attacker:
    """Attacks from one kernel, or from a new one where the last attack has ended it."""

    def __init__(self, warm: Warm, world: World) -> None:
        self.warm, self.world, self.count = warm, world, 0
        self.kernel: Kernel | None = None

    def attempt(self, name: str) -> CellResult:
        if self.kernel is None:
            self.kernel = self.warm.start()
            self.kernel.run(f"WORLD = {json.dumps(self.world.facts)!r}\n{PRELUDE}")
        self.world.secret.write_text(SECRET)  # an attack that got through may have deleted it
        self.count += 1
        code = re.sub("^", "    ", ATTACKS[name], flags=re.MULTILINE)
        folder = f"attack{self.count}"
        ran = self.kernel.run(ATTEMPT.format(code=code, folder=folder), seconds=3)
        if not ran.alive:
            self.close()
        return ran

    def close(self) -> None:
        if self.kernel is not None:
            self.kernel.close()
            self.kernel = None


def got_through(ran: CellResult) -> bool:
    return any("BREACH" in str(output.get("text")) for output in ran.outputs)


@contextmanager
def attacker(warm: Warm) -> Iterator[Attacker]:
    world = World(warm)
    try:
        party = Attacker(warm, world)
        yield party
        party.close()
    finally:
        world.close()


if __name__ == "__main__":
    os.environ[TOKEN] = secrets.token_hex(16)
    confined = "--unconfined" not in sys.argv
    with Warm(Limits(), confined=confined, preload=("torch",)) as warm, attacker(warm) as party:
        through = [name for name in ATTACKS if got_through(party.attempt(name))]
        statuses = {}
        for name, code in HIDERS.items() if confined else ():
            with warm.start() as kernel:
                statuses[name] = kernel.run(code).status
        print(json.dumps({"through": through, "statuses": statuses}))
