"""The three architectures on a tower that is given, and the correlation's own arguments."""

import inspect

import keras
import numpy as np
import pytest

from tests import oracle
from tests.models.small_towers import SHAPE, give_statistics, small_head, small_tower
from tests.models.test_builders import SMALL
from tfnxc.models import BUILDERS, fused, normxcorr, pair_model, split

every_builder = pytest.mark.parametrize("builder", BUILDERS)
correlating = pytest.mark.parametrize("builder", ["normxcorr", "fused"])


@every_builder
def test_it_takes_the_place_of_the_published_one(builder, keras_seed, rng, tmp_path):
    tower = small_tower()
    give_statistics(tower, rng)
    model = BUILDERS[builder](tower=tower, filters=5, units=7)
    assert model.name == builder and [tuple(each.shape) for each in model.inputs] == [(None, *SHAPE)] * 2
    published = BUILDERS[builder](**{**SMALL, "filters": (3, 5)})
    assert [each.name for each in split(model).head.layers] == [each.name for each in split(published).head.layers]
    layer = split(model).head.get_layer({"ahmed": "across_probe"}.get(builder, "norm_xcorr_across"))
    assert layer.kernel.shape[-2:] == (5, 5)
    assert len(model.losses) == 2 * len([each for each in split(model).head.layers if each.weights])
    pair = [rng.random((3, *SHAPE), np.float32) for _ in range(2)]
    expected = split(model).head([tower(each) for each in pair])
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        np.testing.assert_allclose(each(pair), expected, atol=1e-6)


@every_builder
def test_a_head_is_as_wide_as_published_unless_told(builder):
    head = split(BUILDERS[builder](tower=small_tower(), units=4)).head
    assert head.get_layer({"ahmed": "across_probe"}.get(builder, "norm_xcorr_across")).kernel.shape[-1] == 25


@every_builder
def test_what_a_given_tower_decides_is_not_said_otherwise(builder):
    build, tower = BUILDERS[builder], small_tower()
    assert build(SHAPE, tower=tower, units=4, scaling="published").input_shape == [(None, *SHAPE)] * 2
    with pytest.raises(ValueError, match=r"input_shape is that of the tower, \(40, 28, 3\); got \(160, 60, 3\)"):
        build((160, 60, 3), tower=tower)
    with pytest.raises(
        ValueError, match=r"filters is one number where a tower is given.* gives 6 maps; got \(20, 25\)"
    ):
        build(filters=(20, 25), tower=tower)
    with pytest.raises(ValueError, match=r"got 'centred' beside a tower. Begin the tower with keras.layers.Rescaling"):
        build(scaling="centred", tower=tower)
    with pytest.raises(ValueError, match=r"tower must be a functional keras.Model of one image"):
        build(tower=keras.layers.Conv2D(3, 3))
    with pytest.raises(ValueError, match="filters must be two numbers, one for each stage of the tower; got 25"):
        build(filters=25)


@pytest.mark.parametrize(("builder", "least"), [("ahmed", 3), ("normxcorr", 4), ("fused", 4)])
def test_maps_of_which_nothing_would_be_left_are_refused(builder, least):
    def tower(rows, columns):
        return keras.Sequential([keras.Input((4 * rows, 4 * columns, 3)), keras.layers.Conv2D(2, 4, strides=4)])

    assert BUILDERS[builder](tower=tower(least, least), filters=2, units=3).output_shape == (None, 2)
    for rows, columns in ((least - 1, 9), (9, least - 1)):
        with pytest.raises(ValueError, match=rf"maps of {least} rows and columns at least.*\({rows}, {columns}, 2\)"):
            BUILDERS[builder](tower=tower(rows, columns))


@every_builder
def test_a_name_and_the_defaults_change_no_weight(builder):
    def weights(**options):
        keras.utils.set_random_seed(0)
        return BUILDERS[builder](**options)

    named = weights(name="mine", input_shape=(160, 60, 3), filters=(20, 25))
    plain = weights()
    assert (named.name, plain.name) == ("mine", builder)
    for one, other in zip(named.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@correlating
def test_patch_and_epsilon_are_those_of_the_correlation(builder, keras_seed, rng):
    head = split(BUILDERS[builder](**SMALL, patch_size=(3, 5), epsilon=0.3)).head
    layer = head.get_layer("norm_xcorr_summary")
    assert (layer.patch_size, layer.epsilon) == ((3, 5), 0.3)
    x, y = (rng.random((2, *each.shape[1:]), np.float32) for each in head.inputs)
    kernel, bias = layer.get_weights()
    maps = np.maximum(oracle.norm_xcorr(x, y, patch_size=(3, 5), epsilon=0.3), 0)
    np.testing.assert_allclose(layer([x, y]), np.maximum(maps @ kernel[0, 0] + bias, 0), atol=1e-5)
    default = split(BUILDERS[builder](**SMALL)).head.get_layer("norm_xcorr_summary")
    assert (default.patch_size, default.epsilon) == ((5, 5), 0.01)
    with pytest.raises(ValueError, match="patch_size must be two odd positive integers"):
        BUILDERS[builder](**SMALL, patch_size=(4, 4))
    with pytest.raises(ValueError, match="epsilon must be a positive, finite number"):
        BUILDERS[builder](**SMALL, epsilon=0)


def test_ahmed_has_no_correlation():
    assert {"patch_size", "epsilon"} <= set(inspect.signature(fused).parameters)
    assert not {"patch_size", "epsilon"} & set(inspect.signature(BUILDERS["ahmed"]).parameters)


def test_a_tower_serves_several_models(keras_seed, rng):
    tower = small_tower()
    one, other = normxcorr(tower=tower, filters=2, units=3), pair_model(tower, small_head((9, 6, 6)))
    other.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    other.fit([rng.random((4, *SHAPE), np.float32) for _ in range(2)], np.arange(4) % 2, verbose=0)
    np.testing.assert_array_equal(split(one).tower.get_weights()[0], split(other).tower.get_weights()[0])
