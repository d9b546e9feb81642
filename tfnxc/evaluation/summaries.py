"""Results of the same scorer on several splits of a family, put together, and their tables for a console."""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from rich.text import Text

from tfnxc.datasets import families
from tfnxc.evaluation.open_sets import open_set_tables
from tfnxc.evaluation.probe_intervals import interval_line
from tfnxc.evaluation.shortlists import shortlist_line
from tfnxc.files import replacing, write_json
from tfnxc.hashes import short_digest
from tfnxc.metrics import REPORTED_RANKS, TIES, Published, Spread, Summary, published_figures
from tfnxc.metrics.cmc import CurveLike
from tfnxc.runs import Result, versions
from tfnxc.runs.result import write_curve
from tfnxc.tables import Column, Table, note

if TYPE_CHECKING:
    from tfnxc.evaluation.tested import Tested

Read: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""`(rows, columns) -> scores` of the pictures of a test part at these positions; NaN where a pair was not scored."""

_FIGURES = (*(f"rank {k}" for k in REPORTED_RANKS), "mAP")
_OF_MEMBERS = (
    *("split", "split_digest", "model_digest", "views", "state", "baseline", "fitted_identities"),
    *("scorer", "embedding", "combination", "shortlist", "open_set", "probe_interval"),
)  # what a summary says of each result that is in it
_COLUMNS = (
    *map(Column, _FIGURES),
    Column("probes", aside="{} probes"),
    Column("gallery", aside="gallery {}"),
    Column("over", aside="{}"),
    Column("pairs/s", aside="{} pairs/s"),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """A result with the unique name of its scorer; the other fields are `None` if it was read from a file."""

    result: Result
    name: str
    tested: Tested | None = None
    folder: pathlib.Path | None = None
    read: Read | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class SplitGroup:
    """One scorer under one protocol, on one split or several of a family.

    Each tests so many `identities`; `None` where only a part of a split was there, or people held back from training.
    The label has the name of the first member where others share it.
    """

    dataset: str
    family: str
    identities: int | None
    label: str
    members: tuple[Measured, ...]

    @property
    def first(self) -> Result:
        """The result on the first split."""
        return self.members[0].result

    @functools.cached_property
    def summary(self) -> Summary:
        """The `Summary` over the splits, or over the draws of the one."""
        return Summary.of(member.result for member in self.members)

    @property
    def pairs_per_second(self) -> float | None:
        """How fast its pairs were scored; `None` where none were."""
        rates = [each.result.pairs_per_second for each in self.members if each.result.pairs_per_second]
        return sum(rates) / len(rates) if rates else None

    @property
    def published(self) -> list[Published]:
        """What was published on this data set with as many test identities."""
        return published_figures(self.dataset, self.identities or 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON, in per cent: the figures over the splits, and what is known of each."""
        members = []
        for each in self.members:
            known = each.result.to_dict()
            members.append({"name": each.name, **{name: known[name] for name in _OF_MEMBERS if name in known}})
        about = {"label": self.first.label, "dataset": self.dataset, "members": members, **self._draws()}
        about |= {"pairs_per_second": self.pairs_per_second, "versions": versions()}
        return {**self.summary.to_dict(), **about}

    def _draws(self):
        probes = [each.result.probes for each in self.members]
        return {"repeats": self.first.repeats, "seed": self.first.seed, "probes": probes}

    def save(self, folder: str | os.PathLike) -> pathlib.Path:
        """Writes the summary as JSON, CSV and PNG into a folder; gives the path of the JSON file."""
        first, record = self.first, self.to_dict()
        members = record["members"]
        # The digest names views by another key, so that names of files stay what they are.
        keyed = [{"looks" if key == "views" else key: each[key] for key in each} for each in members]
        digest = short_digest(json.dumps([keyed, self._draws()], sort_keys=True).encode())[:8]
        label = re.sub(r"[^A-Za-z0-9]+", "-", first.label).strip("-").lower()
        scorer = f"{label}-{self.dataset}-{self.family}-{len(members)}splits"
        path = pathlib.Path(folder) / f"summary-{scorer}-{first.protocol}-{first.ties}-{digest}.json"
        write_json(path, record)
        curves = self.summary.curves()
        write_curve(path.with_suffix(".csv"), curves.protocol, curves.mean, curves.deviation)
        write_plot(path, first.label, curves, f"{self.dataset}, {self.family}, {len(members)} splits")
        return path


def write_plot(path: pathlib.Path, label: str, curves: CurveLike, title: str) -> None:
    """Draws a curve into a PNG file beside the JSON file `path`."""
    from tfnxc.visualization import plot_cmc

    with replacing(path.with_suffix(".png")) as new:
        plot_cmc({label: curves}, title).savefig(new, dpi=150)


