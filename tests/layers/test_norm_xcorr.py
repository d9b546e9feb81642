"""`NormXcorr` as a Keras layer."""

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.layers import layer_checks
from tfnxc.layers import NormXcorr

pytestmark = pytest.mark.usefixtures("implementation")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"search_size": (3, 5), "patch_size": (3, 5), "epsilon": 0.1, "gradient": "published"},
    ],
    ids=["defaults", "other arguments"],
)
def test_it_does_all_that_keras_asks_of_a_layer(arguments, tmp_path, keras_seed):
    def reference(x, y):
        return oracle.norm_xcorr(x, y, **{name: value for name, value in arguments.items() if name != "gradient"})

    layer_checks.check_layer(NormXcorr, arguments, reference, tmp_path)


@pytest.mark.parametrize("gradient", ["exact", "published"])
def test_the_gradient_is_the_one_asked_for(gradient, rng):
    x, y, upstream = rng.normal(size=(1, 6, 5, 1)), rng.normal(size=(1, 6, 5, 1)), rng.normal(size=(1, 6, 5, 25))
    pair = [tf.constant(x), tf.constant(y)]
    with tf.GradientTape() as tape:
        tape.watch(pair)
        out = NormXcorr(gradient=gradient, dtype="float64")(pair)
    expected = oracle.norm_xcorr_gradient(x, y, upstream, gradient=gradient)
    for one, other in zip(tape.gradient(out, pair, tf.constant(upstream)), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_wrong_inputs_are_refused():
    layer_checks.check_wrong_inputs(NormXcorr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patch_size": (4, 5)}, r"patch_size must be two odd positive integers .*got \(4, 5\)"),
        ({"patch_size": 5}, "patch_size must be a pair of integers; got 5"),
        ({"patch_size": (1, 1)}, "at least 2 pixels.*got"),
        ({"search_size": (5, 4)}, r"search_size must be \(rows, columns\): odd .*got \(5, 4\)"),
        ({"search_size": (None, 5)}, r"search_size must be .*got \(None, 5\)"),
        ({"epsilon": 0}, "epsilon must be a positive, finite number; got 0"),
        ({"gradient": "approximate"}, r"gradient must be one of \('exact', 'published'\); got 'approximate'"),
        ({"implementation": "fast"}, "implementation must be one of .*got 'fast'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        NormXcorr(**arguments)


def test_sizes_from_a_json_file_become_tuples():
    layer = NormXcorr(patch_size=[3, 3], search_size=[5, None])
    assert (layer.patch_size, layer.search_size) == ((3, 3), (5, None))
