"""Smaller forms of a model for export."""

import keras
import numpy as np

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


def variant(parts: Parts, name: str) -> Parts:
    """The tower and the head of a model in a form of `VARIANTS`; raises `InputError` if there is no such form.

    Example:
        >>> tower, head = variant(tfnxc.models.split(model), "float16")
    """
    if name not in VARIANTS:
        raise InputError(f"variant must be one of {', '.join(VARIANTS)}; got {name!r}.")
    return Parts(*map(VARIANTS[name], parts))


def rounded_weights(model: keras.Model) -> list[np.ndarray]:
    """The weights of a model as the variant "float16" keeps them, in float32: to measure what that costs.

    Example:
        >>> rounded_weights(model)[0].dtype
        dtype('float32')
    """
    return [each.astype("float16").astype(each.dtype) for each in model.get_weights()]
