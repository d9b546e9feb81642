"""`manifest.json` and `index.csv` of a prepared folder: what it holds and where, written and checked."""

import csv
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from tfnxc.console import readable
from tfnxc.datasets.picture_file import MOST_PIXELS
from tfnxc.errors import InputError
from tfnxc.files import replacing, write_json
from tfnxc.version import __version__

MANIFEST = "manifest.json"
FRAME = 16  # bytes of a TFRecord around its data: length (8) and its checksum (4) before, a checksum (4) after
_FORMAT = "tfnxc prepared pictures"
VERSION = 2
"""Of the format; since 2 pictures are turned as their EXIF orientation says."""
_UNTURNED = 1  # pictures as they are stored, which is the same where none can have an orientation
_DRAWN = "synthetic"
_MAY_BE_TURNED = re.compile(r".*\.(?:png|jpg|jpeg|jpe|jfif|webp)", re.IGNORECASE | re.DOTALL)  # all but BMP
_LONGEST_SIDE = 4096
_MOST_BYTES = 1 << 28  # a manifest or an index is far smaller; a file above this is refused before it is read
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_INDEX = "index.csv"
_COLUMNS = ("name", "identity", "camera", "probe", "shard", "offset", "bytes", "crc32")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file as the manifest lists it."""

    file: str
    records: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a prepared folder holds; `fingerprint` is `Labels.fingerprint` of the set that was prepared.

    `people_names` are the names of people by number, `None` where the set has none; `version` is that of the format.
    """

    name: str
    size: tuple[int, int]
    pictures: int
    identities: int
    fingerprint: str
    index_sha256: str
    shards: tuple[Shard, ...]
    people_names: Mapping[int, str] | None = None
    version: int = VERSION

    def write(self, folder: str | os.PathLike) -> None:
        """Writes `manifest.json`."""
        written = {"format": _FORMAT, "version": self.version, "tfnxc": __version__, **dataclasses.asdict(self)}
        if self.people_names is None:
            del written["people_names"]
        write_json(pathlib.Path(folder) / MANIFEST, written)

    @classmethod
    def read(cls, folder: str | os.PathLike) -> Self:
        """The manifest of a folder; raises `InputError` where a value is not sound, or a shard is not there."""
        path = pathlib.Path(folder) / MANIFEST
        text = read_bytes(path)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise damaged(path, f"not a JSON file ({error})") from None
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise InputError(f'{path}: no prepared pictures; expected a file with "format": "{_FORMAT}".')
        version = data.get("version")
        if type(version) is not int or version not in (_UNTURNED, VERSION):
            found = (
                f"version {readable(str(version)[:20], in_line=True)} of the format; this tfnxc reads version {VERSION}"
            )
            raise InputError(f"{path}: {found}. Prepare the pictures again.")
        try:
            manifest = cls(
                name=checked_name(data.get("name")),
                size=checked_size(data.get("size")),
                pictures=_count(data, "pictures", 1),
                identities=_count(data, "identities", 0),
                fingerprint=_text(data, "fingerprint", _SHA256),
                index_sha256=_text(data, "index_sha256", _SHA256),
                shards=_shards(data),
                people_names=_people_names(data),
                version=version,
            )
        except InputError as error:
            raise damaged(path, error) from None
        for shard in manifest.shards:
            file = path.with_name(shard.file)
            if not file.is_file():
                raise damaged(file, "no such file")
            if file.stat().st_size != shard.bytes:
                raise damaged(file, f"{file.stat().st_size} bytes; {MANIFEST} says {shard.bytes}")
        return manifest


def damaged(path: str | os.PathLike, what: object) -> InputError:
    """The error that says what is wrong with a file of a prepared folder."""
    remedy = "Delete the folder and prepare the pictures again, or copy it anew"
    return InputError(f"{path}: {str(what).rstrip('.')}. {remedy}.")


def read_bytes(path: pathlib.Path) -> bytes:
    """What a small file of a prepared folder holds; raises `InputError` where it cannot be read."""
    try:
        if not path.is_file():
            raise damaged(path, "no such file")
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes; expected at most {_MOST_BYTES}.")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None


