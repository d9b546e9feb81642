"""Keep it simple and straightforward metric learning (KISSME)."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.embedding.metric import MetricEstimator, positive_part
from tfnxc.embedding.pair_covariances import pair_covariances, principal_axes
from tfnxc.errors import InputError


class KISSME(MetricEstimator):
    """Keep it simple and straightforward metric learning: a metric by a likelihood ratio test, after PCA.

    Features are projected on their first principal components. There, differences between two pictures of one person,
    and of different people, are taken as Gaussian of zero mean with the covariances S_I and S_E; the metric is the
    positive semidefinite part of S_I^-1 - S_E^-1. With cameras, the pairs are of different cameras only.

    Args:
        dimensions: The most principal components; fewer where there are not so many. Defaults to `100`.
        regularization: What is added to the diagonals of S_I and S_E. Defaults to `0.0`, as in the paper.

    Attributes:
        mean_: float64 array of shape `(d,)`.
        components_: float64 array of shape `(d, k)`, the principal components.
        metric_: float64 array of shape `(k, k)`, positive semidefinite.

    Example:
        >>> features, identities = np.random.default_rng(0).normal(size=(40, 3)), np.repeat(np.arange(10), 4)
        >>> features[:, 0] += 10 * identities
        >>> estimator = KISSME(dimensions=2).fit(features, identities)
        >>> estimator.distances(features[:2], features).shape
        (2, 40)

    References:
        Koestinger, Hirzer, Wohlhart, Roth and Bischof, "Large Scale Metric Learning from Equivalence Constraints",
        CVPR 2012.
    """

    def __init__(self, dimensions: int = 100, regularization: float = 0.0):
        self.dimensions = dimensions
        self.regularization = regularization

    def fit(self, features: ArrayLike, identities: ArrayLike, cameras: ArrayLike | None = None) -> Self:
        """Learns principal components and metric.

        Args:
            features: Float array of shape `(n, d)`; d may be much larger than n.
            identities: Whole numbers of shape `(n,)`.
            cameras: Whole numbers of shape `(n,)`. Defaults to `None`: pairs of all pictures, whatever took them.

        Raises:
            ValueError: If a parameter or an array is not of its kind.
            InputError: If a feature is not finite; if there are not two people, or too few pairs of one person for so
                many dimensions.
        """
        self._check_dimensions()
        values, mean, people, places = self._centred(features, identities, cameras)
        coordinates, axes = principal_axes(values, self.dimensions)
        inverses = []
        for covariance in pair_covariances(coordinates, people, places):
            covariance[np.diag_indices_from(covariance)] += self.regularization
            if np.linalg.cond(covariance) > 1e12:
                raise InputError(
                    f"too few pairs of pictures for {axes.shape[1]} dimensions: their covariance has no inverse. Give "
                    "more pictures a person, a smaller dimensions=, or a larger regularization=."
                )
            inverses.append(np.linalg.inv(covariance))
        difference = inverses[0] - inverses[1]
        root = positive_part(difference)
        self.mean_ = mean
        self.components_ = axes
        self.metric_ = root @ root.T
        return self
