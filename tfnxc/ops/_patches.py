"""Patches of feature maps, normalized, and their adjoint (SPEC section 1)."""

import numpy as np
import tensorflow as tf

MAP_SCALE = 2.0**-16
"""The correlation stays the same if maps and epsilon are multiplied by one number. They are by this power of two, so
that no difference or sum of finite numbers overflows."""


def normalized_patches(maps, patch_size, halo, epsilon):
    """Every patch of every map, with its mean taken away and divided by sqrt(N - 1) S, S = s + epsilon.

    Products of two of them are the correlations. Gives the patches of `maps` (B, H, W, C), also those centred as far
    outside the map as the `halo` (rows, columns): (B, C, H + 2 * rows, W + 2 * columns, N), pixel last, so that
    comparing two of them is one row of a matrix product; and s and S, times `MAP_SCALE`, the same shape but for a last
    axis of 1. The zeros around a map count in both statistics.
    """
    _, height, width, channels = maps.shape
    n = patch_size[0] * patch_size[1]
    rows, columns = height + 2 * halo[0], width + 2 * halo[1]
    reach = [halo[0] + patch_size[0] // 2, halo[1] + patch_size[1] // 2]
    padded = tf.pad(maps * MAP_SCALE, [[0, 0], [reach[0]] * 2, [reach[1]] * 2, [0, 0]])
    pixels = tf.reshape(padded, [-1, padded.shape[1] * padded.shape[2], channels])
    # One gather of runs of C numbers; on a CPU several times faster than slices stacked or tf.image.extract_patches.
    # Axes: B, N, rows, columns, C, in which the statistics below are plain vertical sums.
    patches = tf.gather(pixels, _patch_pixels(patch_size, rows, columns), axis=1)
    # Differences from the centre are exact where pixels are nearly alike, and 0 where they are alike, however large
    # they are. In units of the patch's own range, neither they nor their squares overflow or vanish.
    floats = np.finfo(maps.dtype.as_numpy_dtype)
    extent = _extent(padded, patch_size)
    unit = tf.where(extent > floats.tiny, extent, tf.ones_like(extent))
    differences = (patches - patches[:, n // 2 : n // 2 + 1]) * (1 / unit)
    centred = differences - tf.reduce_mean(differences, axis=1, keepdims=True)
    s = unit * tf.sqrt(tf.reduce_sum(tf.square(centred), axis=1, keepdims=True) / (n - 1))
    # Beside a large s epsilon is lost, and the rounding of N products must not take the correlation beyond 1.
    S = tf.maximum(s + epsilon * MAP_SCALE, s * (1 + (2 + n / 4) * floats.eps))
    normalized = centred * (unit / S * (n - 1) ** -0.5)
    return tuple(tf.transpose(each, [0, 4, 2, 3, 1]) for each in (normalized, s, S))


def _extent(padded, patch_size):
    """The largest pixel of every patch less its smallest: (B, 1, rows, columns, C)."""
    largest, smallest = (sign * tf.nn.max_pool2d(sign * padded, patch_size, 1, "VALID") for sign in (1, -1))
    return (largest - smallest)[:, None]


def fold_patches(patches, patch_size, halo):
    """Adjoint of taking patches: every pixel of the map receives the sum of its entries in all patches that hold it."""
    _, channels, rows, columns, n = patches.shape
    height, width = rows - 2 * halo[0], columns - 2 * halo[1]
    # Pixels near the border would also be asked of patches that do not exist: those read the zeros padded here.
    missing = [max(0, size // 2 - around) for size, around in zip(patch_size, halo, strict=True)]
    entries = tf.transpose(patches, [0, 4, 2, 3, 1])
    entries = tf.pad(entries, [[0, 0], [0, 0], [missing[0]] * 2, [missing[1]] * 2, [0, 0]])
    rows, columns = rows + 2 * missing[0], columns + 2 * missing[1]
    holders = _patches_holding(patch_size, (height, width), (rows, columns))
    entries = tf.reshape(entries, [-1, n * rows * columns, channels])
    return tf.reduce_sum(tf.gather(entries, holders, axis=1), axis=1)


def _patch_pixels(patch_size, rows, columns):
    """Index, into the flat padded map, of every pixel of every patch: (N, rows, columns)."""
    down, right = np.meshgrid(np.arange(patch_size[0]), np.arange(patch_size[1]), indexing="ij")
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    padded_width = columns + patch_size[1] - 1
    index = (i + down[..., None, None]) * padded_width + j + right[..., None, None]
    return index.reshape(-1, rows, columns).astype(np.int32)


def _patches_holding(patch_size, size, grid):
    """Index, into the flat (N, *grid) entries, of every pixel's entry in each of the N patches that hold it.

    The grid of patch centres is centred on the map of `size`.
    """
    n = patch_size[0] * patch_size[1]
    down, right = np.divmod(np.arange(n)[:, None, None], patch_size[1])
    i, j = np.meshgrid(np.arange(size[0]), np.arange(size[1]), indexing="ij")
    row = i + (grid[0] - size[0]) // 2 - (down - patch_size[0] // 2)
    column = j + (grid[1] - size[1]) // 2 - (right - patch_size[1] // 2)
    return ((np.arange(n)[:, None, None] * grid[0] + row) * grid[1] + column).astype(np.int32)
