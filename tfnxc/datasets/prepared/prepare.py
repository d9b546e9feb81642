"""Resizing every picture of a set once, into TFRecord shards that training reads at the speed of the disk."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import errno
import itertools
import json
import math
import os
import pathlib
import shutil
import struct
import threading
import zlib

import numpy as np

from tfnxc.datasets.image_set import IMAGE_SIZE, resize
from tfnxc.datasets.prepared.files import (
    FRAME,
    Labels,
    Manifest,
    Records,
    Shard,
    checked_name,
    checked_size,
    sha256_of,
    write_index,
)
from tfnxc.datasets.prepared.reader import is_prepared, prepared
from tfnxc.errors import InputError
from tfnxc.files import is_temporary, replacing, write_json

# TensorFlow is imported where it is used, so that `tfnxc --help` does not wait for it.

SHARD_BYTES = 64 << 20
"""About what a shard holds at most, where the number of shards is left open."""
_SHARDS = 16
_PICTURES_A_SHARD = 64
_LABEL_BYTES = 256
"""About what a record holds beside its pixels; for the disk space that is asked for."""


def prepare(people, folder, size=IMAGE_SIZE, shards=None, workers=None, progress=None):
    """Resizes every picture once and writes all of them into a folder of TFRecord shards.

    A record is a `tf.train.Example` with the pixels as raw RGB bytes (`image`; `height`, `width`), so that reading
    decodes nothing, and `identity`, `camera`, `probe` (1, 0, or -1 where the set does not fix it) and `name`.
    `manifest.json` lists the shards with their SHA-256, `index.csv` the place of every record.

    The work is done in a folder beside the target, which takes its name when it is whole: there is no half a target.
    A preparation that was stopped, by a kill too, goes on where it was when it is called again; finished shards are
    compared with their checksums and kept.

    Args:
        people: An `ImageSet`.
        folder: Where the folder is to be. It may be there if it is empty, or the same preparation, finished: then
            nothing is done.
        size: `(height, width)` in pixels of every picture. Defaults to `(160, 60)`.
        shards: How many files, at most one a picture. Defaults to `None`: up to 16 of at least 64 pictures, more where
            they would be larger than 64 MiB.
        workers: Threads, each at one shard. Defaults to `None`: one a processor core.
        progress: Called with a number of pictures when they are done, from any of the threads. Defaults to `None`.

    Returns:
        The prepared pictures, as `prepared(folder)` gives them.

    Raises:
        InputError: If a picture cannot be read (then nothing is left behind; the message names the first five), the
            folder is something else, an unfinished preparation there is of other pictures or options, another process
            is at it, the disk has too little space, or an argument is not as described.

    Example:
        >>> people = tfnxc.datasets.cuhk01("cuhk01/campus")
        >>> people = tfnxc.datasets.prepare(people, "prepared/cuhk01", workers=4)
        >>> people.images().shape
        (3884, 160, 60, 3)
    """
    plan = _Plan.of(people, size, shards)
    if workers is not None and workers < 1:
        raise InputError(f"workers must be 1 or more; got {workers}.")
    progress = progress or (lambda count: None)
    # Absolute, because the folder for the work lies beside it, also when the target is ".".
    target = pathlib.Path(os.path.abspath(folder))
    if not target.name:
        raise InputError(f"{target} is the root of a disk. Choose a folder in it.")
    work = _Work(target.with_name(f".tfnxc-{target.name}.partial"), plan)
    if _is_finished(target, plan, shards):
        work.remove_leftovers()
        progress(len(people))
        return prepared(folder)
    work.check_space()
    try:
        with work.alone():
            if not _is_finished(target, plan, shards):  # another process may have just finished it
                work.begin()
                work.finish(target, _write_shards(people, work, workers or os.cpu_count() or 1, progress))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(f"{work.folder}: the disk is full. Make room and go on: finished shards are kept.") from None
    return prepared(folder)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is to be written: equal plans give equal bytes."""

    labels: Labels
    size: tuple[int, int]
    shards: int
    fingerprint: str

    @classmethod
    def of(cls, people, size, shards):
        size, count = checked_size(size), len(people)
        if not count:
            raise InputError(f"{people.name} has no picture to prepare.")
        if shards is not None and not 1 <= shards <= count:
            raise InputError(f"shards must be 1 to {count}, the number of pictures; got {shards}.")
        identities, cameras = (np.asarray(values, np.int64) for values in (people.identities, people.cameras))
        probes = None if people.probes is None else np.asarray(people.probes, bool)
        labels = Labels(checked_name(people.name), _names(people.paths), identities, cameras, probes)
        by_bytes = math.ceil(count * _picture_bytes(size) / SHARD_BYTES)
        by_count = min(_SHARDS, math.ceil(count / _PICTURES_A_SHARD))
        return cls(labels, size, shards or min(count, max(by_bytes, by_count)), labels.fingerprint(size))

    def file(self, number):
        return f"pictures-{number:05d}-of-{self.shards:05d}.tfrecord"

    def pictures(self, number):
        """The positions of the pictures of one shard; sizes of shards differ by one at most."""
        count = len(self.labels.names)
        return range(number * count // self.shards, (number + 1) * count // self.shards)

    def record(self, index, picture):
        """The picture of a position as a record."""
        import tensorflow as tf

        labels = self.labels
        numbers = {
            "height": self.size[0],
            "width": self.size[1],
            "identity": labels.identities[index],
            "camera": labels.cameras[index],
            "probe": -1 if labels.probes is None else labels.probes[index],
        }
        texts = {"image": picture.tobytes(), "name": os.fsencode(labels.names[index])}
        feature = {key: tf.train.Feature(int64_list=tf.train.Int64List(value=[int(numbers[key])])) for key in numbers}
        feature |= {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[texts[key]])) for key in texts}
        return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)

    def to_dict(self):
        return {"set": self.labels.set_name, "size": list(self.size), "shards": self.shards, "source": self.fingerprint}


