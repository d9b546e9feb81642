"""The files of an index: segments of pictures, which never change, and the manifest, which lists them."""

import dataclasses
import functools
import hashlib
import itertools
import json
import math
import os
import pathlib
import re
import threading
import weakref
import zlib

import numpy as np

from tfnxc.console import readable
from tfnxc.errors import DamagedError, InputError
from tfnxc.files import refuse_special, replacing
from tfnxc.search.picture import Records
from tfnxc.version import __version__

MANIFEST = "manifest.json"
FORMAT = "tfnxc gallery"
VERSION = 2
KEPT = ("maps", "paths")
"""What a gallery keeps of a picture beside its vector: the feature map, or only where the picture lies."""

_PLACE = np.uint32
_AT_ONCE = 1 << 24  # bytes that are copied at a time
_FILE = re.compile(r"[0-9]{8}\.segment")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class SegmentEntry:
    """A segment as the manifest lists it."""

    file: str
    pictures: int  # deleted ones included
    bytes: int
    sha256: str  # of all but the maps
    deleted: tuple[int, ...] = ()  # positions, ascending

    @property
    def number(self):
        """The number in the name of the file: no other segment of the index ever has it."""
        return int(self.file[:8])


def write_segment(folder, file, records, vectors, maps=None):
    """Writes a segment, whole or not at all, so that it outlives a loss of power too; gives its `SegmentEntry`."""
    vectors = np.ascontiguousarray(vectors, np.float16)
    parts = [vectors]
    if maps is not None:
        with np.errstate(over="ignore"):  # told below
            maps = np.ascontiguousarray(maps, np.float16)
        if not np.isfinite(maps).all():
            raise InputError("a feature is beyond the range of half precision, in which an index keeps them (65504).")
        parts += [maps, np.array([zlib.crc32(each) for each in maps], _PLACE)]
    about = records.to_bytes()
    path = pathlib.Path(folder) / file
    with replacing(path) as new, open(new, "wb") as opened:
        for part in (*parts, about):
            opened.write(part)
    return SegmentEntry(file, len(records), path.stat().st_size, _sha256(vectors, *parts[2:], about))


class Segment:
    """The vectors, maps and records of some pictures in one file, which is read where it is asked for and kept open.

    The file holds, one after the other: the unit vectors (float16), where the index keeps maps the feature maps
    (float16) and the CRC-32 of each (uint32), and the records (JSON). One SHA-256, which the manifest keeps, covers all
    but the maps and is checked when the file is opened; a map is checked when it is read.

    Nothing of it is mapped into memory: a file that is cut short meanwhile would kill the process that looks there.
    """

    def __init__(self, folder, entry, manifest):
        self.path, self.entry = pathlib.Path(folder) / entry.file, entry
        count = entry.pictures
        self._shape, self._map_shape = (count, manifest.dimensions), manifest.map_shape
        refuse_special(self.path)
        # Open, it outlives its name: a reader goes on while a compaction removes it.
        self._file = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._closed, self._alone = weakref.finalize(self, os.close, self._file), threading.Lock()
        size = os.fstat(self._file).st_size
        if size != entry.bytes:
            raise damaged(self.path, f"{size} bytes; the manifest says {entry.bytes}")
        of_map = (2 * math.prod(manifest.map_shape), 4) if manifest.keep == "maps" else (0, 0)
        sizes = [each * count for each in (2 * manifest.dimensions, *of_map)]
        ends = list(itertools.accumulate(sizes, initial=0))
        if ends[-1] > size:
            raise damaged(self.path, "too short for its pictures")
        self._first_map = ends[1]
        checksums, about = self._read(ends[2], count if of_map[1] else 0, _PLACE), self._read(ends[3], size - ends[3])
        if _sha256(self.vectors, checksums, about) != entry.sha256:
            raise damaged(self.path, "records and vectors are not those that were written (SHA-256)")
        self._checksums = checksums
        try:
            self.records = Records.from_bytes(about.tobytes())
            sound = self.records.sound(count, with_digests=manifest.keep == "paths")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            sound = False
        if not sound:
            raise damaged(self.path, "its records are not of the form that tfnxc writes") from None

    def _read(self, begin, shape, kind=np.uint8):
        """An array of the file that begins at a byte."""
        found = np.empty(shape, kind)
        left = memoryview(found.reshape(-1).view(np.uint8))
        while left:
            try:
                count = self._read_into(left, begin)
            except OSError as error:
                raise InputError(f"{self.path}: cannot be read ({error.strerror}).") from None
            if not count:
                raise damaged(self.path, "cut short since it was opened")
            begin, left = begin + count, left[count:]
        return found

    def _read_into(self, buffer, begin):
        if hasattr(os, "preadv"):
            return os.preadv(self._file, [buffer], begin)
        with self._alone:
            os.lseek(self._file, begin, os.SEEK_SET)
            part = os.read(self._file, len(buffer))
        buffer[: len(part)] = part
        return len(part)

    @property
    def vectors(self):
        """All vectors, read anew: float16 of shape `(pictures, numbers)`."""
        return self._read(0, self._shape, np.float16)

    def vectors_at(self, places):
        """The vectors of some positions, at least one: float16 of shape `(positions, numbers)`."""
        first, last = int(places.min()), int(places.max())
        shape = last + 1 - first, self._shape[1]
        return self._read(2 * first * self._shape[1], shape, np.float16)[places - first]

    @functools.cached_property
    def alive(self):
        """Booleans, one a picture: whether it is not deleted."""
        alive = np.ones(self.entry.pictures, bool)
        alive[list(self.entry.deleted)] = False
        return alive

    def copy(self, folder):
        """Writes the file into another folder, also where a compaction has taken its name since."""
        with replacing(pathlib.Path(folder) / self.path.name) as new, open(new, "wb") as opened:
            for begin in range(0, self.entry.bytes, _AT_ONCE):
                opened.write(self._read(begin, min(_AT_ONCE, self.entry.bytes - begin)))

    def maps(self, rows):
        """The feature maps of some positions: a float16 copy; an `InputError` names the picture of a damaged one."""
        maps, size = np.empty((len(rows), *self._map_shape), np.float16), 2 * math.prod(self._map_shape)
        for row, each in zip(rows.tolist(), maps, strict=True):
            each[:] = self._read(self._first_map + row * size, self._map_shape, np.float16)
            if zlib.crc32(np.ascontiguousarray(each)) != self._checksums[row]:
                raise damaged(self.path, f"the features of {self.records.names[row]} are damaged (CRC-32)")
        return maps


