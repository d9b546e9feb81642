"""The guard against testing on people who were trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tfnxc.datasets import CATALOGUE, Split, families
from tfnxc.errors import InputError


def refuse_seen(
    trained_on: Iterable[tuple[str, Iterable[int]]],
    dataset: str,
    split: Split,
    other_people: bool,
    says: Callable[[str, int, int], str],
) -> None:
    """Raises an error if test identities of a split of `dataset` are among those trained on.

    Args:
        trained_on: `(data set, identities)` of what was trained on; sets that share splits share people.
        dataset: Name of the data set of the split.
        split: The `Split`, or what has its `test` identities.
        other_people: Whether it is promised that own pictures are of other people; published numbers need no promise.
        says: `(data set trained on, how many were seen, one of them) -> the error's text`.

    Raises:
        InputError: If test identities were trained on; if the promise is about a published set.
    """
    own = dataset not in CATALOGUE or CATALOGUE[dataset].identities is None
    if other_people and not own:
        raise InputError(
            f"--other-people is for own pictures (folder, csv), in Python other_people=True; the numbers of {dataset} "
            "are its own."
        )
    if other_people:
        return
    for trained, identities in trained_on:
        if dataset != trained and not any({dataset, trained} <= set(family.datasets) for family in families().values()):
            continue
        seen = sorted(set(split.test) & set(identities))
        if seen:
            hint = " If they are other people with the same numbers, add --other-people (other_people=True in Python)."
            raise InputError(says(trained, len(seen), seen[0]) + (hint if own else ""))
