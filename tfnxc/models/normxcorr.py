"""The Normalized X-Corr model."""

from typing import Literal

import keras

from tfnxc.models._blocks import Weights, check_sizes, norm_xcorr_branch, pair_model


def normxcorr(
    input_shape: tuple[int, int, int] = (160, 60, 3),
    search_size: tuple[int, int | None] = (5, None),
    filters: tuple[int, int] = (20, 25),
    units: int = 500,
    l2: float = 5e-4,
    scaling: Literal["published", "centred"] = "published",
    initializer: Literal["published", "he"] = "published",
) -> keras.Model:
    """The Normalized X-Corr model: tied towers, normalized correlation over a wide window, a classifier of the pair.

    Args:
        input_shape: `(height, width, channels)` of an image, height and width at least 28. Defaults to `(160, 60, 3)`.
        search_size: Search window of the correlation; columns `None` for the whole width. Defaults to `(5, None)`, the
            paper's 5x12; `(5, 5)` is its ablation.
        filters: Number of filters of the two tower stages; the second is also the head's. Defaults to `(20, 25)`.
        units: Size of the dense layer. Defaults to `500`.
        l2: The gradient of every weight and bias receives `l2` times its value. Defaults to `5e-4`, as published.
        scaling: `"published"`: images are taken as they are; or `"centred"`: as 2 * image - 0.8, which trains faster
            and takes no parameters. Defaults to `"published"`.
        initializer: `"published"`: Torch7's; or `"he"`. Defaults to `"published"`.

    Returns:
        A `keras.Model` of the inputs `[probe, gallery]`, RGB images with values in [0, 1], to the probabilities
        `(batch, 2)` of (different, same). `tfnxc.models.split` takes it apart. With the defaults: 1,121,222 parameters.

    Raises:
        ValueError: If `input_shape` is too small or not three integers, or a name is not known.

    Example:
        >>> tfnxc.models.normxcorr().count_params()
        1121222

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, and its supplement, section 3.2.
    """
    weights, (filters, units) = Weights(l2, initializer), check_sizes(filters, units)

    def features_of(probe, gallery):
        dense = norm_xcorr_branch(probe, gallery, search_size, filters[-1], units, weights)
        return keras.layers.ReLU(name="features")(dense)

    return pair_model("normxcorr", input_shape, filters, scaling, weights, features_of)
