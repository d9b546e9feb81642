"""A picture to add to a gallery, or to look for in it."""

from __future__ import annotations

import datetime
import os
from typing import Any, NamedTuple

import numpy as np

from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError


class Picture(NamedTuple):
    """A picture with what is known of it.

    Args:
        name: A text that tells it from all others: for a file, its absolute path.
        image: A file, read when it is needed; or a uint8 array of shape `(height, width, 3)`, RGB.
        identity: Who it shows, as a text. Defaults to `None`: not known.
        camera: Which camera took it, as a text. Defaults to `None`: not known.
        time: When, in seconds since the beginning of 1970 (UTC). Defaults to `None`: not known.

    Example:
        >>> Picture("lift/0007", images[0], camera="lift", time=86400.0).read().shape
        (160, 60, 3)
    """

    name: str
    image: np.ndarray | str | os.PathLike
    identity: str | None = None
    camera: str | None = None
    time: float | None = None

    @classmethod
    def of_file(cls, path: str | os.PathLike, **known: Any) -> Picture:
        """The picture in a file; `known` are the other arguments of the class."""
        return cls(os.path.abspath(path), os.fspath(path), **known)

    def read(self) -> np.ndarray:
        """The uint8 array of shape `(height, width, 3)`.

        Raises:
            InputError: If the file is no picture, or the array none; the message names it.
        """
        if not isinstance(self.image, np.ndarray):
            return read_picture(self.image)
        image = self.image
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise InputError(
                f"{self.name}: {image.dtype} of shape {image.shape}; expected uint8 of shape (height, width, 3)."
            )
        return image


# The years 1 to 9999, which `datetime` has, in seconds since the beginning of 1970.
_FIRST = datetime.datetime(1, 1, 1, tzinfo=datetime.UTC).timestamp()
_END = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC).timestamp() + 86400


def printable(text: str) -> str:
    """A text for people, in one line: what is not UTF-8 and what would steer a terminal is written as an escape.

    Example:
        >>> printable("two\\nlines.png")
        'two\\\\nlines.png'
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def parse_time(text: str) -> float:
    """Seconds since the beginning of 1970 of a date or time in ISO 8601, which is in UTC where it names no zone.

    Raises:
        InputError: If the text is no such date or time.

    Example:
        >>> parse_time("1970-01-02"), parse_time("1970-01-01T02:00+01:00")
        (86400.0, 3600.0)
    """
    try:
        found = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(
            f"{text!r} is no time; expected ISO 8601, such as 2026-03-31 or 2026-03-31T17:05:00+02:00."
        ) from None
    time = (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()
    if not is_time(time):  # a zone may move one out
        raise InputError(f"{text!r} is not in the years 1 to 9999 of UTC.")
    return time


def is_time(value: object) -> bool:
    """Whether this is a number of seconds that `format_time` can write: in the years 1 to 9999."""
    return isinstance(value, (int, float)) and _FIRST <= value < _END


def format_time(seconds: float | None) -> str | None:
    """A time in ISO 8601, in UTC; `None` where it is `None`.

    Example:
        >>> format_time(86400.0)
        '1970-01-02T00:00:00+00:00'
    """
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()
