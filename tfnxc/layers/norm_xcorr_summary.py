"""The normalized correlation layer with the convolution that summarizes its maps."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfnxc import ops
from tfnxc.layers.norm_xcorr import NormXcorr


@keras.saving.register_keras_serializable(package="tfnxc")
class NormXcorrSummary(NormXcorr):
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
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        A list `[x, y]` of two tensors of shape `(batch, height, width, channels)`.

    Output shape:
        `(batch, height, width, filters)`.

    Raises:
        ValueError: If an argument or an input is not as described.

    Example:
        >>> probe, gallery = (keras.Input((37, 12, 25)) for _ in range(2))
        >>> tfnxc.layers.NormXcorrSummary(25, activation="relu")([probe, gallery]).shape
        (None, 37, 12, 25)

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, and its supplement, section 3.2.
    """

    def __init__(
        self,
        filters,
        patch_size=(5, 5),
        search_size=(5, None),
        epsilon=0.01,
        gradient="exact",
        implementation=None,
        activation=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        **kwargs,
    ):
        super().__init__(patch_size, search_size, epsilon, gradient, implementation, **kwargs)
        self.filters = _check_filters(filters)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    def build(self, input_shape):
        """Makes the kernel and the bias."""
        maps = super().compute_output_shape(input_shape)[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(1, 1, maps, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(self.filters,),
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
        )
        super().build(input_shape)

    def compute_output_shape(self, input_shape):
        """Shape of the output for a list of two input shapes."""
        return *super().compute_output_shape(input_shape)[:-1], self.filters

    def call(self, inputs):
        """Correlates the two maps of the list `inputs` and summarizes."""
        x, y = self._pair(inputs)
        kernel, bias = tf.convert_to_tensor(self.kernel)[0, 0], tf.convert_to_tensor(self.bias)
        return self.activation(ops.norm_xcorr_summary(x, y, kernel, bias, **self._correlation()))

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
        }


def _check_filters(value):
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"filters must be a positive integer; got {value!r}.")
    return value
