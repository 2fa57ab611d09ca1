"""What this machine can do to confine a notebook, found out by doing it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from xorkit.guest.launch import import_path

TRIAL_SECONDS = 60.0
TRIAL = """
import sys
from xorkit.guest.confine import confine
from xorkit.guest.landlock import version
from xorkit.guest import mounts
from xorkit.guest.limits import ConfinementError
try:
    found = version()
    own = "are file systems of their own" if mounts.available() else "are watched"
    confine(sys.argv[1])
except ConfinementError as error:
    sys.exit(str(error))
print(f"Landlock {found} and seccomp hold; scratch folders {own}; tried in a throw-away process")
"""


def look_over() -> list[tuple[str, bool, str]]:
    """For `xorkit doctor`: what was looked at, is it fine, and the details or the remedy."""
    if not sys.platform.startswith("linux"):
        remedy = "use Linux (a virtual machine, WSL2 or a container), or --unconfined"
        return [("confinement", False, f"{sys.platform} can't confine a notebook: {remedy}")]
    with tempfile.TemporaryDirectory(prefix="xk-") as folder:
        trial = subprocess.run(  # noqa: S603 - our own code, no shell
            [sys.executable, "-c", TRIAL, folder],
            env={**os.environ, **import_path()},
            capture_output=True,
            text=True,
            timeout=TRIAL_SECONDS,
            check=False,
        )
    if trial.returncode == 0:
        return [("confinement", True, trial.stdout.strip())]
    return [("confinement", False, trial.stderr.strip())]
