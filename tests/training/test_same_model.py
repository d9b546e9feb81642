import keras
import pytest

from tfnxc import models
from tfnxc.training.same_model import difference


def normxcorr(**options):
    return models.normxcorr((40, 28, 3), filters=(3, 4), units=8, **options)


@pytest.mark.parametrize("build", [models.ahmed, models.normxcorr, models.fused])
def test_what_matters_in_a_training_alone_is_no_difference(build, tmp_path):
    model, other = build(scaling="centred"), build(scaling="centred", l2=0.0, initializer="he")
    other.save(tmp_path / "other.keras")
    assert difference(keras.models.load_model(tmp_path / "other.keras"), model) is None


def test_another_precision_is_no_difference():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        half = normxcorr()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert difference(half, normxcorr()) is None


def test_what_has_the_same_weights_and_computes_something_else():
    assert difference(normxcorr(scaling="centred"), normxcorr()) == (
        'Rescaling "scaling" there, Conv2D "stage1_conv" here'
    )
    found = difference(normxcorr(search_size=(3, 5)), normxcorr(search_size=(5, 3)))
    assert found.endswith("search_size [3, 5] there, [5, 3] here")
    dense = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    more = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.ReLU(name="last")])
    assert difference(more, dense) == 'ReLU "last" there, nothing here'
