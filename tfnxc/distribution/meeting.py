"""What the workers of a strategy compare and tell each other."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfnxc.distribution.strategies import worker_of
from tfnxc.errors import InputError


class Meeting:
    """Exchanges a few numbers among the replicas of a strategy, outside of its training steps.

    Every worker makes the same calls in the same order, and each call waits for all of them.

    Args:
        strategy: A `tf.distribute.Strategy`.

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
