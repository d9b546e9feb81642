"""The normalized correlation layer."""

from collections.abc import Sequence
from typing import Literal

import keras
import tensorflow as tf

from tfnxc import ops
from tfnxc.layers._pair_layer import NativePairLayer
from tfnxc.ops.arguments import check_epsilon, check_gradient, one_of
from tfnxc.ops.geometry import Geometry, check_compared_shapes

REDUCTIONS = ("sum", "mean", "learned")


class CorrelationLayer(NativePairLayer):
    """What the layers of the normalized correlation share."""

    def __init__(self, geometry, epsilon, gradient, implementation, data_format, **kwargs):
        super().__init__(geometry.search_size, implementation, data_format, **kwargs)
        self._geometry = geometry
        self.patch_size = geometry.patch_size
        self.epsilon = check_epsilon(epsilon)
        self.gradient = check_gradient(gradient)

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), **self._correlation()}

    def _correlation(self):
        names = "patch_size", "search_size", "epsilon", "gradient", "implementation"
        return {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="tfnxc")
class NormXcorr(CorrelationLayer):
    """Normalized correlation of the patches of two feature maps over a wide search window.

    Each patch of `x` is compared, channel by channel, with the patches of `y` in the search window of its position; see
    `tfnxc.ops.norm_xcorr` for the mathematics. It follows the dtype policy: inputs and output have the compute dtype,
    while sums are kept in float32 at least. The paper's models follow it by a ReLU. `tfnxc.layers.BestDisplacement`
    finds where the correlation is highest.

    Args:
        patch_size: `(height, width)` of a patch, or one number for both: odd, with the padding `"valid"` also even.
            Defaults to `(5, 5)`.
        search_size: `(rows, columns)` of the search window, or one number for both: odd rows, relative to the position;
            odd columns, relative likewise, or `None` for the whole width of the map; or `(None, None)` for the whole
            map. Defaults to `(5, None)`, the paper's "5x12" on its maps.
        epsilon: Positive number added to each standard deviation. Defaults to `0.01`.
        gradient: `"exact"`, or `"published"` for the supplement's equations (6) and (7). Defaults to `"exact"`.
        implementation: `"native"` for the compiled op, `"python"` for plain TensorFlow, `"auto"` for the first where it
            is built. Exports and XLA always take plain TensorFlow, and so does what the compiled op does not have: see
            `tfnxc.ops.norm_xcorr`. Defaults to `None`: the environment variable `TFNXC_OPS`, or else `"auto"`.
        data_format: `"channels_last"`, or `"channels_first"` for maps `(batch, channels, height, width)`. Defaults to
            `None`: Keras' setting, `keras.config.image_data_format()`.
        stride: Rows and columns from one position to the next, or one number for both. Defaults to `1`.
        dilation: Rows and columns from one place of the window to the next, or one number for both. Defaults to `1`.
        padding: `"same"` for zeros around the maps, `"valid"` for patches inside the maps, or `"masked"` to leave what
            lies outside a map out of the statistics. Defaults to `"same"`.
        reduction: `None` for one map a channel and place of the window; `"sum"` or `"mean"` over the channels; or
            `"learned"` for the sum with learned weights `(channels,)`: one map a place. Defaults to `None`.
        output_axes: `4`, or `5` for the window in axes of its own. Defaults to `4`.
        kernel_initializer: Of the learned weights. Defaults to `None`: each begins as 1 / channels, the mean.
        kernel_regularizer: Of the learned weights. Defaults to `None`.
        kernel_constraint: Of the learned weights. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        A list `[x, y]`, or `x, y`, of two tensors of shape `(batch, height, width, channels)`, or as `data_format`
        says. Their heights and widths may differ, and be unknown where the window is relative. A batch that is known to
        be 1 is compared with each entry of the other. Masks are not taken, nor given on.

    Output shape:
        `(batch, rows, columns, channels * window)`, or as `data_format` says, with values in (-1, 1); reduced:
        `(batch, rows, columns, window)`. With 5 axes `(batch, rows, columns, channels, window)`, or reduced
        `(batch, rows, columns, window_rows, window_columns)`; with the channels first the window comes before the rows.

    Raises:
        ValueError: If an argument or an input is not as described.

    Example:
        >>> probe, gallery = (keras.Input((37, 12, 25)) for _ in range(2))
        >>> tuple(tfnxc.layers.NormXcorr()([probe, gallery]).shape)
        (None, 37, 12, 1500)
        >>> left, right = (keras.Input((None, None, 64)) for _ in range(2))
        >>> cost_volume = tfnxc.layers.NormXcorr(3, 21, dilation=2, reduction="learned")
        >>> tuple(cost_volume(left, right).shape)
        (None, None, None, 441)

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, and its supplement, section 2.
    """

    def __init__(
        self,
        patch_size: int | tuple[int, int] = (5, 5),
        search_size: int | tuple[int | None, int | None] = (5, None),
        epsilon: float = 0.01,
        gradient: Literal["exact", "published"] = "exact",
        implementation: Literal["auto", "native", "python"] | None = None,
        data_format: Literal["channels_last", "channels_first"] | None = None,
        stride: int | tuple[int, int] = 1,
        dilation: int | tuple[int, int] = 1,
        padding: Literal["same", "valid", "masked"] = "same",
        reduction: Literal["sum", "mean", "learned"] | None = None,
        output_axes: Literal[4, 5] = 4,
        kernel_initializer: str | keras.initializers.Initializer | None = None,
        kernel_regularizer: str | keras.regularizers.Regularizer | None = None,
        kernel_constraint: str | keras.constraints.Constraint | None = None,
        **kwargs,
    ) -> None:
        geometry = Geometry.of(patch_size, search_size, stride, dilation, padding)
        super().__init__(geometry, epsilon, gradient, implementation, data_format, **kwargs)
        self.stride, self.dilation = geometry.stride, geometry.dilation
        self.padding = geometry.padding
        self.reduction = None if reduction is None else one_of("reduction", reduction, REDUCTIONS)
        self.output_axes = one_of("output_axes", output_axes, (4, 5))
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        """Checks the shapes, and makes the learned weights where there are some."""
        x_shape, _ = self._shapes(input_shape)
        self.kernel = None
        if self.reduction == "learned":
            mean = keras.initializers.Constant(1 / x_shape[3])
            self.kernel = self.add_weight(
                name="kernel",
                shape=(x_shape[3],),
                initializer=mean if self.kernel_initializer is None else self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
        super().build(input_shape)

    def _check_shapes(self, x_shape, y_shape, axes):
        name = type(self).__name__
        check_compared_shapes(name, x_shape, y_shape, self._geometry, axes)
        sizes = [tf.TensorShape(y_shape)[axes.strip("()").split(", ").index(each)] for each in ("height", "width")]
        if any(size is None and known is None for size, known in zip(self.search_size, sizes, strict=True)):
            raise ValueError(
                f"{name} takes maps of known size where the window is all of it, as its output has a map for each "
                f"place; got search_size {self.search_size} and y of shape {tuple(tf.TensorShape(y_shape))}."
            )

    def _output_shape(self, x_shape, y_shape):
        batch = y_shape[0] if x_shape[0] == 1 else x_shape[0]
        shape = batch, *self._geometry.positions(x_shape[1:3])
        rows, columns = self._geometry.window(y_shape[1:3])
        channels = x_shape[3] if self.reduction is None else 1
        if self.output_axes == 4:
            return *shape, channels * rows * columns
        return *shape, *((channels, rows * columns) if self.reduction is None else (rows, columns))

    def _output(self, x, y):
        reduction = self.reduction if self.reduction != "learned" else tf.convert_to_tensor(self.kernel)
        more = {"stride": self.stride, "dilation": self.dilation, "padding": self.padding}
        more |= {"reduction": reduction, "output_axes": self.output_axes}
        return ops.norm_xcorr(x, y, **self._correlation(), **more)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        names = "stride", "dilation", "padding", "reduction", "output_axes"
        config = {name: getattr(self, name) for name in names}
        config["kernel_initializer"] = self.kernel_initializer and keras.initializers.serialize(self.kernel_initializer)
        config["kernel_regularizer"] = keras.regularizers.serialize(self.kernel_regularizer)
        config["kernel_constraint"] = keras.constraints.serialize(self.kernel_constraint)
        return {**super().get_config(), **config}
