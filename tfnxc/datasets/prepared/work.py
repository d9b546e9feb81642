"""The folder beside the target in which pictures are prepared: a kill leaves in it what the next call needs."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import math
import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.prepared.index import Labels, Records, write_index
from tfnxc.datasets.prepared.manifest import FRAME, Manifest, Shard, checked_name, checked_size
from tfnxc.errors import InputError
from tfnxc.files import is_temporary, write_json
from tfnxc.hashes import sha256_of
from tfnxc.locks import alone_in

SHARD_BYTES = 64 << 20
"""About what a shard holds at most, where the number of shards is left open."""
_SHARDS = 16
_PICTURES_A_SHARD = 64
_LABEL_BYTES = 256
"""About what a record holds beside its pixels; for the disk space that is asked for."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be written: equal plans give equal bytes."""

    labels: Labels
    size: tuple[int, int]
    shards: int
    fingerprint: str

    @classmethod
    def of(cls, people: ImageSet, size: tuple[int, int], shards: int | None) -> Plan:
        """The plan for a set; raises `InputError` where an argument is not as `prepare` describes it."""
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

    def file(self, number: int) -> str:
        """Name of the file of a shard."""
        return f"pictures-{number:05d}-of-{self.shards:05d}.tfrecord"

    def pictures(self, number: int) -> range:
        """The positions of the pictures of one shard; sizes of shards differ by one at most."""
        count = len(self.labels.names)
        return range(number * count // self.shards, (number + 1) * count // self.shards)

    def record(self, index: int, picture: np.ndarray) -> bytes:
        """The picture of a position as a record."""
        import tensorflow as tf

        labels = self.labels
        numbers = {"height": self.size[0], "width": self.size[1]}
        numbers |= {"identity": labels.identities[index], "camera": labels.cameras[index]}
        numbers["probe"] = -1 if labels.probes is None else labels.probes[index]
        texts = {"image": picture.tobytes(), "name": os.fsencode(labels.names[index])}
        feature = {key: tf.train.Feature(int64_list=tf.train.Int64List(value=[int(numbers[key])])) for key in numbers}
        feature |= {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[texts[key]])) for key in texts}
        return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)

    def to_dict(self) -> dict:
        """What `plan.json` says."""
        return {"set": self.labels.set_name, "size": list(self.size), "shards": self.shards, "source": self.fingerprint}


@dataclasses.dataclass(frozen=True)
class Work:
    """The folder beside the target: `plan.json`, `whole` (becomes the target), `done` (a file a finished shard)."""

    folder: pathlib.Path
    plan: Plan

    @property
    def whole(self) -> pathlib.Path:
        """What becomes the target."""
        return self.folder / "whole"

    def done(self, number: int) -> pathlib.Path:
        """Where the `Sums` of a finished shard are."""
        return self.folder / "done" / f"{number:05d}.json"

    def _check_plan(self):
        """Raises `InputError` where the folder holds an unfinished preparation of something else."""
        found, asked = _load(self.folder / "plan.json"), self.plan.to_dict()
        found = found if isinstance(found, dict) else {}
        differing = [key for key in asked if found.get(key) != asked[key]]
        if differing and (self.folder / "plan.json").exists():
            details = "; ".join(f"{key}: {str(found.get(key))[:64]} there, {asked[key]} now" for key in differing)
            raise InputError(
                f"{self.folder} holds an unfinished preparation of other pictures or with other options ({details}). "
                "Finish it with those, delete that folder, or choose another target."
            )

    def check_space(self) -> None:
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
        """Makes the folders and removes what a kill left half written; raises `InputError` as `_check_plan` does."""
        self._check_plan()
        for folder in (self.whole, self.folder / "done"):
            folder.mkdir(exist_ok=True)
            for path in filter(is_temporary, folder.iterdir()):
                path.unlink()
        write_json(self.folder / "plan.json", self.plan.to_dict())

    def finished_shard(self, number: int) -> Sums | None:
        """What was noted of a shard, if the shard still has the same bytes; or else `None`."""
        noted, path = _load(self.done(number)), self.whole / self.plan.file(number)
        try:
            sums = Sums(**noted)
            same = sums.bytes == sum(sums.lengths) + FRAME * len(self.plan.pictures(number)) == path.stat().st_size
            return sums if same and sha256_of(path) == sums.sha256 else None
        except (TypeError, OSError):
            return None

    def finish(self, target: pathlib.Path, written: Sequence[Sums]) -> None:
        """Writes index and manifest, and gives the folder its name."""
        plan = self.plan
        rows = [
            (number, offset, length, checksum)
            for number, sums in enumerate(written)
            for offset, length, checksum in zip(sums.offsets(), sums.lengths, sums.checksums, strict=True)
        ]
        index_sha256 = write_index(self.whole, plan.labels, Records(*np.transpose(rows)))
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
class Sums:
    """What a shard adds up to: its size and SHA-256, and the length and CRC-32 of each of its records."""

    bytes: int
    sha256: str
    lengths: list[int]
    checksums: list[int]

    def offsets(self) -> list[int]:
        """Where each record begins in the shard."""
        return list(itertools.accumulate((length + FRAME for length in self.lengths[:-1]), initial=0))


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
