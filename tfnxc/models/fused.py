"""The Fused model."""

from typing import Literal

import keras

from tfnxc.models._blocks import Weights, classifier, neighborhood_branch, norm_xcorr_branch, tower_and_filters
from tfnxc.number_checks import whole_number


def fused(
    input_shape: tuple[int, int, int] | None = None,
    search_size: tuple[int, int | None] = (5, None),
    neighborhood_size: tuple[int, int | None] = (5, 5),
    filters: tuple[int, int] | int | None = None,
    units: int = 500,
    l2: float = 5e-4,
    scaling: Literal["published", "centred"] = "published",
    initializer: Literal["published", "he"] = "published",
    patch_size: tuple[int, int] = (5, 5),
    epsilon: float = 0.01,
    tower: keras.Model | None = None,
    name: str = "fused",
) -> keras.Model:
    """The Fused model: normalized correlation and cross-input neighborhood differences side by side.

    Args:
        input_shape: As in `normxcorr`. Defaults to `None`.
        search_size: Search window of the correlation; columns `None` for the whole width. Defaults to `(5, None)`.
        neighborhood_size: Neighborhood of the differences. Defaults to `(5, 5)`.
        filters: As in `normxcorr`. Defaults to `None`.
        units: Size of each branch's dense layer. Defaults to `500`.
        l2: As in `normxcorr`. Defaults to `5e-4`.
        scaling: As in `normxcorr`. Defaults to `"published"`.
        initializer: As in `normxcorr`. Defaults to `"published"`.
        patch_size: As in `normxcorr`. Defaults to `(5, 5)`.
        epsilon: As in `normxcorr`. Defaults to `0.01`.
        tower: As in `normxcorr`. Defaults to `None`.
        name: Name of the model. Defaults to `"fused"`.

    Returns:
        A `keras.Model` as from `normxcorr`. With the defaults: 2,222,147 parameters.

    Raises:
        ValueError: As in `normxcorr`.

    Example:
        >>> tfnxc.models.fused().count_params()
        2222147

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, and its supplement, section 3.2.
    """
    weights, units = Weights(l2, initializer), whole_number("units", units, least=1)
    tower, filters = tower_and_filters(tower, input_shape, filters, scaling, weights)
    correlation = {"patch_size": patch_size, "search_size": search_size, "epsilon": epsilon}

    def features_of(probe, gallery):
        sizes = filters, units, weights
        correlated = norm_xcorr_branch(probe, gallery, correlation, *sizes)
        differences = neighborhood_branch(probe, gallery, neighborhood_size, *sizes)
        joined = keras.layers.Concatenate(name="join")([correlated, differences])
        return keras.layers.ReLU(name="features")(joined)

    return classifier(tower, features_of, weights, name)
