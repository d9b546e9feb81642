"""Checks that the operations share: what came, what was expected."""

import math
import numbers
import operator

import tensorflow as tf

from tfnxc.ops._marks import mark

GRADIENTS = ("exact", "published")
LAYOUTS = ("maps", "blocks")

MOST_NUMBERS = 2**31 - 1
"""What a tensor of this package may hold: TensorFlow's kernels count in 32 bits here and there."""


def check_correlation(name, x, y, patch_size, search_size, epsilon, gradient, writes_maps=True):
    """The arguments of a correlation of two maps of one size, checked: x, y, and the others by name.

    `writes_maps` says whether the maps of the correlation will be a tensor, which must be of a countable size.
    """
    x, y = check_maps(name, x, y)
    checked = {
        "patch_size": check_patch_size(patch_size),
        "search_size": check_search_size(search_size),
        "epsilon": check_epsilon(epsilon),
        "gradient": check_gradient(gradient),
    }
    check_epsilon_of_type(name, checked["epsilon"], x.dtype)
    if writes_maps:
        x, y = check_countable(name, x, y, checked["search_size"])
    return x, y, checked


def check_summary_weights(name, kernel, bias, x, search_size):
    """The kernel (maps, filters) and bias (filters,) as tensors of the type of `x`."""
    kernel, bias = tf.convert_to_tensor(kernel, x.dtype), tf.convert_to_tensor(bias, x.dtype)
    maps = x.shape[3] * _window_size(x, search_size)
    if kernel.shape.rank != 2 or kernel.shape[0] != maps or bias.shape != kernel.shape[1:]:
        raise ValueError(
            f"{name} takes a kernel of shape ({maps}, filters) and a bias of shape (filters,); "
            f"got {readable(kernel.shape)} and {readable(bias.shape)}."
        )
    return kernel, bias


def _window_size(x, search_size):
    rows, columns = search_size
    return rows * (x.shape[2] if columns is None else columns)


