"""Fits the model of a run, from its start or from the last checkpoint."""

import contextlib
import time

import keras
import numpy as np

from tfnxc import models
from tfnxc.callbacks import KeepBest, LiveTable, StopOnNaN, ValidationCMC, ValidationEarlyStopping
from tfnxc.callbacks.follow_chief import FollowChief
from tfnxc.callbacks.validation_cmc import FIGURES
from tfnxc.distribution import is_chief, told_by_chief, worker_losses_named, worker_of
from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.hashes import checksum
from tfnxc.models.compatibility import incompatibility
from tfnxc.recipes import Recipe, make_loss, make_optimizer, make_pipeline
from tfnxc.training._architecture import built, precision
from tfnxc.training.checkpoint import KeepProgress, load_latest
from tfnxc.training.distribution import check_same_start, share_of, written_run
from tfnxc.training.ending import end_if_asked, steps
from tfnxc.training.epoch_negatives import EpochNegatives
from tfnxc.training.estimate import announcement
from tfnxc.training.gradient_accumulation import accumulating
from tfnxc.training.length import KeepToTime, Length
from tfnxc.training.metric_loss import with_metric_loss

_TRIAL = 60.0
"""Seconds that have to be left for a ranking to be tried, so that a plan knows how long it takes."""


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
        model, means, kept = load_latest(run)
        length = Length(recipe, pairs, run.settings.minutes, kept)
        if model is None:
            written.begin(digests)
            model = _new_model(written, start, pairs, recipe, weights, length)
        elif model.name != start.name:
            raise InputError(f"{run.folder} holds a model {model.name}; asked for was {start.name}.")
        fitted = _fitted(model, recipe, strategy)
        made = int(model.optimizer.iterations)
        epoch, step = divmod(made, pairs.steps_per_epoch)
        negatives = EpochNegatives(run, written, model, pairs, recipe, strategy)
        check_same_start(strategy, model, seed=start.seed, negatives=negatives.kept(epoch), pictures=digests)
        written.check_pictures(digests)
        epochs_done, pairs_done = length.progress(made)
        written.note_progress(epochs_done, pairs.pairs_per_epoch, pairs=pairs_done)
        if length.is_open and length.total is not None:
            written.note_length(length.epochs, length.total)
        ranked, early = _ranked(run, model, validation, epoch)

        def planned():
            written.note_length(length.epochs, length.total)
            listeners.tell()
            execution.say(timed.plan_in_words())

        timed = KeepToTime(length, _between(ranked, validation), planned)
        progress = KeepProgress(written, model, pairs, execution.checkpoint_seconds, timed, step, means)
        guard = StopOnNaN(written.folder, negatives.batch_at, 1, step)
        console = execution.console

        def left():
            return None if length.total is None else length.total - int(fitted.optimizer.iterations)

        table = console and LiveTable(console, pairs.batch_size, pairs.pairs_per_epoch, step, steps_left=left)
        bar = 0 if table else 1 if execution.verbose == "auto" else execution.verbose
        # Each sees in the logs what those before it add: validation comes before what is written, shown or watched.
        behind = [each for each in (early, table) if each is not None]
        behind += [FollowChief(strategy)] if worker_of(strategy)[1] > 1 else []
        clock = [timed] if length.is_open and is_chief(strategy) else []  # the others follow the chief
        listeners = _Listeners([*clock, *ranked, progress, guard, *callbacks, *behind], fitted, bar, length)

        if not told_by_chief(strategy, early is not None and not step and early.is_over(epoch)):
            if not length.is_over(made):
                execution.say(announcement(model, recipe, pairs, length, made))
            # The table here ends its live display also after Ctrl-C.
            with steps(), table or contextlib.nullcontext(), worker_losses_named():
                _fit_epochs(fitted, share, negatives, epoch, step, listeners)
        listeners.finish()
        if guard.failed is not None:
            number, step = guard.failed
            raise InputError(
                f"the loss or a weight became NaN or infinite in epoch {number + 1}, step {step + 1}; {written.folder} "
                "keeps that batch (nan_batch.npz, nan.json) and the last good model, if there was one. Try a smaller "
                "learning rate."
            )
        made = int(model.optimizer.iterations)
        done, pairs_done = length.progress(made)
        if early is not None and done < length.epochs and early.is_over(done):
            written.note_progress(done, pairs.pairs_per_epoch, stopped_early=True, pairs=pairs_done)
        if clock and length.minutes is not None and length.is_over(made):
            execution.say(timed.end_in_words(made))
        return model


def _between(ranked, validation):
    """What gives the seconds between two epochs, if there are so many left: those of a ranking, by one on trial."""

    def seconds(left):
        if not ranked or left < _TRIAL:
            return 0.0
        begin = time.monotonic()
        ranked[0].measure()
        return (time.monotonic() - begin) / validation.every

    return seconds


