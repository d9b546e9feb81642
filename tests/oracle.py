"""SPEC sections 1 and 2, written the naive way in NumPy float64: what every implementation is tested against."""

import dataclasses
import itertools

import numpy as np


def patch(maps, b, i, j, c, patch_size):
    """The patch of channel c of map b centred on (i, j), anywhere, zero-padded, flat, less its centre."""
    height, width = maps.shape[1:3]
    values = []
    for di in range(-(patch_size[0] // 2), patch_size[0] // 2 + 1):
        for dj in range(-(patch_size[1] // 2), patch_size[1] // 2 + 1):
            inside = 0 <= i + di < height and 0 <= j + dj < width
            values.append(maps[b, i + di, j + dj, c] if inside else 0.0)
    # The correlation is that of the patch itself; differences are exact where values are large and nearly alike.
    return np.array(values, np.float64) - values[len(values) // 2]


def window(i, j, width, search_size):
    """(row, column, position) of every position of the search window of (i, j), in order."""
    rows, columns = search_size
    for row in range(rows):
        for column in range(width if columns is None else columns):
            at = column if columns is None else j - columns // 2 + column
            yield row, column, (i - rows // 2 + row, at)


def ncc(X, Y, epsilon):
    N = len(X)
    mX, mY = X.mean(), Y.mean()
    S_X = np.sqrt(((X - mX) ** 2).sum() / (N - 1)) + epsilon
    S_Y = np.sqrt(((Y - mY) ** 2).sum() / (N - 1)) + epsilon
    return ((X - mX) * (Y - mY)).sum() / ((N - 1) * S_X * S_Y)


def ncc_gradient(X, Y, epsilon, gradient):
    """d ncc / d X_i of SPEC section 1."""
    N = len(X)
    mX, mY = X.mean(), Y.mean()
    s_X = np.sqrt(((X - mX) ** 2).sum() / (N - 1))
    S_X = s_X + epsilon
    S_Y = np.sqrt(((Y - mY) ** 2).sum() / (N - 1)) + epsilon
    divisor = s_X if gradient == "exact" else S_X
    second = ncc(X, Y, epsilon) * (X - mX) / divisor if s_X > 0 else 0.0
    return ((Y - mY) / S_Y - second) / ((N - 1) * S_X)


def positions(shape, search_size):
    """Every (index of the output, b, i, j, c, window position)."""
    B, H, W, C = shape
    rows, columns = search_size[0], search_size[1] or W
    for b, i, j, c in np.ndindex(B, H, W, C):
        for row, column, q in window(i, j, W, search_size):
            yield (b, i, j, (c * rows + row) * columns + column), b, i, j, c, q


def norm_xcorr(x, y, patch_size=(5, 5), search_size=(5, None), epsilon=0.01):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    B, H, W, C = x.shape
    out = np.zeros((B, H, W, C * search_size[0] * (search_size[1] or W)))
    for index, b, i, j, c, q in positions(x.shape, search_size):
        out[index] = ncc(patch(x, b, i, j, c, patch_size), patch(y, b, *q, c, patch_size), epsilon)
    return out


def norm_xcorr_gradient(x, y, upstream, patch_size=(5, 5), search_size=(5, None), epsilon=0.01, gradient="exact"):
    """Gradients of sum(upstream * norm_xcorr(x, y)) with respect to x and y."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    dx, dy = np.zeros_like(x), np.zeros_like(y)

    def spread(d, b, i, j, c, values):
        height, width = d.shape[1:3]
        for k, value in enumerate(values):
            u = i + k // patch_size[1] - patch_size[0] // 2
            v = j + k % patch_size[1] - patch_size[1] // 2
            if 0 <= u < height and 0 <= v < width:
                d[b, u, v, c] += value

    for index, b, i, j, c, q in positions(x.shape, search_size):
        X, Y = patch(x, b, i, j, c, patch_size), patch(y, b, *q, c, patch_size)
        spread(dx, b, i, j, c, upstream[index] * ncc_gradient(X, Y, epsilon, gradient))
        spread(dy, b, *q, c, upstream[index] * ncc_gradient(Y, X, epsilon, gradient))
    return dx, dy


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

    def pairs(self, x, y):
        """(b, i, j, c, row, column, p, q): every index of the output (c of 6 axes), and the two places compared."""
        batch = max(x.shape[0], y.shape[0])
        places = [range(0, count, step) for count, step in zip(self.grid(x), self.stride, strict=True)]
        of_y = self.grid(y)
        window = [
            range(0, count, step) if size is None else range(-(size // 2) * step, size // 2 * step + 1, step)
            for size, count, step in zip(self.search_size, of_y, self.dilation, strict=True)
        ]
        for b, c, (i, p0), (j, p1) in itertools.product(
            range(batch), range(x.shape[3]), enumerate(places[0]), enumerate(places[1])
        ):
            for (row, d0), (column, d1) in itertools.product(enumerate(window[0]), enumerate(window[1])):
                q = tuple(
                    d if size is None else p + d
                    for p, d, size in zip((p0, p1), (d0, d1), self.search_size, strict=True)
                )
                if self.padding == "same" or (0 <= q[0] < of_y[0] and 0 <= q[1] < of_y[1]):
                    yield (b, i, j, c, row, column), (p0, p1), q

    def shape(self, x, y):
        rows, columns = (-(-count // step) for count, step in zip(self.grid(x), self.stride, strict=True))
        window = [
            -(-count // step) if size is None else size
            for size, count, step in zip(self.search_size, self.grid(y), self.dilation, strict=True)
        ]
        return max(x.shape[0], y.shape[0]), rows, columns, x.shape[3], *window

    def pixels(self, maps, b, c, place):
        """The values of a patch, which of them take part, and where they lie."""
        first = place if self.padding == "valid" else tuple(np.subtract(place, np.floor_divide(self.patch_size, 2)))
        at = [(first[0] + down, first[1] + right) for down, right in np.ndindex(*self.patch_size)]
        inside = np.array([0 <= u < maps.shape[1] and 0 <= v < maps.shape[2] for u, v in at])
        b = min(b, maps.shape[0] - 1)
        values = np.array([maps[b, u, v, c] if held else 0.0 for (u, v), held in zip(at, inside, strict=True)])
        return values, inside if self.padding == "masked" else np.ones_like(inside), [(b, u, v, c) for u, v in at]

    def __call__(self, x, y, epsilon=0.01):
        """The correlations, of 6 axes: (batch, rows, columns, channels, window rows, window columns)."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        out = np.zeros(self.shape(x, y))
        for index, p, q in self.pairs(x, y):
            X, Y = (
                standardized(*self.pixels(maps, index[0], index[3], at)[:2], epsilon) for maps, at in ((x, p), (y, q))
            )
            out[index] = (X[0] * Y[0]).sum()
        return out

    def gradient(self, x, y, upstream, epsilon=0.01, gradient="exact"):
        """Gradients of sum(upstream * correlations), upstream of 6 axes, with respect to x and y."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        found = np.zeros_like(x), np.zeros_like(y)
        for index, p, q in self.pairs(x, y):
            both = [self.pixels(maps, index[0], index[3], at) for maps, at in ((x, p), (y, q))]
            normalized = [standardized(values, inside, epsilon) for values, inside, _ in both]
            for of, (_, inside, at), (own, s, S, degrees), (other, *_) in zip(
                found, both, normalized, normalized[::-1], strict=True
            ):
                divisor = s if gradient == "exact" else S
                second = (own * other).sum() * own * S / divisor if s > 0 else 0.0
                mean = other[inside].mean()
                values = np.where(inside, other - mean - second, 0.0) / (np.sqrt(degrees) * S)
                for value, place in zip(values, at, strict=True):
                    if all(0 <= at < size for at, size in zip(place, of.shape, strict=True)):
                        of[place] += upstream[index] * value
        return found


def standardized(values, inside, epsilon):
    """A patch less its mean and divided by sqrt(N - 1) S, of the pixels inside; s, S and N - 1."""
    n = inside.sum()
    differences = values - values[len(values) // 2]
    centred = np.where(inside, differences - differences[inside].mean(), 0.0)
    degrees = max(n - 1, 1)
    s = np.sqrt((centred**2).sum() / degrees)
    return centred / (np.sqrt(degrees) * (s + epsilon)), s, s + epsilon, degrees
