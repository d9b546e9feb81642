"""Local maximal occurrence (LOMO) features: what colours and textures occur anywhere in a horizontal strip."""

import numpy as np

from tfnxc.console import ProgressCallback
from tfnxc.datasets.image_set import resize
from tfnxc.scoring.hsv import hsv_bins
from tfnxc.scoring.retinex import multiscale_retinex

SIZE = (128, 48)  # height and width to which pictures are brought
WINDOW, STEP = 10, 5  # pixels; a window is two by two cells of STEP pixels
SCALES = 3  # each half as large as the one before
COLOUR_BINS = 8  # of each of hue, saturation and value, jointly counted
TOLERANCE = 3  # tenths: SILTP's tau
RADII = (3, 5)  # pixels from the centre to its four neighbours
COLOURS, TEXTURES = COLOUR_BINS**3, 3**4  # joint bins of colour; codes of a texture
STRIPS = tuple(((SIZE[0] >> scale) - WINDOW) // STEP + 1 for scale in range(SCALES))  # 24, 11 and 5
DIMENSIONS = sum(STRIPS) * (COLOURS + len(RADII) * TEXTURES)  # 26,960
_IMAGES_AT_ONCE = 16  # keeps the working memory below 100 MB


def lomo_features(images: np.ndarray, progress: ProgressCallback | None = None) -> np.ndarray:
    """Describes each picture by the local maximal occurrence (LOMO) of colours and textures in its horizontal strips.

    Windows of 10 x 10 pixels slide over the picture by 5 pixels. In each are counted the colours, in 8 x 8 x 8 joint
    bins of hue, saturation and value after a multiscale Retinex; and the textures, codes of the scale invariant local
    ternary pattern (SILTP) with four neighbours, tolerance 0.3 and the radii 3 and 5. Of the windows of a horizontal
    strip each count's maximum is kept, so that it does not matter where in the strip something is. So at three scales,
    128 x 48 pixels, half and a quarter of it; then the logarithm of one plus the count, and unit norm for the colours
    and for the textures.

    The paper leaves open some details. Here means of 2 x 2 pixels are taken of the picture and of what the Retinex made
    of it, which runs once; pixels beyond the border are those of the border.

    Args:
        images: uint8 array of shape `(n, height, width, 3)`, RGB; brought to 128 x 48 pixels.
        progress: Called with the number of pictures done, block by block. Defaults to `None`.

    Returns:
        float32 array of shape `(n, 26960)`: the colours of each scale and strip, from the top, then the textures of
        radius 3, then those of radius 5. Memory beyond it stays below 100 MB.

    Raises:
        ValueError: If `images` is not such an array.

    Example:
        >>> features = lomo_features(images)
        >>> features.shape, float(np.square(features[0]).sum().round(4))
        ((12, 26960), 2.0)

    References:
        Liao, Hu, Zhu and Li, "Person Re-identification by Local Maximal Occurrence Representation and Metric Learning",
        CVPR 2015, section 3. SILTP: Liao, Zhao, Kellokumpu, Pietikainen and Li, CVPR 2010.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape[1:3]:
        got = f"received dtype {images.dtype} and shape {images.shape}"
        raise ValueError(f"images must be a uint8 array of shape (n, height, width, 3), RGB; {got}")
    features = np.empty((len(images), DIMENSIONS), np.float32)
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        block = images[start : start + _IMAGES_AT_ONCE]
        resized = np.stack([resize(image, SIZE) for image in block])
        features[start : start + len(block)] = _features(resized)
        if progress is not None:
            progress(len(block))
    return features


def siltp(grey: np.ndarray, radius: int) -> np.ndarray:
    """Codes of the scale invariant local ternary pattern (SILTP) with four neighbours and tolerance 0.3.

    A neighbour above 1.3 times the centre counts 1, one below 0.7 times 2, any other 0; those to the right, above, to
    the left and below are the digits of a number to the base 3, the first the lowest. The pattern does not change when
    all pixels are multiplied by one number.

    Args:
        grey: Whole numbers of shape `(n, height, width)`, of 0 and above.
        radius: Pixels from the centre to each neighbour; those beyond the border are the nearest of the border.

    Returns:
        int32 array of the same shape, in [0, 81).

    Example:
        >>> siltp(np.array([[[100, 131, 70]]]), radius=1)
        array([[[1, 2, 9]]], dtype=int32)
    """
    height, width = grey.shape[1:]
    padded = np.pad(grey, ((0, 0), (radius, radius), (radius, radius)), mode="edge")
    codes = np.zeros(grey.shape, np.int32)
    for digit, (down, right) in enumerate(((0, radius), (-radius, 0), (0, -radius), (radius, 0))):
        neighbour = padded[:, radius + down :, radius + right :][:, :height, :width]
        # In whole numbers, so that what is on the edge of the tolerance is within it everywhere.
        state = (10 * neighbour > (10 + TOLERANCE) * grey) + 2 * (10 * neighbour < (10 - TOLERANCE) * grey)
        codes += 3**digit * state
    return codes


def maximal_occurrence(codes: np.ndarray, count: int) -> np.ndarray:
    """How often each code occurs at most in one window of each horizontal strip.

    Args:
        codes: Whole numbers in [0, count), of shape `(n, height, width)`, at least 10 x 10 pixels.
        count: How many codes there are.

    Returns:
        int16 array of shape `(n, strips, count)`: from the top strip on, windows of 10 x 10 pixels at steps of 5.

    Example:
        >>> maximal_occurrence(np.zeros((1, 15, 10), int), 2)[0].tolist()
        [[100, 0], [100, 0]]
    """
    images, rows, columns = len(codes), codes.shape[1] // STEP, codes.shape[2] // STEP
    cells = codes[:, : rows * STEP, : columns * STEP].reshape(images, rows, STEP, columns, STEP)
    which = np.arange(images * rows * columns).reshape(images, rows, 1, columns, 1)
    counted = np.bincount((which * count + cells).ravel(), minlength=images * rows * columns * count)
    counts = counted.astype(np.int16).reshape(images, rows, columns, count)
    pairs = counts[:, :-1] + counts[:, 1:]
    return (pairs[:, :, :-1] + pairs[:, :, 1:]).max(axis=2)


def _features(images):
    """Features of a block of pictures that have the size already."""
    restored = multiscale_retinex(images).astype(np.int32)
    grey = images.astype(np.int32) @ np.array([299, 587, 114], np.int32)  # ITU-R BT.601, in thousandths
    colours, textures = [], {radius: [] for radius in RADII}
    for scale in range(SCALES):
        if scale:
            restored, grey = _pooled(restored), _pooled(grey)
        hue, saturation, value = hsv_bins(restored, COLOUR_BINS, 256 * 4**scale)
        joint = (hue * COLOUR_BINS + saturation) * COLOUR_BINS + value
        colours.append(_flat(maximal_occurrence(joint, COLOURS)))
        for radius, found in textures.items():
            found.append(_flat(maximal_occurrence(siltp(grey, radius), TEXTURES)))
    kinds = colours, [each for found in textures.values() for each in found]
    return np.concatenate([_log_unit(kind) for kind in kinds], axis=1)


def _flat(counts):
    return counts.reshape(len(counts), -1)


def _pooled(values):
    """Sums of 2 x 2 pixels: four times their mean, in whole numbers. HSV and SILTP do not see the factor."""
    images, height, width, *rest = values.shape
    return values.reshape(images, height // 2, 2, width // 2, 2, *rest).sum(axis=(2, 4), dtype=np.int32)


def _log_unit(counts):
    logs = np.log1p(np.concatenate(counts, axis=1), dtype=np.float32)
    return logs / np.linalg.norm(logs, axis=1, keepdims=True)
