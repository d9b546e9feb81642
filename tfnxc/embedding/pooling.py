"""The layer that pools a feature map into numbers: mean and deviation of each channel in each cell of a grid."""

from typing import Literal, Self

import keras
import numpy as np
import tensorflow as tf

from tfnxc.layers.data_format import DATA_FORMATS, channels_last, channels_last_shape, check_data_format
from tfnxc.number_checks import whole_number

ROWS, COLUMNS = 12, 2
"""The grid: stripes from head to feet, each a left and a right half."""

_LEAST = 1e-12  # keeps the gradient of a square root finite where a cell is flat or empty


@keras.saving.register_keras_serializable(package="tfnxc")
class StatisticsPooling(keras.layers.Layer):
    """Mean and standard deviation of each channel in each cell of a grid over a feature map.

    With `root`, the square root of each number is taken, signs kept: activations are skewed, and a few large ones would
    decide every comparison. Where the map has fewer rows or columns than the grid, each of its rows or columns is one.
    Stock operations only.

    Args:
        rows: Rows of the grid. Defaults to `12`.
        columns: Columns of the grid. Defaults to `2`.
        root: Whether square roots are taken. Defaults to `False`.
        data_format: `"channels_last"`, or `"channels_first"` for maps `(batch, channels, height, width)`. Defaults to
            `None`: Keras' setting, `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        `(batch, height, width, channels)`, or as `data_format` says.

    Output shape:
        `(batch, 2 * rows * columns * channels)`: all means, cell by cell, then all deviations.

    Raises:
        ValueError: If an argument is no whole number above 0, or an input has no fixed height, width and channels.

    Example:
        >>> tfnxc.embedding.StatisticsPooling()(np.zeros((3, 37, 12, 25), np.float32)).shape
        TensorShape([3, 1200])

    References:
        Perronnin, Sanchez, Mensink, "Improving the Fisher Kernel for Large-Scale Image Classification", ECCV 2010,
        section 2.3, for the square root.
    """

    def __init__(
        self,
        rows: int = ROWS,
        columns: int = COLUMNS,
        root: bool = False,
        data_format: Literal["channels_last", "channels_first"] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.rows = whole_number("rows", rows, least=1)
        self.columns = whole_number("columns", columns, least=1)
        self.root = bool(root)
        self.data_format = check_data_format(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pools, in float32 at least."""
        maps = channels_last(inputs, self.data_format)
        maps = tf.cast(maps, tf.float32) if maps.dtype in (tf.float16, tf.bfloat16) else maps
        _, height, width, _ = self._fixed(inputs.shape)
        down, across = _shares(height, self.rows), _shares(width, self.columns)
        means = _averaged(maps, down, across)
        # The mean of each pixel's own cell is taken off first: mean squares less squared means would cancel.
        around = _averaged(means, 1.0 * (down.T > 0), 1.0 * (across.T > 0))
        variances = _averaged(tf.square(maps - around), down, across)
        numbers = tf.stack([means, tf.sqrt(tf.maximum(variances, _LEAST))], axis=1)
        if self.root:
            numbers = tf.sign(numbers) * tf.sqrt(tf.maximum(tf.abs(numbers), _LEAST))
        size = self.compute_output_shape(tuple(inputs.shape))[-1]
        return tf.cast(tf.reshape(numbers, [-1, size]), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Shape of the pooled numbers."""
        batch, height, width, channels = self._fixed(input_shape)
        return batch, 2 * min(self.rows, height) * min(self.columns, width) * channels

    def get_config(self) -> dict:
        """The arguments."""
        sizes = {"rows": self.rows, "columns": self.columns, "root": self.root}
        return {**super().get_config(), **sizes, "data_format": self.data_format}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        """The layer of a configuration; one without a `data_format` is of a file whose maps have the channels last."""
        return super().from_config({"data_format": "channels_last", **config})

    def _fixed(self, shape):
        if len(shape) != 4 or None in shape[1:]:
            raise ValueError(
                f"inputs must be {DATA_FORMATS[self.data_format]}, all but batch fixed; got {tuple(shape)}."
            )
        return channels_last_shape(shape, self.data_format)


def _shares(size, parts):
    """Matrix (parts, size): the share of each position in the average of a part; parts differ by one at most."""
    edges = np.linspace(0, size, min(parts, size) + 1).round().astype(int)
    places = np.arange(size)
    inside = (edges[:-1, None] <= places) & (places < edges[1:, None])
    return inside / inside.sum(axis=1, keepdims=True)


def _averaged(maps, down, across):
    """Maps (batch, height, width, channels) weighted by matrices (rows, height) and (columns, width).

    By products whose first dimension is the batch: what TF Lite makes of an einsum of all three it cannot run.
    """
    _, height, width, channels = maps.shape
    stripes = tf.matmul(tf.constant(down, maps.dtype), tf.reshape(maps, [-1, height, width * channels]))
    cells = tf.matmul(tf.constant(across, maps.dtype), tf.reshape(stripes, [-1, width, channels]))
    return tf.reshape(cells, [-1, len(down), len(across), channels])
