"""A picture to add to a gallery or to look for in it, what an index keeps of it, and what a search finds."""

import dataclasses
import itertools
import json
import os
import reprlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from rich.cells import cell_len

from tfnxc.console import readable
from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError
from tfnxc.files import existing_form
from tfnxc.search.times import Time, format_time, is_time, seconds_of
from tfnxc.tables import folded

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80

# Names of the texts that `Match.texts` gives.
MATCH_FIELDS = ("probability", "cosine", "identity", "camera", "time", "picture")


class Picture(NamedTuple):
    """A picture with what is known of it.

    Args:
        name: A text that tells it from all others: for a file, its absolute path.
        image: A file, read when it is needed; or a uint8 array of shape `(height, width, 3)`, RGB.
        identity: Who it shows, as a text; of a whole number its digits. Defaults to `None`: not known.
        camera: Which camera took it, likewise. Defaults to `None`: not known.
        time: When, in seconds since the beginning of 1970 (UTC), or as a date or time of Python or NumPy. Defaults to
            `None`: not known.

    Example:
        >>> Picture("lift/0007", images[0], camera="lift", time=86400.0).read().shape
        (160, 60, 3)
    """

    name: str
    image: np.ndarray | str | os.PathLike
    identity: str | None = None
    camera: str | None = None
    time: Time | None = None

    @classmethod
    def of_file(cls, path: str | os.PathLike, **known: Any) -> Self:
        """The picture in a file; `known` are the other arguments of the class."""
        file = existing_form(os.fsdecode(path))
        return cls(os.path.abspath(file), file, **known)

    def checked(self) -> Self:
        """The picture with labels as texts in one Unicode form and its time in seconds.

        Raises:
            InputError: If a field is not of its kind; the message names it.
        """
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"a picture needs a text as its name; got {brief(self.name)}.")
        if not isinstance(self.image, np.ndarray | str | os.PathLike):
            kinds = "a file or a uint8 array of shape (height, width, 3)"
            raise InputError(f"{self.name}: image must be {kinds}; got {brief(self.image)}.")
        texts = {name: self._text(name) for name in ("identity", "camera")}
        try:
            return self._replace(**texts, time=None if self.time is None else seconds_of(self.time))
        except InputError as error:
            raise InputError(f"{self.name}: time: {error}") from None

    def _text(self, field):
        value = getattr(self, field)
        text = label_text(value)
        if value is not None and not text:
            kinds = "a text that says something, a whole number, or None where it is not known"
            raise InputError(f"{self.name}: {field} must be {kinds}; got {brief(value)}.")
        return text

    def read(self) -> np.ndarray:
        """The uint8 array of shape `(height, width, 3)`; an `InputError` names the picture where it is none."""
        image = self.image
        if not isinstance(image, np.ndarray):
            return read_picture(image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            got = f"{image.dtype} of shape {image.shape}"
            raise InputError(f"{self.name}: {got}; expected uint8 of shape (height, width, 3).")
        return image


def label_text(value: object) -> str | None:
    """A text or a whole number as a text in one Unicode form; `None` of anything else.

    Example:
        >>> label_text(np.int64(3)), label_text("lift"), label_text(1.5)
        ('3', 'lift', None)
    """
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return str(int(value)) if whole else None  # type: ignore[call-overload]


def brief(value: object) -> str:
    """What a message says of a value that was given, in one short line."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    if isinstance(value, Picture):
        return f"the Picture {_SHORT.repr(value.name)}"
    return " ".join(_SHORT.repr(value).split())


class Match(NamedTuple):
    """A picture of the gallery that may show the probe's person.

    Args:
        name: Its name in the gallery.
        score: What orders matches, higher is better: of the scorer `"both"` the weighted sum of log-odds and cosine, of
            `"head"` the probability, of `"embedding"` the cosine.
        probability: That both show one person, in [0, 1]: of `"both"` calibrated on people held back, as likely as not
            beforehand; of `"head"` as the model gives it. `None` of `"embedding"`.
        identity: Who it shows, as a text, or `None`.
        camera: Which camera took it, as a text, or `None`.
        time: When, in seconds since the beginning of 1970 (UTC), or `None`.
    """

    name: str
    score: float
    probability: float | None
    identity: str | None
    camera: str | None
    time: float | None

    @property
    def shown(self) -> float:
        """The number for people: the probability, or else the cosine."""
        return self.score if self.probability is None else self.probability

    def to_dict(self) -> dict[str, Any]:
        """As plain types, with the time in ISO 8601."""
        return {**self._asdict(), "time": format_time(self.time)}

    def texts(self) -> list[str]:
        """As printable texts for a table, in the order of `MATCH_FIELDS`; what is not known is empty."""
        labels = self.identity or "", self.camera or "", format_time(self.time) or ""
        number = f"{self.shown:.4f}"
        numbers = ("", number) if self.probability is None else (number, "")
        return [*numbers, *(readable(each, in_line=True) for each in (*labels, self.name))]


def format_matches(matches: Sequence[Match], width: int | None = None) -> str:
    """A table of matches to print, one a line under a line of headings; what is known of no picture is left out.

    Args:
        matches: `Match`es, at least one, best first.
        width: The longest that a line may be. Where one would be longer, each match has its picture on a line, which
            is never broken, and what is known of it on the next. Defaults to `None`: any.

    Example:
        >>> print(format_matches([Match("lift/0007.png", 3.5, 0.97, None, "lift", None)]))
        rank  probability  camera  picture
        1     0.9700       lift    lift/0007.png
    """
    rows = [["rank", *MATCH_FIELDS], *([str(rank), *match.texts()] for rank, match in enumerate(matches, start=1))]
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns[:-1]] + [0]
    lines = ["  ".join(map(str.ljust, row, widths)) for row in zip(*columns, strict=True)]
    if width is None or max(map(cell_len, lines)) <= width:
        return "\n".join(lines)
    (_, *names, _), *found = zip(*columns, strict=True)
    margin = len(str(len(matches))) + 2
    room = max(1, width - margin)
    lines = []
    for rank, *values, picture in found:
        told = ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True) if value)
        several = [picture, *folded(told, room)]
        lines += [f"{begin:{margin}}{each}" for begin, each in zip([rank, *[""] * len(several)], several, strict=False)]
    return "\n".join(lines)


def merge_rankings(shards: Iterable[Sequence[Sequence[Match]]], top: int) -> list[list[Match]]:
    """The best of several galleries, each of which was asked for the same probes.

    Args:
        shards: What `Gallery.search` gave for each: a list a probe of `Match`es, best first.
        top: How many are kept for each probe.

    Returns:
        A list a probe of `Match`es, best first; of equal ones that of the earlier shard is first.

    Example:
        >>> first, second = ([[Match(name, score, None, None, None, None)]] for name, score in [("a", 0.2), ("b", 0.9)])
        >>> [[match.name for match in found] for found in merge_rankings([first, second], top=10)]
        [['b', 'a']]
    """
    together = (itertools.chain(*lists) for lists in zip(*shards, strict=True))
    return [sorted(each, key=lambda match: -match.score)[:top] for each in together]


@dataclasses.dataclass(frozen=True)
class Records:
    """One entry a picture in each list; the first four are those of `Picture`."""

    names: list[str]
    identities: list[str | None]
    cameras: list[str | None]
    times: list[float | None]
    files: list[str | None]  # where the picture lies, if that is not its name
    digests: list[str | None]  # of its pixels
    stamps: list[str | None] = dataclasses.field(default_factory=list)  # size and time of its file

    def __post_init__(self):
        if not self.stamps:  # of an index that was made before they were kept
            object.__setattr__(self, "stamps", [None] * len(self.names))

    @classmethod
    def of(cls, pictures, digests, stamps, with_files):
        """The records of some `Picture`s, with where they lie if an index keeps no maps."""
        pictures = list(pictures)
        known = ([getattr(each, field) for each in pictures] for field in ("name", "identity", "camera", "time"))
        files = list(map(file_of, pictures)) if with_files else [None] * len(pictures)
        return cls(*known, files, digests, stamps)

    def labels(self):
        """What is known of each picture, by the name that `Picture` has for it."""
        return {"identity": self.identities, "camera": self.cameras, "time": self.times}

    @classmethod
    def joined(cls, parts):
        """Some `Records`, one after the other."""
        parts = list(parts)
        names = (field.name for field in dataclasses.fields(cls))
        return cls(*([each for part in parts for each in getattr(part, name)] for name in names))

    def sound(self, count, with_digests=False):
        """Whether there are `count` of each, of the kinds above: the file may be a stranger's."""
        kinds = {str, type(None)}
        columns = self._columns()
        return (
            all(isinstance(each, list) and len(each) == count for each in columns)
            and {type(name) for name in self.names} <= {str}
            and all({type(text) for text in column} <= kinds for column in columns[1:] if column is not self.times)
            and not (with_digests and None in self.digests)
            and all(time is None or is_time(time) for time in self.times)
        )

    def __len__(self):
        return len(self.names)

    def take(self, rows):
        """Those of some positions."""
        return Records(*([column[row] for row in rows] for column in self._columns()))

    def file(self, row):
        """Where the picture of a position lies."""
        return self.files[row] or self.names[row]

    def _columns(self):
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def to_bytes(self):
        """As JSON; a file's name that is not UTF-8 keeps its bytes."""
        return json.dumps(
            dict(zip((field.name for field in dataclasses.fields(self)), self._columns(), strict=True))
        ).encode()

    @classmethod
    def from_bytes(cls, data):
        """What `to_bytes` gave."""
        columns, same = json.loads(data), {None: None}
        for name in ("identities", "cameras"):  # one text in memory, and in one Unicode form, for all that are equal
            columns[name] = [
                same[each] if each in same else same.setdefault(each, unicodedata.normalize("NFC", each))
                for each in columns[name]
            ]
        return cls(**columns)


def file_of(picture):
    """The absolute path of a picture's file, `None` where that is its name."""
    path = os.path.abspath(picture.image)
    return None if path == picture.name else path


def stamp_of(image):
    """Size and time of a file; `None` of an array, or where there is no file."""
    if isinstance(image, np.ndarray):
        return None
    try:
        status = os.stat(image)
    except (OSError, ValueError):  # told when it is read
        return None
    return f"{status.st_size} {status.st_mtime_ns}"
