"""Keras' own tests that every layer of keras.layers has to pass, on the layers of this package."""

import numpy as np
import pytest

from tfnxc import layers
from tfnxc.keras_line import KERAS_2

pytestmark = pytest.mark.skipif(KERAS_2, reason="Keras 2.15 has no such tests of layers of several inputs")

MAPS = ((2, 6, 5, 3),) * 2
CASES = [  # layer, arguments, shapes of the inputs, shape of the output, weights
    (layers.NormXcorr, {}, MAPS, (2, 6, 5, 75), 0),
    (layers.NormXcorr, {"patch_size": 3, "search_size": 3, "stride": 2, "padding": "masked"}, MAPS, (2, 3, 3, 27), 0),
    (
        layers.NormXcorr,
        {"reduction": "learned", "output_axes": 5, "kernel_constraint": "non_neg"},
        MAPS,
        (2, 6, 5, 5, 5),
        1,
    ),
    (layers.NormXcorrSummary, {"filters": 4, "search_size": 3, "kernel_regularizer": "l2"}, MAPS, (2, 6, 5, 4), 2),
    (layers.NormXcorrSummary, {"filters": 4, "use_bias": False}, MAPS, (2, 6, 5, 4), 1),
    (layers.CrossInputNeighborhood, {"layout": "blocks", "search_size": 3}, MAPS, (2, 18, 15, 3), 0),
    (layers.CrossInputSummary, {"filters": 4, "both_ways": True, "bias_constraint": "non_neg"}, MAPS, (2, 6, 5, 4), 2),
    (layers.BestDisplacement, {"method": "soft"}, (2, 6, 5, 3, 3), (2, 6, 5, 2), 0),
]


@pytest.mark.filterwarnings("ignore:(.*shuffle|The model does not have any):UserWarning")  # of Keras about its own test
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_it_passes_the_tests_of_keras(case):
    from keras.src import testing

    layer_class, arguments, shapes, output, weights = case
    testing.TestCase().run_layer_test(
        layer_class,
        init_kwargs={**arguments, "data_format": "channels_last"},
        input_shape=shapes,
        expected_output_shape=output,
        expected_num_trainable_weights=weights,
        expected_num_non_trainable_weights=0,
        expected_num_seed_generators=0,
        expected_num_losses=1 if "kernel_regularizer" in arguments else 0,
        supports_masking=False,
        assert_built_after_instantiation=False,
    )


def test_a_mask_is_not_given_on():
    assert layers.NormXcorr().supports_masking is False
    assert np.all(
        np.isfinite(layers.NormXcorr(3, 3)(np.zeros((1, 4, 4, 1), "float32"), np.zeros((1, 4, 4, 1), "float32")))
    )
