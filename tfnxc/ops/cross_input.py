"""Cross-input neighborhood differences of SPEC section 2, alone and with a summary, with their analytic gradient."""

import functools
from typing import Literal

import numpy as np
import tensorflow as tf

from tfnxc.ops.arguments import check_layout, check_maps, check_search_size, check_summary_weights
from tfnxc.ops.gradient import compiled, custom_gradient
from tfnxc.ops.implementation import native_cpu_ops


def cross_input_neighborhood(
    x: tf.Tensor,
    y: tf.Tensor,
    search_size: tuple[int, int | None] = (5, 5),
    layout: Literal["maps", "blocks"] = "maps",
) -> tf.Tensor:
    """Difference between each value of `x` and the neighborhood of the same position in `y`.

    K(p) = x(p) * ones(rows, columns) - patch of `y` centred on p, channel by channel, with `y` zero-padded. The paper's
    K' is the same with `x` and `y` exchanged. No ReLU is applied.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`, of any floating point type. The batch may be unknown.
        y: Tensor of the same shape and type.
        search_size: `(rows, columns)` of the neighborhood, odd. Columns may be `None` for all columns of the map,
            absolute, in order. Defaults to `(5, 5)`.
        layout: `"maps"`: one map a difference, channel index `(channel * rows + row) * columns + column`; or
            `"blocks"`: one block of rows x columns a position, as in [1]. Defaults to `"maps"`.

    Returns:
        Tensor of shape `(batch, height, width, channels * rows * columns)` or, with `layout="blocks"`,
        `(batch, height * rows, width * columns, channels)`.

    Raises:
        ValueError: If an argument is not as described; the message says what came and what was expected.

    Example:
        >>> x = tf.random.uniform((2, 37, 12, 25))
        >>> tfnxc.ops.cross_input_neighborhood(x, x).shape
        TensorShape([2, 37, 12, 625])

    References:
        [1] Ahmed, Jones, Marks, "An Improved Deep Learning Architecture for Person Re-Identification", CVPR 2015:
        cross-input neighborhood differences.
    """
    x, y = check_maps("cross_input_neighborhood", x, y)
    rows, columns = check_search_size(search_size)
    layout = check_layout(layout)
    _, height, width, channels = x.shape
    # Whatever the window, the neighborhoods are one gather of pixels from the padded map.
    reach = rows // 2, 0 if columns is None else columns // 2
    window = _window_pixels(height, width, rows, columns)
    columns = window.shape[-1]
    padded_size = height + 2 * reach[0], width + 2 * reach[1]

    def subtract(x, neighborhoods_of):
        """The differences in the layout. No tensor has more than 5 axes, which is what TF Lite takes."""
        if layout == "blocks":
            block_rows, block_columns = np.arange(height).repeat(rows), np.arange(width).repeat(columns)
            pixels = (block_rows[:, None] * width + block_columns).astype(np.int32)
            repeated = tf.gather(tf.reshape(x, [-1, height * width, channels]), pixels, axis=1)
            return repeated - neighborhoods_of(window.reshape(height * rows, width * columns))
        neighborhoods = neighborhoods_of(window.transpose(0, 2, 1, 3).reshape(height, width, rows * columns))
        maps = tf.transpose(x[:, :, :, None] - neighborhoods, [0, 1, 2, 4, 3])
        return tf.reshape(maps, [-1, height, width, channels * rows * columns])

    def rearrange(upstream):
        """From the layout to (B, H, rows, W, columns, C)."""
        if layout == "blocks":
            return tf.reshape(upstream, [-1, height, rows, width, columns, channels])
        return tf.transpose(tf.reshape(upstream, [-1, height, width, channels, rows, columns]), [0, 1, 4, 2, 5, 3])

    @custom_gradient
    def difference(x, y):
        padded = tf.pad(y, [[0, 0], [reach[0]] * 2, [reach[1]] * 2, [0, 0]])
        pixels = tf.reshape(padded, [-1, padded_size[0] * padded_size[1], channels])

        def grad(upstream):
            # Sums of many terms are kept in float32 at least.
            upstream = rearrange(tf.cast(upstream, tf.float32) if x.dtype.size < 4 else upstream)
            # Pixels lead, so that one sum over equal indices is the adjoint of the gather.
            entries = tf.transpose(upstream, [1, 2, 3, 4, 0, 5])
            entries = tf.reshape(entries, [window.size, tf.shape(upstream)[0], channels])
            to_padded = tf.math.unsorted_segment_sum(entries, window.reshape(-1), padded_size[0] * padded_size[1])
            to_padded = tf.reshape(to_padded, [*padded_size, -1, channels])
            to_y = to_padded[reach[0] : reach[0] + height, reach[1] : reach[1] + width]
            to_x = tf.reduce_sum(upstream, axis=[2, 4])
            return tf.cast(to_x, x.dtype), tf.cast(-tf.transpose(to_y, [2, 0, 1, 3]), y.dtype)

        return subtract(x, lambda index: tf.gather(pixels, index, axis=1)), grad

    return difference(x, y)


