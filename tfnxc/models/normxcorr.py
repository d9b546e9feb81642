"""The Normalized X-Corr model."""

from typing import Literal

import keras

from tfnxc.models._blocks import Weights, classifier, norm_xcorr_branch, tower_and_filters
from tfnxc.number_checks import whole_number


def normxcorr(
    input_shape: tuple[int, int, int] | None = None,
    search_size: tuple[int, int | None] = (5, None),
    filters: tuple[int, int] | int | None = None,
    units: int = 500,
    l2: float = 5e-4,
    scaling: Literal["published", "centred"] = "published",
    initializer: Literal["published", "he"] = "published",
    patch_size: tuple[int, int] = (5, 5),
    epsilon: float = 0.01,
    tower: keras.Model | None = None,
    name: str = "normxcorr",
) -> keras.Model:
    """The Normalized X-Corr model: tied towers, normalized correlation over a wide window, a classifier of the pair.

    Args:
        input_shape: `(height, width, channels)` of an image, height and width at least 28. Defaults to `None`: `(160,
            60, 3)`, or what the given tower takes.
        search_size: Search window of the correlation; columns `None` for the whole width. Defaults to `(5, None)`, the
            paper's 5x12; `(5, 5)` is its ablation.
        filters: Number of filters of the two tower stages; the second is also the head's. With a given tower one
            number, the head's. Defaults to `None`: `(20, 25)`, or `25`.
        units: Size of the dense layer. Defaults to `500`.
        l2: The gradient of every weight and bias receives `l2` times its value; of a given tower's none, which has
            regularizers of its own. Defaults to `5e-4`, as published.
        scaling: `"published"`: images are taken as they are; or `"centred"`: as 2 * image - 0.8, which trains faster
            and takes no parameters. A given tower scales for itself. Defaults to `"published"`.
        initializer: `"published"`: Torch7's; or `"he"`. A given tower keeps its weights. Defaults to `"published"`.
        patch_size: `(height, width)` of the patches that are correlated, odd. Defaults to `(5, 5)`.
        epsilon: Positive number added to each standard deviation of the correlation. Defaults to `0.01`.
        tower: A `keras.Model` of one image to one feature map, as in `pair_model`, in the place of the published tower;
            its maps have 4 rows and columns at least. It is used as it is, not copied. Defaults to `None`.
        name: Name of the model. Defaults to `"normxcorr"`.

    Returns:
        A `keras.Model` of the inputs `[probe, gallery]`, RGB images with values in [0, 1], to the probabilities
        `(batch, 2)` of (different, same). `tfnxc.models.split` takes it apart. With the defaults: 1,121,222 parameters.

    Raises:
        ValueError: If `input_shape` is too small or not three integers, a name is not known, or `tower` is not as
            described or contradicts another argument.

    Example:
        >>> tfnxc.models.normxcorr().count_params()
        1121222
        >>> maps = keras.Sequential([keras.Input((80, 40, 3)), keras.layers.Conv2D(16, 8, strides=4)])
        >>> model = tfnxc.models.normxcorr(tower=maps, filters=8, units=50, patch_size=(3, 3))
        >>> tfnxc.models.split(model).tower.output_shape
        (None, 19, 9, 16)

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016, and its supplement, section 3.2.
    """
    weights, units = Weights(l2, initializer), whole_number("units", units, least=1)
    tower, filters = tower_and_filters(tower, input_shape, filters, scaling, weights)
    correlation = {"patch_size": patch_size, "search_size": search_size, "epsilon": epsilon}

    def features_of(probe, gallery):
        dense = norm_xcorr_branch(probe, gallery, correlation, filters, units, weights)
        return keras.layers.ReLU(name="features")(dense)

    return classifier(tower, features_of, weights, name)
