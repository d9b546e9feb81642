"""Pieces that the three architectures share: initialized layers, the tied tower, the pair model around both parts."""

from __future__ import annotations

import math
import operator

import keras

SMALLEST_SIDE = 28
"""Least height and width of an image: below it no pixel is left after the tower, a 3x3 convolution and pooling."""


def convolution(filters, kernel_size, channels, l2, **kwargs):
    """Conv2D with the published initialization and L2 for kernel and bias; `channels` is its input's."""
    fan_in = math.prod(kernel_size) * channels
    return keras.layers.Conv2D(filters, kernel_size, **published(fan_in, l2), **kwargs)


def dense(units, inputs, l2, **kwargs):
    """Dense with the published initialization and L2 for kernel and bias; `inputs` is the size of its input."""
    return keras.layers.Dense(units, **published(inputs, l2), **kwargs)


def published(fan_in, l2):
    """Torch7's initialization, uniform(+-1/sqrt(fan_in)), and L2 whose gradient is l2 * w, biases included (SPEC 4)."""

    def uniform():
        return keras.initializers.RandomUniform(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def penalty():
        return keras.regularizers.L2(l2 / 2) if l2 else None  # Keras' L2(k) is k * w^2, whose gradient is 2 k w

    return {
        "kernel_initializer": uniform(),
        "bias_initializer": uniform(),
        "kernel_regularizer": penalty(),
        "bias_regularizer": penalty(),
    }


def check_input_shape(input_shape):
    """`input_shape` as (height, width, channels), large enough for every head."""
    try:
        shape = tuple(operator.index(size) for size in input_shape)
    except TypeError:
        shape = ()
    if len(shape) != 3 or min(shape[:2]) < SMALLEST_SIDE or shape[2] < 1:
        raise ValueError(
            f"input_shape must be (height, width, channels), height and width at least {SMALLEST_SIDE}; "
            f"got {input_shape!r}."
        )
    return shape


def build_tower(input_shape, filters, l2):
    """The tied tower: two stages of 5x5 convolution, ReLU and max-pooling (SPEC section 3)."""
    if len(filters) != 2:
        raise ValueError(f"filters must be two numbers, one for each stage of the tower; got {filters!r}.")
    image = keras.Input(input_shape, name="image")
    maps = image
    for stage, count in enumerate(filters, start=1):
        maps = convolution(count, (5, 5), maps.shape[-1], l2, activation="relu", name=f"stage{stage}_conv")(maps)
        maps = keras.layers.MaxPooling2D(2, name=f"stage{stage}_pool")(maps)
    return keras.Model(image, maps, name="tower")


def head_inputs(map_shape):
    """The two inputs of a pair head: the towers' maps of a probe and a gallery image."""
    return [keras.Input(map_shape, name=name) for name in ("probe_features", "gallery_features")]


def classify(features, l2):
    """Dense 2 and softmax, kept in float32: class 0 = different, class 1 = same (SPEC section 3)."""
    logits = dense(2, features.shape[-1], l2, dtype="float32", name="logits")(features)
    return keras.layers.Softmax(dtype="float32", name="probabilities")(logits)


def pair_model(name, input_shape, tower, head):
    """The whole model of two images: the tower on each, the head on both."""
    images = [keras.Input(input_shape, name=side) for side in ("probe", "gallery")]
    return keras.Model(images, head([tower(image) for image in images]), name=name)
