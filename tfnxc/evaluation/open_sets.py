"""What a measurement under an open-set protocol says beside its CMC: who is found at a rate of false alarms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from rich.text import Text

from tfnxc.metrics import DETECTION_RANKS
from tfnxc.runs import Result
from tfnxc.tables import Column, Table, note


def open_set_tables(title: str, rows: Iterable[tuple[str, list[Result]]]) -> Iterator[Table | Text]:
    """A table of detection and identification rates in per cent, and what it leaves unsaid.

    Args:
        title: What stands above it.
        rows: `(label, results)` of each scorer, on one split or several.
    """
    ranks = (Column(f"rank {k}") for k in DETECTION_RANKS)
    table = Table(title, [Column("false alarms"), *ranks, Column("strangers")])
    fewest = None
    for label, results in rows:
        records: list[Mapping[str, Any]] = [each.open_set for each in results if each.open_set is not None]
        strangers = min(record["strangers"] for record in records)
        for at, rate in enumerate(records[0]["rates"]):
            cells = [_mean([record["rates"][at]["ranks"][str(k)] for record in records]) for k in DETECTION_RANKS]
            fewest = strangers if "-" in cells else fewest
            table.add_row(label, f"{rate['false_alarms']:g} %", *cells, str(strangers))
    yield table
    yield note(
        "shares of the probes that have a match in the gallery, found at that rank and accepted; mean over the draws"
    )
    if fewest is not None:
        yield note(f"-: {fewest} probes of strangers are too few for that rate, or their highest scores are equal")


def _mean(spreads):
    """The mean over splits of the mean over draws; a dash where one is missing."""
    return "-" if None in spreads else f"{np.mean([each['mean'] for each in spreads]):.2f}"
