"""Scores of a model on disk, filled bit by bit: an interrupted scoring goes on where it stood."""

import os
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfnxc.console import ProgressCallback
from tfnxc.embedding import log_odds_of
from tfnxc.errors import InputError
from tfnxc.files import replacing, writing
from tfnxc.hashes import short_digest
from tfnxc.scoring.pair_head import TILE_PROBES
from tfnxc.scoring.pair_scorer import PairScorer
from tfnxc.scoring.test_time_augmentation import View, views

_BLOCK = 1 << 14  # pairs between two writes to disk


class ScoreFile:
    """A square score matrix on disk, rows first images, columns second images, of which some pairs are scored.

    A pair without a score is 32 zero bits, so that a large matrix takes room on disk only where it is filled; a score
    of zero is kept as minus zero, which is equal to it.

    Args:
        folder: Where the file lies; made if need be.
        model_digest: Digest of the model file, so that another model never finds these scores.
        images: The images, rows and columns; their digest keeps another set from finding these scores.
        mirrored: Whether the first and the second image of each pair are mirrored. Defaults to `(False, False)`.

    Raises:
        InputError: If the file is damaged.

    Example:
        >>> ScoreFile("scores", "d4e5f6", images).missing(np.ones((12, 12), bool))
        144
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        model_digest: str,
        images: np.ndarray,
        mirrored: tuple[bool, bool] = (False,) * 2,
    ):
        digest = short_digest(np.ascontiguousarray(images))
        marks = "".join(f"-{side}-mirrored" for side, each in zip(("first", "second"), mirrored, strict=True) if each)
        self.path = pathlib.Path(folder) / f"{model_digest}-{digest}{marks}.npy"
        if not self.path.exists():
            with replacing(self.path) as new:
                np.lib.format.open_memmap(new, "w+", np.float32, (len(images),) * 2).flush()
        try:
            whole = self._open().shape == (len(images),) * 2 and self._open().dtype == np.float32
        except (ValueError, EOFError):
            whole = False
        if not whole:
            raise InputError(f"{self.path}: damaged. Remove it: its pairs are then scored again.")

    def read(self, rows: np.ndarray | slice = slice(None), columns: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Scores of some rows and columns: a float32 copy, NaN where a pair has no score."""
        matrix = self._open()
        everyone = np.arange(len(matrix))
        scores = np.array(matrix[np.ix_(everyone[rows], everyone[columns])])
        scores[_missing(scores)] = np.nan
        return scores

    def at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Scores of pairs at positions that are broadcast as NumPy's indices: float32, NaN where one has no score."""
        scores = np.asarray(self._open()[rows, columns])
        scores[_missing(scores)] = np.nan
        return scores

    def missing(self, needed: np.ndarray) -> int:
        """How many of the pairs marked in the boolean matrix `needed` have no score yet."""
        return sum(len(pairs) for pairs in self._blocks(needed))

    def fill(self, scorer: PairScorer, needed: np.ndarray, progress: ProgressCallback | None = None) -> None:
        """Scores the pairs marked in `needed` that have no score yet, and writes them, block by block.

        `scorer` is of the same images; `progress` is called with the number of pairs done after each batch.
        """
        for pairs in self._blocks(needed):
            scores = scorer.score(pairs, progress)
            self._write(pairs, np.where(scores == 0, np.float32(-0.0), scores))

    def _write(self, pairs, scores):
        """Writes scores into their places; not by a map in memory, in which a full disk would kill the process."""
        matrix = self._open()
        places = np.ravel_multi_index(pairs.T, matrix.shape)
        order = np.argsort(places)
        places, scores = places[order], scores[order]
        runs = np.split(scores, np.flatnonzero(np.diff(places) != 1) + 1)  # of neighbours in the file
        with writing(self.path), open(self.path, "r+b") as file:
            for start, run in zip(np.cumsum([0, *map(len, runs[:-1])]), runs, strict=True):
                file.seek(matrix.offset + matrix.itemsize * int(places[start]))
                file.write(run.tobytes())
            file.flush()
            os.fsync(file.fileno())

    def _open(self, mode="r"):
        return np.load(self.path, mmap_mode=mode)

    def _blocks(self, needed):
        """The pairs to score, some rows of the matrix at a time."""
        matrix = self._open()
        counts = np.cumsum(needed.sum(axis=1))
        start = 0
        while start < len(needed):
            before = counts[start - 1] if start else 0
            # At least the probes of a tile, however long the rows are.
            end = max(start + TILE_PROBES, int(np.searchsorted(counts, before + _BLOCK, "right")))
            pairs = np.argwhere(needed[start:end] & _missing(matrix[start:end])).astype(np.int32)
            pairs[:, 0] += start
            if len(pairs):
                yield pairs
            start = end


