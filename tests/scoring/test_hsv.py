"""Bins of hue, saturation and value. See test_colour_histogram.py too."""

import colorsys
from fractions import Fraction

import numpy as np
import pytest

from tfnxc.scoring.hsv import hsv_bins


@pytest.mark.parametrize("bins", [8, 16])
def test_against_the_standard_library(bins):
    images = np.random.default_rng(bins).integers(256, size=(2, 9, 7, 3), dtype=np.uint8)
    hue, saturation, value = hsv_bins(images, bins)
    for at in np.ndindex(images.shape[:3]):
        expected = colorsys.rgb_to_hsv(*(Fraction(int(each), 256) for each in images[at]))
        found = hue[at], saturation[at], value[at]
        assert found == tuple(min(int(each * bins), bins - 1) for each in expected)


def test_sums_of_pixels_have_the_bins_of_their_mean():
    images = np.random.default_rng(0).integers(256, size=(1, 20, 20, 3))
    for first, second in zip(hsv_bins(4 * images, 8, levels=1024), hsv_bins(images, 8), strict=True):
        np.testing.assert_array_equal(first, second)
    assert [each.item() for each in hsv_bins(np.array([[[[1023, 1023, 0]]]]), 8, levels=1024)] == [1, 7, 7]
