"""Times a training step of the three models: the plain path, pairs with the compiled op, and pairs formed in the batch.

    python benchmarks/training_speed.py [--runs 7] [--models normxcorr ahmed fused] [--json FILE]

"plain" runs both towers for each of 32 pairs, the correlation as one writes it first (benchmarks/norm_xcorr.py) and its
gradient left to TensorFlow, with the published recipe's optimizer; "native" is the same with tfnxc's compiled op;
"grouped" is a step of the recipe `grouped`: 144 pairs of 96 images, towers once an image. Steps take turns in one
process, after two runs each to warm up. For `normxcorr` the parts of a grouped step follow, and its arithmetic: what
its multiply-adds alone would take at the speed of a large matrix product, measured in the same run.
"""

import argparse
import contextlib
import json
import os
import statistics
import time
import unittest.mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from training_step import plain_summary

from tfnxc import models, ops
from tfnxc.training import Recipe

SEPARATE, GROUPED = Recipe(), Recipe.named("grouped")
PLAIN_PAIRS = 32


def step_of(model, fitted, recipe):
    """A traced training step of a model, on a batch and its labels."""
    optimizer, loss = recipe.make_optimizer(1000), recipe.make_loss()
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(batch, same):
        with tf.GradientTape() as tape:
            total = loss(same, fitted(batch, training=True))
            total += tf.add_n(model.losses) if model.losses else 0.0
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return total

    return step


def batches():
    """A batch of separate pairs and one of groups, with their labels."""
    rng = np.random.default_rng(0)
    images = tf.constant(rng.random((2 * PLAIN_PAIRS, 160, 60, 3)), tf.float32)
    separate = {"probe": images[:PLAIN_PAIRS], "gallery": images[PLAIN_PAIRS:]}, tf.constant(np.arange(PLAIN_PAIRS) % 2)
    pictures = rng.integers(0, 256, (96, 160, 60, 3), np.uint8)
    pipeline = GROUPED.make_pipeline(pictures, np.repeat(np.arange(48), 2), np.tile([0, 1], 48))
    return separate, next(iter(pipeline.one_epoch(0)))


def steps_of(name):
    """`(variant, step, batch, pairs)` of a model, traced."""
    separate, grouped = batches()
    found = []
    for variant in ("plain", "native", "grouped"):
        keras.utils.set_random_seed(0)
        os.environ["TFNXC_OPS"] = "python" if variant == "plain" else "native"
        recipe, batch = (GROUPED, grouped) if variant == "grouped" else (SEPARATE, separate)
        model = models.BUILDERS[name](l2=recipe.l2, scaling=recipe.scaling, initializer=recipe.initializer)
        step = step_of(model, models.in_batch(model) if variant == "grouped" else model, recipe)
        in_place = unittest.mock.patch.object(ops, "norm_xcorr_summary", plain_summary)
        with in_place if variant == "plain" else contextlib.nullcontext():
            step(*batch)
        found.append((variant, step, batch, len(batch[1])))
    return found


def parts_of_normxcorr():
    """`(part, function, batch, pairs)` of a grouped step of `normxcorr`."""
    os.environ["TFNXC_OPS"] = "native"
    (batch, same), pairs = batches()[1], GROUPED.batch_size
    tower, head = models.split(models.normxcorr(l2=0.0))
    maps = tower(batch["images"])

    @tf.function
    def towers():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tower(batch["images"], training=True))
        return tape.gradient(total, tower.trainable_variables)

    @tf.function
    def heads():
        with tf.GradientTape() as tape:
            tape.watch(maps)
            sides = [tf.gather(maps, batch[side]) for side in ("probe", "gallery")]
            total = GROUPED.make_loss()(same, head(sides, training=True))
        return tape.gradient(total, [maps, *head.trainable_variables])

    variables = [*tower.trainable_variables, *head.trainable_variables]
    optimizer = GROUPED.make_optimizer(1000)
    optimizer.build(variables)
    gradients = [tf.ones_like(each) for each in variables]

    @tf.function
    def update():
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    return [(name, part, (), pairs) for name, part in (("towers", towers), ("heads", heads), ("optimizer", update))]


