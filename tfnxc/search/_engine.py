"""A model at work on a gallery: its tower on pictures, its pair head on feature maps."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfnxc import models
from tfnxc.errors import InputError
from tfnxc.runs.run import load_model
from tfnxc.scoring.features import Embedder
from tfnxc.scoring.pair_scorer import tiled

_IMAGES, _PAIRS = 64, 128  # at a time


class Engine:
    """Tower and head of a model file, traced once.

    Args:
        path: A `.keras` file of a model of `tfnxc.models`.

    Raises:
        InputError: If it is missing, broken or another model.
    """

    def __init__(self, path):
        model, _ = load_model(path)
        try:
            tower, head = models.split(model)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        self.image_size, self.map_shape = tuple(tower.input_shape[1:3]), tuple(tower.output_shape[1:])
        maps = tf.TensorSpec([None, *self.map_shape], tf.float32)
        self._embed = Embedder(tower)
        self._same = tf.function(
            lambda first, second: tf.cast(head([first, second], training=False)[:, 1], tf.float32),
            input_signature=[maps, maps],
        )

    def embed(self, images):
        """Feature maps, float32, of uint8 images of shape `(images, height, width, 3)`."""
        return self._embed(images, _IMAGES)

    def score(self, probes, gallery, both_orders=False):
        """Probability that both show one person, of each probe with each picture of a gallery.

        Args:
            probes: float32 feature maps of shape `(probes, *map_shape)`.
            gallery: float32 or float16 feature maps of shape `(gallery, *map_shape)`.
            both_orders: Whether the pair is also shown with the gallery picture first, and the two averaged. Defaults
                to `False`.

        Returns:
            float32 array of shape `(probes, gallery)`.
        """
        gallery = np.asarray(gallery, np.float32)
        scores = np.empty((len(probes), len(gallery)), np.float32)
        pairs = np.indices(scores.shape).reshape(2, -1).T
        pairs = pairs[tiled(pairs)]
        for start in range(0, len(pairs), _PAIRS):
            of_probe, of_gallery = pairs[start : start + _PAIRS].T
            sides = probes[of_probe], gallery[of_gallery]
            found = self._same(*sides)
            if both_orders:
                found = (found + self._same(*reversed(sides))) / 2
            scores[of_probe, of_gallery] = found.numpy()
        return scores
