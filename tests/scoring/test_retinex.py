"""The multiscale Retinex against its formula, computed one pixel after the other."""

import math

import numpy as np

from tfnxc.scoring.retinex import multiscale_retinex


def noise(seed, shape=(2, 12, 8, 3)):
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


def naive(image, row, column, channel):
    """The value of one pixel, before rounding."""
    intensity = image.astype(float) + 1
    ratios = []
    for deviation in (5, 20):
        weighted = total = 0
        for i in range(image.shape[0]):
            for j in range(image.shape[1]):
                weight = math.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * deviation**2))
                weighted, total = weighted + weight * intensity[i, j, channel], total + weight
        ratios.append(math.log10(intensity[row, column, channel] * total / weighted))
    restoration = 46 * math.log10(125 * intensity[row, column, channel] / intensity[row, column].sum())
    return min(max(5 * (restoration * sum(ratios) / 2 + 25), 0), 255)


def test_against_the_formula():
    images = noise(0)
    found = multiscale_retinex(images)
    assert found.dtype == np.uint8 and found.shape == images.shape
    for at in ((0, 0, 0), (5, 3, 1), (11, 7, 2), (6, 0, 0), (3, 6, 2)):
        assert abs(found[1][at] - naive(images[1], *at)) <= 0.51
    assert found.min() == 0 and found.max() == 255


def test_what_is_flat_gets_the_middle():
    assert (multiscale_retinex(np.full((1, 20, 10, 3), (200, 10, 90), np.uint8)) == 125).all()


def test_light_falls_out():
    images = noise(1, (1, 24, 12, 3)) // 3 + 20
    brighter = (images.astype(int) * 2 + 1).astype(np.uint8)  # one more, doubled
    np.testing.assert_allclose(multiscale_retinex(images).astype(int), multiscale_retinex(brighter), atol=1)


def test_a_picture_alone_or_among_others():
    images = noise(2)
    np.testing.assert_array_equal(multiscale_retinex(images)[1:], multiscale_retinex(images[1:]))
