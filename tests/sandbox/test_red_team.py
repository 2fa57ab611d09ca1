"""Attacks from inside real kernels are stopped, for root as for an unprivileged user."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attacks
import pytest
import red_team
from attacks import ATTACKS
from red_team import SECRET, Attacker, got_through

from xorkit.sandbox import Warm

SOMEBODY = 54321  # a user id that nobody has
VERSION = "{}.{}".format(*sys.version_info)
INTERPRETERS = (sys.executable, f"/usr/bin/python{VERSION}", f"/usr/local/bin/python{VERSION}")


@pytest.fixture(scope="module")
def attacker(warm: Warm) -> Iterator[Attacker]:
    with red_team.attacker(warm) as party:
        yield party


def as_somebody(*arguments: str) -> tuple[list[str], dict[str, str]]:
    """What `red_team` tells when the grader is an unprivileged user."""
    python = next(filter(usable, INTERPRETERS), None) if os.getuid() == 0 else None
    if python is None:
        pytest.skip("wants root, to become somebody else, and a Python that all may run")
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, SOMEBODY, SOMEBODY)
        done = run_as_somebody([python, red_team.__file__, *arguments], HOME=home, TMPDIR=home)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return told["through"], told["statuses"]


def usable(python: str) -> bool:
    try:
        return run_as_somebody([python, "-c", "import zmq"]).returncode == 0
    except OSError:
        return False


def run_as_somebody(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={"PYTHONPATH": os.pathsep.join(sys.path), **environment},
        user=SOMEBODY,
        group=SOMEBODY,
        extra_groups=(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_stopped(attacker: Attacker, name: str) -> None:
    ran = attacker.attempt(name)

    assert ran.status in ("ok", "died"), "the attack itself is broken"
    assert not got_through(ran)
    assert attacker.world.secret.read_text() == SECRET, "the attack changed it without saying so"
    assert attacker.world.victim.run("1").status == "ok"


@pytest.mark.parametrize("abi", [1, 2, 4])
def test_attacks_are_stopped_on_kernels_with_an_older_landlock(
    attacker: Attacker, tmp_path: Path, abi: int
) -> None:
    done = subprocess.run(
        [sys.executable, attacks.__file__, str(abi), json.dumps(attacker.world.facts)],
        env={"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert json.loads(done.stdout) == []


def test_attacks_are_stopped_when_the_grader_is_an_unprivileged_user() -> None:
    through, statuses = as_somebody()

    assert through == []
    assert statuses == {
        "hides files where they can't be listed": "died",
        "hides files by deleting them while open": "died",
        "hides memory in a shared mapping": "memory",
        "starts many threads": "died",
    }


def test_without_confinement_most_of_these_attacks_get_through() -> None:
    through, _ = as_somebody("--unconfined")

    assert len(through) > len(ATTACKS) / 2
