"""Training on several devices or machines: each replica of a `tf.distribute.Strategy` computes its part of a batch."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import pathlib
import shutil
import tempfile
import zlib

import keras
import numpy as np
import tensorflow as tf

from tfnxc.callbacks.learning_rate import learning_rate
from tfnxc.distribution.scoring import is_chief, strategy_named
from tfnxc.errors import InputError
from tfnxc.runs.run import Run

_KNOWN = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy, tf.distribute.OneDeviceStrategy)


def training_strategy(name):
    """The strategy of a training, by the name that the command line uses.

    Args:
        name: As in `tfnxc.distribution.scoring.strategy_named`: "none", "mirrored" or "multi-worker". The last has to
            be made before anything else runs in TensorFlow.

    Returns:
        A `tf.distribute.Strategy`, or `None` where one device does all, with "mirrored" on a machine of one too.

    Raises:
        InputError: As from `strategy_named`.

    Example:
        >>> strategy = training_strategy("mirrored")
        >>> train(run, "normxcorr", images, identities, Recipe(), strategy=strategy)
    """
    return checked_strategy(strategy_named(name))


def checked_strategy(strategy):
    """The strategy, or `None` where one device does all.

    Raises:
        InputError: If it is of a kind that a training cannot use.
    """
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return None
    if not isinstance(strategy, _KNOWN):
        raise InputError(
            "a training takes a MirroredStrategy or a MultiWorkerMirroredStrategy, as from training_strategy; got "
            f"{type(strategy).__name__}."
        )
    return strategy


def start_run(strategy, folder, settings, split, data=None, before=(), fitted_before=None):
    """`Run.start`, by the chief; the other workers open what it made.

    Args:
        strategy: As from `training_strategy`.
        folder: As in `Run.start`; on a disk that all workers share.
        settings: As in `Run.start`.
        split: As in `Run.start`.
        data: As in `Run.start`. Defaults to `None`.
        before: As in `Run.start`. Defaults to nobody.
        fitted_before: As in `Run.start`. Defaults to `None`.

    Returns:
        A `Run`.

    Raises:
        InputError: As from `Run.start`; and on the other workers, if the chief could not start the run, or the folder
            is not the one that the chief sees.
    """
    options = folder, settings, split, data, before, fitted_before
    if _workers(strategy)[1] == 1:
        return Run.start(*options)
    meeting = _Meeting(strategy)
    if not is_chief(strategy):
        if not meeting.tell([0.0])[0]:
            raise InputError("the chief could not start the run; it says why.")
        if not (pathlib.Path(folder) / "run.json").exists():
            raise InputError(f"{folder}: no run here, where the chief sees one. {_SHARED}")
        return Run.start(*options, take_over=False)
    started = False
    try:
        run = Run.start(*options)
        started = True
        return run
    finally:
        meeting.tell([float(started)])


def share_of(pairs, strategy, accumulate=1):
    """The pipeline of this worker's share of each batch.

    Args:
        pairs: A `PairPipeline` or a `GroupPipeline`.
        strategy: As from `training_strategy`.
        accumulate: Parts in which a replica computes its share. Defaults to `1`.

    Returns:
        `pairs` where there is one worker, or else the same with `shard`.

    Raises:
        InputError: If a batch cannot be shared out among the replicas.
    """
    if strategy is None:
        return pairs
    # A pipeline refuses what it cannot share out: here also among the devices of one worker, and their parts.
    dataclasses.replace(pairs, shard=(0, strategy.num_replicas_in_sync * accumulate))
    number, of = _workers(strategy)
    return pairs if of == 1 else dataclasses.replace(pairs, shard=(number, of))


def written_run(run, strategy):
    """The run that this worker writes: the chief the run itself, the others one in a folder that ends with the process.

    Args:
        run: The `Run`.
        strategy: As from `training_strategy`.
    """
    if is_chief(strategy):
        return run
    folder = tempfile.mkdtemp(prefix="tfnxc-worker-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Run(folder, run.record)


def check_alike(strategy, model, pictures, **numbers):
    """Compares what all workers begin with, once all of them have read it and before the chief writes.

    Args:
        strategy: As from `training_strategy`.
        model: The model, with its optimizer.
        pictures: Digests by name of what each trains on, not the same names on all where the arguments differ.
        numbers: More that has to be the same, by name: integers.

    Raises:
        InputError: If they differ.
    """
    if _workers(strategy)[1] == 1:
        return
    numbers = {
        "step": int(model.optimizer.iterations),
        **numbers,
        "weights": digest(model.get_weights()),
        "state of the optimizer": digest(map(np.asarray, model.optimizer.variables)),
        **{name: pictures.get(name, -1) for name in ("pictures", "pixels", "people", "sets", "cameras", "drawing")},
    }
    found = _Meeting(strategy).gather(list(numbers.values()))
    for name, each in zip(numbers, found.T, strict=True):
        if len(set(each)) > 1:
            raise InputError(
                f"the workers do not begin with the same {name} ({', '.join(map(str, each))} on their replicas). Start "
                f"all of them with the same settings and the same run folder. {_SHARED}"
            )


def digest(arrays):
    """A number that tells some arrays from others."""
    sum = 0
    for array in arrays:
        sum = zlib.crc32(np.ascontiguousarray(array), sum)
    return sum


def told_by_chief(strategy, value):
    """A truth value as the chief has it; all workers ask for it together."""
    return value if _workers(strategy)[1] == 1 else bool(_Meeting(strategy).tell([float(value)])[0])


class FollowChief(keras.callbacks.Callback):
    """Keeps the workers together: what callbacks of the chief do to it, the other workers do too.

    That is to stop the training, at any step, and to change the learning rate; weights that a callback changes on the
    chief are not carried over. It stands last among the callbacks, on all workers.

    Args:
        strategy: As from `training_strategy`, of several workers.
    """

    def __init__(self, strategy):
        super().__init__()
        self._meeting = _Meeting(strategy)

    def on_train_batch_end(self, batch, logs=None):
        """Takes over what the chief has."""
        self._follow()

    def on_epoch_end(self, epoch, logs=None):
        """Takes over what the chief has."""
        self._follow()

    def _follow(self):
        optimizer = self.model.optimizer
        # Any worker may stop all: one that meets NaN does not leave the others waiting.
        told = self._meeting.tell([learning_rate(optimizer)], [float(self.model.stop_training)])
        self.model.stop_training = bool(told[1])
        if told[0] != np.float32(learning_rate(optimizer)):
            optimizer.learning_rate = float(told[0])


def followers(strategy):
    """The callbacks, `FollowChief` or none, that a training on this strategy ends with."""
    return [FollowChief(strategy)] if _workers(strategy)[1] > 1 else []


@contextlib.contextmanager
def losing_workers_told():
    """A block in which the loss of another worker is one clear error."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        raise InputError(
            "A worker was lost, and the others cannot go on without it. Look there for the cause, then start all of "
            f"them again: they go on after the last checkpoint. TensorFlow says: {error.message}"
        ) from error


