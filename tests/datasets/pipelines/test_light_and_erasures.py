"""Changes of light and hidden rectangles, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tfnxc.datasets.pipelines.pipeline import ERASURE_DRAWS, LIGHT_DRAWS, erased, relit

MIDDLE = np.full((LIGHT_DRAWS, 1), 0.5, np.float32)  # where nothing changes


def changed(index, value, image, strength=1.0):
    draws = MIDDLE.copy()
    draws[index] = value
    return relit(tf.constant(image), tf.constant(draws), strength).numpy()


@pytest.fixture
def image():
    return np.random.default_rng(0).uniform(0.3, 0.6, (1, 8, 6, 3)).astype("float32")


def test_draws_in_the_middle_and_no_strength_change_nothing(image):
    np.testing.assert_allclose(changed(0, 0.5, image), image, atol=1e-6)
    np.testing.assert_allclose(changed(slice(None), 0.9, image, strength=0.0), image, atol=1e-6)


def test_each_draw_changes_what_it_is_for(image):
    np.testing.assert_allclose(changed(0, 1.0, image), 1.35 * image, rtol=1e-5)
    grey = image.mean(axis=-1, keepdims=True)
    flat = changed(1, 0.0, image)
    np.testing.assert_allclose(flat.std() / image.std(), 1 / 1.35, rtol=1e-4)
    np.testing.assert_allclose(flat.mean(), image.mean(), rtol=1e-5)
    np.testing.assert_allclose(changed(2, 1.0, image), grey + 1.35 * (image - grey), atol=1e-5)
    for colour in range(3):
        expected = image * np.where(np.arange(3) == colour, 1.1, 1.0)
        np.testing.assert_allclose(changed(3 + colour, 1.0, image), expected, atol=1e-5)


def test_images_stay_in_their_range(image):
    for value in (0.0, 1.0):
        result = changed(slice(None), value, image, strength=5.0)
        assert result.min() >= 0 and result.max() <= 1


def test_a_rectangle_of_the_drawn_size_is_hidden_at_the_drawn_place():
    images = np.zeros((2, 100, 60, 3), np.float32)
    draws = np.array([[0.1, 0.9], [0.5, 0.5], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]], np.float32)
    assert len(draws) == ERASURE_DRAWS
    first, second = erased(tf.constant(images), tf.constant(draws), 0.5).numpy()
    rows, columns = np.nonzero(first[:, :, 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 19, 30, 59)
    assert len(rows) == 20 * 30 and len(np.unique(first)) == 2  # one grey
    assert not second.any()


def test_the_share_of_images_with_a_rectangle():
    draws = tf.random.stateless_uniform([ERASURE_DRAWS, 2000], [1, 2])
    result = erased(tf.fill([2000, 20, 20, 3], -1.0), draws, 0.3).numpy()
    hidden = (result != -1).any(axis=(1, 2, 3))
    assert abs(hidden.mean() - 0.3) < 0.05
    greys = result[hidden].max(axis=(1, 2, 3))
    assert greys.min() < 0.1 and greys.max() > 0.9 and abs(greys.mean() - 0.5) < 0.05
