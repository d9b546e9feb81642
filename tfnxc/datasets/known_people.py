"""Who the people of own pictures are, whatever their numbers: so that they are known again in another reading."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping, Sequence

from tfnxc.datasets.catalogue import own_pictures
from tfnxc.datasets.image_set import ImageSet, picture_names
from tfnxc.datasets.readers.folder import label
from tfnxc.hashes import file_digest

_PICTURE = "the picture "
_SHOWN = 5  # names in a message


def names_of(people: ImageSet) -> dict[int, str] | None:
    """What tells the people of own pictures from others, by number; `None` of a published set, whose numbers do.

    It is the name of each; where a set has no names, it is the first picture of each by name.

    Example:
        >>> names_of(tfnxc.datasets.identity_folders("cuhk01")), names_of(people)
        ({0: 'campus'}, None)
    """
    if not own_pictures(people.name):
        return None
    if people.names is not None:
        return {identity: people.names[identity] for identity in people.people.tolist()}
    return {identity: min(known) for identity, known in _pictures_of(people).items()}


def known_by(people: ImageSet | Mapping[int, str]) -> dict[int, set[str]]:
    """Everything by which each person can be known, by number: of a set, or of what `names_of` gave."""
    if not isinstance(people, ImageSet):
        return {identity: {label(name)} for identity, name in people.items()}
    names = people.names or {}
    pictures = _pictures_of(people)
    return {identity: {label(names.get(identity, str(identity))), *known} for identity, known in pictures.items()}


def numbers_in(people: ImageSet | Mapping[int, str], identities: Iterable[int], names: Mapping[int, str]) -> list[int]:
    """The numbers that some identities, whose `names` are from another reading, have in `people`."""
    meant = {label(names[identity]) for identity in identities if identity in names}
    return [identity for identity, known in known_by(people).items() if known & meant]


def difference(names: Mapping[int, str], people: ImageSet | Mapping[int, str], partial: bool = False) -> str:
    """How people differ from those who had these `names`, in words; an empty text where they are the same.

    Args:
        names: What `names_of` gave.
        people: An `ImageSet`, or what `names_of` gave of it.
        partial: Whether persons who are missing, and new ones, are no difference. Defaults to `False`.

    Example:
        >>> difference({0: "anna", 1: "carl"}, {0: "carl", 1: "dora"})
        'missing: anna; new: dora; with other numbers: carl'
    """
    there, meant = known_by(people), {label(name) for name in names.values()}
    current = names_of(people) or {} if isinstance(people, ImageSet) else people
    everyone = set().union(*there.values())
    found = {
        "missing": [name for name in names.values() if label(name) not in everyone],
        "new": [current.get(each, str(each)) for each, known in there.items() if not known & meant],
        "with other numbers": [
            name
            for each, name in names.items()
            if label(name) in everyone and not (each in there and label(name) in there[each])
        ],
    }
    if partial and not found["with other numbers"]:
        return ""
    return "; ".join(f"{what}: {few(each)}" for what, each in found.items() if each)


def first_pictures(people: ImageSet) -> dict[int, tuple[str, str]]:
    """`(name, digest)` of the file of each person of own pictures that is the first by name, by the person's number.

    Empty for a published set, and where pictures are no files of their own, as prepared ones.
    """
    if not own_pictures(people.name):
        return {}
    first: dict[int, str] = {}
    for path, identity in zip(people.paths, people.identities.tolist(), strict=True):
        if identity >= 0 and (identity not in first or path < first[identity]):
            first[identity] = path
    return {
        identity: (os.path.basename(path), file_digest(path))
        for identity, path in sorted(first.items())
        if os.path.isfile(path)
    }


def with_other_pictures(
    known: Mapping[int, tuple[str, str]], people: ImageSet, partial: bool = False
) -> dict[int, str]:
    """Those who have not the picture that `first_pictures` gave of them, and its name; with `partial` it may be gone.

    A picture may have another name or folder. It is not gone where somebody else has it, or another has its name.
    """
    pictures: dict[int, list[str]] = {}
    namesakes: dict[str, list[str]] = {}
    for path, identity in zip(people.paths, people.identities.tolist(), strict=True):
        pictures.setdefault(identity, []).append(path)
        namesakes.setdefault(os.path.basename(path), []).append(path)
    digest_of = functools.cache(file_digest)
    found = {}
    for identity, (name, digest) in known.items():
        own = sorted(pictures.get(identity, ()), key=lambda path: os.path.basename(path) != name)
        if not own or any(_is_picture(path, name, digest, digest_of) for path in own):
            continue
        replaced = os.path.basename(own[0]) == name
        others = filter(os.path.isfile, namesakes.get(name, ()))
        if not partial or replaced or any(digest_of(path) == digest for path in others):
            found[identity] = name
    return found


def _is_picture(path, name, digest, digest_of):
    """Whether a file is that with a digest; what is no file, as a prepared picture, is known by its name."""
    return digest_of(path) == digest if os.path.isfile(path) else os.path.basename(path) == name


def few(names: Sequence[str]) -> str:
    """A few names in a line."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _pictures_of(people):
    found = {identity: set() for identity in people.people.tolist()}
    for name, identity in zip(picture_names(people.paths), people.identities.tolist(), strict=True):
        if identity in found:
            found[identity].add(_PICTURE + name)
    return found
