"""What the layers of two feature maps share."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfnxc.layers.data_format import (
    DATA_FORMATS,
    arranged,
    arranged_shape,
    channels_last,
    channels_last_shape,
    check_data_format,
)
from tfnxc.number_checks import whole_number
from tfnxc.ops.arguments import check_map_shapes, check_map_types, check_search_size
from tfnxc.ops.implementation import check_implementation, native_ops


class PairLayer(keras.layers.Layer):
    """A layer of two feature maps of one shape with a search window.

    Subclasses give the shape of its output and the output itself, both with the channels last.
    """

    def __init__(self, search_size, data_format, **kwargs):
        super().__init__(**kwargs)
        self.search_size = check_search_size(search_size)
        self.data_format = check_data_format(data_format)

    def build(self, input_shape):
        """Checks the shapes; there are no weights."""
        self._map_shape(input_shape)
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Shape of the output for a list of two input shapes."""
        return arranged_shape(self._output_shape(*self._map_shape(input_shape)), self.data_format)

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Computes on the two maps of the list `inputs`."""
        x, y = (channels_last(maps, self.data_format) for maps in self._pair(inputs))
        return arranged(self._output(x, y), self.data_format)

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "search_size": self.search_size, "data_format": self.data_format}

    @classmethod
    def from_config(cls, config):
        """The layer of a configuration; one without a `data_format` is of a file whose maps have the channels last."""
        return super().from_config({"data_format": "channels_last", **config})

    def compute_output_spec(self, inputs):
        """What Keras 3 calls, instead of `call`, on symbolic maps, whose type is therefore checked here."""
        x, y = self._pair(inputs)
        check_map_types(type(self).__name__, x.dtype, y.dtype)
        return super().compute_output_spec(inputs)

    def _map_shape(self, input_shape):
        """(batch, height, width, channels) of both maps, checked, and the size (rows, columns) of the window."""
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) != 2 or not all(map(_is_shape, input_shape)):
            raise ValueError(
                f"{type(self).__name__} takes a list of two feature maps, [x, y]; got one input or several of shape "
                f"{input_shape}."
            )
        check_map_shapes(type(self).__name__, *input_shape, DATA_FORMATS[self.data_format])
        shape = channels_last_shape(tf.TensorShape(input_shape[0]).as_list(), self.data_format)
        rows, columns = self.search_size
        return shape, (rows, columns if columns is not None else shape[2])

    def _pair(self, inputs):
        """The two maps, checked: `build` sees the shapes of the first call only."""
        self._map_shape(tf.nest.map_structure(lambda maps: maps.shape, inputs))
        return inputs


class NativePairLayer(PairLayer):
    """A `PairLayer` of an operation that the compiled library has too."""

    _native_ops = staticmethod(native_ops)
    """Gives the compiled operations, or `None` where plain TensorFlow computes."""

    def __init__(self, search_size, implementation, data_format, **kwargs):
        super().__init__(search_size, data_format, **kwargs)
        self.implementation = check_implementation(implementation)

    @property
    def supports_jit(self):
        """Whether Keras may choose XLA by itself: not where that would cost the compiled op."""
        return self._native_ops(self.implementation) is None

    @supports_jit.setter
    def supports_jit(self, value):
        """Keras' constructor sets it; the implementation decides."""

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "implementation": self.implementation}


class Summarizing:
    """The weights and the activation of a convolution to `filters` maps, beside a `PairLayer`.

    A layer calls `_set_summary` in its constructor and `_make_weights` when it is built, and gives `_summary`.
    """

    _taken = None
    """Channels and window that the kernel was made for."""

    def _set_summary(
        self, filters, activation, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer
    ):
        self.filters = whole_number("filters", filters, least=1)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    def _add_weights(self, inputs):
        """The kernel, of the shape (*inputs, filters), and the bias."""
        kernel = {"initializer": self.kernel_initializer, "regularizer": self.kernel_regularizer}
        self.kernel = self.add_weight(name="kernel", shape=(*inputs, self.filters), **kernel)
        bias = {"initializer": self.bias_initializer, "regularizer": self.bias_regularizer}
        self.bias = self.add_weight(name="bias", shape=(self.filters,), **bias)

    def build(self, input_shape):
        """Makes the kernel and the bias."""
        (*_, channels), window = self._map_shape(input_shape)
        self._make_weights(channels, window)
        self._taken = channels, window
        super().build(input_shape)

    def call(self, inputs):
        """Computes on the two maps of the list `inputs`."""
        return self.activation(super().call(inputs))

    def _output_shape(self, shape, window):
        return *shape[:-1], self.filters

    def _map_shape(self, input_shape):
        shape, window = super()._map_shape(input_shape)
        if self._taken not in (None, (shape[-1], window)):
            channels, (_, columns) = self._taken
            width = f" and width {columns}" if self.search_size[1] is None else ""
            raise ValueError(
                f"{type(self).__name__} {self.name!r} was built for maps of {channels} channels{width}; got shape "
                f"{tuple(input_shape[0])}. Make another layer for other maps."
            )
        return shape, window

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


def _is_shape(value):
    sizes = isinstance(value, (list, tuple)) and all(size is None or hasattr(size, "__index__") for size in value)
    return sizes or isinstance(value, tf.TensorShape)
