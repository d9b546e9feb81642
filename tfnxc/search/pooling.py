"""The pooled embedding of a feature map, by which a shortlist is drawn up."""

import itertools

import numpy as np

STRIPES = 8
"""Horizontal stripes, from head to feet. More do not find more: docs/search.md has what was measured."""


def pooled(maps: np.ndarray) -> np.ndarray:
    """Mean and deviation of each channel in each of eight horizontal stripes of feature maps.

    Args:
        maps: float32 array of shape `(pictures, height, width, channels)`; of less than eight rows, each is a stripe.

    Returns:
        float32 array of shape `(pictures, 16 * channels)`.

    Example:
        >>> pooled(np.zeros((3, 37, 12, 25), np.float32)).shape
        (3, 400)
    """
    edges = np.linspace(0, maps.shape[1], _stripes(maps.shape[1]) + 1).round().astype(int)
    stripes = [maps[:, top:bottom] for top, bottom in itertools.pairwise(edges)]
    return np.concatenate([of(each, axis=(1, 2)) for each in stripes for of in (np.mean, np.std)], axis=1)


def embedding_size(map_shape: tuple[int, int, int]) -> int:
    """Numbers of the embedding of a feature map of the shape `(height, width, channels)`."""
    return 2 * _stripes(map_shape[0]) * map_shape[-1]


def _stripes(height):
    return min(STRIPES, height)
