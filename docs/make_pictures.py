"""Makes the pictures of README and docs: `python docs/make_pictures.py [DEMO FOLDER]`.

The drawing of an update is computed by the reference; the screenshots are taken in headless
Chromium of what `make demo` made.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from xorkit import lesson, reference

HERE = Path(__file__).parent
BLUE, VERMILION = "#0072b2", "#d55e00"  # told apart by every kind of sight (Okabe and Ito)


def draw_update() -> None:
    """The first updates of two loops beside −lr · gradient, in the plane of two parameters."""
    task = lesson.load(HERE.parent / "lessons" / "xor.yaml").trained
    start = reference.random_starts(np.random.default_rng(3), 1, task.net.sizes)
    mpl.rcParams.update({"font.size": 11, "svg.fonttype": "none", "svg.hashsalt": "xorkit"})
    figure, axes = plt.subplots(
        1, 2, figsize=(9, 3.6), layout="constrained", sharex=True, sharey=True
    )
    titles = (
        "zero_grad in every pass:\neach update is its slope",
        "zero_grad forgotten:\nupdates are sums of slopes",
    )
    for axis, title, forget in zip(axes, titles, (False, True), strict=True):
        rows, slopes = walk(start, task, forget)
        plane = np.stack([rows[:, 6], rows[:, 8]], axis=1)  # an output weight and its bias
        axis.plot(*plane.T, "o-", color=BLUE, label="where the weights went", zorder=3)
        for row, slope in zip(plane, slopes[:, [6, 8]], strict=False):
            axis.annotate(
                "", row - slope, row, arrowprops={"arrowstyle": "->", "color": VERMILION, "lw": 2}
            )
        axis.plot([], [], color=VERMILION, label="−lr · gradient there")
        axis.set(title=title, xlabel="a weight")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("a bias")
    axes[0].legend(frameon=False)
    figure.savefig(HERE / "pictures" / "update.svg", metadata={"Date": None})


def walk(start: np.ndarray, task: reference.Task, forget: bool) -> tuple[np.ndarray, np.ndarray]:
    """Five updates from a start, and lr · gradient at each point."""
    rows, slopes, total = [start], [], np.zeros_like(start)
    for _ in range(5):
        slope = task.lr * reference.gradient(rows[-1], task.inputs, task.targets, task.net)
        total = total + slope if forget else slope
        slopes.append(slope)
        rows.append(rows[-1] - total)
    return np.concatenate(rows), np.concatenate(slopes)


def photograph(demo: Path) -> None:
    """A learner's feedback page and the class report, as `make demo` leaves them."""
    from playwright.sync_api import sync_playwright

    pages = {
        "feedback": demo / "feedback" / "ipetrov" / "xor" / "xor.html",
        "report": demo / "report" / "xor.html",
    }
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, path in pages.items():
            page = browser.new_page(viewport={"width": 1000, "height": 1300})
            page.goto(path.resolve().as_uri())
            page.screenshot(path=HERE / "pictures" / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    (HERE / "pictures").mkdir(exist_ok=True)
    draw_update()
    photograph(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "demo")