def _missing(scores):
    return scores.view(np.uint32) == 0


class ModelScores:
    """Scores of a model on a set of images; only pairs that nobody scored before are scored.

    Args:
        folder: As in `ScoreFile`, like digest and images.
        model: A model of `tfnxc.models`.
        shown: The ways in which each pair is shown, from `views`. Defaults to the one: the probe first, as it is.
        batch_size: As in `PairScorer`, like strategy. Defaults to `None`.

    Example:
        >>> scores = ModelScores("scores", model, "a1b2c3", images, views(both_orders=True), batch_size=8)
        >>> scores.fill(np.ones((12, 12), bool))
        >>> scores.read([0, 1], [6, 7, 8]).shape
        (2, 3)
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        model: keras.Model,
        digest: str,
        images: np.ndarray,
        shown: tuple[View, ...] | None = None,
        batch_size: int | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ):
        self._model, self._batch_size, self._strategy = model, batch_size, strategy
        self._images: Any = images  # None once released
        self._views = views() if shown is None else shown
        self._files = {mirrored: ScoreFile(folder, digest, images, mirrored) for _, mirrored in self._views}

    def missing(self, needed: np.ndarray) -> int:
        """How many scores the pairs marked in the boolean matrix `needed` (probes, gallery) still lack."""
        return sum(self._files[mirrored].missing(marked) for mirrored, marked in self._marked(needed))

    def fill(
        self,
        needed: np.ndarray,
        tower_progress: ProgressCallback | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        """Scores what is missing of the pairs marked in the boolean matrix `needed` (probes, gallery).

        `tower_progress` is called with the number of images done after each batch of the tower, `progress` with the
        number of pairs done after each batch of the head.
        """
        for mirrored, marked in self._marked(needed):
            file = self._files[mirrored]
            if file.missing(marked):
                options = self._batch_size, tower_progress, mirrored, self._strategy
                scorer = PairScorer(self._model, self._images, *options)
                file.fill(scorer, marked, progress)
                self._batch_size = scorer.batch_size

    def release(self) -> None:
        """Lets go of the model and the pictures; what was scored can still be read."""
        self._model = self._images = None

    def read(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Mean score of each pair over the ways it was shown: float32 (rows, columns), NaN where one is missing."""
        total = np.zeros((len(rows), len(columns)), np.float32)
        for exchanged, mirrored in self._views:
            file = self._files[mirrored]
            total += file.read(columns, rows).T if exchanged else file.read(rows, columns)
        total /= len(self._views)
        return total

    def log_odds(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Mean log-odds of pairs over the ways they were shown: float32, NaN where a score is missing.

        Positions are broadcast as NumPy's indices: `rows[:, None]` and `columns` are all pairs of both.
        """
        shown = []
        for exchanged, mirrored in self._views:
            file = self._files[mirrored]
            shown.append(log_odds_of(file.at(columns, rows) if exchanged else file.at(rows, columns)))
        return np.mean(shown, axis=0)

    def _marked(self, needed):
        """Each file's kind with the pairs (first, second) it needs."""
        marked = {}
        for exchanged, mirrored in self._views:
            part = needed.T if exchanged else needed
            marked[mirrored] = marked[mirrored] | part if mirrored in marked else part
        return list(marked.items())
