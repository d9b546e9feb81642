"""The quick first stage of a search: which pictures are like a probe, by their pooled embeddings."""

import importlib
import importlib.util
from collections.abc import Callable, Iterable

import numpy as np


class Shortlister:
    """Finds the pictures of a gallery whose embeddings are most like that of a probe, by cosine.

    Each number of an embedding is centred and scaled by what the gallery has of it: that finds more, because otherwise
    the few channels with large values decide. The search is exact, by faiss where it is installed (the extra `search`)
    and else by NumPy; it takes four bytes of memory for each number of the embeddings.

    Args:
        blocks: `(first row, float32 embeddings)` of the gallery, as `Snapshot.embeddings` gives them; called twice.
        alive: Booleans, one a row: which rows are pictures.
        with_faiss: Whether faiss is used. Defaults to `None`: if it is installed.
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
        """The rows most like a probe, ascending.

        Args:
            embedding: float32 array: the probe's.
            allowed: Booleans, one a row: which rows may be found.
            count: How many, at most.
        """
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
    square = sum(((block[here] - mean) ** 2).sum(axis=0) for block, here in chosen) / count
    deviation = np.sqrt(square)
    return np.float32(mean), np.float32(np.where(deviation > 1e-6, deviation, 1.0))
