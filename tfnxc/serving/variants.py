"""Smaller forms of a model for export."""

from __future__ import annotations

import keras

from tfnxc.errors import InputError
from tfnxc.models.split import Parts


class _HalfStored(keras.mixed_precision.Policy):
    """Variables in half precision, which Keras casts up wherever they are read; all arithmetic in float32."""

    def __init__(self):
        super().__init__("float32")

    @property
    def variable_dtype(self):
        return "float16"


def _as_they_are(part):
    return part


def _half_stored(part):
    policy = _HalfStored()

    def stored(layer):
        return type(layer).from_config({**layer.get_config(), "dtype": policy})

    small = keras.models.clone_model(part, clone_function=stored)
    small.set_weights(part.get_weights())
    return small


VARIANTS = {"float32": _as_they_are, "float16": _half_stored}
"""How the weights of an export are kept: as they are, or in half the bytes."""


def variant(parts, name):
    """The tower and the head of a model in the form of an export.

    Args:
        parts: `(tower, head)` of `tfnxc.models.split`.
        name: `"float32"`: as they are; or `"float16"`: weights in half precision, arithmetic in float32.

    Returns:
        `tfnxc.models.split.Parts`.

    Raises:
        InputError: If the name is not known.

    Example:
        >>> tower, head = variant(tfnxc.models.split(model), "float16")
    """
    if name not in VARIANTS:
        raise InputError(f"variant must be one of {', '.join(VARIANTS)}; got {name!r}.")
    return Parts(*map(VARIANTS[name], parts))


def rounded_weights(model):
    """The weights of a model as the variant "float16" keeps them, in float32: to measure what that costs.

    Example:
        >>> model.set_weights(rounded_weights(model))
    """
    return [each.astype("float16").astype(each.dtype) for each in model.get_weights()]
