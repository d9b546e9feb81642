"""The normalized correlation of SPEC section 1, alone and with a summary, and what computes it in plain TensorFlow."""

import dataclasses
import math
from typing import Literal

import tensorflow as tf

from tfnxc.ops._any_geometry import correlation, of_one_batch
from tfnxc.ops._patches import MAP_SCALE, fold_patches, normalized_patches
from tfnxc.ops._search import NearbyColumns, WholeRows
from tfnxc.ops.arguments import (
    check_correlation,
    check_epsilon,
    check_epsilon_of_type,
    check_gradient,
    check_map_types,
    check_summary_weights,
    countable_where_plain,
    one_of,
    readable,
)
from tfnxc.ops.geometry import Geometry, check_compared, check_compared_shapes
from tfnxc.ops.gradient import compiled, with_gradient
from tfnxc.ops.implementation import native_cpu_ops, native_ops

REDUCTIONS = ("sum", "mean")


def norm_xcorr(
    x: tf.Tensor,
    y: tf.Tensor,
    patch_size: int | tuple[int, int] = (5, 5),
    search_size: int | tuple[int | None, int | None] = (5, None),
    epsilon: float = 0.01,
    gradient: Literal["exact", "published"] = "exact",
    implementation: Literal["auto", "native", "python"] | None = None,
    *,
    stride: int | tuple[int, int] = 1,
    dilation: int | tuple[int, int] = 1,
    padding: Literal["same", "valid", "masked"] = "same",
    reduction: Literal["sum", "mean"] | tf.Tensor | None = None,
    output_axes: Literal[4, 5] = 4,
) -> tf.Tensor:
    """Normalized correlation of the patches of `x` with those of `y` over a search window.

    For each channel, the patch of `x` at a position is compared with the patches of `y` at every place of the
    position's search window:

        ncc(X, Y) = sum_i (X_i - mX) (Y_i - mY) / ((N - 1) S_X S_Y),     S = s + epsilon

    with m the mean and s the unbiased standard deviation of the N pixels of a patch. Values lie in (-1, 1). The
    operation is not symmetric in `x` and `y`. Statistics and sums are computed in float32 at least, of differences from
    a patch's centre: values may have any offset and size, and a flat patch gives exactly 0.

    The gradient is analytic, and has derivatives itself: a gradient penalty and forward-mode work. In a `tf.function`
    the `tf.autodiff.ForwardAccumulator` has to be inside, not around it.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`, of any floating point type. All sizes but the channels
            may be unknown.
        y: Tensor of the same type and channels. Its height and width may be others. A batch that is known to be 1 is
            compared with each entry of the other batch.
        patch_size: `(height, width)` of a patch, or one number for both, together at least 2 pixels. Odd; with the
            padding `"valid"` also even. Defaults to `(5, 5)`.
        search_size: `(rows, columns)` of the search window, or one number for both. Rows are odd and relative:
            `rows // 2` steps above to `rows // 2` steps below the position. Columns are odd and relative likewise, or
            `None` for all columns of `y`, absolute, in order. `(None, None)` is every place of `y`. Defaults to
            `(5, None)`.
        epsilon: Positive number added to the standard deviation, from 1e-25 to 1e25 (in float64, from 1e-200 to 1e200).
            Defaults to `0.01`.
        gradient: `"exact"` for the derivative of the line above, or `"published"` for equations (6) and (7) of the
            supplement, which have S where the derivative has s in the second term. Defaults to `"exact"`.
        implementation: `"native"` for the compiled op, an error where it is not built; `"python"` for plain TensorFlow;
            `"auto"` for the first where it is there. Traced graphs hold stock operations in any case, in whose place
            the compiled op computes when they run here: XLA and what is saved, frozen or converted take plain
            TensorFlow. So does a TensorFlow with a GPU where the compiled op has no kernels for it: where it is built
            without, and for `stride`, `dilation`, `padding`, `reduction`, two maps of different sizes and whole heights
            in any case. Second derivatives and forward-mode are plain TensorFlow's. Defaults to `None`: the environment
            variable `TFNXC_OPS`, or else `"auto"`.
        stride: Rows and columns from one position to the next, or one number for both. Defaults to `1`.
        dilation: Rows and columns from one place of the window to the next, or one number for both. Defaults to `1`.
        padding: `"same"`: patches are centred on pixels, and the maps padded with zeros, which count in mean and
            deviation; places outside a map take part. `"valid"`: patches lie inside the maps; positions and places are
            counted by their first pixel. `"masked"`: patches are centred on pixels, and what of them lies outside the
            map is left out: mean, deviation and N are those of the rest, and the sum is over the pixels that both have,
            over `sqrt((N_X - 1) (N_Y - 1)) S_X S_Y`. With the last two, places that the map does not have give 0.
            Defaults to `"same"`.
        reduction: `None` for one map a channel and place; `"sum"` or `"mean"` over the channels, or weights of shape
            `(channels,)` for a weighted sum: one map a place. Defaults to `None`.
        output_axes: `4`, or `5` for the window in axes of its own. Defaults to `4`.

    Returns:
        Tensor of the type of `x`. Its rows are those of `x` (with `"valid"`: `height - patch_height + 1`) divided by
        the stride, rounded up, and its columns likewise. With 4 axes: `(batch, rows, columns, channels * window)`, the
        index of a map is `(channel * window_rows + window_row) * window_columns + window_column`; reduced:
        `(batch, rows, columns, window)`. With 5 axes: `(batch, rows, columns, channels, window)`; reduced:
        `(batch, rows, columns, window_rows, window_columns)`.

    Raises:
        ValueError: If an argument is not as described; the message says what came and what was expected.

    Example:
        >>> x = tf.random.uniform((2, 37, 12, 25))
        >>> tfnxc.ops.norm_xcorr(x, x).shape
        TensorShape([2, 37, 12, 1500])
        >>> together = {"reduction": "mean", "output_axes": 5}
        >>> tfnxc.ops.norm_xcorr(x, x, 3, 9, dilation=2, **together).shape
        TensorShape([2, 37, 12, 9, 9])
        >>> template = x[:1, 10:20, 2:8]
        >>> tfnxc.ops.norm_xcorr(template, x, (10, 6), (None, None), padding="valid", **together).shape
        TensorShape([2, 1, 1, 28, 7])

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, supplement, section 2, equations (1) to (7).
    """
    name = "norm_xcorr"
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    check_map_types(name, x.dtype, y.dtype)
    geometry = Geometry.of(patch_size, search_size, stride, dilation, padding)
    check_compared_shapes(name, x.shape, y.shape, geometry)
    epsilon, gradient = check_epsilon(epsilon), check_gradient(gradient)
    check_epsilon_of_type(name, epsilon, x.dtype)
    weights = _channel_weights(reduction, x.shape[3], tf.float32 if x.dtype.size < 4 else x.dtype)
    one_of("output_axes", output_axes, (4, 5))
    x, y = check_compared(name, x, y, geometry, weights is not None)
    sizes = x.shape[1:3]
    if not geometry.of_the_paper or weights is not None or sizes != y.shape[1:3] or not sizes.is_fully_defined():
        products = _of_any_geometry(x, y, geometry, epsilon, gradient, weights, native_cpu_ops(implementation))
        return tf.cast(_maps(products, x, y, geometry, weights is not None, output_axes), x.dtype)
    ops = native_ops(implementation)
    x, y = of_one_batch(x, y)
    options = {"patch_size": geometry.patch_size, "search_size": geometry.search_size}
    options |= {"epsilon": epsilon, "gradient": gradient}

    def plain(x, y):
        return _in_tensorflow(x, y, **options)

    maps = plain(x, y) if ops is None else compiled(ops, name, {"x": x, "y": y}, plain, **options)
    if output_axes == 4:
        return maps
    batch = tf.shape(maps)[0] if maps.shape[0] is None else maps.shape[0]
    return tf.reshape(maps, [batch, *sizes, x.shape[3], math.prod(geometry.window(sizes))])


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

    inputs = {"x": x, "y": y, "kernel": kernel, "bias": bias}
    if ops is None:
        return plain(**inputs)
    return compiled(ops, "norm_xcorr_summary", inputs, plain, forward_inputs=("bias",), **checked)


