"""The end of a training that gets no better."""

from __future__ import annotations

import keras


class ValidationEarlyStopping(keras.callbacks.Callback):
    """Stops a training after so many rankings without a better model.

    What it knows is what `KeepBest` keeps on disk, so that a training that was killed stops where it would have
    without.

    Args:
        best: The `KeepBest` of the training, which comes before it among the callbacks.
        every: Passes from one ranking to the next.
        patience: The rankings.
    """

    def __init__(self, best, every, patience):
        super().__init__()
        self._best, self._every, self._patience = best, every, patience

    def is_over(self, epochs):
        """Whether a training that has made so many epochs has nothing more to do."""
        return epochs // self._every - (self._best.number + 1) // self._every >= self._patience

    def on_epoch_end(self, epoch, logs=None):
        """Ends the training if it is over."""
        if self.is_over(epoch + 1):
            self.model.stop_training = True
