"""Matplotlib's figures as elements of a page: small, named for screen readers, in its colours."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure

PICTURE_WIDTH = 380  # units: a phone's column, so that text is drawn there at its natural size
POINT = 72  # Matplotlib's SVG units in an inch

# Matplotlib wants colours, a page has variables (light and dark): these stand for them until the
# SVG is written.
INK, SOFT, GRID, YOU, ASKED, STUCK, OTHER, BAND = (f"#0000{n:02x}" for n in range(1, 9))
VARIABLES = {
    INK: "--ink",
    SOFT: "--soft",
    GRID: "--grid",
    YOU: "--you",
    ASKED: "--asked",
    STUCK: "--stuck",
    OTHER: "--other",
    BAND: "--band",
}
STYLE: Any = {  # Matplotlib's types want each name as a literal
    "svg.fonttype": "none",  # text stays text
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
}
NUMBER = re.compile(r"(-?\d+\.\d\d)\d+")


@contextmanager
def drawing(height: float, width: float = PICTURE_WIDTH) -> Iterator[Figure]:
    """A figure of this size, in units, in the page's style."""
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width / POINT, height / POINT), facecolor="none")


def axes(figure: Figure, left: float, bottom: float, right: float, top: float) -> Any:
    """Axes between these edges, in units from the lower left corner."""
    width, height = figure.get_size_inches() * POINT
    place = (left / width, bottom / height, (right - left) / width, (top - bottom) / height)
    return figure.add_axes(place)


def element(figure: Figure, name: str, title: str, text: str) -> Markup:
    """The figure as an SVG element; `title` and `text` are what a screen reader says.

    `name` is the picture's own on its page: all ids begin with it or are salted by it.
    """
    with matplotlib.rc_context({"svg.hashsalt": name}), io.StringIO() as file:
        figure.savefig(file, format="svg", dpi=2 * POINT, metadata={"Date": None})
        drawn = file.getvalue()
    body = drawn[drawn.index("</metadata>") + len("</metadata>") : drawn.rindex("</svg>")]
    width, height = figure.get_size_inches() * POINT
    return Markup(  # noqa: S704 - Matplotlib escapes what it draws, the rest is escaped here
        f'<svg class="picture" viewBox="0 0 {width:g} {height:g}" role="img"'
        f' aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-text">{escape(text)}</desc>{_packed(body)}</svg>'
    )


def _packed(body: str) -> str:
    """Without what says nothing: global style, ids of groups, fonts, digits beyond a 100th."""
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.S)
    body = re.sub(r'<g id="[\w.]+">', "<g>", body)
    body = re.sub(r' id="image\w+"', "", body)
    body = re.sub(r'font-family: [^;"]*; ?| transform="rotate\(-0 [^"]*"', "", body)
    body = re.sub(r' (d|x|y|transform)="[^"]*"', lambda found: NUMBER.sub(r"\1", found[0]), body)
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var({variable})")
    return re.sub(r"\s*\n\s*", " ", body)
