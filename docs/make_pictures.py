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
BLUE, INK = "#0072b2", "#1c2630"
EPOCHS = 5


def draw_update() -> None:
    """How far two loops go in their first epochs, beside −lr · gradient at the same points."""
    task = lesson.load(HERE.parent / "lessons" / "xor.yaml").trained
    start = reference.random_starts(np.random.default_rng(3), 1, task.net.sizes)
    mpl.rcParams.update({"font.size": 12, "svg.fonttype": "none", "svg.hashsalt": "xorkit"})
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained", sharey=True)
    titles = ("zero_grad in every epoch", "zero_grad forgotten")
    for axis, title, forget in zip(axes, titles, (False, True), strict=True):
        rows, downhill = train(start, task, forget)
        moved, asked = (np.linalg.norm(each, axis=1) for each in (np.diff(rows, axis=0), downhill))
        epochs = np.arange(1, EPOCHS + 1)
        axis.bar(epochs, moved, 0.62, color=BLUE, label="how far the loop went")
        outline = {"facecolor": "none", "edgecolor": INK, "linewidth": 1.6}
        axis.bar(epochs, asked, 0.8, **outline, label="lr · gradient there")
        for number, length, wanted in zip(epochs, moved, asked, strict=True):
            axis.text(
                number, max(length, wanted), f"{length / wanted:.2g}×", ha="center", va="bottom"
            )
        axis.set(title=title, xticks=epochs, yticks=[])
        axis.margins(y=0.15)
        axis.set_xlabel("epoch")
        axis.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
    )
    figure.savefig(HERE / "pictures" / "update.svg", metadata={"Date": None})


def train(start: np.ndarray, task: reference.Task, forget: bool) -> tuple[np.ndarray, np.ndarray]:
    """The first updates from a start, and lr · gradient at each point."""
    rows, asked, total = [start], [], np.zeros_like(start)
    for _ in range(EPOCHS):
        wanted = task.lr * reference.gradient(rows[-1], task.inputs, task.targets, task.net)
        total = total + wanted if forget else wanted
        asked.append(wanted)
        rows.append(rows[-1] - total)
    return np.concatenate(rows), np.concatenate(asked)


def photograph(demo: Path) -> None:
    """Pages of a learner and of the class, as `make demo` leaves them."""
    from playwright.sync_api import sync_playwright

    learner, report = (
        demo / "feedback" / "ipetrov" / "xor" / "xor.html",
        demo / "report" / "xor.html",
    )
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, path, width in (("feedback", learner, 760), ("report", report, 1100)):
            page = browser.new_page(viewport={"width": width, "height": width * 4 // 3})
            page.goto(path.resolve().as_uri())
            page.screenshot(path=HERE / "pictures" / f"{name}.png")
        page.locator("#curves > summary").click()
        page.locator("#curves figure").screenshot(path=HERE / "pictures" / "losses.png")
        browser.close()


if __name__ == "__main__":
    (HERE / "pictures").mkdir(exist_ok=True)
    draw_update()
    photograph(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "demo")
