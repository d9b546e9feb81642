"""Scoring pairs on several devices or machines: the replicas of a `tf.distribute.Strategy` share the pairs."""

import zlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfnxc.console import ProgressCallback
from tfnxc.distribution.meeting import Meeting
from tfnxc.errors import InputError


class DistributedScorer:
    """Scores pairs on all replicas of a strategy, each a batch at a time.

    Keep it for further calls: the first one traces `score`, once a replica. Several worker processes each make a scorer
    of the same model and images, and the same calls.

    Args:
        strategy: A `tf.distribute.Strategy`.
        score: A `tf.function`, or a Python function of tensors, that maps int32 pairs `(batch_size, 2)` to float32
            scores `(batch_size,)`, each from its own pair alone. What it captures lies on each worker.
        batch_size: Pairs that a replica scores at a time.
        digest: A digest of the model and the images, which has to be the same on all workers. Defaults to `""`.

    Raises:
        InputError: If `batch_size` is less than 1.

    Example:
        >>> scorer = DistributedScorer(tf.distribute.get_strategy(), lambda pairs: pairs[:, 0] / 2, batch_size=64)
        >>> scorer.score([[1, 0], [2, 0], [3, 0]])
        array([0.5, 1. , 1.5], dtype=float32)
    """

    def __init__(self, strategy: tf.distribute.Strategy, score: Callable, batch_size: int, digest: str = ""):
        if batch_size < 1:
            raise InputError(f"batch_size must be 1 or more; got {batch_size}.")
        # Each replica traces the Python function by itself, so that it reads its own copy of the variables.
        score = getattr(score, "python_function", score)
        self._strategy, self._batch_size, self._digest = strategy, batch_size, digest
        self._meeting = Meeting(strategy)
        self._score = tf.function(lambda batches: strategy.gather(strategy.run(score, args=(batches,)), axis=0))

    def score(self, pairs: np.ndarray, progress: ProgressCallback | None = None) -> np.ndarray:
        """Scores of pairs, bit for bit those of one process that scores the same batches.

        In each round every replica scores one batch, the last one filled up with its last pair.

        Args:
            pairs: int array of shape `(pairs, 2)`, the same on every worker.
            progress: Called after each round with the number of pairs in it. Defaults to `None`.

        Returns:
            float32 array of shape `(pairs,)`, in the order of `pairs`, the whole of it on every worker.

        Raises:
            InputError: If `pairs` are no pairs of integers, the workers differ in pairs, batch size or digest, or one
                of them is lost.
        """
        pairs = np.asarray(pairs)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
            raise InputError(f"pairs must be integers of shape (pairs, 2); got {pairs.dtype} of shape {pairs.shape}.")
        pairs = np.ascontiguousarray(pairs, np.int32)
        self._check_same(pairs)
        order = self._meeting.order
        scores = np.empty(len(pairs), np.float32)
        for start in range(0, len(pairs), len(order) * self._batch_size):
            part = pairs[start : start + len(order) * self._batch_size]
            filled = np.pad(part, ((0, len(order) * self._batch_size - len(part)), (0, 0)), mode="edge")
            gathered = self._meeting.call(self._score, filled.reshape(len(order), self._batch_size, 2))
            gathered = gathered.reshape(len(order), self._batch_size)[order]
            scores[start : start + len(part)] = gathered.ravel()[: len(part)]
            if progress is not None:
                progress(len(part))
        return scores

    def _check_same(self, pairs):
        """Workers at different work would wait for one another forever, or mix their scores."""
        work = {"numbers of pairs": len(pairs), "pairs": zlib.crc32(pairs), "batch sizes": self._batch_size}
        differing = self._meeting.differing({**work, "digests": zlib.crc32(self._digest.encode())})
        if differing:
            raise InputError(
                f"The workers have different {differing[0]}: {differing[1]} on their replicas. Start all of them with "
                "the same options, and with the same model, images and saved scores."
            )
