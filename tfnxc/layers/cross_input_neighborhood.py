"""The layer of cross-input neighborhood differences."""

from typing import Literal

import keras

from tfnxc import ops
from tfnxc.layers._pair_layer import PairLayer
from tfnxc.ops.arguments import check_layout, check_search_size


@keras.saving.register_keras_serializable(package="tfnxc")
class CrossInputNeighborhood(PairLayer):
    """Difference between each value of one feature map and the neighborhood of the same position in another.

    K of Ahmed et al.: `K(p) = x(p) * ones(rows, columns) - patch of y centred on p`. For their K', call the layer on
    the two maps exchanged. The layer has no weights and applies no ReLU; the paper's models follow it by one.

    Args:
        search_size: `(rows, columns)` of the neighborhood, odd; columns may be `None` for the whole width of the map.
            Defaults to `(5, 5)`.
        layout: `"maps"` for one map a difference, or `"blocks"` for one block of rows x columns a position, as in the
            paper. Defaults to `"maps"`.
        data_format: As in `NormXcorr`. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        A list `[x, y]`, or `x, y`, of two tensors of one shape `(batch, height, width, channels)`, or as `data_format`
        says.

    Output shape:
        `(batch, height, width, channels * rows * columns)`, or with `layout="blocks"`
        `(batch, height * rows, width * columns, channels)`; or as `data_format` says.

    Raises:
        ValueError: If an argument or an input is not as described.

    Example:
        >>> probe, gallery = (keras.Input((37, 12, 25)) for _ in range(2))
        >>> tuple(tfnxc.layers.CrossInputNeighborhood(layout="blocks")([probe, gallery]).shape)
        (None, 185, 60, 25)

    References:
        Ahmed, Jones, Marks, "An Improved Deep Learning Architecture for Person Re-Identification", CVPR 2015.
    """

    def __init__(
        self,
        search_size: tuple[int, int | None] = (5, 5),
        layout: Literal["maps", "blocks"] = "maps",
        data_format: Literal["channels_last", "channels_first"] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(check_search_size(search_size), data_format, **kwargs)
        self.layout = check_layout(layout)

    def _output_shape(self, x_shape, y_shape):
        (batch, height, width, channels), (rows, columns) = x_shape, self._window(y_shape)
        if self.layout == "blocks":
            return batch, height * rows, width * columns, channels
        return batch, height, width, channels * rows * columns

    def _output(self, x, y):
        return ops.cross_input_neighborhood(x, y, self.search_size, self.layout)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {**super().get_config(), "layout": self.layout}
