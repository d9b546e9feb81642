"""Training a pair model with `model.fit`, resumable at any step."""

from __future__ import annotations

import keras

from tfnxc import models
from tfnxc.datasets.hard_negatives import hard_negatives
from tfnxc.datasets.pairs import PairPipeline
from tfnxc.errors import InputError
from tfnxc.evaluation.scoring import PairScorer
from tfnxc.files import replacing
from tfnxc.training.checkpoint import KeepProgress, load_latest, load_negatives, save_negatives

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
    checkpoint_seconds=300,
):
    """Trains a model in a run folder, from its start or from the last checkpoint.

    The model is saved after each pass and, beside it, in the middle of a pass. After a kill at any moment the same call
    goes on with the same pairs and pictures, and ends with the weights that it would have had without: exactly where
    the machine repeats its sums exactly, as CPUs do, and to rounding elsewhere.

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
        checkpoint_seconds: Time from one checkpoint in the middle of a pass to the next; `math.inf` for none. Defaults
            to `300`.

    Returns:
        The trained `keras.Model`.

    Raises:
        InputError: If the loss becomes NaN, where the last good model before is kept; or if the run holds a model of
            another architecture, or a broken file.

    Example:
        >>> run = Run.start("runs/mine", settings, split)
        >>> model = train(run, "normxcorr", people.images(), people.identities, Recipe(passes=2))
    """
    pairs = PairPipeline(images, identities, recipe.batch_size, seed, cameras=cameras, positives=recipe.positives)
    run.remove_temporary()
    model, means = _latest(run, architecture, images.shape[1:], recipe, seed, search_size, pairs)
    first_pass, first_step = divmod(int(model.optimizer.iterations), pairs.steps_per_pass)
    run.passes_done = first_pass
    keep = KeepProgress(run, pairs, checkpoint_seconds, first_step, means)
    listeners = _Callbacks(
        [keep, keras.callbacks.TerminateOnNaN(), *callbacks], model, 1 if verbose == "auto" else verbose
    )
    for number in range(first_pass, recipe.passes):
        step = first_step if number == first_pass else 0
        mined = _mined(run, model, pairs, recipe, number, step) if recipe.negatives == "hard" else None
        listeners.expect(steps=pairs.steps_per_pass - step, epochs=recipe.passes)
        # A call a pass: what hard negatives a pass has is known when the one before it is over.
        model.fit(
            pairs.one_pass(number, step, mined),
            initial_epoch=number,
            epochs=number + 1,
            verbose=verbose,
            shuffle=False,  # the pipeline shuffles
            callbacks=listeners,
        )
        if model.stop_training:
            break
    listeners.finish()
    if keep.failed is not None:
        raise InputError(
            f"the loss or a weight became NaN or infinite in pass {keep.failed + 1}; {run.folder} keeps the last good "
            "model, if there was one. Try a smaller learning rate."
        )
    return model


def _latest(run, architecture, input_shape, recipe, seed, search_size, pairs):
    """The compiled model as the run has it, with the means of its pass so far; or a new one."""
    model, means = load_latest(run)
    if model is not None:
        if model.name != architecture:
            raise InputError(f"{run.folder} holds a model {model.name}; asked for was {architecture}.")
        return model, means
    keras.utils.set_random_seed(seed)
    options = {} if search_size is None else {"search_size": search_size}
    model = models.BUILDERS[architecture](input_shape=input_shape, l2=recipe.l2, **options)
    with replacing(run.model_path("initial")) as new:
        model.save(new)
    model.compile(
        recipe.make_optimizer(recipe.passes * pairs.steps_per_pass),
        # Negative log-likelihood of the two classes (SPEC section 4).
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    return model, means


def _mined(run, model, pairs, recipe, number, step):
    """The hard negatives of a pass: those it began with, or at its start those of the model as it is."""
    mined = load_negatives(run, number)
    if mined is None:
        if step:
            raise InputError(
                f"{run.folder} lacks the hard negatives of its pass {number + 1}. Delete "
                f"{run.model_path('checkpoint').name} to go on after the last finished pass."
            )
        scorer = PairScorer(model, pairs.images, batch_size=_SCORED_AT_ONCE)
        mined = hard_negatives(
            pairs.identities,
            pairs.probes_of_negatives,
            scorer.score,
            number,
            pairs.seed,
            recipe.pool,
            recipe.hard_share,
        )
        save_negatives(run, number, mined)
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
