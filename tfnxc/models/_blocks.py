"""What the three architectures are made of: initialized layers, the tied tower, branches of a head."""

import dataclasses
import math
import operator

import keras

from tfnxc import layers
from tfnxc.models.pair_model import check_tower, joined
from tfnxc.number_checks import whole_number

SMALLEST_SIDE = 28
"""Least height and width of an image: below it no pixel is left after the tower, a 3x3 convolution and pooling."""

INPUT_SHAPE, FILTERS = (160, 60, 3), (20, 25)
"""Size of an image, and filters of the two stages of the tower, where nothing is said (SPEC section 3)."""

SCALINGS = {"published": None, "centred": (2.0, -0.8)}
"""What a model does to its images, by name: nothing, or scale * image + offset, which puts the mean of photographs near
0 and takes no parameters. With a valid convolution after it the model can express the same functions either way."""

INITIALIZERS = ("published", "he")
"""How weights begin: Torch7's uniform(+-1/sqrt(fan_in)), biases too (SPEC 4); or He's normal(2/fan_in), biases 0."""


LAST = {"data_format": "channels_last"}
"""The format of a model's images and maps, whatever Keras' own setting is."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """How the weights of a model begin, and their decay: `l2` times each is added to its gradient."""

    l2: float
    initializer: str = "published"

    def __post_init__(self):
        if self.initializer not in INITIALIZERS:
            raise ValueError(f"initializer must be one of {', '.join(INITIALIZERS)}; got {self.initializer!r}.")

    def options(self, fan_in):
        """Keyword arguments of a layer whose kernel sums `fan_in` numbers."""
        if self.initializer == "published":
            limit = 1 / math.sqrt(fan_in)
            kernel, bias = (keras.initializers.RandomUniform(-limit, limit) for _ in range(2))
        else:
            kernel, bias = keras.initializers.HeNormal(), keras.initializers.Zeros()
        options = {"kernel_initializer": kernel, "bias_initializer": bias}
        for name in ("kernel_regularizer", "bias_regularizer"):
            # Keras' L2(k) is k * w^2: its gradient is 2 k w.
            options[name] = keras.regularizers.L2(float(self.l2) / 2) if self.l2 else None
        return options

    def convolution(self, filters, kernel_size, channels, **kwargs):
        """Conv2D with these weights; `channels` is its input's."""
        fan_in = math.prod(kernel_size) * channels
        return keras.layers.Conv2D(filters, kernel_size, **LAST, **self.options(fan_in), **kwargs)

    def dense(self, units, inputs, **kwargs):
        """Dense with these weights; `inputs` is the size of its input."""
        return keras.layers.Dense(units, **self.options(inputs), **kwargs)


def check_input_shape(input_shape):
    """`input_shape` as (height, width, channels), large enough for every head."""
    shape = _integers(input_shape)
    if len(shape) != 3 or min(shape[:2]) < SMALLEST_SIDE or shape[2] < 1:
        raise ValueError(
            f"input_shape must be (height, width, channels), height and width at least {SMALLEST_SIDE}; "
            f"got {input_shape!r}."
        )
    return shape


def _integers(sizes):
    """Sizes as a tuple of integers; an empty one of what is none."""
    try:
        return tuple(operator.index(size) for size in sizes)
    except TypeError:
        return ()


def tower_and_filters(tower, input_shape, filters, scaling, weights, least=4):
    """The tower that is given, or else the tied one; and the number of filters of the head.

    Of a given tower what the other arguments say must not differ; its maps have `least` rows and columns, or nothing
    would be left of them after a 3x3 convolution and pooling.
    """
    if tower is not None:
        check_tower(tower)
        _check_of_tower(tower, input_shape, filters, scaling, least)
        return tower, whole_number("filters", FILTERS[-1] if filters is None else filters, least=1)
    filters = FILTERS if filters is None else filters
    if not hasattr(filters, "__len__") or len(filters) != 2:
        raise ValueError(f"filters must be two numbers, one for each stage of the tower; got {filters!r}.")
    filters = [whole_number("filters", each, least=1) for each in filters]
    shape = check_input_shape(INPUT_SHAPE if input_shape is None else input_shape)
    return _build_tower(shape, filters, weights, scaling), filters[-1]


