"""`CrossInputSummary` as a Keras layer, and as the layers that it replaces."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.layers import layer_checks
from tfnxc.layers import CrossInputNeighborhood, CrossInputSummary

pytestmark = pytest.mark.usefixtures("implementation")


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": 2, "kernel_initializer": "ones", "bias_initializer": "ones"},
        {
            "filters": 1,
            "search_size": (3, None),
            "layout": "blocks",
            "both_ways": True,
            "activation": "tanh",
            "kernel_initializer": "ones",
        },
    ],
    ids=["defaults", "other arguments"],
)
def test_it_does_all_that_keras_asks_of_a_layer(arguments, tmp_path, keras_seed, monkeypatch):
    search_size = arguments.get("search_size", (5, 5))
    # The sum of many maps is of order 50: so are its differences.
    tolerances = {name: 40 * value for name, value in layer_checks.TOLERANCES.items()}
    monkeypatch.setattr(layer_checks, "TOLERANCES", tolerances)

    def reference(x, y):
        pairs = [(x, y), (y, x)] if "both_ways" in arguments else [(x, y)]
        summary = sum(
            np.maximum(oracle.cross_input_neighborhood(*pair, search_size), 0).sum(axis=-1, keepdims=True)
            for pair in pairs
        )
        return np.tanh(summary) if "activation" in arguments else np.repeat(summary + 1, 2, axis=-1)

    maps = layer_checks.SHAPE[2] * (2 * 15 if "both_ways" in arguments else 25)
    parameters = (maps + 1) * arguments["filters"]
    layer_checks.check_layer(CrossInputSummary, arguments, reference, tmp_path, parameters)


def test_wrong_inputs_are_refused():
    layer_checks.check_wrong_inputs(functools.partial(CrossInputSummary, 2, name="CrossInputSummary"))


@pytest.mark.parametrize("search_size", [(5, 5), (5, None)])
def test_other_maps_than_it_was_built_for_are_refused(search_size):
    make = functools.partial(CrossInputSummary, 2, search_size=search_size)
    layer_checks.check_made_for(make, channels_only=search_size[1] is not None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters must be a whole number, 1 or above, received 0"),
        ({"filters": 2.5}, "filters must be a whole number, 1 or above, received 2.5"),
        ({"filters": 2, "layout": "rows"}, "layout must be one of"),
        ({"filters": 2, "search_size": (4, 5)}, "search_size must be"),
        ({"filters": 2, "implementation": "fast"}, "implementation must be one of"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CrossInputSummary(**arguments)


@pytest.mark.parametrize("search_size", [(3, 5), (3, None)])
@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("layout", ["maps", "blocks"])
def test_it_equals_the_layers_it_replaces(layout, both_ways, search_size, keras_seed, rng, tmp_path):
    """Output, gradients of inputs and weights, regularization; weights go from one to the other as they are."""
    options = {"kernel_regularizer": keras.regularizers.L2(0.01), "bias_regularizer": keras.regularizers.L2(0.01)}
    pair = [tf.constant(rng.normal(size=(2, 6, 5, 3)), tf.float32) for _ in range(2)]
    inputs = [keras.Input((6, 5, 3)) for _ in range(2)]
    differences = [
        CrossInputNeighborhood(search_size, layout)(each) for each in (inputs, inputs[::-1])[: 1 + both_ways]
    ]
    differences = keras.layers.Concatenate()(differences) if both_ways else differences[0]
    block = (3, search_size[1] or 5) if layout == "blocks" else (1, 1)
    convolution = keras.layers.Conv2D(4, block, strides=block, bias_initializer="normal", **options)
    several = keras.Model(inputs, convolution(keras.layers.ReLU()(differences)))

    def layer():
        return CrossInputSummary(4, search_size, layout, both_ways, **options)

    layer_checks.check_equals_several_layers(several, layer, inputs, pair, tmp_path)
