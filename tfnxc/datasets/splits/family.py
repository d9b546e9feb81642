"""The published splits: families of them, one or two to a data file beside this module."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import json

import numpy as np

from tfnxc.datasets.splits.split import Split
from tfnxc.errors import InputError


@dataclasses.dataclass(frozen=True)
class Family:
    """Published splits of one data set under one rule, such as the ten of CUHK01 into 485 and 486 identities.

    Args:
        name: E.g. `"cuhk01-486"`. Its splits are called `"cuhk01-486-01"` and so on; the only split of a family is
            called like it.
        datasets: Names of the data sets that it divides: two where the same people come in two sets of boxes.
        source: Where the lists come from.
        identities: All identities; those that do not test train. `None`: those of the data set on disk.
        tests: The test identities of each split.
        probes: The names of the probes of each split. Defaults to `None`: the protocol decides.
        seeds: What each split was drawn with. Defaults to `None`: the lists are published.
    """

    name: str
    datasets: tuple[str, ...]
    source: str
    identities: tuple[int, ...] | None
    tests: tuple[tuple[int, ...], ...]
    probes: tuple[tuple[str, ...], ...] | None = None
    seeds: tuple[int, ...] | None = None

    @property
    def names(self):
        """Names of the splits."""
        if len(self.tests) == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number:02d}" for number in range(1, len(self.tests) + 1))

    def split(self, name, identities=None):
        """One of the splits.

        Args:
            name: One of `names`.
            identities: The identities on disk, one or more times each; needed where the family itself has none.
                Defaults to `None`.

        Returns:
            A `Split`.

        Raises:
            InputError: If there is no such split, or the identities are needed and missing.
        """
        if name not in self.names:
            raise InputError(
                f"no split of {self.name} is called {name!r}; expected {self.names[0]} to {self.names[-1]}."
            )
        everyone = self.identities
        if everyone is None:
            if identities is None:
                raise InputError(
                    f"split {name} trains on whoever is on disk and does not test: it needs these identities "
                    "(on the command line: --dataset and --data)."
                )
            everyone = [each for each in np.unique(identities).tolist() if each >= 0]  # neither junk nor distractors
        at = self.names.index(name)
        test = self.tests[at]
        train = set(everyone) - set(test)
        probes, seed = (None if each is None else each[at] for each in (self.probes, self.seeds))
        return Split(name, self.source, train, test, probes, seed)


@functools.cache
def families():
    """The published families of splits, by name.

    Each comes from a data file beside this module, which `scripts/make_splits.py` writes. A file holds `datasets`
    (names), `source`, `families` (`{name: all identities, or null for those on disk}`) and `test` (one list of
    identities a split); optionally `probes` (one list of names a split) and `seeds` (one a split).

    Returns:
        A dict of `Family`.

    Example:
        >>> families()["cuhk01-486"].names[0]
        'cuhk01-486-01'
    """
    found = {}
    for file in sorted(importlib.resources.files(__package__).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".json"):
            continue
        data = json.loads(file.read_text(encoding="utf-8"))
        lists = {key: tuple(map(tuple, data[key])) if key in data else None for key in ("test", "probes")}
        seeds = tuple(data["seeds"]) if "seeds" in data else None
        for name, identities in data["families"].items():
            found[name] = Family(
                name,
                tuple(data["datasets"]),
                data["source"],
                None if identities is None else tuple(identities),
                lists["test"],
                lists["probes"],
                seeds,
            )
    return found
