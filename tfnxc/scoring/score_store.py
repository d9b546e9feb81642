"""Scores of pairs of pictures on disk, in files that hold what was scored and nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib

import numpy as np

from tfnxc.errors import InputError
from tfnxc.files import is_temporary, replacing
from tfnxc.hashes import short_digest

SUFFIX = ".scores"
"""How the names of the files end."""

_SMALL = 1 << 20  # scores: files with fewer are put together
_AT_ONCE = 64  # small files that wait before they are put together while a scoring goes on
_UNSCORED = np.float32(0)  # 32 zero bits; a score of zero is kept as minus zero, which is equal to it


@dataclasses.dataclass(frozen=True, eq=False)
class _Block:
    """What a file holds: scores of first and second pictures by their digests, which ascend.

    Either a matrix (first, second), of which single ones may be unscored; or, where few of its pairs have a score,
    those row by row: `offsets` says where each row begins and ends, `columns` to which second picture each belongs.
    """

    first: np.ndarray
    second: np.ndarray
    offsets: np.ndarray
    columns: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, first, second, scores):
        """The block of scores of pairs, one digest of each side a pair; of a pair that comes twice the first counts."""
        rows, row = np.unique(first, return_inverse=True)
        columns, column = np.unique(second, return_inverse=True)
        place, at = np.unique(row.ravel() * np.int64(len(columns)) + column.ravel(), return_index=True)
        kept = np.where(scores[at] == 0, np.float32(-0.0), scores[at]).astype(np.float32)
        small = np.uint16 if len(columns) <= 1 << 16 else np.uint32
        none = np.zeros(0, np.int64)
        if 4 * len(rows) * len(columns) <= (4 + np.dtype(small).itemsize) * len(kept):
            matrix = np.full(len(rows) * len(columns), _UNSCORED)
            matrix[place] = kept
            return cls(rows, columns, none, none.astype(small), matrix.reshape(len(rows), len(columns)))
        offsets = np.searchsorted(place, np.arange(len(rows) + 1) * len(columns))
        return cls(rows, columns, offsets, (place % len(columns)).astype(small), kept)

    @classmethod
    def load(cls, path):
        """The block in a file; its scores are mapped, not read. Raises `InputError` where it is damaged."""
        try:
            with open(path, "rb") as file:
                arrays = [np.load(file, allow_pickle=False) for _ in range(4)]
                np.lib.format.read_magic(file)
                shape, _, kind = np.lib.format.read_array_header_1_0(file)
                there = os.fstat(file.fileno()).st_size - file.tell()
                if kind != np.float32 or there != 4 * int(np.prod(shape)):
                    raise ValueError("other scores than its beginning says")
                found = cls(*arrays, np.memmap(file, np.float32, "r", file.tell(), shape))
            if not found._is_whole():
                raise ValueError("scores that do not fit its pictures")
        except (ValueError, EOFError, TypeError) as error:
            raise InputError(f"{path}: damaged ({error}). Remove it: its pairs are then scored again.") from None
        return found

    def _is_whole(self):
        kinds = [each.dtype.kind for each in (self.first, self.second, self.offsets, self.columns)]
        if kinds != ["u", "u", "i", "u"] or self.first.ndim != 1 or self.second.ndim != 1:
            return False
        if self.scores.ndim == 2:
            return self.scores.shape == (len(self.first), len(self.second))
        fits = len(self.offsets) == len(self.first) + 1 and len(self.columns) == len(self.scores) == self.offsets[-1]
        return fits and bool((np.diff(self.offsets) >= 0).all() and (self.columns < len(self.second)).all())

    def save(self, folder):
        """Writes a file that is called by what it holds; gives its name."""
        arrays = [np.ascontiguousarray(getattr(self, field.name)) for field in dataclasses.fields(self)]
        name = short_digest(b"".join(each.tobytes() for each in arrays)) + SUFFIX
        with replacing(pathlib.Path(folder) / name) as new, open(new, "wb") as file:
            for each in arrays:
                np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(each))
                file.write(each.tobytes())  # not by NumPy, whose error does not say what the system said
        return name

    def row(self, row):
        """Places among the second pictures, and their scores, of those that a row has."""
        if self.scores.ndim == 2:
            scores = np.asarray(self.scores[row])
            there = np.flatnonzero(scores.view(np.uint32))
            return there, scores[there]
        part = slice(self.offsets[row], self.offsets[row + 1])
        return self.columns[part], np.asarray(self.scores[part])

    def pairs(self):
        """First digests, second digests and scores, one a pair."""
        rows = [self.row(row) for row in range(len(self.first))]
        first = np.repeat(self.first, [len(places) for places, _ in rows])
        return first, self.second[np.concatenate([each for each, _ in rows])], np.concatenate([s for _, s in rows])


class ScoreStore:
    """Scores of pairs of pictures in a folder, which grows by files that are whole or not there.

    Pictures are known by 64-bit digests of what they show, so that scores are found again in whatever set a picture is,
    and never those of another picture. A file has the scores of some first and some second pictures, and about as many
    bytes as these need; several processes may write at a time.

    Args:
        folder: Where the files lie; made when the first one is written.

    Example:
        >>> store = ScoreStore("scores/d4e5f6")
        >>> store.add([7, 7], [1, 2], [0.25, 0.5])
        >>> store.read([7, 8], [2, 3])
        array([[0.5, nan],
               [nan, nan]], dtype=float32)
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = pathlib.Path(folder)
        self._block = functools.lru_cache(maxsize=None)(self._load)

    def __bool__(self) -> bool:
        return bool(self._names())

    def read(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Scores of all pairs of pictures by digests: float32 of shape `(first, second)`, NaN where one is missing.

        Raises:
            InputError: If a file is damaged.
        """
        first, second = np.asarray(first, np.uint64), np.asarray(second, np.uint64)
        columns, place = np.unique(second, return_inverse=True)
        rows, row_of = np.unique(first, return_inverse=True)
        if len(rows) < len(first) or len(columns) < len(second):  # pictures that are there twice have the same scores
            return self.read(rows, columns)[np.ix_(row_of.ravel(), place.ravel())]
        if not len(first) or not len(second):
            return np.zeros((len(first), len(second)), np.float32)
        found, order = np.full((len(first), len(second)), np.nan, np.float32), np.argsort(second)
        for block in self._blocks().values():
            ours, theirs = _common(first, block.first)
            if not len(ours):
                continue
            theirs_of_columns, at = _common(block.second, columns)
            to = np.full(len(block.second), -1)
            to[theirs_of_columns] = order[at]
            for row, own in zip(theirs, ours, strict=True):
                held, scores = block.row(row)
                column = to[held]
                found[own, column[column >= 0]] = scores[column >= 0]
        return found

    def add(self, first: np.ndarray, second: np.ndarray, scores: np.ndarray) -> None:
        """Writes scores of pairs, one digest of each side a pair, as one file.

        Raises:
            OSError: Where the disk refuses it; what was there before still is.
        """
        first, second = np.asarray(first, np.uint64), np.asarray(second, np.uint64)
        _Block.of(first, second, np.asarray(scores, np.float32)).save(self.folder)
        if len(self._small()) >= _AT_ONCE:
            self.put_together()

    def put_together(self) -> None:
        """Makes one file of all small ones, so that few have to be opened."""
        small = self._small()
        if len(small) < 2:
            return
        parts = [np.concatenate(each) for each in zip(*(block.pairs() for block in small.values()), strict=True)]
        kept = _Block.of(*parts).save(self.folder)
        self._block.cache_clear()
        for name in small.keys() - {kept}:
            with contextlib.suppress(OSError):  # removed by another process, or open in one: it is read twice then
                (self.folder / name).unlink()

    def _small(self):
        return {name: block for name, block in self._blocks().items() if block.scores.size < _SMALL}

    def _blocks(self) -> dict[str, _Block]:
        """All blocks by the names of their files; files that another process puts together meanwhile are looked for."""
        for _ in range(9):
            with contextlib.suppress(FileNotFoundError):
                return {name: self._block(name) for name in self._names()}
        return {name: self._block(name) for name in self._names()}

    def _names(self):
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name.endswith(SUFFIX) and not is_temporary(name))

    def _load(self, name):
        return _Block.load(self.folder / name)


def _common(labels, others):
    """Where those labels are that are among others, which ascend; and where they are among those."""
    at = np.minimum(np.searchsorted(others, labels), len(others) - 1)
    there = np.flatnonzero(others[at] == labels)
    return there, at[there]
