"""The best model of a training, as its validation found it."""

from __future__ import annotations

import json
import math

import keras

from tfnxc.errors import InputError
from tfnxc.files import replacing, write_json

_RANKED_BY = ("val_rank_1", "val_mAP")
"""The figure that decides, and the one that breaks a tie."""


def read_best(run):
    """What `KeepBest` wrote of a run: `(pass, rank 1, mAP)`, or `None` where nothing was ranked yet.

    Raises:
        InputError: If it is damaged.
    """
    path = run.folder / "best.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        number, best = kept["pass"], tuple(float(kept[name]) for name in _RANKED_BY)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        number, best = None, ()
    if type(number) is not int or number < 0 or not all(map(math.isfinite, best)):
        raise InputError(f"{path}: damaged. Delete it, and the next pass is the best so far.")
    return number, *best


class KeepBest(keras.callbacks.Callback):
    """Keeps the model of the pass with the highest `val_rank_1`, of equal ones the highest `val_mAP`.

    Writes `best.keras` and `best.json` with its pass and figures.

    Args:
        run: The `Run`.
        saved: The model that is saved, which may be a part of the one that is fitted.

    Attributes:
        number: The pass of the best model so far, counted from 0; -1 where there is none.

    Raises:
        InputError: If the run has a `best.json` that is damaged.
    """

    def __init__(self, run, saved):
        super().__init__()
        self._run, self._pair_model, self._path = run, saved, run.folder / "best.json"
        self.number, *best = read_best(run) or (-1, -1.0, -1.0)
        self._best = tuple(best)

    def on_epoch_end(self, epoch, logs=None):
        """Saves the model if it is better than the best so far; NaN never is."""
        if _RANKED_BY[0] not in logs:  # not ranked yet
            return
        figures = tuple(float(logs[name]) for name in _RANKED_BY)
        if any(map(math.isnan, figures)) or figures <= self._best:
            return
        self.number, self._best = epoch, figures
        with replacing(self._run.model_path("best")) as new:
            self._pair_model.save(new)
        validated = {name: float(value) for name, value in logs.items() if name.startswith("val_")}
        write_json(self._path, {"pass": epoch, **validated})
