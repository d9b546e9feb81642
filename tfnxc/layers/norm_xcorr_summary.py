"""The normalized correlation layer with the convolution that summarizes its maps."""

import math
from collections.abc import Callable
from typing import Literal

import keras
import tensorflow as tf

from tfnxc import ops
from tfnxc.layers._pair_layer import Summarizing
from tfnxc.layers.norm_xcorr import CorrelationLayer
from tfnxc.ops.arguments import check_search_size
from tfnxc.ops.geometry import Geometry


@keras.saving.register_keras_serializable(package="tfnxc")
class NormXcorrSummary(Summarizing, CorrelationLayer):
    """Normalized correlation, ReLU and a 1x1 convolution in one layer.

    It computes what `NormXcorr`, `keras.layers.ReLU` and `keras.layers.Conv2D(filters, 1)` compute one after the other,
    with weights of the same shapes; but where the compiled op is there, the maps of the correlation, many times as many
    as those of the result, are never in memory, forward or backward.

    Args:
        filters: Positive integer, the number of maps of the result.
        patch_size: As in `NormXcorr`. Defaults to `(5, 5)`.
        search_size: As in `NormXcorr`. Defaults to `(5, None)`.
        epsilon: As in `NormXcorr`. Defaults to `0.01`.
        gradient: As in `NormXcorr`. Defaults to `"exact"`.
        implementation: As in `NormXcorr`. Defaults to `None`.
        activation: Activation of the result, as in `keras.layers.Conv2D`. Defaults to `None`.
        kernel_initializer: Of the kernel, `(1, 1, channels * rows * columns, filters)`. Defaults to `"glorot_uniform"`.
        bias_initializer: Of the bias, `(filters,)`. Defaults to `"zeros"`.
        kernel_regularizer: Of the kernel. Defaults to `None`.
        bias_regularizer: Of the bias. Defaults to `None`.
        data_format: As in `NormXcorr`. Defaults to `None`.
        use_bias: Whether there is a bias. Defaults to `True`.
        kernel_constraint: Of the kernel. Defaults to `None`.
        bias_constraint: Of the bias. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        A list `[x, y]`, or `x, y`, of two tensors of one shape `(batch, height, width, channels)`, or as `data_format`
        says. Once the kernel is made, of these channels only, and of this width where the window is the whole width.

    Output shape:
        `(batch, height, width, filters)`, or as `data_format` says.

    Raises:
        ValueError: If an argument or an input is not as described.

    Example:
        >>> probe, gallery = (keras.Input((37, 12, 25)) for _ in range(2))
        >>> tuple(tfnxc.layers.NormXcorrSummary(25, activation="relu")([probe, gallery]).shape)
        (None, 37, 12, 25)

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, and its supplement, section 3.2.
    """

    def __init__(
        self,
        filters: int,
        patch_size: tuple[int, int] = (5, 5),
        search_size: tuple[int, int | None] = (5, None),
        epsilon: float = 0.01,
        gradient: Literal["exact", "published"] = "exact",
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
        geometry = Geometry.of(patch_size, check_search_size(search_size))
        super().__init__(geometry, epsilon, gradient, implementation, data_format, **kwargs)
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
        self._add_weights((1, 1, channels * math.prod(window)))

    def _output(self, x, y):
        kernel = tf.convert_to_tensor(self.kernel)[0, 0]
        bias = tf.zeros_like(kernel[0]) if self.bias is None else tf.convert_to_tensor(self.bias)
        return ops.norm_xcorr_summary(x, y, kernel, bias, **self._correlation())
