"""Cross-input neighborhood differences, ReLU and the convolution that summarizes them, in one."""

from typing import Literal

import tensorflow as tf

from tfnxc.ops import _native
from tfnxc.ops.arguments import check_maps, check_search_size, check_summary_weights
from tfnxc.ops.cross_input_neighborhood import cross_input_neighborhood
from tfnxc.ops.implementation import native_cpu_ops


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
    ops = native_cpu_ops(implementation)
    if ops is not None:
        return _native.cross_input_summary(ops, x, y, kernel, bias, search_size)
    dtype = x.dtype
    if dtype.size < 4:
        x, y, kernel, bias = (tf.cast(each, tf.float32) for each in (x, y, kernel, bias))
    # A convolution over one position is a product; TensorFlow's own gives a wrong shape for a batch of no images.
    summary = tf.tensordot(tf.nn.relu(cross_input_neighborhood(x, y, search_size)), kernel, axes=1) + bias
    return tf.cast(summary, dtype)
