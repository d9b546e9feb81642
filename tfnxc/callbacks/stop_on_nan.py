"""Stopping a training at the step that breaks it, with what is needed to see why."""

import math
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from tfnxc.callbacks.learning_rate import learning_rate
from tfnxc.files import replacing, write_json


class StopOnNaN(keras.callbacks.Callback):
    """Stops the training at the step at which the loss or a weight becomes NaN or infinite, and keeps its batch.

    The loss is checked after each step. Keras gives its mean over the epoch so far, which is not finite from the
    broken batch on. It is computed before the step's update; what the update breaks shows in the weights, which are
    checked every `every` steps and at the end of an epoch, or in the next loss. With `steps_per_execution` above 1,
    Keras reports only the last step of each execution.

    Give it to `fit` in a list: Keras 3 runs a single callback beside the training, not between its steps.

    The folder receives two files, each written atomically:

    - `nan.json`: `epoch` and `step` in it, counted from 0; `loss`, the mean over the epoch so far; `learning_rate`;
      `weights`, the names of those that are not finite; `weights_finite_after`, the last `[epoch, step]` after which
      all weights were finite, or null. Numbers that are not finite are strings: `"nan"`, `"inf"`, `"-inf"`.
    - `nan_batch.npz`: the arrays of that batch, keys of nested dicts and positions in tuples joined with "/", such as
      `0/probe`; a single array is `batch`. `numpy.load` reads it without pickles. bfloat16 is stored as float32.

    Args:
        folder: Where both files go; created if missing. Only a new failure replaces the files of an earlier one.
        batch_at: Function of `(epoch, step)`, both counted from 0, that returns the batch of that step: an array or
            tensor, or dicts, tuples and lists of them; `None` in it is left out.
        every: Steps between checks of the weights, 1 or more. Defaults to `1`.
        first_step: As in `LiveTable`. Defaults to `0`.

    Attributes:
        failed: `None`, or `(epoch, step)`, counted from 0.

    Raises:
        ValueError: If `every` is below 1 or `first_step` below 0; while training, if there is no loss in the logs, or a
            batch holds what is no array of numbers or texts.

    Example:
        >>> x, y = np.ones((12, 2), np.float32), np.ones((12, 1), np.float32)
        >>> x[9, 1] = np.nan  # in the third batch of four
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> guard = StopOnNaN("broken", lambda epoch, step: (x[4 * step :][:4], y[4 * step :][:4]))
        >>> fitted = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=[guard])
        >>> guard.failed
        (0, 2)
        >>> sorted(os.listdir("broken"))
        ['nan.json', 'nan_batch.npz']
    """

    def __init__(
        self, folder: str | os.PathLike, batch_at: Callable[[int, int], Any], every: int = 1, first_step: int = 0
    ):
        super().__init__()
        if every < 1 or first_step < 0:
            raise ValueError(f"every must be 1 or more and first_step 0 or more; got {every} and {first_step}.")
        self.failed: tuple[int, int] | None = None
        self._folder, self._batch_at = pathlib.Path(folder), batch_at
        self._every, self._skipped = every, first_step
        self._step: int | None = None
        self._finite_after: list[int] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Forgets an earlier failure."""
        self.failed = self._finite_after = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Notes the number of the epoch."""
        self._epoch, self._step = epoch, None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Checks the loss, and the weights when due."""
        self._step = self._skipped + batch
        self._check(logs, (self._step + 1) % self._every == 0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Checks loss and weights once more."""
        if self._step is not None:
            self._check(logs, True)
        self._skipped = 0

    def _check(self, logs, also_weights):
        if self.failed is not None:
            return
        if "loss" not in logs:
            raise ValueError(f"StopOnNaN watches the loss, which is not in the logs; they have {sorted(logs)}.")
        loss = float(logs["loss"])
        broken = self._broken_weights() if also_weights or not math.isfinite(loss) else []
        if broken or not math.isfinite(loss):
            self._fail(loss, broken)
        elif also_weights:
            self._finite_after = [self._epoch, self._step]

    def _broken_weights(self):
        # Keras 2 has names only, which are paths there.
        named = ((getattr(weight, "path", weight.name), weight) for weight in self.model.weights)
        return [name for name, weight in named if not np.isfinite(np.asarray(weight)).all()]

    def _fail(self, loss, broken):
        self.failed = self._epoch, self._step
        self.model.stop_training = True
        report = {
            "epoch": self._epoch,
            "step": self._step,
            "loss": _plain(loss),
            "learning_rate": _plain(learning_rate(self.model.optimizer)),
            "weights": broken,
            "weights_finite_after": self._finite_after,
        }
        write_json(self._folder / "nan.json", report)
        arrays = dict(_arrays(self._batch_at(*self.failed), ()))
        # Not numpy.savez, whose arguments are the names: an input may be called "file".
        with replacing(self._folder / "nan_batch.npz") as new, zipfile.ZipFile(new, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)


def _plain(number):
    """A number as JSON has it, or as a text where JSON has none."""
    return number if math.isfinite(number) else str(number)


def _arrays(batch, keys):
    """`(name, array)` of each array in a nested structure."""
    if batch is None:
        return
    if isinstance(batch, Mapping | tuple | list):
        for key, part in batch.items() if isinstance(batch, Mapping) else enumerate(batch):
            yield from _arrays(part, (*keys, str(key)))
        return
    name, array = "/".join(keys) or "batch", np.asarray(batch)
    if array.dtype.kind == "O":
        raise ValueError(f"{name} of the batch must be an array of numbers or texts; got {type(batch).__name__}.")
    # bfloat16 and the like, which the file format of NumPy does not know, fit into float32.
    yield name, array.astype(np.float32) if array.dtype.kind == "V" else array
