"""What the layers of two feature maps share."""

from __future__ import annotations

import keras

from tfnxc.ops._arguments import check_map_shapes, check_search_size


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

    def _map_shape(self, input_shape):
        """(batch, height, width, channels) of both maps, checked, and the size (rows, columns) of the window."""
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) != 2 or not _are_shapes(input_shape):
            raise ValueError(
                f"{type(self).__name__} takes a list of two feature maps, [x, y]; got one input or several of shape "
                f"{input_shape}."
            )
        x_shape, y_shape = (tuple(shape) for shape in input_shape)
        check_map_shapes(type(self).__name__, x_shape, y_shape)
        rows, columns = self.search_size
        return x_shape, (rows, columns if columns is not None else x_shape[2])

    def _pair(self, inputs):
        """The two maps, or a ValueError."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise ValueError(f"{type(self).__name__} takes a list of two feature maps, [x, y]; got {inputs!r}.")
        return inputs


def _are_shapes(shapes):
    return all(hasattr(shape, "__len__") for shape in shapes)
