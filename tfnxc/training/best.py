"""The best model of a training, as its validation found it."""

from __future__ import annotations

import json
import math

import keras

from tfnxc.errors import InputError
from tfnxc.files import replacing, write_json

_RANKED_BY = ("val_rank_1", "val_mAP")
"""The figure that decides, and the one that breaks a tie."""


class KeepBest(keras.callbacks.Callback):
    """Keeps the model of the pass with the highest `val_rank_1`, of equal ones the highest `val_mAP`.

    Writes `best.keras` and `best.json` with its pass and figures.

    Args:
        run: The `Run`.
        saved: The model that is saved, which may be a part of the one that is fitted.

    Raises:
        InputError: If the run has a `best.json` that is damaged.
    """

    def __init__(self, run, saved):
        super().__init__()
        self._run, self._pair_model, self._path = run, saved, run.folder / "best.json"
        self._best = self._read()

    def _read(self):
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            best = tuple(float(kept[name]) for name in _RANKED_BY)
        except FileNotFoundError:
            return (-1.0,) * len(_RANKED_BY)
        except (OSError, ValueError, KeyError, TypeError):
            best = (math.nan,)
        if not all(map(math.isfinite, best)):
            raise InputError(f"{self._path}: damaged. Delete it, and the next pass is the best so far.")
        return best

    def on_epoch_end(self, epoch, logs=None):
        """Saves the model if it is better than the best so far; NaN never is."""
        if _RANKED_BY[0] not in logs:  # not ranked yet
            return
        figures = tuple(float(logs[name]) for name in _RANKED_BY)
        if any(map(math.isnan, figures)) or figures <= self._best:
            return
        self._best = figures
        with replacing(self._run.model_path("best")) as new:
            self._pair_model.save(new)
        validated = {name: float(value) for name, value in logs.items() if name.startswith("val_")}
        write_json(self._path, {"pass": epoch, **validated})
