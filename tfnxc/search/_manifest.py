"""The manifest of an index: which segments it has and what is deleted of them. To replace it is to commit."""

import dataclasses
import hashlib
import json
import pathlib
import re

from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.search._segment import SegmentEntry, damaged
from tfnxc.version import __version__

MANIFEST = "manifest.json"
FORMAT = "tfnxc gallery"
VERSION = 1
_FILE = re.compile(r"[0-9]{8}\.segment")


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What an index holds."""

    model_sha256: str
    map_shape: tuple[int, int, int]
    embedding_size: int
    following: int = 0  # number of the next segment; none is given twice
    segments: tuple[SegmentEntry, ...] = ()

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
        try:
            data = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                f"{folder}: no index here (no {MANIFEST}); expected a folder that tfnxc index made."
            ) from None
        except (ValueError, RecursionError):
            raise damaged(path, "not a JSON file") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise InputError(f'{path}: not of an index; expected a file with "format": "{FORMAT}".')
        if data.get("version") != VERSION:
            raise InputError(
                f"{path}: version {str(data.get('version'))[:20]} of the format; this tfnxc reads version {VERSION}. "
                "Index the pictures again."
            )
        content = data.get("content")
        if _digest(content) != data.get("sha256"):
            raise damaged(path, "not what was written (SHA-256)")
        try:
            segments = tuple(
                SegmentEntry(**{**each, "deleted": tuple(each["deleted"])}) for each in content["segments"]
            )
            manifest = cls(**{**content, "map_shape": tuple(content["map_shape"]), "segments": segments})
            # An index may be a stranger's: nothing outside its folder is opened for it.
            sound = (
                all(_FILE.fullmatch(each.file) for each in segments)
                # A segment that is written later takes the place of none.
                and all(int(each.file[:8]) < manifest.following for each in segments)
                and len(manifest.map_shape) == 3
                and all(map(_positive, (*manifest.map_shape, manifest.embedding_size)))
                and type(manifest.following) is int
                and all(_positive(each.pictures) and _positive(each.bytes) for each in segments)
                and all(type(row) is int and 0 <= row < each.pictures for each in segments for row in each.deleted)
            )
        except (TypeError, KeyError, ValueError):
            sound = False
        if not sound:
            raise damaged(path, "values that tfnxc does not write")
        return manifest


def _positive(value):
    return type(value) is int and value > 0


def _digest(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
