"""The layer of cross-input neighborhood differences with the convolution that summarizes them."""

import math
from collections.abc import Callable
from typing import Literal

import keras
import tensorflow as tf

from tfnxc import ops
from tfnxc.layers._pair_layer import NativePairLayer, Summarizing
from tfnxc.ops.arguments import check_layout, check_search_size
from tfnxc.ops.implementation import native_cpu_ops


@keras.saving.register_keras_serializable(package="tfnxc")
class CrossInputSummary(Summarizing, NativePairLayer):
    """Cross-input neighborhood differences, ReLU and the convolution over one position in one layer.

    It computes what `CrossInputNeighborhood`, `keras.layers.ReLU` and `keras.layers.Conv2D` compute one after the
    other, with weights of the same shapes; but where the compiled op is there, the differences, many times as many as
    the maps of the result, are never in memory, forward or backward.

    Args:
        filters: Positive integer, the number of maps of the result.
        search_size: As in `CrossInputNeighborhood`. Defaults to `(5, 5)`.
        layout: How the kernel lies: `"maps"`, that of a 1x1 convolution of one map a difference,
            `(1, 1, channels * rows * columns, filters)`; or `"blocks"`, that of a convolution of one block of
            rows x columns a position, `(rows, columns, channels, filters)`. Defaults to `"maps"`.
        both_ways: Whether the kernel takes the differences with both maps exchanged too, as twice as many maps or
            channels, behind the others. Defaults to `False`.
        implementation: As in `NormXcorr`, but where TensorFlow has a GPU, plain TensorFlow runs. Defaults to `None`.
        activation: Activation of the result, as in `keras.layers.Conv2D`. Defaults to `None`.
        kernel_initializer: Of the kernel. Defaults to `"glorot_uniform"`.
        bias_initializer: Of the bias, `(filters,)`. Defaults to `"zeros"`.
        kernel_regularizer: Of the kernel. Defaults to `None`.
        bias_regularizer: Of the bias. Defaults to `None`.
        data_format: As in `NormXcorr`. Defaults to `None`.
        use_bias: Whether there is a bias. Defaults to `True`.
        kernel_constraint: Of the kernel. Defaults to `None`.
        bias_constraint: Of the bias. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        As that of `NormXcorrSummary`.

    Output shape:
        `(batch, height, width, filters)`, or as `data_format` says.

    Raises:
        ValueError: If an argument or an input is not as described.

    Example:
        >>> probe, gallery = (keras.Input((37, 12, 25)) for _ in range(2))
        >>> tuple(tfnxc.layers.CrossInputSummary(25, both_ways=True, activation="relu")([probe, gallery]).shape)
        (None, 37, 12, 25)

    References:
        Ahmed, Jones, Marks, "An Improved Deep Learning Architecture for Person Re-Identification", CVPR 2015: patch
        summary features.
    """

    _native_ops = staticmethod(native_cpu_ops)

    def __init__(
        self,
        filters: int,
        search_size: tuple[int, int | None] = (5, 5),
        layout: Literal["maps", "blocks"] = "maps",
        both_ways: bool = False,
        implementation: Literal["auto", "native", "python"] | None = None,
        activation: str | Callable | None = None,
        kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
        bias_initializer: str | keras.initializers.Initializer = "zeros",
        kernel_regularizer: str | keras.regularizers.Regularizer | None = None,
        bias_regularizer: str | keras.regularizers.Regularizer | None = None,
        data_format: Literal["channels_last", "channels_first"] | None = None,
        use_bias: bool = True,
        kernel_constraint: str | keras.constraints.Constraint | None = None,
        bias_constraint: str | keras.constraints.Constraint | None = None,
        **kwargs,
    ) -> None:
        super().__init__(check_search_size(search_size), implementation, data_format, **kwargs)
        self.layout = check_layout(layout)
        self.both_ways = bool(both_ways)
        self._set_summary(
            filters,
            activation,
            use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def _make_weights(self, channels, window):
        channels *= 1 + self.both_ways
        blocks = self.layout == "blocks"
        self._add_weights((*window, channels) if blocks else (1, 1, channels * math.prod(window)))

    def _output(self, x, y):
        kernel, bias = tf.convert_to_tensor(self.kernel), None if self.bias is None else tf.convert_to_tensor(self.bias)
        if self.layout == "blocks":
            kernel = tf.transpose(kernel, [2, 0, 1, 3])
        kernels = tf.split(tf.reshape(kernel, [-1, self.filters]), 1 + self.both_ways)
        options = {"search_size": self.search_size, "implementation": self.implementation}
        summary = ops.cross_input_summary(x, y, kernels[0], bias, **options)
        if self.both_ways:
            summary += ops.cross_input_summary(y, x, kernels[1], **options)
        return summary

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {**super().get_config(), "layout": self.layout, "both_ways": self.both_ways}
