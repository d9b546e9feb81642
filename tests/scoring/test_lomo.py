"""LOMO features: their pieces by hand, and the whole against counts made one window after the other."""

import colorsys
from fractions import Fraction

import numpy as np
import pytest

from tfnxc.scoring import lomo, lomo_features
from tfnxc.scoring.lomo import DIMENSIONS, maximal_occurrence, siltp
from tfnxc.scoring.retinex import multiscale_retinex

COLOURS = 40 * 512  # how many of the numbers are of colours


def noise(count, seed, height=128, width=48):
    return np.random.default_rng(seed).integers(256, size=(count, height, width, 3), dtype=np.uint8)


def naive_maxima(codes, count):
    """The counts of each strip, one window after the other."""
    strips = []
    for top in range(0, codes.shape[0] - 9, 5):
        windows = [codes[top : top + 10, left : left + 10] for left in range(0, codes.shape[1] - 9, 5)]
        strips.append(np.max([np.bincount(window.ravel(), minlength=count) for window in windows], axis=0))
    return np.array(strips)


def naive_siltp(grey, radius):
    height, width = grey.shape
    codes = np.zeros(grey.shape, int)
    for i in range(height):
        for j in range(width):
            around = (i, j + radius), (i - radius, j), (i, j - radius), (i + radius, j)
            for digit, (row, column) in enumerate(around):
                neighbour = Fraction(grey[min(max(row, 0), height - 1), min(max(column, 0), width - 1)])
                centre = Fraction(grey[i, j])
                above, below = neighbour > Fraction(13, 10) * centre, neighbour < Fraction(7, 10) * centre
                codes[i, j] += 3**digit * (1 if above else 2 if below else 0)
    return codes


def naive_features(image):
    """All of it in exact fractions, one pixel after the other."""
    restored = multiscale_retinex(image[None])[0].astype(object)
    grey = np.array([[299 * int(r) + 587 * int(g) + 114 * int(b) for r, g, b in row] for row in image], object)
    colours, textures = [], {3: [], 5: []}
    for scale in range(3):
        if scale:
            restored, grey = (
                sum(each[i::2, j::2] for i in (0, 1) for j in (0, 1)) * Fraction(1, 4) for each in (restored, grey)
            )
        codes = np.zeros(grey.shape, int)
        for at in np.ndindex(grey.shape):
            hsv = colorsys.rgb_to_hsv(*(Fraction(each) / 256 for each in restored[at]))
            hue, saturation, value = (min(int(each * 8), 7) for each in hsv)
            codes[at] = 64 * hue + 8 * saturation + value
        colours.append(naive_maxima(codes, 512).ravel())
        for radius, found in textures.items():
            found.append(naive_maxima(naive_siltp(grey, radius), 81).ravel())
    kinds = np.concatenate(colours), np.concatenate([*textures[3], *textures[5]])
    logs = [np.log(1 + kind) for kind in kinds]
    return np.concatenate([each / np.linalg.norm(each) for each in logs])


class TestSiltp:
    def test_by_hand(self):
        # Right 131 is above 130, above 69 is below 70, left 130 and below 70 are within the tolerance.
        grey = np.array([[[1, 69, 1], [130, 100, 131], [1, 70, 1]]])
        assert siltp(grey, 1)[0, 1, 1] == 1 + 3 * 2

    def test_beyond_the_border_is_the_border(self):
        # Every neighbour of the left one but the right is itself.
        assert siltp(np.array([[[10, 20]]]), 3)[0].tolist() == [[1, 9 * 2]]

    def test_black_has_no_tolerance(self):
        assert siltp(np.array([[[0, 1, 0]]]), 1)[0].tolist() == [[1, 2 + 9 * 2, 9]]

    @pytest.mark.parametrize("radius", [1, 3, 5])
    def test_against_fractions(self, radius):
        grey = np.random.default_rng(radius).integers(40, size=(1, 11, 9))
        np.testing.assert_array_equal(siltp(grey, radius)[0], naive_siltp(grey[0], radius))

    def test_light_falls_out(self):
        grey = np.random.default_rng(0).integers(1000, size=(2, 20, 10))
        np.testing.assert_array_equal(siltp(7 * grey, 3), siltp(grey, 3))


