"""The normalized correlation layer."""

import math
from typing import Literal

import keras

from tfnxc import ops
from tfnxc.layers._pair_layer import NativePairLayer
from tfnxc.ops.arguments import check_epsilon, check_gradient, check_patch_size


@keras.saving.register_keras_serializable(package="tfnxc")
class NormXcorr(NativePairLayer):
    """Normalized correlation of the patches of two feature maps over a wide search window.

    Each patch of `x` is compared, channel by channel, with the patches of `y` in the search window of its position; see
    `tfnxc.ops.norm_xcorr` for the mathematics. The layer has no weights. It follows the dtype policy: inputs and output
    have the compute dtype, while sums are kept in float32 at least. The paper's models follow it by a ReLU.

    Args:
        patch_size: `(height, width)` of a patch, odd. Defaults to `(5, 5)`.
        search_size: `(rows, columns)` of the search window: odd rows, relative to the position; odd columns, relative
            likewise, or `None` for the whole width of the map. Defaults to `(5, None)`, the paper's "5x12" on its maps.
        epsilon: Positive number added to each standard deviation. Defaults to `0.01`.
        gradient: `"exact"`, or `"published"` for the supplement's equations (6) and (7). Defaults to `"exact"`.
        implementation: `"native"` for the compiled op, `"python"` for plain TensorFlow, `"auto"` for the first where it
            is built. Exports and XLA always take plain TensorFlow. Defaults to `None`: the environment variable
            `TFNXC_OPS`, or else `"auto"`.
        data_format: `"channels_last"`, or `"channels_first"` for maps `(batch, channels, height, width)`. Defaults to
            `None`: Keras' setting, `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        A list `[x, y]` of two tensors of shape `(batch, height, width, channels)`, or as `data_format` says.

    Output shape:
        `(batch, height, width, channels * rows * columns)`, or as `data_format` says, with values in (-1, 1).

    Raises:
        ValueError: If an argument or an input is not as described.

    Example:
        >>> probe, gallery = (keras.Input((37, 12, 25)) for _ in range(2))
        >>> tuple(tfnxc.layers.NormXcorr()([probe, gallery]).shape)
        (None, 37, 12, 1500)

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, and its supplement, section 2.
    """

    def __init__(
        self,
        patch_size: tuple[int, int] = (5, 5),
        search_size: tuple[int, int | None] = (5, None),
        epsilon: float = 0.01,
        gradient: Literal["exact", "published"] = "exact",
        implementation: Literal["auto", "native", "python"] | None = None,
        data_format: Literal["channels_last", "channels_first"] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(search_size, implementation, data_format, **kwargs)
        self.patch_size = check_patch_size(patch_size)
        self.epsilon = check_epsilon(epsilon)
        self.gradient = check_gradient(gradient)

    def _output_shape(self, shape, window):
        batch, height, width, channels = shape
        return batch, height, width, channels * math.prod(window)

    def _output(self, x, y):
        return ops.norm_xcorr(x, y, **self._correlation())

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {**super().get_config(), **self._correlation()}

    def _correlation(self):
        names = "patch_size", "search_size", "epsilon", "gradient", "implementation"
        return {name: getattr(self, name) for name in names}