def check_countable(name, x, y, search_size):
    """Both, given out once it is known that the maps are at most `MOST_NUMBERS`: nothing large is begun before."""
    of_image, message = _numbers_of_image(name, x, search_size)
    if of_image * (x.shape[0] or 1) > MOST_NUMBERS:
        raise ValueError(message)
    if x.shape[0] is None:
        few = tf.debugging.assert_less_equal(tf.shape(x)[0], MOST_NUMBERS // of_image, message)
        with tf.control_dependencies([few]):
            x, y = tf.identity(x), tf.identity(y)
    return x, y


def countable_where_plain(name, x, search_size):
    """`x` in a graph, checked like `check_countable` where plain TensorFlow runs the graph: the compiled op writes no
    maps, whose number then does not matter.
    """
    of_image, message = _numbers_of_image(name, x, search_size)
    if of_image * (x.shape[0] or MOST_NUMBERS) <= MOST_NUMBERS:
        return x
    few = tf.raw_ops.Assert(condition=tf.shape(x)[0] <= MOST_NUMBERS // of_image, data=[message])
    mark(few, "NoOp")
    with tf.control_dependencies([few]):
        return tf.identity(x)


def _numbers_of_image(name, x, search_size):
    """How many numbers the maps of an image are, and what to say where all are too many."""
    of_image = math.prod(x.shape[1:]) * _window_size(x, search_size)
    return of_image, (
        f"{name} gives at most 2^31 - 1 numbers; this window makes {of_image} of an image of shape "
        f"{readable(x.shape[1:])}. Give it fewer images at a time or a smaller window."
    )


def check_maps(name, x, y):
    """The two feature maps as tensors of one floating point type and one shape, known but for the batch."""
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    check_map_types(name, x.dtype, y.dtype)
    check_map_shapes(name, x.shape, y.shape)
    if x.shape[0] is None or y.shape[0] is None:
        # Batches known only at run time could differ and be broadcast in silence.
        alike = tf.debugging.assert_equal(tf.shape(x)[0], tf.shape(y)[0], f"{name} takes two batches of one size.")
        with tf.control_dependencies([alike]):
            y = tf.identity(y)
    return x, y


def check_map_types(name, x_type, y_type):
    """Both types are floating point, and alike."""
    x_type, y_type = tf.as_dtype(x_type), tf.as_dtype(y_type)
    for letter, dtype in (("x", x_type), ("y", y_type)):
        if not dtype.is_floating:
            raise ValueError(f"{name} takes maps of a floating point type; got {letter} of type {dtype.name}.")
    if x_type != y_type:
        raise ValueError(f"{name} takes two maps of one type; got {x_type.name} and {y_type.name}.")


def check_map_shapes(name, x_shape, y_shape, axes="(batch, height, width, channels)"):
    """Both shapes have these axes, known but for the batch, and are alike."""
    x_shape, y_shape = tf.TensorShape(x_shape), tf.TensorShape(y_shape)
    for letter, shape in (("x", x_shape), ("y", y_shape)):
        if shape.rank != 4 or None in shape[1:].as_list():
            raise ValueError(
                f"{name} takes maps of shape {axes}, all known but the batch; got {letter} of shape {readable(shape)}."
            )
        if 0 in shape[1:].as_list():
            raise ValueError(f"{name} takes maps of at least one pixel; got {letter} of shape {readable(shape)}.")
    if not x_shape.is_compatible_with(y_shape):
        raise ValueError(f"{name} takes two maps of one shape; got {readable(x_shape)} and {readable(y_shape)}.")


def check_patch_size(value, odd=True):
    """`value`, a pair or one number for both, as (height, width): positive, odd unless said, at least 2 pixels."""
    pair = _pair("patch_size", value)
    if any(size is None or size < 1 or (odd and size % 2 == 0) for size in pair):
        raise ValueError(
            f"patch_size must be two {'odd ' if odd else ''}positive integers (height, width); got {value!r}."
        )
    if pair == (1, 1):
        raise ValueError(
            f"patch_size must hold at least 2 pixels, because a single one has no deviation; got {value!r}."
        )
    return pair


def check_search_size(value, whole_height=False):
    """`value`, a pair or one number for both, as (rows, columns): odd rows; odd columns, or None for the whole width.

    With `whole_height` both may be None: the whole map.
    """
    rows, columns = pair = _pair("search_size", value)
    whole = whole_height and pair == (None, None)
    if (rows is None and not whole) or any(size is not None and (size < 1 or size % 2 == 0) for size in pair):
        all_of_it = ", or (None, None) for the whole map" if whole_height else ""
        raise ValueError(
            "search_size must be (rows, columns): odd positive rows, and odd positive columns or None for the whole "
            f"width{all_of_it}; got {value!r}."
        )
    return rows, columns


def check_positive_pair(name, value):
    """`value`, a pair or one number for both, as two positive integers."""
    pair = _pair(name, value)
    if any(size is None or size < 1 for size in pair):
        raise ValueError(f"{name} must be two positive integers (rows, columns); got {value!r}.")
    return pair


def check_epsilon(value):
    """`value` as a positive, finite float."""
    if not isinstance(value, numbers.Real) or not 0 < value < float("inf"):
        raise ValueError(f"epsilon must be a positive, finite number; got {value!r}.")
    return float(value)


def check_epsilon_of_type(name, epsilon, dtype):
    """Whether the type that computes has it, and can divide by it."""
    least, most, computing = (1e-200, 1e200, "float64") if dtype == tf.float64 else (1e-25, 1e25, "float32")
    if not least <= epsilon <= most:
        raise ValueError(
            f"{name} computes maps of type {dtype.name} in {computing}, with an epsilon from {least} to {most}; got "
            f"{epsilon}."
        )


def check_gradient(value):
    """`value`, one of `GRADIENTS`."""
    return one_of("gradient", value, GRADIENTS)


def check_layout(value):
    """`value`, one of `LAYOUTS`."""
    return one_of("layout", value, LAYOUTS)


def one_of(name, value, known):
    """The one of those `known` that equals `value`."""
    if getattr(value, "shape", ()) != () or value not in known:  # an array equals nothing and everything
        raise ValueError(f"{name} must be one of {known}; got {value!r}.")
    return known[known.index(value)]


def _pair(name, value):
    """`value` as two integers or `None`s; one integer stands for both."""
    try:
        first, second = (value, value) if _is_integer(value) else value
        return tuple(None if size is None else operator.index(size) for size in (first, second))
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an integer or a pair of integers; got {value!r}.") from None


def _is_integer(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def readable(shape):
    """A shape in words."""
    return "unknown rank" if shape.rank is None else str(tuple(shape.as_list()))
