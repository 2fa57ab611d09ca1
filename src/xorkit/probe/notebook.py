"""The notebook around the probe: IPython's shell, where there is one, and the notebook's names."""

from __future__ import annotations

from typing import Any

MAX_LIST = 20_000  # of losses, say

Namespace = dict[str, Any]


def shell() -> Any:
    """The running IPython shell, None outside of one."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def plain_values(namespace: Namespace) -> Namespace:
    """The numbers, texts and lists of a notebook; lists as copies, so that they stay what they are.

    A loop that is run once more is to find its counters where it found them the first time.
    """
    kept: Namespace = {}
    for name, value in list(namespace.items()):
        if name.startswith("_") or name in ("In", "Out"):
            continue
        if type(value) in (bool, int, float, str):
            kept[name] = value
        elif type(value) is list and len(value) <= MAX_LIST:
            kept[name] = [*value]
    return kept
