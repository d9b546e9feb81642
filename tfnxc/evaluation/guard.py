"""Who may be tested, by which protocol: the guard against testing on people who were trained on."""

from __future__ import annotations

from tfnxc.datasets.catalogue import CATALOGUE, open_dataset
from tfnxc.errors import InputError


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
