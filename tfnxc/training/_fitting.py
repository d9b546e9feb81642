"""Fits the model of a run, from its start or from the last checkpoint."""

from __future__ import annotations

import contextlib

import keras
import numpy as np

from tfnxc import models
from tfnxc.callbacks import KeepBest, LiveTable, StopOnNaN, ValidationCMC, ValidationEarlyStopping
from tfnxc.callbacks.validation_cmc import FIGURES
from tfnxc.distribution import is_chief, told_by_chief, worker_losses_named
from tfnxc.errors import InputError
from tfnxc.hashes import checksum
from tfnxc.recipes import Recipe, make_loss, make_optimizer, make_pipeline
from tfnxc.training.checkpoint import KeepProgress, load_latest
from tfnxc.training.distribution import check_same_start, followers, share_of, written_run
from tfnxc.training.epoch_negatives import EpochNegatives
from tfnxc.training.gradient_accumulation import accumulating
from tfnxc.training.precision import precision
from tfnxc.training.start import make_model

_PROBES = 100
"""The most validation images that are ranked: ranking takes time that training could use."""


def fit(run, pictures, recipe, start, weights, validation, callbacks, execution):
    """Trains the model of a run to its end, or until a callback stops it: `train`, once all is read and checked."""
    strategy = execution.strategy
    if not is_chief(strategy):
        validation, callbacks = None, ()
    pairs = make_pipeline(recipe, *pictures, start.seed)
    share = share_of(pairs, strategy, recipe.accumulate)
    written = written_run(run, strategy)
    with written.alone():
        run.check_record()
        written.remove_temporary()
        digests = _digests(pairs, pictures.domains)
        model, means = _loaded_or_made(run, written, digests, pairs, recipe, start, weights)
        fitted = _fitted(model, recipe, strategy)
        epoch, step = divmod(int(model.optimizer.iterations), pairs.steps_per_epoch)
        negatives = EpochNegatives(run, written, model, pairs, recipe, strategy)
        check_same_start(strategy, model, seed=start.seed, negatives=negatives.kept(epoch), pictures=digests)
        written.check_pictures(digests)
        written.note_progress(epoch, pairs.pairs_per_epoch)
        ranked, early = _ranked(run, model, validation, epoch)
        progress = KeepProgress(written, model, pairs, execution.checkpoint_seconds, step, means)
        guard = StopOnNaN(written.folder, negatives.batch_at, 1, step)
        console = execution.console
        table = console and LiveTable(console, pairs.batch_size, pairs.pairs_per_epoch, step)
        bar = 0 if table else 1 if execution.verbose == "auto" else execution.verbose
        # Each sees in the logs what those before it add: validation comes before what is written, shown or watched.
        behind = [each for each in (early, table) if each is not None]
        listeners = _Listeners([*ranked, progress, guard, *callbacks, *behind, *followers(strategy)], fitted, bar)
        if not told_by_chief(strategy, early is not None and not step and early.is_over(epoch)):
            with table or contextlib.nullcontext():  # ends the live display also after Ctrl-C
                _fit_epochs(fitted, share, negatives, (epoch, step), recipe.epochs, listeners, bar)
        listeners.finish()
        if guard.failed is not None:
            raise _became_nan(written, *guard.failed)
        done = int(model.optimizer.iterations) // pairs.steps_per_epoch
        if early is not None and done < recipe.epochs and early.is_over(done):
            written.note_progress(done, pairs.pairs_per_epoch, stopped_early=True)
        return model


def _loaded_or_made(run, written, digests, pairs, recipe, start, weights):
    """The model as the run has it, or a new one, and the means of its epoch so far."""
    model, means = load_latest(run)
    if model is None:
        written.begin(digests)
        model = make_model(written, start, pairs.images.shape[1:], recipe, weights)
        # With the published loss, also where another is fitted: the saved model is one of single pairs.
        _compile(model, make_optimizer(recipe, recipe.epochs * pairs.steps_per_epoch), make_loss(Recipe()))
    elif model.name != start.model:
        raise InputError(f"{run.folder} holds a model {model.name}; asked for was {start.model}.")
    return model, means


