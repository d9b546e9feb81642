"""The baseline of Ahmed, Jones and Marks."""

from typing import Literal

import keras

from tfnxc import layers
from tfnxc.models import _blocks


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
        input_shape: `(height, width, channels)` of an image, height and width at least 28. Defaults to `(160, 60, 3)`.
        search_size: Neighborhood of the differences; columns `None` for the whole width, as in the supplement's
            "[1], 5x12 search". Defaults to `(5, 5)`.
        filters: Number of filters of the two tower stages; the second is also the head's. Defaults to `(20, 25)`.
        units: Size of the dense layer. Defaults to `500`.
        l2: The gradient of every weight and bias receives `l2` times its value. Defaults to `5e-4`, as published.
        scaling: `"published"`: images are taken as they are; or `"centred"`: as 2 * image - 0.8, which trains faster
            and takes no parameters. Defaults to `"published"`.
        initializer: `"published"`: Torch7's; or `"he"`. Defaults to `"published"`.

    Returns:
        A `keras.Model` of the inputs `[probe, gallery]`, RGB images with values in [0, 1], to the probabilities
        `(batch, 2)` of (different, same). `tfnxc.models.split` takes it apart. With the defaults: 2,308,147 parameters.

    Raises:
        ValueError: If `input_shape` is too small or not three integers, or a name is not known.

    Example:
        >>> tfnxc.models.ahmed().count_params()
        2308147

    References:
        Ahmed, Jones, Marks, "An Improved Deep Learning Architecture for Person Re-Identification", CVPR 2015.
    """
    input_shape = _blocks.check_input_shape(input_shape)
    weights = _blocks.Weights(l2, initializer)
    tower = _blocks.build_tower(input_shape, filters, weights, scaling)
    probe, gallery = maps = _blocks.head_inputs(tower.output_shape[1:])
    sides = [
        _side(name, pair, search_size, filters[-1], weights)
        for name, pair in (("probe", [probe, gallery]), ("gallery", [gallery, probe]))
    ]
    features = keras.layers.Concatenate(name="join")(sides)
    features = weights.dense(units, features.shape[-1], activation="relu", name="features")(features)
    head = keras.Model(maps, _blocks.classify(features, weights), name="head")
    return _blocks.pair_model("ahmed", input_shape, tower, head)


def _side(name, pair, search_size, filters, weights):
    """K (or K', with the pair exchanged), its patch summary and the features across patches, flat."""
    differences = layers.CrossInputNeighborhood(search_size)
    summary = layers.CrossInputSummary(
        filters,
        search_size,
        layout="blocks",
        activation="relu",
        name=f"summary_{name}",
        **weights.options(fan_in=differences.compute_output_shape([each.shape for each in pair])[-1]),
    )
    maps = summary(pair)
    maps = weights.convolution(filters, (3, 3), filters, name=f"across_{name}")(maps)
    # Padding "same" makes the pooling round up: 35x10 -> 18x5.
    maps = keras.layers.MaxPooling2D(2, padding="same", name=f"pool_{name}")(maps)
    return keras.layers.Flatten(name=f"flat_{name}")(maps)
