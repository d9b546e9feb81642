"""Which patches a normalized correlation compares: the grid of each map and the window of each position."""

import dataclasses
import math

import tensorflow as tf

from tfnxc.ops.arguments import (
    MOST_NUMBERS,
    check_patch_size,
    check_positive_pair,
    check_search_size,
    one_of,
    readable,
)

PADDINGS = ("same", "valid", "masked")


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Patches, positions and window.

    A map has a grid of patches: one around each pixel (`"same"`, `"masked"`), or one for each place where a patch lies
    inside the map (`"valid"`), counted by its first pixel. Positions are every `stride`-th of the grid of `x`. The
    window of the position `p` holds the places `p + dilation * d` of the grid of `y`, `d` from `-(size // 2)` to
    `size // 2`; or, where the size of the window is `None`, every `dilation`-th place of the whole grid. Sizes that are
    not known are `None`.
    """

    patch_size: tuple[int, int] = (5, 5)
    search_size: tuple[int | None, int | None] = (5, None)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str = "same"

    @classmethod
    def of(cls, patch_size, search_size, stride=1, dilation=1, padding="same"):
        """A geometry of arguments as users give them, checked: one number stands for both of a pair."""
        return cls(
            check_patch_size(patch_size, odd=one_of("padding", padding, PADDINGS) != "valid"),
            check_search_size(search_size, whole_height=True),
            check_positive_pair("stride", stride),
            check_positive_pair("dilation", dilation),
            padding,
        )

    @property
    def of_the_paper(self):
        """Whether only the sizes of patch and window, rows relative, differ from SPEC section 1."""
        plain = self.stride == self.dilation == (1, 1) and self.padding == "same"
        return plain and self.search_size[0] is not None

    def grid(self, size):
        """Rows and columns of the grid of a map of this size."""
        if self.padding != "valid":
            return tuple(size)
        return tuple(
            None if pixels is None else pixels - patch + 1 for pixels, patch in zip(size, self.patch_size, strict=True)
        )

    def positions(self, size):
        """Rows and columns of the output for an `x` of this size."""
        return tuple(map(_every, self.grid(size), self.stride))

    def window(self, size):
        """Rows and columns of the window for a `y` of this size."""
        whole = map(_every, self.grid(size), self.dilation)
        return tuple(all_of if some is None else some for some, all_of in zip(self.search_size, whole, strict=True))


def _every(count, step):
    """How many of `count` places are every `step`-th."""
    return None if count is None else -(-count // step)


def check_compared_shapes(name, x_shape, y_shape, geometry, axes="(batch, height, width, channels)"):
    """Both shapes have these axes and the same channels, and a patch lies in each where it must.

    Heights and widths may differ and be unknown. Batches are alike, or one is of 1.
    """
    shapes = {"x": tf.TensorShape(x_shape), "y": tf.TensorShape(y_shape)}
    channels = axes.strip("()").split(", ").index("channels")
    sizes = [each for each in range(1, 4) if each != channels]
    for letter, shape in shapes.items():
        if shape.rank != 4 or shape[channels] is None:
            raise ValueError(
                f"{name} takes maps of shape {axes}, the channels known; got {letter} of shape {readable(shape)}."
            )
        if 0 in shape[1:].as_list():
            raise ValueError(f"{name} takes maps of at least one pixel; got {letter} of shape {readable(shape)}.")
        places = geometry.grid([shape[each] for each in sizes])
        if any(count is not None and count < 1 for count in places):
            raise ValueError(
                f'{name} with padding "valid" takes maps that hold a patch of {geometry.patch_size}; got {letter} of '
                f"shape {readable(shape)}."
            )
    x_shape, y_shape = shapes.values()
    if x_shape[channels] != y_shape[channels]:
        raise ValueError(
            f"{name} takes two maps of the same channels; got {readable(x_shape)} and {readable(y_shape)}."
        )
    if None not in (x_shape[0], y_shape[0]) and x_shape[0] != y_shape[0] and 1 not in (x_shape[0], y_shape[0]):
        raise ValueError(
            f"{name} takes two batches of one size, or one of 1; got {readable(x_shape)} and {readable(y_shape)}."
        )


def check_compared(name, x, y, geometry, together):
    """Two tensors of checked shapes, given out once it is known that they fit and their maps can be counted.

    `together`: whether all channels make one map.
    """
    conditions = []
    if None in (x.shape[0], y.shape[0]) and 1 not in (x.shape[0], y.shape[0]):
        message = f"{name} takes two batches of one size, or one that is known to be of 1."
        conditions.append(tf.debugging.assert_equal(tf.shape(x)[0], tf.shape(y)[0], message))
    if geometry.padding == "valid":
        for letter, maps in (("x", x), ("y", y)):
            if None in maps.shape[1:3]:
                message = f'{name} with padding "valid" takes maps that hold a patch of {geometry.patch_size}: {letter}'
                conditions.append(tf.debugging.assert_less_equal(geometry.patch_size, tf.shape(maps)[1:3], message))
    conditions += _countable(name, x, y, geometry, together)
    if not conditions or tf.executing_eagerly():
        return x, y
    with tf.control_dependencies(conditions):
        return tf.identity(x), tf.identity(y)


def _countable(name, x, y, geometry, together):
    """Conditions, if it takes any, that the maps of the correlation are at most `MOST_NUMBERS`."""
    message = (
        f"{name} gives at most 2^31 - 1 numbers; this window makes more of maps of shape {readable(x.shape)} and "
        f"{readable(y.shape)}. Give it fewer images at a time or a smaller window."
    )
    many = y if x.shape[0] == 1 else x
    of_pair = _numbers_of_pair(geometry, x.shape, y.shape, together)
    if of_pair is None:
        x_shape, y_shape, batch = tf.shape(x, tf.int64), tf.shape(y, tf.int64), tf.shape(many, tf.int64)[0]
        numbers = batch * _numbers_of_pair(geometry, tf.unstack(x_shape), tf.unstack(y_shape), together)
        return [tf.debugging.assert_less_equal(numbers, tf.constant(MOST_NUMBERS, tf.int64), message)]
    if of_pair * (many.shape[0] or 1) > MOST_NUMBERS:
        raise ValueError(message)
    if many.shape[0] is None:
        return [tf.debugging.assert_less_equal(tf.shape(many)[0], MOST_NUMBERS // of_pair, message)]
    return []


def _numbers_of_pair(geometry, x_shape, y_shape, together):
    """How many numbers the correlation of two maps has; `None` where it is not known."""
    sizes = [*geometry.positions(x_shape[1:3]), *geometry.window(y_shape[1:3]), 1 if together else x_shape[3]]
    return None if any(size is None for size in sizes) else math.prod(sizes)
