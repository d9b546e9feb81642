"""The console that commands print to, and progress bars on it."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(highlight=False, soft_wrap=True)
"""What the commands print to."""

if not console.is_terminal:
    console.width = 120  # a log file or a pipe has no width of its own

ProgressCallback = Callable[[int], object]
"""What long calls tell their progress to: called with the number of things done since the last time."""

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


@contextlib.contextmanager
def progress_bars(
    *tasks: tuple[str, int | None], console: Console | None = console
) -> Iterator[list[Callable[..., None]]]:
    """Bars below each other, one for each `(title, total)`; gives the functions that move them."""

    def mover(progress, task):
        return lambda count, total=None: progress.update(task, advance=count, total=total)

    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    shown = SILENT if console is None else console
    with Progress(TextColumn("{task.description}"), *columns, console=shown, disable=console is None) as progress:
        yield [mover(progress, progress.add_task(title, total=total)) for title, total in tasks]
