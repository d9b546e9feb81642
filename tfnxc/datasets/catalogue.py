"""Data sets and their splits by name."""

import os

import numpy as np

from tfnxc.datasets.catalogue_entries import ENTRIES
from tfnxc.datasets.catalogue_entry import CatalogueEntry
from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.prepared import is_prepared, prepared
from tfnxc.datasets.splits import Split, families, get_splits
from tfnxc.errors import InputError

CATALOGUE = {entry.name: entry for entry in ENTRIES}
"""Every data set by name, as commands and split files call it."""


def entry_of(name: str) -> CatalogueEntry:
    """The `CatalogueEntry` of a name in `CATALOGUE`; raises `InputError` with all names where there is none."""
    if name not in CATALOGUE:
        raise InputError(f"no data set is called {name!r}; expected one of {', '.join(CATALOGUE)}.")
    return CATALOGUE[name]


def open_dataset(name: str, path: str | os.PathLike | None = None) -> ImageSet:
    """The pictures of a data set, from what a user has on disk.

    Args:
        name: A name in `CATALOGUE`.
        path: The folder or file that its `CatalogueEntry` describes, or a folder made by `tfnxc.datasets.prepare`.
            Defaults to `None`, for a set that is drawn.

    Returns:
        An `ImageSet` called `name`.

    Raises:
        InputError: If there is no such data set, the path is missing or superfluous, or it holds something else.

    Example:
        >>> len(open_dataset("cuhk01", "cuhk01/campus"))
        20
    """
    entry = entry_of(name)
    if path is not None and is_prepared(path):
        people = prepared(path)
        if people.name != name:
            raise InputError(
                f"{path}: pictures prepared from {people.name}, not from {name}. Open them as {people.name}."
            )
        return people
    if entry.needs_path and path is None:
        raise InputError(f"{name} needs a path (--data): {entry.about}.")
    if path is not None and not entry.needs_path:
        raise InputError(f"the {name} set is drawn, not read: leave its path out.")
    return entry.reader(path)


def domains_of(people: ImageSet) -> np.ndarray:
    """The place of each picture, if the same number of a camera is another camera at another place.

    Returns:
        Integers, one a picture; all 0 where the set is of one place, or not in `CATALOGUE`. Of CUHK03 they are the
        camera pairs, 1 to 5.

    Example:
        >>> set(domains_of(people).tolist())
        {0}
    """
    entry = CATALOGUE.get(people.name)
    if entry is None or entry.domain is None:
        return np.zeros(len(people), int)
    return entry.domain(people.identities)


def dataset_splits(name: str, people: ImageSet, split: str | os.PathLike | None = None) -> list[Split]:
    """The splits of a name for a data set: its own one, published ones, random ones, or a file.

    Args:
        name: A name in `CATALOGUE`.
        people: Its `ImageSet`.
        split: Name of a split or of a family, as `get_splits` takes it, or of the split that the data set itself fixes,
            such as `"market1501"`. Defaults to `None`: the `default_split` of the data set.

    Returns:
        A list of `Split`, at least one.

    Raises:
        InputError: If there is no such split, or it is published for another data set.

    Example:
        >>> len(dataset_splits("cuhk01", open_dataset("cuhk01", "cuhk01/campus"), "cuhk01-486"))
        10
    """
    entry = entry_of(name)
    split = entry.default_split if split is None else split
    if entry.own_split is not None and split == name:
        return [entry.own_split(people)]
    # The same numbers are other people in another data set; a user's own pictures may be any.
    for family in families().values() if entry.official else ():
        if split in (family.name, *family.names) and name not in family.datasets:
            raise InputError(f"the split {split} divides {' and '.join(family.datasets)}, not {name}.")
    return get_splits(split, people.identities)


def missing_pictures(name: str, people: ImageSet) -> list[str]:
    """Names of the pictures that the official set has and the `ImageSet` of a data set lacks, where the layout tells.

    Returns:
        A list of names; `*` stands for what the layout does not tell. Empty where nothing lacks or nothing is known:
        the numbers of CUHK03's empty cells and of Market-1501's pictures follow no rule.

    Example:
        >>> missing = missing_pictures("cuhk01", open_dataset("cuhk01", "cuhk01/campus"))
        >>> len(missing), missing[0]
        (3864, '0003001.png')
    """
    return entry_of(name).missing(people)
