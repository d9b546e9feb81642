"""Keeps the workers of a distributed training together."""

import keras
import numpy as np
import tensorflow as tf

from tfnxc.callbacks.learning_rate import learning_rate
from tfnxc.distribution import Meeting


class FollowChief(keras.callbacks.Callback):
    """Copies the chief's stop flag and learning rate to all workers, at every step.

    Weights that a callback changes on the chief are not carried over. Put it last among the callbacks, on all workers.

    Args:
        strategy: As from `tfnxc.distribution.strategy_named`, of several workers.

    Example:
        >>> model.fit(pairs.dataset(), callbacks=[*own, FollowChief(strategy)])  # doctest: +SKIP
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        super().__init__()
        self._meeting = Meeting(strategy)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Takes over the chief's state."""
        optimizer = self.model.optimizer
        told = self._meeting.gather([learning_rate(optimizer), float(self.model.stop_training)])
        # Any worker may stop all, so that one that meets NaN leaves no other waiting.
        self.model.stop_training = bool(told[:, 1].any())
        if told[0, 0] != np.float32(learning_rate(optimizer)):
            optimizer.learning_rate = float(told[0, 0])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Takes over the chief's state."""
        self.on_train_batch_end(0)
