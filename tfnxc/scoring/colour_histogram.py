"""A baseline scorer that needs no training: colour histograms of horizontal stripes."""

import numpy as np

from tfnxc.console import ProgressCallback
from tfnxc.scoring.hsv import hsv_bins

STRIPES = 6  # horizontal stripes of a picture: about head, shoulders, chest, hips, legs, feet
BINS = 16  # histogram bins for each of hue, saturation and value
_IMAGES_AT_ONCE = 64  # keeps the working memory below 50 MB at 160 x 60


def colour_histogram_features(images: np.ndarray) -> np.ndarray:
    """Describes each picture by the colours of six horizontal stripes, top to bottom.

    Each has a histogram of 16 bins of hue, of saturation and of value (HSV), which together sum to 1. A grey pixel has
    hue 0, a black one saturation 0 too.

    Args:
        images: uint8 array of shape `(n, height, width, 3)`, RGB, at least 6 pixels high.

    Returns:
        float32 array of shape `(n, 288)`: stripe by stripe, in it hue, saturation, value.

    Raises:
        ValueError: If `images` is not such an array.

    Example:
        >>> colour_histogram_features(np.zeros((2, 160, 60, 3), np.uint8)).shape
        (2, 288)
    """
    images = _check_images("images", images)
    features = np.empty((len(images), STRIPES * 3 * BINS), dtype=np.float32)
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        block = slice(start, start + _IMAGES_AT_ONCE)
        features[block] = _stripe_histograms(images[block])
    return features


def colour_histogram_scores(probe_images: np.ndarray, gallery_images: np.ndarray) -> np.ndarray:
    """Scores every probe against every gallery image by histogram intersection.

    The score is the share of colour the two have in common, averaged over the stripes: 1 for the same picture, 0
    for pictures that share no bin. It is symmetric. Memory beyond the pictures is the features and the result.

    Args:
        probe_images: uint8 array of shape `(p, height, width, 3)`, RGB, at least 6 pixels high.
        gallery_images: The same, `g` of them; the size of the pictures may differ.

    Returns:
        float32 array of shape `(p, g)`, in [0, 1]; higher means more alike.

    Raises:
        ValueError: If one of them is not such an array.

    Example:
        >>> white = np.full((1, 160, 60, 3), 255, np.uint8)
        >>> colour_histogram_scores(white, white)
        array([[1.]], dtype=float32)
    """
    probes = colour_histogram_features(_check_images("probe_images", probe_images))
    gallery = colour_histogram_features(_check_images("gallery_images", gallery_images))
    return histogram_intersections(probes, gallery)


def histogram_intersections(
    probes: np.ndarray, gallery: np.ndarray, progress: ProgressCallback | None = None
) -> np.ndarray:
    """What `colour_histogram_scores` gives, of features.

    Args:
        probes: float32 array of shape `(p, 288)`, from `colour_histogram_features`.
        gallery: The same, `g` of them.
        progress: Called with the number of pairs done, probe by probe. Defaults to `None`.

    Returns:
        float32 array of shape `(p, g)`, in [0, 1].

    Example:
        >>> features = colour_histogram_features(np.zeros((2, 160, 60, 3), np.uint8))
        >>> histogram_intersections(features[:1], features)
        array([[1., 1.]], dtype=float32)
    """
    scores = np.empty((len(probes), len(gallery)), dtype=np.float32)
    common = np.empty_like(gallery)
    for probe, row in zip(probes, scores, strict=True):
        np.minimum(gallery, probe, out=common)
        np.sum(common, axis=1, out=row)
        if progress is not None:
            progress(len(gallery))
    scores /= STRIPES
    # Rounding may leave a picture 1e-7 above or below its likeness to itself; a share is at most 1.
    return np.minimum(scores, 1, out=scores)


def _stripe_histograms(images: np.ndarray) -> np.ndarray:
    """Histograms of a block of pictures, each stripe's divided by what was counted in it."""
    count, height = images.shape[:2]
    stripe = np.arange(height) * STRIPES // height
    cell = np.arange(count)[:, None] * STRIPES + stripe  # (image, row) -> which histogram
    histograms = np.empty((count * STRIPES, 3, BINS))
    for channel, bins in enumerate(hsv_bins(images, BINS)):
        counted = np.bincount((cell[:, :, None] * BINS + bins).ravel(), minlength=count * STRIPES * BINS)
        histograms[:, channel] = counted.reshape(-1, BINS)
    histograms /= histograms.sum(axis=(1, 2), keepdims=True)
    return histograms.reshape(count, -1)


def _check_images(name: str, images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        got = f"received dtype {images.dtype} and shape {images.shape}"
        raise ValueError(f"{name} must be a uint8 array of shape (n, height, width, 3), RGB; {got}")
    if images.shape[1] < STRIPES or not images.shape[2]:
        raise ValueError(f"{name} must be at least {STRIPES} pixels high and 1 wide; received shape {images.shape}")
    return images
