"""Tables for a console of any width: no name is cut, and no line is longer than the console is wide."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from tfnxc.console import readable

_LEAST = 12  # cells of a text that is folded


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a `Table`.

    Args:
        heading: What stands above it.
        text: Whether it holds texts, which begin on the left and are folded between words where room is scarce.
            Defaults to `False`: numbers, which end on the right and are never folded.
        aside: How a value is put in words under the name of its row where there is no room for the column, such as
            `"{} probes"`. Defaults to `None`: the column stays.
    """

    heading: str
    text: bool = False
    aside: str | None = None


@dataclasses.dataclass(frozen=True)
class _Row:
    name: str
    cells: tuple[str, ...]


class Table:
    """Rows that have a name and a value in each column, as a renderable of rich.

    Where the console is wide enough, a row stands beside its name. Otherwise columns with an `aside` go under the name;
    then names stand above their rows; and on the narrowest consoles each value has a line of its own. Only a text that
    is longer than a whole line is folded.

    Args:
        title: What stands above the table.
        columns: The `Column`s beside the names.
        heading: What stands above the names. Defaults to `""`.

    Example:
        >>> table = Table("Data sets", [Column("pictures"), Column("on disk", text=True)], heading="name")
        >>> table.add_row("cuhk01", "3,884", "a folder")
        >>> print("\\n".join(table.lines(40)))
        Data sets
        <BLANKLINE>
         name     pictures   on disk
         ────────────────────────────
         cuhk01      3,884   a folder
        >>> print("\\n".join(table.lines(22)))
        Data sets
        <BLANKLINE>
            pictures  on disk
         ─────────────────────
         cuhk01
               3,884  a folder
    """

    def __init__(self, title: str, columns: Iterable[Column], heading: str = ""):
        self.title, self.columns, self.heading = readable(title), tuple(columns), heading
        self._rows: list[_Row | str] = []

    def add_row(self, name: str, *cells: str) -> None:
        """Adds a row; a cell may have several lines. Raises `ValueError` unless there is a cell for each column."""
        if len(cells) != len(self.columns):
            raise ValueError(f"a row has {len(self.columns)} cells beside its name; got {len(cells)}.")
        self._rows.append(_Row(readable(name, in_line=True), tuple(map(readable, cells))))

    def add_section(self, text: str) -> None:
        """Adds a line across the table that says what the rows below it are."""
        self._rows.append(readable(text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line, style in self._styled(options.max_width, "-" if options.ascii_only else "─"):
            yield Text(line, style, no_wrap=True, overflow="ignore")
        yield Text()

    def lines(self, width: int) -> list[str]:
        """The lines of the table for a console of so many columns, 1 or more."""
        return [line for line, _ in self._styled(width, "─")]

    def _styled(self, width: int, rule: str) -> Iterator[tuple[str, str]]:
        yield from ((line, "italic") for line in folded(self.title, width))
        yield "", ""
        for with_asides, beside in ((False, True), (True, True), (True, False)):
            if (form := self._form(width, with_asides, beside)) is not None:
                yield from _drawn(form, rule)
                return
        for row in self._rows:
            yield from self._listed(row, width)

    def _listed(self, row, width):
        """A row on the narrowest console: its name, and a line for each value."""
        if isinstance(row, str):
            yield from ((line, "") for line in folded(row, width))
            return
        yield from ((line, "") for line in folded(row.name, width))
        for column, cell in zip(self.columns, row.cells, strict=True):
            value = " ".join(cell.split())
            told = f"{column.heading}: {value}" if column.heading else value
            yield from ((f"  {line}", "") for line in folded(told, max(1, width - 2)) if value)

    def _form(self, width, with_asides, beside) -> _Form | None:
        """The table with its names beside or above the rows; `None` where it does not fit."""
        shown = [n for n, column in enumerate(self.columns) if not (with_asides and column.aside)]
        if with_asides and beside and len(shown) == len(self.columns):
            return None  # it has no asides: the same as without
        rows = [row if isinstance(row, str) else self._parted(row, shown, with_asides) for row in self._rows]
        columns = [self.columns[n] for n in shown]
        named = [each for each in rows if not isinstance(each, str)]
        first = max([cell_len(self.heading), *(cell_len(name) for name, _, _ in named)]) if beside else 1
        if beside and with_asides:
            first = max([first, *(_longest_word(aside) for _, aside, _ in named)])
        widths = [
            max([cell_len(column.heading), *(_widest(cells[n]) for _, _, cells in named)])
            for n, column in enumerate(columns)
        ]
        least = [
            min(wide, max([_LEAST, cell_len(column.heading), *(_longest_word(cells[n]) for _, _, cells in named)]))
            if column.text
            else wide
            for n, (column, wide) in enumerate(zip(columns, widths, strict=True))
        ]
        for gap in (3, 2):
            room = width - 1 - first - gap * len(columns)
            if sum(widths) <= room:
                break
        if sum(least) > room:
            return None
        while sum(widths) > room:  # the widest text is folded further
            most = max(range(len(widths)), key=lambda n: (widths[n] > least[n], widths[n]))
            widths[most] -= 1
        if beside and with_asides:  # what is said under the names takes the room that is left
            first += min(room - sum(widths), max(0, *(cell_len(aside) - first for _, aside, _ in named)))
        return _Form(self.heading if beside else "", columns, rows, first, widths, gap, beside, width)

    def _parted(self, row, shown, with_asides):
        """The name of a row, what is said under it, and the cells of the columns that are shown."""
        said = [
            column.aside.format(cell)
            for column, cell in zip(self.columns, row.cells, strict=True)
            if with_asides and column.aside and cell
        ]
        return row.name, ", ".join(said), [row.cells[n] for n in shown]


@dataclasses.dataclass(frozen=True)
class _Form:
    """A table that fits: rows of `(name, what stands under it, cells)`, and lines across it."""

    heading: str
    columns: Sequence[Column]
    rows: Sequence[tuple[str, str, list[str]] | str]
    first: int
    widths: Sequence[int]
    gap: int
    beside: bool
    width: int


def _drawn(form: _Form, rule: str) -> Iterator[tuple[str, str]]:
    def line(name, cells):
        parts = [_justified(name, form.first, True)]
        parts += [
            _justified(cell, wide, column.text)
            for cell, wide, column in zip(cells, form.widths, form.columns, strict=True)
        ]
        return (" " + (" " * form.gap).join(parts)).rstrip()

    yield line(form.heading, [column.heading for column in form.columns]), "bold"
    length = form.first + sum(form.widths) + form.gap * len(form.widths)
    yield " " + rule * min(length, form.width - 1), ""
    for row in form.rows:
        if isinstance(row, str):
            yield "", ""
            yield from ((f" {each}", "") for each in folded(row, form.width - 1))
            continue
        name, aside, cells = row
        room = form.first if form.beside else form.width - 1
        under = folded(aside, room) if aside else []
        names = [*folded(name, room), *under]
        if not form.beside:
            yield from ((f" {each}", "") for each in names)
            names = []
        lines = [
            folded(cell, wide) if column.text else cell.split("\n")
            for cell, wide, column in zip(cells, form.widths, form.columns, strict=True)
        ]
        for at in range(max([len(names), *map(len, lines)])):
            yield line(names[at] if at < len(names) else "", [each[at] if at < len(each) else "" for each in lines]), ""


def folded(text: str, width: int) -> list[str]:
    """A text as lines of at most so many cells, folded between words; only a longer word is broken.

    Example:
        >>> folded("mean, over the draws", 12)
        ['mean, over', 'the draws']
    """
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            joined = f"{line} {word}" if line else word
            if cell_len(joined) <= width:
                line = joined
                continue
            if line:
                lines.append(line)
            *whole, line = chop_cells(word, width) or [""]
            lines += whole
        lines.append(line)
    return lines


def as_text(renderable: Any) -> str:
    """What a console of 80 columns without colours shows of tables and notes.

    Example:
        >>> as_text(note("a note"))
        'a note'
    """
    file = io.StringIO()
    Console(file=file, width=80, color_system=None, highlight=False).print(renderable)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def note(text: str) -> Text:
    """A text that is folded between words at the width of the console, also where other lines are left long."""
    return Text(readable(text), no_wrap=False, overflow="fold")


def _widest(cell: str) -> int:
    return max(map(cell_len, cell.split("\n")))


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _justified(text: str, width: int, left: bool) -> str:
    room = " " * (width - cell_len(text))
    return text + room if left else room + text
