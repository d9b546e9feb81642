"""Strategies by name, which worker this process is, what workers tell each other, and the pairs that they share out."""

import contextlib
import functools
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfnxc.console import ProgressCallback
from tfnxc.errors import InputError
from tfnxc.hashes import checksum

STRATEGIES = ("none", "mirrored", "multi-worker")
"""The names that `strategy_named` knows."""

_TRAINING = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy, tf.distribute.OneDeviceStrategy)


def strategy_named(name: str) -> tf.distribute.Strategy | None:
    """A strategy by the name that the command line uses.

    Args:
        name: `"none"`; `"mirrored"` for all GPUs of this machine, or its CPU where there is none; `"multi-worker"` for
            several processes, on one machine or many. Each of them is told in the environment variable `TF_CONFIG` who
            the others are, and has to call this before anything else runs in TensorFlow: before a model is made or
            loaded. It then waits until all the others are there.

    Returns:
        A `tf.distribute.Strategy`, or `None` for `"none"`.

    Raises:
        InputError: If the name is unknown, `TF_CONFIG` is not usable, or TensorFlow has already started.

    Example:
        >>> strategy_named("mirrored").num_replicas_in_sync >= 1
        True

    References:
        [Distributed training with TensorFlow](https://www.tensorflow.org/guide/distributed_training).
    """
    if name not in STRATEGIES:
        raise InputError(f"Unknown strategy {name!r}: expected one of {', '.join(STRATEGIES)}.")
    if name == "none":
        return None
    if name == "mirrored":
        # The default, NCCL, may wait forever in `gather` (tensorflow/tensorflow issue 62065).
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
        check = "each address belongs to one process, that its port is free, and that the workers reach one another"
        what = f"The workers of TF_CONFIG do not come together. Check that {check}."
        raise InputError(f"{what} TensorFlow says: {error.message}") from error


def training_strategy(strategy: str | tf.distribute.Strategy | None) -> tf.distribute.Strategy | None:
    """The strategy of a training, given as one or by its name; `None` where one device does all.

    Raises:
        InputError: As from `strategy_named`, or if a training cannot use a strategy of this kind.

    Example:
        >>> training_strategy(tf.distribute.OneDeviceStrategy("CPU:0")) is None
        True
    """
    found = strategy_named(strategy) if isinstance(strategy, str) else strategy
    if found is None or found.num_replicas_in_sync == 1:
        return None
    if not isinstance(found, _TRAINING):
        known = "a MirroredStrategy or a MultiWorkerMirroredStrategy, as from strategy_named"
        raise InputError(f"a training takes {known}; got {type(found).__name__}.")
    return found


def worker_of(strategy: tf.distribute.Strategy | None) -> tuple[int, int]:
    """`(number, of)`: which of how many worker processes this one is; the chief is number 0.

    Example:
        >>> worker_of(None)
        (0, 1)
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict()
    chiefs, workers = (len(cluster.get(kind, ())) for kind in ("chief", "worker"))
    if chiefs + workers < 2:
        return 0, 1
    return resolver.task_id + (chiefs if resolver.task_type == "worker" else 0), chiefs + workers


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process is the one that writes files, the only one or the task "chief" or worker 0 of several.

    Example:
        >>> is_chief(None)
        True
    """
    return worker_of(strategy)[0] == 0


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
    return isinstance(addresses, list) and all(re.fullmatch(r".+:\d+", str(each)) for each in addresses)


def _unusable(what):
    return InputError(
        f'The strategy "multi-worker" needs the environment variable TF_CONFIG, which {what}. Set it to '
        '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}, with the index '
        "of its own on each worker."
    )


class Meeting:
    """Exchanges a few numbers among the replicas of a strategy, outside of its training steps.

    Every worker makes the same calls in the same order, and each call waits for all of them.

    Example:
        >>> Meeting(tf.distribute.get_strategy()).gather([3, 4])
        array([[3, 4]])
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        # `gather` outside a tf.function would trace anew at each call.
        self._gather = tf.function(lambda values: strategy.gather(values, axis=0))

    def gather(self, numbers: Sequence[float]) -> np.ndarray:
        """What each replica has, the chief's first: int64 or float32 of shape `(replicas, numbers)`."""
        return self._in_order(numbers)[0]

    def differing(self, numbers: Mapping[str, int]) -> tuple[str, str] | None:
        """The first of some named integers that differs among the replicas: its name, and all values as a text."""
        for name, values in zip(numbers, self.gather(list(numbers.values())).T, strict=True):
            if len(set(values)) > 1:
                return name, ", ".join(map(str, values))
        return None

    @functools.cached_property
    def order(self) -> np.ndarray:
        """Where the part of each replica stands in what `strategy.gather` gives: GPUs may be ranked by their wiring."""
        return self._in_order([0])[1]

    def call(self, function: Callable, values: np.ndarray) -> np.ndarray:
        """What a function gives for the distributed value whose part on replica `k` is `values[k]`."""
        distributed = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(values[context.replica_id_in_sync_group])
        )
        with worker_losses_named():
            return function(distributed).numpy()

    def _in_order(self, numbers):
        replicas = self._strategy.num_replicas_in_sync
        kind = np.int64 if all(isinstance(each, (int, np.integer)) for each in numbers) else np.float32
        found = self.call(self._gather, np.array([[[replica, *numbers]] for replica in range(replicas)], kind))
        order = np.argsort(found[:, 0])
        return found[order, 1:], order


def told_by_chief(strategy: tf.distribute.Strategy | None, value: bool) -> bool:
    """A truth value as the chief has it; all workers ask for it together."""
    return value if worker_of(strategy)[1] == 1 else bool(Meeting(strategy).gather([int(value)])[0, 0])


@contextlib.contextmanager
def worker_losses_named() -> Iterator[None]:
    """A block in which the loss of another worker is one `InputError` that says what to do."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        raise InputError(
            "A worker was lost, and the others cannot go on without it. Look there for the cause, then start all of "
            f"them again; a training goes on after its last checkpoint. TensorFlow says: {error.message}"
        ) from error


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
        # Workers at different work would wait for one another forever, or mix their scores.
        work = {"numbers of pairs": len(pairs), "pairs": checksum([pairs]), "batch sizes": self._batch_size}
        differing = self._meeting.differing({**work, "digests": zlib.crc32(self._digest.encode())})
        if differing:
            remedy = "Start all of them with the same options, and with the same model, images and saved scores."
            raise InputError(f"The workers have different {differing[0]}: {differing[1]} on their replicas. {remedy}")
        order = self._meeting.order
        scores = np.empty(len(pairs), np.float32)
        for start in range(0, len(pairs), len(order) * self._batch_size):
            part = pairs[start : start + len(order) * self._batch_size]
            # Every replica scores one batch; the last ones are filled up with the last pair.
            filled = np.pad(part, ((0, len(order) * self._batch_size - len(part)), (0, 0)), mode="edge")
            gathered = self._meeting.call(self._score, filled.reshape(len(order), self._batch_size, 2))
            gathered = gathered.reshape(len(order), self._batch_size)[order].ravel()
            scores[start : start + len(part)] = gathered[: len(part)]
            if progress is not None:
                progress(len(part))
        return scores
