"""What a training learns from: one data set or several as one, who of them trains, and their pictures."""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.datasets import CATALOGUE, IMAGE_SIZE, ImageSet, Split, dataset_splits, domains_of, get_split
from tfnxc.errors import InputError


class Pictures(NamedTuple):
    """Pictures in memory: a uint8 array `(images, height, width, 3)`, and integers that are known of each image."""

    images: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray | None = None
    domains: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """The data sets of a training: one that a split divides, and others all of whose identities train too.

    Pictures are read when a training begins, not before.

    Args:
        people: The `ImageSet` that is divided.
        split: Its `Split`, or the name of one as `tfnxc.datasets.dataset_splits` takes it. Defaults to `None`: the
            default split of the data set.
        others: More sets. Their identities and domains are told apart from those of `people`, whatever their numbers.
            Defaults to none.
        other_people: Whether it is promised that own pictures (`"folder"`, `"csv"`) are of other people than those of
            `others` and of the weights a training begins with, though the numbers are the same. Defaults to `False`.
        partial: Whether identities of the split without a picture are left out of it. Defaults to `False`.
        path: Where `people` lies on disk; the run notes it, so that evaluation finds the pictures. Defaults to `None`.
        pictures: The `Pictures` of `people` where they are in memory: see `of_arrays`. Defaults to `None`.

    Raises:
        InputError: If there is no such split, the name is of several, or an identity of the split has no picture.

    Example:
        >>> data = TrainingData(tfnxc.datasets.synthetic(identities=6), "random-2-0")
        >>> len(data), len(data.tested), data.read().images.shape
        (16, 8, (16, 160, 60, 3))
    """

    people: ImageSet
    split: Split | str | None = None
    others: Sequence[ImageSet] = ()
    other_people: bool = False
    partial: bool = False
    path: str | os.PathLike | None = None
    pictures: Pictures | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.pictures is not None and self.others:
            raise ValueError("pictures in memory cannot be joined with other sets: put these into the arrays.")
        _ = self.chosen_split  # which raises where there is no such split
        try:
            _ = self.sets, self.tested  # which raise where a picture is missing
        except InputError as error:
            raise InputError(
                f"{error} To train with the part that is there, add --partial (partial=True in Python)."
            ) from None

    @classmethod
    def of_arrays(
        cls,
        images: np.ndarray,
        identities: ArrayLike,
        cameras: ArrayLike | None = None,
        domains: ArrayLike | None = None,
        split: Split | None = None,
        name: str = "arrays",
    ) -> Self:
        """The data of pictures in memory, as in `PairPipeline` and `GroupPipeline`.

        The `split` says who trains and who tests, by default everybody trains; `name` is what the run calls them.

        Example:
            >>> len(TrainingData.of_arrays(images, np.repeat([0, 1, 2], 4)))
            12
        """
        known = [None if each is None else np.asarray(each) for each in (cameras, domains)]
        pictures = Pictures(images, np.asarray(identities), *known)
        if split is None:  # somebody has to test: a number that nobody has
            everyone = np.unique(identities).tolist()
            split = Split(name, "everybody trains", everyone, (everyone[-1] + 1,))
        paths = [f"{name}/{number}" for number in range(len(images))]
        by = np.zeros(len(images), int) if pictures.cameras is None else pictures.cameras
        names = {identity: str(identity) for identity in np.unique(identities).tolist() if identity >= 0}
        people = ImageSet(name, paths, pictures.identities, by, images.__getitem__, names=names)
        return cls(people, split, pictures=pictures)

    @functools.cached_property
    def chosen_split(self) -> Split:
        """The `Split` itself, of those who are there."""
        split = self.split if isinstance(self.split, Split) else self._named_split(self.split)
        return split.among(self.people.people) if self.partial else split

    def _named_split(self, name):
        if self.people.name in CATALOGUE:
            splits = dataset_splits(self.people.name, self.people, name)
            if len(splits) > 1:
                raise InputError(f"{name} is {len(splits)} splits; name one of them, such as {splits[0].name}.")
            return splits[0]
        if name is None:
            raise ValueError(f"{self.people.name} has no split of its own; give one as split, such as 'random-100-0'.")
        return get_split(name, self.people.identities)

    @functools.cached_property
    def sets(self) -> tuple[ImageSet, ...]:
        """The pictures to train on: of the training identities, and of the others without junk and distractors."""
        others = (each.of_identities(each.people) for each in self.others)
        return self.chosen_split.training_part(self.people), *others

    @functools.cached_property
    def tested(self) -> ImageSet | None:
        """The pictures that a test will rank; `None` where pictures in memory are of nobody who tests."""
        if self.pictures is not None and not np.isin(self.chosen_split.test, self.people.identities).any():
            return None
        return self.chosen_split.test_part(self.people)

    @property
    def has_domains(self) -> bool:
        """Whether a set has several domains by itself, as the camera pairs of CUHK03 are."""
        return any(len(np.unique(domains_of(each))) > 1 for each in self.sets)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        return IMAGE_SIZE if self.pictures is None else self.pictures.images.shape[1:3]

    def __len__(self) -> int:
        return sum(map(len, self.sets))

    def holding_back(self, count: int, seed: int = 0) -> Self:
        """The same data with some training identities held back: those whom the split of the result tests.

        Args:
            count: How many, 2 or more.
            seed: Draws them. Defaults to `0`.

        Raises:
            InputError: If there are not enough training identities.

        Example:
            >>> len(TrainingData(people, "random-2-0").holding_back(2))
            8
        """
        return dataclasses.replace(self, split=self.chosen_split.hold_back(count, seed), partial=False)

    def read(
        self,
        by_domain: bool = False,
        progress: Callable[[int], object] | None = None,
        size: tuple[int, int] | None = None,
    ) -> Pictures:
        """Reads the pictures to train on; those in memory are taken from there.

        Args:
            by_domain: Whether the domains of a set, as the camera pairs of CUHK03, are told apart too. Defaults to
                `False`: each set is one domain.
            progress: Called with 1 after each picture that is read. Defaults to `None`.
            size: Height and width of what is read. Defaults to `None`: those of `size`.

        Returns:
            `Pictures` of all sets, the identities numbered through.
        """
        if self.pictures is not None:
            trains = np.isin(self.people.identities, self.chosen_split.train)
            return Pictures._make(each if each is None or trains.all() else each[trains] for each in self.pictures)
        images = np.concatenate([each.images(size or self.size, progress) for each in self.sets])
        identities: list[np.ndarray] = []
        for each in self.sets:
            before = int(identities[-1].max()) + 1 if identities else 0
            if before + int(each.identities.max()) > np.iinfo(np.int64).max:
                raise InputError(f"the identities of {each.name}, numbered after those before it, exceed 64 bits.")
            identities.append(each.identities + before)
        domains = np.repeat(np.arange(len(self.sets)), list(map(len, self.sets)))
        if by_domain:  # camera 0 of one place is not camera 0 of another
            within = np.concatenate([domains_of(each) for each in self.sets])
            domains = np.unique([domains, within], axis=1, return_inverse=True)[1].reshape(-1)
        cameras = np.concatenate([each.cameras for each in self.sets])
        return Pictures(images, np.concatenate(identities), cameras, domains)
