"""What the author of hidden tests imports.

A hidden cell holds ordinary pytest functions and ends with `grade(__name__, "test_…")`. The same
cell runs in two places: in the judge's process, where its functions are collected and evidence lies
ready (`hidden.session`), and in the kernel of plain `nbgrader autograde`, where `grade` gathers
evidence on the spot, runs pytest and gives back the points as the cell's value (`hidden.live`).
The functions ask for what was observed by fixtures:

data, model, settings, training, result   what the judge says of each of these: claims
matching, recall                          the choices made; a function: question -> its mark
values                                    a function: answer cell -> the plain values that it left
                                          behind, by name; None for a name that isn't there

`check(training.updates)` fails the test with the judge's own sentence where a claim doesn't hold.
`@needs("test_x")` has a test not judged, rather than failed twice, where test_x failed.
`@parametrize("row", range(4))` makes a test of each row. A test that can't decide raises
`Abstain(message, note)`: the learner reads the message, and a person decides by the note.
"""

from xorkit.hidden.live import grade
from xorkit.hidden.session import Abstain, check, needs, parametrize

each = parametrize  # as it was called first

__all__ = ["Abstain", "check", "each", "grade", "needs", "parametrize"]
