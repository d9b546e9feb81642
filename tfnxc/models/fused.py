"""The Fused model."""

from typing import Literal

import keras

from tfnxc.models._blocks import Weights, check_sizes, neighborhood_branch, norm_xcorr_branch, pair_model


def fused(
    input_shape: tuple[int, int, int] = (160, 60, 3),
    search_size: tuple[int, int | None] = (5, None),
    neighborhood_size: tuple[int, int | None] = (5, 5),
    filters: tuple[int, int] = (20, 25),
    units: int = 500,
    l2: float = 5e-4,
    scaling: Literal["published", "centred"] = "published",
    initializer: Literal["published", "he"] = "published",
) -> keras.Model:
    """The Fused model: normalized correlation and cross-input neighborhood differences side by side.

    Args:
        input_shape: As in `normxcorr`. Defaults to `(160, 60, 3)`.
        search_size: Search window of the correlation; columns `None` for the whole width. Defaults to `(5, None)`.
        neighborhood_size: Neighborhood of the differences. Defaults to `(5, 5)`.
        filters: As in `normxcorr`. Defaults to `(20, 25)`.
        units: Size of each branch's dense layer. Defaults to `500`.
        l2: As in `normxcorr`. Defaults to `5e-4`.
        scaling: As in `normxcorr`. Defaults to `"published"`.
        initializer: As in `normxcorr`. Defaults to `"published"`.

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
    weights, (filters, units) = Weights(l2, initializer), check_sizes(filters, units)

    def features_of(probe, gallery):
        sizes = filters[-1], units, weights
        correlation = norm_xcorr_branch(probe, gallery, search_size, *sizes)
        differences = neighborhood_branch(probe, gallery, neighborhood_size, *sizes)
        joined = keras.layers.Concatenate(name="join")([correlation, differences])
        return keras.layers.ReLU(name="features")(joined)

    return pair_model("fused", input_shape, filters, scaling, weights, features_of)
