"""What the commands show: tables and progress bars."""

from __future__ import annotations

import contextlib

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tfnxc.metrics.cmc import REPORTED_RANKS

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:
    console.width = 120  # a log file or a pipe has no width of its own, and 80 would fold the tables


@contextlib.contextmanager
def progress_bar(title, total):
    """A bar of `total` steps, which may be told later; gives a function that moves it."""
    with progress_bars((title, total)) as (advance,):
        yield advance


@contextlib.contextmanager
def progress_bars(*tasks):
    """Bars below each other, one for each `(title, total)`; gives a list of functions that move them."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )

    def mover(progress, task):
        return lambda count, total=None: progress.update(task, advance=count, total=total)

    with Progress(*columns, console=console) as progress:
        yield [mover(progress, progress.add_task(title, total=total)) for title, total in tasks]


def cmc_tables(title, rows, published=()):
    """A table of results for each protocol, in per cent, and what was published beside them.

    Args:
        title: Beginning of the titles.
        rows: `(label, tfnxc.evaluation.Summary, pairs a second or None)` of each row.
        published: `tfnxc.metrics.published.Published` figures. Defaults to none.
    """
    protocols = dict.fromkeys(summary.results[0].protocol for _, summary, _ in rows)
    for protocol in protocols:
        here = [row for row in rows if row[1].results[0].protocol == protocol]
        _table(f"{title}, {protocol}, in per cent", here, published)
    if any(summary.figures["rank 1"].count > 1 for _, summary, _ in rows):
        console.print(
            "mean, ± standard deviation, (half the 95 % interval of the mean), over splits or draws of a split"
        )


def _table(title, rows, published):
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    names = [f"rank {k}" for k in REPORTED_RANKS] + ["mAP"]
    table.add_column("")
    for column in (*names, "probes", "gallery", "over", "pairs/s"):
        table.add_column(column, justify="right", no_wrap=True)
    for label, summary, rate in rows:
        first, count = summary.results[0], summary.figures["rank 1"].count
        over = f"{count} {summary.over}" if count > 1 else f"1 {summary.over[:-1]}"
        cells = [_cell(summary.figures[name]) for name in names]
        speed = "" if rate is None else f"{rate:.0f}"
        table.add_row(label, *cells, str(first.probes), str(first.gallery), over, speed)
    if published:
        table.add_section()
        table.add_row("published (protocol, ? where it is not said):")
    for each in published:
        cells = [f"{each.ranks[k]:.2f}" if k in each.ranks else "" for k in REPORTED_RANKS]
        table.add_row(f"{each.method} ({each.protocol or '?'})", *cells)
    console.print(table)


def _cell(spread):
    if spread.interval is None:
        return f"{100 * spread.mean:.2f}"
    return f"{100 * spread.mean:.2f}\n±{100 * spread.deviation:.2f}\n({100 * spread.interval:.2f})"
