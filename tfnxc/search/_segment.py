"""A segment: the features and records of some pictures in one file, which is never changed once it has its name.

The file holds, one after the other: the pooled embeddings (float32), the feature maps (float16), the CRC-32 of each map
(uint32), and the records (JSON). The first and the last two are covered by one SHA-256, which the manifest keeps and
which is checked when the file is opened; a map is checked when it is read.
"""

import dataclasses
import functools
import hashlib
import itertools
import math
import pathlib
import zlib

import numpy as np

from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.search.records import Records

MOST_PICTURES = 1024
"""Pictures in a segment: a block of memory, 23 MB for maps of 37 x 12 x 25."""

_PLACE = np.uint32


@dataclasses.dataclass(frozen=True)
class SegmentEntry:
    """A segment as the manifest lists it."""

    file: str
    pictures: int  # deleted ones included
    bytes: int
    sha256: str  # of all but the maps
    deleted: tuple[int, ...] = ()  # positions, ascending


def write_segment(folder, file, records, maps, embeddings):
    """Writes a segment, whole or not at all, so that it outlives a loss of power too; gives its `SegmentEntry`."""
    embeddings = np.ascontiguousarray(embeddings, np.float32)
    with np.errstate(over="ignore"):  # told below
        maps = np.ascontiguousarray(maps, np.float16)
    if not np.isfinite(maps).all():
        raise InputError("a feature is beyond the range of half precision, in which an index keeps them (65504).")
    checksums = np.array([zlib.crc32(each) for each in maps], _PLACE)
    about = records.to_bytes()
    path = pathlib.Path(folder) / file
    with replacing(path) as new, open(new, "wb") as opened:
        for part in (embeddings, maps, checksums, about):
            opened.write(part)
    return SegmentEntry(file, len(records), path.stat().st_size, _sha256(embeddings, checksums, about))


class Segment:
    """A segment, opened to be read: its maps are mapped into memory, and read when they are asked for.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is damaged.
    """

    def __init__(self, folder, entry, map_shape, embedding_size):
        self.path, self.entry = pathlib.Path(folder) / entry.file, entry
        count = entry.pictures
        with open(self.path, "rb") as file:
            if self.path.stat().st_size != entry.bytes:
                raise damaged(self.path, f"{self.path.stat().st_size} bytes; the manifest says {entry.bytes}")
            # One mapping, which outlives the name of the file: a reader goes on while a compaction removes it.
            whole = np.memmap(file, np.uint8, "r")
        sizes = 4 * count * embedding_size, 2 * count * math.prod(map_shape), 4 * count
        ends = list(itertools.accumulate(sizes, initial=0))
        if ends[-1] > len(whole):
            raise damaged(self.path, "too short for its pictures")
        embeddings, maps, checksums = (whole[start:end] for start, end in itertools.pairwise(ends))
        about = whole[ends[-1] :]
        if _sha256(embeddings, checksums, about) != entry.sha256:
            raise damaged(self.path, "records and embeddings are not those that were written (SHA-256)")
        self.embeddings = embeddings.view(np.float32).reshape(count, embedding_size)
        self._maps = maps.view(np.float16).reshape(count, *map_shape)
        self._checksums = np.array(checksums).view(_PLACE)
        try:
            self.records = Records.from_bytes(about.tobytes())
            sound = self.records.sound(count)
        except (ValueError, TypeError, RecursionError):
            sound = False
        if not sound:
            raise damaged(self.path, "its records are not of the form that tfnxc writes") from None

    @functools.cached_property
    def alive(self):
        """Booleans, one a picture: whether it is not deleted."""
        alive = np.ones(self.entry.pictures, bool)
        alive[list(self.entry.deleted)] = False
        return alive

    def maps(self, rows):
        """The feature maps of some positions: a float16 copy; an `InputError` names the picture of a damaged one."""
        maps = self._maps[rows]
        for row, each in zip(rows, maps, strict=True):
            if zlib.crc32(np.ascontiguousarray(each)) != self._checksums[row]:
                raise damaged(self.path, f"the features of {self.records.names[row]} are damaged (CRC-32)")
        return maps


def damaged(path, what):
    """The error that says what is wrong with a file of an index."""
    return InputError(f"{path}: {what}. The index is damaged: copy it anew, or index the pictures again.")


def _sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