_SHARED = "The run folder has to be on a disk that all workers share, under the same name."


def _workers(strategy):
    """`(number, of)`: which of how many processes this is."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict()
    chiefs, workers = (len(cluster.get(kind, ())) for kind in ("chief", "worker"))
    if chiefs + workers < 2:
        return 0, 1
    return resolver.task_id + (chiefs if resolver.task_type == "worker" else 0), chiefs + workers


class _Meeting:
    """What all workers do together outside of a training step: each makes the same calls in the same order."""

    def __init__(self, strategy):
        self._strategy = strategy
        self._sum, self._gather = tf.function(self._sum_on_replicas), tf.function(self._gather_on_replicas)

    def tell(self, of_chief, of_any=()):
        """Numbers as the chief has them, then sums of others over all workers, as one float32 array."""
        own = [*(each if is_chief(self._strategy) else 0.0 for each in of_chief), *of_any]
        return self._call(self._sum, tf.constant(own, tf.float32))

    def gather(self, numbers):
        """int64 array of shape `(replicas, numbers)`: what each has."""
        return self._call(self._gather, tf.constant([numbers], tf.int64))

    def _sum_on_replicas(self, values):
        devices = len(self._strategy.extended.worker_devices)

        def run():
            context = tf.distribute.get_replica_context()
            # Computed here, because collectives want to know the device of a value.
            own = tf.identity(values) if context.replica_id_in_sync_group % devices == 0 else tf.zeros_like(values)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

        return self._strategy.run(run)

    def _gather_on_replicas(self, values):
        return self._strategy.run(lambda: tf.distribute.get_replica_context().all_gather(tf.identity(values), axis=0))

    def _call(self, function, values):
        with losing_workers_told():
            return self._strategy.experimental_local_results(function(values))[0].numpy()
