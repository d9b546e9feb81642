"""What a search finds."""

from __future__ import annotations

import itertools
from typing import NamedTuple

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

    def to_dict(self):
        """As plain types, with the time in ISO 8601."""
        return {**self._asdict(), "time": format_time(self.time)}

    def texts(self):
        """As printable texts for a table, in the order of `MATCH_FIELDS`; what is not known is empty."""
        labels = self.identity or "", self.camera or "", format_time(self.time) or ""
        return [f"{self.probability:.4f}", *map(printable, (*labels, self.name))]


def merge_rankings(shards, top):
    """The best of several galleries, each of which was asked for the same probes.

    Args:
        shards: What `Gallery.search` gave for each: a list a probe of `Match`es, best first.
        top: How many are kept for each probe.

    Returns:
        A list a probe of `Match`es, best first; of equal ones that of the earlier shard is first.

    Example:
        >>> merge_rankings([first.search(probes, top=10), second.search(probes, top=10)], top=10)
    """
    together = (itertools.chain(*lists) for lists in zip(*shards, strict=True))
    return [sorted(each, key=lambda match: -match.probability)[:top] for each in together]
