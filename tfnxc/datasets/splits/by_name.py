"""Splits by the name that a user or a result gives."""

import os
import re

from numpy.typing import ArrayLike

from tfnxc.datasets.splits.family import families
from tfnxc.datasets.splits.seeded_split import seeded_split
from tfnxc.datasets.splits.split import Split
from tfnxc.datasets.splits.split_file import load_split
from tfnxc.errors import InputError


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
    """The splits of a name: all of a family such as `"cuhk01-486"`, or the one that `get_split` takes.

    The arguments are those of `get_split`, and so is the error.
    """
    name = os.fspath(name)  # a path may be one of its own type
    for family in families().values():
        if name == family.name:
            return [family.split(each, identities) for each in family.names]
        if name in family.names:
            return [family.split(name, identities)]
    if match := re.fullmatch(r"random-(\d{1,9})-(\d{1,18})", name):
        if identities is None:
            raise InputError(
                f"split {name} divides whoever is on disk: it needs these identities "
                "(on the command line: --dataset and --data)."
            )
        return [seeded_split(identities, int(match[1]), int(match[2]))]
    if name.endswith(".json"):
        return [load_split(name)]
    raise InputError(
        f"no split is called {name!r}; expected one of a family ({', '.join(families())}), such as cuhk01-486-01; "
        "random-TEST-SEED, such as random-100-0; or the path of a .json file."
    )