class TestMaximalOccurrence:
    def test_by_hand(self):
        codes = np.zeros((1, 15, 15), int)
        codes[0, :5, :5] = 1  # in the upper left window 25 times
        codes[0, 12:, 10:13] = 2  # 9 times in the lower right one
        upper, lower = maximal_occurrence(codes, 3)[0].tolist()
        assert upper == [100, 25, 0] and lower == [100, 0, 9]

    @pytest.mark.parametrize("size", [(128, 48), (64, 24), (32, 12), (10, 10), (29, 34)])
    def test_against_one_window_after_the_other(self, size):
        codes = np.random.default_rng(size[0]).integers(7, size=(2, *size))
        for found, image in zip(maximal_occurrence(codes, 7), codes, strict=True):
            np.testing.assert_array_equal(found, naive_maxima(image, 7))


class TestFeatures:
    def test_shape_dtype_and_norms(self):
        features = lomo_features(noise(3, seed=0))
        assert features.shape == (3, 26960) == (3, DIMENSIONS) and features.dtype == np.float32
        for part in (features[:, :COLOURS], features[:, COLOURS:]):
            np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, rtol=1e-5)

    def test_against_fractions(self):
        image = noise(1, seed=1)
        image[0, 40:90, 10:30] //= 3  # not noise alone
        np.testing.assert_allclose(lomo_features(image)[0], naive_features(image[0]), rtol=1e-4, atol=1e-6)

    def test_a_flat_picture_has_one_colour_and_one_texture(self):
        features = lomo_features(np.full((1, 128, 48, 3), (10, 200, 90), np.uint8))[0]
        # Each of 40 strips has one colour, and one texture of each radius, all as often.
        assert np.count_nonzero(features) == 40 + 80
        np.testing.assert_allclose(features[:COLOURS][features[:COLOURS] > 0], 1 / np.sqrt(40), rtol=1e-5)
        np.testing.assert_allclose(features[COLOURS::81], 1 / np.sqrt(80), rtol=1e-5)  # code 0: nothing differs

    def test_it_does_not_matter_where_in_a_strip_something_is(self, monkeypatch):
        # The Retinex looks further than a window.
        monkeypatch.setattr(lomo, "multiscale_retinex", lambda images: images)
        images = np.full((2, 128, 48, 3), 120, np.uint8)
        images[0, 60:80, 10:20] = images[1, 60:80, 20:30] = (250, 0, 40)
        first, second = lomo_features(images)
        strips = 24 * 512  # of the first scale, where both are on steps of windows
        np.testing.assert_allclose(first[:strips], second[:strips], rtol=1e-5)
        images[1] = images[1][::-1]
        first, second = lomo_features(images)
        assert np.abs(first[:strips] - second[:strips]).max() > 0.01  # but it does matter in which strip

    def test_other_sizes_are_resized(self):
        images = np.repeat(np.repeat(noise(2, seed=4), 2, axis=1), 2, axis=2)
        resized = np.stack([lomo.resize(image, (128, 48)) for image in images])
        np.testing.assert_array_equal(lomo_features(images), lomo_features(resized))

    def test_a_picture_alone_or_in_a_long_row_and_progress(self):
        images, done = noise(37, seed=5), []
        together = lomo_features(images, done.append)
        assert sum(done) == 37 and len(done) > 1
        for index in (0, 15, 16, 36):
            np.testing.assert_array_equal(lomo_features(images[index : index + 1])[0], together[index])

    def test_no_pictures(self):
        assert lomo_features(np.empty((0, 160, 60, 3), np.uint8)).shape == (0, 26960)

    @pytest.mark.parametrize(
        "images",
        [np.zeros((2, 12, 5, 3), np.float32), np.zeros((12, 5, 3), np.uint8), np.zeros((2, 0, 5, 3), np.uint8)],
    )
    def test_not_pictures(self, images):
        with pytest.raises(ValueError, match=r"images must be a uint8 array of shape .*, RGB; received dtype"):
            lomo_features(images)
