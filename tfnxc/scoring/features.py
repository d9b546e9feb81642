"""Feature maps of images: the tower once an image, in memory or, when large, in a file."""

import tempfile

import keras
import numpy as np
import tensorflow as tf

from tfnxc.console import ProgressCallback
from tfnxc.ops.images import to_input

_IN_MEMORY = 1 << 32
"""Bytes of feature maps that are kept in memory: 4 GiB, about 96,000 images of 160 x 60; more go into a file."""


class Embedder:
    """Feature maps of images, by a tower that is traced once, however often its weights change between two calls.

    Args:
        tower: The tower of `tfnxc.models.split`.
        mirrored: Whether the images are mirrored, left for right. Defaults to `False`.

    Example:
        >>> Embedder(tfnxc.models.split(model).tower)(images).shape[:3]
        (12, 37, 12)
    """

    def __init__(self, tower: keras.Model, mirrored: bool = False):
        self._tower, self._mirrored = tower, mirrored
        self._run = tf.function(self._maps, input_signature=[tf.TensorSpec([None, *tower.input_shape[1:]], tf.uint8)])

    def __call__(
        self, images: np.ndarray, progress: ProgressCallback | None = None, in_memory: int = _IN_MEMORY
    ) -> np.ndarray:
        """Feature maps of images, 64 at a time.

        Args:
            images: uint8 array of shape `(images, height, width, 3)`, which may be memory-mapped.
            progress: Called with the number of images done after each batch. Defaults to `None`.
            in_memory: The most bytes kept in memory; more are kept in a temporary file that is mapped and goes with the
                array. Defaults to 4 GiB.

        Returns:
            float32 array of shape `(images, height, width, channels)`.
        """
        features = _room((len(images), *self._tower.output_shape[1:]), in_memory)
        for start in range(0, len(images), 64):
            batch = images[start : start + 64]
            features[start : start + len(batch)] = self._run(batch).numpy()
            if progress is not None:
                progress(len(batch))
        return features

    def _maps(self, batch):
        pictures = tf.reverse(batch, [2]) if self._mirrored else batch
        return tf.cast(self._tower(to_input(pictures), training=False), tf.float32)


def embed(tower: keras.Model, images: np.ndarray, in_memory: int = _IN_MEMORY) -> np.ndarray:
    """Feature maps of images, once: `Embedder(tower)(images)`."""
    return Embedder(tower)(images, in_memory=in_memory)


def _room(shape, in_memory):
    if 4 * np.prod(shape, dtype=np.int64) <= in_memory:
        return np.empty(shape, np.float32)
    # The file has no name any more, so that it goes with the array, however the program ends.
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float32, "w+", shape=shape)
