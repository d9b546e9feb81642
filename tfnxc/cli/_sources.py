"""Data sets by name, as the commands take them."""

from __future__ import annotations

import click

from tfnxc.datasets.catalogue import CATALOGUE, SYNTHETIC_IDENTITIES, open_dataset
from tfnxc.errors import InputError

__all__ = [
    "SEED",
    "SOURCES",
    "SYNTHETIC_IDENTITIES",
    "default_protocol",
    "of_one_camera",
    "open_source",
    "seen_in_test",
]

SEED = click.IntRange(0, 2**32 - 1)
"""What Keras takes as a seed."""

SOURCES = {source.name: source.about for source in CATALOGUE.values()}
"""What must be on disk for each data set, by its name."""


def open_source(name, data):
    """The `ImageSet` of a name in `SOURCES`, read from the path `data` where it needs one."""
    source = CATALOGUE[name]
    if source.needs_path and data is None:
        raise InputError(f"{name} needs --data: {source.about}.")
    return open_dataset(name, data)


def of_one_camera(people):
    """Whether one camera took all pictures of an `ImageSet`, so that none can be looked for across cameras."""
    return len(set(people.cameras.tolist())) == 1


def default_protocol(dataset, people):
    """The protocol of a data set for these people where none is named: `"paper"` for own pictures of one camera."""
    own = CATALOGUE[dataset].default_protocol if dataset in CATALOGUE else "cross-camera"
    return "paper" if own == "cross-camera" and of_one_camera(people) else own


def seen_in_test(trained, identities, dataset, split):
    """Test identities of a split of `dataset` that are among those of the data set `trained`; sets that share splits
    share people.
    """
    from tfnxc.datasets.splits import families

    if dataset != trained and not any({dataset, trained} <= set(family.datasets) for family in families().values()):
        return []
    return sorted(set(split.test) & set(identities))
