"""The pictures of both pages, each with the words that say what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator

from xorkit import reference
from xorkit.evidence import Array
from xorkit.lesson import Lesson
from xorkit.pages.svg import (
    ASKED,
    BAND,
    INK,
    OTHER,
    PICTURE_WIDTH,
    SOFT,
    STUCK,
    YOU,
    axes,
    drawing,
    element,
)
from xorkit.reference import Net, Task

# Told apart with every kind of sight, and seen on light and on dark pages: for pictures of pixels,
# in which no variable of the page can stand.
LOW, BETWEEN, HIGH = "#2a78b8", "#efe9dc", "#df8233"
PREDICTION_COLOURS = LinearSegmentedColormap.from_list("answers", [LOW, BETWEEN, HIGH])
PIXELS = {YOU: "#2f86c6", STUCK: "#dd6b20", OTHER: "#8b7bb0"}
MOST_CURVES_AS_PATHS = 60  # curves: more of them are smaller as pixels than as paths
MOST_BARS = 40  # parameters of a net whose updates can be told apart in a phone's column
FINE = 181  # points a side at which a surface is computed
LINE_COLOUR = "#16202a"  # on the surface, which is bright on dark pages too


def baseline(task: Task) -> float:
    """The loss of a net that has learned nothing and always predicts the targets' average."""
    return float(np.mean((task.targets - task.targets.mean(axis=0)) ** 2))


def row(inputs: Array) -> str:
    """A row of the lesson's table as text."""
    return ", ".join(f"{number:g}" for number in inputs)


def _loss_axes(ax: Axes, lesson: Lesson, highest: float) -> None:
    """Epochs to the right, loss upwards, with the line of a net that has learned nothing."""
    nothing = baseline(lesson.trained)
    ax.set_ylim(0, max(1.25 * nothing, min(1.05 * highest, 4 * nothing)))
    ax.axhline(nothing, color=SOFT, linewidth=1, linestyle=(0, (1, 2)))
    ax.set_xlabel("epochs")
    ax.set_ylabel("loss")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def loss_picture(losses: Array, epochs: int, lesson: Lesson) -> Markup:
    """One learner's loss over the typical ones."""
    nothing = baseline(lesson.trained)
    with drawing(230) as figure:
        ax = axes(figure, 46, 40, PICTURE_WIDTH - 18, 224)
        if lesson.starts is not None:
            curves, at = lesson.starts.curves, lesson.starts.curve_epochs
            ax.fill_between(at, curves["low"], curves["high"], color=BAND, linewidth=0)
            ax.plot(at, curves["middle"], color=ASKED, linewidth=1.2, linestyle=(0, (5, 3)))
        ax.plot(np.linspace(0, epochs, len(losses)), losses, color=YOU, linewidth=2.2)
        _loss_axes(ax, lesson, losses.max())
        ax.set_xlim(0, max(epochs, lesson.trained.epochs))
        ax.annotate(
            f"{nothing:.3g}: learned nothing",
            (1, nothing),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 4),
            textcoords="offset points",
            ha="right",
        )
        text = (
            f"Loss over {epochs} epochs, from {losses[0]:.3f} at the start to {losses[-1]:.3f} at"
            f" the end; a network that has learned nothing has {nothing:.3g}."
        )
        return element(figure, "loss", "Your loss, epoch by epoch", text)


