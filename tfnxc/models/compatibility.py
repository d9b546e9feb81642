"""Checks whether the weights of one model fit another that has the same shapes."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

_NOT_COMPUTED = ("name", "dtype", "trainable", "implementation", "gradient")
"""Entries of a layer's configuration that do not change what it computes."""

_ONLY_AT_THE_START = ("_initializer", "_regularizer", "_constraint")
"""Endings of the settings that matter in training only."""

_ROUNDING = 1e-5
"""The largest difference between probabilities that is taken for rounding."""


def incompatibility(weights: keras.Model, model: keras.Model) -> str | None:
    """What two models with the same weights compute differently: scaling of images, search window and the like.

    Args:
        weights: A `keras.Model`.
        model: Another.

    Returns:
        One difference as a text, "... there" of the first and "... here" of the second, or `None` where they compute
        the same, apart from rounding.

    Example:
        >>> incompatibility(tfnxc.models.normxcorr(scaling="centred"), tfnxc.models.normxcorr())
        'Rescaling "scaling" there, Conv2D "stage1_conv" here'
    """
    found = _difference_of_layers(weights, model)
    # Different layers may compute the same, such as a summary layer and the three that it stands for.
    return None if found is None or _alike_on_noise(weights, model) else found


def _alike_on_noise(*models):
    shapes = {tuple(tuple(each.shape) for each in model.inputs) for model in models}
    if len(shapes) > 1:
        return False
    rng = np.random.default_rng(0)
    noise = [rng.random((4, *shape[1:]), np.float32) for shape in shapes.pop()]
    one, other = (np.asarray(model(noise if len(noise) > 1 else noise[0]), np.float32) for model in models)
    return one.shape == other.shape and bool(np.all(np.abs(one - other) < _ROUNDING))


def _difference_of_layers(weights, model):
    for there, here in itertools.zip_longest(leaf_layers(weights), leaf_layers(model)):
        if there is None or here is None or type(there).__name__ != type(here).__name__:
            return f"{_named(there)} there, {_named(here)} here"
        one, other = settings_of(there), settings_of(here)
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                return f"{here.name}: {key} {one.get(key)} there, {other.get(key)} here"
    return None


def leaf_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model in order, those of the models inside it in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        else:
            yield layer


def _named(layer):
    return "nothing" if layer is None else f'{type(layer).__name__} "{layer.name}"'


def settings_of(layer: keras.layers.Layer) -> dict[str, Any]:
    """The settings of a layer that change what it computes, as plain types."""
    config = json.loads(json.dumps(layer.get_config(), default=str))  # a loaded model has lists in the place of tuples
    kept = (key for key in config if key not in _NOT_COMPUTED and not key.endswith(_ONLY_AT_THE_START))
    return {key: config[key] for key in kept}
