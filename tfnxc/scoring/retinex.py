"""Multiscale Retinex with colour restoration: pictures whose colours depend less on the light."""

import functools

import numpy as np

DEVIATIONS = (5.0, 20.0)  # pixels, of the Gaussian surrounds: Liao et al., CVPR 2015, section 3.1
_ALPHA, _BETA = 125.0, 46.0  # of the colour restoration: Jobson et al. 1997
_GAIN, _OFFSET = 5.0, 25.0  # customary with these; the paper's own are for values of another scale


def multiscale_retinex(images: np.ndarray) -> np.ndarray:
    """Divides each pixel by its surroundings, at two scales, and restores the colours that get lost by that.

    With the intensities I of the channels, from 1 to 256, and Gaussian means F of each, that is
    5 (C R + 25), cut off at 0 and 255, where R is the mean over the scales of log10(I / F) and C is
    46 log10(125 I / (sum of I over the channels)). What is flat gets 125. At the border, the Gaussian means are of the
    pixels that are there.

    Args:
        images: uint8 array of shape `(n, height, width, 3)`, RGB.

    Returns:
        uint8 array of the same shape.

    Example:
        >>> np.unique(multiscale_retinex(np.full((1, 16, 8, 3), 90, np.uint8))).tolist()
        [125]

    References:
        Jobson, Rahman and Woodell, "A multiscale Retinex for bridging the gap between color images and the human
        observation of scenes", IEEE Transactions on Image Processing, 1997.
    """
    intensity = images.astype(np.float32) + 1
    channels = np.moveaxis(intensity, -1, 1)
    detail = len(DEVIATIONS) * np.log10(intensity)
    for deviation in DEVIATIONS:
        rows, columns = (_gaussian(length, deviation) for length in images.shape[1:3])
        detail -= np.log10(np.moveaxis(rows @ channels @ columns.T, 1, -1))
    restoration = _BETA * np.log10(_ALPHA * intensity / intensity.sum(axis=-1, keepdims=True))
    restored = _GAIN * (restoration * detail / len(DEVIATIONS) + _OFFSET)
    return np.rint(np.clip(restored, 0, 255)).astype(np.uint8)


@functools.cache
def _gaussian(length, deviation):
    """Matrix whose product with a column of pixels is its Gaussian mean."""
    offsets = np.subtract.outer(np.arange(length), np.arange(length))
    weights = np.exp(-0.5 * np.square(offsets / deviation))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
