"""The baseline of Ahmed, Jones and Marks."""

from typing import Literal

import keras

from tfnxc import layers
from tfnxc.models._blocks import LAST, Weights, check_sizes, pair_model


def ahmed(
    input_shape: tuple[int, int, int] = (160, 60, 3),
    search_size: tuple[int, int | None] = (5, 5),
    filters: tuple[int, int] = (20, 25),
    units: int = 500,
    l2: float = 5e-4,
    scaling: Literal["published", "centred"] = "published",
    initializer: Literal["published", "he"] = "published",
) -> keras.Model:
    """Ahmed et al.'s model: two tied towers, cross-input neighborhood differences both ways, a classifier of the pair.

    Args:
        input_shape: As in `normxcorr`. Defaults to `(160, 60, 3)`.
        search_size: Neighborhood of the differences; columns `None` for the whole width, as in the supplement's
            "[1], 5x12 search". Defaults to `(5, 5)`.
        filters: As in `normxcorr`. Defaults to `(20, 25)`.
        units: As in `normxcorr`. Defaults to `500`.
        l2: As in `normxcorr`. Defaults to `5e-4`.
        scaling: As in `normxcorr`. Defaults to `"published"`.
        initializer: As in `normxcorr`. Defaults to `"published"`.

    Returns:
        A `keras.Model` as from `normxcorr`. With the defaults: 2,308,147 parameters.

    Raises:
        ValueError: As in `normxcorr`.

    Example:
        >>> tfnxc.models.ahmed().count_params()
        2308147

    References:
        Ahmed, Jones, Marks, "An Improved Deep Learning Architecture for Person Re-Identification", CVPR 2015.
    """
    weights, (filters, units) = Weights(l2, initializer), check_sizes(filters, units)

    def features_of(probe, gallery):
        pairs = {"probe": [probe, gallery], "gallery": [gallery, probe]}
        sides = [_side(name, pair, search_size, filters[-1], weights) for name, pair in pairs.items()]
        features = keras.layers.Concatenate(name="join")(sides)
        return weights.dense(units, features.shape[-1], activation="relu", name="features")(features)

    return pair_model("ahmed", input_shape, filters, scaling, weights, features_of)


def _side(name, pair, search_size, filters, weights):
    """K (or K', with the pair exchanged), its patch summary and the features across patches, flat."""
    differences = layers.CrossInputNeighborhood(search_size, **LAST).compute_output_shape(
        [each.shape for each in pair]
    )[-1]
    options = {"layout": "blocks", "activation": "relu", **LAST, **weights.options(fan_in=differences)}
    maps = layers.CrossInputSummary(filters, search_size, name=f"summary_{name}", **options)(pair)
    maps = weights.convolution(filters, (3, 3), filters, name=f"across_{name}")(maps)
    # Padding "same" makes the pooling round up: 35x10 -> 18x5.
    maps = keras.layers.MaxPooling2D(2, padding="same", **LAST, name=f"pool_{name}")(maps)
    return keras.layers.Flatten(**LAST, name=f"flat_{name}")(maps)
