"""Scalars of a training for TensorBoard."""

from __future__ import annotations

import importlib.util
import pathlib

import keras

from tfnxc.callbacks.learning_rate import learning_rate
from tfnxc.errors import InputError


def tensorboard(folder):
    """A callback that writes what is in the logs of each epoch, and the learning rate, for TensorBoard.

    Loss, metrics and learning rate go into `train` of the folder as `epoch_loss`, `epoch_accuracy` and so on and
    `epoch_learning_rate`; what begins with `val_` goes into `validation` without it, such as `epoch_rank_1` and
    `epoch_mAP` of `tfnxc.callbacks.validation_cmc.ValidationCMC`, which has to stand before it in the list of callbacks.

    Args:
        folder: Where the event files go; made if need be. A training that goes on adds to those that are there.

    Returns:
        A `keras.callbacks.TensorBoard`.

    Raises:
        InputError: If TensorBoard is not installed, or a file is in the place of the folder.

    Example:
        >>> model.fit(batches, epochs=20, callbacks=[tensorboard("runs/mine/tensorboard")])
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError('TensorBoard is not installed. Install it with the extra: pip install "tfnxc[tensorboard]"')
    folder = pathlib.Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file, where a folder for TensorBoard was expected. Choose another.")
    return _TensorBoard(log_dir=str(folder), write_graph=False)


class _TensorBoard(keras.callbacks.TensorBoard):
    """Writes the learning rate also where it follows no schedule, as Keras 2 does not by itself."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, {**logs, "learning_rate": learning_rate(self.model.optimizer)})
