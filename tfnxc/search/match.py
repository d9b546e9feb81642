"""What a search finds."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tfnxc.search.picture import format_time, printable

MATCH_FIELDS = ("probability", "identity", "camera", "time", "picture")
"""Names of the texts that `Match.texts` gives."""


class Match(NamedTuple):
    """A picture of the gallery that may show the probe's person.

    Args:
        name: Its name in the gallery.
        probability: That both show one person, in [0, 1], as the model gives it.
        identity: Who it shows, as a text, or `None`.
        camera: Which camera took it, as a text, or `None`.
        time: When, in seconds since the beginning of 1970 (UTC), or `None`.
    """

    name: str
    probability: float
    identity: str | None
    camera: str | None
    time: float | None

    def to_dict(self) -> dict[str, Any]:
        """As plain types, with the time in ISO 8601."""
        return {**self._asdict(), "time": format_time(self.time)}

    def texts(self) -> list[str]:
        """As printable texts for a table, in the order of `MATCH_FIELDS`; what is not known is empty."""
        labels = self.identity or "", self.camera or "", format_time(self.time) or ""
        return [f"{self.probability:.4f}", *map(printable, (*labels, self.name))]


def format_matches(matches: Sequence[Match]) -> str:
    """A table of matches to print, one a line under a line of headings; what is known of no picture is left out.

    Args:
        matches: `Match`es, at least one, best first.

    Example:
        >>> print(format_matches([Match("lift/0007.png", 0.97, None, "lift", None)]))
        rank  probability  camera  picture
        1     0.9700       lift    lift/0007.png
    """
    rows = [["rank", *MATCH_FIELDS], *([str(rank), *match.texts()] for rank, match in enumerate(matches, start=1))]
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns[:-1]] + [0]
    return "\n".join("  ".join(map(str.ljust, row, widths)) for row in zip(*columns, strict=True))


def merge_rankings(shards: Iterable[Sequence[Sequence[Match]]], top: int) -> list[list[Match]]:
    """The best of several galleries, each of which was asked for the same probes.

    Args:
        shards: What `Gallery.search` gave for each: a list a probe of `Match`es, best first.
        top: How many are kept for each probe.

    Returns:
        A list a probe of `Match`es, best first; of equal ones that of the earlier shard is first.

    Example:
        >>> first, second = ([[Match(name, score, None, None, None)]] for name, score in [("a", 0.2), ("b", 0.9)])
        >>> [[match.name for match in found] for found in merge_rankings([first, second], top=10)]
        [['b', 'a']]
    """
    together = (itertools.chain(*lists) for lists in zip(*shards, strict=True))
    return [sorted(each, key=lambda match: -match.probability)[:top] for each in together]
