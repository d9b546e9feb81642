"""Trains a tiny model on a strategy. Run as a program: a strategy is made before TensorFlow starts."""

import dataclasses
import json
import os
import pathlib
import sys
import unittest.mock

import numpy as np


def recipes():
    """Small trainings of two epochs by name, of which a strategy and one device make the same."""
    from tests.training import small_training

    separate = dataclasses.replace(small_training.RECIPE, epochs=2, l2=0.01)
    grouped = dataclasses.replace(small_training.GROUPED, epochs=2, l2=0.01)
    return {
        "separate": separate,
        "hard": dataclasses.replace(small_training.HARD, epochs=2),
        "grouped": grouped,
        "in parts": dataclasses.replace(grouped, batch_size=16, accumulate=2),
        # What cannot be shared out: a last batch of one pair, one group, two groups in two parts each.
        "one pair": dataclasses.replace(separate, batch_size=11),
        "one group": dataclasses.replace(grouped, batch_size=4),
        "two groups": dataclasses.replace(grouped, accumulate=2),
    }


def trained(strategy, folder, name, **options):
    """A model that is trained in a folder."""
    from tests.training.small_training import small_training

    return small_training(folder, recipes()[name], strategy=strategy, **options)


def seeded(strategy, folder, name, seed):
    """The same from a run whose settings do not tell the seed, as where a worker was given another one."""
    from tests.training.small_training import CAMERAS, IDENTITIES, SPLIT, make_images, tiny
    from tfnxc import models
    from tfnxc.training import Execution, Pictures, RunSettings, Start
    from tfnxc.training._fitting import fit
    from tfnxc.training.distribution import start_run

    run = start_run(strategy, folder, RunSettings("arrays", "tiny", recipes()[name]), SPLIT)
    pictures = Pictures(make_images(), IDENTITIES, CAMERAS)
    with unittest.mock.patch.dict(models.BUILDERS, tiny=tiny):
        start, execution = Start("tiny", seed=seed), Execution(strategy=strategy, verbose=0)
        return fit(run, pictures, recipes()[name], start, None, None, (), execution)


def refused(*arguments, call=trained, **options):
    """What an `InputError` says."""
    from tfnxc.errors import InputError

    try:
        call(*arguments, **options)
    except InputError as error:
        return str(error)
    return None


def mirrored(folder, found):
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())
    for name in ("hard", "in parts"):
        found[name] = trained(strategy, folder / name, name).get_weights()
    return [refused(strategy, folder / name, name) for name in ("one pair", "one group", "two groups")]


def multi_worker(folder, found):
    from tests.training.small_training import CAMERAS, At
    from tfnxc.distribution import training_strategy

    strategy = training_strategy("multi-worker")
    task = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    found["grouped"] = trained(strategy, folder / "grouped", "grouped").get_weights()
    # The callbacks are the chief's; the other worker follows.
    stop = At(0, 0, lambda: setattr(stop.model, "stop_training", True))
    stopped = trained(strategy, folder / "separate", "separate", callbacks=[stop])
    found["separate"] = trained(strategy, folder / "separate", "separate").get_weights()
    return [
        int(stopped.optimizer.iterations),
        refused(strategy, folder / "seeds", "separate", seed=task, call=seeded),
        refused(strategy, folder / "cameras", "grouped", cameras=1 - CAMERAS if task else CAMERAS),
        refused(strategy, folder / "domains", "grouped", domains=None if task else 0 * CAMERAS),
        refused(strategy, folder / f"of worker {task}", "separate"),
    ]


def main(kind, folder, results):
    found = {}
    facts = {"mirrored": mirrored, "multi-worker": multi_worker}[kind](pathlib.Path(folder), found)
    weights = {f"{name}/{number}": each for name, all in found.items() for number, each in enumerate(all)}
    np.savez(results, facts=json.dumps(facts), **weights)


if __name__ == "__main__":
    main(*sys.argv[1:])
