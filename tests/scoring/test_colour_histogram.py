"""The colour histogram baseline."""

from __future__ import annotations

import colorsys
from fractions import Fraction

import numpy as np
import pytest

from tfnxc.metrics.cmc import cmc
from tfnxc.scoring.colour_histogram import BINS, STRIPES, colour_histogram_features, colour_histogram_scores


def plain(*colour, height: int = 12, width: int = 5) -> np.ndarray:
    """One picture of one colour."""
    return np.full((1, height, width, 3), colour, dtype=np.uint8)


def noise(count: int, seed: int, height: int = 13, width: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(count, height, width, 3), dtype=np.uint8)


def naive_features(image: np.ndarray) -> np.ndarray:
    """One pixel after the other, hue and saturation by the standard library on exact fractions."""
    height = len(image)
    counts = np.zeros((STRIPES, 3, BINS))
    for row in range(height):
        for pixel in image[row]:
            hsv = colorsys.rgb_to_hsv(*(Fraction(int(value), 256) for value in pixel))
            for channel, value in enumerate(hsv):
                counts[row * STRIPES // height, channel, min(int(value * BINS), BINS - 1)] += 1
    return (counts / counts.sum(axis=(1, 2), keepdims=True)).ravel()


class TestFeatures:
    def test_shape_and_dtype(self):
        features = colour_histogram_features(noise(3, seed=0))
        assert features.shape == (3, 288)
        assert features.dtype == np.float32

    def test_each_stripe_sums_to_one(self):
        # 13 rows: the stripes are not all of one height.
        features = colour_histogram_features(noise(4, seed=1)).reshape(4, STRIPES, -1)
        np.testing.assert_allclose(features.sum(axis=2), 1, rtol=1e-6)

    @pytest.mark.parametrize(
        ("colour", "bins"),
        [
            # Hue in 16ths of the circle, saturation and value in 16ths.
            ((255, 0, 0), (0, 15, 15)),
            ((0, 255, 0), (5, 15, 15)),  # 1/3 * 16 = 5.33
            ((0, 0, 255), (10, 15, 15)),  # 2/3 * 16 = 10.67
            ((255, 0, 255), (13, 15, 15)),  # 5/6 * 16 = 13.33
            ((255, 0, 1), (15, 15, 15)),  # just below the full circle
            ((0, 0, 0), (0, 0, 0)),
            ((255, 255, 255), (0, 0, 15)),
            ((128, 128, 128), (0, 0, 8)),
            ((64, 32, 32), (0, 8, 4)),  # saturation 32/64, value 64/256
        ],
    )
    def test_plain_colours(self, colour, bins):
        features = colour_histogram_features(plain(*colour)).reshape(STRIPES, 3, BINS)
        expected = np.zeros((STRIPES, 3, BINS))
        expected[:, range(3), bins] = 1 / 3
        np.testing.assert_allclose(features, expected, rtol=1e-6)

    @pytest.mark.parametrize("seed", range(3))
    def test_against_the_standard_library(self, seed):
        images = noise(2, seed)
        expected = [naive_features(image) for image in images]
        np.testing.assert_allclose(colour_histogram_features(images), expected, rtol=1e-6)

    def test_stripes_are_from_top_to_bottom(self):
        image = plain(0, 0, 0)
        image[:, :2] = 255  # the first of six stripes of a 12-row picture
        features = colour_histogram_features(image).reshape(STRIPES, 3, BINS)
        assert features[:, 2, -1].tolist() == pytest.approx([1 / 3, 0, 0, 0, 0, 0])
        assert features[:, 2, 0].tolist() == pytest.approx([0] + [1 / 3] * 5)

    def test_a_picture_alone_or_in_a_long_row(self):
        images = noise(150, seed=2)
        together = colour_histogram_features(images)
        for index in (0, 63, 64, 149):
            np.testing.assert_array_equal(colour_histogram_features(images[index : index + 1])[0], together[index])

    def test_no_pictures(self):
        assert colour_histogram_features(np.empty((0, 160, 60, 3), np.uint8)).shape == (0, 288)


class TestScores:
    def test_shape_dtype_and_range(self):
        scores = colour_histogram_scores(noise(3, seed=0), noise(5, seed=1))
        assert scores.shape == (3, 5)
        assert scores.dtype == np.float32
        assert scores.min() >= 0
        assert scores.max() <= 1

    def test_by_hand(self):
        # Red and green share saturation and value: 2/3. Red and white share hue and value: 2/3. Red and black share
        # hue: 1/3. Grey 128 and green share nothing.
        red, green, white, black, grey = (
            plain(*colour) for colour in [(255, 0, 0), (0, 255, 0), (255,) * 3, (0,) * 3, (128,) * 3]
        )
        scores = colour_histogram_scores(red, np.concatenate([red, green, white, black]))
        np.testing.assert_allclose(scores, [[1, 2 / 3, 2 / 3, 1 / 3]], rtol=1e-6)
        assert colour_histogram_scores(grey, green) == 0

    def test_stripes_count_equally(self):
        half = plain(0, 0, 0)
        half[:, 6:] = (0, 255, 0)
        # Black above is 1 in three stripes; green and black below share nothing.
        np.testing.assert_allclose(colour_histogram_scores(half, plain(0, 0, 0)), [[0.5]], rtol=1e-6)

    def test_against_the_naive_sum(self):
        probes, gallery = noise(4, seed=3), noise(6, seed=4)
        features = [[naive_features(image) for image in images] for images in (probes, gallery)]
        expected = [[np.minimum(p, g).sum() / STRIPES for g in features[1]] for p in features[0]]
        np.testing.assert_allclose(colour_histogram_scores(probes, gallery), expected, rtol=1e-5)

    def test_symmetric_and_alike_to_itself(self):
        images = noise(7, seed=5)
        scores = colour_histogram_scores(images, images)
        np.testing.assert_array_equal(scores, scores.T)
        np.testing.assert_allclose(scores.diagonal(), 1, rtol=1e-6)

    def test_sizes_may_differ(self):
        scores = colour_histogram_scores(plain(9, 99, 200, height=12), plain(9, 99, 200, height=30, width=11))
        np.testing.assert_allclose(scores, [[1]], rtol=1e-6)

    def test_finds_people_by_their_clothes(self):
        rng = np.random.default_rng(6)
        clothes = rng.integers(30, 226, size=(10, 2, 3))
        people = np.repeat(np.repeat(clothes, 12, axis=1)[:, :, None], 8, axis=2)
        first, second = ((people + rng.integers(-3, 4, size=people.shape)).astype(np.uint8) for _ in range(2))
        result = cmc(colour_histogram_scores(first, second), range(10), range(10), [0] * 10, [1] * 10)
        assert result.rank(1) >= 0.9


class TestErrors:
    @pytest.mark.parametrize(
        "images",
        [
            np.zeros((2, 12, 5, 3), np.float32),
            np.zeros((12, 5, 3), np.uint8),
            np.zeros((2, 12, 5, 1), np.uint8),
        ],
    )
    def test_not_pictures(self, images):
        with pytest.raises(ValueError, match=r"images must be a uint8 array of shape .*, RGB; received"):
            colour_histogram_features(images)

    def test_too_small(self):
        with pytest.raises(ValueError, match=r"at least 6 pixels high and 1 wide; received shape \(1, 5, 5, 3\)"):
            colour_histogram_features(np.zeros((1, 5, 5, 3), np.uint8))

    def test_scores_say_which_side(self):
        with pytest.raises(ValueError, match="probe_images must be"):
            colour_histogram_scores(np.zeros(3), plain(0, 0, 0))
        with pytest.raises(ValueError, match="gallery_images must be"):
            colour_histogram_scores(plain(0, 0, 0), np.zeros(3))
