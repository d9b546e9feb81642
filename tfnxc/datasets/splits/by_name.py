"""Splits by the name that a user or a result gives: published, drawn at random, or in a JSON file."""

import dataclasses
import functools
import importlib.resources
import json
import os
import pathlib
import re
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
        names = self.names
        if name not in names:
            raise InputError(f"no split of {self.name} is called {name!r}; expected {names[0]} to {names[-1]}.")
        everyone = identities if self.identities is None else self.identities
        if everyone is None:
            needed = "it needs these identities (on the command line: --dataset and --data)"
            raise InputError(f"split {name} trains on whoever is on disk and does not test: {needed}.")
        at = names.index(name)
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

        Where whoever is on disk trains, `splits` are the splits; without them who trains and the digest are `None`.

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


def seeded_split(identities: ArrayLike, test: int, seed: int) -> Split:
    """A random split: `test` of the identities test, the others train.

    The identities, in ascending order, get one number each of `numpy.random.default_rng(seed).random`; those with the
    smallest test. These numbers are the bits of the generator, so every version of NumPy gives the same split, which
    its `permutation` does not promise.

    Args:
        identities: Integers, one or more an identity, such as `ImageSet.identities`.
        test: How many identities test.
        seed: A whole number, 0 or above.

    Returns:
        A `Split` called `"random-TEST-SEED"`.

    Raises:
        InputError: If `test` leaves no identity for one of the parts, or the seed is below 0.

    Example:
        >>> seeded_split(people.identities, test=2, seed=0).test
        (2, 3)
    """
    everyone = np.unique(identities)
    everyone = everyone[everyone >= 0]  # neither junk nor distractors
    if len(everyone) < 2:
        raise InputError(f"a random split needs 2 identities or more; got {len(everyone)}.")
    if not isinstance(test, int | np.integer) or not 0 < test < len(everyone):
        raise InputError(f"a random split needs 1 to {len(everyone) - 1} test identities; got {test}.")
    if seed < 0:
        raise InputError(f"a random split needs a seed of 0 or above; got {seed}.")
    numbers = np.random.default_rng(seed).random(len(everyone))
    drawn = everyone[np.argsort(numbers, kind="stable")].tolist()
    source = f"{len(everyone)} identities sorted by numpy.random.default_rng({seed}).random, the first {test} test"
    return Split(f"random-{test}-{seed}", source, drawn[test:], drawn[:test], seed=seed)


def load_split(path: str | os.PathLike) -> Split:
    """Reads a split from a JSON file, as `Split.from_dict` describes it.

    Args:
        path: The file. Its name without the extension is the name of the split where the file holds none.

    Raises:
        InputError: If the file is missing or not of this form; the message names it.

    Example:
        >>> split = tfnxc.datasets.seeded_split(people.identities, test=2, seed=0)
        >>> _ = pathlib.Path("mine.json").write_text(split.to_json())
        >>> load_split("mine.json") == split
        True
    """
    path = pathlib.Path(path)
    try:
        return Split.from_dict(json.loads(path.read_text(encoding="utf-8")), path.stem, path.name)
    except OSError as error:
        raise InputError(f"{path}: cannot read the split ({error.strerror or error}).") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file ({error}).") from None


def get_split(name: str | os.PathLike, identities: ArrayLike | None = None) -> Split:
    """The split of a name: a published one, `random-TEST-SEED`, or the path of a JSON file.

    Args:
        name: E.g. `"cuhk01-486-01"`, `"random-100-0"` or `"my_split.json"`.
        identities: The identities on disk, which a random split divides. Defaults to `None`: enough where the name is
            of a file or of a published split that lists everyone.

    Raises:
        InputError: If there is no such split, the name is of several, or the identities are needed and missing.

    Example:
        >>> split = get_split("cuhk01-486-01")
        >>> len(split.train), len(split.test)
        (485, 486)
    """
    splits = get_splits(name, identities)
    if len(splits) > 1:
        raise InputError(f"{name} is {len(splits)} splits; name one of them, such as {splits[0].name}.")
    return splits[0]


def get_splits(name: str | os.PathLike, identities: ArrayLike | None = None) -> list[Split]:
    """The splits of a name: all of a family such as `"cuhk01-486"`, or the one of `get_split`, with its arguments."""
    name = os.fspath(name)  # a path may be one of its own type
    for family in families().values():
        if name == family.name:
            return [family.split(each, identities) for each in family.names]
        if name in family.names:
            return [family.split(name, identities)]
    if match := re.fullmatch(r"random-(\d{1,9})-(\d{1,18})", name):
        if identities is None:
            needed = "it needs these identities (on the command line: --dataset and --data)"
            raise InputError(f"split {name} divides whoever is on disk: {needed}.")
        return [seeded_split(identities, int(match[1]), int(match[2]))]
    if name.endswith(".json"):
        return [load_split(name)]
    raise InputError(
        f"no split is called {name!r}; expected one of a family ({', '.join(families())}), such as cuhk01-486-01; "
        "random-TEST-SEED, such as random-100-0; or the path of a .json file."
    )
