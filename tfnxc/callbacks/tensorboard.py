"""Scalars of a training for TensorBoard."""

import importlib.util
import os
import pathlib
from typing import Any

import keras

from tfnxc.callbacks.learning_rate import learning_rate
from tfnxc.errors import InputError
from tfnxc.files import refuse_other_than_utf8, writing


class TensorBoard(keras.callbacks.TensorBoard):
    """Writes what is in the logs of each epoch, and the learning rate, for TensorBoard.

    Loss, metrics and learning rate go into the subfolder `train` as `epoch_loss`, `epoch_accuracy`,
    `epoch_learning_rate` and so on. Logs that begin with `val_` go into `validation` without the prefix, such as
    `epoch_rank_1` and `epoch_mAP` of `ValidationCMC`, which must come earlier in the list of callbacks.

    Args:
        folder: Where the event files go; created if missing. A resumed training adds to the files there.

    Raises:
        InputError: If TensorBoard is not installed, or `folder` is a file or has a name that is not UTF-8.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> board = TensorBoard("board")
        >>> fitted = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose=0, callbacks=[board])
        >>> os.listdir("board")
        ['train']
    """

    def __init__(self, folder: str | os.PathLike):
        if importlib.util.find_spec("tensorboard") is None:
            raise InputError(
                'TensorBoard is not installed. Install it with the extra: pip install "tfnxc[tensorboard]"'
            )
        folder = pathlib.Path(folder)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: a file, where a folder for TensorBoard was expected. Choose another.")
        refuse_other_than_utf8(folder)
        self._folder = folder
        super().__init__(log_dir=str(folder), write_graph=False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the scalars of the epoch."""
        with writing(self._folder):
            super().on_epoch_end(epoch, {**logs, "learning_rate": learning_rate(self.model.optimizer)})

    def on_train_end(self, logs: Any = None) -> None:
        """Writes what is not written yet."""
        with writing(self._folder):
            super().on_train_end(logs)
