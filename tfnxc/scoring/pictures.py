"""Pictures of a set that are read when they are needed, and recognized without that where they were read before."""

from __future__ import annotations

import hashlib
import os
import pathlib
import time
from typing import Self

import numpy as np
from rich.console import Console

from tfnxc.console import progress_bar
from tfnxc.datasets import ImageSet
from tfnxc.datasets.image_set import StampedReader
from tfnxc.errors import InputError
from tfnxc.files import parse_json, write_json

_TRIED = 16  # pictures that are read to see how fast that is


class Pictures:
    """The pictures of an `ImageSet` in one size.

    Args:
        people: The `ImageSet`.
        size: Height and width in pixels.
        title: What a progress bar says while pictures are read. Defaults to `"Reading pictures"`.
        console: Where that is shown. Defaults to `None`: nowhere.

    Example:
        >>> pictures = Pictures(people, (160, 60))
        >>> pictures.images(np.array([3, 5])).shape, pictures.digests(np.array([3, 5])).dtype
        ((2, 160, 60, 3), dtype('uint64'))
    """

    def __init__(
        self, people: ImageSet, size: tuple[int, int], title: str = "Reading pictures", console: Console | None = None
    ):
        height, width = size
        self.people, self.size = people, (height, width)
        self._title, self._console = title, console
        self._digests, self._known = np.zeros(len(people), np.uint64), np.zeros(len(people), bool)
        self._held: tuple[np.ndarray, np.ndarray] | None = None
        self._file: pathlib.Path | None = None
        self._stamps: list[str] = []

    @classmethod
    def of(cls, images: np.ndarray) -> Self:
        """Pictures that are in memory: uint8 of shape `(pictures, height, width, 3)`."""
        nobody = np.zeros(len(images), int)
        people = ImageSet("pictures", list(map(str, range(len(images)))), nobody, nobody, lambda index: images[index])
        return cls(people, images.shape[1:3])

    def __len__(self) -> int:
        return len(self.people)

    def images(self, positions: np.ndarray) -> np.ndarray:
        """The pictures at positions, which ascend: uint8 of shape `(positions, *size, 3)`.

        Those of the last call are kept until `release`.

        Raises:
            InputError: If one cannot be read.
        """
        if self._held is None or not np.isin(positions, self._held[0]).all():
            with progress_bar(self._title, len(positions), self._console) as advance:
                images = self.people.take(positions).images(self.size, advance)
            self._held = positions, images
        else:
            at = np.searchsorted(self._held[0], positions)
            images = self._held[1] if len(at) == len(self._held[1]) else self._held[1][at]
        new = ~self._known[positions]
        for position, image in zip(positions[new], images[new], strict=True):
            digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=8).digest()
            self._digests[position] = int.from_bytes(digest, "little")
        self._known[positions] = True
        if new.any():
            self._remember()
        return images

    def release(self) -> None:
        """Lets go of what was read; digests stay."""
        self._held = None

    def digests(self, positions: np.ndarray) -> np.ndarray:
        """64-bit digests of the pixels of the pictures at positions: uint64. Those that are not known are read."""
        positions = np.asarray(positions)
        unknown = np.unique(positions[~self._known[positions]])
        if len(unknown):
            self.images(unknown)
        return self._digests[positions]

    def known(self, positions: np.ndarray) -> np.ndarray:
        """Booleans: whose digest is known without reading."""
        return self._known[np.asarray(positions)]

    @property
    def stamped(self) -> bool:
        """Whether the set can recognize pictures without reading them."""
        return isinstance(self.people.read, StampedReader)

    def remember_in(self, folder: str | os.PathLike) -> None:
        """Has digests kept in a folder, by what recognizes a picture, and takes over those that are there.

        Raises:
            InputError: If what is there is damaged.
        """
        reader = self.people.read
        if not isinstance(reader, StampedReader) or self._file is not None:
            return
        height, width = self.size
        self._file = pathlib.Path(folder) / f"pictures-{height}x{width}.json"
        # Before anything is read: what changes while it is read is not recognized the next time.
        self._stamps, there = [reader.stamp(index) for index in range(len(self))], self._remembered()
        for index in [index for index, stamp in enumerate(self._stamps) if stamp in there]:
            self._digests[index], self._known[index] = there[self._stamps[index]], True

    def seconds_to_read(self, count: int) -> float:
        """About how long so many pictures take to read, by reading a few."""
        some = np.arange(0, len(self), max(1, len(self) // _TRIED))[:_TRIED]
        begin = time.perf_counter()
        self.people.take(some).images(self.size)
        return count * (time.perf_counter() - begin) / max(1, len(some))

    def _remembered(self):
        if not self._file.exists():
            return {}
        try:
            return {str(stamp): int(digest, 16) for stamp, digest in parse_json(self._file.read_text("utf-8")).items()}
        except (ValueError, AttributeError, TypeError):
            raise InputError(f"{self._file}: damaged. Remove it: pictures are then read again.") from None

    def _remember(self):
        if self._file is None:
            return
        there = self._remembered()
        for index in np.flatnonzero(self._known):
            there[self._stamps[index]] = int(self._digests[index])
        write_json(self._file, {stamp: f"{digest:016x}" for stamp, digest in there.items()})
