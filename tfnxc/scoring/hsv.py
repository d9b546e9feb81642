"""Bins of hue, saturation and value (HSV), in whole numbers."""

import numpy as np


def hsv_bins(images: np.ndarray, bins: int, levels: int = 256) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bin of each pixel's hue, saturation and value. A grey pixel has hue 0, a black one saturation 0 too.

    Args:
        images: Whole numbers in [0, levels), of shape `(n, height, width, 3)`, RGB.
        bins: How many bins each of the three has, of equal width.
        levels: How many values a channel may have; more than 256 where pixels are sums. Defaults to `256`.

    Returns:
        Three int32 arrays of shape `(n, height, width)`: hue, saturation, value.

    Example:
        >>> hue, saturation, value = hsv_bins(np.array([[[[0, 128, 128]]]], np.uint8), bins=8)
        >>> hue.item(), saturation.item(), value.item()
        (4, 7, 4)
    """
    red, green, blue = np.moveaxis(images.astype(np.int32), -1, 0)
    largest = np.maximum(np.maximum(red, green), blue)
    spread = largest - np.minimum(np.minimum(red, green), blue)
    # Hue in sixths of the circle is (sector + difference / spread) mod 6. In whole numbers, so that a colour on the
    # edge of a bin falls in the same one everywhere.
    sector = np.where(largest == red, 0, np.where(largest == green, 2, 4))
    difference = np.where(sector == 0, green - blue, np.where(sector == 2, blue - red, red - green))
    divisor = np.maximum(spread, 1)
    hue = (sector * divisor + difference) % (6 * divisor) * bins // (6 * divisor)
    saturation = np.minimum(spread * bins // np.maximum(largest, 1), bins - 1)
    return hue.astype(np.int32), saturation.astype(np.int32), largest * bins // levels
