"""The attacks of attacks.txt.

`python attacks.py ABI WORLD` makes them in a process that is confined as on an older kernel,
without Jupyter, and prints, as JSON, the names of those that got through.
"""

import contextlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PRELUDE = (HERE / "prelude.py").read_text()
ATTACKS: dict[str, str] = dict(
    re.findall(r"^# (.+)\n((?:(?!#).+\n)+)", (HERE / "attacks.txt").read_text(), re.MULTILINE)
)


def that_get_through(world: str) -> list[str]:
    found = []
    for name, code in ATTACKS.items():
        names: dict[str, object] = {"WORLD": world}
        exec(PRELUDE, names)
        with contextlib.suppress(Exception):  # also what only a notebook has
            exec(code, names)
        if names.get("breach"):
            found.append(name)
    return found


if __name__ == "__main__":
    from xorkit.guest.child import bound
    from xorkit.guest.confine import confine
    from xorkit.guest.limits import Limits

    scratch = tempfile.mkdtemp()
    os.chdir(scratch)
    bound(Limits())
    confine(scratch, newest_abi=int(sys.argv[1]))
    print(json.dumps(that_get_through(sys.argv[2])))
