"""What a training keeps on disk so that it can go on after a kill: models, means over the pass so far, negatives."""

from __future__ import annotations

import csv
import json
import math
import time
import zipfile

import keras
import numpy as np

from tfnxc.callbacks.validation_cmc import FIGURES
from tfnxc.errors import InputError
from tfnxc.files import replacing, write_text
from tfnxc.training.precision import loss_scale, set_loss_scale

_MEANS = "tfnxc_means.json"
"""Member of a checkpoint's archive with the means over the part of the pass that it has seen."""

_LOSS_SCALE = "tfnxc_loss_scale.json"
"""Member of a model's archive with the part of its optimizer that Keras leaves out."""

METRICS = ("accuracy", "loss")
"""What the history holds of each pass."""


def save_checkpoint(run, model, means):
    """Saves a model in the middle of a pass, with its optimizer and the means of the pass so far, as one file."""
    _save(model, run.model_path("checkpoint"), {_MEANS: means})


def _save(model, path, members=None):
    """Saves a model with its optimizer, and what else belongs to it as JSON in the same file."""
    scale = loss_scale(model.optimizer)
    members = (members or {}) | ({} if scale is None else {_LOSS_SCALE: scale})
    with replacing(path) as new:
        model.save(new)
        with zipfile.ZipFile(new, "a") as archive:
            for name, value in members.items():
                archive.writestr(name, json.dumps(value))


def load_latest(run):
    """The model that got furthest, with its optimizer, and the means of its pass so far.

    Args:
        run: The `Run`.

    Returns:
        `(model, means)`, or `(None, {})` where nothing was saved yet. `means` is empty between two epochs.

    Raises:
        InputError: If a file is broken.
    """
    found = []
    if run.model_path().exists():
        found.append((_load(run, "trained"), {}))
    if run.model_path("checkpoint").exists():
        path = run.model_path("checkpoint")
        try:
            found.append((_load(run, "checkpoint"), _read_means(path)))
        except InputError as error:
            raise InputError(f"{error} Delete it to go on after the last finished pass.") from None
    # Killed after it saved a pass and before it removed the checkpoint, a training leaves both.
    return max(found, key=lambda each: int(each[0].optimizer.iterations), default=(None, {}))


def _load(run, state):
    """A model with its optimizer."""
    model = run.load_model(state, compile=True)[0]
    if loss_scale(model.optimizer) is not None:
        set_loss_scale(model.optimizer, _read(run.model_path(state), _LOSS_SCALE, ("scale", "steps")))
    return model


def _read_means(path):
    return _read(path, _MEANS, METRICS)


def _read(path, member, names):
    try:
        with zipfile.ZipFile(path) as archive:
            values = json.loads(archive.read(member))
        return {name: float(values[name]) for name in names}
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile):
        raise InputError(f"{path}: no checkpoint of this package.") from None


def _negatives_path(run):
    return run.folder / "negatives.npz"


def save_negatives(run, number, mined):
    """Keeps the hard negatives of a pass: a training that goes on in its middle needs those that it began with."""
    with replacing(_negatives_path(run)) as new, open(new, "wb") as file:
        np.savez(file, number=number, mined=mined)


def load_negatives(run, number):
    """The hard negatives kept of a pass, or `None` where there are none."""
    path = _negatives_path(run)
    try:
        with np.load(path) as kept:
            return kept["mined"] if kept["number"] == number else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise InputError(
            f"{path}: damaged. Delete it and {run.model_path('checkpoint').name} to go on after the last finished pass."
        ) from None


