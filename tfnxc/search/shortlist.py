"""The first stage of a search: which pictures are like a probe, by embeddings pooled from their feature maps."""

import importlib
import importlib.util
import itertools
from collections.abc import Callable, Iterable

import numpy as np

STRIPES = 8  # horizontal stripes, from head to feet. More do not find more: docs/search.md has what was measured.


def pooled(maps: np.ndarray) -> np.ndarray:
    """Mean and deviation of each channel in each of eight horizontal stripes, or rows if less, of feature maps.

    Example:
        >>> pooled(np.zeros((3, 37, 12, 25), np.float32)).shape
        (3, 400)
    """
    edges = np.linspace(0, maps.shape[1], min(STRIPES, maps.shape[1]) + 1).round().astype(int)
    stripes = [maps[:, top:bottom] for top, bottom in itertools.pairwise(edges)]
    return np.concatenate([of(each, axis=(1, 2)) for each in stripes for of in (np.mean, np.std)], axis=1)


def embedding_size(map_shape: tuple[int, int, int]) -> int:
    """Numbers of the embedding of a feature map of the shape `(height, width, channels)`."""
    return 2 * min(STRIPES, map_shape[0]) * map_shape[-1]


class Shortlister:
    """Finds the pictures of a gallery whose embeddings are most like that of a probe, by cosine.

    Each number of an embedding is centred and scaled by what the gallery has of it: that finds more, because otherwise
    the few channels with large values decide. The search is exact, by faiss where it is installed (the extra `search`)
    and else by NumPy; it takes four bytes of memory for each number of the embeddings. `blocks` is called twice for
    `(first row, float32 embeddings)` of the gallery; `alive` says which rows are pictures.
    """

    def __init__(
        self,
        blocks: Callable[[], Iterable[tuple[int, np.ndarray]]],
        alive: np.ndarray,
        with_faiss: bool | None = None,
    ):
        self._mean, self._scale = _statistics(blocks, alive)
        if with_faiss is None:
            with_faiss = importlib.util.find_spec("faiss") is not None
        self._faiss = importlib.import_module("faiss") if with_faiss else None
        if self._faiss:
            self._index = self._faiss.IndexFlatIP(len(self._mean))
            for _, block in blocks():
                self._index.add(np.ascontiguousarray(self._normalized(block)))
        else:
            self._rows = np.empty((len(alive), len(self._mean)), np.float32)
            for start, block in blocks():
                self._rows[start : start + len(block)] = self._normalized(block)

    def nearest(self, embedding: np.ndarray, allowed: np.ndarray, count: int) -> np.ndarray:
        """At most `count` of the `allowed` rows: those most like a probe, ascending."""
        count = min(count, int(allowed.sum()))
        if count == 0:
            return np.empty(0, np.int64)
        probe = self._normalized(embedding[None])[0]
        if self._faiss:
            bits = np.packbits(allowed, bitorder="little")
            chosen = self._faiss.SearchParameters(sel=self._faiss.IDSelectorBitmap(bits))
            return np.sort(self._index.search(probe[None], count, params=chosen)[1][0])
        products = np.where(allowed, self._rows @ probe, -np.inf)
        return np.sort(np.argpartition(-products, count - 1)[:count])

    def _normalized(self, embeddings):
        scaled = (embeddings - self._mean) / self._scale
        return scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-12)


def _statistics(blocks, alive):
    """Mean and deviation of each number over the pictures; a deviation of 0 is 1."""
    count = max(1, int(alive.sum()))
    chosen = [(block, alive[start : start + len(block)]) for start, block in blocks()]
    mean = sum(block[here].sum(axis=0, dtype=np.float64) for block, here in chosen) / count
    deviation = np.sqrt(sum(((block[here] - mean) ** 2).sum(axis=0) for block, here in chosen) / count)
    return np.float32(mean), np.float32(np.where(deviation > 1e-6, deviation, 1.0))
