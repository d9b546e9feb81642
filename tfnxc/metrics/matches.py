"""The ranks of the true matches of some probes, and what figures they make; also where equal scores have no order."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tfnxc.number_checks import whole_number

_BLOCK = 1 << 21  # chances that are held at a time: 16 MB


@dataclasses.dataclass(frozen=True, eq=False)
class Matches:
    """Ranks of true matches, a row a probe, ascending and filled up with 0; the size of each probe's gallery.

    `scores` are those of each probe's best match; empty where they are not kept. `whole` are the matches of the same
    probes in all that their galleries were drawn from, where average precision and inverse negative penalty are of it.
    """

    ranks: np.ndarray
    gallery: np.ndarray
    scores: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    whole: Matches | None = None

    @property
    def of_precision(self) -> Matches:
        """The matches that average precision and inverse negative penalty are of: `whole`, or these."""
        return self if self.whole is None else self.whole

    @property
    def first(self) -> np.ndarray:
        """The rank of each probe's best match."""
        return self.ranks[:, 0]

    def found(self, k: int) -> np.ndarray:
        """The share of each probe's best match that is at rank `k` or before, in [0, 1]: 1.0 or 0.0 of a certain one.

        Raises `ValueError` if `k` is not a whole number, 1 or above.
        """
        return (self.first <= whole_number("k", k, least=1)).astype(np.float64)

    def curve(self, length: int) -> np.ndarray:
        """The CMC curve: the mean of `found` over the probes at the ranks 1 to `length`, the largest gallery's size."""
        return np.cumsum(np.bincount(self.first - 1, minlength=length)) / len(self.first)

    @property
    def average_precision(self) -> np.ndarray:
        """Each probe's average precision: the mean over its matches of the precision at the rank of the match."""
        return self.of_precision.within(self.of_precision.gallery)[1]

    @property
    def inverse_negative_penalty(self) -> np.ndarray:
        """Each probe's inverse negative penalty: its number of matches over the rank of the last of them."""
        return self.of_precision._penalty()

    def _penalty(self):
        return (self.ranks > 0).sum(axis=1) / self.ranks.max(axis=1)

    def within(self, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What lists of the first `lengths` ranks, one length a probe, hold of each probe's matches.

        Returns:
            The share of each probe's matches that is inside; and its average precision if those outside count as not
            found, which adds nothing for them.
        """
        there = self.ranks > 0
        inside = there & (self.ranks <= np.asarray(lengths)[:, None])
        found = np.arange(1, self.ranks.shape[1] + 1)
        precision = np.divide(found, self.ranks, where=inside, out=np.zeros(self.ranks.shape))
        count = there.sum(axis=1)
        return inside.sum(axis=1) / count, precision.sum(axis=1) / count


class _Ties(NamedTuple):
    """The group of equal scores in which each match stands: arrays of shape (probes, most matches)."""

    ahead: np.ndarray  # pictures of the gallery with a higher score
    before: np.ndarray  # how many of those are matches
    matches: np.ndarray  # matches with this score
    size: np.ndarray  # pictures with this score


@dataclasses.dataclass(frozen=True, eq=False)
class ExpectedMatches(Matches):
    """True matches where equal scores stand in a random order: every figure is its expectation over all orders.

    `ranks` are the best that a match may have, with all others of its score behind it, and `worst` the worst. In a
    group of t equal scores, m of them of matches, behind a pictures, the first match is beyond the first j of the
    group with the probability C(t - m, j) / C(t, j); place p holds a match with m / t, and if it does,
    (p - 1) (m - 1) / (t - 1) of the matches are expected before it in the group.

    Example:
        >>> two_at_the_top = ExpectedMatches(np.array([[1]]), np.array([4]), worst=np.array([[2]]))
        >>> two_at_the_top.found(1).tolist(), two_at_the_top.average_precision.tolist()
        ([0.5], [0.75])
    """

    worst: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0), np.int64))

    @property
    def first(self) -> np.ndarray:
        """Raises `ValueError`: a match among equal scores has no one rank."""
        raise ValueError("with ties='expected' a match has no one rank; ask found(k) for its chance to be among k")

    @functools.cached_property
    def _ties(self) -> _Ties:
        slots = np.arange(self.ranks.shape[1])
        there = self.ranks > 0
        higher, others = self.ranks - slots - 1, self.worst - self.ranks  # pictures of others: above it, level with it
        begins = np.ones(self.ranks.shape, bool)
        begins[:, 1:] = (np.diff(higher, axis=1) != 0) | (np.diff(others, axis=1) != 0)
        before = np.maximum.accumulate(np.where(begins, slots, 0), axis=1)
        groups = before + self.ranks.shape[1] * np.arange(len(self.ranks))[:, None]
        matches = np.bincount(groups[there], minlength=self.ranks.size)[groups]
        return _Ties(higher + before, before, matches, np.where(there, others + matches, 1))

    def _best(self):
        """`ahead`, `matches` and `size` of the group of each probe's best match."""
        return self._ties.ahead[:, 0], self._ties.matches[:, 0], self._ties.size[:, 0]

    def found(self, k: int) -> np.ndarray:  # noqa: D102
        k = whole_number("k", k, least=1)
        ahead, matches, size = self._best()
        beyond = np.ones(len(ahead))
        for place in range(min(k, int(size.max()))):
            inside = (ahead + place < k) & (place < size)
            beyond[inside] *= np.maximum(size - matches - place, 0)[inside] / (size - place)[inside]
        return np.where(k > ahead, 1 - beyond, 0.0)

    def curve(self, length: int) -> np.ndarray:  # noqa: D102
        ahead, matches, size = self._best()
        # How many probes' best matches are expected beyond each rank from 0 on.
        beyond = np.cumsum(np.bincount(ahead, minlength=length + 1)[::-1])[::-1].astype(np.float64)
        for rows, chances in _beyond(matches, size):
            ranks = ahead[rows][:, None] + np.arange(1, chances.shape[1])
            some = chances[:, 1:] > 0
            beyond += np.bincount(ranks[some], chances[:, 1:][some], length + 1)
        return np.maximum.accumulate(1 - beyond[1:] / len(ahead))

    def _penalty(self):
        count = (self.ranks > 0).sum(axis=1)
        last = np.arange(len(count)), count - 1
        ahead, matches, size = self._ties.ahead[last], self._ties.matches[last], self._ties.size[last]
        found = np.empty(len(count))
        for rows, chances in _beyond(matches, size):
            # From the end of the group, its last match is as far as the first one is from its begin.
            places = size[rows][:, None] - np.arange(chances.shape[1] - 1)
            chance = -np.diff(chances, axis=1)
            ranks = ahead[rows][:, None] + np.maximum(places, 1)
            found[rows] = count[rows] * (chance / ranks).sum(axis=1)
        return found

    def within(self, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # noqa: D102
        ahead, before, matches, size = self._ties
        there = self.ranks > 0
        shown = np.clip(np.asarray(lengths)[:, None] - ahead, 0, size)  # places of the group inside the list
        # The sum of 1 / rank over these places; the sum of (place - 1) / rank is shown - (ahead + 1) of it.
        inverse = np.cumsum(np.append(0, 1 / np.arange(1, self.gallery.max() + 1, dtype=np.longdouble)))
        at = np.where(there, ahead, 0)
        inverses = (inverse[at + np.where(there, shown, 0)] - inverse[at]).astype(np.float64)
        alone = size == 1
        inverses = np.where(alone, shown / (at + 1), inverses)  # to the last digit what it is without ties
        share = np.divide(matches - 1, size - 1, where=~alone, out=np.zeros(size.shape))
        precision = ((before + 1) * inverses + share * (shown - (at + 1) * inverses)) / size
        count = there.sum(axis=1)
        return np.where(there, shown / size, 0).sum(axis=1) / count, np.where(there, precision, 0).sum(axis=1) / count


def _beyond(matches: np.ndarray, size: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chances that the first of some matches is beyond the first j places of its group, j from 0 on.

    They come in blocks `(rows, chances)`; the last column of each is 0.
    """
    others = size - matches
    order = np.argsort(others, kind="stable")[::-1]  # long ones together
    start = 0
    while start < len(order):
        places = np.arange(others[order[start]] + 1)
        rows = order[start : start + max(1, _BLOCK // len(places))]
        left = np.maximum(others[rows][:, None] - places, 0)
        factors = left / np.maximum(size[rows][:, None] - places, 1)
        yield rows, np.concatenate([np.ones((len(rows), 1)), np.cumprod(factors, axis=1)], axis=1)
        start += len(rows)
