"""Scoring pairs on several devices or machines: the replicas of a `tf.distribute.Strategy` share the pairs."""

from __future__ import annotations

import json
import os
import zlib

import numpy as np
import tensorflow as tf

from tfnxc.errors import InputError

STRATEGIES = ("none", "mirrored", "multi-worker")
"""The names that `strategy_named` knows."""

_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}, '
    "with the index of its own on each worker"
)


def strategy_named(name):
    """A strategy by the name that the command line uses.

    Args:
        name: "none"; "mirrored" for all GPUs of this machine, or its CPU where there is none; "multi-worker" for
            several processes, on one machine or many. Each of them is told in the environment variable `TF_CONFIG`
            who the others are, and has to call this before anything else runs in TensorFlow: before a model is made
            or loaded. It then waits until all the others are there.

    Returns:
        A `tf.distribute.Strategy`, or `None` for "none".

    Raises:
        InputError: If the name is unknown, `TF_CONFIG` is not usable, or TensorFlow has already started.

    Example:
        >>> strategy = strategy_named("mirrored")
        >>> PairScorer(model, images, strategy=strategy).score(pairs)

    References:
        [Distributed training with TensorFlow](https://www.tensorflow.org/guide/distributed_training).
    """
    if name not in STRATEGIES:
        raise InputError(f"Unknown strategy {name!r}: expected one of {', '.join(STRATEGIES)}.")
    if name == "none":
        return None
    if name == "mirrored":
        # The default, NCCL, may wait for ever in `gather` (tensorflow/tensorflow issue 62065).
        return tf.distribute.MirroredStrategy(cross_device_ops=tf.distribute.ReductionToOneDevice())
    _check_tf_config(os.environ.get("TF_CONFIG"))
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise InputError(
            'The strategy "multi-worker" has to be made before anything else runs in TensorFlow: call strategy_named '
            f"first, then make or load the model. TensorFlow says: {error}"
        ) from error
    except tf.errors.OpError as error:
        raise InputError(
            "The workers of TF_CONFIG do not come together. Check that each address belongs to one process, that its "
            f"port is free, and that the workers reach one another. TensorFlow says: {error.message}"
        ) from error


