"""Linear discriminant analysis, regularized, for many identities with few pictures each."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.embedding.pair_covariances import checked_features, checked_labels, principal_axes
from tfnxc.embedding.projection import ProjectionEstimator
from tfnxc.errors import InputError
from tfnxc.number_checks import whole_number


class Discriminant(ProjectionEstimator):
    """The directions in which identities differ most, measured by how much pictures of one identity differ.

    Every number is first divided by its standard deviation. Then the generalized eigenvectors of the scatter between
    identities and the scatter within them are taken, as scaled that the latter becomes the identity matrix. Each
    component is weighted by `b / (1 + b)`, `b` its scatter between identities: the share of what it shows that comes
    from who is seen, so that components of noise count for little in a cosine.

    Args:
        dimensions: The most components; there are no more than identities less one, and numbers. Defaults to `128`.
        shrinkage: From 0 to below 1: how far the scatter within identities is drawn towards a multiple of the identity
            matrix. Defaults to `0.2`.
        weighted: Whether components are weighted. Defaults to `True`; without, it is the transform of scikit-learn's
            `LinearDiscriminantAnalysis(solver="eigen")` on scaled numbers.

    Attributes:
        mean_: float64 `(numbers,)`: the mean of the features.
        components_: float64 `(numbers, components)`, best first; scaling and weights are in it.
        ratios_: float64 `(components,)`: scatter between identities over scatter within.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> identities = np.repeat(np.arange(20), 5)
        >>> features = rng.normal(size=(20, 8))[identities] + 0.1 * rng.normal(size=(100, 8))
        >>> Discriminant(dimensions=4).fit(features, identities).transform(features).shape
        (100, 4)

    References:
        Fisher, "The Use of Multiple Measurements in Taxonomic Problems", 1936; Friedman, "Regularized Discriminant
        Analysis", 1989; Ioffe, "Probabilistic Linear Discriminant Analysis", ECCV 2006, for the
        weights: they make each number the expectation of what is the identity's own.
    """

    def __init__(self, dimensions: int = 128, shrinkage: float = 0.2, weighted: bool = True) -> None:
        self.dimensions, self.shrinkage, self.weighted = dimensions, shrinkage, weighted

    def fit(self, features: ArrayLike, identities: ArrayLike, cameras: ArrayLike | None = None) -> Self:
        """Finds the components.

        Args:
            features: Array `(pictures, numbers)`.
            identities: Integers `(pictures,)`; at least two identities, one of them with two pictures.
            cameras: Not looked at: `XQDA` and `KISSME` do. Defaults to `None`.

        Raises:
            InputError: If there are too few identities or pictures of them, or a feature is not finite.
            ValueError: If an argument or a parameter is not as described.
        """
        whole_number("dimensions", self.dimensions, least=1)
        number = isinstance(self.shrinkage, int | float | np.number) and not isinstance(self.shrinkage, bool)
        if not number or not 0 <= self.shrinkage < 1:
            raise ValueError(f"shrinkage must be 0 or more and below 1; got {self.shrinkage!r}.")
        values = checked_features(features)
        labels, _ = checked_labels(len(values), identities)
        _, people = np.unique(labels, return_inverse=True)
        self.mean_ = values.mean(axis=0)
        scale = scale_of(values)
        scaled, axes = (values - self.mean_) / scale, None
        if self.shrinkage and len(scaled) < scaled.shape[1]:
            # Beyond these axes there is no scatter but the shrinkage: the same components by smaller matrices.
            scaled, axes = principal_axes(scaled)
        means, within, counts = _scatter(scaled, people.ravel())
        size = len(within)
        shrunk = np.trace(within) / len(self.mean_) * np.eye(size)
        regular = (1 - self.shrinkage) * within + self.shrinkage * shrunk
        try:
            factor = np.linalg.cholesky(regular)
        except np.linalg.LinAlgError:
            raise InputError(
                f"{len(values)} pictures do not fix the scatter within identities of {len(self.mean_)} numbers: give "
                "more pictures or more shrinkage."
            ) from None
        # Of whitened numbers the scatter between identities is `whitened @ whitened.T`.
        whitened = np.linalg.solve(factor, (means * np.sqrt(counts / len(values))[:, None]).T)
        ratios, directions = _eigenvectors(whitened)
        count = min(self.dimensions, len(counts) - 1, size)
        self.ratios_ = ratios[:count]
        weights = self.ratios_ / (1 + self.ratios_) if self.weighted else np.ones(count)
        components = np.linalg.solve(factor.T, directions[:, :count]) * weights
        self.components_ = (components if axes is None else axes @ components) / scale[:, None]
        return self


def scale_of(features: np.ndarray) -> np.ndarray:
    """The standard deviation of each number of features `(pictures, numbers)`; 1 where it does not vary."""
    deviation = features.std(axis=0)
    return np.where(deviation > 1e-12 * max(1.0, deviation.max()), deviation, 1.0)


def _scatter(features, identities):
    """Means of the identities, the scatter within them over the number of pictures, and how many each has."""
    counts = np.bincount(identities)
    means = np.zeros((len(counts), features.shape[1]))
    np.add.at(means, identities, features)
    means /= counts[:, None]
    apart = features - means[identities]
    return means, apart.T @ apart / len(features), counts


def _eigenvectors(matrix):
    """Eigenvalues of `matrix @ matrix.T`, largest first, and its eigenvectors; by the smaller of its two products."""
    rows, columns = matrix.shape
    if rows <= columns:
        values, vectors = np.linalg.eigh(matrix @ matrix.T)
        return np.maximum(values[::-1], 0), vectors[:, ::-1]
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    values, directions = np.maximum(values[::-1], 0), matrix @ vectors[:, ::-1]
    return values, directions / np.maximum(np.linalg.norm(directions, axis=0), 1e-300)
