"""What tells a model from others: a digest of its layers and its weights."""

import json

import keras

from tfnxc.hashes import short_digest
from tfnxc.models.compatibility import leaf_layers, settings_of


def fingerprint(model: keras.Model) -> str:
    """The digest of what a model computes and learns: its layers, which of them are frozen, and its weights.

    Names of layers do not count: Keras counts them on within a process.

    Example:
        >>> one, other = (tfnxc.models.normxcorr(filters=(2, 3), units=4) for _ in range(2))
        >>> fingerprint(one) == fingerprint(other)
        False
        >>> other.set_weights(one.get_weights())
        >>> fingerprint(one) == fingerprint(other)
        True
    """
    layers = [[type(layer).__name__, layer.trainable, settings_of(layer)] for layer in leaf_layers(model)]
    weights = b"".join(each.tobytes() for each in model.get_weights())
    return short_digest(json.dumps(layers, sort_keys=True).encode() + weights)
