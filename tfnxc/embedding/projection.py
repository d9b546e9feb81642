"""What an embedding is made of: a linear map of features that are centred first."""

from __future__ import annotations

import abc
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.embedding.pair_covariances import checked_features


class Projection(Protocol):
    """A fitted projection."""

    mean_: np.ndarray
    components_: np.ndarray


class ProjectionEstimator(abc.ABC):
    """What learns a projection: `mean_`, of shape `(numbers,)`, and `components_`, of shape `(numbers, components)`."""

    mean_: np.ndarray
    components_: np.ndarray

    @abc.abstractmethod
    def fit(self, features: ArrayLike, identities: ArrayLike, cameras: ArrayLike | None = None) -> Self:
        """Learns the projection."""

    def transform(self, features: ArrayLike) -> np.ndarray:
        """The components of features `(pictures, numbers)`: float64 `(pictures, components)`."""
        if not hasattr(self, "components_"):
            raise ValueError(f"this {type(self).__name__} is not fitted; call fit(features, identities) first.")
        return (checked_features(features, len(self.mean_)) - self.mean_) @ self.components_
