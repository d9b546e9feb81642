"""The best model of a training, as its validation found it."""

import math
import os
import pathlib
from typing import Any

import keras

from tfnxc.files import replacing
from tfnxc.runs.best import RANKED_BY, Best, read_best, write_best


class KeepBest(keras.callbacks.Callback):
    """Keeps the model of the epoch with the highest `val_rank_1`, of equal ones the highest `val_mAP`.

    Writes `best.keras`, and `best.json` with the epoch, counted from 0, and its figures. It stands behind the callback
    that puts the figures into the logs, such as `ValidationCMC`. Where the folder holds a `best.json` already, the
    training goes on with that best; a training that begins anew needs another folder.

    Args:
        folder: Where both files go; made if need be.
        model: The model that is saved. Defaults to `None`: the one that `fit` trains. Give it where that one is a
            wrapper around it.

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
        self.epoch, self._figures = read_best(folder) or Best(-1, (-1.0, -1.0))

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
