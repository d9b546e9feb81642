"""What the commands show: tables and progress bars."""

from __future__ import annotations

import contextlib

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:
    console.width = 120  # a log file or a pipe has no width of its own, and 80 would fold the tables


@contextlib.contextmanager
def progress_bar(title, total):
    """A bar of `total` steps, which may be told later; gives a function that moves it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda count, total=None: progress.update(task, advance=count, total=total)


def cmc_table(title, results):
    """A table of CMC results: one row a label, in per cent, with the deviation over repeats."""
    ranks = (1, 5, 10, 20)
    table = Table(title=title, title_justify="left")
    for column in ("", "protocol", *(f"rank {rank}" for rank in ranks), "probes", "gallery", "draws"):
        table.add_column(column, justify="left" if column in ("", "protocol") else "right")
    for label, result in results:
        shown = result.to_dict()["ranks"]
        cells = [f"{shown[str(rank)]['mean']:.2f}" for rank in ranks]
        if result.repeats > 1:
            cells = [f"{cell} ±{shown[str(rank)]['deviation']:.2f}" for cell, rank in zip(cells, ranks, strict=True)]
        counts = (str(result.probes), str(result.gallery), str(result.repeats))
        table.add_row(label, result.protocol, *cells, *counts)
    console.print(table)
