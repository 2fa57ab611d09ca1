"""How commands grow with the class: `python bench/growth.py --demo demo --sizes 10 100 1000 5000`.

The class is made of what `make demo` has just graded, over and over under other names: evidence
and verdicts are real, nothing is trained. A submission that met the demo's shorter time limit is
left out: `xorkit grade` would run it again with its own. Each command runs alone; its memory is the
most that it or one of its workers held.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from report import CHROMIUM, PAINTED, QUIET

from xorkit.engine.store import EVIDENCE, VERDICT

NAME = "xor"
COMMANDS = {
    "collect": ["collect", "downloaded.zip"],
    "grade, the gradebook lost": ["grade"],
    "grade, nothing new": ["grade"],
    "rejudge": ["rejudge"],
    "feedback, all": ["feedback"],
    "feedback, none new": ["feedback"],
    "report": ["report"],
    "report, nothing new": ["report"],
    "export": ["export"],
    "mark --csv": ["mark", "--csv", "waiting.csv"],
}


def simulate(demo: Path, course: Path, count: int) -> None:
    """A course folder with `count` learners, each one of the demo's under another name."""
    for name in ("source", "lessons", "release"):
        shutil.copytree(demo / name, course / name)
    shutil.copy(demo / "nbgrader_config.py", course)
    models = [folder for folder in sorted(demo.glob(f"autograded/*/{NAME}")) if is_whole(folder)]
    with zipfile.ZipFile(course / "downloaded.zip", "w") as download:
        for k in range(count):
            model, student = models[k % len(models)], f"learner{k:05d}"
            came = demo / "submitted" / model.parent.name / NAME
            graded, submitted = (
                course / step / student / NAME for step in ("autograded", "submitted")
            )
            for source, target in ((model, graded), (came, submitted)):
                target.mkdir(parents=True)
                for path in source.iterdir():
                    os.link(path, target / path.name)  # whoever writes puts a new file there
            verdict = json.loads((model / VERDICT).read_text("utf-8"))
            (graded / VERDICT).unlink()
            text = json.dumps({**verdict, "student": student}, ensure_ascii=False)
            (graded / VERDICT).write_text(text, "utf-8")
            download.write(came / f"{NAME}.ipynb", f"{student}/{NAME}.ipynb")


def is_whole(folder: Path) -> bool:
    """Whether it holds evidence of a run that met no limit."""
    verdict = json.loads((folder / VERDICT).read_text("utf-8"))
    return (folder / EVIDENCE).exists() and not verdict["keys"]["limits"]


def run(course: Path, words: list[str]) -> tuple[float, float]:
    """Seconds and MB that one command takes."""
    start = time.perf_counter()
    with (course / "said.txt").open("ab") as said:
        process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
            [sys.executable, "-m", "xorkit", *words], cwd=course, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"xorkit {' '.join(words)} failed; see {course / 'said.txt'}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def opened(path: Path) -> float:
    """Seconds until headless Chromium has painted the report."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        page.goto(path.as_uri(), wait_until="load")
        page.evaluate(PAINTED)
        seconds = time.perf_counter() - start
        browser.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("demo"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000, 5000])
    parser.add_argument("--skip", nargs="*", default=[], help="commands, as they are titled")
    arguments = parser.parse_args()
    for count in arguments.sizes:
        with tempfile.TemporaryDirectory(dir=arguments.demo.resolve().parent) as name:
            course = Path(name) / "course"
            course.mkdir()
            simulate(arguments.demo.resolve(), course, count)
            print(f"\n{count} learners")
            for title, words in COMMANDS.items():
                if title in arguments.skip:
                    continue
                seconds, memory = run(course, words)
                each = 1000 * seconds / count
                print(
                    f"  {title:26} {seconds:7.1f} s {each:8.1f} ms each {memory:5.0f} MB",
                    flush=True,
                )
            report = course / "report" / f"{NAME}.html"
            size = report.stat().st_size / 1e6
            print(
                f"  {'report opens':26} {opened(report):7.1f} s {size:17.1f} MB of HTML", flush=True
            )


if __name__ == "__main__":
    main()
