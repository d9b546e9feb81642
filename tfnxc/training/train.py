"""Training a pair model with `model.fit`, resumable at any step."""

from __future__ import annotations

import contextlib
import math

import keras
import numpy as np

from tfnxc import models
from tfnxc.callbacks.keep_best import KeepBest
from tfnxc.callbacks.live_table import LiveTable
from tfnxc.callbacks.stop_on_nan import StopOnNaN
from tfnxc.callbacks.validation_cmc import ValidationCMC
from tfnxc.callbacks.validation_early_stopping import ValidationEarlyStopping
from tfnxc.datasets.pipelines.hard_negatives import hard_negatives
from tfnxc.distribution.scoring import is_chief
from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.models.compatibility import incompatibility
from tfnxc.recipes.recipe import Recipe
from tfnxc.scoring.pair_scorer import PairScorer
from tfnxc.training.checkpoint import KeepProgress, load_latest, load_negatives, ranked_before, save_negatives
from tfnxc.training.distribution import (
    check_alike,
    checked_strategy,
    digest,
    followers,
    losing_workers_told,
    share_of,
    told_by_chief,
    written_run,
)
from tfnxc.training.gradient_accumulation import accumulating
from tfnxc.training.hard_identities import hard_identities_by_colour
from tfnxc.training.precision import precision

_PROBES = 100
"""The most validation images that are ranked: ranking takes time that training could use."""

_SCORED_AT_ONCE = 128
"""Pairs that are scored together for hard negatives: a measured number would round otherwise each time, and so might
choose others."""


