"""Splits: their type, the published ones, seeded ones, and files."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.resources
import json
import pathlib
import re

import numpy as np

from tfnxc.errors import InputError


@dataclasses.dataclass(frozen=True)
class Split:
    """Identities for training and identities for testing.

    Args:
        name: What results call it, e.g. `"cuhk01-486-01"`.
        source: Where the lists come from.
        train: Training identities, ascending.
        test: Test identities, ascending; none of them trains.

    Raises:
        InputError: If a list is empty, or an identity is in both or twice in one.

    References:
        SPEC section 5.
    """

    name: str
    source: str
    train: tuple[int, ...]
    test: tuple[int, ...]

    def __post_init__(self):
        for part in ("train", "test"):
            identities = getattr(self, part)
            if not identities:
                raise InputError(f"split {self.name}: no {part} identities.")
            if len(set(identities)) != len(identities):
                raise InputError(f"split {self.name}: an identity is twice among the {part} identities.")
        both = sorted(set(self.train) & set(self.test))
        if both:
            raise InputError(f"split {self.name}: {len(both)} identities train and test, the first is {both[0]}.")

    @property
    def digest(self):
        """First 12 hexadecimal digits of the SHA-256 of both lists: equal for equal splits, whatever their names."""
        lists = json.dumps([sorted(self.train), sorted(self.test)]).encode()
        return hashlib.sha256(lists).hexdigest()[:12]

    def to_dict(self):
        """Plain types, as `load_split` reads them from a JSON file."""
        return {**dataclasses.asdict(self), "train": list(self.train), "test": list(self.test)}


def published_splits():
    """The published splits by name: the ten partitions of CUHK01 into 485 training and 486 test identities."""
    return dict(_published())


@functools.cache
def _published():
    splits = {}
    for file in sorted(importlib.resources.files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            data = json.loads(file.read_text(encoding="utf-8"))
            everyone = set(data["identities"])
            for number, test in enumerate(data["test"], start=1):
                name = f"{data['name']}-{number:02d}"
                splits[name] = Split(name, data["source"], tuple(sorted(everyone - set(test))), tuple(sorted(test)))
    return splits


def seeded_split(identities, test, seed):
    """A random split: `test` of the identities test, the others train.

    Args:
        identities: Integers, one or more an identity, such as `ImageSet.identities`.
        test: How many identities test.
        seed: A whole number, 0 or above.

    Returns:
        A `Split` called `"random-TEST-SEED"`.

    Raises:
        InputError: If `test` leaves no identity for one of the parts.
    """
    everyone = np.unique(identities)
    if not 0 < test < len(everyone):
        raise InputError(f"a random split needs 1 to {len(everyone) - 1} test identities; got {test}.")
    shuffled = np.random.default_rng(seed).permutation(everyone).tolist()
    source = f"numpy.random.default_rng({seed}).permutation of {len(everyone)} identities, the first {test} test"
    return Split(f"random-{test}-{seed}", source, tuple(sorted(shuffled[test:])), tuple(sorted(shuffled[:test])))


def load_split(path):
    """Reads a split from a JSON file: `"train"` and `"test"`, lists of identities; optionally `"name"` and `"source"`.

    Raises:
        InputError: If the file is missing or not of this form.
    """
    path = pathlib.Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read the split ({error.strerror or error}).") from None
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file ({error}).") from None
    parts = [data.get(part) if isinstance(data, dict) else None for part in ("train", "test")]
    if not all(isinstance(part, list) and all(type(identity) is int for identity in part) for part in parts):
        raise InputError(f'{path}: expected {{"train": [...], "test": [...]}} with whole numbers in both lists.')
    train, test = (tuple(sorted(part)) for part in parts)
    return Split(str(data.get("name", path.stem)), str(data.get("source", path.name)), train, test)


def get_split(name, identities):
    """The split of a name: a published one, `random-TEST-SEED`, or the path of a JSON file.

    Args:
        name: E.g. `"cuhk01-486-01"`, `"random-100-0"` or `"my_split.json"`.
        identities: The identities that a random split divides.

    Raises:
        InputError: If there is no such split.
    """
    if name in _published():
        return _published()[name]
    if match := re.fullmatch(r"random-(\d+)-(\d+)", name):
        return seeded_split(identities, int(match[1]), int(match[2]))
    if name.endswith(".json"):
        return load_split(name)
    raise InputError(
        f"no split is called {name!r}; expected one of {', '.join(_published())}, random-TEST-SEED (such as "
        "random-100-0), or the path of a .json file."
    )
