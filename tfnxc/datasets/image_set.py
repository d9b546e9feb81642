"""The one record type behind which every data set stands: `ImageSet`."""

import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

import numpy as np
from PIL import Image

from tfnxc.errors import InputError

IMAGE_SIZE = (160, 60)
"""Height and width, in pixels, that the three architectures read (SPEC section 3)."""


@dataclasses.dataclass(frozen=True)
class StampedReader:
    """The `read` of an `ImageSet` that can recognize a picture without reading it.

    Args:
        read: As in `ImageSet`.
        stamp: `index -> text` that changes when the picture does, such as its file with size and time of change.

    Example:
        >>> reader = StampedReader(lambda index: np.zeros((160, 60, 3), np.uint8), lambda index: f"black {index}")
        >>> reader(3).shape, reader.stamp(3)
        ((160, 60, 3), 'black 3')
    """

    read: Callable[[int], np.ndarray]
    stamp: Callable[[int], str]

    def __call__(self, index: int) -> np.ndarray:
        """The picture at a position."""
        return self.read(index)

    def take(self, indices: np.ndarray) -> Self:
        """The reader of the pictures at these positions."""
        return type(self)(lambda index: self.read(indices[index]), lambda index: self.stamp(indices[index]))


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Pictures of people with the identity and the camera of each.

    Nothing is read when a set is made: `read(index)` gives one picture, `images()` all of them.

    Args:
        name: What the set is called in results and split files, e.g. `"cuhk01"`.
        paths: One name a picture: its file, or for a drawn set a name that says what it is.
        identities: Integers, one a picture: who it is, 0 or above; or `tfnxc.identities.JUNK` or `DISTRACTOR`.
        cameras: Integers, one a picture: which camera took it (0 = A, 1 = B).
        read: `index -> uint8 array of shape (height, width, 3)`, RGB; raises `InputError` with the path in its message
            where a picture cannot be read. A `StampedReader` also recognizes pictures without reading them.
        probes: Booleans, one a picture: whether it is a probe where the data set or a split fixes that (Market-1501's
            `query`); a picture that is not belongs to the gallery. Defaults to `None`: the protocol decides.
        read_many: `(indices, size) -> their pictures of that size in turn`, where there is a faster way than one by
            one; it gives `None` for a size that has none. Defaults to `None`: `images()` reads one by one.
        names: What each person is called, by number, where numbers were given to names: a run keeps them, and knows
            people by them in another reading of the set. Defaults to `None`: the numbers are all that is known.
        unread: Files beside the pictures that are none of the set: of another format, name or place. Defaults to none.
        remarks: What whoever uses the set should be told, a line each. Defaults to none.

    Raises:
        ValueError: If the sequences differ in length, or a person has no name where others have.

    Example:
        >>> people = tfnxc.datasets.synthetic(identities=4, seed=7)
        >>> people.images().shape, people.identities[:4].tolist(), people.cameras[:4].tolist()
        ((16, 160, 60, 3), [0, 0, 0, 0], [0, 0, 1, 1])
    """

    name: str
    paths: Sequence[str]
    identities: np.ndarray
    cameras: np.ndarray
    read: Callable[[int], np.ndarray] = dataclasses.field(repr=False)
    probes: np.ndarray | None = None
    read_many: Callable[[np.ndarray, tuple], Iterable[np.ndarray] | None] | None = dataclasses.field(
        default=None, repr=False
    )
    names: Mapping[int, str] | None = dataclasses.field(default=None, repr=False)
    unread: Sequence[str] = dataclasses.field(default=(), repr=False)
    remarks: Sequence[str] = dataclasses.field(default=(), repr=False)

    def __post_init__(self):
        columns = self.paths, self.identities, self.cameras, self.probes
        lengths = tuple(len(column) for column in columns if column is not None)
        if len(set(lengths)) != 1:
            raise ValueError(f"paths, identities, cameras and probes must be equally many; got {lengths}.")
        if len(self.identities) and np.max(self.identities) > np.iinfo(np.int64).max:
            raise ValueError(f"identities must have 64 bits; got {np.max(self.identities)}.")
        nameless = [] if self.names is None else sorted(set(self.people.tolist()) - self.names.keys())
        if nameless:
            raise ValueError(f"names must have a name for each person; got none for {nameless[0]}.")

    @property
    def people(self) -> np.ndarray:
        """The identities in this set, ascending, each once: neither junk nor distractors."""
        return np.unique(self.identities[self.identities >= 0])

    def notes(self) -> list[str]:
        """What whoever uses the set should be told, a line each: its remarks, and what is not read."""
        few = ", ".join(self.unread[:5]) + (", ..." if len(self.unread) > 5 else "")
        count = f"{len(self.unread)} files are" if len(self.unread) > 1 else "1 file is"
        return [*self.remarks, *([f"{count} not read and no part of {self.name}: {few}."] if self.unread else [])]

    def __len__(self):
        return len(self.paths)

    def images(self, size: tuple[int, int] = IMAGE_SIZE, progress: Callable[[int], object] | None = None) -> np.ndarray:
        """Reads every picture, in parallel, and resizes those of another size.

        Args:
            size: `(height, width)` in pixels. Defaults to `(160, 60)`.
            progress: Called with 1 after each picture, e.g. to move a progress bar. Defaults to `None`.

        Returns:
            uint8 array of shape `(pictures, *size, 3)`.

        Raises:
            InputError: If a picture cannot be read; the message names it.
        """
        images = np.empty((len(self), *size, 3), np.uint8)

        def fill(index, picture=None):
            images[index] = resize(self.read(index), size) if picture is None else picture
            if progress is not None:
                progress(1)

        stream = None if self.read_many is None else self.read_many(np.arange(len(self)), size)
        if stream is not None:
            for index, picture in enumerate(stream):
                fill(index, picture)
            return images
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for _ in pool.map(fill, range(len(self))):
                pass  # an error that this raises cancels the others
        return images

    def of_identities(self, identities: Iterable[int]) -> Self:
        """The pictures of some identities, in the order of this set.

        Raises:
            InputError: If the set has no picture of one of them, as when a split belongs to another data set.
        """
        identities = sorted(set(map(int, identities)))
        missing = sorted(set(identities) - set(self.identities.tolist()))
        if missing:
            shown = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
            lack = f"no picture of {len(missing)} of the {len(identities)} identities asked for: {shown}"
            remedy = "Check that the split belongs to this data set and that the data set is complete"
            raise InputError(f"{self.name} has {lack}. {remedy}.")
        return self.take(np.flatnonzero(np.isin(self.identities, identities)))

    def take(self, indices: Sequence[int] | np.ndarray) -> Self:
        """The pictures of these positions, in their order, as an `ImageSet`."""
        indices, many = np.asarray(indices, int), self.read_many
        return dataclasses.replace(
            self,
            paths=[self.paths[index] for index in indices],
            identities=self.identities[indices],
            cameras=self.cameras[indices],
            read=self.read.take(indices)
            if isinstance(self.read, StampedReader)
            else lambda index: self.read(indices[index]),
            probes=None if self.probes is None else self.probes[indices],
            read_many=many and (lambda some, size: many(indices[some], size)),
        )


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A uint8 picture (height, width, 3) resized to `size`, or itself where it already has that size."""
    if image.shape[:2] == tuple(size):
        return image
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def picture_names(paths: Sequence[str]) -> list[str]:
    """The paths from the folder on that all of them share, so that a set that has moved keeps its names.

    Example:
        >>> picture_names(["crops/anna/1.png", "crops/carl/1.png"])
        ['crops/anna/1.png', 'crops/carl/1.png']
    """
    paths = [os.path.abspath(path) for path in paths]
    above = os.path.dirname(os.path.commonpath([os.path.dirname(path) for path in paths]))
    return [pathlib.Path(os.path.relpath(path, above)).as_posix() for path in paths]
