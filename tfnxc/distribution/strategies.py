"""Strategies by name, and which worker this process is."""

import json
import os

import tensorflow as tf

from tfnxc.errors import InputError

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
        raise InputError(
            "The workers of TF_CONFIG do not come together. Check that each address belongs to one process, that its "
            f"port is free, and that the workers reach one another. TensorFlow says: {error.message}"
        ) from error


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
        raise InputError(
            "a training takes a MirroredStrategy or a MultiWorkerMirroredStrategy, as from strategy_named; got "
            f"{type(found).__name__}."
        )
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
    try:
        config = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise _unusable(f"is not JSON ({error}): {text!r}") from None
    if not text:
        raise _unusable("is not set")
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
        f'The strategy "multi-worker" needs the environment variable TF_CONFIG, which {what}. Set it to '
        '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}, with the index '
        "of its own on each worker."
    )
