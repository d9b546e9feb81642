"""The pooling layer against cells cut out by hand, and what Keras asks of a layer."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.keras_settings import image_data_format
from tfnxc.embedding import StatisticsPooling, pooled


def naive(maps, rows, columns):
    """Mean and deviation of each cell, cut out one by one."""
    sizes = zip(maps.shape[1:3], (rows, columns), strict=True)
    down, across = (np.linspace(0, size, parts + 1).round().astype(int) for size, parts in sizes)
    bounds = itertools.product(itertools.pairwise(down), itertools.pairwise(across))
    cells = [maps[:, top:bottom, left:right] for (top, bottom), (left, right) in bounds]
    return np.concatenate([of(cell, axis=(1, 2)) for of in (np.mean, np.std) for cell in cells], axis=1)


@pytest.mark.parametrize(("shape", "grid"), [((37, 12, 25), (12, 2)), ((7, 5, 2), (3, 2)), ((4, 4, 1), (4, 4))])
def test_cells(rng, shape, grid):
    maps = rng.normal(size=(3, *shape))
    found = StatisticsPooling(*grid, dtype="float64")(maps)
    assert found.shape == (3, 2 * grid[0] * grid[1] * shape[2])
    np.testing.assert_allclose(found, naive(maps, *grid), atol=2e-6)


def test_by_hand():
    maps = np.array([[1.0, 3.0], [5.0, 5.0]]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(StatisticsPooling(2, 1)(maps)[0], [2, 5, 1, 0], atol=1e-5)
    np.testing.assert_allclose(StatisticsPooling(2, 1, root=True)(4 * maps)[0], [8**0.5, 20**0.5, 2, 0], atol=2e-3)
    np.testing.assert_allclose(StatisticsPooling(1, 1, root=True)(-4 * maps)[0, 0], -(14**0.5), rtol=1e-6)


def test_large_values_do_not_cancel():
    maps = 1e4 + np.array([0.0, 1.0, 0.0, 1.0], np.float32).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(StatisticsPooling(1, 1)(maps)[0], [1e4 + 0.5, 0.5], rtol=1e-4)


def test_a_map_smaller_than_the_grid_has_a_cell_a_position(rng):
    maps = rng.normal(size=(2, 2, 3, 4))
    layer = StatisticsPooling(12, 2)
    assert layer(maps).shape == layer.compute_output_shape(maps.shape) == (2, 2 * 2 * 2 * 4)


@pytest.mark.parametrize("root", [False, True])
def test_the_gradient_is_finite_where_a_cell_is_flat(root):
    maps = tf.Variable(np.zeros((1, 4, 4, 1), np.float32))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(StatisticsPooling(2, 2, root=root)(maps))
    assert np.isfinite(tape.gradient(total, maps)).all()


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_types(policy):
    layer = StatisticsPooling(2, 2, dtype=policy)
    found = layer(np.ones((1, 4, 4, 2), np.float32))
    assert found.dtype == layer.compute_dtype
    np.testing.assert_allclose(tf.cast(found[0, :8], tf.float32), 1)


def test_it_is_saved(rng, tmp_path):
    maps = keras.Input((9, 6, 3))
    model = keras.Model(maps, StatisticsPooling(4, 3, root=True)(maps))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    values = rng.random((2, 9, 6, 3), np.float32)
    np.testing.assert_array_equal(loaded(values), model(values))


def test_channels_first(rng):
    """By the argument and by Keras' setting, which does not touch the embedding's own maps."""
    maps = rng.random((2, 9, 6, 3), np.float32)
    expected, of_embedding, first = StatisticsPooling(4, 3)(maps), pooled(maps), maps.transpose(0, 3, 1, 2)
    config = StatisticsPooling(4, 3).get_config()
    assert config.pop("data_format") == "channels_last"
    with image_data_format("channels_first"):
        layers = [StatisticsPooling(4, 3), StatisticsPooling(4, 3, data_format="channels_first")]
        last = StatisticsPooling.from_config(config)
        np.testing.assert_array_equal(pooled(maps), of_embedding)
    for layer in layers:
        np.testing.assert_array_equal(layer(first), expected)
        assert layer.compute_output_shape(first.shape) == tuple(expected.shape)
    np.testing.assert_array_equal(last(maps), expected)
    with pytest.raises(ValueError, match=r"must be \(batch, channels, height, width\), .*got \(None, 3, None, 6\)"):
        layers[0](keras.Input((3, None, 6)))
    with pytest.raises(ValueError, match="one of channels_last, channels_first, or None; got 'first'"):
        StatisticsPooling(data_format="first")


@pytest.mark.parametrize(("rows", "columns"), [(0, 2), (3, 1.5), ("a", 1)])
def test_grids_that_are_none_are_refused(rows, columns):
    with pytest.raises(ValueError, match="must be a whole number, 1 or above, received"):
        StatisticsPooling(rows, columns)


def test_maps_of_unknown_size_are_refused():
    with pytest.raises(ValueError, match="all but batch fixed; got"):
        StatisticsPooling()(keras.Input((None, 12, 25)))
