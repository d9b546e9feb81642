"""Covariances of differences between pictures of one person and of different people, without enumerating pairs."""

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.errors import InputError


def checked_features(features: ArrayLike, width: int | None = None) -> np.ndarray:
    """Features as a float64 array.

    Args:
        features: Float array of shape `(n, d)`.
        width: The d that is expected. Defaults to `None`: any but 0.

    Raises:
        ValueError: If the shape is another one.
        InputError: If a value is not finite.

    Example:
        >>> checked_features([[1, 2]], width=2)
        array([[1., 2.]])
    """
    values = np.asarray(features)
    shape = "(n, d)" if width is None else f"(n, {width})"
    if values.ndim != 2 or not values.shape[1] or values.shape[1] != (width or values.shape[1]):
        raise ValueError(f"features must be an array of shape {shape}; received shape {values.shape}.")
    if values.dtype.kind not in "fiu":
        raise ValueError(f"features must be an array of numbers; received dtype {values.dtype}.")
    values = values.astype(np.float64)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise InputError(
            f"features of {np.sum(~finite)} of {len(values)} pictures are not finite, first those of picture "
            f"{np.argmin(finite)}: leave these pictures out, or compute their features anew."
        )
    return values


def checked_labels(
    count: int, identities: ArrayLike, cameras: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Identities and cameras of so many pictures as integer arrays.

    Args:
        count: How many pictures there are.
        identities: Whole numbers, one a picture.
        cameras: Whole numbers, one a picture, or `None`. Defaults to `None`.

    Raises:
        ValueError: If they are not such arrays.
        InputError: If there are fewer than two identities, or no pair of pictures of one of them, where cameras are
            given, by two cameras.

    Example:
        >>> checked_labels(3, [1, 1, 2])
        (array([1, 1, 2]), None)
    """
    people = _whole_numbers("identities", identities, count)
    places = None if cameras is None else _whole_numbers("cameras", cameras, count)
    different = len(np.unique(people))
    if different < 2:
        raise InputError(f"{different} identities among {count} pictures: give pictures of at least two people.")
    each = np.arange(count) if places is None else places
    if len(np.unique(np.stack([people, each], axis=1), axis=0)) == different:
        by = "" if places is None else " by different cameras"
        remedy = "" if places is None else ", or leave out the cameras"
        raise InputError(f"no identity has two pictures{by}: give such pictures of some{remedy}.")
    return people, places


def _whole_numbers(name, labels, count) -> np.ndarray:
    values = np.asarray(labels)
    if values.shape != (count,) or values.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be whole numbers, one for each of {count} pictures; received dtype {values.dtype} and shape "
            f"{values.shape}."
        )
    return values


def pair_covariances(
    features: np.ndarray, identities: np.ndarray, cameras: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Means of (x - z)(x - z)^T over the pairs x, z of one person, and over those of different people.

    Pairs are of different cameras where cameras are given. The sums are closed: with the degree n_i, the number of
    pairs that picture i is in, sum over i of n_i x_i x_i^T less the products of sums of groups.

    Args:
        features: float64 array of shape `(n, d)`.
        identities: Whole numbers of shape `(n,)`, as `checked_labels` gives them.
        cameras: Whole numbers of shape `(n,)`, or `None`. Defaults to `None`: all pairs.

    Returns:
        `(intrapersonal, extrapersonal)`, both float64 of shape `(d, d)`.

    Example:
        >>> intrapersonal, extrapersonal = pair_covariances(np.array([[0.0], [2.0], [5.0]]), np.array([1, 1, 2]))
        >>> round(intrapersonal.item(), 6), round(extrapersonal.item(), 6)  # 2^2; (5^2 + 3^2) / 2
        (4.0, 17.0)

    References:
        Liao et al., CVPR 2015, section 4.3, equations 9 and 10, there for two cameras.
    """
    centred = features - features.mean(axis=0)  # differences stay what they are, rounding gets less
    # Without cameras each picture has one of its own, so that pictures of all others count.
    cameras = np.arange(len(centred)) if cameras is None else cameras
    everyone = np.zeros(len(centred), int)
    shared = np.unique(np.stack([identities, cameras], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    intrapersonal, same = _scatter(centred, identities, shared)
    extrapersonal, all_pairs = _scatter(centred, everyone, cameras)
    if all_pairs == same:
        raise InputError("no two people were taken by different cameras: give such pictures, or leave out the cameras.")
    return intrapersonal / same, (extrapersonal - intrapersonal) / (all_pairs - same)


def _scatter(features, groups, parts):
    """Sum of (x - z)(x - z)^T over pairs of one group and different parts of it, and how many there are."""
    degrees, products = np.zeros(len(features)), 0.0
    for labels, sign in ((groups, 1), (parts, -1)):
        _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
        index = index.reshape(-1)
        sums = np.add.reduceat(features[np.argsort(index, kind="stable")], np.cumsum(counts) - counts, axis=0)
        products = products + sign * (sums.T @ sums)
        degrees += sign * counts[index]
    return (features * degrees[:, None]).T @ features - products, degrees.sum() / 2


def principal_axes(centred: np.ndarray, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal axes of all the variance there is, the largest first, from the smaller of both matrices of products.

    Beyond these axes no two pictures differ, so that a metric learned from coordinates on them is the one learned from
    the features themselves, by matrices of n x n instead of d x d where pictures are fewer.

    Args:
        centred: float64 array of shape `(n, d)`, of zero mean.
        most: How many axes at most. Defaults to `None`: all.

    Returns:
        `(coordinates, axes)`, float64 of shapes `(n, r)` and `(d, r)`: coordinates = centred @ axes.

    Raises:
        InputError: If all rows are the same.

    Example:
        >>> coordinates, axes = principal_axes(np.array([[3.0, 0.0, 4.0], [-3.0, 0.0, -4.0]]))
        >>> coordinates.shape, np.abs(coordinates).round(6).tolist(), np.abs(axes).round(6).tolist()
        ((2, 1), [[5.0], [5.0]], [[0.6], [0.0], [0.8]])
    """
    wide = centred.shape[1] > len(centred)
    squares, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    # Below that is rounding.
    there = squares > squares[0] * len(squares) * np.finfo(np.float64).eps
    if squares[0] <= 0 or not there.any():
        raise InputError(f"the features of all {len(centred)} pictures are the same: nothing tells people apart.")
    squares, vectors = squares[there][:most], vectors[:, there][:, :most]
    if not wide:
        return centred @ vectors, vectors
    lengths = np.sqrt(squares)
    return vectors * lengths, centred.T @ (vectors / lengths)
