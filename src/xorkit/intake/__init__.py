"""What arrives from learners, rebuilt so that it can be graded."""

from xorkit.intake.reading import Refused, read_notebook
from xorkit.intake.rebuilding import Rebuilt, rebuild

__all__ = ["Rebuilt", "Refused", "read_notebook", "rebuild"]
