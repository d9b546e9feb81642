"""Resizing every picture of a set once, into TFRecord shards that training reads at the speed of the disk."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import errno
import itertools
import math
import os
import pathlib
import shutil
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import numpy as np

from tfnxc.datasets.image_set import IMAGE_SIZE, ImageSet, picture_names, resize
from tfnxc.datasets.prepared.manifest import (
    FRAME,
    VERSION,
    Labels,
    Manifest,
    Records,
    Shard,
    checked_name,
    checked_size,
    write_index,
)
from tfnxc.datasets.prepared.reader import is_prepared, prepared
from tfnxc.errors import InputError
from tfnxc.files import is_temporary, parse_json, replacing, write_json
from tfnxc.hashes import sha256_of
from tfnxc.locks import alone_in

SHARD_BYTES = 64 << 20  # about what a shard holds at most, where the number of shards is left open
_SHARDS = 16
_PICTURES_A_SHARD = 64
_LABEL_BYTES = 256  # about what a record holds beside its pixels; for the disk space that is asked for


def prepare(
    people: ImageSet,
    folder: str | os.PathLike,
    size: tuple[int, int] = IMAGE_SIZE,
    shards: int | None = None,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> ImageSet:
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
        >>> small = tfnxc.datasets.prepare(people, "prepared/small", size=(80, 30), workers=2)
        >>> small.read(17).shape
        (80, 30, 3)
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
    def of(cls, people: ImageSet, size: tuple[int, int], shards: int | None) -> Self:
        """The plan for a set; raises `InputError` where an argument is not as `prepare` describes it."""
        size, count = checked_size(size), len(people)
        if not count:
            raise InputError(f"{people.name} has no picture to prepare.")
        if shards is not None and not 1 <= shards <= count:
            raise InputError(f"shards must be 1 to {count}, the number of pictures; got {shards}.")
        identities, cameras = (np.asarray(values, np.int64) for values in (people.identities, people.cameras))
        probes = None if people.probes is None else np.asarray(people.probes, bool)
        labels = Labels(
            checked_name(people.name), picture_names(people.paths), identities, cameras, probes, people.names
        )
        by_bytes = math.ceil(count * _picture_bytes(size) / SHARD_BYTES)
        by_count = min(_SHARDS, math.ceil(count / _PICTURES_A_SHARD))
        return cls(labels, size, shards or min(count, max(by_bytes, by_count)), labels.fingerprint(size))

    def file(self, number: int) -> str:
        return f"pictures-{number:05d}-of-{self.shards:05d}.tfrecord"

    def pictures(self, number: int) -> range:
        """The positions of the pictures of one shard; sizes of shards differ by one at most."""
        count = len(self.labels.names)
        return range(number * count // self.shards, (number + 1) * count // self.shards)

    def record(self, index: int, picture: np.ndarray) -> bytes:
        import tensorflow as tf

        labels = self.labels
        numbers = {"height": self.size[0], "width": self.size[1]}
        numbers |= {"identity": labels.identities[index], "camera": labels.cameras[index]}
        numbers["probe"] = -1 if labels.probes is None else labels.probes[index]
        texts = {"image": picture.tobytes(), "name": os.fsencode(labels.names[index])}
        feature = {key: tf.train.Feature(int64_list=tf.train.Int64List(value=[int(numbers[key])])) for key in numbers}
        feature |= {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[texts[key]])) for key in texts}
        return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)


@dataclasses.dataclass(frozen=True)
class _Work:
    """The folder beside the target: `plan.json`, `whole` (becomes the target), `done` (the sums of finished shards)."""

    folder: pathlib.Path
    plan: _Plan

    @property
    def whole(self) -> pathlib.Path:
        return self.folder / "whole"

    def done(self, number: int) -> pathlib.Path:
        return self.folder / "done" / f"{number:05d}.json"

    def check_space(self) -> None:
        """Raises `InputError` where the disk has less space than the pictures that are not yet written take."""
        needed = len(self.plan.labels.names) * _picture_bytes(self.plan.size)
        written = sum(path.stat().st_size for path in self.whole.glob("pictures-*.tfrecord"))
        there = next(parent for parent in self.folder.parents if parent.exists())
        free = shutil.disk_usage(there).free
        if free < needed - written:
            lack = f"{free / 1e6:.0f} MB free; the prepared pictures take {(needed - written) / 1e6:.0f} MB"
            raise InputError(f"{there}: {lack}. Make room, choose another disk, or prepare smaller pictures.")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes away until the block ends, or this process does, by a kill too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        busy = f"{self.folder}: another process is preparing these pictures. Wait for it."
        with alone_in(self.folder, lambda holder: busy):
            try:
                yield
            finally:
                self.remove_leftovers()

    def remove_leftovers(self) -> None:
        """Removes the folder where nothing is begun in it, or all of it has become the target."""
        if self.folder.exists() and not self.whole.exists():
            shutil.rmtree(self.folder, ignore_errors=True)  # another process may be removing it, too

    def begin(self) -> None:
        """Makes the folders and removes what a kill left half written; an `InputError` where other work is begun."""
        noted, plan = self.folder / "plan.json", self.plan
        asked = {
            "set": plan.labels.set_name,
            "size": list(plan.size),
            "shards": plan.shards,
            "source": plan.fingerprint,
            "version": VERSION,
        }
        found = _load(noted)
        found = found if isinstance(found, dict) else {}
        differing = [key for key in asked if found.get(key) != asked[key]]
        if differing and noted.exists():
            details = "; ".join(f"{key}: {str(found.get(key))[:64]} there, {asked[key]} now" for key in differing)
            what = f"an unfinished preparation of other pictures or with other options ({details})"
            remedy = "Finish it with those, delete that folder, or choose another target"
            raise InputError(f"{self.folder} holds {what}. {remedy}.")
        for folder in (self.whole, self.folder / "done"):
            folder.mkdir(exist_ok=True)
            for path in filter(is_temporary, folder.iterdir()):
                path.unlink()
        write_json(noted, asked)

    def finished_shard(self, number: int) -> _Sums | None:
        """What was noted of a shard, if the shard still has the same bytes; or else `None`."""
        noted, path = _load(self.done(number)), self.whole / self.plan.file(number)
        try:
            sums = _Sums(**noted)
            same = sums.bytes == sum(sums.lengths) + FRAME * len(self.plan.pictures(number)) == path.stat().st_size
            return sums if same and sha256_of(path) == sums.sha256 else None
        except (TypeError, OSError):
            return None

    def finish(self, target: pathlib.Path, written: Sequence[_Sums]) -> None:
        """Writes index and manifest, and gives the folder its name."""
        plan = self.plan
        rows = []
        for number, sums in enumerate(written):
            offsets = itertools.accumulate((length + FRAME for length in sums.lengths), initial=0)
            rows += [(number, *place) for place in zip(offsets, sums.lengths, sums.checksums, strict=False)]
        index_sha256 = write_index(self.whole, plan.labels, Records(*np.transpose(rows)))
        people = plan.labels.identities[plan.labels.identities >= 0]
        counts = len(plan.labels.names), len(np.unique(people))
        shards = tuple(Shard(plan.file(at), len(s.lengths), s.bytes, s.sha256) for at, s in enumerate(written))
        labels = plan.labels
        manifest = Manifest(
            labels.set_name, plan.size, *counts, plan.fingerprint, index_sha256, shards, labels.people_names
        )
        manifest.write(self.whole)
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


def _picture_bytes(size):
    return size[0] * size[1] * 3 + _LABEL_BYTES


def _load(path):
    """What a JSON file of the work says; `None` where it cannot be read."""
    try:
        return parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None


class _StoppedError(Exception):
    """A shard was given up because another one failed."""


def _write_shards(people, work, workers, progress):
    import tensorflow as tf

    stop, broken, written = threading.Event(), [], []  # broken pictures as (position, message)

    def write(number):
        try:
            return _write_shard(people, work, number, stop, broken, progress)
        except _StoppedError:
            raise
        except BaseException:
            stop.set()
            raise

    pool = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        for future in [pool.submit(write, number) for number in range(work.plan.shards)]:
            with contextlib.suppress(_StoppedError):
                written.append(future.result())
    except tf.errors.OpError as error:
        raise InputError(f"{work.whole}: a shard cannot be written ({error.message}).") from None
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
    if broken:
        shutil.rmtree(work.whole)  # what is left of the work goes with it
        messages = [message for _, message in sorted(broken)]
        more = [f"and {len(messages) - 5} more"] * (len(messages) > 5)
        title = [f"{len(messages)} pictures cannot be read; nothing was written."] * (len(messages) > 1)
        raise InputError("\n  ".join([*title, *messages[:5], *more]))
    return written


def _write_shard(people, work, number, stop, broken, progress):
    """The sums of a shard, which is written unless it is there already."""
    sums = work.finished_shard(number)
    if sums is not None:
        progress(len(sums.lengths))
        return sums
    checksums = []
    with replacing(work.whole / work.plan.file(number)) as new:
        lengths = _write_records(people, work.plan, number, new, stop, broken, progress)
        with open(new, "rb") as file:
            for length in lengths:
                frame = file.read(length + FRAME)
                if len(frame) != length + FRAME or struct.unpack("<Q", frame[:8])[0] != length:
                    raise InputError(f"{new}: the disk does not hold what was written. Is it full, or failing?")
                checksums.append(zlib.crc32(frame))
        sums = _Sums(new.stat().st_size, sha256_of(new), lengths, checksums)
    write_json(work.done(number), dataclasses.asdict(sums))
    return sums


def _write_records(people, plan, number, path, stop, broken, progress):
    """Writes the records of one shard and gives their lengths; goes on past broken pictures, to name all of them."""
    import tensorflow as tf

    lengths = []
    with tf.io.TFRecordWriter(os.fsencode(path)) as writer:
        for index in plan.pictures(number):
            if stop.is_set():
                raise _StoppedError
            try:
                picture = people.read(index)
            except InputError as error:
                broken.append((index, str(error)))
            if not broken:
                record = plan.record(index, resize(picture, plan.size))
                writer.write(record)
                lengths.append(len(record))
            progress(1)
    if broken:
        raise _StoppedError
    return lengths


def _is_finished(target, plan, shards):
    """Whether the target is this preparation; raises `InputError` where it is something else."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    if not is_prepared(target):
        raise InputError(f"{target} exists and is no folder of prepared pictures. Choose another one.")
    manifest = Manifest.read(target)
    if manifest.fingerprint != plan.fingerprint or shards not in (None, len(manifest.shards)):
        size = f"{manifest.size[0]} x {manifest.size[1]} in {len(manifest.shards)} shards"
        there = f"{manifest.pictures} prepared pictures of {manifest.name}, {size}"
        remedy = "Choose another folder, or delete that one"
        raise InputError(f"{target} holds {there}: other ones, or with other options, than these. {remedy}.")
    return True
