"""`index.csv` of a prepared folder: the labels of the pictures and where their records lie, written and checked."""

import csv
import dataclasses
import hashlib
import io
import json
import os
import pathlib

import numpy as np

from tfnxc.datasets.prepared.manifest import FRAME, MANIFEST, Manifest, damaged, read_bytes
from tfnxc.errors import InputError
from tfnxc.files import replacing

_INDEX = "index.csv"
_COLUMNS = ("name", "identity", "camera", "probe", "shard", "offset", "bytes", "crc32")


@dataclasses.dataclass(frozen=True)
class Labels:
    """What is known of the pictures of a set beside their pixels, each a value a picture; see `ImageSet`."""

    set_name: str
    names: list[str]
    identities: np.ndarray
    cameras: np.ndarray
    probes: np.ndarray | None

    def fingerprint(self, size: tuple[int, int]) -> str:
        """SHA-256 of these labels and the size of the pictures: equal where the same is prepared."""
        probes = None if self.probes is None else np.asarray(self.probes, int).tolist()
        lists = [self.names, self.identities.tolist(), self.cameras.tolist(), probes]
        return hashlib.sha256(json.dumps([self.set_name, list(size), *lists]).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Records:
    """Where the record of each picture lies: its shard, where its frame begins there, its length without the frame.

    `checksums` are the CRC-32 of record and frame.
    """

    shards: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    checksums: np.ndarray


def write_index(folder: str | os.PathLike, labels: Labels, records: Records) -> str:
    """Writes `index.csv`, one line a picture, and gives its SHA-256."""
    text = io.StringIO(newline="")
    # Quoted, because the name of a file may hold anything, an end of line too.
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_COLUMNS)
    probes = [None] * len(labels.names) if labels.probes is None else np.asarray(labels.probes, int).tolist()
    columns = (labels.identities, labels.cameras, probes, *dataclasses.astuple(records))
    writer.writerows(zip(labels.names, *(np.asarray(column).tolist() for column in columns), strict=True))
    # The name of a file need not be UTF-8 on disk; Python carries such bytes as surrogates.
    data = text.getvalue().encode("utf-8", "surrogateescape")
    with replacing(pathlib.Path(folder) / _INDEX) as new:
        new.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read_index(folder: str | os.PathLike, manifest: Manifest) -> tuple[Labels, Records]:
    """The `Labels` and the `Records` of a prepared folder; raises `InputError` where they contradict the manifest."""
    path = pathlib.Path(folder) / _INDEX
    data = read_bytes(path)
    if hashlib.sha256(data).hexdigest() != manifest.index_sha256:
        raise damaged(path, f"it is not the index that {MANIFEST} was written with (SHA-256)")
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""), strict=True))
        labels, records = _parse_rows(manifest, rows)
        _check_records(manifest, records)
    except csv.Error as error:
        raise damaged(path, f"not a CSV file ({error})") from None
    except InputError as error:
        raise damaged(path, error) from None
    people = len(np.unique(labels.identities[labels.identities >= 0]))
    if people != manifest.identities:
        raise damaged(path, f"{people} identities; {MANIFEST} says {manifest.identities}")
    if labels.fingerprint(manifest.size) != manifest.fingerprint:
        raise damaged(path, f"{MANIFEST} is of other pictures (its fingerprint differs)")
    return labels, records


def _parse_rows(manifest, rows):
    if not rows or tuple(rows[0]) != _COLUMNS:
        raise InputError(f"expected the header {','.join(_COLUMNS)}")
    rows = rows[1:]
    if len(rows) != manifest.pictures:
        raise InputError(f"{len(rows)} pictures; {MANIFEST} says {manifest.pictures}")
    if any(len(row) != len(_COLUMNS) for row in rows):
        raise InputError(f"a line has not {len(_COLUMNS)} cells")
    names, *columns = zip(*rows, strict=True)
    probes = columns.pop(2)
    identities, cameras, *records = map(_whole_numbers, columns)
    if not set(probes) <= {"0", "1"} and set(probes) != {""}:
        raise InputError("the probes must be 0 or 1 everywhere, or empty everywhere")
    probes = None if probes[0] == "" else np.array([probe == "1" for probe in probes])
    return Labels(manifest.name, list(names), identities, cameras, probes), Records(*records)


def _whole_numbers(cells):
    try:
        return np.array([int(cell) for cell in cells], np.int64)
    except (ValueError, OverflowError):
        raise InputError("a cell is not a whole number of 64 bits") from None


def _check_records(manifest, records):
    """Whether the records fill their shards without a gap, in order, as many as the manifest says."""
    counts = [shard.records for shard in manifest.shards]
    if sum(counts) != manifest.pictures:
        raise InputError(f"{MANIFEST} says {manifest.pictures} pictures, and {sum(counts)} in all of its shards")
    if not np.array_equal(records.shards, np.repeat(np.arange(len(counts)), counts)):
        raise InputError("the numbers of the shards are not those of the manifest")
    # 8 MiB more than its pixels is more than any record has: this bounds the sums below, too.
    most = 3 * manifest.size[0] * manifest.size[1] + (1 << 23)
    if records.lengths.min() < 1 or records.lengths.max() > most:
        raise InputError(f"a record of less than 1 or more than {most} bytes")
    if records.checksums.min() < 0 or records.checksums.max() >= 1 << 32:
        raise InputError("a checksum of more than 32 bits")
    ends = np.cumsum(records.lengths + FRAME)
    begins = ends - records.lengths - FRAME
    firsts = np.concatenate([[0], np.cumsum(counts)])
    if not np.array_equal(records.offsets, begins - begins[firsts[records.shards]]):
        raise InputError("the records do not lie one after the other")
    sizes = np.diff(np.concatenate([[0], ends[firsts[1:] - 1]])).tolist()
    if sizes != [shard.bytes for shard in manifest.shards]:
        raise InputError(f"the records do not add up to the sizes of the shards in {MANIFEST}")
