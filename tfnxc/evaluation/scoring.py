"""Scoring pairs of images with a model: the tower once an image, the head once a pair, in batches."""

from __future__ import annotations

import hashlib
import pathlib

import numpy as np
import tensorflow as tf

from tfnxc import models
from tfnxc.datasets.pairs import to_input
from tfnxc.files import replacing

_BLOCK = 4096  # pairs between two writes to disk


def embed(tower, images, batch_size=64, progress=None):
    """Feature maps of images.

    Args:
        tower: The tower of `tfnxc.models.split`.
        images: uint8 array of shape `(images, height, width, 3)`.
        batch_size: Images at a time. Defaults to `64`.
        progress: Called with the number of images done after each batch. Defaults to `None`.

    Returns:
        float32 tensor of shape `(images, height, width, channels)`.
    """
    shape = [None, *images.shape[1:]]
    run = tf.function(
        lambda batch: tf.cast(tower(to_input(batch), training=False), tf.float32),
        input_signature=[tf.TensorSpec(shape, tf.uint8)],
    )
    maps = []
    for start in range(0, len(images), batch_size):
        maps.append(run(images[start : start + batch_size]))
        if progress is not None:
            progress(len(maps[-1]))
    return tf.concat(maps, axis=0)


class PairScorer:
    """Scores pairs of a set of images: the tower runs once an image when this is made, the head once a pair.

    Args:
        model: A model of `tfnxc.models`.
        images: uint8 array of shape `(images, height, width, 3)`.
        batch_size: Pairs at a time. Defaults to `32`.
        progress: Called with the number of images done after each batch of the tower. Defaults to `None`.

    Example:
        >>> PairScorer(model, images).score([[0, 1], [0, 2]])
        array([0.97, 0.03], dtype=float32)
    """

    def __init__(self, model, images, batch_size=32, progress=None):
        tower, head = models.split(model)
        maps = embed(tower, images, progress=progress)
        self._batch_size = batch_size

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int32)])
        def score(batch):
            return head([tf.gather(maps, batch[:, 0]), tf.gather(maps, batch[:, 1])], training=False)[:, 1]

        self._score = score

    def score(self, pairs, progress=None):
        """Probability that both images of a pair show one person.

        Args:
            pairs: int array of shape `(pairs, 2)`: index of the probe, index of the gallery image.
            progress: Called with the number of pairs done after each batch. Defaults to `None`.

        Returns:
            float32 array of shape `(pairs,)`.
        """
        pairs = np.asarray(pairs, np.int32)
        scores = np.empty(len(pairs), np.float32)
        for start in range(0, len(pairs), self._batch_size):
            batch = pairs[start : start + self._batch_size]
            scores[start : start + self._batch_size] = self._score(batch).numpy()
            if progress is not None:
                progress(len(batch))
        return scores


class ScoreFile:
    """A square score matrix on disk, NaN where a pair has no score yet: an interrupted scoring goes on where it stood.

    Args:
        folder: Where the file lies; made if need be.
        model_digest: Digest of the model file, so that another model never finds these scores.
        images: The images, rows and columns; their digest keeps another set from finding these scores.
    """

    def __init__(self, folder, model_digest, images):
        digest = hashlib.sha256(np.ascontiguousarray(images)).hexdigest()[:12]
        self.path = pathlib.Path(folder) / f"{model_digest}-{digest}.npy"
        if not self.path.exists():
            with replacing(self.path) as new, open(new, "wb") as file:
                np.save(file, np.full((len(images), len(images)), np.nan, np.float32))

    def read(self):
        """The matrix, read-only: float32 of shape `(images, images)`, rows are probes."""
        return np.load(self.path, mmap_mode="r")

    def missing(self, needed):
        """The pairs marked in the boolean matrix `needed` that have no score yet: int array (pairs, 2)."""
        return np.argwhere(needed & np.isnan(self.read())).astype(np.int32)

    def fill(self, scorer, pairs, progress=None):
        """Scores the `pairs` and writes them, block by block.

        Args:
            scorer: A `PairScorer` of the same images.
            pairs: int array of shape `(pairs, 2)`, as from `missing`.
            progress: Called with the number of pairs done after each batch. Defaults to `None`.
        """
        matrix = np.load(self.path, mmap_mode="r+")
        for start in range(0, len(pairs), _BLOCK):
            block = pairs[start : start + _BLOCK]
            matrix[block[:, 0], block[:, 1]] = scorer.score(block, progress)
            matrix.flush()
