"""Pictures as the models read them."""

import tensorflow as tf


def to_input(images: tf.Tensor) -> tf.Tensor:
    """What the models read of 8-bit pictures: scaled to [0, 1], without subtracting a mean.

    Args:
        images: uint8 tensor or array of any shape.

    Returns:
        float32 tensor of the same shape.

    Example:
        >>> to_input(np.array([0, 51, 255], np.uint8)).numpy().tolist()
        [0.0, 0.20000000298023224, 1.0]

    References:
        SPEC section 3.
    """
    return tf.cast(images, tf.float32) / 255.0
