"""Reading what `prepare` wrote: pictures from TFRecord shards, one by one, all in a row, or as a `tf.data.Dataset`."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
import zlib

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.prepared.files import (
    FRAME,
    MANIFEST,
    Labels,
    Manifest,
    Records,
    damaged,
    read_index,
    sha256_of,
)
from tfnxc.errors import InputError

# TensorFlow is imported where it is used, so that `tfnxc --help` does not wait for it.

_BUFFER = 1 << 20
"""Bytes read at a time where pictures are read in a row."""


def is_prepared(folder):
    """Whether a folder is one that `prepare` wrote: it holds a `manifest.json`."""
    return (pathlib.Path(folder) / MANIFEST).is_file()


def prepared(folder, verify=False):
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
        >>> people = tfnxc.datasets.cuhk01("cuhk01/campus")
        >>> tfnxc.datasets.prepare(people, "prepared/cuhk01")
        >>> tfnxc.datasets.prepared("prepared/cuhk01").images().shape
        (3884, 160, 60, 3)
    """
    pictures = _open(folder, verify)
    labels = pictures.labels
    return ImageSet(
        name=labels.set_name,
        paths=labels.names,
        identities=labels.identities,
        cameras=labels.cameras,
        read=pictures.read,
        probes=labels.probes,
        read_many=pictures.read_many,
    )


def broken_shards(folder, progress=None):
    """What is wrong with the shards of a prepared folder, each read whole and compared with its SHA-256.

    Args:
        folder: As in `prepared`.
        progress: Called with 1 after each shard. Defaults to `None`.

    Returns:
        A dict of what is wrong by the path of the shard, in the order of the shards; empty where all is well.

    Raises:
        InputError: If the manifest is damaged, or a shard is missing or of another size.
    """
    shards = Manifest.read(folder).shards

    def sha256(shard):
        found = sha256_of(pathlib.Path(folder) / shard.file)
        if progress is not None:
            progress(1)
        return found

    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = list(pool.map(sha256, shards))
    return {
        str(pathlib.Path(folder) / shard.file): f"its SHA-256 begins {sha256[:12]}; {MANIFEST} says {shard.sha256[:12]}"
        for shard, sha256 in zip(shards, found, strict=True)
        if sha256 != shard.sha256
    }


def prepared_dataset(folder, options=None, deterministic=True, parallel_reads=1, verify=False):
    """The pictures of a folder that `prepare` wrote, straight from the shards, for a `tf.data` pipeline of your own.

    Args:
        folder: As in `prepared`.
        options: A `tf.data.Options` with what else the pipeline shall keep to: threads
            (`options.threading.private_threadpool_size`), or how several workers divide it
            (`options.experimental_distribute.auto_shard_policy`; it may be `FILE` where there are at least as many
            shards as workers). What it says of determinism wins. Defaults to `None`: as TensorFlow has it.
        deterministic: Whether pictures come in the same order every time; without that, whichever is read first comes
            first. Defaults to `True`.
        parallel_reads: How many shards are read at the same time, taking turns. Defaults to `1`: the order of the set.
        verify: As in `prepared`. Defaults to `False`.

    Returns:
        A `tf.data.Dataset` of `(image, identity, camera)`: uint8 of shape `(height, width, 3)`, int64 and int64. Where
        a record is damaged, iterating over it raises `tf.errors.DataLossError`.

    Raises:
        InputError: As `prepared`, or if `parallel_reads` is less than 1.

    Example:
        >>> pictures = tfnxc.datasets.prepared_dataset("prepared/cuhk01", parallel_reads=4)
        >>> batches = pictures.shuffle(4096, seed=1).batch(64).prefetch(tf.data.AUTOTUNE)
    """
    if parallel_reads < 1:
        raise InputError(f"parallel_reads must be 1 or more; got {parallel_reads}.")
    import tensorflow as tf

    manifest = _open(folder, verify).manifest
    files = [str(pathlib.Path(folder) / shard.file) for shard in manifest.shards]
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
    dataset = dataset.with_options(own)
    return dataset if options is None else dataset.with_options(options)


def _open(folder, verify):
    folder = pathlib.Path(folder)
    if not is_prepared(folder):
        there = f"no {MANIFEST} here" if folder.is_dir() else "no such folder"
        raise InputError(f"{folder}: {there}; expected a folder that tfnxc datasets prepare wrote.")
    manifest = Manifest.read(folder)
    pictures = _Pictures(folder, manifest, *read_index(folder, manifest))
    broken = broken_shards(folder) if verify else {}
    for path, what in broken.items():
        others = f" ({len(broken) - 1} other shards, too)" if len(broken) > 1 else ""
        raise damaged(path, what + others)
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

    def read_many(self, indices, size):
        """The pictures of these positions, one after the other; `None` where they have another size than is asked for.

        Pictures that lie in a row are read as one stream.
        """
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
        return self._decode(file.name, index, frame[12:-4])

    def _decode(self, path, index, record):
        import tensorflow as tf

        height, width = self.manifest.size
        try:
            image = tf.train.Example.FromString(record).features.feature["image"].bytes_list.value[0]
        except Exception as error:  # the class of a parsing error depends on the protobuf that TensorFlow brings
            raise damaged(path, f"the record of {self.labels.names[index]} is no picture ({error})") from None
        if len(image) != height * width * 3:
            name = self.labels.names[index]
            raise damaged(path, f"the picture {name} has {len(image)} bytes; expected {height} x {width} x 3")
        return np.frombuffer(image, np.uint8).reshape(height, width, 3)
