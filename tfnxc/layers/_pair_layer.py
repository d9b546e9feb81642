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
from tfnxc.ops.arguments import check_map_shapes, check_map_types
from tfnxc.ops.implementation import check_implementation, native_ops


class PairLayer(keras.layers.Layer):
    """A layer of two feature maps with a search window, called with a list of the two or with one after the other.

    Subclasses give the shape of its output and the output itself, both with the channels last. Without a mask: none is
    taken or given on.
    """

    supports_masking = False

    def __init__(self, search_size, data_format, **kwargs):
        """Takes a checked `search_size`."""
        super().__init__(**kwargs)
        self.search_size = search_size
        self.data_format = check_data_format(data_format)
        self.input_spec = [keras.layers.InputSpec(ndim=4) for _ in range(2)]

    def __call__(self, inputs, y=None, **kwargs):
        """The layer on two maps: `layer([x, y])` or `layer(x, y)`."""
        inputs = inputs if y is None else [inputs, y]
        self._pair(inputs)  # before Keras looks at them, whose message would not name what is expected
        return super().__call__(inputs, **kwargs)

    def build(self, input_shape):
        """Checks the shapes; there are no weights."""
        x_shape, _ = self._shapes(input_shape)
        axis = list(arranged_shape(range(4), self.data_format)).index(3)
        self.input_spec = [keras.layers.InputSpec(ndim=4, axes={axis: x_shape[3]}) for _ in range(2)]
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Shape of the output for a list of two input shapes."""
        return arranged_shape(self._output_shape(*self._shapes(input_shape)), self.data_format)

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

    def _shapes(self, input_shape):
        """`(batch, height, width, channels)` of both maps, checked."""
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) != 2 or not all(map(_is_shape, input_shape)):
            raise ValueError(
                f"{type(self).__name__} takes a list of two feature maps, [x, y]; got one input or several of shape "
                f"{input_shape}."
            )
        self._check_shapes(*input_shape, DATA_FORMATS[self.data_format])
        return [channels_last_shape(tf.TensorShape(shape).as_list(), self.data_format) for shape in input_shape]

    def _check_shapes(self, x_shape, y_shape, axes):
        """Whether maps of these shapes, with these axes, can be compared."""
        check_map_shapes(type(self).__name__, x_shape, y_shape, axes)

    def _window(self, y_shape):
        """The size (rows, columns) of the window in maps of a shape."""
        rows, columns = self.search_size
        return rows, columns if columns is not None else y_shape[2]

    def _pair(self, inputs):
        """The two maps, checked: `build` sees the shapes of the first call only."""
        self._shapes(tf.nest.map_structure(lambda maps: getattr(maps, "shape", None), inputs))
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

    def _set_summary(self, filters, activation, use_bias, **of_weights):
        """Takes the arguments of a convolution; `of_weights` by name, as in `keras.layers.Conv2D`."""
        self.filters = whole_number("filters", filters, least=1)
        self.activation = keras.activations.get(activation)
        self.use_bias = bool(use_bias)
        for name, value in of_weights.items():
            setattr(self, name, _KEEPERS[name.split("_")[1]].get(value))

    def _add_weights(self, inputs):
        """The kernel, of the shape (*inputs, filters), and the bias, `None` where there is none."""
        self.kernel = self._weight("kernel", (*inputs, self.filters))
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def _weight(self, name, shape):
        options = {kind: getattr(self, f"{name}_{kind}") for kind in _KEEPERS}
        return self.add_weight(name=name, shape=shape, **options)

    def build(self, input_shape):
        """Makes the kernel and the bias."""
        *_, y_shape = self._shapes(input_shape)
        channels, window = y_shape[3], self._window(y_shape)
        self._make_weights(channels, window)
        self._taken = channels, window
        super().build(input_shape)

    def call(self, inputs):
        """Computes on the two maps of the list `inputs`."""
        return self.activation(super().call(inputs))

    def _output_shape(self, x_shape, y_shape):
        return *x_shape[:-1], self.filters

    def _shapes(self, input_shape):
        shapes = super()._shapes(input_shape)
        if self._taken not in (None, (shapes[1][3], self._window(shapes[1]))):
            channels, (_, columns) = self._taken
            width = f" and width {columns}" if self.search_size[1] is None else ""
            raise ValueError(
                f"{type(self).__name__} {self.name!r} was built for maps of {channels} channels{width}; got shape "
                f"{tuple(input_shape[0])}. Make another layer for other maps."
            )
        return shapes

    def get_config(self):
        """The arguments of the constructor."""
        config = {"filters": self.filters, "activation": keras.activations.serialize(self.activation)}
        config["use_bias"] = self.use_bias
        for kind, module in _KEEPERS.items():
            for name in (f"kernel_{kind}", f"bias_{kind}"):
                config[name] = module.serialize(getattr(self, name))
        return {**super().get_config(), **config}


_KEEPERS = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}
"""What Keras lets be said of a weight, and where it knows them by name."""


def _is_shape(value):
    sizes = isinstance(value, (list, tuple)) and all(size is None or hasattr(size, "__index__") for size in value)
    return sizes or isinstance(value, tf.TensorShape)
