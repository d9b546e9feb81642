"""Reading what `prepare` wrote: pictures from TFRecord shards, one by one, all in a row, or as a `tf.data.Dataset`."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tfnxc.datasets.image_set import ImageSet, StampedReader
from tfnxc.datasets.prepared.manifest import FRAME, MANIFEST, Labels, Manifest, Records, damaged, read_index
from tfnxc.errors import InputError
from tfnxc.hashes import sha256_of

if TYPE_CHECKING:
    import tensorflow as tf  # at run time where it is used, so that `tfnxc --help` does not wait for it

_BUFFER = 1 << 20  # bytes read at a time where pictures are read in a row


def is_prepared(folder: str | os.PathLike) -> bool:
    """Whether a folder is one that `prepare` wrote: it holds a `manifest.json`."""
    return (pathlib.Path(folder) / MANIFEST).is_file()


def prepared(folder: str | os.PathLike, verify: bool = False) -> ImageSet:
    """The pictures of a folder that `prepare` wrote.

    Manifest, index and the size of every shard are checked here, the checksum of a picture whenever it is read.

    Args:
        folder: The folder with `manifest.json`, `index.csv` and the shards.
        verify: Whether every shard is read and compared with its SHA-256, too. Defaults to `False`.

    Returns:
        An `ImageSet` of the name and the order of the source, whose pictures have the size that they were prepared at.
        Its paths are the names of the source's pictures, without the folder that the source lay in.

    Raises:
        InputError: If a file is missing, truncated, exchanged or damaged.

    Example:
        >>> _ = tfnxc.datasets.prepare(people, "prepared/people")
        >>> tfnxc.datasets.prepared("prepared/people").images().shape
        (24, 160, 60, 3)
    """
    pictures = _open(folder, verify)
    labels = pictures.labels
    known = labels.set_name, labels.names, labels.identities, labels.cameras
    reader = StampedReader(pictures.read, pictures.stamp)
    return ImageSet(*known, reader, labels.probes, pictures.read_many, labels.people_names)


def broken_shards(folder: str | os.PathLike, progress: Callable[[int], object] | None = None) -> dict[str, str]:
    """What is wrong with the shards of a prepared folder, by path; each is read whole and compared with its SHA-256."""
    shards = Manifest.read(folder).shards
    paths = [pathlib.Path(folder) / shard.file for shard in shards]
    broken = {}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for path, shard, sha256 in zip(paths, shards, pool.map(sha256_of, paths), strict=True):
            if progress is not None:
                progress(1)
            if sha256 != shard.sha256:
                broken[str(path)] = f"its SHA-256 begins {sha256[:12]}; {MANIFEST} says {shard.sha256[:12]}"
    return broken


def prepared_dataset(
    folder: str | os.PathLike,
    options: tf.data.Options | None = None,
    deterministic: bool = True,
    parallel_reads: int = 1,
    verify: bool = False,
) -> tf.data.Dataset:
    """The pictures of a folder that `prepare` wrote, straight from the shards, for a `tf.data` pipeline of your own.

    Args:
        folder: As in `prepared`.
        options: A `tf.data.Options` for what else the pipeline keeps to: its threads, or how several workers divide it
            (`FILE` needs as many shards as workers). What it says of determinism wins. Defaults to `None`.
        deterministic: Whether pictures come in the same order every time; without that, whichever is read first comes
            first. Defaults to `True`.
        parallel_reads: How many shards are read in turns. Defaults to `1`: the order of the set.
        verify: As in `prepared`. Defaults to `False`.

    Returns:
        A `tf.data.Dataset` of `(image, identity, camera)`: uint8 of shape `(height, width, 3)`, int64 and int64. Where
        a record is damaged, iterating over it raises `tf.errors.DataLossError`.

    Example:
        >>> _ = tfnxc.datasets.prepare(people, "prepared/people")
        >>> pictures = tfnxc.datasets.prepared_dataset("prepared/people", parallel_reads=4)
        >>> batches = pictures.shuffle(4096, seed=1).batch(64).prefetch(tf.data.AUTOTUNE)
    """
    if parallel_reads < 1:
        raise InputError(f"parallel_reads must be 1 or more; got {parallel_reads}.")
    import tensorflow as tf

    manifest = _open(folder, verify).manifest
    files = [os.fsencode(pathlib.Path(folder) / shard.file) for shard in manifest.shards]
    features = {"image": tf.io.FixedLenFeature([], tf.string)}
    features |= {label: tf.io.FixedLenFeature([], tf.int64) for label in ("identity", "camera")}

    def decode(record):
        example = tf.io.parse_single_example(record, features)
        image = tf.reshape(tf.io.decode_raw(example["image"], tf.uint8), [*manifest.size, 3])
        return image, example["identity"], example["camera"]

    records = tf.data.TFRecordDataset(files, buffer_size=_BUFFER, num_parallel_reads=parallel_reads)
    dataset = records.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    own = tf.data.Options()
    own.deterministic = deterministic
    return dataset.with_options(own).with_options(options or tf.data.Options())


def _open(folder, verify):
    folder = pathlib.Path(folder)
    if not is_prepared(folder):
        there = f"no {MANIFEST} here" if folder.is_dir() else "no such folder"
        raise InputError(f"{folder}: {there}; expected a folder that tfnxc datasets prepare wrote.")
    manifest = Manifest.read(folder)
    pictures = _Pictures(folder, manifest, *read_index(folder, manifest))
    broken = broken_shards(folder) if verify else {}
    for path, what in broken.items():
        raise damaged(path, what + f" ({len(broken) - 1} other shards, too)" * (len(broken) > 1))
    return pictures


@dataclasses.dataclass(frozen=True)
class _Pictures:
    """Reads records by their place; plain data, so that it can be sent to worker processes."""

    folder: pathlib.Path
    manifest: Manifest
    labels: Labels
    records: Records

    def read(self, index):
        with open(self._path(index), "rb") as file:
            return self._read(file, index)

    def stamp(self, index):
        """The shard of a picture, by its SHA-256, and its place there."""
        return f"{self.manifest.shards[self.records.shards[index]].sha256} {self.records.offsets[index]}"

    def read_many(self, indices, size):
        """The pictures of these positions in turn, of a shard as one stream; `None` where another size is asked for."""
        return self._stream(indices) if tuple(size) == self.manifest.size else None

    def _stream(self, indices):
        shards = self.records.shards[indices]
        runs = np.split(indices, np.flatnonzero(np.diff(shards)) + 1)
        for run in runs if len(indices) else ():
            with open(self._path(run[0]), "rb", buffering=_BUFFER) as file:
                for index in run:
                    yield self._read(file, index)

    def _path(self, index):
        return self.folder / self.manifest.shards[self.records.shards[index]].file

    def _read(self, file, index):
        # Read, not mapped into memory: a shard cut short while it is open gives few bytes here, there a dead process.
        offset, length = int(self.records.offsets[index]), int(self.records.lengths[index])
        if file.tell() != offset:
            file.seek(offset)
        frame = file.read(length + FRAME)
        # The checksum of record and frame together finds a cut, a flipped byte and another shard's record alike.
        if zlib.crc32(frame) != self.records.checksums[index]:
            raise damaged(file.name, f"the record of {self.labels.names[index]} at byte {offset} is damaged (CRC-32)")
        import tensorflow as tf

        name, (height, width) = self.labels.names[index], self.manifest.size
        try:
            image = tf.train.Example.FromString(frame[12:-4]).features.feature["image"].bytes_list.value[0]
        except Exception as error:  # the class of a parsing error depends on the protobuf that TensorFlow brings
            raise damaged(file.name, f"the record of {name} is no picture ({error})") from None
        if len(image) != height * width * 3:
            raise damaged(file.name, f"the picture {name} has {len(image)} bytes; expected {height} x {width} x 3")
        return np.frombuffer(image, np.uint8).reshape(height, width, 3)
