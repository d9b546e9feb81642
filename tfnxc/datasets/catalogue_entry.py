"""The types of the catalogue: a data set by name, and its official parts."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.splits import Split, families


def _everything(people: ImageSet) -> np.ndarray:
    return np.ones(len(people), bool)


def _nothing(people: ImageSet) -> list[str]:
    return []


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a data set, with its official counts; the parts of a set do not overlap.

    Args:
        name: What the data set calls it, e.g. `"query"`.
        pictures: How many pictures the official set has in this part.
        identities: Of how many people; `None` where its pictures are nobody's.
        belongs: `ImageSet -> booleans`: which of its pictures are in this part. Defaults to all of them.
    """

    name: str
    pictures: int
    identities: int | None
    belongs: Callable[[ImageSet], Any] = dataclasses.field(default=_everything, repr=False)

    def __str__(self) -> str:
        of = "" if self.identities is None else f" of {self.identities} identities"
        return f"{self.name}: {self.pictures} pictures{of}"

    def count(self, people: ImageSet) -> tuple[int, int | None]:
        """`(pictures, identities)` of this part in an `ImageSet`, to be compared with the official ones."""
        there = people.take(np.flatnonzero(self.belongs(people)))
        return len(there), None if self.identities is None else len(there.people)


@dataclasses.dataclass(frozen=True)
class CatalogueEntry:
    """A data set by name: how it is read, and what is known about it.

    Args:
        name: What commands, results and split files call it, e.g. `"cuhk01"`.
        title: Its name in print.
        about: One line: what must be on disk.
        layout: A few lines that show it.
        reader: `path -> ImageSet`, whose name is `name`.
        default_split: Name of the split that commands take where none is named; see `dataset_splits`.
        reference: The paper that presents it.
        default_protocol: Name of the evaluation protocol that goes with it. Defaults to `"cross-camera"`.
        official: The parts of the official set. Defaults to `()`: there is no official set.
        identities: How many people the official set has. Defaults to `None`: there is no official set.
        own_split: `ImageSet -> Split`, where the data set itself says who trains and who tests. Defaults to `None`.
        domain: `identities -> integers`: the place at which each person was seen, if the same number of a camera is
            another camera at another place. Defaults to `None`: all at one place.
        missing: `ImageSet -> names` of the pictures that the official set has and this one lacks, where the layout
            tells. Defaults to none.
        needs_path: Whether there is something to read. Defaults to `True`.
    """

    name: str
    title: str
    about: str
    layout: str
    reader: Callable[[Any], ImageSet] = dataclasses.field(repr=False)
    default_split: str
    reference: str
    default_protocol: str = "cross-camera"
    official: tuple[Part, ...] = ()
    identities: int | None = None
    own_split: Callable[[ImageSet], Split] | None = dataclasses.field(default=None, repr=False)
    domain: Callable[[np.ndarray], np.ndarray] | None = dataclasses.field(default=None, repr=False)
    missing: Callable[[ImageSet], list[str]] = dataclasses.field(default=_nothing, repr=False)
    needs_path: bool = True

    @property
    def pictures(self) -> int | None:
        """How many pictures the official set has; `None` where there is no official set."""
        return sum(part.pictures for part in self.official) or None

    @property
    def families(self) -> tuple[str, ...]:
        """Names of its published families of splits, from their files."""
        return tuple(family.name for family in families().values() if self.name in family.datasets)

    def facts(self) -> dict[str, Any]:
        """What is known about the data set, as plain types.

        Example:
            >>> facts = tfnxc.datasets.CATALOGUE["viper"].facts()
            >>> facts["pictures"], facts["families"]
            (1264, ['viper-316'])
        """
        names = ("name", "title", "about", "pictures", "identities", "families", "default_split", "default_protocol")
        facts = {name: getattr(self, name) for name in names}
        parts = [
            {"name": each.name, "pictures": each.pictures, "identities": each.identities} for each in self.official
        ]
        return {**facts, "families": list(self.families), "official": parts}
