import keras
import numpy as np
import pytest

from tfnxc import models
from tfnxc.models.compatibility import incompatibility


def normxcorr(**options):
    return models.normxcorr((40, 28, 3), filters=(3, 4), units=8, **options)


@pytest.mark.parametrize("build", [models.ahmed, models.normxcorr, models.fused])
def test_what_matters_in_a_training_alone_is_no_difference(build, tmp_path):
    model, other = build(scaling="centred"), build(scaling="centred", l2=0.0, initializer="he")
    other.save(tmp_path / "other.keras")
    assert incompatibility(keras.models.load_model(tmp_path / "other.keras"), model) is None


def test_another_precision_is_no_difference():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        half = normxcorr()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert incompatibility(half, normxcorr()) is None


def test_other_layers_that_compute_the_same_are_no_difference():
    """As in a model from before some of its layers became one."""

    def model(*layers):
        return keras.Sequential([keras.Input((2, 3, 1)), keras.layers.Conv2D(2, 2, **layers[0]), *layers[1:]])

    fused = model({"activation": "relu"})
    parts = model({}, keras.layers.ReLU())
    parts.set_weights(fused.get_weights())
    assert incompatibility(parts, fused) is None and incompatibility(fused, parts) is None
    both = [-np.ones_like(weight) for weight in fused.get_weights()]
    fused.set_weights(both)
    parts = model({})
    parts.set_weights(both)
    assert incompatibility(parts, fused).endswith("activation linear there, relu here")


def test_what_has_the_same_weights_and_computes_something_else():
    centred, plain = alike(normxcorr(scaling="centred"), normxcorr())
    assert incompatibility(centred, plain) == 'Rescaling "scaling" there, Conv2D "stage1_conv" here'
    found = incompatibility(*alike(normxcorr(search_size=(3, 5)), normxcorr(search_size=(5, 3))))
    assert found.endswith("search_size [3, 5] there, [5, 3] here")
    dense = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    more = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.ReLU(name="last")])
    more.set_weights([-np.ones_like(weight) for weight in more.get_weights()])
    assert incompatibility(*alike(more, dense)) == 'ReLU "last" there, nothing here'


def alike(model, other):
    """Two models with the same weights."""
    other.set_weights(model.get_weights())
    return model, other
