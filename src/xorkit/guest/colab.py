"""`google.colab` as far as notebooks use it: answers that harm nothing and stop nobody."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

Note = Callable[[str], None]

PARTS = (
    "auth", "data_table", "drive", "files", "kernel", "output", "patches", "runtime", "userdata",
    "widgets", "_message",
)  # fmt: skip


class Part(ModuleType):
    """A module, or whatever else is wanted: has every name, can be called, does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Part(name)

    def __call__(self, *_: Any, **__: Any) -> None:
        """Stands in for any function of Colab's."""


def install(shell: Any, note: Note) -> None:
    """Make `import google.colab` and Colab's magics work in this process."""
    google = sys.modules.setdefault("google", Part("google"))
    colab = Part("google.colab")
    google.colab = sys.modules["google.colab"] = colab  # type: ignore[attr-defined]
    parts = {name: Part(f"google.colab.{name}") for name in PARTS}
    for name, part in parts.items():
        setattr(colab, name, part)
        sys.modules[part.__name__] = part
    for package in (google, colab):
        package.__path__ = getattr(package, "__path__", [])
    _answer(parts, shell, note)
    shell.register_magic_function(lambda _: None, "line", "tensorflow_version")


def _answer(parts: dict[str, Part], shell: Any, note: Note) -> None:
    """What returns something, or is worth a word."""

    def mount(mountpoint: str = "/content/drive", *_: Any, **__: Any) -> None:
        note(f"there is no Google Drive: {mountpoint} stays empty")

    def upload(*_: Any, **__: Any) -> dict[str, bytes]:
        note("nobody is here to upload a file")
        return {}

    def get(key: str) -> str:
        note(f"the secret {key!r} is empty")
        return ""

    def clear(wait: bool = False, output_tags: Any = None) -> None:
        from IPython.display import clear_output

        clear_output(wait)

    parts["drive"].mount = mount  # type: ignore[attr-defined]
    parts["files"].upload = parts["files"].upload_file = upload  # type: ignore[attr-defined]
    parts["userdata"].get = get  # type: ignore[attr-defined]
    parts["output"].clear = clear  # type: ignore[attr-defined]
    parts["_message"].blocking_request = lambda *_, **__: {}  # type: ignore[attr-defined]
    for name in ("SecretNotFoundError", "NotebookAccessError", "TimeoutException"):
        setattr(parts["userdata"], name, type(name, (Exception,), {}))
