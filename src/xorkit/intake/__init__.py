"""What arrives from learners, rebuilt so that it can be graded."""

from xorkit.intake.collecting import Collected, Item, collect
from xorkit.intake.reading import Refused, read_notebook
from xorkit.intake.rebuilding import Rebuilt, accept, rebuild
from xorkit.intake.records import Record, members_of, read_record
from xorkit.intake.roster import Roster, read_roster

__all__ = [
    "Collected",
    "Item",
    "Rebuilt",
    "Record",
    "Refused",
    "Roster",
    "accept",
    "collect",
    "members_of",
    "read_notebook",
    "read_record",
    "read_roster",
    "rebuild",
]
