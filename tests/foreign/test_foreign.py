"""What others wrote is text: no terminal obeys it, no spreadsheet computes it."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.markup import escape
from rich.table import Table

from xorkit.foreign import FORMULA, for_spreadsheet, for_terminal, from_spreadsheet
from xorkit.intake.tables import read_table, write_sheet
from xorkit.terminal import Terminal, err, out

OBEYED = [
    "\x1b]0;owned\x07",  # the window's title
    "\x1b[2J\x1b[H",  # clear the screen
    "\x9b31m",  # a colour, by a control of one character
    "\x1b]8;;http://evil\x1b\\here",  # a link
    "\x1b]52;c;cm0gLXJm\x07",  # the clipboard
    "harmless\rspoofed",
    "\b\b\b\bgone",
    "\x7f\x00\x0e",
    "\u202ereversed\u2066",
]
TEXTS = st.text(max_size=40) | st.sampled_from(OBEYED)


@pytest.mark.parametrize("text", OBEYED)
def test_no_terminal_obeys(text: str) -> None:
    stream = io.StringIO()
    terminal = Terminal(file=stream, force_terminal=False, width=200)
    table = Table("file", title=escape(text))
    table.add_row(escape(text))

    for renderable in (escape(text), table, text):
        terminal.print(renderable, markup=False)
    terminal.show(("file", "why"), [(text, text)], "Seen")
    terminal.tell(text, "[bold red]xorkit:[/]")

    shown = stream.getvalue().replace("\n", "")
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs")]
    assert "xorkit:" in shown


@pytest.mark.parametrize("text", ["[bold]deep[/bold]", "[1, 2]", "a [/] b", "C:\\[x]"])
def test_brackets_in_a_text_are_no_markup(text: str) -> None:
    stream = io.StringIO()
    terminal = Terminal(file=stream, force_terminal=True, color_system="standard", width=200)

    terminal.tell(text)
    terminal.show(("file",), [(text,)])

    assert stream.getvalue().count(text) == 2


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_table_folds_what_is_too_long_and_cuts_nothing(width: int) -> None:
    stream = io.StringIO()
    terminal = Terminal(file=stream, force_terminal=False, width=width)

    terminal.show(("learner", "file"), [("ada-lovelace", "x" * 100), ("y" * 100, "z")])
    terminal.show(("learner", "file"), [("ada-lovelace", "x" * 100)])

    shown = stream.getvalue()
    assert [shown.count(char) for char in "xyz…"] == [200, 100, 1, 0]
    assert "ada-lovelace" in shown.partition("└")[2]  # in one piece, where there is room
    assert max(map(len, shown.splitlines())) <= width


def test_what_the_kit_says_in_colour_stays_so() -> None:
    stream = io.StringIO()
    terminal = Terminal(file=stream, force_terminal=True, color_system="standard")

    terminal.tell("\x1b[2J", "[bold red]xorkit:[/]")

    assert stream.getvalue().startswith("\x1b[1;31mxorkit:\x1b[0m")
    assert "\x1b[2J" not in stream.getvalue()


@pytest.mark.parametrize("console", [out, err])
def test_all_that_the_commands_print_goes_through_it(console: object) -> None:
    assert isinstance(console, Terminal)


@given(TEXTS)
def test_a_terminal_gets_no_control_but_the_end_of_a_line_and_a_tab(text: str) -> None:
    assert {c for c in for_terminal(text) if unicodedata.category(c) == "Cc"} <= {"\n", "\t"}


STARTS = st.sampled_from(FORMULA)


@given(st.builds(str.__add__, STARTS, TEXTS) | TEXTS)
def test_no_cell_of_a_sheet_is_computed(text: str) -> None:
    assert not for_spreadsheet(text).startswith(FORMULA)


@given(st.builds(str.__add__, STARTS, st.text("ab1=.' ", max_size=9)))
def test_what_was_made_harmless_is_read_back_as_it_was(text: str) -> None:
    assert from_spreadsheet(for_spreadsheet(text)) == text


def test_every_column_of_a_sheet_is_made_harmless(tmp_path: Path) -> None:
    signs = tuple(f"{sign}cmd|' /C calc'!A0" for sign in FORMULA)

    write_sheet(tmp_path / "sheet.csv", [str(k) for k in range(len(signs))], [signs])

    assert all(cell.startswith("'") for cell in read_table(tmp_path / "sheet.csv").rows[0])
