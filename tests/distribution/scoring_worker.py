"""Scores pairs with a small model on a strategy. Run as a program: a strategy is made before TensorFlow starts."""

import json
import os
import sys

import numpy as np

COUNTS = (13, 12, 1, 0)  # of pairs; a round is two replicas x 3 pairs
BATCH_SIZE = 3


def scores_of(strategy, model=None, count=COUNTS[0], **options):
    """Scores on a strategy and, for `None`, those of one process that scores the same batches."""
    import tensorflow as tf

    from tfnxc import models
    from tfnxc.distribution import DistributedScorer

    tower, head = models.split(model or small_model())
    rng = np.random.default_rng(0)
    maps = tower(rng.random((7, 40, 28, 3), np.float32))
    pairs = np.argwhere(np.ones((7, 7), bool))[:count][::-1]

    @tf.function
    def score(batch):
        return head([tf.gather(maps, batch[:, 0]), tf.gather(maps, batch[:, 1])])[:, 1]

    if strategy is None:
        filled = np.pad(pairs, ((0, -len(pairs) % BATCH_SIZE), (0, 0)), mode="edge").astype(np.int32)
        return np.concatenate([score(each) for each in filled.reshape(-1, BATCH_SIZE, 2)])[:count]
    return DistributedScorer(strategy, score, BATCH_SIZE).score(pairs, **options)


def small_model():
    """The same weights in every process."""
    import keras

    from tfnxc import models

    keras.utils.set_random_seed(0)
    return models.normxcorr((40, 28, 3), filters=(3, 4), units=8)


def main(kind, results):
    import tensorflow as tf

    from tfnxc.distribution import DistributedScorer, is_chief, strategy_named
    from tfnxc.errors import InputError

    if kind == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())
        with strategy.scope():
            mirrored = small_model()
    else:
        strategy, mirrored = strategy_named("multi-worker"), None
    model, found, done = small_model(), {}, []
    for count in COUNTS:
        found[f"{count} pairs"] = scores_of(strategy, model, count, progress=done.append)
    if kind == "mirrored":
        found["13 pairs, variables mirrored"] = scores_of(strategy, mirrored)
        strategy.gather = lambda values, axis: tf.concat(strategy.experimental_local_results(values)[::-1], axis)
        found["13 pairs, ranked otherwise"] = scores_of(strategy, model)
    facts = {"replicas": strategy.num_replicas_in_sync, "chief": is_chief(strategy), "done": done, "refused": []}
    # What each worker would do differently; on one machine all replicas have the same.
    task = int(json.loads(os.environ["TF_CONFIG"])["task"]["index"]) if kind == "multi-worker" else 0
    for count, batch_size, digest in ((4 + task, 3, ""), (4, 3 + task, ""), (4, 3, f"model {task}")):
        try:
            scorer = DistributedScorer(strategy, lambda batch: batch[:, 0] / 2, batch_size, digest)
            scorer.score(np.ones((count, 2), int))
        except InputError as error:
            facts["refused"].append(str(error))
    if task == 0 and kind == "multi-worker":  # the other ends below, and is missed
        try:
            scores_of(strategy, model)
        except InputError as error:
            facts["refused"].append(str(error))
    np.savez(results, facts=json.dumps(facts), **found)
    os._exit(0)  # as a kill does: without a word to the others


if __name__ == "__main__":
    main(*sys.argv[1:])
