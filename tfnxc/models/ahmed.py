"""The baseline of Ahmed, Jones and Marks."""

from typing import Literal

import keras

from tfnxc import layers
from tfnxc.models._blocks import LAST, Weights, classifier, tower_and_filters
from tfnxc.number_checks import whole_number


def ahmed(
    input_shape: tuple[int, int, int] | None = None,
    search_size: tuple[int, int | None] = (5, 5),
    filters: tuple[int, int] | int | None = None,
    units: int = 500,
    l2: float = 5e-4,
    scaling: Literal["published", "centred"] = "published",
    initializer: Literal["published", "he"] = "published",
    tower: keras.Model | None = None,
    name: str = "ahmed",
) -> keras.Model:
    """Ahmed et al.'s model: two tied towers, cross-input neighborhood differences both ways, a classifier of the pair.

    Args:
        input_shape: As in `normxcorr`. Defaults to `None`.
        search_size: Neighborhood of the differences; columns `None` for the whole width, as in the supplement's
            "[1], 5x12 search". Defaults to `(5, 5)`.
        filters: As in `normxcorr`. Defaults to `None`.
        units: As in `normxcorr`. Defaults to `500`.
        l2: As in `normxcorr`. Defaults to `5e-4`.
        scaling: As in `normxcorr`. Defaults to `"published"`.
        initializer: As in `normxcorr`. Defaults to `"published"`.
        tower: As in `normxcorr`; here 3 rows and columns of its maps are enough. Defaults to `None`.
        name: Name of the model. Defaults to `"ahmed"`.

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
    weights, units = Weights(l2, initializer), whole_number("units", units, least=1)
    # Pooling rounds up.
    tower, filters = tower_and_filters(tower, input_shape, filters, scaling, weights, least=3)

    def features_of(probe, gallery):
        pairs = {"probe": [probe, gallery], "gallery": [gallery, probe]}
        sides = [_side(name, pair, search_size, filters, weights) for name, pair in pairs.items()]
        features = keras.layers.Concatenate(name="join")(sides)
        return weights.dense(units, features.shape[-1], activation="relu", name="features")(features)

    return classifier(tower, features_of, weights, name)


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
