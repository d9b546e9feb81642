"""What a measurement will cost, told before the first tower runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult

from tfnxc.evaluation.tested import Tested
from tfnxc.tables import Column, Table, as_text, note


@dataclasses.dataclass(frozen=True)
class Cost:
    """What it takes to score pairs.

    Args:
        pairs: How many have to be scored.
        pictures: How many pictures are described for that, or go through a tower; mirrored ones are counted again.
        seconds: About how long it takes.
        bytes: About how much memory pictures, feature maps and scores take together.
        at_most: Whether `pairs` and `seconds` are upper bounds, which a shortlist or scores that are there may lower.
            Defaults to `False`.

    Example:
        >>> Cost(254_000, 15_929, 320.0, 1_300_000_000).words
        '254,000 pairs of 15,929 pictures, about 5 minutes, 1.3 GB'
    """

    pairs: int
    pictures: int
    seconds: float
    bytes: int
    at_most: bool = False

    @property
    def words(self) -> str:
        """The cost in a line."""
        if not self.pairs and not self.pictures:
            return "nothing to score"
        what = f"{self.pairs:,} pairs of " if self.pairs else ""
        about = "at most" if self.at_most else "about"
        return f"{what}{self.pictures:,} pictures, {about} {duration(self.seconds)}, {memory(self.bytes)}"


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What one scorer would cost under one protocol.

    Args:
        tested: Who would be tested.
        label: The scorer, as tables call it.
        protocol: Name of the protocol.
        probes: Probes of a draw.
        pairs: How many pairs the protocol reads in all draws together.
        cost: The `Cost` of those that are not scored yet, if it were the only protocol.
        together: The `Cost` of all protocols of the scorer, which share pairs.
    """

    tested: Tested
    label: str
    protocol: str
    probes: int
    pairs: int
    cost: Cost
    together: Cost

    def to_dict(self) -> dict[str, Any]:
        """What JSON has of it."""
        about = {"label": self.label, "dataset": self.tested.dataset, "split": self.tested.split.name}
        counts = {"protocol": self.protocol, "probes": self.probes, "pairs": self.pairs}
        costs = {"cost": dataclasses.asdict(self.cost), "together": dataclasses.asdict(self.together)}
        return {**about, **counts, **costs}


class Estimates(Sequence[Estimate]):
    """The `Estimate`s of `tfnxc.evaluation.estimate`, which print as a table."""

    def __init__(self, estimates: Iterable[Estimate] = ()):
        self._estimates = tuple(estimates)

    def __getitem__(self, index):
        return Estimates(self._estimates[index]) if isinstance(index, slice) else self._estimates[index]

    def __len__(self) -> int:
        return len(self._estimates)

    @property
    def tested(self) -> list[Tested]:
        """Who would be tested, each split once."""
        return list({(each.tested.dataset, each.tested.split.digest): each.tested for each in self}.values())

    def to_dict(self) -> list[dict[str, Any]]:
        """What JSON has of them: `seconds`, `bytes` and counts of each scorer and protocol, and of all its protocols.

        Example:
            >>> estimates = tfnxc.evaluation.estimate("colour-histogram", people, protocols="market")
            >>> [(each["protocol"], each["probes"], each["cost"]["pairs"]) for each in estimates.to_dict()]
            [('market', 24, 576)]
        """
        return [each.to_dict() for each in self]

    def __str__(self) -> str:
        return as_text(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        tables: dict[tuple[str, str], Table] = {}
        last = {(each.tested, each.label): each for each in self}
        for each in self:
            key = each.tested.dataset, each.tested.split.name
            if key not in tables:
                tables[key] = Table(", ".join(key), _COLUMNS, heading="scorer, protocol")
            counts = f"{each.probes:,}", f"{each.pairs:,}"
            tables[key].add_row(f"{each.label}, {each.protocol}", *counts, *_cells(each.cost))
            if each is last[each.tested, each.label] and each.cost is not each.together:
                tables[key].add_row(f"{each.label}, together", "", "", *_cells(each.together))
        yield from tables.values()
        if any(each.cost.at_most for each in self):
            yield note(
                "\u2264: at most. Pictures are those described or shown to a tower, mirrored ones counted again."
            )


_COLUMNS = (
    Column("probes", aside="{} probes"),
    Column("pairs", aside="{} pairs"),
    *map(Column, ("to score", "pictures", "time", "memory")),
)


def _cells(cost):
    most = "\u2264" if cost.at_most else ""
    if not cost.pairs and not cost.pictures:
        return "0", "0", "", ""
    time = duration(cost.seconds).replace(" minutes", " min").replace(" hours", " h")
    return f"{most}{cost.pairs:,}", f"{cost.pictures:,}", f"{most}{time}", memory(cost.bytes)


def duration(seconds: float) -> str:
    """A time in words: seconds, minutes, hours or days.

    Example:
        >>> [duration(each) for each in (0.2, 75, 5000, 90_000)]
        ['1 s', '75 s', '83 minutes', '25.0 hours']
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * 3600:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def memory(size: int) -> str:
    """Bytes in words.

    Example:
        >>> memory(1_340_000_000), memory(20_000_000), memory(10)
        ('1.3 GB', '20 MB', '1 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"
