"""The notebook around the probe: IPython's shell, where there is one, and the notebook's names."""

from __future__ import annotations

import copy
from typing import Any

MAX_LIST = 20_000  # of losses, say
PLAIN = (bool, int, float, str, list, dict)

Namespace = dict[str, Any]


def shell() -> Any:
    """The running IPython shell, None outside of one."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def plain_values(namespace: Namespace) -> Namespace:
    """The numbers, texts, lists and tables of a notebook, as copies that stay what they are.

    A loop that is run once more is to find its counters where it found them the first time.
    """
    return {
        name: _copied(value)
        for name, value in list(namespace.items())
        if not name.startswith("_")
        and name not in ("In", "Out")
        and issubclass(type(value), PLAIN)  # whatever a class says that it is
        and not (issubclass(type(value), list | dict) and len(value) > MAX_LIST)
    }


def _copied(value: Any) -> Any:
    """A list or a table (`defaultdict` is one, too) with lists of its own; what they hold stays."""
    if isinstance(value, list):
        return copy.copy(value)
    if isinstance(value, dict):
        table = copy.copy(value)
        table.update({key: _copied(inner) for key, inner in value.items()})
        return table
    return value
