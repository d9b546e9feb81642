"""Feature maps of images: the tower once an image, in memory or, when large, in a file."""

from __future__ import annotations

import tempfile

import numpy as np
import tensorflow as tf

from tfnxc.datasets.pipelines.pipeline import to_input

_IN_MEMORY = 1 << 32
"""Bytes of feature maps that are kept in memory: 4 GiB, about 96,000 images of 160 x 60; more go into a file."""


def embed(tower, images, batch_size=64, progress=None, mirrored=False, in_memory=_IN_MEMORY):
    """Feature maps of images.

    Args:
        tower: The tower of `tfnxc.models.split`.
        images: uint8 array of shape `(images, height, width, 3)`, which may be memory-mapped.
        batch_size: Images at a time. Defaults to `64`.
        progress: Called with the number of images done after each batch. Defaults to `None`.
        mirrored: Whether the images are mirrored, left for right. Defaults to `False`.
        in_memory: The most bytes kept in memory; more are kept in a temporary file that is mapped and goes with the
            array. Defaults to 4 GiB.

    Returns:
        float32 array of shape `(images, height, width, channels)`.
    """
    return Embedder(tower, mirrored)(images, batch_size, progress, in_memory)


class Embedder:
    """`embed` with a tower that is traced once, however often its weights change between two calls.

    Args:
        tower: As in `embed`.
        mirrored: As in `embed`. Defaults to `False`.
    """

    def __init__(self, tower, mirrored=False):
        self._tower, self._mirrored = tower, mirrored
        self._run = tf.function(self._maps, input_signature=[tf.TensorSpec([None, *tower.input_shape[1:]], tf.uint8)])

    def __call__(self, images, batch_size=64, progress=None, in_memory=_IN_MEMORY):
        """Feature maps of images; arguments and result as of `embed`."""
        features = _room((len(images), *self._tower.output_shape[1:]), in_memory)
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            features[start : start + len(batch)] = self._run(batch).numpy()
            if progress is not None:
                progress(len(batch))
        return features

    def _maps(self, batch):
        pictures = tf.reverse(batch, [2]) if self._mirrored else batch
        return tf.cast(self._tower(to_input(pictures), training=False), tf.float32)


def _room(shape, in_memory):
    if 4 * np.prod(shape, dtype=np.int64) <= in_memory:
        return np.empty(shape, np.float32)
    # The file has no name any more, so that it goes with the array, however the program ends.
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float32, "w+", shape=shape)