def train(
    run,
    architecture,
    images,
    identities,
    recipe,
    seed=0,
    search_size=None,
    callbacks=(),
    verbose="auto",
    cameras=None,
    domains=None,
    weights=None,
    validation=None,
    validate_every=1,
    patience=None,
    console=None,
    checkpoint_seconds=300,
    strategy=None,
):
    """Trains a model in a run folder, from its start or from the last checkpoint.

    The model is saved after each pass and, beside it, in the middle of a pass. After a kill at any moment the same call
    goes on with the same pairs and pictures, and ends with the weights that it would have had without: exactly after
    `tf.config.experimental.enable_op_determinism()`, which `tfnxc train` calls on CPUs, and to rounding otherwise,
    because threads add up in any order.

    Args:
        run: The `Run`.
        architecture: `"ahmed"`, `"normxcorr"` or `"fused"`.
        images: uint8 array of shape `(images, height, width, 3)` of the training identities.
        identities: Integers, one an image.
        recipe: The `Recipe`.
        seed: Seeds initialization, pairs and augmentation. Defaults to `0`.
        search_size: Search window of the architecture. Defaults to `None`: the architecture's own.
        callbacks: More Keras callbacks, such as `keras.callbacks.EarlyStopping("loss")`. An epoch is a pass. What they
            remember begins anew where a training goes on.
        verbose: As in `model.fit`. Defaults to `"auto"`.
        cameras: Integers, one an image, which cross-camera positives need. Defaults to `None`.
        domains: Integers, one an image: the data set and place it is from (`tfnxc.datasets.domains_of`), where there are
            several; groups of people are of one. Defaults to `None`.
        weights: A model of the same architecture with whose weights a new training begins, in the place of random ones.
            Defaults to `None`.
        validation: `(images, identities, cameras)` of people who do not train: they are ranked after epochs, with
            `ValidationCMC`, at most 100 of their images as probes; other callbacks can watch the figures, and the best
            model is kept as the run's `"best"`. Defaults to `None`.
        validate_every: Passes from one ranking to the next; the last pass is always ranked. Defaults to `1`.
        patience: Stop after so many rankings without a better model. Defaults to `None`: after the last pass.
        console: A `rich.console.Console` that shows a live table in the place of Keras' bar. Defaults to `None`.
        checkpoint_seconds: Time from one checkpoint in the middle of a pass to the next; `math.inf` for none. Defaults
            to `300`.
        strategy: A `tf.distribute.Strategy`, as from `tfnxc.training.distribution.training_strategy`, whose replicas
            compute each batch together: the result is that of one device, to rounding. Of several workers each makes
            the same call; all read the run folder, the chief writes it and has the callbacks and the validation. They
            may stop the training and change the learning rate. Defaults to `None`: one device.

    Returns:
        The trained `keras.Model`.

    Raises:
        InputError: If another process trains in the run folder; if the run began with other pictures; if the loss or a
            weight becomes NaN, where the last good model before is kept, with the batch that did it in `nan_batch.npz`
            and `nan.json`; if the run holds a model of another architecture, or a broken file; if `weights` is a model
            of another architecture, scaling or search window; if the `validation` cannot be ranked, or there is
            `patience` and none; or if the batches cannot be shared out to the replicas of the `strategy`, or its
            workers differ or one is lost.

    Example:
        >>> run = Run.start("runs/mine", settings, split)
        >>> model = train(run, "normxcorr", people.images(), people.identities, Recipe(epochs=2))
    """
    strategy = checked_strategy(strategy)
    if math.isnan(checkpoint_seconds):
        raise InputError("checkpoint_seconds must be a number of seconds; got nan.")
    if patience and validation is None:
        raise InputError(f"patience counts rankings of the validation, of which there is none; got {patience}.")
    if not is_chief(strategy):
        callbacks, verbose, validation, console = (), 0, None, None
    pairs = recipe.make_pipeline(images, identities, cameras, domains, seed)
    share = share_of(pairs, strategy, recipe.accumulate)
    written = written_run(run, strategy)
    with written.alone():
        run.check_record()
        written.remove_temporary()
        model, means = load_latest(run)
        pictures = _digests(pairs, domains)
        if model is None:
            written.begin(pictures)
            model = _new(written, architecture, images.shape[1:], search_size, recipe, seed, weights)
            # With the published loss, also where another is fitted: the saved model is one of single pairs.
            _compile(model, recipe.make_optimizer(recipe.epochs * pairs.steps_per_epoch), Recipe().make_loss())
        elif model.name != architecture:
            raise InputError(f"{run.folder} holds a model {model.name}; asked for was {architecture}.")
        fitted = _fitted(model, recipe, strategy)
        first_epoch, first_step = divmod(int(model.optimizer.iterations), pairs.steps_per_epoch)
        negatives = _HardNegatives(run, written, model, pairs, recipe, strategy)
        check_alike(strategy, model, seed=seed, negatives=negatives.kept(first_epoch), pictures=pictures)
        written.check_pictures(pictures)
        written.note_progress(first_epoch, pairs.pairs_per_epoch)
        guard = StopOnNaN(written.folder, negatives.batch_at, 1, first_step)
        table = None if console is None else LiveTable(console, pairs.batch_size, pairs.pairs_per_epoch, first_step)
        bar = 0 if table else 1 if verbose == "auto" else verbose
        ranked = _ranked(run, model, validation, validate_every, first_epoch)
        early = ValidationEarlyStopping(ranked[-1], validate_every, patience) if ranked and patience else None
        # Each sees in the logs what those before it add: validation comes before what is written, shown or watched.
        listeners = [
            *ranked,
            KeepProgress(written, model, pairs, checkpoint_seconds, first_step, means),
            guard,
            *callbacks,
            *([early] if early else []),
            *([table] if table else []),
            *followers(strategy),
        ]
        listeners = _Callbacks(listeners, fitted, bar)
        if not told_by_chief(strategy, early is not None and not first_step and early.is_over(first_epoch)):
            with table or contextlib.nullcontext():  # ends the live display also after Ctrl-C
                _fit(fitted, share, negatives, (first_epoch, first_step), recipe.epochs, listeners, bar)
        listeners.finish()
        if guard.failed is not None:
            raise _became_nan(written, *guard.failed)
        done = int(model.optimizer.iterations) // pairs.steps_per_epoch
        if early is not None and done < recipe.epochs and early.is_over(done):
            written.note_progress(done, pairs.pairs_per_epoch, stopped_early=True)
        return model


def _ranked(run, model, validation, every, first_epoch):
    """The callbacks that rank the people of the validation, where there are any, and keep the best model."""
    if validation is None:
        return []
    ranking = ValidationCMC(*validation, model=model, every=every, probes=_PROBES)
    ranking.history = ranked_before(run, first_epoch)
    return [ranking, KeepBest(run, model)]


def _digests(pairs, domains):
    """What tells the pictures of a training from others, and how they are drawn: how many, and sums over them and over
    what is said of them.
    """
    labels = {"people": pairs.identities, "sets": domains}
    labels |= {"cameras": pairs.cameras} if pairs.uses_cameras else {}
    known = {name: digest([np.asarray(values, np.int64)]) for name, values in labels.items() if values is not None}
    known |= {"drawing": pairs.drawn_by} if pairs.drawn_by is not None else {}
    return {"pictures": len(pairs.images), "pixels": digest([pairs.images]), **known}


