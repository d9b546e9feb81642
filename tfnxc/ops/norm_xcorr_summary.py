"""Normalized correlation, ReLU and a 1x1 convolution in one."""

from typing import Literal

import tensorflow as tf

from tfnxc.ops import _native
from tfnxc.ops.arguments import check_correlation, check_summary_weights
from tfnxc.ops.implementation import native_ops
from tfnxc.ops.norm_xcorr import correlate_in_tensorflow


def norm_xcorr_summary(
    x: tf.Tensor,
    y: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    patch_size: tuple[int, int] = (5, 5),
    search_size: tuple[int, int | None] = (5, None),
    epsilon: float = 0.01,
    gradient: Literal["exact", "published"] = "exact",
    implementation: Literal["auto", "native", "python"] | None = None,
) -> tf.Tensor:
    """The 1x1 convolution of the ReLU of the normalized correlation: `relu(norm_xcorr(x, y)) @ kernel + bias`.

    Both models that use the normalized correlation follow it so. The maps of the correlation are many (1500 in the
    paper) and those of the summary few (25); the compiled op goes from one to the other without the many ever being in
    memory, forward and backward.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`, of any floating point type. The batch may be unknown.
        y: Tensor of the same shape and type.
        kernel: Tensor of shape `(channels * rows * columns, filters)` and the same type.
        bias: Tensor of shape `(filters,)` and the same type.
        patch_size: As in `tfnxc.ops.norm_xcorr`. Defaults to `(5, 5)`.
        search_size: As in `tfnxc.ops.norm_xcorr`. Defaults to `(5, None)`.
        epsilon: As in `tfnxc.ops.norm_xcorr`. Defaults to `0.01`.
        gradient: As in `tfnxc.ops.norm_xcorr`. Defaults to `"exact"`.
        implementation: As in `tfnxc.ops.norm_xcorr`. Defaults to `None`.

    Returns:
        Tensor of shape `(batch, height, width, filters)` and the type of `x`.

    Raises:
        ValueError: If an argument is not as described; the message says what came and what was expected.

    Example:
        >>> x = tf.random.uniform((2, 37, 12, 25))
        >>> tfnxc.ops.norm_xcorr_summary(x, x, tf.random.normal((1500, 25)), tf.zeros(25)).shape
        TensorShape([2, 37, 12, 25])

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, section 3.
    """
    options = {"patch_size": patch_size, "search_size": search_size, "epsilon": epsilon, "gradient": gradient}
    ops = native_ops(implementation)
    x, y, checked = check_correlation("norm_xcorr_summary", x, y, **options, writes_maps=ops is None)
    kernel, bias = check_summary_weights("norm_xcorr_summary", kernel, bias, x, checked["search_size"])
    if ops is not None:
        return _native.norm_xcorr_summary(ops, x, y, kernel, bias, **checked)
    maps = tf.nn.relu(correlate_in_tensorflow(x, y, **checked))
    # A 1x1 convolution is a product; TensorFlow's own gives a wrong shape for a batch of no images.
    return tf.tensordot(maps, kernel, axes=1) + bias
