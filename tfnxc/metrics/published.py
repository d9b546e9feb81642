"""Figures that were published on the data sets, as data with their sources (`published.json` beside this)."""

import dataclasses
import importlib.resources
import json
from collections.abc import Mapping

TITLES = {"ahmed": "Ahmed et al.", "normxcorr": "NormXcorr", "fused": "Fused"}
"""What the models of this package are called there."""


@dataclasses.dataclass(frozen=True)
class Published:
    """What was published of one method on one data set.

    Args:
        method: Name of the method, as `docs/SPEC.md` spells it. NormXcorr and Ahmed et al. without a search window
            are those of the figures: 5x12 and 5x5.
        dataset: Name of the data set in the catalogue, e.g. `"cuhk03-labeled"`.
        boxes: `"labeled"` or `"detected"`; `None` where the data set has one kind of boxes only.
        test_identities: How many identities were tested.
        ranks: Per cent by rank, e.g. `{1: 64.73, 10: 92.77, 50: 99.6}`; only the ranks that were printed.
        protocol: Name of the protocol as far as it is known; `None` where the source does not say.
        source: Document, and table or figure in it.

    Example:
        >>> published_figures("cuhk01", 486)[0].ranks[1]
        65.04

    References:
        SPEC section 6.
    """

    method: str
    dataset: str
    boxes: str | None
    test_identities: int
    ranks: Mapping[int, float]
    protocol: str | None
    source: str


def published_figures(dataset: str, test_identities: int) -> list[Published]:
    """What was published on a data set with so many test identities, best at rank 1 first.

    Args:
        dataset: Name of the data set in the catalogue, e.g. `"cuhk03-detected"`.
        test_identities: How many identities are tested, e.g. 486.

    Example:
        >>> [f"{each.ranks[1]:.2f}%  {each.method}" for each in published_figures("grid", 125)[:2]]
        ['19.20%  Fused', '18.40%  KEPLER']
    """
    data = json.loads(importlib.resources.files(__package__).joinpath("published.json").read_text(encoding="utf-8"))
    found = []
    for entry in data["figures"]:
        if (entry["dataset"], entry["test_identities"]) == (dataset, test_identities):
            ranks = {int(rank): per_cent for rank, per_cent in entry["ranks"].items()}
            source = f"{data['document']}, {entry['source']}"
            found.append(Published(**{**entry, "ranks": ranks, "source": source}))
    return sorted(found, key=lambda each: -each.ranks[1])
