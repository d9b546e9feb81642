"""The ways to fit the projection of an embedding, by name, and which settings of each are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Self

from numpy.typing import ArrayLike

from tfnxc.embedding.discriminant import Discriminant, scale_of
from tfnxc.embedding.kissme import KISSME
from tfnxc.embedding.metric import positive_part
from tfnxc.embedding.pair_covariances import checked_features
from tfnxc.embedding.projection import ProjectionEstimator
from tfnxc.embedding.xqda import XQDA


class MetricProjection(ProjectionEstimator):
    """The linear map of a metric, of numbers that are first divided by their standard deviation.

    Embeddings compare by the cosine: it takes the place of the metric's own distance.

    Args:
        estimator: An `XQDA` or a `KISSME`.

    Attributes:
        mean_: float64 `(numbers,)`: the mean of the features.
        components_: float64 `(numbers, components)`; scaling and metric are in it.

    Example:
        >>> features, identities = np.random.default_rng(0).normal(size=(40, 3)), np.repeat(np.arange(10), 4)
        >>> features[:, 0] += 10 * identities
        >>> MetricProjection(KISSME(dimensions=2)).fit(features, identities).transform(features).shape
        (40, 2)
    """

    def __init__(self, estimator: XQDA | KISSME) -> None:
        self.estimator = estimator

    def fit(self, features: ArrayLike, identities: ArrayLike, cameras: ArrayLike | None = None) -> Self:
        """Learns the projection; arguments and errors as in `fit` of the estimator."""
        values = checked_features(features)
        self.mean_, scale = values.mean(axis=0), scale_of(values)
        fitted = self.estimator.fit((values - self.mean_) / scale, identities, cameras)
        self.components_ = fitted.components_ @ positive_part(fitted.metric_) / scale[:, None]
        return self


class Method(NamedTuple):
    """A way to fit a projection: `make(regularization, dimensions)`, the values tried of each, and what few get.

    `nested` says that fewer dimensions are the first ones of more.
    """

    make: Callable[[float, int], ProjectionEstimator]
    regularizations: tuple[float, ...]
    dimensions: tuple[int, ...]
    usual: tuple[float, int]
    nested: bool = True


METHODS = {
    "discriminant": Method(
        lambda shrinkage, count: Discriminant(count, shrinkage), (0.05, 0.1, 0.2, 0.4), (64, 128), (0.2, 128)
    ),
    "xqda": Method(
        lambda regularization, count: MetricProjection(XQDA(count, regularization)),
        (0.01, 0.1, 1.0),
        (64, 128),
        (0.1, 128),
    ),
    "kissme": Method(
        lambda regularization, count: MetricProjection(KISSME(count, regularization)),
        (0.0, 1.0),
        (32, 64, 128),
        (1.0, 64),
        nested=False,
    ),
}
"""The methods by name. The regularization of a discriminant is its shrinkage."""


def method_named(name: str) -> Method:
    """A method of `METHODS`; raises `ValueError` where there is none of that name."""
    if name not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}; got {name!r}.")
    return METHODS[name]
