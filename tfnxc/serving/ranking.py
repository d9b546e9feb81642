"""One probe against a gallery in the graph, in blocks."""

import keras
import tensorflow as tf

BLOCK = 8
"""Pairs that are compared at a time: 32 are a twentieth faster, but their correlation maps take 500 MB, not 130."""


def rank(head: keras.Model, probe: tf.Tensor, gallery: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The best of a gallery for one probe.

    Args:
        head: The pair head of `tfnxc.models.split`.
        probe: Feature maps of the probe, `(1, height, width, channels)`.
        gallery: Feature maps of the gallery, `(images, height, width, channels)`.
        k: How many are wanted, an integer tensor: 1 to the number of images, or the graph fails with a message.

    Returns:
        `(indices, probabilities)`, both of shape `(k,)`, best first: int32 positions in the gallery, and the
        probabilities that they show the same person. Of equal probabilities the earlier position is first.

    Example:
        >>> tower, head = tfnxc.models.split(model)
        >>> maps = tower(images[:4] / 255)
        >>> indices, probabilities = rank(head, maps[:1], maps[1:], 2)
    """
    count = tf.shape(gallery)[0]
    range_ = tf.strings.join(["k must be 1 to ", tf.strings.as_string(count), ", the images in the gallery"])
    with tf.control_dependencies([tf.debugging.Assert((k >= 1) & (k <= count), [range_, k])]):
        blocks = (count + BLOCK - 1) // BLOCK

    def compare(block, found):
        part = gallery[block * BLOCK : (block + 1) * BLOCK]
        probes = tf.repeat(probe, tf.shape(part)[0], axis=0)
        return block + 1, found.write(block, same(head([probes, part], training=False)))

    found = tf.TensorArray(tf.float32, blocks, element_shape=[None], infer_shape=False)
    # One block after the other: several at once would need the memory of several.
    _, found = tf.while_loop(lambda block, _: block < blocks, compare, [0, found], parallel_iterations=1)
    best = tf.math.top_k(found.concat(), k)
    return best.indices, best.values


def same(probabilities: tf.Tensor) -> tf.Tensor:
    """The probability of one person, of those of (different, same)."""
    return tf.cast(probabilities[:, 1], tf.float32)
