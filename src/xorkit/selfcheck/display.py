"""A check's table: signs, sentences, one next step; the same as HTML and as plain text."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import numpy as np

from xorkit.evidence import Array

# Sign, spoken word and colour say the same; blue and vermilion differ for every kind of sight.
SIGNS = {
    True: ("✓", "right", "#0072b2"),
    False: ("✗", "not yet", "#b34700"),
    None: ("–", "open", "#6b6b6b"),
}
TABLE_BORDER = "border-top:1px solid rgba(128,128,128,.35)"
CELL = "text-align:left;vertical-align:top;padding:.4em 0;line-height:1.45;background:none"
SIGN = (
    '<span role="img" aria-label="{word}" title="{word}" style="display:inline-block;width:1.5em;'
    "line-height:1.5em;border-radius:50%;text-align:center;font-weight:bold;color:#fff;"
    'background:{color}">{sign}</span>'
)
FILLED = "#2b8cc4"  # seen on white and on black
PER_UPDATE, HIGH = 12, 46.0  # room for one update's bars in the picture, and half its height


@dataclass(frozen=True)
class CheckRow:
    """One line of a check: true (right), false (not yet) or None (open), and what was seen.

    `cause` is the diagnosis code of what is wrong, where there is one.
    """

    state: bool | None
    what: str
    seen: str = ""
    cause: str = ""


@dataclass(frozen=True)
class CheckTable:
    """What a check shows. `listed` is a numbered table below it: two texts a row."""

    title: str
    rows: tuple[CheckRow, ...]
    next_step: str
    listed: tuple[tuple[str, str, str], ...] = ()
    picture: str = ""

    def to_text(self) -> str:
        lines = [self.title]
        for row in self.rows:
            seen = f": {row.seen}" if row.seen else ""
            lines.append(f" {SIGNS[row.state][0]} {row.what}{seen}")
        lines += [f"   {' · '.join(line)}" for line in self.listed]
        return "\n".join([*lines, f" → {self.next_step}"])

    def to_html(self) -> str:
        body = "".join(map(_row, self.rows))
        listed = "".join(
            f'<tr style="{TABLE_BORDER};background:none">'
            + f'<td style="{CELL};width:1.8em">{_rich(line[0])}</td>'
            + f'<td style="{CELL};padding-right:1em">{_rich(line[1])}</td>'
            + f'<td style="{CELL};width:13em"><div style="min-width:7em">'
            + f"{_rich(line[2])}</div></td></tr>"
            for line in self.listed
        )
        # Jupyter's own tables have a fixed layout, which gives all columns the same width.
        tables = "".join(
            '<table style="border-collapse:collapse;border:none;margin:0 0 .4em;width:100%;'
            f'table-layout:auto"><tbody>{rows}</tbody></table>'
            for rows in (body, listed)
            if rows
        )
        return (
            '<div style="max-width:46em;padding:.2em 0 .4em;overflow-wrap:anywhere">'
            '<div style="font-weight:600;font-size:1.05em;padding:.2em 0 .5em">'
            f"{_rich(self.title)}</div>{tables}{self.picture}"
            f'<div style="{TABLE_BORDER};padding:.6em 0 0">{_rich(self.next_step)}</div></div>'
        )


def _row(row: CheckRow) -> str:
    sign, word, color = SIGNS[row.state]
    seen = f'<div style="opacity:.85">{_rich(row.seen)}</div>' if row.seen else ""
    return (
        f'<tr style="{TABLE_BORDER};background:none"><td style="{CELL};width:2.3em">'
        f'{SIGN.format(sign=sign, word=word, color=color)}</td><td style="{CELL}">'
        f'<div style="font-weight:600">{_rich(row.what)}</div>{seen}</td></tr>'
    )


def _rich(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def updates_picture(moved: Array, downhill: Array) -> str:
    """The first updates (K, P) as filled bars, in the outlines of the steps asked for, as SVG."""
    count = moved.shape[1]
    wide = PER_UPDATE * (count + 2)
    scale = HIGH / max(float(np.abs([moved, downhill]).max()), 1e-12)
    bars = []
    for k, (own, asked) in enumerate(zip(moved, downhill, strict=True)):
        for n, heights in enumerate(zip(own, asked, strict=True)):
            at = k * wide + PER_UPDATE * (n + 1)
            bars.append(_bar(at + 2, PER_UPDATE - 4, heights[0] * scale, f'fill="{FILLED}"'))
            style = 'fill="none" stroke="currentColor"'
            bars.append(_bar(at + 0.5, PER_UPDATE - 1, heights[1] * scale, style))
        bars.append(
            f'<text x="{k * wide + wide / 2:g}" y="{2 * HIGH + 18:g}" text-anchor="middle"'
            f' font-size="11" fill="currentColor">update {k + 1}</text>'
        )
    width = wide * len(moved)
    said = "Your first updates, filled, beside −lr · gradient at the same points, outlined."
    return (
        f'<figure style="margin:.4em 0"><svg viewBox="0 -4 {width} {2 * HIGH + 26:g}" role="img"'
        f' aria-label="{said}" style="width:100%;max-width:{width}px">'
        f'<path d="M0 {HIGH:g}H{width}" stroke="currentColor" opacity=".4"/>{"".join(bars)}</svg>'
        f'<figcaption style="font-size:.9em;opacity:.85">{said}</figcaption></figure>'
    )


def _bar(left: float, width: float, height: float, style: str) -> str:
    top = HIGH - max(height, 0.0)
    return (
        f'<rect x="{left:g}" y="{top:.1f}" width="{width:g}" height="{abs(height):.1f}" {style}/>'
    )
