"""SPEC sections 1 and 2, written the naive way in NumPy float64: what every implementation is tested against."""

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