def checked_name(name: Any) -> str:
    """The name of a set; raises `InputError` where it could not be told in one line."""
    if not isinstance(name, str) or not 0 < len(name) <= 200 or not name.isprintable():
        raise InputError(f"the name of the set must be a printable text of 1 to 200 letters; got {str(name)[:80]!r}.")
    return name


def _text(data, key, form):
    value = data.get(key)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise InputError(f"{key} is not of the form that tfnxc writes; got {str(value)[:80]!r}")
    return value


def _count(data, key, least):
    value = data.get(key)
    if type(value) is not int or not least <= value < 1 << 48:
        raise InputError(f"{key} must be a whole number of at least {least}")
    return value


def _people_names(data):
    names = data.get("people_names")
    if names is None:
        return None
    sound = isinstance(names, dict) and all(
        re.fullmatch(r"0|[1-9][0-9]{0,18}", number) and isinstance(name, str) for number, name in names.items()
    )
    if not sound:
        raise InputError("people_names must be texts by number")
    return {int(number): name for number, name in names.items()}


def checked_size(size: Any) -> tuple[int, int]:
    """`(height, width)` as two integers; raises `InputError` where they are none that a picture may have."""
    sides = list(size) if isinstance(size, (list, tuple, np.ndarray)) else []
    whole = [isinstance(side, (int, np.integer)) and 0 < side <= _LONGEST_SIDE for side in sides if side is not True]
    if whole != [True, True] or sides[0] * sides[1] > MOST_PIXELS:
        got = readable(str(size)[:80], in_line=True)
        raise InputError(f"the size must be a height and a width of 1 to {_LONGEST_SIDE} pixels; got {got}.")
    return int(sides[0]), int(sides[1])


def _shards(data):
    listed = data.get("shards")
    if not isinstance(listed, list) or not listed or not all(isinstance(each, dict) for each in listed):
        raise InputError("shards must be a list of at least one shard")
    shards = tuple(
        Shard(
            # A manifest may be a stranger's: nothing outside its folder is opened for it.
            file=_text(each, "file", _FILE),
            records=_count(each, "records", 1),
            bytes=_count(each, "bytes", FRAME + 1),
            sha256=_text(each, "sha256", _SHA256),
        )
        for each in listed
    )
    if len({shard.file for shard in shards}) != len(shards):
        raise InputError("a shard is listed twice")
    return shards


@dataclasses.dataclass(frozen=True)
class Labels:
    """What is known of the pictures of a set beside their pixels, each a value a picture; see `ImageSet`."""

    set_name: str
    names: list[str]
    identities: np.ndarray
    cameras: np.ndarray
    probes: np.ndarray | None
    people_names: Mapping[int, str] | None = None

    def fingerprint(self, size: tuple[int, int]) -> str:
        """SHA-256 of these labels and the size of the pictures: equal where the same is prepared."""
        probes = None if self.probes is None else np.asarray(self.probes, int).tolist()
        lists = [self.names, self.identities.tolist(), self.cameras.tolist(), probes]
        lists += [] if self.people_names is None else [sorted(self.people_names.items())]
        return hashlib.sha256(json.dumps([self.set_name, list(size), *lists]).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Records:
    """Where the record of each picture lies."""

    shards: np.ndarray
    offsets: np.ndarray  # of the frame, in the shard
    lengths: np.ndarray  # without the frame
    checksums: np.ndarray  # CRC-32 of record and frame


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
    if manifest.version == _UNTURNED and manifest.name != _DRAWN and any(map(_MAY_BE_TURNED.fullmatch, labels.names)):
        raise InputError(
            f"{path.with_name(MANIFEST)}: version {_UNTURNED} of the format, whose pictures are not turned as their "
            "EXIF orientation says. Delete the folder and prepare the pictures again."
        )
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
    labels = Labels(manifest.name, list(names), identities, cameras, probes, manifest.people_names)
    if labels.people_names is not None and not set(identities[identities >= 0].tolist()) <= labels.people_names.keys():
        raise InputError(f"an identity has no name in {MANIFEST}")
    return labels, Records(*records)


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
