"""The published splits: families of them, one or two to a data file beside this module."""

import dataclasses
import functools
import importlib.resources
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

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
    def names(self) -> tuple[str, ...]:
        """Names of the splits."""
        if len(self.tests) == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number:02d}" for number in range(1, len(self.tests) + 1))

    def split(self, name: str, identities: ArrayLike | None = None) -> Split:
        """One of the splits.

        Args:
            name: One of `names`.
            identities: The identities on disk; needed where the family itself has none. Defaults to `None`.

        Raises:
            InputError: If there is no such split, or the identities are needed and missing.
        """
        if name not in self.names:
            raise InputError(
                f"no split of {self.name} is called {name!r}; expected {self.names[0]} to {self.names[-1]}."
            )
        everyone = identities if self.identities is None else self.identities
        if everyone is None:
            raise InputError(
                f"split {name} trains on whoever is on disk and does not test: it needs these identities "
                "(on the command line: --dataset and --data)."
            )
        at = self.names.index(name)
        train = np.setdiff1d(everyone, self.tests[at])
        train = train[train >= 0]  # neither junk nor distractors
        probes = None if self.probes is None else self.probes[at]
        seed = None if self.seeds is None else self.seeds[at]
        return Split(name, self.source, tuple(train.tolist()), self.tests[at], probes, seed)

    def facts(self) -> dict[str, Any]:
        """What the family is, as plain types; `None` where it depends on the data set, or there is none.

        Example:
            >>> facts = families()["cuhk01-100"].facts()
            >>> facts["splits"], facts["train"], facts["test"], facts["fixed_probes"]
            (10, 871, 100, None)
        """
        return {
            "name": self.name,
            "datasets": list(self.datasets),
            "splits": len(self.tests),
            "train": len(self.split(self.names[0]).train) if self.identities else None,
            "test": len(self.tests[0]),
            "fixed_probes": len(self.probes[0]) if self.probes else None,
            "seeds": list(self.seeds) if self.seeds else None,
            "source": self.source,
        }

    def split_facts(self, splits: Sequence[Split] | None = None) -> list[dict[str, Any]]:
        """What each split of the family is, as plain types.

        Args:
            splits: The splits, where whoever is on disk trains. Defaults to `None`: made here where the family lists
                everyone, or else who trains and the digest are `None`.

        Example:
            >>> families()["cuhk01-486"].split_facts()[0]["digest"]
            '3228d12c0a7e'
        """
        if splits is None and self.identities:
            splits = [self.split(name) for name in self.names]
        return [
            {
                "name": name,
                "train": len(splits[at].train) if splits else None,
                "test": len(self.tests[at]),
                "fixed_probes": len(self.probes[at]) if self.probes else None,
                "seed": self.seeds[at] if self.seeds else None,
                "digest": splits[at].digest if splits else None,
            }
            for at, name in enumerate(self.names)
        ]


@functools.cache
def families() -> dict[str, Family]:
    """The published families of splits, by name.

    Each comes from a data file beside this module, which `experiments/make_splits.py` writes. A file holds `datasets`
    (names), `source`, `families` (`{name: all identities, or null for those on disk}`) and `test` (one list of
    identities a split); optionally `probes` (one list of names a split) and `seeds` (one a split).

    Example:
        >>> families()["cuhk01-486"].names[0]
        'cuhk01-486-01'
    """
    found = {}
    for file in sorted(importlib.resources.files(__package__).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".json"):
            continue
        data = json.loads(file.read_text(encoding="utf-8"))
        tests = tuple(map(tuple, data["test"]))
        probes = tuple(map(tuple, data["probes"])) if "probes" in data else None
        seeds = tuple(data["seeds"]) if "seeds" in data else None
        for name, identities in data["families"].items():
            everyone = None if identities is None else tuple(identities)
            found[name] = Family(name, tuple(data["datasets"]), data["source"], everyone, tests, probes, seeds)
    return found
