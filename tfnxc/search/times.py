"""Times of pictures: seconds since the beginning of 1970 (UTC), and what people and libraries write for them."""

import datetime
import math
import re
from typing import Any

import numpy as np

from tfnxc.errors import InputError

Time = float | str | datetime.date | np.datetime64
"""A time as callers may give it: seconds, a date or time of Python or NumPy, or ISO 8601; without a zone in UTC."""

# The years 1 to 9999, which `datetime` has, in seconds since the beginning of 1970.
_FIRST = datetime.datetime(1, 1, 1, tzinfo=datetime.UTC).timestamp()
_END = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC).timestamp() + 86400
_LAST = math.nextafter(_END, 0)
_WEEK = re.compile(r"[0-9]{4}-?W[0-9]{2}(?!-?[0-9])")  # without its day, for which Python takes Monday
_LONGER = {"Y": "year", "M": "month", "W": "week"}  # units of NumPy
_TO_LAST = 86400 - 1e-6  # from the first moment of a day to its last microsecond


def parse_time(text: str, last: bool = False) -> float:
    """Seconds since the beginning of 1970 of a date or time in ISO 8601, which is in UTC where it names no zone.

    A bare date means its first moment, with `last` its last one.

    Raises:
        InputError: If the text is no such date or time, or names a week alone.

    Example:
        >>> parse_time("1970-01-02"), parse_time("1970-01-01T02:00+01:00")
        (86400.0, 3600.0)
        >>> format_time(parse_time("1970-01-01", last=True))
        '1970-01-01T23:59:59.999999+00:00'
    """
    text = text.strip()
    expected = "expected ISO 8601, such as 2026-03-31 or 2026-03-31T17:05:00+02:00"
    if _WEEK.match(text):
        raise InputError(f"{text!r} names a week and no day; {expected}.")
    for kind in (datetime.date, datetime.datetime):
        try:
            found = kind.fromisoformat(text)
        except ValueError:
            continue
        return seconds_of(found, last)
    raise InputError(f"{text!r} is no time; {expected}.")


def seconds_of(time: Time, last: bool = False) -> float:
    """Seconds since the beginning of 1970 of any `Time`; a bare date means its first moment, with `last` its last one.

    Raises:
        InputError: If it is no such time, or longer than a day.

    Example:
        >>> seconds_of(datetime.datetime(1970, 1, 1, 1)), seconds_of(np.datetime64("1970-01-02"))
        (3600.0, 86400.0)
    """
    if isinstance(time, str):
        return parse_time(time, last)
    found: Any = time
    if isinstance(found, np.datetime64) and not np.isnat(found):
        unit, count = np.datetime_data(found)
        if unit in _LONGER or (unit == "D" and count > 1):
            raise InputError(
                f"{str(time)!r} is a {_LONGER.get(unit, 'time of several days')}; expected a day or a time."
            )
    if isinstance(found, np.datetime64) and not isinstance(found.item(), datetime.date):
        found = found.astype("datetime64[us]").item()  # nanoseconds, which Python does not have
    elif isinstance(found, np.datetime64):
        found = found.item()
    if isinstance(found, datetime.date) and not isinstance(found, datetime.datetime):
        found = datetime.datetime(found.year, found.month, found.day, tzinfo=datetime.UTC).timestamp()
        found = min(found + _TO_LAST, _LAST) if last else found
    if isinstance(found, datetime.datetime):
        found = (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()
        if not is_time(found):  # a zone may move one out
            raise InputError(f"{str(time)!r} is not in the years 1 to 9999 of UTC.")
    if not is_time(found):
        kinds = "seconds since the beginning of 1970, a date or time, or its text in ISO 8601"
        raise InputError(f"{time!r} is no time in the years 1 to 9999; expected {kinds}.")
    return float(found)


def is_time(value: object) -> bool:
    """Whether this is a number of seconds that `format_time` can write: in the years 1 to 9999."""
    return isinstance(value, int | float | np.integer | np.floating) and bool(_FIRST <= value < _END)


def format_time(seconds: float | None) -> str | None:
    """A time in ISO 8601, in UTC; `None` where it is `None`.

    Example:
        >>> format_time(86400.0)
        '1970-01-02T00:00:00+00:00'
    """
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()