def is_chief(strategy):
    """Whether this process is the one that writes files: all workers have the scores, only the chief writes them.

    Args:
        strategy: As from `strategy_named`.

    Returns:
        `True` where there is only one process; of several workers `True` for one: the task "chief" if `TF_CONFIG`
        names one, or else worker 0.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict()
    if not cluster:
        return True
    return resolver.task_type == "chief" or (not cluster.get("chief") and resolver.task_id == 0)


class DistributedScorer:
    """Scores pairs on all replicas of a strategy, each a batch at a time.

    Keep it for further calls: the first one traces `score`, once a replica.

    Args:
        strategy: A `tf.distribute.Strategy`. Where it has several worker processes, each of them makes a scorer of the
            same model and images, and makes the same calls.
        score: A `tf.function`, or a Python function of tensors, that maps int32 pairs `(batch_size, 2)` to float32
            scores `(batch_size,)`, each from its own pair alone. What it captures lies on each worker.
        batch_size: Pairs that a replica scores at a time.
        digest: A digest of the model and the images, which has to be the same on all workers. Defaults to `""`.

    Raises:
        InputError: If `batch_size` is less than 1.

    Example:
        >>> scorer = DistributedScorer(strategy, score, batch_size=64)
        >>> scores = scorer.score(pairs)
        >>> if is_chief(strategy):
        ...     np.save("scores.npy", scores)
    """

    def __init__(self, strategy, score, batch_size, digest=""):
        if batch_size < 1:
            raise InputError(f"batch_size must be 1 or more; got {batch_size}.")
        # Each replica traces the Python function by itself, so that it reads its own copy of the variables.
        score = getattr(score, "python_function", score)
        self._strategy, self._batch_size, self._digest = strategy, batch_size, digest
        # `gather` outside a tf.function would trace anew at each call.
        self._gather = tf.function(lambda values: strategy.gather(values, axis=0))
        self._score = tf.function(lambda batches: strategy.gather(strategy.run(score, args=(batches,)), axis=0))

    def score(self, pairs, progress=None):
        """Scores of pairs.

        In each round every replica scores one batch, the last one filled up with its last pair. The scores equal, bit
        for bit, those of one process that scores the same batches; with other batches they differ by rounding.

        Args:
            pairs: int array of shape `(pairs, 2)`, the same on every worker.
            progress: Called after each round with the number of pairs that all replicas have done in it. Defaults to
                `None`.

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
        order = self._meet(pairs)
        replicas = len(order)
        scores = np.empty(len(pairs), np.float32)
        for start in range(0, len(pairs), replicas * self._batch_size):
            part = pairs[start : start + replicas * self._batch_size]
            missing = replicas * self._batch_size - len(part)
            batches = np.pad(part, ((0, missing), (0, 0)), mode="edge").reshape(replicas, self._batch_size, 2)
            gathered = self._on_all(self._score, batches).reshape(replicas, self._batch_size)
            scores[start : start + len(part)] = gathered[order].ravel()[: len(part)]
            if progress is not None:
                progress(len(part))
        return scores

    def _on_all(self, run, values):
        """What `run` gives for the distributed value whose part on replica k is `values[k]`."""
        distributed = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(values[context.replica_id_in_sync_group])
        )
        try:
            return run(distributed).numpy()
        except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
            raise InputError(
                "A worker was lost, and the others cannot go on without it. Look there for the cause, then start all "
                f"of them again. TensorFlow says: {error.message}"
            ) from error

    def _meet(self, pairs):
        """Where the part of each replica stands in what `gather` gives; all workers have to be at the same work.

        Without this, workers at different work would wait for one another for ever, or mix their scores. The order is
        asked for because TensorFlow may rank GPUs by how they are wired, not by their replica.
        """
        replicas = self._strategy.num_replicas_in_sync
        work = [len(pairs), zlib.crc32(pairs), self._batch_size, zlib.crc32(self._digest.encode())]
        cards = np.array([[[replica, *work]] for replica in range(replicas)], np.int64)
        met = self._on_all(self._gather, cards)
        for what, theirs in zip(("numbers of pairs", "pairs", "batch sizes", "digests"), met[:, 1:].T, strict=True):
            if len(set(theirs)) > 1:
                raise InputError(
                    f"The workers have different {what}: {', '.join(map(str, theirs))} on their replicas. Start all "
                    "of them with the same options, and with the same model, images and saved scores."
                )
        return np.argsort(met[:, 0])


def _check_tf_config(text):
    """Raises an `InputError` unless this is what `MultiWorkerMirroredStrategy` can be made from."""
    if not text:
        raise _unusable("is not set")
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise _unusable(f"is not JSON ({error}): {text!r}") from None
    cluster = config.get("cluster") if isinstance(config, dict) else None
    workers = cluster.get("worker") if isinstance(cluster, dict) else None
    if not workers or not all(_are_addresses(each) for each in cluster.values()):
        raise _unusable(f'has no list of addresses "host:port" at cluster/worker: {text!r}')
    if cluster.keys() - {"chief", "worker"}:
        raise _unusable(f'has other tasks in its cluster than "chief" and "worker": {text!r}')
    addresses = [address for each in cluster.values() for address in each]
    if len(set(addresses)) < len(addresses):
        raise _unusable(f"gives one address to two workers: {text!r}")
    task = config.get("task")
    if not isinstance(task, dict) or not {"type", "index"} <= task.keys():
        raise _unusable(f"does not say which of the workers this process is: task/type and task/index: {text!r}")
    if task["type"] not in cluster or str(task["index"]) not in map(str, range(len(cluster[task["type"]]))):
        raise _unusable(f"names a task that is not in its cluster, {task['type']} {task['index']}: {text!r}")


def _are_addresses(addresses):
    return isinstance(addresses, list) and all(
        isinstance(each, str) and each.rpartition(":")[0] and each.rpartition(":")[2].isdigit() for each in addresses
    )


def _unusable(what):
    return InputError(
        f'The strategy "multi-worker" needs the environment variable TF_CONFIG, which {what}. Set it to {_EXAMPLE}.'
    )
