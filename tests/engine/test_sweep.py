"""Five hundred submissions, every tenth hostile or broken, and a grader killed five times."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest
from support.tiny_course import assert_agrees, hand_in, kept_files, scores

from xorkit.engine.course import Course
from xorkit.engine.store import verdict_of

COUNT, KILLS = 500, 5
HOSTILE = {
    "endless": "number = 7\nwhile True:\n    pass",
    "memory": "number = 7\nhoard = []\nwhile True:\n    hoard.append(bytearray(1 << 24))",
    "exit": "number = 7\nimport os\nos._exit(3)",
    "killed": "number = 7\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "huge output": "number = 7\nwhile True:\n    print('x' * 100_000)",
    "raises": "number = 7\nraise SystemExit",
    "swallows": "number = 7\nwhile True:\n  try:\n    pass\n  except BaseException:\n    pass",
    "files": "number = 7\nfor i in range(10**9):\n    open(f'f{i}', 'w').write('x' * 10_000)",
}
BROKEN = {"no JSON": '{"cells": [', "empty": ""}


@pytest.fixture
def klass(course: Course) -> Course:
    kinds = [*HOSTILE, *BROKEN]
    for number in range(COUNT):
        path = hand_in(course, f"s{number:03}", {"words": f'words = "because of {number}"'})
        if number % 10 == 0:
            kind = kinds[number // 10 % len(kinds)]
            if kind in BROKEN:
                path.write_text(BROKEN[kind], "utf-8")
            else:
                hand_in(course, f"s{number:03}", {"number": HOSTILE[kind]})
    return course


def _start(course: Course, *words: str) -> subprocess.Popen[str]:
    limits = ["--timeout", "3", "--memory", "512M", "--course", str(course.root)]
    return subprocess.Popen(
        [sys.executable, "-m", "xorkit", "grade", "tiny", *limits, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(course: Course, *words: str) -> dict[str, tuple[str, float, tuple[str, ...]]]:
    process = _start(course, *words)
    _, complaints = process.communicate()
    assert process.returncode == 1, complaints  # the broken files can't be graded
    assert_agrees(course)
    found = {name: verdict_of(course, name) for name in course.students("submitted")}
    return {n: (v.status, v.score, v.diagnosis) for n, v in found.items() if v is not None}


@pytest.mark.sweep
def test_five_hundred_with_every_tenth_hostile_end_the_same_each_time(klass: Course) -> None:
    dice = random.Random(0)
    for _ in range(KILLS):
        before = len(kept_files(klass))
        process = _start(klass)
        while len(kept_files(klass)) < before + 60:
            time.sleep(0.1)
        time.sleep(dice.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
    killed = _finish(klass)
    again = _finish(klass, "--all")

    assert killed == again
    assert len(killed) == COUNT
    assert set(scores(klass)) == set(killed)
    ordinary = [name for name in killed if int(name[1:]) % 10]
    assert {killed[name] for name in ordinary} == {("graded", 5.0, ())}
    ungradable = [name for name, (status, _, _) in killed.items() if status == "not_gradable"]
    assert len(ungradable) == COUNT // 10 * len(BROKEN) // (len(BROKEN) + len(HOSTILE))
