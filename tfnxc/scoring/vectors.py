"""Vectors of images, once an image, and the cosines of pairs of them."""

import keras
import numpy as np

from tfnxc.console import ProgressCallback
from tfnxc.embedding import Embedding
from tfnxc.errors import InputError
from tfnxc.scoring.pair_head import Embedder

_BLOCK = 1 << 21  # cosines at a time


def image_vectors(
    embedding: Embedding,
    tower: keras.Model,
    images: np.ndarray,
    flips: bool = False,
    progress: ProgressCallback | None = None,
) -> np.ndarray:
    """Unit vectors of images by the embedding of a tower.

    Args:
        embedding: The `Embedding`.
        tower: The tower of the model that it belongs to.
        images: uint8 array of shape `(images, height, width, 3)`.
        flips: Whether the vectors of an image and of its mirror image are averaged and made unit vectors again.
            Defaults to `False`.
        progress: Called with the number of images done after each batch. Defaults to `None`.

    Returns:
        float32 array of shape `(images, dimensions)`.

    Raises:
        InputError: If the embedding is of other feature maps than those of the tower, or gives a vector that is not
            finite.

    Example:
        >>> tower = tfnxc.models.split(model).tower
        >>> card = tfnxc.embedding.EmbeddingCard("a1b2c3", "discriminant", (), len(images))
        >>> pooled = tfnxc.embedding.pooled(tfnxc.scoring.embed(tower, images))
        >>> fitted = tfnxc.embedding.Discriminant(dimensions=2).fit(pooled, people.identities[:12])
        >>> embedding = tfnxc.embedding.Embedding.of(fitted, tower.output_shape[1:], card)
        >>> image_vectors(embedding, tower, images).shape
        (12, 2)
    """
    if embedding.map_shape != tuple(tower.output_shape[1:]):
        raise InputError(
            f"the embedding takes feature maps of {embedding.map_shape}, the tower gives {tower.output_shape[1:]}: "
            "it is of another model. Fit one: tfnxc embed fit RUN."
        )
    model = embedding.of_images(tower)
    vectors = Embedder(model)(images, progress)
    if flips:
        vectors += Embedder(model, mirrored=True)(images, progress)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    if not np.isfinite(vectors).all():
        at = int(np.argmin(np.isfinite(vectors).all(axis=1)))
        raise InputError(f"the embedding of picture {at} is not finite. Fit it anew: tfnxc embed fit RUN.")
    return vectors


def cosines(vectors: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Cosines of unit vectors at positions: float32 of shape `(rows, columns)`.

    Args:
        vectors: float32 array of shape `(images, dimensions)`.
        rows: Integers, one a row.
        columns: Integers: a vector that all rows share, or a matrix of one row a row.

    Example:
        >>> cosines(np.eye(2, dtype=np.float32), np.array([0, 1]), np.array([[0], [0]])).tolist()
        [[1.0], [0.0]]
    """
    rows, columns = np.asarray(rows), np.asarray(columns)
    if columns.ndim == 1:
        return vectors[rows] @ vectors[columns].T
    everyone, places = np.unique(columns, return_inverse=True)
    places, found = places.reshape(columns.shape), np.empty(columns.shape, np.float32)
    step = max(1, _BLOCK // max(1, len(everyone)))
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        found[block] = np.take_along_axis(vectors[rows[block]] @ vectors[everyone].T, places[block], axis=1)
    return found