def _digests(pairs, domains):
    """What tells the pictures of a training, what is said of them, and how they are drawn, from those of another."""
    cameras = pairs.cameras if pairs.uses_cameras else None
    labels = {"people": pairs.identities, "sets": domains, "cameras": cameras}
    known = {name: checksum([np.asarray(values, np.int64)]) for name, values in labels.items() if values is not None}
    known |= {"drawing": pairs.drawn_by} if pairs.drawn_by is not None else {}
    return {"pictures": len(pairs.images), "pixels": checksum([pairs.images]), **known}


def _new_model(run, start, pairs, recipe, weights, length):
    """The compiled model that a training begins with, with the weights of another if given; the run keeps it."""
    keras.utils.set_random_seed(start.seed)
    model = built(start, pairs.images.shape[1:], recipe)
    if weights is not None:
        _copy_weights(weights, model)
    with replacing(run.model_path("initial")) as new:
        model.save(new)
    # With the published loss, also where another is fitted: the saved model is one of single pairs.
    optimizer = make_optimizer(recipe, None if length.sets_rates else length.total or 1)
    if length.sets_rates:
        optimizer.learning_rate = length.rate(0)
    model.compile(optimizer, make_loss(Recipe()), metrics=["accuracy"])
    return model


def _copy_weights(weights, model):
    shapes, given = ([np.shape(each) for each in one.get_weights()] for one in (model, weights))
    if shapes != given:
        raise InputError(
            f"the weights to begin with are of another architecture, search window or size of images: {weights.name} "
            f"of {weights.count_params()} numbers; the model is {model.name} of {model.count_params()}."
        )
    model.set_weights(weights.get_weights())
    differing = incompatibility(weights, model)
    if differing:
        raise InputError(
            f"the weights to begin with were trained in a model that computes something else ({differing}). Ask for "
            "the scaling and the search window that they were trained with, or begin with others."
        )


def _fitted(model, recipe, strategy):
    """The model to call `fit` of, which trains the given one: itself, or one around it."""
    fitted, options = model, {}
    if recipe.pairs == "grouped":
        with precision(recipe.precision):
            fitted = models.in_batch(model)
            if recipe.metric_loss:
                fitted = with_metric_loss(fitted, recipe.identities_per_group, recipe.metric_loss)
    # Keras 3 does not count steps whose gradients overflow in float16.
    if recipe.accumulate > 1 or strategy is not None or recipe.precision == "mixed_float16":
        fitted = accumulating(fitted, recipe.batch_size, recipe.accumulate, strategy)
        options = {"jit_compile": False}
    if fitted is not model:
        fitted.compile(model.optimizer, make_loss(recipe), metrics=["accuracy"], **options)
    return fitted


def _ranked(run, model, validation, epoch):
    """The callbacks that rank the people of the validation and keep the best model, and the one that ends then."""
    if not validation:
        return [], None
    # No more probes, because ranking takes time that training could use.
    ranking = ValidationCMC(*validation.pictures[:3], model=model, every=validation.every, probes=100)
    history = run.history()
    figures = {} if history is None else history.figures(epoch - 1, FIGURES)
    ranking.history = [(epoch - 1, figures)] if figures else []
    best = KeepBest(run.folder, model=model)
    stop = validation.patience and ValidationEarlyStopping(best, validation.every, validation.patience)
    return [ranking, best], stop


def _fit_epochs(fitted, share, negatives, first_epoch, step, listeners):
    """Trains from a step of an epoch to the end, or until a callback stops it."""
    # A call an epoch: what hard negatives an epoch has is known when the one before it is over.
    epoch, length = first_epoch, listeners.length
    while not length.is_over(epoch * share.steps_per_epoch + step):
        batches = share.one_epoch(epoch, step, negatives.of_epoch(epoch, step))
        listeners.expect(epoch, step)
        number = {"initial_epoch": epoch, "epochs": epoch + 1}
        fitted.fit(batches, **number, verbose=listeners.verbose, shuffle=False, callbacks=listeners)
        end_if_asked()
        if fitted.stop_training:
            break
        epoch, step = epoch + 1, 0


class _Listeners(keras.callbacks.CallbackList):
    """The callbacks of one training that calls `fit` several times: it begins once and ends once."""

    def __init__(self, callbacks, model, verbose, length):
        self.length, self.verbose, self._began, self._steps = length, verbose, False, 0
        super().__init__(callbacks, add_history=True, add_progbar=verbose != 0, model=model)
        self.tell()

    def expect(self, epoch, step):
        """Says that the next call of `fit` goes through an epoch from a step on."""
        per_epoch, total = self.length.pairs.steps_per_epoch, self.length.total
        end = per_epoch if total is None else min(per_epoch, total - epoch * per_epoch)
        self._steps = end - step
        self.tell()

    def tell(self):
        """Tells the callbacks how many epochs there are, and the steps of the current call of `fit`."""
        self.set_params({"verbose": self.verbose, "epochs": self.length.epochs, "steps": self._steps})

    def on_train_begin(self, logs=None):
        if not self._began:
            self._began = True
            super().on_train_begin(logs)

    def on_train_end(self, logs=None):
        self._logs = logs  # for `finish`: `fit` ends after each epoch

    def finish(self):
        """Tells the callbacks that the training is over."""
        if self._began:
            super().on_train_end(self._logs)