def grouped(measured: Iterable[Measured]) -> list[SplitGroup]:
    """Puts together what is one scorer on different splits of a family.

    Runs that differ in their settings, but for the seed, are different scorers. A scorer that was measured twice on one
    split is in two groups.
    """
    groups: dict[tuple, list[Measured]] = collections.defaultdict(list)
    seen: collections.Counter = collections.Counter()
    for each in measured:
        result = each.result
        family = re.sub(r"-\d+(-partial)?$", r"\1", result.split)
        settings = None if result.settings is None else dataclasses.replace(result.settings, seed=0)
        key = (result.dataset, family, _test_identities(result), result.protocol, result.label)
        scorer = (*key, settings, result.state, result.views, result.ties)
        groups[*scorer, seen[*scorer, result.split_digest]].append(each)
        seen[*scorer, result.split_digest] += 1
    shared = collections.Counter(key[:5] for key in groups)
    found = []
    for key, members in groups.items():
        dataset, family, identities, _, label = key[:5]
        shown = f"{label}, {members[0].name}" if shared[key[:5]] > 1 else label
        found.append(SplitGroup(dataset, family, identities, shown, tuple(members)))
    return found


def _test_identities(result):
    """How many identities the split of a result tests; `None` where it tests a part of them or nobody knows."""
    if re.search(r"-partial$|-held-back-\d+$", result.split):
        return None
    if "test_identities" in result.extra:
        return result.extra["test_identities"]
    if match := re.fullmatch(r"random-(\d+)-\d+", result.split):
        return int(match[1])
    counts = [len(family.tests[0]) for family in families().values() if result.split in family.names]
    return next(iter(counts), None)


def cmc_tables(groups: Iterable[SplitGroup]) -> Iterator[Table | Text]:
    """Tables in per cent, one for each set of test people, protocol and way to count ties, with notes on them."""
    tables = collections.defaultdict(list)
    for group in groups:
        tables[group.dataset, group.family, group.identities].append(group)
    for (dataset, family, identities), rows in tables.items():
        above = f"{dataset}, {family}, {'the' if identities is None else identities} test identities"
        for protocol, ties in dict.fromkeys((row.first.protocol, row.first.ties) for row in rows):
            here = [row for row in rows if (row.first.protocol, row.first.ties) == (protocol, ties)]
            told = "" if ties == TIES[0] else f", {ties} ties"
            yield _table(f"{above}, {protocol}{told}, in per cent", here)
    if any(row.summary.figures["rank 1"].count > 1 for rows in tables.values() for row in rows):
        yield note("mean, ± standard deviation, (half the 95 % interval of the mean), over splits or draws of a split")
    for (dataset, family, _), rows in tables.items():
        opened = [row for row in rows if row.first.open_set is not None]
        if opened:
            members = [(row.label, [member.result for member in row.members]) for row in opened]
            title = f"{dataset}, {family}, {opened[0].first.protocol}: detection and identification, in per cent"
            yield from open_set_tables(title, members)
    for row in (row for rows in tables.values() for row in rows):
        line = interval_line(f"{row.label}, {row.first.protocol}", [member.result for member in row.members])
        if line is not None:
            yield note(line)
    for row in (row for rows in tables.values() for row in rows if row.first.shortlist is not None):
        yield note(shortlist_line(f"{row.label}, {row.first.protocol}", [member.result for member in row.members]))


def _table(title: str, groups: list[SplitGroup]) -> Table:
    """Groups on the same test people under one protocol, with published figures below."""
    table = Table(title, _COLUMNS)
    for group in groups:
        first, summary, rate = group.first, group.summary, group.pairs_per_second
        cells = [_cell(summary.figures[name]) for name in _FIGURES]
        count = summary.figures["rank 1"].count
        over = f"{count} {summary.over}" if count > 1 else f"1 {summary.over[:-1]}"
        speed = "" if rate is None else f"{rate:.0f}"
        table.add_row(group.label, *cells, str(first.probes), str(first.gallery), over, speed)
    published = groups[0].published
    if published:
        table.add_section("published (protocol, ? where it is not said):")
    for each in published:
        cells = [f"{each.ranks[k]:.2f}" if k in each.ranks else "" for k in REPORTED_RANKS]
        table.add_row(f"{each.method} ({each.protocol or '?'})", *cells, *[""] * (len(_COLUMNS) - len(cells)))
    return table


def _cell(spread: Spread) -> str:
    mean = f"{100 * spread.mean:.2f}"
    return mean if spread.interval is None else f"{mean}\n±{100 * spread.deviation:.2f}\n({100 * spread.interval:.2f})"
