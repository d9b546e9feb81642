"""Scoring pairs of images with a model: the tower once an image, the head once a pair, in blocks."""

from __future__ import annotations

import functools
import time
import zlib

import numpy as np
import tensorflow as tf

from tfnxc import models
from tfnxc.distribution.scoring import DistributedScorer
from tfnxc.scoring.features import Embedder

BATCH_SIZES = (32, 64, 128, 256, 512)
"""Pairs at a time that are tried where the batch size is to be found."""

# A batch holds tiles of a few probes with a few gallery images each: the compiled op takes the patches of an image once
# for all pairs of a tile, and works on 32 pairs together.
TILE_PROBES, TILE_GALLERY = 4, 8


class PairScorer:
    """Scores pairs of a set of images: the tower runs once an image when this is made, the head once a pair.

    Args:
        model: A model of `tfnxc.models`.
        images: uint8 array of shape `(images, height, width, 3)`.
        batch_size: Pairs at a time. Defaults to `None`: the fastest of `BATCH_SIZES`, found with the first pairs.
        progress: Called with the number of images done after each batch of the tower. Defaults to `None`.
        mirrored: Whether the first and the second image of each pair are mirrored, left for right. Defaults to
            `(False, False)`.
        strategy: A `tf.distribute.Strategy` whose replicas share the pairs; each worker process makes a scorer of the
            same model and images and is given the same pairs. Defaults to `None`: this process does all.

    Example:
        >>> PairScorer(model, images).score([[0, 1], [0, 2]])
        array([0.97, 0.03], dtype=float32)
    """

    def __init__(self, model, images, batch_size=None, progress=None, mirrored=(False, False), strategy=None):
        self._tower, self._head = models.split(model)
        self._images, self._mirrored = images, mirrored
        self._embedders = {each: Embedder(self._tower, each) for each in sorted(set(mirrored))}
        self.renew(progress)
        self._batch_size, self._distributed = batch_size, None
        if strategy is not None:
            # Every worker has to take the same batches, so that none is measured.
            self._batch_size = BATCH_SIZES[2] if batch_size is None else batch_size
            digest = functools.reduce(lambda sum, part: zlib.crc32(part, sum), self._head.get_weights(), 0)
            digest = f"{digest} {zlib.crc32(self._probes)} {zlib.crc32(self._gallery)}"
            self._distributed = DistributedScorer(strategy, self._score_captured, self._batch_size, digest)
        maps = tf.TensorSpec([None, *self._probes.shape[1:]], tf.float32)
        self._run = tf.function(self._same, input_signature=[maps, maps])

    @property
    def batch_size(self):
        """Pairs at a time; `None` as long as it has not been found."""
        return self._batch_size

    def renew(self, progress=None):
        """Runs the tower again on all images, after its weights have changed.

        Args:
            progress: As in the constructor. Defaults to `None`.
        """
        features = {side: embed(self._images, progress=progress) for side, embed in self._embedders.items()}
        self._probes, self._gallery = features[self._mirrored[0]], features[self._mirrored[1]]

    def score(self, pairs, progress=None):
        """Probability that both images of a pair show one person.

        Args:
            pairs: int array of shape `(pairs, 2)`: index of the probe, index of the gallery image. Pairs of the same
                images cost less when they are scored by one call.
            progress: Called with the number of pairs done after each batch. Defaults to `None`.

        Returns:
            float32 array of shape `(pairs,)`, in the order of `pairs`.
        """
        pairs = np.asarray(pairs, np.int32).reshape(-1, 2)
        if not len(pairs):
            return np.empty(0, np.float32)
        order = tiled(pairs)
        scores = np.empty(len(pairs), np.float32)
        scores[order] = self._score_in_order(pairs[order], progress)
        return scores

    def top_k(self, probes, gallery, k, progress=None):
        """The best of a gallery for each probe, without a matrix of scores: memory grows with `probes * k` only.

        Args:
            probes: Indices of images.
            gallery: Indices of images, at least `k`.
            k: How many are kept.
            progress: Called with the number of pairs done after each batch. Defaults to `None`.

        Returns:
            `(indices, scores)`, both of shape `(probes, k)`, best first: images of the gallery, float32 probabilities.
            Of equal scores the one that comes first in the gallery is first.
        """
        probes, gallery = np.asarray(probes, np.int32), np.asarray(gallery, np.int32)
        if not 1 <= k <= len(gallery):
            raise ValueError(f"k must be 1 to {len(gallery)}, the number of images in the gallery; got {k!r}.")
        best = np.empty((len(probes), 0), np.int64)
        scores = np.empty((len(probes), 0), np.float32)
        step = max(k, _BLOCK // max(1, len(probes)))
        for start in range(0, len(gallery), step):
            part = np.arange(start, min(start + step, len(gallery)))
            pairs = np.stack(np.broadcast_arrays(probes[:, None], gallery[part]), axis=-1)
            found = self.score(pairs.reshape(-1, 2), progress).reshape(len(probes), len(part))
            scores = np.concatenate([scores, found], axis=1)
            best = np.concatenate([best, np.broadcast_to(part, found.shape)], axis=1)
            # Stable, and what came earlier in the gallery stands first already.
            kept = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            scores, best = np.take_along_axis(scores, kept, axis=1), np.take_along_axis(best, kept, axis=1)
        return gallery[best], scores

    def _same(self, probes, gallery):
        """Probability of class 1, the same person."""
        return tf.cast(self._head([probes, gallery], training=False)[:, 1], tf.float32)

    def _score_batch(self, pairs):
        return self._run(np.take(self._probes, pairs[:, 0], axis=0), np.take(self._gallery, pairs[:, 1], axis=0))

    def _score_in_order(self, pairs, progress):
        if self._distributed is not None:
            return self._distributed.score(pairs, progress)
        scores = np.empty(len(pairs), np.float32)
        done = 0
        if self._batch_size is None:
            done = self._find_batch_size(pairs, scores, progress)
        for start in range(done, len(pairs), self._batch_size or 1):
            batch = pairs[start : start + self._batch_size]
            scores[start : start + len(batch)] = self._score_batch(batch).numpy()
            if progress is not None:
                progress(len(batch))
        return scores

    def _score_captured(self, pairs):
        """Scores of a tensor of pairs, inside a replica."""
        maps = self._probes.shape[1:]

        def of(side, features):
            gathered = tf.numpy_function(lambda which: np.take(features, which, axis=0), [pairs[:, side]], tf.float32)
            return tf.ensure_shape(gathered, [None, *maps])

        return self._same(of(0, self._probes), of(1, self._gallery))

    def _find_batch_size(self, pairs, scores, progress):
        """Scores the first pairs in batches of growing size and keeps the fastest; gives how many were scored.

        Stops at a size that is no faster than the one before by a twentieth. With too few pairs to tell, nothing is
        kept.
        """
        done, best = 0, 0.0
        self._score_batch(pairs[: BATCH_SIZES[0]])  # what is only done once, such as tracing, is not measured
        for size in BATCH_SIZES:
            if len(pairs) - done < 2 * size:
                if done == 0:
                    self._measure(pairs, scores, 0, len(pairs), 1, progress)
                    return len(pairs)
                break
            rate = self._measure(pairs, scores, done, size, 2, progress)
            done += 2 * size
            if rate < 1.05 * best:
                break
            best, self._batch_size = rate, size
        return done

    def _measure(self, pairs, scores, start, size, batches, progress):
        """Scores some batches; gives the pairs a second of the fastest."""
        best = 0.0
        for at in range(start, start + batches * size, size):
            batch = pairs[at : at + size]
            begin = time.perf_counter()
            scores[at : at + len(batch)] = self._score_batch(batch).numpy()
            best = max(best, len(batch) / (time.perf_counter() - begin))
            if progress is not None:
                progress(len(batch))
        return best


_BLOCK = 1 << 16  # pairs that `top_k` scores before it drops what is not among the best


def tiled(pairs):
    """An order of pairs in which neighbours share their images: tiles of a few probes and a few gallery images.

    Args:
        pairs: int array of shape `(pairs, 2)`.

    Returns:
        Indices of `pairs`, each once.
    """
    _, probe = np.unique(pairs[:, 0], return_inverse=True)
    _, gallery = np.unique(pairs[:, 1], return_inverse=True)
    probe, gallery = probe.ravel(), gallery.ravel()
    return np.lexsort((gallery, probe, gallery // TILE_GALLERY, probe // TILE_PROBES))
