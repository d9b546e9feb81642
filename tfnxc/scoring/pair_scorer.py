"""Scoring pairs of a set of images with a model."""

import keras
import numpy as np
import tensorflow as tf

from tfnxc.console import ProgressCallback
from tfnxc.distribution import DistributedScorer
from tfnxc.hashes import checksum
from tfnxc.scoring.pair_head import BATCH_SIZES, Embedder, PairHead, best_of, tiled

_BLOCK = 1 << 16  # pairs that `top_k` scores before it drops what is not among the best


class PairScorer:
    """Scores pairs of a set of images: the tower runs once an image when this is made, the head once a pair.

    Args:
        model: A model of `tfnxc.models`.
        images: uint8 array of shape `(images, height, width, 3)`.
        batch_size: As in `PairHead`. Defaults to `None`.
        progress: Called with the number of images done after each batch of the tower. Defaults to `None`.
        mirrored: Whether the first and the second image of each pair are mirrored, left for right. Defaults to
            `(False, False)`.
        strategy: A `tf.distribute.Strategy` whose replicas share the pairs; each worker process makes a scorer of the
            same model and images and is given the same pairs. Defaults to `None`: this process does all.

    Example:
        >>> scorer = PairScorer(model, images, batch_size=4)
        >>> scorer.score([[0, 1], [0, 2], [5, 3]]).shape
        (3,)
        >>> scorer.top_k(probes=[0, 1], gallery=[4, 5, 6, 7], k=2)[0].shape
        (2, 2)
    """

    def __init__(
        self,
        model: keras.Model,
        images: np.ndarray,
        batch_size: int | None = None,
        progress: ProgressCallback | None = None,
        mirrored: tuple[bool, bool] = (False, False),
        strategy: tf.distribute.Strategy | None = None,
    ):
        self._head = PairHead(model, batch_size)
        self._images, self._mirrored = images, mirrored
        self._embedders = {each: Embedder(self._head.tower, each) for each in sorted(set(mirrored))}
        self.renew(progress)
        self._distributed = None
        if strategy is not None:
            # Every worker has to take the same batches, so that none is measured.
            self._head.batch_size = BATCH_SIZES[2] if batch_size is None else batch_size
            digest = f"{checksum(self._head.weights())} {checksum([self._probes, self._gallery])}"
            self._distributed = DistributedScorer(strategy, self._score_captured, self._head.batch_size, digest)

    @property
    def batch_size(self) -> int | None:
        """Pairs at a time; `None` as long as it has not been found."""
        return self._head.batch_size

    def renew(self, progress: ProgressCallback | None = None) -> None:
        """Runs the tower again on all images, after its weights have changed; `progress` as in the constructor."""
        features = {side: embed(self._images, progress=progress) for side, embed in self._embedders.items()}
        self._probes, self._gallery = features[self._mirrored[0]], features[self._mirrored[1]]

    def score(self, pairs: np.ndarray, progress: ProgressCallback | None = None) -> np.ndarray:
        """Probability that both images of a pair show one person, as by `PairHead.score_pairs`.

        Args:
            pairs: int array of shape `(pairs, 2)`: index of the probe, index of the gallery image.
            progress: Called with the number of pairs done after each batch. Defaults to `None`.

        Returns:
            float32 array of shape `(pairs,)`, in the order of `pairs`.
        """
        pairs = np.asarray(pairs, np.int32).reshape(-1, 2)
        if self._distributed is None or not len(pairs):
            return self._head.score_pairs(self._probes, self._gallery, pairs, progress)
        order, scores = tiled(pairs), np.empty(len(pairs), np.float32)
        scores[order] = self._distributed.score(pairs[order], progress)
        return scores

    def top_k(
        self, probes: np.ndarray, gallery: np.ndarray, k: int, progress: ProgressCallback | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best of a gallery for each probe, without a matrix of scores: memory grows with `probes * k` only.

        Args:
            probes: Indices of images.
            gallery: Indices of images, at least `k`.
            k: How many are kept.
            progress: As in `score`. Defaults to `None`.

        Returns:
            `(indices, scores)`, both of shape `(probes, k)`, best first: images of the gallery, float32 probabilities.
            Of equal scores the one that comes first in the gallery is first.
        """
        probes, gallery = np.asarray(probes, np.int32), np.asarray(gallery, np.int32)
        if not 1 <= k <= len(gallery):
            raise ValueError(f"k must be 1 to {len(gallery)}, the number of images in the gallery; got {k!r}.")
        step = max(k, _BLOCK // max(1, len(probes)))

        def blocks():
            for start in range(0, len(gallery), step):
                part = gallery[start : start + step]
                pairs = np.stack(np.broadcast_arrays(probes[:, None], part), axis=-1)
                yield part, self.score(pairs.reshape(-1, 2), progress).reshape(len(probes), len(part))

        return best_of(blocks(), len(probes), k)

    def _score_captured(self, pairs):
        """Scores of a tensor of pairs, inside a replica."""

        def of(side, features):
            gathered = tf.numpy_function(lambda which: np.take(features, which, axis=0), [pairs[:, side]], tf.float32)
            return tf.ensure_shape(gathered, [None, *self._head.map_shape])

        return self._head.probabilities(of(0, self._probes), of(1, self._gallery))