class KeepProgress(keras.callbacks.Callback):
    """Saves the model in the middle of epochs and after each, unless it broke; writes the history.

    It stands first among the callbacks of a training, so that all others get the means over the whole pass, also where
    the training was interrupted in it.

    Args:
        run: The `Run`.
        saved: The model that is saved, which may be a part of the one that is fitted.
        pairs: The pipeline of its pairs.
        seconds: Time from one checkpoint to the next; `math.inf` for none inside a pass.
        first_step: Step of the first pass at which this training begins.
        means: Means over the steps before that.
    """

    def __init__(self, run, saved, pairs, seconds, first_step=0, means=None):
        super().__init__()
        self._run, self._pair_model, self._pairs, self._seconds = run, saved, pairs, seconds
        self._before = self._pairs_until(first_step), means or {}

    def _pairs_until(self, step):
        return min(step * self._pairs.batch_size, self._pairs.pairs_per_epoch)

    def on_train_begin(self, logs=None):
        """The first checkpoint is due when its time is over."""
        self._saved = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        """Notes the number of the pass."""
        self._pass = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Saves a checkpoint if one is due."""
        # The last step of a pass is saved with the pass.
        if time.monotonic() - self._saved >= self._seconds and self._steps() < self._pairs.steps_per_epoch:
            self._keep(self._whole(logs))

    def on_epoch_end(self, epoch, logs=None):
        """Puts the means over the whole pass into `logs` and saves what was reached."""
        means = self._whole(logs)
        logs.update(means)
        self._keep(means, {name: float(value) for name, value in logs.items() if name.startswith("val_")})
        self._before = 0, {}

    def _steps(self):
        """Steps that were made of the current pass."""
        return int(self.model.optimizer.iterations) - self._pass * self._pairs.steps_per_epoch

    def _whole(self, logs):
        """The means over the pass so far, from those over its parts before this training began and since."""
        before, means = self._before
        now = self._pairs_until(self._steps())
        return {name: (before * means.get(name, 0.0) + (now - before) * float(logs[name])) / now for name in METRICS}

    def _keep(self, means, validated=None):
        # The loss was computed before the last update, so the weights are looked at too.
        weights = self._pair_model.get_weights()
        if not math.isfinite(means["loss"]) or not all(np.isfinite(weight).all() for weight in weights):
            self.model.stop_training = True  # `StopOnNaN` says why
        elif self._steps() < self._pairs.steps_per_epoch:  # also where a callback ended the pass early
            save_checkpoint(self._run, self._pair_model, means)
        else:
            self._finish_pass({**means, **(validated or {})})
        self._saved = time.monotonic()

    def _finish_pass(self, figures):
        # In this order, so that after a kill between any two of them the next training puts it right.
        _write_row(self._run.folder / "history.csv", self._pass, figures)
        _save(self._pair_model, self._run.model_path())
        self._run.note_progress(self._pass + 1, self._pairs.pairs_per_epoch)
        for path in (self._run.model_path("checkpoint"), _negatives_path(self._run)):
            path.unlink(missing_ok=True)


def ranked_before(run, first_epoch):
    """The validation figures that the history holds of the pass before one, as `ValidationCMC.history` has them.

    Args:
        run: The `Run`.
        first_epoch: The pass.

    Returns:
        `[(first_epoch - 1, figures)]`, or `[]` where the history has none.

    Raises:
        InputError: If the history is damaged.
    """
    path = run.folder / "history.csv"
    if not path.exists():
        return []
    table = csv.DictReader(_lines(path))
    try:
        rows = [row for row in table if row["epoch"] == str(first_epoch - 1)]
        if (table.fieldnames or [None])[0] != "epoch" or any(None in row for row in rows):  # more texts than names
            raise ValueError
        # A row from before the first ranking is shorter, or the whole table.
        texts = [row[name] for row in rows for name in FIGURES if row.get(name)]
        figures = dict(zip(FIGURES, map(float, texts), strict=True)) if texts else None
    except (KeyError, ValueError, csv.Error):
        raise InputError(f"{path}: damaged. Delete it, and the history begins anew.") from None
    return [(first_epoch - 1, figures)] if figures else []


def _lines(path):
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _write_row(path, number, figures):
    """Puts the row of a pass into the history, after those of the epochs before it."""
    lines, names = _lines(path), ",".join(("epoch", *figures))
    # A pass that is not ranked may have fewer figures than those before it.
    heading = lines[0] if lines and lines[0].startswith(names) else names
    earlier = {str(each) for each in range(number)}
    rows = [row for row in lines if row.partition(",")[0] in earlier]
    rows.append(",".join(map(str, (number, *figures.values()))))
    write_text(path, "\n".join([heading, *rows, ""]))
