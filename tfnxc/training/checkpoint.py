"""What a training keeps on disk so that it can go on after a kill: models, and the means over the epoch so far."""

import json
import math
import time
import zipfile

import keras
import numpy as np

from tfnxc.errors import InputError
from tfnxc.files import parse_json, replacing
from tfnxc.training.ending import asked_to_end, end_if_asked, saving
from tfnxc.training.epoch_negatives import NEGATIVES_FILE
from tfnxc.training.length import STATE

_MEANS = "tfnxc_means.json"
"""Member of a checkpoint with the means over the part of the epoch that it has seen."""

_TIME = "tfnxc_time.json"
"""Member of a model's archive with what `Length.state` gives, where the time decides how long the training is."""

_LOSS_SCALE = "tfnxc_loss_scale.json"
"""Member of a model's archive with the part of its optimizer that Keras 2 leaves out."""

METRICS = ("accuracy", "loss")
"""What the history holds of each epoch."""


def _save(model, path, members):
    """Saves a model with its optimizer, and what else belongs to it as JSON in the same file."""
    optimizer = model.optimizer
    if _scale_is_left_out(optimizer):
        scale = {"scale": float(optimizer.loss_scale), "steps": int(optimizer.dynamic_counter)}
        members = {**members, _LOSS_SCALE: scale}
    with replacing(path) as new:
        model.save(new)
        with zipfile.ZipFile(new, "a") as archive:
            for name, value in members.items():
                archive.writestr(name, json.dumps(value))


def _load(run, state):
    """A model with its optimizer."""
    model = run.load_model(state, compile=True)
    if _scale_is_left_out(model.optimizer):
        kept = _read(run.model_path(state), _LOSS_SCALE, ("scale", "steps"))
        model.optimizer._loss_scale.current_loss_scale.assign(kept["scale"])
        model.optimizer.dynamic_counter.assign(int(kept["steps"]))
    return model


def _scale_is_left_out(optimizer):
    """Whether Keras does not save the scale of the loss: Keras 3 has it among the variables of the optimizer."""
    return isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer) and not hasattr(optimizer, "dynamic_scale")


def load_latest(run):
    """The model of a run that got furthest, with its optimizer, the means of its epoch so far, if it is in one, and
    what `Length.state` gave, where the time decides.

    `(None, {}, None)` where nothing was saved yet; raises `InputError` where a file is broken.
    """
    found = []

    def length_of(state):
        return _read(run.model_path(state), _TIME, STATE) if run.settings.minutes is not None else None

    if run.model_path().exists():
        found.append((_load(run, "trained"), {}, length_of("trained")))
    path = run.model_path("checkpoint")
    if path.exists():
        try:
            found.append((_load(run, "checkpoint"), _read(path, _MEANS, METRICS), length_of("checkpoint")))
        except InputError as error:
            raise InputError(f"{error} Delete it to go on after the last finished epoch.") from None
    # Killed after it saved an epoch and before it removed the checkpoint, a training leaves both.
    return max(found, key=lambda each: int(each[0].optimizer.iterations), default=(None, {}, None))


def _read(path, member, names):
    try:
        with zipfile.ZipFile(path) as archive:
            values = parse_json(archive.read(member))
        return {name: float(values[name]) for name in names}
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile):
        raise InputError(f"{path}: no checkpoint of this package.") from None


class KeepProgress(keras.callbacks.Callback):
    """Saves the model inside epochs, so many seconds apart, and after each, unless it broke; writes the history.

    It stands first among the callbacks, so that all others get the means over the whole epoch, also where the training
    goes on in it, with the `means` over the steps before `first_step`. `model` may be a part of the one that is fitted.
    `timed` is the `KeepToTime` of the training, which comes before it.
    """

    def __init__(self, run, model, pairs, seconds, timed, first_step=0, means=None):
        super().__init__()
        self._run, self._pair_model, self._pairs, self._seconds = run, model, pairs, seconds
        self._timed = timed
        self._before = self._pairs_until(first_step), means or {}

    def _pairs_until(self, step):
        return min(step * self._pairs.batch_size, self._pairs.pairs_per_epoch)

    def on_train_begin(self, logs=None):
        """The first checkpoint is due when its time is over."""
        self._saved = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        """Notes the number of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Saves a checkpoint if one is due, or the process is asked to end, which it does then."""
        due = time.monotonic() - self._saved >= self._seconds or asked_to_end()
        # The last step of an epoch is saved with the epoch.
        if due and not self._is_done():
            self._keep(self._means(logs))
            end_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        """Puts the means over the whole epoch into `logs` and saves what was reached."""
        means = self._means(logs)
        logs.update(means)
        self._keep(means | {name: float(value) for name, value in logs.items() if name.startswith("val_")})
        self._before = 0, {}

    def _steps(self):
        """Steps that were made of the current epoch."""
        return int(self.model.optimizer.iterations) - self._epoch * self._pairs.steps_per_epoch

    def _is_done(self):
        """Whether the current epoch is over, or the training."""
        made = int(self.model.optimizer.iterations)
        return self._steps() >= self._pairs.steps_per_epoch or self._timed.length.is_over(made)

    def _means(self, logs):
        """The means over the epoch so far, from those over its parts before this training began and since."""
        before, means = self._before
        now = self._pairs_until(self._steps())
        return {name: (before * means.get(name, 0.0) + (now - before) * float(logs[name])) / now for name in METRICS}

    def _keep(self, figures):
        with saving():
            self._keep_all(figures)

    def _keep_all(self, figures):
        # The loss was computed before the last update, so the weights are looked at too.
        weights = self._pair_model.get_weights()
        checkpoint = self._run.model_path("checkpoint")
        length, made = self._timed.state(), int(self.model.optimizer.iterations)
        members = {} if length is None else {_TIME: length}
        if not math.isfinite(figures["loss"]) or not all(np.isfinite(weight).all() for weight in weights):
            self.model.stop_training = True  # `StopOnNaN` says why
        elif not self._is_done():  # also where a callback ended the epoch early
            members[_MEANS] = {name: figures[name] for name in METRICS}
            _save(self._pair_model, checkpoint, members)
        else:
            # In this order, so that after a kill between any two of them the next training puts it right.
            self._run.note_epoch(self._epoch, figures)
            _save(self._pair_model, self._run.model_path(), members)
            epochs, pairs = self._timed.length.progress(made)
            self._run.note_progress(epochs, self._pairs.pairs_per_epoch, pairs=pairs)
            for path in (checkpoint, self._run.folder / NEGATIVES_FILE):
                path.unlink(missing_ok=True)
        self._saved = time.monotonic()