def surface(theta: Array, net: Net, task: Task) -> Markup:
    """What a net (2 inputs, 1 output) predicts everywhere between and around the table's rows."""
    low, high = task.inputs.min(axis=0), task.inputs.max(axis=0)
    margin = 0.25 * (high - low)
    sides = [np.linspace(a, b, FINE) for a, b in zip(low - margin, high + margin, strict=True)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    answers = reference.predict(theta[None], grid, net)[0, :, 0].reshape(FINE, FINE)
    least, most = float(task.targets.min()), float(task.targets.max())
    edges = [end for side in sides for end in (side[0], side[-1])]
    with drawing(300, 300) as figure:
        ax = axes(figure, 36, 36, 296, 296)
        shades = BoundaryNorm(np.linspace(least, most, 12), PREDICTION_COLOURS.N)
        ax.imshow(
            answers,
            PREDICTION_COLOURS,
            shades,
            origin="lower",
            extent=edges,
            aspect="auto",
            interpolation="nearest",  # flat bands: half the bytes of smooth ones
            zorder=0,
        )
        if answers.min() < (least + most) / 2 < answers.max():
            ax.contour(
                *sides, answers, levels=[(least + most) / 2], colors=LINE_COLOUR, linewidths=1.8
            )
        said = _corners(ax, theta, net, task)
        ax.set_xlabel("first input")
        ax.set_ylabel("second input")
        ax.set_xticks(np.unique(task.inputs[:, 0]))
        ax.set_yticks(np.unique(task.inputs[:, 1]))
        return element(figure, "surface", "What your network predicts", said)


def _corners(ax: Axes, theta: Array, net: Net, task: Task) -> str:
    """Writes the net's prediction at each row's place, ticked where near; the same in words."""
    said = []
    predicted = reference.predict(theta[None], task.inputs, net)[0, :, 0]
    for inputs, goal, value in zip(task.inputs, task.targets[:, 0], predicted, strict=True):
        near = abs(value - goal) <= task.near
        chip = {"boxstyle": "round,pad=0.35", "facecolor": "#ffffff", "edgecolor": LINE_COLOUR}
        label = f"{value:.2f} {'✓' if near else '✗'}"
        ax.annotate(label, inputs, ha="center", va="center", color=LINE_COLOUR, bbox=chip)
        said.append(f"For ({row(inputs)}) it predicts {value:.2f}; the target is {goal:g}.")
    return " ".join(said)


def updates(moved: Array, downhill: Array, text: str) -> Markup:
    """The first updates (K, P) as filled bars, in the outlines of the updates asked for."""
    shown = np.arange(moved.shape[1])
    if len(shown) > MOST_BARS:
        shown = np.sort(np.argsort(-np.abs(downhill).max(axis=0))[:MOST_BARS])
    wide = len(shown) + 2  # two bars' room between one epoch and the next
    starts = wide * np.arange(len(moved), dtype=np.float64)
    at = (starts[:, None] + np.arange(len(shown))).ravel()
    with drawing(210) as figure:
        ax = axes(figure, 56, 26, PICTURE_WIDTH - 6, 204)
        ax.axhline(0, color=SOFT, linewidth=0.8)
        ax.add_collection(_bars(at, moved[:, shown].ravel(), 0.3, facecolors=YOU))
        outlined = {"facecolors": "none", "edgecolors": INK, "linewidths": 1.1}
        ax.add_collection(_bars(at, downhill[:, shown].ravel(), 0.44, **outlined))
        ax.set_xlim(-1, at[-1] + 1)
        ax.autoscale_view(scalex=False)
        ax.set_xticks(starts + (len(shown) - 1) / 2, [f"epoch {k + 1}" for k in range(len(moved))])
        ax.tick_params(axis="x", length=0)
        ax.spines["bottom"].set_visible(False)
        ax.yaxis.set_major_locator(MaxNLocator(5))
        return element(figure, "updates", "Your first updates beside those asked for", text)


def _bars(at: Array, heights: Array, half: float, **style: Any) -> PolyCollection:
    """Bars from 0 as one artist, which is drawn in a tenth of the time of as many patches."""
    corners = [
        [(x - half, 0), (x - half, y), (x + half, y), (x + half, 0)]
        for x, y in zip(at, heights, strict=True)
    ]
    return PolyCollection(corners, **style)


def many_losses(
    curves: Mapping[str, Sequence[tuple[int, Sequence[float]]]], lesson: Lesson
) -> Markup:
    """The loss curves of a class: of loops with a mistake, that learned, and that got stuck.

    `curves` has them by colour, the first at the back.
    """
    count = sum(map(len, curves.values()))
    with drawing(270) as figure:
        ax = axes(figure, 46, 40, PICTURE_WIDTH - 18, 262)
        for colour, group in curves.items():
            lines = LineCollection(
                [np.column_stack([np.linspace(0, n, len(v)), v]) for n, v in group],
                colors=PIXELS[colour] if count > MOST_CURVES_AS_PATHS else colour,
                linewidths=0.8 if count > MOST_CURVES_AS_PATHS else 1.3,
                linestyles=(0, (3, 1.5)) if colour == OTHER else "solid",
                alpha=max(0.12, min(0.9, 20 / max(1, len(group)))),
                rasterized=count > MOST_CURVES_AS_PATHS,
            )
            ax.add_collection(lines)
        every = [(n, max(values)) for group in curves.values() for n, values in group]
        _loss_axes(ax, lesson, max(top for _, top in every))
        ax.set_xlim(
            0, max(lesson.trained.epochs, *(min(n, 2 * lesson.trained.epochs) for n, _ in every))
        )
        text = f"{count} curves; the dotted line is the loss of a network that has learned nothing."
        return element(figure, "losses", "The loss of every learner, epoch by epoch", text)
