"""Mean, standard deviation and 95 % interval of a figure that was measured several times."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

# Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom (any table of them); beyond 30, its expansion
# in powers of 1 / degrees of freedom around the normal quantile, right to 0.001.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_Z = 1.959964


@dataclasses.dataclass(frozen=True)
class Spread:
    """A figure over several measurements.

    Args:
        mean: Their mean.
        deviation: Their standard deviation, with n - 1 in the denominator; 0 for one measurement.
        interval: Half the width of the 95 % confidence interval of the mean by Student's t, as if the measurements
            were independent; `None` for one measurement.
        count: How many there are.

    Example:
        >>> Spread.of([1.0, 2.0, 3.0])
        Spread(mean=2.0, deviation=1.0, interval=2.48433820832296, count=3)
    """

    mean: float
    deviation: float
    interval: float | None
    count: int

    @classmethod
    def of(cls, values: ArrayLike) -> Spread:
        """The spread of a sequence of measurements; raises `ValueError` where there is none."""
        values = np.asarray(values, np.float64)
        count = len(values)
        if count == 0:
            raise ValueError("a spread is of at least one measurement; received none")
        if count == 1:
            return cls(float(values[0]), 0.0, None, 1)
        deviation = float(values.std(ddof=1))
        return cls(float(values.mean()), deviation, student_t(count - 1) * deviation / math.sqrt(count), count)

    def to_dict(self, scale: float = 1.0) -> dict[str, float | None]:
        """Mean, deviation and interval times `scale`, for JSON."""
        interval = None if self.interval is None else scale * self.interval
        return {"mean": scale * self.mean, "deviation": scale * self.deviation, "interval95": interval}


def student_t(freedom: int) -> float:
    """The two-sided 95 % quantile of Student's t with `freedom` degrees of freedom, 1 or more, to 0.001."""
    if freedom < 1:
        raise ValueError(f"freedom must be 1 or more; received {freedom!r}")
    if freedom <= len(_T):
        return _T[freedom - 1]
    return _Z + (_Z**3 + _Z) / (4 * freedom) + (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * freedom**2)
