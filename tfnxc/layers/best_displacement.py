"""The layer that finds the displacement of the highest score."""

from typing import Literal

import keras
import tensorflow as tf

from tfnxc import ops
from tfnxc.layers.data_format import arranged, arranged_shape, check_data_format
from tfnxc.ops.arguments import check_positive_pair, one_of
from tfnxc.ops.displacement import METHODS, check_origin, check_scores, check_temperature


@keras.saving.register_keras_serializable(package="tfnxc")
class BestDisplacement(keras.layers.Layer):
    """The displacement, in pixels, at which each position's scores are highest; see `tfnxc.ops.best_displacement`.

    It has no weights.

    Args:
        dilation: That of the `NormXcorr` before it. Defaults to `1`.
        origin: `"centre"` where the size of the window is relative, `"first"` where it is the whole width or map; one
            for rows and columns, or a pair: for the search size `(5, None)` it is `("centre", "first")`. Defaults to
            `"centre"`.
        method: `"hard"` for the highest score, `"soft"` for a mean whose gradient reaches all. Defaults to `"hard"`.
        temperature: Positive number, of `"soft"`. Defaults to `0.05`.
        subpixel: Whether `"hard"` is refined by a parabola. Defaults to `True`.
        data_format: As in `NormXcorr`. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        `(batch, rows, columns, window_rows, window_columns)`, what `NormXcorr` gives with a `reduction` and
        `output_axes=5`; with the channels first `(batch, window_rows, window_columns, rows, columns)`.

    Output shape:
        `(batch, rows, columns, 2)`, or as `data_format` says: down and to the right. Of the compute type; but computed
        in float32 at least, and with a 16-bit policy rounded to its steps.

    Raises:
        ValueError: If an argument or the input is not as described.

    Example:
        >>> left, right = (keras.Input((None, None, 64)) for _ in range(2))
        >>> cost_volume = tfnxc.layers.NormXcorr(3, 9, reduction="mean", output_axes=5)(left, right)
        >>> tuple(tfnxc.layers.BestDisplacement(method="soft")(cost_volume).shape)
        (None, None, None, 2)
    """

    def __init__(
        self,
        dilation: int | tuple[int, int] = 1,
        origin: Literal["centre", "first"] | tuple[str, str] = "centre",
        method: Literal["hard", "soft"] = "hard",
        temperature: float = 0.05,
        subpixel: bool = True,
        data_format: Literal["channels_last", "channels_first"] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.dilation = check_positive_pair("dilation", dilation)
        self.origin = check_origin(origin)
        self.method = one_of("method", method, METHODS)
        self.temperature = check_temperature(temperature)
        self.subpixel = bool(subpixel)
        self.data_format = check_data_format(data_format)

    def call(self, scores: tf.Tensor) -> tf.Tensor:
        """Computes on scores."""
        if self.data_format == "channels_first":
            scores = tf.transpose(scores, [0, 3, 4, 1, 2])
        options = {name: getattr(self, name) for name in ("dilation", "origin", "method", "temperature", "subpixel")}
        found = ops.best_displacement(scores, **options)
        return arranged(tf.cast(found, self.compute_dtype), self.data_format)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the output for the shape of the scores."""
        shape = tf.TensorShape(input_shape)
        if shape.rank == 5 and self.data_format == "channels_first":
            shape = tf.TensorShape([shape[axis] for axis in (0, 3, 4, 1, 2)])
        check_scores(type(self).__name__, shape, tf.float32)
        return arranged_shape((*shape.as_list()[:3], 2), self.data_format)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        names = "dilation", "origin", "method", "temperature", "subpixel", "data_format"
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
