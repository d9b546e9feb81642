"""Resizing every picture of a set once, into TFRecord shards that training reads at the speed of the disk."""

import concurrent.futures
import contextlib
import dataclasses
import errno
import os
import pathlib
import shutil
import struct
import threading
import zlib
from collections.abc import Callable

from tfnxc.datasets.image_set import IMAGE_SIZE, ImageSet, resize
from tfnxc.datasets.prepared.manifest import FRAME, Manifest
from tfnxc.datasets.prepared.reader import is_prepared, prepared
from tfnxc.datasets.prepared.work import Plan, Sums, Work
from tfnxc.errors import InputError
from tfnxc.files import replacing, write_json
from tfnxc.hashes import sha256_of

# TensorFlow is imported where it is used, so that `tfnxc --help` does not wait for it.


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
    plan = Plan.of(people, size, shards)
    if workers is not None and workers < 1:
        raise InputError(f"workers must be 1 or more; got {workers}.")
    progress = progress or (lambda count: None)
    # Absolute, because the folder for the work lies beside it, also when the target is ".".
    target = pathlib.Path(os.path.abspath(folder))
    if not target.name:
        raise InputError(f"{target} is the root of a disk. Choose a folder in it.")
    work = Work(target.with_name(f".tfnxc-{target.name}.partial"), plan)
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
    with replacing(work.whole / work.plan.file(number)) as new:
        sums = _read_back(new, _write_records(people, work.plan, number, new, stop, broken, progress))
    write_json(work.done(number), dataclasses.asdict(sums))
    return sums


def _write_records(people, plan, number, path, stop, broken, progress):
    """Writes the records of one shard and gives their lengths; goes on past broken pictures, to name all of them."""
    import tensorflow as tf

    lengths = []
    with tf.io.TFRecordWriter(str(path)) as writer:
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


def _read_back(path, lengths):
    """The sums of a shard as it lies on the disk."""
    checksums = []
    with open(path, "rb") as file:
        for length in lengths:
            frame = file.read(length + FRAME)
            if len(frame) != length + FRAME or struct.unpack("<Q", frame[:8])[0] != length:
                raise InputError(f"{path}: the disk does not hold what was written. Is it full, or failing?")
            checksums.append(zlib.crc32(frame))
    return Sums(path.stat().st_size, sha256_of(path), lengths, checksums)


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
