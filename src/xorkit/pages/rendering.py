"""Templates to pages. Whatever a template is given is escaped; only our own pictures are not."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib import resources
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from xorkit.foreign import showable
from xorkit.pages.words import plural

INLINE_CODE = re.compile(r"`([^`\n]+)`")


def displayable(value: Any) -> Any:
    """A text without what no page can show, such as NUL, lone surrogates and reversals."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return showable(value)
    return value


def with_code(text: str) -> Markup:
    """The text with `…` as code."""
    parts = INLINE_CODE.split(str(displayable(text)))
    marked = (
        f"<code>{escape(part)}</code>" if k % 2 else escape(part) for k, part in enumerate(parts)
    )
    return Markup("").join(Markup(part) for part in marked)  # noqa: S704 - escaped above


def link(template: str, **names: str) -> str:
    """An address with {student} and the like filled in."""
    for name, value in names.items():
        template = template.replace(f"{{{name}}}", quote(value, safe="", errors="replace"))
    return template


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("xorkit.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=displayable,
    )
    environment.filters["code"] = with_code
    environment.filters["plural"] = plural
    environment.filters["number"] = lambda value: f"{value:g}".replace("-", "−")
    environment.filters["change"] = lambda value: f"{value:+g}".replace("-", "−")
    environment.filters["two_digits"] = lambda value: f"{value:.2f}".replace("-", "−")
    environment.filters["time"] = lambda text: text[:16].replace("T", " ")
    environment.filters["lateness"] = lambda text: text.replace(" late", "", 1)
    return environment


@functools.cache
def _asset(name: str) -> Markup:
    """A file that goes into the page as it is."""
    return Markup(resources.files("xorkit.pages").joinpath("templates", name).read_text("utf-8"))  # noqa: S704 - our own


@functools.cache
def _style(template: str) -> Markup:
    """The style of all pages, and that of this kind alone where it has one."""
    own = template.replace(".html", ".css")
    has_own = resources.files("xorkit.pages").joinpath("templates", own).is_file()
    return _asset("style.css") + (_asset(own) if has_own else Markup(""))


@functools.cache
def content_policy(script: str, *, served: bool = False) -> str:
    """What a page may do: show itself, and run its one script; load or send nothing.

    A page that is `served` by a program of ours may also talk to that.
    """
    rules = ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]
    if script:
        digest = base64.b64encode(hashlib.sha256(_asset(script).encode()).digest()).decode()
        rules.append(f"script-src 'sha256-{digest}'")
    if served:
        rules.append("connect-src 'self'")
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def render(template: str, script: str = "", *, served: bool = False, **values: Any) -> str:
    """A page as one self-contained text."""
    return (
        _environment()
        .get_template(template)
        .render(
            style=_style(template),
            script=_asset(script) if script else "",
            policy=content_policy(script, served=served),
            **values,
        )
    )
