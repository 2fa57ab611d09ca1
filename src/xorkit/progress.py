"""A bar for whatever takes long, with the time to go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

_Item = TypeVar("_Item")
SHORT = 2.0  # seconds for which nobody needs a bar


def over(items: Iterable[_Item], doing: str, total: int | None = None) -> Iterator[_Item]:
    """The same items; on a terminal with a bar, once it has taken longer than SHORT.

    `total` says how many there are where the items can't.
    """
    bar = tqdm(items, desc=doing, total=total, delay=SHORT, leave=False, disable=None)
    return iter(bar)
