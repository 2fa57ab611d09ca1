"""What arrives from learners, rebuilt so that it can be graded."""

from xorkit.intake.collecting import CollectReport, Item, collect, listed
from xorkit.intake.log import LogEntry, read_log
from xorkit.intake.reading import ReadNotebook, Refusal, read_notebook
from xorkit.intake.rebuilding import RebuiltNotebook, accept, rebuild
from xorkit.intake.records import Record, members_of, read_record
from xorkit.intake.roster import Roster, read_roster

__all__ = [
    "CollectReport",
    "Item",
    "LogEntry",
    "ReadNotebook",
    "RebuiltNotebook",
    "Record",
    "Refusal",
    "Roster",
    "accept",
    "collect",
    "listed",
    "members_of",
    "read_log",
    "read_notebook",
    "read_record",
    "read_roster",
    "rebuild",
]
