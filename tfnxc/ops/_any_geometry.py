"""The correlation of any `Geometry` in plain TensorFlow: sizes may be unknown, and it has derivatives of any order.

Patches are normalized (SPEC section 1), each with the gradient that the equations give; to compare them is one product
of matrices a row of the window.
"""

import numpy as np
import tensorflow as tf

from tfnxc.ops._patches import MAP_SCALE

_TILE = 16  # positions a product: wide enough for fast products, narrow enough that the discarded part stays small


def correlation(x, y, geometry, epsilon, gradient, weights=None):
    """The correlations of two batches of maps: (B, rows, columns, groups, window rows, window columns).

    Each channel is a group of its own; or, with `weights` (channels,), all are one: the weighted sum over the channels.
    """
    of_x, of_y = _grids(x, y, geometry)
    x_patches = _normalized(*_extracted(x, geometry, *of_x), epsilon, gradient)
    y_patches = _normalized(*_extracted(y, geometry, *of_y), epsilon, gradient)
    # TensorFlow's own product of batches (2, 1) and (1, 1) writes outside its memory (2.21, float32, with oneDNN).
    x_patches, y_patches = of_one_batch(x_patches, y_patches)
    if weights is not None:
        x_patches *= weights[:, None]
    x_patches, y_patches = (_grouped(each, weights is not None) for each in (x_patches, y_patches))
    if geometry.search_size == (None, None):
        products = _all_with_all(x_patches, y_patches)
    else:
        products = _by_rows(x_patches, y_patches, geometry, halo=of_y[0])
    return tf.transpose(products, [0, 2, 3, 1, 4, 5])


def of_one_batch(x, y):
    """Both, a batch known to be of 1 as often as the other has entries."""
    if x.shape[0] == y.shape[0]:
        return x, y
    if x.shape[0] == 1:
        return tf.repeat(x, tf.shape(y)[0], axis=0), y
    return x, tf.repeat(y, tf.shape(x)[0], axis=0) if y.shape[0] == 1 else y


def _grids(x, y, geometry):
    """For both maps: how far outside the map patches begin (rows, columns), and which of the places are taken."""
    # Patches that lie outside a map altogether are flat: zeros, put where the window reaches them.
    around = geometry.padding == "same"
    halo = [
        0 if size is None or not around else patch // 2
        for size, patch in zip(geometry.search_size, geometry.patch_size, strict=True)
    ]
    step = [step if size is None else 1 for size, step in zip(geometry.search_size, geometry.dilation, strict=True)]
    return ([0, 0], geometry.stride), (halo, step)