def _fit(fitted, share, negatives, begin, epochs, listeners, bar):
    """Trains from a step of a pass, both in `begin`, to the end, or until a callback stops it."""
    first_epoch, first_step = begin
    for number in range(first_epoch, epochs):
        step = first_step if number == first_epoch else 0
        mined = negatives.of_epoch(number, step)
        listeners.expect(steps=share.steps_per_epoch - step, epochs=epochs)
        # A call a pass: what hard negatives a pass has is known when the one before it is over.
        with losing_workers_told():
            fitted.fit(
                share.one_epoch(number, step, mined),
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
        f"the loss or a weight became NaN or infinite in pass {number + 1}, step {step + 1}; {run.folder} keeps that "
        "batch (nan_batch.npz, nan.json) and the last good model, if there was one. Try a smaller learning rate."
    )


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
        _compile(fitted, model.optimizer, recipe.make_loss(), **options)
    return fitted


def _new(run, architecture, input_shape, search_size, recipe, seed, weights):
    """The model that a training begins with."""
    keras.utils.set_random_seed(seed)
    options = {name: getattr(recipe, name) for name in ("l2", "scaling", "initializer")}
    options |= {} if search_size is None else {"search_size": search_size}
    with precision(recipe.precision):
        model = models.BUILDERS[architecture](input_shape=input_shape, **options)
    if weights is not None:
        shapes, given = ([np.shape(each) for each in one.get_weights()] for one in (model, weights))
        if shapes != given:
            raise InputError(
                f"the weights to begin with are of another architecture, search window or size of images: "
                f"{weights.name} of {weights.count_params()} numbers; the model is {model.name} of "
                f"{model.count_params()}."
            )
        model.set_weights(weights.get_weights())
        differing = incompatibility(weights, model)
        if differing:
            raise InputError(
                f"the weights to begin with were trained in a model that computes something else ({differing}). Ask "
                "for the scaling and the search window that they were trained with, or begin with others."
            )
    with replacing(run.model_path("initial")) as new:
        model.save(new)
    return model


class _HardNegatives:
    """The hard negatives of each pass of a training; `None` where its recipe has none."""

    def __init__(self, run, written, model, pairs, recipe, strategy):
        self._run, self._written, self._model, self._pairs = run, written, model, pairs
        self._recipe, self._strategy = recipe, strategy
        self._hard, self._latest = recipe.negatives == "hard", None

    def kept(self, number):
        """Whether the run holds those of a pass."""
        return self._hard and load_negatives(self._run, number) is not None

    def of_epoch(self, number, step):
        """Those of a pass that begins, or goes on, at a step."""
        if self._hard and self._recipe.pairs != "grouped":
            self._latest = self._mined(number, step)
        elif self._hard and self._latest is None:  # by colour they are the same in all epochs
            pairs = self._pairs
            self._latest = hard_identities_by_colour(
                pairs.images, pairs.identities, pairs.grouped, self._recipe.pool, pairs.domains
            )
        return self._latest

    def batch_at(self, number, step):
        """The batch of a step of the pass that is under way."""
        return next(iter(self._pairs.one_epoch(number, step, self._latest)))

    def _mined(self, number, step):
        """Those that a pass began with, or at its start those of the model as it is."""
        mined = load_negatives(self._run, number)
        if mined is not None:
            return mined
        if step:
            raise InputError(
                f"{self._run.folder} lacks the hard negatives of its pass {number + 1}. Delete "
                f"{self._run.model_path('checkpoint').name} to go on after the last finished pass."
            )
        pairs, recipe = self._pairs, self._recipe
        scorer = PairScorer(self._model, pairs.images, batch_size=_SCORED_AT_ONCE, strategy=self._strategy)
        mined = hard_negatives(
            pairs.identities,
            pairs.probes_of_negatives,
            scorer.score,
            number,
            pairs.seed,
            recipe.pool,
            recipe.hard_share,
        )
        save_negatives(self._written, number, mined)
        return mined


class _Callbacks(keras.callbacks.CallbackList):
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
        """Nothing yet: `fit` says so after each pass."""
        self._logs = logs

    def finish(self):
        """Tells the callbacks that the training is over."""
        if self._began:
            super().on_train_end(self._logs)
