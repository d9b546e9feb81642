"""Training a pair model with `model.fit`, resumable after each pass."""

from __future__ import annotations

import math

import keras
import numpy as np

from tfnxc import models
from tfnxc.datasets.pairs import PairPipeline
from tfnxc.errors import InputError
from tfnxc.files import replacing, write_text


def train(run, architecture, images, identities, recipe, seed=0, search_size=None, callbacks=(), verbose="auto"):
    """Trains a model in a run folder, from its start or from the last finished pass.

    Args:
        run: The `Run`.
        architecture: `"ahmed"`, `"normxcorr"` or `"fused"`.
        images: uint8 array of shape `(images, height, width, 3)` of the training identities.
        identities: Integers, one an image.
        recipe: The `Recipe`.
        seed: Seeds initialization, pairs and augmentation. Defaults to `0`.
        search_size: Search window of the architecture. Defaults to `None`: the architecture's own.
        callbacks: More Keras callbacks.
        verbose: As in `model.fit`. Defaults to `"auto"`.

    Returns:
        The trained `keras.Model`.

    Raises:
        InputError: If the loss becomes NaN, where the model of the last pass before it is kept; or if the run holds a
            model of another architecture.

    Example:
        >>> run = Run.start("runs/mine", settings, split)
        >>> model = train(run, "normxcorr", people.images(), people.identities, Recipe(passes=2))
    """
    pairs = PairPipeline(images, identities, recipe.batch_size, seed)
    model = _latest(run, architecture, images.shape[1:], recipe, seed, search_size, pairs)
    passes_done = run.passes_done = int(model.optimizer.iterations) // pairs.steps_per_pass
    if passes_done >= recipe.passes:
        return model
    keep = _KeepModel(run)
    model.fit(
        pairs.dataset(first_pass=passes_done),
        steps_per_epoch=pairs.steps_per_pass,
        initial_epoch=passes_done,
        epochs=recipe.passes,
        verbose=verbose,
        shuffle=False,  # the pipeline shuffles
        callbacks=[
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.CSVLogger(str(_history(run, passes_done)), append=passes_done > 0),
            keep,
            *callbacks,
        ],
    )
    if keep.failed is not None:
        raise InputError(
            f"the loss or a weight became NaN or infinite in pass {keep.failed + 1}; {run.model_path()} keeps the last "
            "good pass, if there was one. Try a smaller learning rate."
        )
    return model


def _history(run, passes_done):
    """The history file, without rows of passes that were not finished or not kept."""
    path = run.folder / "history.csv"
    if passes_done and path.exists():
        write_text(path, "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[: 1 + passes_done]))
    return path


def _latest(run, architecture, input_shape, recipe, seed, search_size, pairs):
    """The compiled model as the last finished pass left it, or a new one."""
    if run.model_path().exists():
        model, _ = run.load_model(compile=True)
        if model.name != architecture:
            raise InputError(f"{run.model_path()} is a model {model.name}; asked for was {architecture}.")
        return model
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
    return model


class _KeepModel(keras.callbacks.Callback):
    """Saves the model after each pass that left everything finite, in place of the one before."""

    def __init__(self, run):
        super().__init__()
        self.run = run
        self.failed = None

    def on_epoch_end(self, epoch, logs=None):
        # The loss was computed before the last update, so the weights are looked at too.
        if not math.isfinite(logs["loss"]) or not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            self.failed = epoch
            self.model.stop_training = True
            return
        with replacing(self.run.model_path()) as new:
            self.model.save(new)
        self.run.passes_done = epoch + 1
