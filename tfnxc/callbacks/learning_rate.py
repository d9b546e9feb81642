"""The learning rate of an optimizer as a number, which Keras 2 and Keras 3 keep in different ways."""

import keras
import numpy as np


def learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The current learning rate of an optimizer, also where it is a variable or follows a schedule.

    Args:
        optimizer: A Keras optimizer, wrapped by a `LossScaleOptimizer` or not, or one of `keras.optimizers.legacy`.

    Returns:
        A float. Where it follows a schedule, Keras 3 gives the rate of the next step, Keras 2 that of the last one.

    Example:
        >>> learning_rate(keras.optimizers.SGD(0.5))
        0.5
    """
    rate = optimizer.learning_rate
    # The legacy optimizers give the schedule itself.
    return float(np.asarray(rate(optimizer.iterations) if callable(rate) else rate))