def cross_input_summary(
    x: tf.Tensor,
    y: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor | None = None,
    search_size: tuple[int, int | None] = (5, 5),
    implementation: Literal["auto", "native", "python"] | None = None,
) -> tf.Tensor:
    """The summary of the differences: `relu(cross_input_neighborhood(x, y, search_size)) @ kernel + bias`.

    In [1] it is a convolution over one block of differences a position. The differences are many (625 maps in [1]) and
    the maps of the summary few (25); the compiled op goes from one to the other without the many ever being in memory,
    forward and backward. Sums are kept in float32 at least. The compiled op refuses second derivatives with a
    `LookupError`.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`, of any floating point type. The batch may be unknown.
        y: Tensor of the same shape and type.
        kernel: Tensor of shape `(channels * rows * columns, filters)` and the same type.
        bias: Tensor of shape `(filters,)` and the same type. Defaults to `None`: zeros.
        search_size: `(rows, columns)` as in `tfnxc.ops.cross_input_neighborhood`. Defaults to `(5, 5)`.
        implementation: As in `tfnxc.ops.norm_xcorr`, but the compiled op has no GPU kernel: where TensorFlow has a GPU,
            plain TensorFlow runs in any case. Defaults to `None`.

    Returns:
        Tensor of shape `(batch, height, width, filters)` and the type of `x`.

    Raises:
        ValueError: If an argument is not as described; the message says what came and what was expected.

    Example:
        >>> x = tf.random.uniform((2, 37, 12, 25))
        >>> tfnxc.ops.cross_input_summary(x, x, tf.random.normal((625, 25))).shape
        TensorShape([2, 37, 12, 25])

    References:
        [1] Ahmed, Jones, Marks, "An Improved Deep Learning Architecture for Person Re-Identification", CVPR 2015:
        cross-input neighborhood differences and patch summary features.
    """
    x, y = check_maps("cross_input_summary", x, y)
    search_size = check_search_size(search_size)
    bias = tf.zeros(tf.convert_to_tensor(kernel).shape[1:], x.dtype) if bias is None else bias
    kernel, bias = check_summary_weights("cross_input_summary", kernel, bias, x, search_size)
    inputs, ops = {"x": x, "y": y, "kernel": kernel, "bias": bias}, native_cpu_ops(implementation)
    plain = functools.partial(_summary_in_tensorflow, search_size=search_size)
    if ops is None:
        return plain(**inputs)
    return compiled(ops, "cross_input_summary", inputs, plain, search_size, forward_inputs=("bias",))


def _summary_in_tensorflow(x, y, kernel, bias, search_size):
    """`cross_input_summary` of checked arguments in plain TensorFlow."""
    dtype = x.dtype
    if dtype.size < 4:
        x, y, kernel, bias = (tf.cast(each, tf.float32) for each in (x, y, kernel, bias))
    # A convolution over one position is a product; TensorFlow's own gives a wrong shape for a batch of no images.
    summary = tf.tensordot(tf.nn.relu(cross_input_neighborhood(x, y, search_size)), kernel, axes=1) + bias
    return tf.cast(summary, dtype)


def _window_pixels(height, width, rows, columns):
    """Index, into the flat padded map, of every pixel of every neighborhood: (H, rows, W, columns)."""
    i, r, j, k = np.ogrid[:height, :rows, :width, : width if columns is None else columns]
    column, padded_width = (k + 0 * j, width) if columns is None else (j + k, width + columns - 1)
    return ((i + r) * padded_width + column).astype(np.int32)
