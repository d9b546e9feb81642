"""Where the channels of a layer's maps are: last, as everywhere in this package, or first."""

import keras
import tensorflow as tf

DATA_FORMATS = {
    "channels_last": "(batch, height, width, channels)",
    "channels_first": "(batch, channels, height, width)",
}
"""The axes of maps in each format."""


def check_data_format(value):
    """`value`, one of `DATA_FORMATS`; `None` is Keras' setting, `keras.config.image_data_format()`."""
    value = keras.backend.image_data_format() if value is None else value
    if value not in DATA_FORMATS:
        raise ValueError(f"data_format must be one of {', '.join(DATA_FORMATS)}, or None; got {value!r}.")
    return value


def channels_last(maps, data_format):
    """Maps of a format, with the channels last."""
    return tf.transpose(maps, [0, 2, 3, 1]) if data_format == "channels_first" else maps


def channels_last_shape(shape, data_format):
    """The shape `(batch, height, width, channels)` of maps of a shape."""
    batch, *sizes = shape
    return (batch, *sizes[1:], sizes[0]) if data_format == "channels_first" else (batch, *sizes)


def arranged(maps, data_format):
    """Maps of the axes `(batch, height, width, others)` in a format: with the channels first the others come second."""
    if data_format == "channels_last":
        return maps
    return tf.transpose(maps, arranged_shape(range(maps.shape.rank), data_format))


def arranged_shape(shape, data_format):
    """The shape of maps of the shape `(batch, height, width, others)` in a format."""
    batch, height, width, *others = shape
    return (batch, *others, height, width) if data_format == "channels_first" else (batch, height, width, *others)
