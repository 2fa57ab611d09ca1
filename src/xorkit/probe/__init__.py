"""Stands beside the learner's code, records what it does, and answers questions given as data.

Everything here runs in the learner's process and can be tampered with there, so it concludes
nothing: it hands out what it saw as JSON, and the judge, elsewhere, recomputes all of it.
"""

from xorkit.probe.observations import attend, observe
from xorkit.probe.recording import recorder

__all__ = ["attend", "observe", "recorder"]