def _extracted(maps, geometry, halo, step):
    """The patches (B, rows, columns, C, N), and which of their pixels take part, of these axes; `None`: all."""
    margin = [0, 0] if geometry.padding == "valid" else [size // 2 for size in geometry.patch_size]
    margin = [each + around for each, around in zip(margin, halo, strict=True)]
    patches = _patches(maps, geometry.patch_size, margin, step)
    if geometry.padding != "masked":
        return patches, None
    return patches, _patches(tf.ones_like(maps[:1, :, :, :1]), geometry.patch_size, margin, step)


def _patches(maps, patch_size, margin, step):
    padded = tf.pad(maps, [[0, 0], [margin[0]] * 2, [margin[1]] * 2, [0, 0]])
    rows, columns = (_starts(padded, axis, patch_size, step) for axis in (0, 1))
    by_rows = tf.gather(padded, rows, axis=1)  # (B, rows, patch height, W, C)
    patches = tf.transpose(tf.gather(by_rows, columns, axis=3), [0, 1, 3, 5, 2, 4])
    known = padded.shape[0], rows.shape[0], columns.shape[0], maps.shape[3]
    sizes = tf.shape(padded)[0], tf.shape(rows)[0], tf.shape(columns)[0], maps.shape[3]
    shape = [size if each is None else each for each, size in zip(known, sizes, strict=True)]
    return tf.reshape(patches, [*shape, patch_size[0] * patch_size[1]])


def _starts(padded, axis, patch_size, step):
    """Index of the pixels of every patch along an axis: (patches, pixels)."""
    size, patch = padded.shape[axis + 1], patch_size[axis]
    within = np.arange(patch, dtype=np.int32)
    if size is not None:
        return np.arange(0, size - patch + 1, step[axis], dtype=np.int32)[:, None] + within
    return tf.range(0, tf.shape(padded)[axis + 1] - patch + 1, step[axis])[:, None] + within


def _normalized(patches, inside, epsilon, gradient):
    """The patches with their mean taken away and divided by sqrt(N - 1) S, S = s + epsilon; N and statistics are those
    of the pixels inside.

    The gradient is that of SPEC section 1, of operations that have derivatives again; where s = 0 its second term,
    and all derivatives of that, are 0.
    """
    n = patches.shape[-1]
    pixels = tf.constant(n, patches.dtype) if inside is None else tf.reduce_sum(inside, axis=-1, keepdims=True)
    degrees = tf.maximum(pixels - 1, 1)
    floats = np.finfo(patches.dtype.as_numpy_dtype)

    def mean_free(values):
        values = values if inside is None else values * inside
        centred = values - tf.reduce_sum(values, axis=-1, keepdims=True) / pixels
        return centred if inside is None else centred * inside

    @tf.custom_gradient
    def normalize(patches):
        # As in `_patches.normalized_patches`: differences from the centre, in units of the patch's own range.
        differences = patches * MAP_SCALE
        differences -= differences[..., n // 2 : n // 2 + 1]
        if inside is not None:
            differences *= inside
        extent = tf.reduce_max(differences, axis=-1, keepdims=True) - tf.reduce_min(differences, axis=-1, keepdims=True)
        unit = tf.stop_gradient(tf.where(extent > floats.tiny, extent, tf.ones_like(extent)))
        centred = mean_free(differences * (1 / unit))
        variance = tf.reduce_sum(tf.square(centred), axis=-1, keepdims=True) / degrees
        varies = variance > 0
        s = tf.where(varies, unit * tf.sqrt(tf.where(varies, variance, tf.ones_like(variance))), tf.zeros_like(unit))
        S = tf.maximum(s + epsilon * MAP_SCALE, s * (1 + (2 + n / 4) * floats.eps))
        normalized = centred * (unit / S * degrees**-0.5)

        def backward(upstream):
            weight = tf.reduce_sum(normalized * upstream, axis=-1, keepdims=True)
            if gradient == "exact":
                ratio = tf.minimum(S / tf.where(varies, s, tf.ones_like(s)), S.dtype.max)
                weight *= tf.where(varies, ratio, tf.zeros_like(ratio))
            return (mean_free(upstream) - normalized * weight) * (degrees**-0.5 * MAP_SCALE / S)

        return normalized, backward

    return normalize(patches)


def _grouped(patches, together):
    """From (B, rows, columns, C, N) to (B, groups, rows, columns, numbers of a group)."""
    if not together:
        return tf.transpose(patches, [0, 3, 1, 2, 4])
    sizes = tf.shape(patches)
    _, _, _, channels, n = patches.shape
    return tf.reshape(patches, [sizes[0], 1, sizes[1], sizes[2], channels * n])


def _all_with_all(x, y):
    """Every patch of x with every patch of y."""
    batch, groups, rows, columns, _ = tf.unstack(tf.shape(x))
    _, _, window_rows, window_columns, _ = tf.unstack(tf.shape(y))
    numbers = x.shape[4]
    flat_x = tf.reshape(x, [batch, groups, rows * columns, numbers])
    flat_y = tf.reshape(y, [batch, groups, window_rows * window_columns, numbers])
    products = tf.matmul(flat_x, flat_y, transpose_b=True)
    return tf.reshape(products, [batch, groups, rows, columns, window_rows, window_columns])


def _by_rows(x, y, geometry, halo):
    """Every patch of x with those of y in a window of relative rows: the products of each row of the window in turn."""
    window_rows, window_columns = geometry.search_size
    (step, across), (dilation, apart) = geometry.stride, geometry.dilation
    rows = tf.shape(x)[2]
    last = (rows - 1) * step + 1
    y = _reaching(y, 2, window_rows // 2 * dilation - halo[0], last + 2 * (window_rows // 2) * dilation)
    if window_columns is None:
        compare = _with_whole_rows
    else:
        compare = _Nearby(x, window_columns, across, apart)
        y = _reaching(y, 3, window_columns // 2 * apart - halo[1], compare.covered)
    products = [compare(x, y[:, :, r * dilation : r * dilation + last : step]) for r in range(window_rows)]
    return tf.stack(products, axis=4)


def _reaching(patches, axis, before, size):
    """`size` patches along an axis: of zeros, where there are none, so many before the first; if negative, cut off."""
    patches = patches[(slice(None),) * axis + (slice(max(0, -before), None),)]
    after = tf.maximum(0, size - max(0, before) - tf.shape(patches)[axis])
    return tf.pad(patches, [[max(0, before), after] if each == axis else [0, 0] for each in range(5)])


def _with_whole_rows(x, y):
    return tf.matmul(x, y, transpose_b=True)


class _Nearby:
    """Products of patches with those of relative columns: a tile of positions with all columns that its windows hold,
    of which each position keeps its own.
    """

    def __init__(self, x, columns, step, apart):
        self.columns = columns
        width = x.shape[3]
        self._tile = _TILE if width is None else min(width, _TILE)
        width = tf.shape(x)[3] if width is None else width
        self._tiles = -(-width // self._tile)
        self._width = width
        offsets = np.arange(self._tile)[:, None] * step + np.arange(columns) * apart
        held = np.unique(offsets)
        self._kept = (np.arange(self._tile)[:, None] * held.size + np.searchsorted(held, offsets)).ravel()
        self._held = tf.range(self._tiles)[:, None] * (self._tile * step) + held.astype(np.int32)
        self._count = held.size
        # How many columns of y the tiles reach together.
        self.covered = (self._tiles * self._tile - 1) * step + (columns - 1) * apart + 1

    def __call__(self, x, y):
        batch, groups, rows, _, _ = tf.unstack(tf.shape(x))
        x = tf.pad(x, [[0, 0]] * 3 + [[0, self._tiles * self._tile - self._width], [0, 0]])
        x = tf.reshape(x, [batch, groups, rows, self._tiles, self._tile, x.shape[4]])
        products = tf.matmul(x, tf.gather(y, self._held, axis=3), transpose_b=True)
        flat = tf.reshape(products, [batch, groups, rows, self._tiles, self._tile * self._count])
        own = tf.gather(flat, self._kept.astype(np.int32), axis=4)
        own = tf.reshape(own, [batch, groups, rows, self._tiles * self._tile, self.columns])
        return own[:, :, :, : self._width]
