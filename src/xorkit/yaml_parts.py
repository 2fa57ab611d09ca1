"""What the parts of a lesson's YAML are made of: no unknown keys, no empty texts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class YamlPart(BaseModel):
    """Fixed once read; a key that isn't known is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