def _check_of_tower(tower, input_shape, filters, scaling, least):
    takes, (rows, columns, channels) = tuple(tower.inputs[0].shape[1:]), tuple(tower.outputs[0].shape[1:])
    if min(rows, columns) < least:
        raise ValueError(
            f"tower must give maps of {least} rows and columns at least, so that something is left after a 3x3 "
            f"convolution and pooling; got maps of shape {(rows, columns, channels)}. End it at an earlier layer, or "
            "give it larger images."
        )
    if input_shape is not None and _integers(input_shape) != takes:
        raise ValueError(f"input_shape is that of the tower, {takes}; got {input_shape!r}. Leave it out.")
    if hasattr(filters, "__len__"):
        raise ValueError(
            f"filters is one number where a tower is given, that of the head: the tower gives {channels} maps; got "
            f"{filters!r}."
        )
    if scaling != "published":
        raise ValueError(
            f"scaling is of the tower that tfnxc builds; got {scaling!r} beside a tower. Begin the tower with "
            "keras.layers.Rescaling."
        )


def _build_tower(input_shape, filters, weights, scaling):
    """The tied tower: two stages of 5x5 convolution, ReLU and max-pooling (SPEC section 3)."""
    if scaling not in SCALINGS:
        raise ValueError(f"scaling must be one of {', '.join(SCALINGS)}; got {scaling!r}.")
    image = keras.Input(input_shape, name="image")
    maps = image
    if SCALINGS[scaling] is not None:
        scale, offset = SCALINGS[scaling]
        maps = keras.layers.Rescaling(scale, offset, name="scaling")(maps)
    for stage, count in enumerate(filters, start=1):
        convolution = weights.convolution(count, (5, 5), maps.shape[-1], activation="relu", name=f"stage{stage}_conv")
        maps = keras.layers.MaxPooling2D(2, **LAST, name=f"stage{stage}_pool")(convolution(maps))
    return keras.Model(image, maps, name="tower")


def classifier(tower, features_of, weights, name):
    """The pair model of a tower and of the features of a pair, which `features_of` makes from both of its maps.

    Dense 2 and softmax follow them, kept in float32: class 0 = different, class 1 = same (SPEC section 3).
    """
    shape = tuple(tower.outputs[0].shape[1:])
    maps = [keras.Input(shape, name=side) for side in ("probe_features", "gallery_features")]
    features = features_of(*maps)
    logits = weights.dense(2, features.shape[-1], dtype="float32", name="logits")(features)
    probabilities = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    return joined(tower, keras.Model(maps, probabilities, name="head"), name)


def norm_xcorr_branch(probe, gallery, correlation, filters, units, weights):
    """Normalized correlation with the arguments `correlation`, ReLU and its summary, up to the dense layer."""
    maps = layers.NormXcorr(**correlation, **LAST).compute_output_shape([probe.shape, gallery.shape])[-1]
    options = {"activation": "relu", **correlation, **LAST, **weights.options(fan_in=maps)}
    summary = layers.NormXcorrSummary(filters, name="norm_xcorr_summary", **options)
    return _across(summary([probe, gallery]), "norm_xcorr", filters, units, weights)


def neighborhood_branch(probe, gallery, search_size, filters, units, weights):
    """Cross-input neighborhood differences both ways, ReLU and their summary, up to the dense layer before its ReLU."""
    maps = 2 * layers.CrossInputNeighborhood(search_size, **LAST).compute_output_shape([probe.shape, gallery.shape])[-1]
    options = {"search_size": search_size, "activation": "relu", **LAST, **weights.options(fan_in=maps)}
    summary = layers.CrossInputSummary(filters, both_ways=True, name="neighborhood_summary", **options)
    return _across(summary([probe, gallery]), "neighborhood", filters, units, weights)


def _across(summary, name, filters, units, weights):
    """3x3 convolution -> max-pooling rounding down -> dense."""
    maps = weights.convolution(filters, (3, 3), filters, name=f"{name}_across")(summary)
    maps = keras.layers.MaxPooling2D(2, **LAST, name=f"{name}_pool")(maps)
    features = keras.layers.Flatten(**LAST, name=f"{name}_flat")(maps)
    return weights.dense(units, features.shape[-1], name=f"{name}_dense")(features)