def multiply_adds():
    """Multiply-adds of a grouped step of `normxcorr`, by part (SPEC section 3)."""
    images, pairs = 2 * GROUPED.batch_size // GROUPED.people, GROUPED.batch_size
    first, second = 156 * 56 * 20 * 75, 74 * 24 * 25 * 500
    # Forward, and the gradients of weights and of inputs; the first convolution's inputs need none.
    towers = images * (2 * first + 3 * second)
    correlation = summary = 37 * 12 * 1500 * 25
    across, dense = 35 * 10 * 25 * 225, 2125 * 500
    # The correlation twice (it is not kept for the backward pass) and its two gradients.
    heads = pairs * (4 * correlation + 3 * (summary + across + dense))
    shapes = [(20, 75), (25, 500), (25, 1500), (25, 225), (500, 2125)]
    update = sum(5 * (2 * few**2 * many + few**3) for few, many in shapes)
    return {"towers": towers, "heads": heads, "optimizer": update}


def speed_of_a_product(size=2048):
    """Multiply-adds a second of a large matrix product."""
    matrix = tf.random.uniform((size, size))
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    product()
    return size**3 / min(_seconds(product, ()) for _ in range(5))


def _seconds(function, batch):
    start = time.perf_counter()
    tf.nest.map_structure(lambda each: each.numpy() if hasattr(each, "numpy") else each, function(*batch))
    return time.perf_counter() - start


def timed(variants, runs):
    """Median, least and most milliseconds a pair of each variant, all in turn."""
    for _, function, batch, _ in variants:
        for _ in range(2):
            _seconds(function, batch)
    taken = [[_seconds(function, batch) for _, function, batch, _ in variants] for _ in range(runs)]
    return {
        name: [1e3 * pick(column) / pairs for pick in (statistics.median, min, max)]
        for (name, _, _, pairs), column in zip(variants, zip(*taken, strict=True), strict=True)
    }


def main():
    """Prints the tables and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="timed runs of each step (default 7)")
    parser.add_argument("--models", nargs="+", default=list(models.BUILDERS), choices=list(models.BUILDERS))
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    if not ops.describe_implementation()["library"]:
        parser.error("the compiled op is not there: run tfnxc build-ops first")
    facts = {"tensorflow": tf.__version__, "keras": keras.__version__, "cores": os.cpu_count()}
    facts |= {"TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS"), **ops.describe_implementation()}
    print(json.dumps(facts, indent=1))
    rows = []
    for name in arguments.models:
        times = timed(steps_of(name), arguments.runs)
        for variant, (median, least, most) in times.items():
            ratio = times["plain"][0] / median
            rows.append({"model": name, "variant": variant, "median_ms": median, "min_ms": least, "max_ms": most})
            rows[-1] |= {"pairs_per_second": 1e3 / median, "times_plain": ratio}
            print(
                f"{name:10}{variant:9}{median:8.2f} ms a pair ({least:.2f} to {most:.2f}) {1e3 / median:7.0f} pairs/s "
                f"{ratio:6.2f} times plain"
            )
    speed, counted = speed_of_a_product(), multiply_adds()
    facts["multiply_adds_per_second"] = speed
    print(f"a large matrix product: {speed / 1e9:.0f} G multiply-adds a second")
    for part, (median, least, most) in timed(parts_of_normxcorr(), arguments.runs).items():
        floor = 1e3 * counted[part] / GROUPED.batch_size / speed
        rows.append({"model": "normxcorr", "part": part, "median_ms": median, "min_ms": least, "max_ms": most})
        rows[-1]["floor_ms"] = floor
        print(f"normxcorr, {part:10}{median:7.2f} ms a pair, floor {floor:.2f}")
    floor = 1e3 * sum(counted.values()) / GROUPED.batch_size / speed
    print(f"normxcorr, floor of a grouped step: {floor:.2f} ms a pair")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"facts": facts, "rows": rows, "floor_ms": floor}, file, indent=1)


if __name__ == "__main__":
    main()
