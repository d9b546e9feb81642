"""Comparing patches over a search window, and the adjoint of doing so (SPEC section 1).

Both windows turn the comparison into batched matrix products. `patches` and `others` are the normalized patches of the
two maps: (B, C, H, W, N) and (B, C, H + halo, W + halo, N). A window knows which of the others stand opposite which
patch:

- `WholeRows`: every column of the map, absolute; one product a row of the map.
- `NearbyColumns`: columns relative to the patch; one product a tile of columns, of which a band is kept.

No tensor has more than 5 axes forward, which is what TF Lite takes.
"""

import numpy as np
import tensorflow as tf

_TILE = 16  # columns a product: wide enough for fast products, narrow enough that the discarded part stays small


class WholeRows:
    """A window of `rows` relative rows and all `width` columns of the map."""

    def __init__(self, height, width, rows):
        self.height, self.width, self.rows = height, width, rows
        self.size = rows * width
        self.halo = rows // 2, 0  # how far outside the map the window reaches

    def scores(self, patches, others):
        """Dot product of each patch with each of the others in its window: (B, H, W, C * rows * columns)."""
        scores = tf.matmul(patches, self._windows(others), transpose_b=True)
        channels = patches.shape[1]
        return tf.reshape(tf.transpose(scores, [0, 2, 3, 1, 4]), [-1, self.height, self.width, channels * self.size])

    def adjoint(self, upstream, patches, others):
        """Gradients of sum(upstream * scores) with respect to `patches` and `others`."""
        channels, n = patches.shape[1], patches.shape[-1]
        upstream = tf.reshape(upstream, [-1, self.height, self.width, channels, self.size])
        upstream = tf.transpose(upstream, [0, 3, 1, 2, 4])
        to_patches = tf.matmul(upstream, self._windows(others))
        to_windows = tf.matmul(upstream, patches, transpose_a=True)
        to_windows = tf.reshape(to_windows, [-1, channels, self.height, self.rows, self.width * n])
        to_others = overlap_rows(to_windows)
        return to_patches, tf.reshape(to_others, [-1, channels, to_others.shape[2], self.width, n])

    def _windows(self, others):
        """(B, C, H, rows * W, N)."""
        _, channels, rows, width, n = others.shape
        windows = tf.gather(
            tf.reshape(others, [-1, channels, rows, width * n]), _frames(self.height, self.rows, 1), axis=2
        )
        return tf.reshape(windows, [-1, channels, self.height, self.size, n])


