"""The console that commands print to, and progress bars on it."""

import contextlib
import io
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

_STEERING = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
_UNREADABLE = re.compile(rf"[{_STEERING}\ud800-\udfff]")
_NOT_IN_LINE = re.compile(rf"[\t\n{_STEERING}\ud800-\udfff]")


def readable(text: str, in_line: bool = False) -> str:
    """A text as it can be shown: what is not UTF-8, or would steer a terminal, as replacement characters.

    So are tabs and the ends of lines where the text is to stay `in_line`, as names in a table are.

    Example:
        >>> readable("caf\\udce9.png"), readable("two\\nlines.png", in_line=True)
        ('caf\ufffd.png', 'two\ufffdlines.png')
    """
    return (_NOT_IN_LINE if in_line else _UNREADABLE).sub("\ufffd", text)


def never_refuse() -> None:
    """Has standard output and standard error write `?` for a letter that their encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def plain(text: object) -> Text:
    """A text to print, or for the cell of a table, in which nothing is markup: square brackets in a path are just that.

    Example:
        >>> Console().print(plain("runs/[bold]x"))
        runs/[bold]x
    """
    return Text(readable(str(text)))


class _PlainConsole(Console):
    """A console to which texts are `plain`."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(readable(each) if isinstance(each, str) else each for each in objects), **options)


console = _PlainConsole(markup=False, emoji=False, highlight=False, soft_wrap=True)
"""What the commands print to."""

error_console = _PlainConsole(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
"""What they print to of what is no result: standard error."""

if not console.is_terminal:  # a log file or a pipe has no width of its own
    _columns = os.environ.get("COLUMNS", "")
    console.width = int(_columns) if _columns.isdecimal() and int(_columns) else 80

ProgressCallback = Callable[[int], object]
"""What long calls tell their progress to: called with the number of things done since the last time."""

_FIRST_LINE, _MOST_APART = 1.0, 300.0  # seconds to the first line of progress, and between two

SILENT = Console(quiet=True)
"""A console that prints nothing, for calls that were given none."""


@contextlib.contextmanager
def progress_bar(title: str, total: int | None, console: Console | None = console) -> Iterator[Callable[..., None]]:
    """A bar of `total` steps, `None` where that is told later; gives the function `(count, total=None)` that moves it.

    It is shown on the console of the commands by default; `console=None` shows nothing.

    Example:
        >>> with progress_bar("Pictures", 3, console=None) as advance:
        ...     advance(3)
    """
    with progress_bars((title, total), console=console) as (advance,):
        yield advance


class _Lines:
    """Progress as lines: the first after a second, later ones further and further apart, the last at the end."""

    def __init__(self, title: str, total: int | None, console: Console):
        self._title, self._total, self._console = title, total, console
        self._done, self._next, self._told = 0, _FIRST_LINE, 0
        self._first: tuple[float, int] | None = None
        self._alone = threading.Lock()  # pictures are read by several threads

    def move(self, count: int, total: int | None = None) -> None:
        with self._alone:
            self._total = self._total if total is None else total
            self._done += count
            if self._first is None:
                self._first = time.monotonic(), self._done
            seconds = time.monotonic() - self._first[0]
            if seconds >= self._next and self._done > self._first[1]:
                self._next = seconds + min(seconds, _MOST_APART)
                self._tell(seconds / (self._done - self._first[1]))

    def end(self) -> None:
        if self._told != self._done:
            self._tell(0.0)

    def _tell(self, seconds_each):
        self._told, of = self._done, "" if self._total is None else f" of {self._total:,}"
        left = (self._total or 0) - self._done
        rest = f", {_clock(seconds_each * left)} left" if seconds_each and left > 0 else ""
        self._console.print(plain(f"{self._title}: {self._done:,}{of}{rest}"))


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


@contextlib.contextmanager
def progress_bars(
    *tasks: tuple[str, int | None], console: Console | None = console
) -> Iterator[list[Callable[..., None]]]:
    """Bars below each other, one for each `(title, total)`; gives the functions that move them.

    Where the console is no terminal, each is a line now and then: how much is done, and about how long the rest takes.
    """
    if console is not None and not console.is_terminal:
        lines = [_Lines(readable(title), total, console) for title, total in tasks]
        yield [each.move for each in lines]
        for each in lines:
            each.end()
        return

    def mover(progress, task):
        return lambda count, total=None: progress.update(task, advance=count, total=total)

    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    shown = SILENT if console is None else console
    title = TextColumn("{task.description}", markup=False)
    with Progress(title, *columns, console=shown, disable=console is None) as progress:
        yield [mover(progress, progress.add_task(readable(title), total=total)) for title, total in tasks]
