"""`NormXcorrSummary` as a Keras layer, and as the three layers that it replaces."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.layers import layer_checks
from tfnxc.layers import NormXcorr, NormXcorrSummary

pytestmark = pytest.mark.usefixtures("implementation")


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": 2, "kernel_initializer": "ones", "bias_initializer": "ones"},
        {
            "filters": 1,
            "search_size": (3, 5),
            "patch_size": (3, 5),
            "epsilon": 0.1,
            "gradient": "published",
            "activation": "tanh",
            "kernel_initializer": "ones",
        },
    ],
    ids=["defaults", "other arguments"],
)
def test_it_does_all_that_keras_asks_of_a_layer(arguments, tmp_path, keras_seed, monkeypatch):
    of_correlation = {name: arguments[name] for name in ("patch_size", "search_size", "epsilon") if name in arguments}
    activation = np.tanh if "activation" in arguments else lambda value: value
    # The sum of many maps is of order 10: so are its differences.
    tolerances = {name: 40 * value for name, value in layer_checks.TOLERANCES.items()}
    monkeypatch.setattr(layer_checks, "TOLERANCES", tolerances)

    def reference(x, y):
        summary = np.maximum(oracle.norm_xcorr(x, y, **of_correlation), 0).sum(axis=-1, keepdims=True)
        return activation(np.repeat(summary + ("bias_initializer" in arguments), arguments["filters"], axis=-1))

    maps = layer_checks.SHAPE[2] * (15 if "search_size" in arguments else 25)
    parameters = (maps + 1) * arguments["filters"]
    layer_checks.check_layer(NormXcorrSummary, arguments, reference, tmp_path, parameters)


def test_wrong_inputs_are_refused():
    layer_checks.check_wrong_inputs(functools.partial(_named, 2))


def _named(filters):
    return NormXcorrSummary(filters, name="NormXcorrSummary")


@pytest.mark.parametrize("search_size", [(5, 5), (5, None)])
def test_other_maps_than_it_was_built_for_are_refused(search_size):
    make = functools.partial(NormXcorrSummary, 2, search_size=search_size)
    layer_checks.check_made_for(make, channels_only=search_size[1] is not None)


@pytest.mark.parametrize(("filters", "message"), [(0, "received 0"), (2.5, "received 2.5"), (None, "received None")])
def test_wrong_filters_are_refused(filters, message):
    with pytest.raises(ValueError, match=f"filters must be a whole number, 1 or above, {message}"):
        NormXcorrSummary(filters)


def test_it_equals_three_layers_with_the_same_weights(keras_seed, rng, tmp_path):
    """Output, gradients of inputs and weights, regularization; weights go from one to the other as they are."""
    options = {"kernel_regularizer": keras.regularizers.L2(0.01), "bias_regularizer": keras.regularizers.L2(0.01)}
    pair = [tf.constant(rng.normal(size=(2, 6, 5, 3)), tf.float32) for _ in range(2)]
    inputs = [keras.Input((6, 5, 3)) for _ in range(2)]
    maps = keras.layers.ReLU()(NormXcorr(implementation="python")(inputs))
    three = keras.Model(inputs, keras.layers.Conv2D(4, 1, bias_initializer="normal", **options)(maps))
    layer_checks.check_equals_several_layers(three, lambda: NormXcorrSummary(4, **options), inputs, pair, tmp_path)
