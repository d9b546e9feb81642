"""`manifest.json` of a prepared folder: what it holds, written and checked."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
from typing import Any

import numpy as np

from tfnxc.datasets.picture_file import MOST_PIXELS
from tfnxc.errors import InputError
from tfnxc.files import write_json
from tfnxc.version import __version__

MANIFEST = "manifest.json"
FRAME = 16
"""Bytes of a TFRecord around its data: its length (8) and the length's checksum (4) before, a checksum (4) after."""
_FORMAT = "tfnxc prepared pictures"
_VERSION = 1
_LONGEST_SIDE = 4096
_MOST_BYTES = 1 << 28
"""A manifest or an index is far smaller; a file above this is refused before it is read."""
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file as the manifest lists it."""

    file: str
    records: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a prepared folder holds; `fingerprint` is `Labels.fingerprint` of the set that was prepared."""

    name: str
    size: tuple[int, int]
    pictures: int
    identities: int
    fingerprint: str
    index_sha256: str
    shards: tuple[Shard, ...]

    def write(self, folder: str | os.PathLike) -> None:
        """Writes `manifest.json`."""
        written = {"format": _FORMAT, "version": _VERSION, "tfnxc": __version__, **dataclasses.asdict(self)}
        write_json(pathlib.Path(folder) / MANIFEST, written)

    @classmethod
    def read(cls, folder: str | os.PathLike) -> Manifest:
        """The manifest of a folder; raises `InputError` where a value is not sound, or a shard is not there."""
        path = pathlib.Path(folder) / MANIFEST
        text = read_bytes(path)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise damaged(path, f"not a JSON file ({error})") from None
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise InputError(f'{path}: no prepared pictures; expected a file with "format": "{_FORMAT}".')
        if data.get("version") != _VERSION:
            raise InputError(
                f"{path}: version {str(data.get('version'))[:20]} of the format; this tfnxc reads version {_VERSION}. "
                "Prepare the pictures again."
            )
        try:
            manifest = cls(
                name=checked_name(data.get("name")),
                size=checked_size(data.get("size")),
                pictures=_count(data, "pictures", 1),
                identities=_count(data, "identities", 0),
                fingerprint=_text(data, "fingerprint", _SHA256),
                index_sha256=_text(data, "index_sha256", _SHA256),
                shards=_shards(data),
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
    return InputError(
        f"{path}: {str(what).rstrip('.')}. Delete the folder and prepare the pictures again, or copy it anew."
    )


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


def checked_size(size: Any) -> tuple[int, int]:
    """`(height, width)` as two integers; raises `InputError` where they are none that a picture may have."""
    sides = list(size) if isinstance(size, (list, tuple, np.ndarray)) else []
    whole = [isinstance(side, (int, np.integer)) and 0 < side <= _LONGEST_SIDE for side in sides if side is not True]
    if whole != [True, True] or sides[0] * sides[1] > MOST_PIXELS:
        raise InputError(f"the size must be a height and a width of 1 to {_LONGEST_SIDE} pixels; got {str(size)[:80]}.")
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
