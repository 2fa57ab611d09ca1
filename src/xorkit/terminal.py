"""Texts and tables on a terminal, to which nothing that a learner wrote can send commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from xorkit.foreign import for_terminal


class Terminal(Console):
    """A console on which all text is text: no control sequence in it reaches the terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            own = segment.control  # rich's own, to move the cursor of a bar
            yield segment if own else segment._replace(text=for_terminal(segment.text))

    def tell(self, text: str, first: str = "") -> None:
        """Writes a text as it is, after first words that may have rich's markup."""
        before = Text.from_markup(f"{first} " if first else "")
        self.print(before.append(text), soft_wrap=True, highlight=False)

    def show(self, names: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
        """Writes a table; its cells are texts, too, and nothing of them is cut."""
        table, cells = Table(title=title or None), [[*map(Text, row)] for row in rows]
        for name in names:
            table.add_column(name, overflow="fold")
        for row in cells:
            table.add_row(*row)
        # The others give way first: it says whose row this is.
        widest = max((row[0].cell_len for row in cells), default=0)
        table.columns[0].no_wrap = 2 * widest <= self.width
        self.print(table)


out = Terminal()
err = Terminal(stderr=True)
