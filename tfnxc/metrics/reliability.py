"""How far probabilities of pairs can be believed: Brier score, log loss, and shares of matches by probability."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

BINS = 10
"""Bins of equal width that probabilities are put into."""

_LEAST = 2.0**-24  # probabilities nearer to 0 or 1 count as that near, so that the log loss is finite


class ReliabilityBin(NamedTuple):
    """Pairs whose predicted probability is from `low` up to `high`.

    Args:
        low: The least probability of the bin.
        high: The next bin's, or 1.
        predicted: The mean predicted probability of its pairs.
        observed: The share of matches among them, matches and strangers weighing as much as each other in all.
        matches: How many pairs of one person it has.
        strangers: How many pairs of two people.
    """

    low: float
    high: float
    predicted: float
    observed: float
    matches: int
    strangers: int


@dataclasses.dataclass(frozen=True)
class Reliability:
    """What predicted probabilities of pairs are worth, as if every second pair were a match.

    Args:
        brier: Mean squared difference of probability and outcome: 0 is perfect, 0.25 says nothing.
        log_loss: Mean negative logarithm of the probability of the outcome: 0 is perfect, 0.693 says nothing.
        bins: A `ReliabilityBin` for each bin that has a pair, ascending.

    Example:
        >>> found = Reliability.of([0.9, 0.1, 0.2], [True, False, False])
        >>> round(found.brier, 4), round(found.log_loss, 4), [each.observed for each in found.bins]
        (0.0175, 0.1348, [0.0, 0.0, 1.0])

    References:
        Brier, "Verification of forecasts expressed in terms of probability", 1950; Murphy and Winkler, "Reliability of
        Subjective Probability Forecasts of Precipitation and Temperature", 1977.
    """

    brier: float
    log_loss: float
    bins: tuple[ReliabilityBin, ...]

    @classmethod
    def of(cls, probabilities: ArrayLike, matches: ArrayLike) -> Self:
        """Of the predicted probabilities of pairs, and whether each is of one person.

        Raises:
            ValueError: If the two differ in shape, a probability is not in [0, 1], or there is no match or no stranger.
        """
        found, same = np.asarray(probabilities, np.float64).ravel(), np.asarray(matches, bool).ravel()
        if found.shape != same.shape or not ((found >= 0) & (found <= 1)).all():
            raise ValueError(
                f"probabilities must be in [0, 1], one a pair of {same.shape}; received {found.shape} from "
                f"{np.min(found, initial=np.nan)} to {np.max(found, initial=np.nan)}"
            )
        if same.all() or not same.any():
            raise ValueError(f"there must be matches and strangers; received {np.count_nonzero(same)} of {len(same)}")
        weights = np.where(same, 0.5 / np.count_nonzero(same), 0.5 / np.count_nonzero(~same))
        clipped = np.clip(found, _LEAST, 1 - _LEAST)
        losses = -np.log(np.where(same, clipped, 1 - clipped))
        place = np.minimum((found * BINS).astype(int), BINS - 1)
        bins = []
        for at in np.unique(place):
            inside = place == at
            share = weights[inside] / weights[inside].sum()
            observed, predicted = float(share @ same[inside]), float(share @ found[inside])
            counts = int(np.count_nonzero(same[inside])), int(np.count_nonzero(~same[inside]))
            bins.append(ReliabilityBin(at / BINS, (at + 1) / BINS, predicted, observed, *counts))
        return cls(float(weights @ (found - same) ** 2), float(weights @ losses), tuple(bins))

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {"brier": self.brier, "log_loss": self.log_loss, "bins": [each._asdict() for each in self.bins]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Of a dict as from `to_dict`; raises `ValueError`, `KeyError` or `TypeError` where it is none."""
        bins = tuple(
            ReliabilityBin(
                low=float(each["low"]),
                high=float(each["high"]),
                predicted=float(each["predicted"]),
                observed=float(each["observed"]),
                matches=int(each["matches"]),
                strangers=int(each["strangers"]),
            )
            for each in record["bins"]
        )
        found = cls(float(record["brier"]), float(record["log_loss"]), bins)
        if not np.isfinite([found.brier, found.log_loss, *(number for each in bins for number in each)]).all():
            raise ValueError("figures of reliability are finite")
        return found
