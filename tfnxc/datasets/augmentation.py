"""Random translation and flips of SPEC section 4, as fast as a batch can be copied."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

SHIFT = 0.05
"""Largest translation, as a share of height and of width (SPEC section 4)."""


class MovedImages:
    """Images of which any can be taken translated and flipped.

    A row that is read at its place, with a margin of zeros on both sides, has every horizontal translation as a
    contiguous part, and a row above or below the image is one row of zeros that all images share. So a batch is one
    gathering of rows and a cut; gathering pixel by pixel takes four times as long.

    Args:
        images: uint8 array of shape `(images, height, width, channels)`.

    References:
        SPEC section 4.
    """

    def __init__(self, images):
        count, self._height, self._width, self._channels = images.shape
        self._down, self._right = int(SHIFT * self._height), int(SHIFT * self._width)
        rows = np.zeros((count * self._height + 1, self._width + 2 * self._right, self._channels), np.uint8)
        inner = slice(self._right, self._right + self._width)
        rows[:-1, inner] = images.reshape(-1, self._width, self._channels)
        self._rows = on_the_cpu(rows)

    def take(self, indices, draws):
        """Each image translated by up to 5 % of height and width, zeros moving in, and flipped or not.

        Args:
            indices: int32 tensor of shape `(batch,)`.
            draws: float32 tensor of shape `(3, batch)`, uniform in [0, 1): for the translation down, the translation to
                the right and the flip of each.

        Returns:
            uint8 tensor of shape `(batch, height, width, channels)`.
        """
        top, left = (
            tf.cast(draw * (2 * most + 1), tf.int32)
            for draw, most in zip(tf.unstack(draws[:2]), (self._down, self._right), strict=True)
        )
        rows = top[:, None] - self._down + tf.range(self._height)
        inside = (rows >= 0) & (rows < self._height)
        rows = tf.where(inside, indices[:, None] * self._height + rows, len(self._rows) - 1)
        # Images that move alike are cut and turned together.
        kinds = tf.dynamic_partition(
            tf.range(tf.size(indices)), 2 * left + tf.cast(draws[2] < 0.5, tf.int32), 2 * (2 * self._right + 1)
        )
        moved = [
            self._cut(tf.gather(rows, members), left=kind // 2, flip=kind % 2 == 0)
            for kind, members in enumerate(kinds)
        ]
        images = tf.dynamic_stitch(kinds, moved)
        return tf.reshape(images, [-1, self._height, self._width, self._channels])

    def _cut(self, rows, left, flip):
        """The images of these rows, cut at `left` of the padded row."""
        images = tf.gather(self._rows, rows)[:, :, left : left + self._width]
        if flip:
            # TensorFlow reverses 3 dimensions, the last of 3 channels, with a kernel of its own, and 4 without.
            rows = tf.reshape(images, [-1, self._width, self._channels])
            images = tf.reshape(tf.reverse(rows, axis=[1]), tf.shape(images))
        return images


def on_the_cpu(array):
    """A tensor where `tf.data` reads it, once for all datasets that do, even if the first asks while it is traced."""
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(array)
