"""Gradescope's list of submissions, which is YAML as Ruby writes it and may be a learner's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

LIST = "submission_metadata.yml"
# A course of 10,000 with all its history stays well below; the reader takes ten times the memory.
_MAX_BYTES = 32 * 2**20
# What we read lies five deep; nothing that Gradescope writes lies deeper than twice that.
_MAX_DEPTH = 20
_MAX_MEMBERS = 50


class ListError(ValueError):
    """It is no list of submissions."""


def read_list(data: bytes) -> dict[str, tuple[datetime | None, list[Mapping[str, str]]]]:
    """Time and submitters (`name`, `sid`, `email`) of every submission, by its folder's name.

    Built from the parser's events: PyYAML's own constructors let a small file fill the memory
    (nested aliases), and its compiled one ends the process on a deep one. Raises ListError.
    """
    if len(data) > _MAX_BYTES:
        raise ListError(f"the list has more than {_MAX_BYTES >> 20} MB")
    try:
        root = _tree(yaml.parse(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        raise ListError(f"the list is no YAML: {error}") from error
    listed = root if isinstance(root, dict) else {}
    return {
        name: _submission(about)
        for name, about in listed.items()
        if name.removeprefix("submission_").isdecimal() and isinstance(about, dict)
    }


def _submission(about: Mapping[str, Any]) -> tuple[datetime | None, list[Mapping[str, str]]]:
    people = about.get("submitters")
    listed = [person for person in people if isinstance(person, dict)] if people else []
    texts: list[Mapping[str, str]] = [
        {key: value for key, value in person.items() if isinstance(value, str) and value}
        for person in listed[:_MAX_MEMBERS]
    ]
    return _time(about.get("created_at")), texts


def _time(text: object) -> datetime | None:
    """ "2026-11-20 15:00:00.846921000 -08:00"; without a zone it is in UTC."""
    try:
        time = datetime.fromisoformat(str(text).replace(" Z", "+00:00").replace(" -", "-"))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _tree(events: Iterable[yaml.Event]) -> object:
    """Mappings, lists and texts as the events build them; keys without Ruby's colon.

    An alias is the very object that its anchor names, not a copy. Raises ListError.
    """
    root: list[Any] = []
    open_: list[Any] = [root]
    keys: list[str | None] = [None]
    anchors: dict[str, Any] = {}
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            open_.pop()
            keys.pop()
            continue
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        if isinstance(event, yaml.AliasEvent):
            value = anchors.get(str(event.anchor))
        elif isinstance(event, yaml.ScalarEvent):
            value = event.value
        elif not isinstance(event, yaml.CollectionStartEvent):
            continue
        elif event.anchor:
            anchors[event.anchor] = value
        parent, key = open_[-1], keys[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif key is None:
            keys[-1] = value.lstrip(":") if isinstance(value, str) else ""
        else:
            parent[key], keys[-1] = value, None
        if isinstance(event, yaml.CollectionStartEvent):
            if len(open_) > _MAX_DEPTH:
                raise ListError(f"the list is nested more than {_MAX_DEPTH} deep")
            open_.append(value)
            keys.append(None)
    return root[0] if root else None
