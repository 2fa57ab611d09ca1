"""Puts the lessons into the wheel for `xorkit quickstart`; an editable install needs none."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LESSONS = {
    "source": "xor/source",
    "lessons": "xor/lessons",
    "nbgrader_config.py": "xor/nbgrader_config.py",
    "examples/and/source": "and/source",
    "examples/and/lessons": "and/lessons",
}


class LessonsHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            carried = {place: f"xorkit/courses/{target}" for place, target in LESSONS.items()}
            build_data["force_include"].update(carried)
