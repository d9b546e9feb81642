"""Where in its search window a patch is found: the displacement of the highest score."""

import math
import numbers
from typing import Literal

import tensorflow as tf

from tfnxc.ops.arguments import check_positive_pair, one_of, readable

METHODS = ("hard", "soft")
ORIGINS = ("centre", "first")


def best_displacement(
    scores: tf.Tensor,
    *,
    dilation: int | tuple[int, int] = 1,
    origin: Literal["centre", "first"] | tuple[str, str] = "centre",
    method: Literal["hard", "soft"] = "hard",
    temperature: float = 0.05,
    subpixel: bool = True,
) -> tf.Tensor:
    """The displacement at which each position's scores are highest, in pixels.

    Args:
        scores: Tensor of shape `(batch, rows, columns, window_rows, window_columns)`, of a floating point type, such as
            `tfnxc.ops.norm_xcorr` gives with a `reduction` and 5 axes. All sizes but those of the window may be
            unknown.
        dilation: Pixels from one row and column of the window to the next, or one number for both. Defaults to `1`.
        origin: What has displacement 0: the `"centre"` of the window, as where its size is relative; or its `"first"`
            place, as where it is the whole width or map. One for both axes, or a pair. Defaults to `"centre"`.
        method: `"hard"`: of the highest score, the first of several; or `"soft"`: the mean of all displacements with
            the weights softmax(scores / temperature), whose gradient reaches every score. Defaults to `"hard"`.
        temperature: Positive number, for `"soft"`: the smaller, the nearer to `"hard"`. Defaults to `0.05`, of scores
            in (-1, 1).
        subpixel: For `"hard"`: whether the displacement is refined, along each axis, to the top of the parabola through
            the highest score and those beside it, by at most half a step; at an edge of the window, or beside a
            score of minus infinity, it is not. The gradient of the refinement reaches those scores. Defaults to `True`.

    Returns:
        Tensor of shape `(batch, rows, columns, 2)`, of float32 or of the type of `scores` where that is float64: rows
        down and columns to the right. NaN where a score is.

    Raises:
        ValueError: If an argument is not as described.

    Example:
        >>> x = tf.random.uniform((1, 20, 30, 4), seed=0)
        >>> y = tf.roll(x, [1, -2], axis=[1, 2])
        >>> scores = tfnxc.ops.norm_xcorr(x, y, 5, 7, reduction="mean", output_axes=5)
        >>> tf.round(tfnxc.ops.best_displacement(scores)[0, 10, 15]).numpy()
        array([ 1., -2.], dtype=float32)
    """
    scores = tf.convert_to_tensor(scores)
    check_scores("best_displacement", scores.shape, scores.dtype)
    dilation, origin = check_positive_pair("dilation", dilation), check_origin(origin)
    one_of("method", method, METHODS)
    temperature = check_temperature(temperature)
    if scores.dtype.size < 4:
        scores = tf.cast(scores, tf.float32)
    sizes = scores.shape[3], scores.shape[4]
    if method == "soft":
        indices = _mean_index(scores, sizes, temperature)
    else:
        indices = _best_index(scores, sizes, subpixel)
    first = [size // 2 if where == "centre" else 0 for size, where in zip(sizes, origin, strict=True)]
    found = (indices - tf.constant(first, scores.dtype)) * tf.constant(dilation, scores.dtype)
    unknown = tf.reduce_any(tf.math.is_nan(scores), axis=[3, 4])[..., None]
    return tf.where(unknown, tf.constant(float("nan"), scores.dtype), found)


def check_scores(name, shape, dtype):
    """Scores of a shape and type have a window of known size in the last two of 5 axes."""
    shape, dtype = tf.TensorShape(shape), tf.as_dtype(dtype)
    if not dtype.is_floating:
        raise ValueError(f"{name} takes scores of a floating point type; got {dtype.name}.")
    if shape.rank != 5 or None in shape[3:].as_list() or 0 in shape[3:].as_list():
        raise ValueError(
            f"{name} takes scores of shape (batch, rows, columns, window_rows, window_columns), the window known and "
            f"not empty; got {readable(shape)}. norm_xcorr gives them with a reduction and output_axes=5."
        )


def check_origin(value):
    """`value`, one of `ORIGINS` or a pair of them, as a pair."""
    pair = (value, value) if isinstance(value, str) else value
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise ValueError(f"origin must be one of {ORIGINS}, or a pair of them; got {value!r}.")
    return tuple(one_of("origin", each, ORIGINS) for each in pair)


def check_temperature(value):
    """`value` as a positive, finite float."""
    if not isinstance(value, numbers.Real) or not 0 < value < math.inf:
        raise ValueError(f"temperature must be a positive, finite number; got {value!r}.")
    return float(value)


def _mean_index(scores, sizes, temperature):
    """The mean row and column of the window with softmax weights: (B, rows, columns, 2)."""
    flat = tf.reshape(scores, [*_positions(scores), sizes[0] * sizes[1]])
    weights = tf.reshape(tf.nn.softmax(flat / temperature), tf.shape(scores))
    rows, columns = (tf.range(size, dtype=scores.dtype) for size in sizes)
    of_rows, of_columns = tf.reduce_sum(weights, axis=4), tf.reduce_sum(weights, axis=3)
    return tf.stack([tf.reduce_sum(of_rows * rows, axis=3), tf.reduce_sum(of_columns * columns, axis=3)], axis=3)


def _best_index(scores, sizes, subpixel):
    """The row and column of the highest score, refined or not: (B, rows, columns, 2)."""
    flat = tf.reshape(scores, [*_positions(scores), sizes[0] * sizes[1]])
    best = tf.argmax(flat, axis=3, output_type=tf.int32)
    indices = best // sizes[1], best % sizes[1]
    steps = sizes[1], 1
    found = []
    for index, size, step in zip(indices, sizes, steps, strict=True):
        whole = tf.cast(index, scores.dtype)
        found.append(whole + _to_top(flat, best, index, size, step) if subpixel else whole)
    return tf.stack(found, axis=3)


def _to_top(flat, best, index, size, step):
    """From the highest score to the top of the parabola through it and both beside it, in steps of the window."""

    def score(at):
        return tf.gather(flat, at[..., None], axis=3, batch_dims=3)[..., 0]

    inside = (index > 0) & (index < size - 1)
    beside = tf.where(inside, step, 0)
    before, middle, after = score(best - beside), score(best), score(best + beside)
    curvature = 2 * middle - before - after
    curved = inside & (curvature > 0) & tf.math.is_finite(curvature)
    slope = (after - before) / (2 * tf.where(curved, curvature, tf.ones_like(curvature)))
    return tf.where(curved, slope, tf.zeros_like(slope))


def _positions(scores):
    """The sizes of the first three axes, as far as they are known as numbers."""
    return [tf.shape(scores)[axis] if scores.shape[axis] is None else scores.shape[axis] for axis in range(3)]
