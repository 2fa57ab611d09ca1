"""A JupyterLab of a test's own, which neither reads nor leaves anything outside of its folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUIET = {  # no news, no update checks; every cell in the page at once
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
    "notebook-extension/tracker": {
        "windowingMode": "none",
        "codeCellConfig": {"autoClosingBrackets": False},
    },
}
EXTENSIONS = {"ServerApp": {"jpserver_extensions": {"jupyterlab": True, "nbgrader": True}}}


@contextmanager
def jupyterlab(folder: Path, own: Path) -> Iterator[str]:
    """Serves a folder on a free port, with nbgrader's formgrader; what it writes is in `own`."""
    for name, values in QUIET.items():
        _write(own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings", values)
    _write(own / "config" / "jupyter_server_config.json", EXTENSIONS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTER_CONFIG_DIR": "config"}
    places |= {"JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTER_DATA_DIR": "data"}
    environment = {**os.environ, **{name: str(own / place) for name, place in places.items()}}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    with (own / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield _answering(f"http://localhost:{port}")
        finally:
            server.terminate()
            server.wait(300)


def _write(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), "utf-8")


def _answering(address: str) -> str:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/api", timeout=5).close()
            return address
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise TimeoutError("JupyterLab didn't start within two minutes")