def _channel_weights(reduction, channels, dtype):
    """The weights (channels,) of a reduction, or `None`."""
    if reduction is None:
        return None
    if isinstance(reduction, str):
        return tf.fill(
            [channels], tf.constant({"sum": 1, "mean": 1 / channels}[one_of("reduction", reduction, REDUCTIONS)], dtype)
        )
    weights = tf.convert_to_tensor(reduction)
    if not weights.dtype.is_floating or weights.shape != (channels,):
        raise ValueError(
            f"reduction must be None, {' or '.join(map(repr, REDUCTIONS))}, or weights of shape ({channels},) of a "
            f"floating point type; got {weights.dtype.name} of shape {readable(weights.shape)}."
        )
    return tf.cast(weights, dtype)


def _of_any_geometry(x, y, geometry, epsilon, gradient, weights, ops):
    """The correlation of checked arguments: (B, rows, columns, groups, window rows, window columns)."""
    x, y = _computed(x, y)

    def plain(x, y, weights=None):
        return correlation(x, y, geometry, epsilon, gradient, weights)

    if ops is None:
        return plain(x, y, weights)
    inputs = {"x": x, "y": y, "weights": [] if weights is None else [weights]}
    options = {each.name: getattr(geometry, each.name) for each in dataclasses.fields(geometry)}
    return compiled(ops, "norm_xcorr_any", inputs, plain, epsilon=epsilon, gradient=gradient, **options)


def _maps(products, x, y, geometry, together, output_axes):
    """The products (B, rows, columns, groups, window rows, window columns) with the axes that `norm_xcorr` gives."""
    batch = y.shape[0] if x.shape[0] == 1 else x.shape[0]
    known = batch, *geometry.positions(x.shape[1:3]), products.shape[3], *geometry.window(y.shape[1:3])
    sizes = tf.shape(products)
    *positions, groups, rows, columns = (sizes[axis] if each is None else each for axis, each in enumerate(known))
    if output_axes == 4:
        return tf.reshape(products, [*positions, groups * rows * columns])
    return tf.reshape(products, [*positions, *((rows, columns) if together else (groups, rows * columns))])


def _computed(x, y):
    """Both, in the type that computes."""
    return (tf.cast(each, tf.float32) if each.dtype.size < 4 else each for each in (x, y))


def _in_tensorflow(x, y, patch_size, search_size, epsilon, gradient):
    """The correlation of the paper, of two maps of one known size and checked arguments, in plain TensorFlow."""
    dtype = x.dtype
    x, y = _computed(x, y)
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

    geometry = Geometry(patch_size, search_size)

    def differentiable(x, y):
        return _maps(correlation(x, y, geometry, epsilon, gradient), x, y, geometry, False, 4)

    return tf.cast(with_gradient(correlate, differentiable)(x, y), dtype)


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