class NearbyColumns:
    """A window of `rows` relative rows and `columns` relative columns."""

    def __init__(self, height, width, rows, columns):
        self.height, self.width, self.rows, self.columns = height, width, rows, columns
        self.size = rows * columns
        self.halo = rows // 2, columns // 2  # how far outside the map the window reaches
        self._tile = min(width, _TILE)
        self._tiles = -(-width // self._tile)
        self._spare = self._tiles * self._tile - width
        self._span = self._tile + columns - 1  # columns that the windows of one tile cover together

    def scores(self, patches, others):
        """Dot product of each patch with each of the others in its window: (B, H, W, C * rows * columns)."""
        channels, width = patches.shape[1], self._tiles * self._tile
        products = tf.matmul(self._tiled(patches), self._windows(others), transpose_b=True)
        scores = tf.reshape(self._take_band(products), [-1, channels, self.height, width, self.size])
        scores = tf.reshape(tf.transpose(scores, [0, 2, 3, 1, 4]), [-1, self.height, width, channels * self.size])
        return scores[:, :, : self.width]

    def adjoint(self, upstream, patches, others):
        """Gradients of sum(upstream * scores) with respect to `patches` and `others`."""
        _, channels, rows, _, n = others.shape
        width = self._tiles * self._tile
        upstream = tf.pad(upstream, [[0, 0], [0, 0], [0, self._spare], [0, 0]])
        upstream = tf.reshape(upstream, [-1, self.height, width, channels, self.size])
        upstream = self._put_band(tf.transpose(upstream, [0, 3, 1, 2, 4]))
        to_patches = self._product_in_band(upstream, self._windows(others))
        to_patches = tf.reshape(to_patches, [-1, channels, self.height, width, n])
        # The adjoint of `_windows`.
        to_windows = self._product_in_band(upstream, self._tiled(patches), transpose_a=True)
        frames = tf.reshape(to_windows, [-1, self.height, self._tiles, self.rows, self._span * n])
        frames = tf.transpose(frames, [0, 1, 3, 2, 4])
        if self._tiles > 1:
            frames = tf.signal.overlap_and_add(frames, self._tile * n)
        covered = self.width + self._spare + self.columns - 1
        to_others = overlap_rows(tf.reshape(frames, [-1, channels, self.height, self.rows, covered * n]))
        to_others = tf.reshape(to_others, [-1, channels, rows, covered, n])
        return to_patches[:, :, :, : self.width], to_others[:, :, :, : others.shape[3]]

    def _product_in_band(self, upstream, patches, transpose_a=False):
        """Product of `upstream`, zero outside the band, with patches of which some may be NaN.

        Outside the band there is no comparison, but 0 * NaN is NaN: such patches are left out and put back in the band.
        """
        finite = tf.math.is_finite(patches)
        products = tf.matmul(upstream, tf.where(finite, patches, tf.zeros_like(patches)), transpose_a=transpose_a)
        lost = tf.reduce_any(tf.logical_not(finite), axis=-1, keepdims=True)
        # Whether a column of a tile is compared with a column of its span: (tile, rows * span).
        offset = np.arange(self._span) - np.arange(self._tile)[:, None]
        band = np.tile((offset >= 0) & (offset < self.columns), self.rows)
        reached = tf.matmul(tf.constant(band, patches.dtype), tf.cast(lost, patches.dtype), transpose_a=transpose_a) > 0
        return tf.where(reached, tf.constant(float("nan"), patches.dtype), products)

    def _tiled(self, patches):
        """(B * C, H, tiles, tile, N)."""
        patches = tf.pad(patches, [[0, 0], [0, 0], [0, 0], [0, self._spare], [0, 0]])
        return tf.reshape(patches, [-1, self.height, self._tiles, self._tile, patches.shape[-1]])

    def _windows(self, others):
        """(B * C, H, tiles, rows * span, N)."""
        others = tf.pad(others, [[0, 0], [0, 0], [0, 0], [0, self._spare], [0, 0]])
        _, _, rows, columns, n = others.shape
        row = _frames(self.height, self.rows, 1)[:, None, :, None]
        index = row * columns + _frames(self._tiles, self._span, self._tile)[:, None]
        index = index.reshape(self.height, self._tiles, self.rows * self._span)
        return tf.gather(tf.reshape(others, [-1, rows * columns, n]), index, axis=1)

    # Row j of a product (tile, rows * span) holds its window in columns j .. j + columns - 1 of each row of the window.
    # Laid flat, that band starts every rows * span + 1 numbers: cutting the flat product at that step lines the band up
    # on the left of each row of the window.

    def _take_band(self, products):
        """From (B * C, H, tiles, tile, rows * span) to (B * C * H, tiles, tile, rows, columns)."""
        length = self.rows * self._span
        flat = tf.reshape(products, [-1, self._tiles, self._tile * length])
        flat = tf.pad(flat, [[0, 0], [0, 0], [0, self._tile]])
        lined_up = tf.reshape(flat, [-1, self._tiles, self._tile, length + 1])[..., :length]
        return tf.reshape(lined_up, [-1, self._tiles, self._tile, self.rows, self._span])[..., : self.columns]

    def _put_band(self, band):
        """From (B, C, H, tiles * tile, rows * columns) to (B * C, H, tiles, tile, rows * span)."""
        length = self.rows * self._span
        band = tf.reshape(band, [-1, self._tiles, self._tile, self.rows, self.columns])
        wide = tf.pad(band, [[0, 0]] * 4 + [[0, self._span - self.columns]])
        wide = tf.pad(tf.reshape(wide, [-1, self._tiles, self._tile, length]), [[0, 0]] * 3 + [[0, 1]])
        flat = tf.reshape(wide, [-1, self._tiles, self._tile * (length + 1)])[..., : self._tile * length]
        return tf.reshape(flat, [-1, self.height, self._tiles, self._tile, length])


def overlap_rows(frames):
    """Adds overlapping frames (B, C, H, rows, M) to (B, C, H + rows - 1, M).

    Row a of the result is the sum of frames[:, :, a - r, r] over the r where it exists.
    """
    _, channels, height, rows, m = frames.shape
    a, r = np.meshgrid(np.arange(height + rows - 1), np.arange(rows), indexing="ij")
    exists = (a - r >= 0) & (a - r < height)
    # Where none exists, another frame of the same row stands in with weight 0, so that NaN never leaves its row.
    r = np.clip(r, a - (height - 1), a)
    flat = tf.reshape(frames, [-1, channels, height * rows, m])
    gathered = tf.gather(flat, ((a - r) * rows + r).astype(np.int32), axis=2)
    return tf.matmul(tf.constant(exists[:, None, :], frames.dtype), gathered)[..., 0, :]


def _frames(count, length, step):
    """Index of the members of `count` frames of `length`, a `step` apart: (count, length)."""
    return (np.arange(count)[:, None] * step + np.arange(length)).astype(np.int32)
