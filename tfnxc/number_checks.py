"""Checks of numbers that a caller gives."""

import math
import numbers
import operator
from typing import Any

import numpy as np


def whole_number(name: str, value: Any, least: int) -> int:
    """Gives `value` as an `int`; a `ValueError` that names it if it is no whole number or below `least`."""
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise ValueError(f"{name} must be a whole number, {least} or above, received {value!r}")
    return number


def real_number(name: str, value: Any, most: float = math.inf) -> float:
    """Gives `value` as a `float`; a `ValueError` that names it if it is no finite number from 0 to `most`."""
    if (
        isinstance(value, bool | np.bool_)
        or not isinstance(value, numbers.Real)
        or not 0 <= float(value) <= most
        or math.isinf(value)
    ):
        limits = "0 or above" if math.isinf(most) else f"0 to {most:g}"
        raise ValueError(f"{name} must be a finite number, {limits}, received {value!r}")
    return float(value)


def are_exact(labels: np.ndarray) -> np.ndarray:
    """Whether each number of an array of floats is whole and so small that no other whole number is rounded to it."""
    # A float32 has 24 digits of base 2: 2**24 stands for 2**24 + 1 too.
    return (np.abs(labels) < 2.0 ** (np.finfo(labels.dtype).nmant + 1)) & (labels == np.rint(labels))