def _digests(pairs, domains):
    """What tells the pictures of a training from others, and how they are drawn: how many, and sums over them and over
    what is said of them.
    """
    labels = {"people": pairs.identities, "sets": domains}
    labels |= {"cameras": pairs.cameras} if pairs.uses_cameras else {}
    known = {name: checksum([np.asarray(values, np.int64)]) for name, values in labels.items() if values is not None}
    known |= {"drawing": pairs.drawn_by} if pairs.drawn_by is not None else {}
    return {"pictures": len(pairs.images), "pixels": checksum([pairs.images]), **known}


def _compile(model, optimizer, loss, **options):
    model.compile(optimizer, loss, metrics=["accuracy"], **options)


def _fitted(model, recipe, strategy):
    """The model to call `fit` of, which trains the given one: itself, or one around it."""
    fitted, options = model, {}
    if recipe.pairs == "grouped":
        with precision(recipe.precision):
            fitted = models.in_batch(model)
    # Keras 3 does not count steps whose gradients overflow in float16.
    if recipe.accumulate > 1 or strategy is not None or recipe.precision == "mixed_float16":
        fitted = accumulating(fitted, recipe.batch_size, recipe.accumulate, strategy)
        options = {"jit_compile": False}
    if fitted is not model:
        _compile(fitted, model.optimizer, make_loss(recipe), **options)
    return fitted


def _ranked(run, model, validation, epoch):
    """The callbacks that rank the people of the validation and keep the best model, and the one that ends then."""
    if not validation:
        return [], None
    ranking = ValidationCMC(*validation.pictures[:3], model=model, every=validation.every, probes=_PROBES)
    history = run.history()
    figures = {} if history is None else history.figures(epoch - 1, FIGURES)
    ranking.history = [(epoch - 1, figures)] if figures else []
    best = KeepBest(run.folder, model=model)
    stop = validation.patience and ValidationEarlyStopping(best, validation.every, validation.patience)
    return [ranking, best], stop


def _fit_epochs(fitted, share, negatives, begin, epochs, listeners, bar):
    """Trains from a step of an epoch, both in `begin`, to the end, or until a callback stops it."""
    first_epoch, first_step = begin
    for number in range(first_epoch, epochs):
        step = first_step if number == first_epoch else 0
        hard = negatives.of_epoch(number, step)
        listeners.expect(steps=share.steps_per_epoch - step, epochs=epochs)
        # A call an epoch: what hard negatives an epoch has is known when the one before it is over.
        with worker_losses_named():
            fitted.fit(
                share.one_epoch(number, step, hard),
                initial_epoch=number,
                epochs=number + 1,
                verbose=bar,
                shuffle=False,  # the pipeline shuffles
                callbacks=listeners,
            )
        if fitted.stop_training:
            break


def _became_nan(run, number, step):
    return InputError(
        f"the loss or a weight became NaN or infinite in epoch {number + 1}, step {step + 1}; {run.folder} keeps that "
        "batch (nan_batch.npz, nan.json) and the last good model, if there was one. Try a smaller learning rate."
    )


class _Listeners(keras.callbacks.CallbackList):
    """The callbacks of one training that calls `fit` several times: it begins once and ends once."""

    def __init__(self, callbacks, model, verbose):
        self._began = False
        self._verbose = verbose
        super().__init__(callbacks, add_history=True, add_progbar=verbose != 0, model=model, **self._of_fit(0, 0))

    def _of_fit(self, steps, epochs):
        return {"verbose": self._verbose, "epochs": epochs, "steps": steps}

    def expect(self, steps, epochs):
        """Says how many steps the next call of `fit` makes, and how many epochs the training has."""
        self.set_params(self._of_fit(steps, epochs))

    def on_train_begin(self, logs=None):
        if not self._began:
            self._began = True
            super().on_train_begin(logs)

    def on_train_end(self, logs=None):
        """Nothing yet: `fit` says so after each epoch."""
        self._logs = logs

    def finish(self):
        """Tells the callbacks that the training is over."""
        if self._began:
            super().on_train_end(self._logs)
