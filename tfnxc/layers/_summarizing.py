"""What the layers share that summarize their maps by a convolution."""

import keras


class Summarizing:
    """The weights and the activation of a convolution to `filters` maps, beside a layer of two feature maps.

    A layer calls `_set_summary` in its constructor and `_make_weights` when it is built.
    """

    def _set_summary(
        self, filters, activation, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer
    ):
        self.filters = _check_filters(filters)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    def _make_weights(self, inputs):
        """The kernel, of the shape (*inputs, filters), and the bias."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*inputs, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(self.filters,),
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
        )

    def compute_output_shape(self, input_shape):
        """Shape of the output for a list of two input shapes."""
        return *self._map_shape(input_shape)[0][:-1], self.filters

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
