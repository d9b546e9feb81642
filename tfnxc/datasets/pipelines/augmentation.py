"""Random changes of training images: translation and flips of SPEC section 4, and light and occlusion beyond it."""

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


LIGHT_DRAWS = 6
"""Random numbers that `relit` takes for an image."""

ERASURE_DRAWS = 5
"""Random numbers that `erased` takes for an image."""


def relit(images, draws, strength):
    """Images as another camera might have taken them: other exposure, contrast, saturation and colour of the light.

    Args:
        images: float32 tensor of shape `(batch, height, width, 3)` in [0, 1].
        draws: float32 tensor of shape `(LIGHT_DRAWS, batch)`, uniform in [0, 1).
        strength: With 1, exposure, contrast and saturation change by up to a factor of 1.35 either way, each colour by
            1.1 more.

    Returns:
        Tensor of the same shape, in [0, 1].
    """
    powers = strength * (2 * draws[..., None, None, None] - 1)
    exposure, contrast, saturation = (1.35 ** powers[index] for index in range(3))
    light = tf.concat([1.1 ** powers[index] for index in range(3, 6)], axis=-1)
    grey = tf.reduce_mean(images, axis=-1, keepdims=True)
    images = grey + saturation * (images - grey)
    mean = tf.reduce_mean(grey, axis=(1, 2), keepdims=True)
    return tf.clip_by_value((mean + contrast * (images - mean)) * exposure * light, 0, 1)


def erased(images, draws, share):
    """Images of which some have a rectangle hidden, as things and other people hide a part of a person.

    Args:
        images: float32 tensor of shape `(batch, height, width, 3)` in [0, 1].
        draws: float32 tensor of shape `(ERASURE_DRAWS, batch)`, uniform in [0, 1).
        share: Share of the images, in [0, 1], that have one: of a fifth to a half of the width and of a tenth to three
            tenths of the height, grey of any brightness.

    Returns:
        Tensor of the same shape.

    References:
        Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    height, width = images.shape[1:3]
    hidden = draws[0] < share
    sizes = (0.1 + 0.2 * draws[1]) * height, (0.2 + 0.3 * draws[2]) * width
    inside = hidden[:, None, None]
    for axis, (length, size, draw) in enumerate(zip((height, width), sizes, (draws[3], draws[4]), strict=True)):
        places = tf.range(length, dtype=tf.float32)
        start = draw * (length - size)
        within = (places >= start[:, None]) & (places < (start + size)[:, None])
        inside &= within[:, :, None] if axis == 0 else within[:, None, :]
    grey = tf.math.floormod(draws[0] / share + draws[1], 1.0)  # another number out of those that are drawn
    return tf.where(inside[..., None], grey[:, None, None, None], images)


def on_the_cpu(array):
    """A tensor where `tf.data` reads it, once for all datasets that do, even if the first asks while it is traced."""
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(array)
