"""A model's scores of the pairs of a set of images, kept on disk and averaged over the ways to show a pair."""

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfnxc.console import ProgressCallback
from tfnxc.scoring.pair_scorer import PairScorer
from tfnxc.scoring.score_file import ScoreFile
from tfnxc.scoring.test_time_augmentation import View, views


class ModelScores:
    """Scores of a model on a set of images; only pairs that nobody scored before are scored.

    Args:
        folder: Where the score files lie; made if need be.
        model: A model of `tfnxc.models`.
        digest: Digest of the model file, so that another model never finds these scores.
        images: uint8 array of shape `(images, height, width, 3)`.
        shown: The ways in which each pair is shown, from `views`. Defaults to the one: the probe first, as it is.
        batch_size: Pairs at a time. Defaults to `None`: found by itself.
        strategy: As in `PairScorer`. Defaults to `None`.

    Example:
        >>> scores = ModelScores("scores", model, "a1b2c3", images, views(both_orders=True), batch_size=8)
        >>> needed = np.zeros((12, 12), bool)
        >>> needed[:2, 6:] = True
        >>> scores.fill(needed)
        >>> scores.missing(needed), scores.read([0, 1], [6, 7, 8]).shape
        (0, (2, 3))
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
        """Scores what is missing.

        Args:
            needed: Boolean matrix (images, images), rows probes, columns gallery.
            tower_progress: Called with the number of images done after each batch of the tower. Defaults to `None`.
            progress: Called with the number of pairs done after each batch of the head. Defaults to `None`.
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

    def _marked(self, needed):
        """Each file's kind with the pairs (first, second) it needs."""
        marked = {}
        for exchanged, mirrored in self._views:
            part = needed.T if exchanged else needed
            marked[mirrored] = marked[mirrored] | part if mirrored in marked else part
        return list(marked.items())
