"""Stopping a training that gets no better."""

from typing import Any

import keras

from tfnxc.callbacks.keep_best import KeepBest


class ValidationEarlyStopping(keras.callbacks.Callback):
    """Stops a training after so many rankings without a better model.

    It knows only what `KeepBest` keeps on disk, so that a training that was interrupted stops where it would have
    stopped without.

    Args:
        best: The `KeepBest` of the training, which comes before it among the callbacks.
        every: Epochs from one ranking to the next, 1 or more, as in `ValidationCMC`.
        patience: After how many rankings without a better model the training stops, 1 or more.

    Raises:
        ValueError: If `every` or `patience` is below 1.

    Example:
        >>> best = tfnxc.callbacks.KeepBest("stopping")
        >>> best.epoch = 3  # the fourth
        >>> early = ValidationEarlyStopping(best, every=2, patience=3)
        >>> [early.is_over(epochs) for epochs in (8, 10)]
        [False, True]
    """

    def __init__(self, best: KeepBest, every: int, patience: int):
        super().__init__()
        if every < 1 or patience < 1:
            raise ValueError(f"every and patience must be 1 or more; got {every} and {patience}.")
        self._best, self._every, self._patience = best, every, patience

    def is_over(self, epochs: int) -> bool:
        """Whether a training that has made so many epochs has nothing more to do."""
        return epochs // self._every - (self._best.epoch + 1) // self._every >= self._patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ends the training if it is over."""
        if self.is_over(epoch + 1):
            self.model.stop_training = True
