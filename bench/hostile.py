"""What a class costs in which every fifth attacks the machine: `python bench/hostile.py [count]`.

Grades `count` notebooks (100 if not said) by two workers, as `xorkit grade` does. Every fifth fills
the disk or the memory, eats time, or ends kernel after kernel; the others train for an instant.
Prints the time beside what the limits allow, the least free disk beside that at the start, and the
most memory that all processes of the bench held.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from xorkit.conventions import filled, solution_texts
from xorkit.engine import running, workers
from xorkit.engine.assignment import Assignment, of_course
from xorkit.engine.autograded import to_bytes
from xorkit.engine.course import open_course
from xorkit.engine.job import Job, RunSettings

ROOT = Path(__file__).parents[1]
COUNT, WORKERS, EACH = 100, 2, 5
SETTINGS = RunSettings(timeout=3, memory=512 << 20)
LOOK_SECONDS = 0.05
MAPPED = """
import mmap, os
kept = []
while True:
    with open("f", "w+b") as f:
        f.write(bytes(10**6))
        f.flush()
        kept.append(mmap.mmap(f.fileno(), 4096))
        os.unlink("f")
"""
ATTACKS = {  # by name: the cell that it stands in, and its text
    "nameless files": ("data", MAPPED),
    "many files": ("data", "for k in range(10**6): open(str(k), 'wb').write(bytes(10**5))"),
    "memory": ("model", "hoard = []\nwhile True: hoard.append(bytearray(10**6))"),
    "shared memory": (
        "model",
        "import mmap\nm = mmap.mmap(-1, 1 << 40)\nwhile True: m.write(b'x' * 10**6)",
    ),
    "endless loop in each cell": ("*", "while True: pass"),
    "sleep that takes no interrupt": (
        "*",
        "import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass",
    ),
    "end of the process in each cell": ("*", "import os; os._exit(1)"),
    "endless threads": (
        "data",
        "import threading\nspin = lambda: [0 for _ in iter(int, 1)]\n"
        "while True: threading.Thread(target=spin).start()",
    ),
}


@dataclass
class Watch:
    """What the machine has left, and what this process and its children hold, while it runs."""

    least_free: int = 1 << 62
    most_held: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            self.least_free = min(self.least_free, shutil.disk_usage(tempfile.gettempdir()).free)
            self.most_held = max(self.most_held, held(os.getpid()))


def held(root: int) -> int:
    """Bytes of private and shared memory of a process and all below it."""
    parents, sizes = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            status = Path(f"/proc/{entry}/status").read_text()
        except OSError:
            continue
        about = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        if "RssAnon" in about:
            kinds = ("RssAnon", "RssShmem")
            parents[int(entry)] = int(about["PPid"])
            sizes[int(entry)] = sum(int(about[kind].split()[0]) << 10 for kind in kinds)
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sum(sizes.get(pid, 0) for pid in found)


def allowed(attackers: int) -> float:
    """Seconds that the limits allow the attackers, spread over the workers."""
    whole = running.FULL_TIMES * SETTINGS.timeout + running.OBSERVE_SECONDS + running.REST_SECONDS
    return attackers * whole / WORKERS


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "xor"
        for name in ("source", "lessons", "release"):
            shutil.copytree(ROOT / name, root / name)
        shutil.copy(ROOT / "nbgrader_config.py", root)
        course = open_course(root, "xor")
        assignment, solutions = of_course(course), solution_texts(course.source)
    quick = {**solutions, "training_loop": solutions["training_loop"].replace("5000", "50")}
    honest = to_bytes(filled(assignment.release, quick))
    files = {}
    for number in range(count):
        files[f"s{number:03}"] = honest
        if number % EACH == 0:
            name, (cell, text) = list(ATTACKS.items())[number // EACH % len(ATTACKS)]
            answers = {each: text for each in quick if cell in (each, "*")}
            files[f"s{number:03}-{name}"] = to_bytes(
                filled(assignment.release, {**quick, **answers})
            )
            del files[f"s{number:03}"]
    free = shutil.disk_usage(tempfile.gettempdir()).free
    watch = Watch()
    watcher = threading.Thread(target=watch.look)
    watcher.start()
    begun = time.monotonic()
    honest_seconds = graded(assignment, files)
    whole = time.monotonic() - begun
    watch.over.set()
    watcher.join()
    bound = honest_seconds / WORKERS + allowed(sum(data is not honest for data in files.values()))
    print(f"{'all (s)':44} {whole:8.1f}   the limits allow {bound:.1f}: {whole / bound:.2f} of it")
    print(f"{'least free disk / free at the start':44} {watch.least_free / free:8.3f}")
    most = WORKERS * (SETTINGS.memory + (550 << 20)) / (1 << 20)
    print(f"{'most memory held (MiB)':44} {watch.most_held / (1 << 20):8.0f}   of {most:.0f}")


def graded(assignment: Assignment, files: dict[str, bytes]) -> float:
    """Seconds that the honest ones took, each by itself; prints how the attackers ended."""
    honest = 0.0
    jobs = [Job(student, SETTINGS, file=data) for student, data in files.items()]
    for done in workers.run_jobs(assignment, jobs, WORKERS):
        verdict = done.verdict
        if verdict is None or done.faults:
            raise SystemExit(f"the grader failed on {done.student}: {done.problem} {done.faults}")
        seconds = verdict.details["seconds"]
        if "-" in done.student:
            codes = " ".join(verdict.diagnosis)
            print(f"{done.student:44} {seconds:8.1f} s  {verdict.status}  {codes}", flush=True)
        else:
            honest += seconds
    return honest


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
