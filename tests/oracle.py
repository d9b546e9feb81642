"""SPEC sections 1 and 2, written the naive way in NumPy float64: what every implementation is tested against."""

import dataclasses
import itertools

import numpy as np


def patches(maps, patch_size, beyond):
    """The patch of every place, also of so many rows and columns beyond each border, and of every channel.

    Zero-padded, flat, less its centre: (batch, height + 2 rows, width + 2 columns, channels, N).
    """
    margins = [size // 2 + more for size, more in zip(patch_size, beyond, strict=True)]
    padded = np.pad(maps, [(0, 0), *((margin, margin) for margin in margins), (0, 0)])
    values = np.lib.stride_tricks.sliding_window_view(padded, patch_size, axis=(1, 2))
    values = values.reshape(*values.shape[:4], -1)
    # The correlation is that of the patch itself; differences are exact where values are large and nearly alike.
    return values - values[..., values.shape[-1] // 2, None]


def window(i, j, width, search_size):
    """(row, column, position) of every position of the search window of (i, j), in order."""
    rows, columns = search_size
    for row in range(rows):
        for column in range(width if columns is None else columns):
            at = column if columns is None else j - columns // 2 + column
            yield row, column, (i - rows // 2 + row, at)


def statistics(patches, epsilon):
    """Patches less their means; s and S of SPEC section 1."""
    centred = patches - patches.mean(axis=-1, keepdims=True)
    s = np.sqrt((centred**2).sum(axis=-1, keepdims=True) / (patches.shape[-1] - 1))
    return centred, s, s + epsilon


def ncc(X, Y, epsilon):
    """The correlation of patches in the last axis."""
    (X, _, S_X), (Y, _, S_Y) = statistics(X, epsilon), statistics(Y, epsilon)
    return (X * Y).sum(axis=-1, keepdims=True) / ((X.shape[-1] - 1) * S_X * S_Y)


def ncc_gradient(X, Y, epsilon, gradient):
    """d ncc / d X_i of SPEC section 1."""
    correlation = ncc(X, Y, epsilon)
    (X, s_X, S_X), (Y, _, S_Y) = statistics(X, epsilon), statistics(Y, epsilon)
    divisor = s_X if gradient == "exact" else S_X
    second = np.divide(correlation * X, divisor, out=np.zeros_like(X * Y), where=s_X > 0)
    return (Y / S_Y - second) / ((X.shape[-1] - 1) * S_X)


def positions(shape, search_size):
    """Every (index of the output, b, i, j, c, window position)."""
    B, H, W, C = shape
    rows, columns = search_size[0], search_size[1] or W
    for b, i, j, c in np.ndindex(B, H, W, C):
        for row, column, q in window(i, j, W, search_size):
            yield (b, i, j, (c * rows + row) * columns + column), b, i, j, c, q


def windows(of_y, shape, search_size):
    """(channel of a window, y's patches there) for every position of the window of all places, in order.

    `of_y` has the patches of every place, and of half a window beyond each border where the window has a size.
    """
    height, width = shape[1:3]
    rows, columns = search_size
    for row in range(rows):
        for column in range(width if columns is None else columns):
            across = slice(column, column + 1) if columns is None else slice(column, column + width)
            yield row * (columns or width) + column, of_y[:, row : row + height, across]


def beyond(search_size):
    """Rows and columns beyond the borders that windows reach."""
    rows, columns = search_size
    return rows // 2, 0 if columns is None else columns // 2


def norm_xcorr(x, y, patch_size=(5, 5), search_size=(5, None), epsilon=0.01):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    X, of_y = patches(x, patch_size, (0, 0)), patches(y, patch_size, beyond(search_size))
    found = [ncc(X, Y, epsilon)[..., 0] for _, Y in windows(of_y, x.shape, search_size)]
    return np.stack(found, axis=-1).reshape(*x.shape[:3], -1)


def norm_xcorr_gradient(x, y, upstream, patch_size=(5, 5), search_size=(5, None), epsilon=0.01, gradient="exact"):
    """Gradients of sum(upstream * norm_xcorr(x, y)) with respect to x and y."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    X, of_y = patches(x, patch_size, (0, 0)), patches(y, patch_size, beyond(search_size))
    dX, d_of_y = np.zeros_like(X), np.zeros_like(of_y)
    each_of = np.asarray(upstream, np.float64).reshape(*x.shape, -1)
    for (at, Y), (_, dY) in zip(
        windows(of_y, x.shape, search_size), windows(d_of_y, x.shape, search_size), strict=True
    ):
        share = each_of[..., at, None]
        dX += share * ncc_gradient(X, Y, epsilon, gradient)
        of_window = share * ncc_gradient(Y, X, epsilon, gradient)
        dY += of_window if dY.shape == of_window.shape else of_window.sum(axis=2, keepdims=True)
    return spread(dX, x.shape, patch_size, (0, 0)), spread(d_of_y, y.shape, patch_size, beyond(search_size))


def spread(of_patches, shape, patch_size, beyond):
    """The sum of all patches' values at each place of the maps: the gradient of `patches` (without its centre)."""
    margins = [size // 2 + more for size, more in zip(patch_size, beyond, strict=True)]
    height, width = of_patches.shape[1:3]
    padded = np.zeros((shape[0], shape[1] + 2 * margins[0], shape[2] + 2 * margins[1], shape[3]))
    for k, (down, right) in enumerate(np.ndindex(*patch_size)):
        padded[:, down : down + height, right : right + width] += of_patches[..., k]
    return padded[:, margins[0] : margins[0] + shape[1], margins[1] : margins[1] + shape[2]]


def cross_input_neighborhood(x, y, search_size=(5, 5)):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    B, H, W, C = x.shape
    out = np.zeros((B, H, W, C * search_size[0] * (search_size[1] or W)))
    for index, b, i, j, c, q in positions(x.shape, search_size):
        inside = 0 <= q[0] < H and 0 <= q[1] < W
        out[index] = x[b, i, j, c] - (y[b, *q, c] if inside else 0.0)
    return out


def finite_differences(f, array, step=1e-6):
    """Gradient of the scalar f at `array`, by central differences."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        above, below = array.copy(), array.copy()
        above[index] += step
        below[index] -= step
        gradient[index] = (f(above) - f(below)) / (2 * step)
    return gradient


@dataclasses.dataclass(frozen=True)
class AnyGeometry:
    """The arguments of `tfnxc.ops.norm_xcorr` that say which patches are compared, and the naive way to do so."""

    patch_size: tuple = (5, 5)
    search_size: tuple = (5, None)
    stride: tuple = (1, 1)
    dilation: tuple = (1, 1)
    padding: str = "same"

    def grid(self, maps):
        sizes = maps.shape[1:3]
        return sizes if self.padding != "valid" else tuple(np.subtract(sizes, self.patch_size) + 1)

    def places(self, x):
        """Rows and columns of the positions."""
        return [np.arange(0, count, step) for count, step in zip(self.grid(x), self.stride, strict=True)]

    def window(self, x, y):
        """(row, column, rows and columns of the places of y that the positions are compared with), in order."""
        places, of_y = self.places(x), self.grid(y)
        along = []
        for size, count, step, at in zip(self.search_size, of_y, self.dilation, places, strict=True):
            if size is None:
                along.append([np.array([to]) for to in range(0, count, step)])
            else:
                along.append([at + to for to in range(-(size // 2) * step, size // 2 * step + 1, step)])
        for (row, down), (column, right) in itertools.product(*map(enumerate, along)):
            yield row, column, (down, right)

    def held(self, y, places):
        """Which of these places of y are compared: in "same" padding also those beyond its borders."""
        down, right = (
            np.full(at.shape, True) if self.padding == "same" else (at >= 0) & (at < count)
            for at, count in zip(places, self.grid(y), strict=True)
        )
        return (down[:, None] & right)[None, :, :, None]

    def shape(self, x, y):
        rows, columns = (-(-count // step) for count, step in zip(self.grid(x), self.stride, strict=True))
        window = [
            -(-count // step) if size is None else size
            for size, count, step in zip(self.search_size, self.grid(y), self.dilation, strict=True)
        ]
        return max(x.shape[0], y.shape[0]), rows, columns, x.shape[3], *window

    def pixels(self, maps, places):
        """Of the patches at these places: values (batch, rows, columns, channels, N), which are inside, where."""
        axes = []
        for at, size in zip(places, self.patch_size, strict=True):
            axes.append((at if self.padding == "valid" else at - size // 2)[:, None] + np.arange(size))
        u, v = axes[0][:, None, :, None], axes[1][None, :, None, :]
        inside = (u >= 0) & (u < maps.shape[1]) & (v >= 0) & (v < maps.shape[2])
        u, v = (np.where(inside, axis, 0).reshape(*inside.shape[:2], -1) for axis in (u, v))
        inside = inside.reshape(u.shape)
        values = np.where(inside[..., None], maps[:, u, v], 0.0).transpose(0, 1, 2, 4, 3)
        return values, inside[:, :, None], (u[:, :, None], v[:, :, None])

    def normalized(self, maps, places, epsilon):
        """The patches as `standardized` gives them, which pixels take part, and where they lie."""
        values, inside, at = self.pixels(maps, places)
        part = inside if self.padding == "masked" else np.full_like(inside, True)
        return standardized(values, part, epsilon), part, inside, at

    def __call__(self, x, y, epsilon=0.01):
        """The correlations, of 6 axes: (batch, rows, columns, channels, window rows, window columns)."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        out = np.zeros(self.shape(x, y))
        own = self.normalized(x, self.places(x), epsilon)[0][0]
        for row, column, places in self.window(x, y):
            other = self.normalized(y, places, epsilon)[0][0]
            out[..., row, column] = np.where(self.held(y, places), (own * other).sum(axis=-1), 0.0)
        return out

    def gradient(self, x, y, upstream, epsilon=0.01, gradient="exact"):
        """Gradients of sum(upstream * correlations), upstream of 6 axes, with respect to x and y."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        found = np.zeros_like(x), np.zeros_like(y)
        of_x = self.normalized(x, self.places(x), epsilon)
        for row, column, places in self.window(x, y):
            of_y = self.normalized(y, places, epsilon)
            share = np.where(self.held(y, places), upstream[..., row, column], 0.0)[..., None]
            for of, ((own, s, S, degrees), part, inside, at), ((other, *_), *_) in zip(
                found, (of_x, of_y), (of_y, of_x), strict=True
            ):
                divisor = s if gradient == "exact" else S
                ratio = np.divide(S, divisor, out=np.zeros_like(S), where=s > 0)
                second = (own * other).sum(axis=-1, keepdims=True) * own * ratio
                values = np.where(part, other - mean_of(other, part) - second, 0.0) / (np.sqrt(degrees) * S)
                spread_into(of, share * values, inside, at)
        return found


def spread_into(of, values, inside, at):
    """Adds values (batch, rows, columns, channels, N) to the pixels of maps where they lie, if they are inside."""
    values = np.where(inside, values, 0.0)
    if of.shape[0] == 1:  # one entry against many
        values = values.sum(axis=0, keepdims=True)
    if at[0].shape[:2] != values.shape[1:3]:  # one place of the whole map against all positions
        axes = tuple(axis for axis in (1, 2) if at[0].shape[axis - 1] == 1)
        values = values.sum(axis=axes, keepdims=True)
    batch, _, _, channel, _ = np.ogrid[tuple(map(slice, values.shape))]
    np.add.at(of, (batch, *at, channel), values)


def mean_of(values, part):
    """Means over the last axis, of the values that take part."""
    return np.where(part, values, 0.0).sum(axis=-1, keepdims=True) / np.maximum(part.sum(axis=-1, keepdims=True), 1)


def standardized(values, part, epsilon):
    """Patches less their means and divided by sqrt(N - 1) S, of the pixels that take part; s, S and N - 1."""
    differences = values - values[..., values.shape[-1] // 2, None]
    centred = np.where(part, differences - mean_of(differences, part), 0.0)
    degrees = np.maximum(part.sum(axis=-1, keepdims=True) - 1, 1)
    s = np.sqrt((centred**2).sum(axis=-1, keepdims=True) / degrees)
    return centred / (np.sqrt(degrees) * (s + epsilon)), s, s + epsilon, degrees
