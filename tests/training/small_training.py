"""A training that takes a second: a tiny model, few pictures. Also run as a program, to be killed."""

import dataclasses
import os
import signal
import sys
import unittest.mock

import keras
import numpy as np

from tfnxc import models
from tfnxc.datasets import Split
from tfnxc.training import Execution, Pictures, Recipe, Run, RunSettings, Start, TrainingData, Validation, train

IDENTITIES = np.repeat(np.arange(4), 2)
CAMERAS = np.tile([0, 1], 4)
STEPS = 2  # an epoch: 12 pairs
RECIPE = Recipe(schedule="cosine", learning_rate=0.1, batch_size=7, epochs=3)
HARD = dataclasses.replace(RECIPE, positives="cross-camera", negatives="hard", pool=3)
GROUPED = dataclasses.replace(
    RECIPE, pairs="grouped", identities_per_group=2, batch_size=8, positives="cross-camera", ranking=1.0
)
SPLIT = Split("mine", "by hand", (0, 1, 2, 3), (4,))


def tiny(input_shape, l2, scaling, initializer, pool=keras.layers.AveragePooling2D):
    """A pair model in two parts, as small as can be."""
    del scaling, initializer
    image = keras.Input(input_shape, name="image")
    tower = keras.Model(image, pool(10)(image), name="tower")
    inputs = [keras.Input(tower.output_shape[1:], name=name) for name in ("probe_features", "gallery_features")]
    hidden = keras.layers.Dense(3, activation="tanh", kernel_regularizer=keras.regularizers.L2(l2))
    features = hidden(keras.layers.Flatten()(keras.layers.Subtract()(inputs)))
    head = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(features), name="head")
    images = [keras.Input(input_shape, name=side) for side in ("probe", "gallery")]
    return keras.Model(images, head([tower(image) for image in images]), name="tiny")


def make_images():
    """Two pictures each of four people with colours of their own."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (4, 1, 1, 1, 3))
    noise = rng.integers(-20, 20, (4, 2, 40, 28, 3))
    return np.clip(colours + noise, 0, 255).astype(np.uint8).reshape(8, 40, 28, 3)


def run_in(folder):
    """The run in a folder, or a new one of the tiny model."""
    if (folder / "run.json").exists():
        return Run.open(folder)
    return Run.start(folder, RunSettings("arrays", "tiny", RECIPE), SPLIT)


def fitted_model(*arguments, **options):
    """The model that a training ends with, as it is in memory."""
    found, module = [], sys.modules["tfnxc.training.train"]

    def fit(*given, fit=module.fit):
        found.append(fit(*given))
        return found[-1]

    with unittest.mock.patch.object(module, "fit", fit):
        train(*arguments, **options)
    return found[-1]


def small_training(
    folder,
    recipe=RECIPE,
    model="tiny",
    cameras=CAMERAS,
    domains=None,
    weights=None,
    seed=0,
    validation=None,
    validate_every=1,
    patience=None,
    callbacks=(),
    minutes=None,
    **execution,
):
    """Trains the tiny model in a folder, by arrays."""
    with unittest.mock.patch.dict(models.BUILDERS, tiny=tiny):
        ranked = [] if validation is None else [Pictures(*validation)]
        return fitted_model(
            folder,
            TrainingData.of_arrays(make_images(), IDENTITIES, cameras, domains, SPLIT),
            recipe,
            minutes=minutes,
            start=Start(model, weights=weights, seed=seed),
            validation=Validation(0, validate_every, patience, *ranked),
            callbacks=callbacks,
            execution=Execution(**{"verbose": 0, **execution}),
        )


class At(keras.callbacks.Callback):
    """Does something after a step of an epoch, both counted from 0."""

    def __init__(self, number, step, act):
        super().__init__()
        self.place, self.act = (number, step), act

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.place:
            self.act()


if __name__ == "__main__":
    kill = At(1, 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
    small_training(sys.argv[1], callbacks=[kill], checkpoint_seconds=0)
