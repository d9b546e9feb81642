"""What estimators of a subspace with a quadratic metric in it share."""

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.embedding.pair_covariances import checked_features, checked_labels
from tfnxc.number_checks import whole_number


class MetricEstimator:
    """An estimator that learns `components_`, of shape `(d, k)`, and `metric_`, of shape `(k, k)`.

    Example:
        >>> estimator = MetricEstimator()
        >>> estimator.components_, estimator.metric_ = np.eye(2), np.diag([4.0, 1.0])
        >>> estimator.distances([[0, 0]], [[1, 0], [0, 1], [1, 1]])
        array([[4., 1., 5.]])
        >>> estimator.transform([[1, 0]])
        array([[2., 0.]])
    """

    dimensions: int | None
    regularization: float
    components_: np.ndarray
    metric_: np.ndarray

    def distances(self, probe: ArrayLike, gallery: ArrayLike) -> np.ndarray:
        """Squared distances by the metric, as they come: with a metric that is not positive, some may be below 0.

        Args:
            probe: Float array of shape `(p, d)`.
            gallery: Float array of shape `(g, d)`.

        Returns:
            float64 array of shape `(p, g)`; lower means more alike.

        Raises:
            ValueError: If an array is not of its shape, or nothing was fitted.
            InputError: If a feature is not finite.
        """
        first, second = self._projected(probe), self._projected(gallery)
        weighted = first @ self.metric_
        own = np.sum(weighted * first, axis=1)[:, None]
        return own + np.sum((second @ self.metric_) * second, axis=1) - 2 * weighted @ second.T

    def transform(self, features: ArrayLike) -> np.ndarray:
        """Vectors whose squared Euclidean distance is that of the metric, or of its positive part.

        Args:
            features: Float array of shape `(n, d)`.

        Returns:
            float64 array of shape `(n, k)`.

        Raises:
            ValueError: If the array is not of its shape, or nothing was fitted.
            InputError: If a feature is not finite.
        """
        return self._projected(features) @ positive_part(self.metric_)

    def _projected(self, features):
        if not hasattr(self, "components_"):
            raise ValueError(f"this {type(self).__name__} is not fitted; call fit(features, identities) first.")
        return checked_features(features, len(self.components_)) @ self.components_

    def _centred(self, features, identities, cameras):
        """Features less their mean, a copy; the mean; checked identities and cameras."""
        value = self.regularization
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value < np.inf:
            raise ValueError(f"regularization must be a finite number, 0 or above; received {value!r}.")
        values = checked_features(features)
        people, places = checked_labels(len(values), identities, cameras)
        mean = values.mean(axis=0)
        values -= mean
        return values, mean, people, places

    def _check_dimensions(self, none_allowed=False):
        if not (none_allowed and self.dimensions is None):
            whole_number("dimensions", self.dimensions, least=1)


def positive_part(metric: np.ndarray) -> np.ndarray:
    """A root R of the positive semidefinite part of a symmetric matrix, which is R @ R.T; its longest column is first.

    Example:
        >>> root = positive_part(np.diag([4.0, -1.0]))
        >>> (root @ root.T).tolist()
        [[4.0, 0.0], [0.0, 0.0]]
    """
    eigenvalues, vectors = np.linalg.eigh((metric + metric.T) / 2)
    return vectors[:, ::-1] * np.sqrt(np.maximum(eigenvalues[::-1], 0))
