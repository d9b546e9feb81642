"""Pairs of pictures of a set, marked without a matrix of all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np

from tfnxc.metrics.protocols import Trial, needed_pairs


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of pictures: those that a boolean matrix of some rows and some columns marks.

    Args:
        rows: Positions of first pictures in the set, ascending.
        columns: Positions of second pictures, ascending.
        marked: Booleans of shape `(rows, columns)`.

    Example:
        >>> pairs = Pairs.of(np.eye(1000, dtype=bool)[:, ::-1])
        >>> len(pairs), len(pairs.transposed | pairs), pairs.pictures.shape
        (1000, 1000, (1000,))
    """

    rows: np.ndarray
    columns: np.ndarray
    marked: np.ndarray

    @classmethod
    def of(cls, marked: Pairs | np.ndarray) -> Pairs:
        """The pairs that a boolean matrix (pictures, pictures) marks; `Pairs` as they are."""
        if isinstance(marked, Pairs):
            return marked
        rows, columns = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
        return cls(rows, columns, marked[np.ix_(rows, columns)])

    @classmethod
    def all_of(cls, count: int) -> Self:
        """Every pair of two different ones of so many pictures."""
        return cls(np.arange(count), np.arange(count), ~np.eye(count, dtype=bool))

    @classmethod
    def of_trials(cls, trials: Iterable[Iterable[Trial]], rows: np.ndarray, columns: np.ndarray) -> Self:
        """The pairs that trials read.

        Args:
            trials: As from `tfnxc.metrics.draw_trials`.
            rows: Positions in the set of what is a row to the trials, ascending.
            columns: Likewise of a column.
        """
        parts = [part for repeat in trials for trial in repeat for part in trial.parts]
        first = np.unique(np.concatenate([each.probes for each in parts]))
        second = np.unique(np.concatenate([np.ravel(each.gallery) for each in parts]))
        moved = [
            Trial(np.searchsorted(first, each.probes), np.searchsorted(second, each.gallery), each.views)
            for each in parts
        ]
        return cls(rows[first], columns[second], needed_pairs([moved], (len(first), len(second))))

    def __len__(self) -> int:
        return int(np.count_nonzero(self.marked))

    def __or__(self, other: Pairs) -> Pairs:
        rows, columns = np.union1d(self.rows, other.rows), np.union1d(self.columns, other.columns)
        marked = np.zeros((len(rows), len(columns)), bool)
        for each in (self, other):
            marked[np.ix_(np.searchsorted(rows, each.rows), np.searchsorted(columns, each.columns))] |= each.marked
        return Pairs(rows, columns, marked)

    @property
    def transposed(self) -> Pairs:
        """The same with first and second exchanged."""
        return Pairs(self.columns, self.rows, self.marked.T)

    @property
    def pictures(self) -> np.ndarray:
        """Positions of the pictures that are in a pair, ascending."""
        return np.union1d(self.rows[self.marked.any(axis=1)], self.columns[self.marked.any(axis=0)])

    def positions(self) -> np.ndarray:
        """The pairs one by one: int64 of shape `(pairs, 2)`, row by row."""
        row, column = np.nonzero(self.marked)
        return np.stack([self.rows[row], self.columns[column]], axis=1)

    def blocks(self, most: int, least_rows: int = 1) -> Iterator[Pairs]:
        """The same in turn, some rows at a time: as many as have `most` pairs, but at least so many rows."""
        counts, start = np.cumsum(self.marked.sum(axis=1)), 0
        while start < len(self.rows):
            before = counts[start - 1] if start else 0
            end = max(start + least_rows, int(np.searchsorted(counts, before + most, "right")))
            yield Pairs(self.rows[start:end], self.columns, self.marked[start:end])
            start = end
