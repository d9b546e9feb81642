"""Results as tables for a console."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.table import Table

from tfnxc.evaluation.summaries import SplitGroup
from tfnxc.metrics import REPORTED_RANKS, Published, Spread

_FIGURES = (*(f"rank {k}" for k in REPORTED_RANKS), "mAP")
_WIDE = 110
"""Columns of a console from which on the counts have columns of their own; below, they stand under the label."""

_EXPLAINED = "mean, ± standard deviation, (half the 95 % interval of the mean), over splits or draws of a split"


def cmc_tables(groups: Iterable[SplitGroup], width: int = 80) -> Iterator[Table | str]:
    """What a rich console of so many columns prints: a table in per cent for each set of test people and protocol, with
    published figures beside.
    """
    tables = collections.defaultdict(list)
    for group in groups:
        tables[group.dataset, group.family, group.identities].append(group)
    for (dataset, family, identities), rows in tables.items():
        above = f"{dataset}, {family}, {'the' if identities is None else identities} test identities"
        for protocol in dict.fromkeys(_first(row).protocol for row in rows):
            here = [row for row in rows if _first(row).protocol == protocol]
            yield _table(f"{above}, {protocol}, in per cent", here, rows[0].published, width >= _WIDE)
    if any(row.summary.figures["rank 1"].count > 1 for rows in tables.values() for row in rows):
        yield _EXPLAINED


def _table(title: str, groups: Sequence[SplitGroup], published: Sequence[Published], wide: bool) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    for name in (*_FIGURES, *(("probes", "gallery", "over", "pairs/s") if wide else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups:
        probes, gallery, over, rate = _counts(group)
        cells = [_cell(group.summary.figures[name]) for name in _FIGURES]
        if wide:
            table.add_row(group.label, *cells, probes, gallery, over, rate)
        else:
            speed = f"\n{rate} pairs/s" if rate else ""
            table.add_row(f"{group.label}\n{probes} probes\ngallery {gallery}\n{over}{speed}", *cells)
    if published:
        table.add_section()
        table.add_row("published (protocol, ? where it is not said):")
    for each in published:
        cells = [f"{each.ranks[k]:.2f}" if k in each.ranks else "" for k in REPORTED_RANKS]
        table.add_row(f"{each.method} ({each.protocol or '?'})", *cells)
    return table


def _first(group: SplitGroup):
    return group.members[0].result


def _counts(group: SplitGroup) -> tuple[str, str, str, str]:
    """Probes, gallery, what the spread is over, and pairs a second."""
    summary, rate = group.summary, group.pairs_per_second
    count = summary.figures["rank 1"].count
    over = f"{count} {summary.over}" if count > 1 else f"1 {summary.over[:-1]}"
    return str(_first(group).probes), str(_first(group).gallery), over, "" if rate is None else f"{rate:.0f}"


def _cell(spread: Spread) -> str:
    if spread.interval is None:
        return f"{100 * spread.mean:.2f}"
    return f"{100 * spread.mean:.2f}\n±{100 * spread.deviation:.2f}\n({100 * spread.interval:.2f})"