def damaged(path, what):
    """The error that says what is wrong with a file of an index."""
    return DamagedError(f"{path}: {what}. The index is damaged: copy it anew, or index the pictures again.")


def _sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What an index is of, which segments it has and what is deleted of them. To replace it is to commit."""

    model: str  # which model and which embedding: as `tfnxc.search._models.Source` names it
    files: dict[str, str]  # SHA-256 of the copies of both
    map_shape: tuple[int, int, int]
    dimensions: int  # numbers of a vector
    keep: str  # one of `KEPT`
    following: int = 0  # number of the next segment; none is given twice
    segments: tuple[SegmentEntry, ...] = ()
    audited: bool = False  # whether an `AuditLog` is kept, without which nothing is answered

    @property
    def pictures(self):
        """How many pictures there are, without the deleted ones."""
        return sum(each.pictures - len(each.deleted) for each in self.segments)

    def write(self, folder):
        """Puts this manifest into the place of the one before, at once and for good."""
        path = pathlib.Path(folder) / MANIFEST
        content = dataclasses.asdict(self)
        about = {"format": FORMAT, "version": VERSION, "tfnxc": __version__, "sha256": _digest(content)}
        with replacing(path) as new, open(new, "w", encoding="utf-8") as file:
            json.dump({**about, "content": content}, file)

    @classmethod
    def read(cls, folder):
        """The manifest in a folder; an `InputError` where there is none, or it is damaged or of another version."""
        path = pathlib.Path(folder) / MANIFEST
        refuse_special(path)
        try:
            data = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            expected = f"no index here (no {MANIFEST}); expected a folder that tfnxc index made"
            raise InputError(f"{folder}: {expected}.") from None
        except (ValueError, RecursionError):
            raise damaged(path, "not a JSON file") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise InputError(f'{path}: not of an index; expected a file with "format": "{FORMAT}".')
        if data.get("version") != VERSION:
            known = readable(str(data.get("version"))[:20], in_line=True)
            found = f"version {known} of the format; this tfnxc reads version {VERSION}"
            raise InputError(f"{path}: {found}. Index the pictures again, into another folder.")
        content = data.get("content")
        if _digest(content) != data.get("sha256"):
            raise damaged(path, "not what was written (SHA-256)")
        try:
            listed = content["segments"]
            segments = tuple(SegmentEntry(**{**each, "deleted": tuple(each["deleted"])}) for each in listed)
            manifest = cls(**{**content, "map_shape": tuple(content["map_shape"]), "segments": segments})
            sound = manifest._sound()
        except (TypeError, KeyError, ValueError, AttributeError):
            sound = False
        if not sound:
            raise damaged(path, "values that tfnxc does not write")
        return manifest

    def _sound(self):
        """Whether the values can be: an index may be a stranger's, and nothing outside its folder is opened for it."""
        return (
            all(_FILE.fullmatch(each.file) and _SHA256.fullmatch(each.sha256) for each in self.segments)
            # A segment that is written later takes the place of none.
            and all(each.number < self.following for each in self.segments)
            and isinstance(self.model, str)
            and set(self.files) == {"model.keras", "embedding.keras", "embedding.json"}
            and all(_SHA256.fullmatch(each) for each in self.files.values())
            and self.keep in KEPT
            and isinstance(self.audited, bool)
            and len(self.map_shape) == 3
            and all(map(_positive, (*self.map_shape, self.dimensions)))
            and type(self.following) is int
            and all(_positive(each.pictures) and _positive(each.bytes) for each in self.segments)
            and all(type(row) is int and 0 <= row < each.pictures for each in self.segments for row in each.deleted)
        )


def _positive(value):
    return type(value) is int and value > 0


def _digest(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
