"""The normalized correlation of SPEC section 1, alone and with a summary, and what computes it in plain TensorFlow."""

from typing import Literal

import tensorflow as tf

from tfnxc.ops._patches import MAP_SCALE, fold_patches, normalized_patches
from tfnxc.ops._search import NearbyColumns, WholeRows
from tfnxc.ops.arguments import check_correlation, check_summary_weights, countable_where_plain
from tfnxc.ops.gradient import compiled, with_gradient
from tfnxc.ops.implementation import native_ops


def norm_xcorr(
    x: tf.Tensor,
    y: tf.Tensor,
    patch_size: tuple[int, int] = (5, 5),
    search_size: tuple[int, int | None] = (5, None),
    epsilon: float = 0.01,
    gradient: Literal["exact", "published"] = "exact",
    implementation: Literal["auto", "native", "python"] | None = None,
) -> tf.Tensor:
    """Normalized correlation of the patches of `x` with those of `y` over a search window.

    For each channel, the patch of `x` centred on a position is compared with the patches of `y` centred on every
    position of its search window:

        ncc(X, Y) = sum_i (X_i - mX) (Y_i - mY) / ((N - 1) S_X S_Y),     S = s + epsilon

    with m the mean and s the unbiased standard deviation of the N pixels of a patch. Maps are zero-padded; the zeros
    count in the mean and the deviation, and a window position outside the map still takes part. Values lie in (-1, 1).
    The operation is not symmetric in `x` and `y`. Statistics and sums are computed in float32 at least, of differences
    from a patch's centre: values may have any offset and size, and a flat patch gives exactly 0.

    The backward pass is analytic. Second derivatives are refused with a `LookupError`.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`, of any floating point type. The batch may be unknown.
        y: Tensor of the same shape and type.
        patch_size: `(height, width)` of a patch, both odd, together at least 2 pixels. Defaults to `(5, 5)`.
        search_size: `(rows, columns)` of the search window. Rows are odd and relative: `rows // 2` above to `rows // 2`
            below the position. Columns are odd and relative likewise, or `None` for all columns of the map, absolute,
            in order. Defaults to `(5, None)`.
        epsilon: Positive number added to the standard deviation, from 1e-25 to 1e25 (in float64, from 1e-200 to 1e200).
            Defaults to `0.01`.
        gradient: `"exact"` for the derivative of the line above, or `"published"` for equations (6) and (7) of the
            supplement, which have S where the derivative has s in the second term. Defaults to `"exact"`.
        implementation: `"native"` for the compiled op, an error where it is not built; `"python"` for plain TensorFlow;
            `"auto"` for the first where it is there. Traced graphs hold stock operations in any case, in whose place
            the compiled op computes when they run here: XLA and what is saved, frozen or converted take plain
            TensorFlow. Defaults to `None`: the environment variable `TFNXC_OPS`, or else `"auto"`.

    Returns:
        Tensor of shape `(batch, height, width, channels * rows * columns)` and the type of `x`; the channel index is
        `(channel * rows + row) * columns + column`.

    Raises:
        ValueError: If an argument is not as described; the message says what came and what was expected.

    Example:
        >>> x = tf.random.uniform((2, 37, 12, 25))
        >>> tfnxc.ops.norm_xcorr(x, x).shape
        TensorShape([2, 37, 12, 1500])

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, supplement, section 2, equations (1) to (7).
    """
    options = {"patch_size": patch_size, "search_size": search_size, "epsilon": epsilon, "gradient": gradient}
    x, y, checked = check_correlation("norm_xcorr", x, y, **options)
    ops = native_ops(implementation)

    def plain(x, y):
        return _in_tensorflow(x, y, **checked)

    return plain(x, y) if ops is None else compiled(ops, "norm_xcorr", (x, y), plain, **checked)


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

    def plain(x, y, kernel, bias):
        if ops is not None:
            x = countable_where_plain("norm_xcorr_summary", x, checked["search_size"])
        maps = tf.nn.relu(_in_tensorflow(x, y, **checked))
        # A 1x1 convolution is a product; TensorFlow's own gives a wrong shape for a batch of no images.
        return tf.tensordot(maps, kernel, axes=1) + bias

    inputs = x, y, kernel, bias
    return plain(*inputs) if ops is None else compiled(ops, "norm_xcorr_summary", inputs, plain, **checked)


def _in_tensorflow(x, y, patch_size, search_size, epsilon, gradient):
    """`norm_xcorr` of checked arguments in plain TensorFlow."""
    dtype = x.dtype
    if dtype.size < 4:
        x, y = tf.cast(x, tf.float32), tf.cast(y, tf.float32)
    (_, height, width, _), (rows, columns) = x.shape, search_size
    window = WholeRows(height, width, rows) if columns is None else NearbyColumns(height, width, rows, columns)

    def correlate(x, y):
        x_patches, *of_x = normalized_patches(x, patch_size, (0, 0), epsilon)
        y_patches, *of_y = normalized_patches(y, patch_size, window.halo, epsilon)

        def backward(upstream):
            to_x, to_y = window.adjoint(upstream, x_patches, y_patches)
            to_x = _through_normalization(to_x, x_patches, *of_x, gradient)
            to_y = _through_normalization(to_y, y_patches, *of_y, gradient)
            return fold_patches(to_x, patch_size, (0, 0)), fold_patches(to_y, patch_size, window.halo)

        return window.scores(x_patches, y_patches), backward

    return tf.cast(with_gradient("norm_xcorr", correlate)(x, y), dtype)


def _through_normalization(upstream, patches, s, S, gradient):
    """From the gradient with respect to normalized patches to that with respect to their pixels.

    `upstream` is A_i = sum over the window of G * Y^_i, with Y^ the other patch normalized; `patches` is X^. Both terms
    of SPEC section 1 need no stored output, because sum(G * ncc) = sum_j X^_j A_j, and no further projection, because A
    has mean 0:

        dX_i = 1 / (sqrt(N - 1) S) * [ A_i - X^_i * S / s * sum_j X^_j A_j ],      second term = 0 where s = 0
    """
    n = patches.shape[-1]
    weight = tf.reduce_sum(patches * upstream, axis=-1, keepdims=True)
    if gradient == "exact":
        # A ratio beyond all numbers meets an X^ of 0.
        weight *= tf.minimum(tf.math.divide_no_nan(S, s), S.dtype.max)
    return (upstream - patches * weight) * ((n - 1) ** -0.5 * MAP_SCALE / S)
