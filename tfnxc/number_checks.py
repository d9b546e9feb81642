"""Checks of numbers that a caller gives."""

import math
import numbers
import operator
from typing import Any


def whole_number(name: str, value: Any, least: int) -> int:
    """Gives `value` as an `int`; a `ValueError` that names it if it is no whole number or below `least`."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise ValueError(f"{name} must be a whole number, {least} or above, received {value!r}")
    return number


def real_number(name: str, value: Any, most: float = math.inf) -> float:
    """Gives `value` as a `float`; a `ValueError` that names it if it is no finite number from 0 to `most`."""
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not 0 <= float(value) <= most
        or math.isinf(value)
    ):
        limits = "0 or above" if math.isinf(most) else f"0 to {most:g}"
        raise ValueError(f"{name} must be a finite number, {limits}, received {value!r}")
    return float(value)
