"""The checks that a learner runs in the notebook: the judge that grades, beside the learner's work.

`xorkit build` packs this package, and the modules that it uses, into the release's set-up cell. So
nothing here, and nothing that it imports, needs more than the standard library, NumPy, torch and
IPython. What it says is for the learner's eyes only; points are given elsewhere.
"""

from __future__ import annotations

__all__ = ["check"]


def check(name: str = "") -> None:
    """`check("model")`: what is right in an exercise and what is not yet; `check()`: what is open.

    This one is for authors, who run the source notebook in its folder; a release brings its own.
    """
    import importlib

    from xorkit.selfcheck.checks import Checks

    # By name, because the engine is what a release must not carry.
    packing = importlib.import_module("xorkit.engine.packing")
    Checks(packing.sheet_around())(name)