@dataclasses.dataclass(frozen=True)
class _Work:
    """The folder beside the target in which a plan is carried out.

    It holds `plan.json`, `whole` (what becomes the target) and `done` (one file a finished shard).
    """

    folder: pathlib.Path
    plan: _Plan

    @property
    def whole(self):
        return self.folder / "whole"

    def done(self, number):
        return self.folder / "done" / f"{number:05d}.json"

    def check_plan(self):
        """Raises `InputError` where the folder holds an unfinished preparation of something else."""
        if not (self.folder / "plan.json").exists():
            return
        found, asked = _load(self.folder / "plan.json"), self.plan.to_dict()
        differing = [key for key in asked if not isinstance(found, dict) or found.get(key) != asked[key]]
        if differing:
            there = found if isinstance(found, dict) else {}
            details = "; ".join(f"{key}: {str(there.get(key))[:64]} there, {asked[key]} now" for key in differing)
            raise InputError(
                f"{self.folder} holds an unfinished preparation of other pictures or with other options ({details}). "
                "Finish it with those, delete that folder, or choose another target."
            )

    def check_space(self):
        """Raises `InputError` where the disk has less space than the pictures that are not yet written take."""
        needed = len(self.plan.labels.names) * _picture_bytes(self.plan.size)
        written = sum(path.stat().st_size for path in self.whole.glob("pictures-*.tfrecord"))
        there = next(parent for parent in self.folder.parents if parent.exists())
        free = shutil.disk_usage(there).free
        if free < needed - written:
            raise InputError(
                f"{there}: {free / 1e6:.0f} MB free; the prepared pictures take {(needed - written) / 1e6:.0f} MB. "
                "Make room, choose another disk, or prepare smaller pictures."
            )

    @contextlib.contextmanager
    def alone(self):
        """Keeps other processes away until the block ends, or this process does, by a kill too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w") as lock:
            _lock(lock, self.folder)
            try:
                yield
            finally:
                self.remove_leftovers()

    def remove_leftovers(self):
        """Removes the folder where nothing is begun in it, or all of it has become the target."""
        if self.folder.exists() and not self.whole.exists():
            shutil.rmtree(self.folder, ignore_errors=True)  # another process may be removing it, too

    def begin(self):
        """Makes the folders, and removes what a kill left half written; raises `InputError` as `check_plan` does."""
        self.check_plan()
        for folder in (self.whole, self.folder / "done"):
            folder.mkdir(exist_ok=True)
            for path in filter(is_temporary, folder.iterdir()):
                path.unlink()
        write_json(self.folder / "plan.json", self.plan.to_dict())

    def finished_shard(self, number):
        """What `_write_shard` noted of a shard, if the shard still has the same bytes; or else `None`."""
        noted, path = _load(self.done(number)), self.whole / self.plan.file(number)
        try:
            sums = _Sums(**noted)
            same = sums.bytes == sum(sums.lengths) + FRAME * len(self.plan.pictures(number)) == path.stat().st_size
            return sums if same and sha256_of(path) == sums.sha256 else None
        except (TypeError, OSError):
            return None

    def finish(self, target, written):
        """Writes index and manifest, and gives the folder its name."""
        plan = self.plan
        columns = [
            np.repeat(np.arange(plan.shards), [len(sums.lengths) for sums in written]),
            [offset for sums in written for offset in sums.offsets()],
            [length for sums in written for length in sums.lengths],
            [checksum for sums in written for checksum in sums.checksums],
        ]
        index_sha256 = write_index(self.whole, plan.labels, Records(*(np.asarray(column) for column in columns)))
        listed = enumerate(written)
        Manifest(
            name=plan.labels.set_name,
            size=plan.size,
            pictures=len(plan.labels.names),
            identities=len(np.unique(plan.labels.identities[plan.labels.identities >= 0])),
            fingerprint=plan.fingerprint,
            index_sha256=index_sha256,
            shards=tuple(Shard(plan.file(at), len(sums.lengths), sums.bytes, sums.sha256) for at, sums in listed),
        ).write(self.whole)
        if target.is_dir():
            target.rmdir()  # it is empty, or this is an error
        os.rename(self.whole, target)


@dataclasses.dataclass(frozen=True)
class _Sums:
    """What a shard adds up to: its size and SHA-256, and the length and CRC-32 of each of its records."""

    bytes: int
    sha256: str
    lengths: list[int]
    checksums: list[int]

    def offsets(self):
        ends = itertools.accumulate(length + FRAME for length in self.lengths)
        return [end - length - FRAME for end, length in zip(ends, self.lengths, strict=True)]


class _StoppedError(Exception):
    """A shard was given up because another one failed."""


class _Failures:
    """What went wrong so far, for all threads to see."""

    def __init__(self):
        self.stop = threading.Event()
        self.broken = []

    def raise_broken(self):
        """Raises `InputError` with the first five of the broken pictures, in the order of the set."""
        messages = [message for _, message in sorted(self.broken)]
        if len(messages) == 1:
            raise InputError(messages[0])
        more = f"\n  and {len(messages) - 5} more" if len(messages) > 5 else ""
        shown = "".join(f"\n  {message}" for message in messages[:5])
        raise InputError(f"{len(messages)} pictures cannot be read; nothing was written.{shown}{more}")


def _write_shards(people, work, workers, progress):
    failures = _Failures()
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    written = []
    try:
        futures = [
            pool.submit(_write_shard, people, work, number, failures, progress) for number in range(work.plan.shards)
        ]
        for future in futures:
            with contextlib.suppress(_StoppedError):
                written.append(future.result())
    finally:
        failures.stop.set()
        pool.shutdown(cancel_futures=True)
    if failures.broken:
        shutil.rmtree(work.whole)  # what is left of the work goes with it
        failures.raise_broken()
    return written


def _write_shard(people, work, number, failures, progress):
    import tensorflow as tf

    try:
        sums = work.finished_shard(number)
        if sums is not None:
            progress(len(sums.lengths))
            return sums
        path = work.whole / work.plan.file(number)
        with replacing(path) as new:
            lengths = _write_records(people, work.plan, number, new, failures, progress)
            sums = _read_back(new, lengths)
        write_json(work.done(number), dataclasses.asdict(sums))
        return sums
    except _StoppedError:
        raise
    except tf.errors.OpError as error:
        failures.stop.set()
        raise InputError(f"{work.whole}: a shard cannot be written ({error.message}).") from None
    except BaseException:
        failures.stop.set()
        raise


def _write_records(people, plan, number, path, failures, progress):
    """Writes the records of one shard and gives their lengths; goes on past broken pictures, to name all of them."""
    import tensorflow as tf

    lengths = []
    with tf.io.TFRecordWriter(str(path)) as writer:
        for index in plan.pictures(number):
            if failures.stop.is_set():
                raise _StoppedError
            try:
                picture = people.read(index)
            except InputError as error:
                failures.broken.append((index, str(error)))
            if not failures.broken:
                record = plan.record(index, resize(picture, plan.size))
                writer.write(record)
                lengths.append(len(record))
            progress(1)
    if failures.broken:
        raise _StoppedError
    return lengths


def _read_back(path, lengths):
    """The sums of a shard as it lies on the disk."""
    checksums = []
    with open(path, "rb") as file:
        for length in lengths:
            frame = file.read(length + FRAME)
            if len(frame) != length + FRAME or struct.unpack("<Q", frame[:8])[0] != length:
                raise InputError(f"{path}: the disk does not hold what was written. Is it full, or failing?")
            checksums.append(zlib.crc32(frame))
    return _Sums(path.stat().st_size, sha256_of(path), lengths, checksums)


def _is_finished(target, plan, shards):
    """Whether the target is this preparation; raises `InputError` where it is something else."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    if not is_prepared(target):
        raise InputError(f"{target} exists and is no folder of prepared pictures. Choose another one.")
    manifest = Manifest.read(target)
    if manifest.fingerprint != plan.fingerprint or shards not in (None, len(manifest.shards)):
        raise InputError(
            f"{target} holds {manifest.pictures} prepared pictures of {manifest.name}, {manifest.size[0]} x "
            f"{manifest.size[1]} in {len(manifest.shards)} shards: other ones, or with other options, than these. "
            "Choose another folder, or delete that one."
        )
    return True


def _names(paths):
    """The paths from the folder on that all of them share, so that a set that has moved keeps its names."""
    paths = [os.path.abspath(path) for path in paths]
    above = os.path.dirname(os.path.commonpath([os.path.dirname(path) for path in paths]))
    return [pathlib.Path(os.path.relpath(path, above)).as_posix() for path in paths]


def _picture_bytes(size):
    return size[0] * size[1] * 3 + _LABEL_BYTES


def _load(path):
    """What a JSON file of the work says; `None` where it cannot be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def _lock(file, folder):
    try:
        import fcntl
    except ImportError:  # Windows: nothing keeps a second process away there
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Some network file systems know no locks; to prepare without one is better than not at all.
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise InputError(f"{folder}: another process is preparing these pictures. Wait for it.") from None
