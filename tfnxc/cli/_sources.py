"""Data sets by name, as the commands take them."""

from __future__ import annotations

import click

from tfnxc.datasets.catalogue import CATALOGUE, SYNTHETIC_IDENTITIES, open_dataset
from tfnxc.errors import InputError

__all__ = [
    "OTHER_PEOPLE",
    "SEED",
    "SOURCES",
    "SYNTHETIC_IDENTITIES",
    "default_protocol",
    "of_one_camera",
    "open_source",
    "refuse_seen",
]

OTHER_PEOPLE = click.option(
    "--other-people",
    is_flag=True,
    help="Own pictures (folder, csv): these people are others than those of the training, though numbers are the same.",
)
"""A promise: what is on disk does not tell whether person 7 of one folder is person 7 of another."""

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


def refuse_seen(trained_on, dataset, split, other_people, says):
    """Raises an error if test identities of a split of `dataset` are among those trained on.

    Args:
        trained_on: `(data set, identities)` of what was trained on; sets that share splits share people.
        dataset: Name of the data set of the split.
        split: The `Split`.
        other_people: Whether it is promised that own pictures are of other people; published numbers need no promise.
        says: `(data set trained on, how many were seen, one of them) -> the error's text`.

    Raises:
        InputError: If test identities were trained on; if the promise is about a published set.
    """
    from tfnxc.datasets.splits import families

    own = CATALOGUE[dataset].identities is None
    if other_people and not own:
        raise InputError(f"--other-people is for own pictures (folder, csv); the numbers of {dataset} are its own.")
    if other_people:
        return
    for trained, identities in trained_on:
        if dataset != trained and not any({dataset, trained} <= set(family.datasets) for family in families().values()):
            continue
        seen = sorted(set(split.test) & set(identities))
        if seen:
            hint = " If they are other people with the same numbers, add --other-people." if own else ""
            raise InputError(says(trained, len(seen), seen[0]) + hint)
