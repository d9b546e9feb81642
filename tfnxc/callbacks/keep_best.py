"""The best model of a training by its validation, and stopping where none better comes."""

import math
import os
import pathlib
from typing import Any

import keras

from tfnxc.files import replacing
from tfnxc.runs.history import RANKED_BY, read_best, write_best


class KeepBest(keras.callbacks.Callback):
    """Keeps the model of the epoch with the highest `val_rank_1`, of equal ones the highest `val_mAP`.

    Writes `best.keras`, and `best.json` with the epoch, counted from 0, and its figures. It comes after the callback
    that puts the figures into the logs, such as `ValidationCMC`. If the folder already holds a `best.json`, training
    resumes from that best; a new training needs another folder.

    Args:
        folder: Where both files go; created if missing.
        model: The model to save. Defaults to `None`: the one that `fit` trains. Give it if that one only wraps it.

    Attributes:
        epoch: The epoch of the best model so far, counted from 0; -1 where there is none.

    Raises:
        InputError: If the folder has a `best.json` that is damaged.

    Example:
        >>> class Figures(keras.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         logs.update(val_rank_1=(0.25, 0.5, 0.375)[epoch], val_mAP=0.5)
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> best = KeepBest("best")
        >>> fitted = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=3, verbose=0, callbacks=[Figures(), best])
        >>> best.epoch, sorted(os.listdir("best"))
        (1, ['best.json', 'best.keras'])
    """

    def __init__(self, folder: str | os.PathLike, model: keras.Model | None = None):
        super().__init__()
        self._folder, self._saved = pathlib.Path(folder), model
        self.epoch, self._figures = read_best(folder) or (-1, (-1.0, -1.0))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Saves the model if it is better than the best so far; NaN never is."""
        if RANKED_BY[0] not in logs:  # not ranked yet
            return
        figures = tuple(float(logs[name]) for name in RANKED_BY)
        if any(map(math.isnan, figures)) or figures <= self._figures:
            return
        self.epoch, self._figures = epoch, figures
        with replacing(self._folder / "best.keras") as new:
            (self.model if self._saved is None else self._saved).save(new)
        validated = {name: float(value) for name, value in logs.items() if name.startswith("val_")}
        write_best(self._folder, epoch, validated)


class ValidationEarlyStopping(keras.callbacks.Callback):
    """Stops a training after `patience` validations without a better model.

    It relies only on what `KeepBest` stores on disk, so an interrupted training stops at the same epoch.

    Args:
        best: The `KeepBest` of the training, which comes before it among the callbacks.
        every: Epochs between validations, 1 or more, as in `ValidationCMC`.
        patience: Validations without a better model after which the training stops, 1 or more.

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
        """Whether a training is over after so many epochs."""
        return epochs // self._every - (self._best.epoch + 1) // self._every >= self._patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ends the training if it is over."""
        if self.is_over(epoch + 1):
            self.model.stop_training = True
