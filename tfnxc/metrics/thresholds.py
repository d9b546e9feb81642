"""Thresholds of scores for a stated number of false matches, from pairs of people whom nothing was fitted on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from tfnxc.errors import InputError
from tfnxc.metrics.open_set import threshold_at
from tfnxc.metrics.resampling import PERCENTILES, resampled

LEAST_PAIRS = 10
"""Pairs of strangers at or above a threshold, at least: with fewer, the rate is anybody's guess."""


class ScoredPairs(NamedTuple):
    """Scores of pairs of pictures, and who is on them: arrays of one entry a pair.

    Args:
        scores: Higher is more alike.
        probes: Whole numbers: the identity of the probe.
        gallery: Whole numbers: the identity of the gallery picture.
    """

    scores: np.ndarray
    probes: np.ndarray
    gallery: np.ndarray

    @property
    def matches(self) -> np.ndarray:
        """Whether both pictures show one person."""
        return self.probes == self.gallery


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A threshold of scores: a picture of a gallery is a confident match where its score is at or above it.

    Args:
        false_matches: What it is for: how many of 1,000 gallery pictures of strangers are expected at or above it for
            a probe.
        score: The threshold.
        measured: How many there were of the pairs that it was found with; not above `false_matches`.
        interval: The 95 % interval of that, by a bootstrap over the people.
        found: The share of matches at or above it.
        found_interval: Its 95 % interval.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> people = np.repeat(np.arange(20), 20), np.tile(np.arange(20), 20)
        >>> pairs = ScoredPairs(rng.random(400) + (people[0] == people[1]), *people)
        >>> threshold = Threshold.find(pairs, false_matches=50)
        >>> round(threshold.score, 2), round(threshold.measured, 1), threshold.found
        (0.96, 50.0, 1.0)
    """

    false_matches: float
    score: float
    measured: float
    interval: tuple[float, float]
    found: float
    found_interval: tuple[float, float]

    @classmethod
    def find(cls, pairs: ScoredPairs, false_matches: float, seed: int = 0) -> Self:
        """The lowest threshold at which no more strangers' pairs are accepted than were asked for.

        Args:
            pairs: The `ScoredPairs`.
            false_matches: How many of 1,000 pictures, above 0 and below 1,000.
            seed: Draws the bootstrap. Defaults to `0`.

        Raises:
            InputError: If the pairs are too few for that number, or the number is not one; the message has the smallest
                that they support.
        """
        strangers = pairs.scores[~pairs.matches]
        rate = check_supported(false_matches, len(strangers))
        score = threshold_at(strangers, rate / 1000)
        if score is None:
            raise InputError(
                f"{rate:g} false matches per 1,000 pictures have no threshold here, because the highest scores of "
                "strangers are equal: take a larger number."
            )
        above, counts = _by_people(pairs, score)
        weights = resampled(len(counts), seed)
        false, everyone = _of_strangers(above, weights), _of_strangers(counts, weights)
        found, matches = weights @ np.diag(above), weights @ np.diag(counts)
        return cls(
            rate,
            score,
            1000 * float(np.mean(strangers >= score)),
            _interval(1000 * false, everyone),
            float(np.mean(pairs.scores[pairs.matches] >= score)),
            _interval(found, matches),
        )

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Of a dict as from `dataclasses.asdict`; raises `ValueError`, `KeyError` or `TypeError` where it is none."""
        intervals = {name: tuple(map(float, record[name])) for name in ("interval", "found_interval")}
        numbers = {name: float(record[name]) for name in ("false_matches", "score", "measured", "found")}
        ordered = all(len(each) == 2 and each[0] <= each[1] for each in intervals.values())
        if not ordered or not np.isfinite(list(numbers.values())).all() or len(record) != 6:
            raise ValueError("a threshold has finite numbers and intervals")
        return cls(**numbers, **intervals)  # type: ignore[arg-type]


def check_rate(false_matches: Any) -> float:
    """Gives a number of false matches per 1,000 as a `float`; an `InputError` where it is none from 0 to 1,000."""
    number = isinstance(false_matches, int | float | np.integer | np.floating) and not isinstance(false_matches, bool)
    if not number or not 0 < float(false_matches) < 1000:
        raise InputError(
            f"false matches are a number of 1,000 gallery pictures, above 0 and below 1,000; got {false_matches!r}."
        )
    return float(false_matches)


def check_supported(false_matches: Any, strangers: int) -> float:
    """What `check_rate` does; raises `InputError` also where so many pairs of strangers are too few for that number."""
    rate, smallest = check_rate(false_matches), smallest_rate(strangers)
    if rate < smallest:
        raise InputError(
            f"{rate:g} false matches per 1,000 pictures cannot be told from {strangers} pairs of strangers, because "
            f"{LEAST_PAIRS} of them have to be above a threshold: the smallest number here is {smallest:g}."
        )
    return rate


def smallest_rate(strangers: int) -> float:
    """The smallest number of false matches per 1,000 pictures that so many pairs of strangers support, in two digits.

    Example:
        >>> smallest_rate(20_000), smallest_rate(23_000)
        (0.5, 0.44)
    """
    smallest = 1000 * LEAST_PAIRS / max(1, strangers)
    digits = 1 - math.floor(math.log10(smallest))
    # Up, so that what is said can be asked for; a hair less, because 0.5 in binary may be more.
    return round(math.ceil(smallest * 10.0**digits * (1 - 1e-12)) / 10.0**digits, max(0, digits))


def _by_people(pairs, score):
    """Matrices (people, people): pairs at or above a score, and all pairs; matches are on the diagonal."""
    people, numbers = np.unique(np.concatenate([pairs.probes, pairs.gallery]), return_inverse=True)
    size = len(people)
    rows, columns = numbers.ravel()[: len(pairs.probes)], numbers.ravel()[len(pairs.probes) :]
    place = rows * size + columns
    counted = [np.bincount(place[chosen], minlength=size**2) for chosen in (pairs.scores >= score, slice(None))]
    return [each.reshape(size, size).astype(np.float64) for each in counted]


def _of_strangers(matrix, weights):
    """The sum over pairs of different people of each resample."""
    apart = matrix - np.diag(np.diag(matrix))
    return ((weights @ apart) * weights).sum(axis=1)


def _interval(parts, wholes):
    there = wholes > 0  # a resample may have drawn nobody with a match
    low, high = np.percentile(parts[there] / wholes[there], PERCENTILES)
    return float(low), float(high)
