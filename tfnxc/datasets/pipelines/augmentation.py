"""Random changes of training images: translation and flips of SPEC section 4, and light and occlusion beyond it."""

import numpy as np
import tensorflow as tf

SHIFT = 0.05
"""Largest translation, as a share of height and of width (SPEC section 4)."""


class MovedImages:
    """Images of which any can be taken translated and flipped.

    A row with a margin of zeros on both sides has every horizontal translation as a contiguous part, and a row above or
    below the image is one row of zeros that all images share. So a batch is one gathering of rows and a cut; gathering
    pixel by pixel takes four times as long.
    """

    def __init__(self, images: np.ndarray):
        count, self._height, self._width, self._channels = images.shape
        self._down, self._right = int(SHIFT * self._height), int(SHIFT * self._width)
        rows = np.zeros((count * self._height + 1, self._width + 2 * self._right, self._channels), np.uint8)
        inner = slice(self._right, self._right + self._width)
        rows[:-1, inner] = images.reshape(-1, self._width, self._channels)
        self._rows = on_the_cpu(rows)

    def take(self, indices: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Each image translated by up to 5 % of height and width, zeros moving in, and flipped or not.

        `draws` of shape `(3, batch)`, uniform in [0, 1), are for the translation down, to the right, and the flip.
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


def relit(images: tf.Tensor, draws: tf.Tensor, strength: float) -> tf.Tensor:
    """Images in [0, 1] as another camera might have taken them: other exposure, contrast, saturation, colour of light.

    With a `strength` of 1, exposure, contrast and saturation change by up to a factor of 1.35 either way, each colour
    by 1.1 more. `draws` of shape `(LIGHT_DRAWS, batch)` are uniform in [0, 1).
    """
    powers = strength * (2 * draws[..., None, None, None] - 1)
    exposure, contrast, saturation = (1.35 ** powers[index] for index in range(3))
    light = tf.concat([1.1 ** powers[index] for index in range(3, 6)], axis=-1)
    grey = tf.reduce_mean(images, axis=-1, keepdims=True)
    images = grey + saturation * (images - grey)
    mean = tf.reduce_mean(grey, axis=(1, 2), keepdims=True)
    return tf.clip_by_value((mean + contrast * (images - mean)) * exposure * light, 0, 1)


def erased(images: tf.Tensor, draws: tf.Tensor, share: float) -> tf.Tensor:
    """Images of which a share has a rectangle hidden, as things and other people hide a part of a person.

    It is a fifth to a half of the width and a tenth to three tenths of the height, grey of any brightness. `draws` of
    shape `(ERASURE_DRAWS, batch)` are uniform in [0, 1).

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


def on_the_cpu(array: np.ndarray) -> tf.Tensor:
    """A tensor where `tf.data` reads it, once for all datasets that do, even if the first asks while it is traced."""
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(array)
