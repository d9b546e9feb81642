"""The Fused model."""

from typing import Literal

import keras

from tfnxc.models import _blocks, _branches


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
        input_shape: `(height, width, channels)` of an image, height and width at least 28. Defaults to `(160, 60, 3)`.
        search_size: Search window of the correlation; columns `None` for the whole width. Defaults to `(5, None)`.
        neighborhood_size: Neighborhood of the differences. Defaults to `(5, 5)`.
        filters: Number of filters of the two tower stages; the second is also the head's. Defaults to `(20, 25)`.
        units: Size of each branch's dense layer. Defaults to `500`.
        l2: The gradient of every weight and bias receives `l2` times its value. Defaults to `5e-4`, as published.
        scaling: `"published"`: images are taken as they are; or `"centred"`: as 2 * image - 0.8, which trains faster
            and takes no parameters. Defaults to `"published"`.
        initializer: `"published"`: Torch7's; or `"he"`. Defaults to `"published"`.

    Returns:
        A `keras.Model` of the inputs `[probe, gallery]`, RGB images with values in [0, 1], to the probabilities
        `(batch, 2)` of (different, same). `tfnxc.models.split` takes it apart. With the defaults: 2,222,147 parameters.

    Raises:
        ValueError: If `input_shape` is too small or not three integers, or a name is not known.

    Example:
        >>> tfnxc.models.fused().count_params()
        2222147

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, and its supplement, section 3.2.
    """
    input_shape = _blocks.check_input_shape(input_shape)
    weights = _blocks.Weights(l2, initializer)
    tower = _blocks.build_tower(input_shape, filters, weights, scaling)
    probe, gallery = maps = _blocks.head_inputs(tower.output_shape[1:])
    branches = [
        _branches.norm_xcorr_branch(probe, gallery, search_size, filters[-1], units, weights),
        _branches.neighborhood_branch(probe, gallery, neighborhood_size, filters[-1], units, weights),
    ]
    features = keras.layers.ReLU(name="features")(keras.layers.Concatenate(name="join")(branches))
    head = keras.Model(maps, _blocks.classify(features, weights), name="head")
    return _blocks.pair_model("fused", input_shape, tower, head)
