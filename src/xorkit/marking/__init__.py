"""Marks by a person for the answers that wait: on a page of this machine, or in a table."""

from xorkit.marking.marks import bring_up_to_date, give_marks
from xorkit.marking.server import serve
from xorkit.marking.table import MarksError, read_marks, write_waiting
from xorkit.marking.waiting import waiting

__all__ = [
    "MarksError",
    "bring_up_to_date",
    "give_marks",
    "read_marks",
    "serve",
    "waiting",
    "write_waiting",
]
