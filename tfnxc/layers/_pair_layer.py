"""What the layers of two feature maps share."""

import keras
import tensorflow as tf

from tfnxc.ops.arguments import check_map_shapes, check_map_types, check_search_size
from tfnxc.ops.implementation import check_implementation, native_ops


class PairLayer(keras.layers.Layer):
    """A layer of two feature maps of one shape with a search window.

    Subclasses set `search_size` and give `compute_output_shape` and `call`.
    """

    def __init__(self, search_size, **kwargs):
        super().__init__(**kwargs)
        self.search_size = check_search_size(search_size)

    def build(self, input_shape):
        """Checks the shapes; there are no weights."""
        self._map_shape(input_shape)
        super().build(input_shape)

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "search_size": self.search_size}

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
        x_shape, y_shape = input_shape
        check_map_shapes(type(self).__name__, x_shape, y_shape)
        rows, columns = self.search_size
        return tuple(x_shape), (rows, columns if columns is not None else x_shape[2])

    def _pair(self, inputs):
        """The two maps, checked: `build` sees the shapes of the first call only."""
        self._map_shape(tf.nest.map_structure(lambda maps: maps.shape, inputs))
        return inputs


class NativePairLayer(PairLayer):
    """A `PairLayer` of an operation that the compiled library has too."""

    _native_ops = staticmethod(native_ops)
    """Gives the compiled operations, or `None` where plain TensorFlow computes."""

    def __init__(self, search_size, implementation, **kwargs):
        super().__init__(search_size, **kwargs)
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


def _is_shape(value):
    sizes = isinstance(value, (list, tuple)) and all(size is None or isinstance(size, int) for size in value)
    return sizes or isinstance(value, tf.TensorShape)
