"""Cross-view quadratic discriminant analysis (XQDA)."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.embedding.metric import MetricEstimator
from tfnxc.embedding.pair_covariances import pair_covariances, principal_axes
from tfnxc.errors import InputError


class XQDA(MetricEstimator):
    """Cross-view quadratic discriminant analysis: a subspace and a metric in it, from pairs of different cameras.

    Differences of features between two pictures of one person, and of different people, are taken as Gaussian of zero
    mean with the covariances S_I and S_E. The subspace W has the eigenvectors of S_I^-1 S_E with the largest
    eigenvalues, and the squared distance of x and z is (x - z)^T W M W^T (x - z) with
    M = (W^T S_I W)^-1 - (W^T S_E W)^-1. With more than two cameras the pairs are of any two different ones.

    Args:
        dimensions: The most numbers of the subspace. Defaults to `None`: as many as there are eigenvalues above 1, the
            directions in which different people differ more than one person; never more than these, as in the paper.
        regularization: What is added to the diagonal of S_I. Defaults to `1e-3`, the value of the paper's authors, for
            features of unit norm.

    Attributes:
        components_: float64 array of shape `(d, k)`, W.
        eigenvalues_: float64 array of shape `(k,)`, in descending order, all above 1.
        metric_: float64 array of shape `(k, k)`, M, positive definite.

    Example:
        >>> features, identities = np.random.default_rng(0).normal(size=(8, 3)), np.repeat([1, 2, 3, 4], 2)
        >>> features[:, 0] += 10 * identities
        >>> estimator = XQDA(dimensions=1).fit(features, identities, cameras=np.tile([0, 1], 4))
        >>> estimator.transform(features).shape
        (8, 1)

    References:
        Liao, Hu, Zhu and Li, "Person Re-identification by Local Maximal Occurrence Representation and Metric Learning",
        CVPR 2015, section 4.
    """

    def __init__(self, dimensions: int | None = None, regularization: float = 1e-3):
        self.dimensions = dimensions
        self.regularization = regularization

    def fit(self, features: ArrayLike, identities: ArrayLike, cameras: ArrayLike | None = None) -> Self:
        """Learns subspace and metric.

        Args:
            features: Float array of shape `(n, d)`; d may be much larger than n.
            identities: Whole numbers of shape `(n,)`.
            cameras: Whole numbers of shape `(n,)`. Defaults to `None`: pairs of all pictures, whatever took them.

        Raises:
            ValueError: If a parameter or an array is not of its kind.
            InputError: If a feature is not finite; if there are not two people, or no pairs of one person; if no
                direction tells different people apart.
        """
        self._check_dimensions(none_allowed=True)
        values, _, people, places = self._centred(features, identities, cameras)
        coordinates, axes = principal_axes(values)
        intrapersonal, extrapersonal = pair_covariances(coordinates, people, places)
        intrapersonal[np.diag_indices_from(intrapersonal)] += self.regularization
        # S_I^-1 S_E has the eigenvalues of the symmetric L^-1 S_E L^-T, with S_I = L L^T.
        try:
            lower = np.linalg.cholesky(intrapersonal)
        except np.linalg.LinAlgError:
            raise InputError(
                f"the pictures of one person do not differ in every direction, and regularization="
                f"{self.regularization} is too small to make up for it: raise it."
            ) from None
        half = np.linalg.solve(lower, extrapersonal)
        whitened = np.linalg.solve(lower, half.T)
        eigenvalues, vectors = np.linalg.eigh((whitened + whitened.T) / 2)
        eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
        kept = int(np.sum(eigenvalues > 1))
        if not kept:
            raise InputError(
                f"different people differ in no direction more than one person (largest eigenvalue "
                f"{eigenvalues[0]:.3g}, above 1 expected): check identities and cameras, or lower regularization="
                f"{self.regularization}."
            )
        kept = kept if self.dimensions is None else min(kept, self.dimensions)
        subspace = np.linalg.solve(lower.T, vectors[:, :kept])
        # With these vectors W^T S_I W is the identity, and W^T S_E W has the eigenvalues on its diagonal.
        self.components_ = axes @ subspace
        self.eigenvalues_ = eigenvalues[:kept].copy()
        self.metric_ = np.diag(1 - 1 / self.eigenvalues_)
        return self
