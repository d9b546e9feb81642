"""Times a training step of the three models: the plain path, pairs with the compiled op, and pairs formed in the batch.

    python benchmarks/training_speed.py [--runs 7] [--models normxcorr ahmed fused] [--json FILE]

"plain" runs both towers for each of 32 pairs, the correlation as one writes it first (benchmarks/norm_xcorr.py) and its
gradient left to TensorFlow, with the published recipe's optimizer; "native" is the same with tfnxc's compiled op;
"grouped" is a step of the recipe `grouped`: 144 pairs of 96 images, towers once an image. Steps take turns in one
process, after two runs each to warm up. For `normxcorr` the parts of a grouped step follow, and its arithmetic: what
its multiply-adds alone would take at the speed of a large matrix product, measured in the same run.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from timing import in_turn, parser_of, show_facts, write
from training_step import in_use, step_of

from tfnxc import models, ops
from tfnxc.recipes import Recipe, make_loss, make_optimizer, make_pipeline

SEPARATE, GROUPED = Recipe(), Recipe.named("grouped")
PLAIN_PAIRS = 32


def batches():
    """A batch of separate pairs and one of groups, with their labels."""
    rng = np.random.default_rng(0)
    images = tf.constant(rng.random((2 * PLAIN_PAIRS, 160, 60, 3)), tf.float32)
    separate = {"probe": images[:PLAIN_PAIRS], "gallery": images[PLAIN_PAIRS:]}, tf.constant(np.arange(PLAIN_PAIRS) % 2)
    pictures = rng.integers(0, 256, (96, 160, 60, 3), np.uint8)
    pipeline = make_pipeline(GROUPED, pictures, np.repeat(np.arange(48), 2), np.tile([0, 1], 48))
    return separate, next(iter(pipeline.one_epoch(0)))


def steps_of(name):
    """`(variant, step, batch, pairs)` of a model, traced."""
    separate, grouped = batches()
    found = []
    for variant in ("plain", "native", "grouped"):
        keras.utils.set_random_seed(0)
        recipe, batch = (GROUPED, grouped) if variant == "grouped" else (SEPARATE, separate)
        model = models.BUILDERS[name](l2=recipe.l2, scaling=recipe.scaling, initializer=recipe.initializer)
        step = step_of(model, models.in_batch(model) if variant == "grouped" else model, recipe)
        with in_use("plain" if variant == "plain" else "native"):
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
            total = make_loss(GROUPED)(same, head(sides, training=True))
        return tape.gradient(total, [maps, *head.trainable_variables])

    variables = [*tower.trainable_variables, *head.trainable_variables]
    optimizer = make_optimizer(GROUPED, 1000)
    optimizer.build(variables)
    gradients = [tf.ones_like(each) for each in variables]

    @tf.function
    def update():
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    return [(name, part, (), pairs) for name, part in (("towers", towers), ("heads", heads), ("optimizer", update))]


def multiply_adds():
    """Multiply-adds of a grouped step of `normxcorr`, by part (SPEC section 3)."""
    images, pairs = 2 * GROUPED.batch_size // GROUPED.identities_per_group, GROUPED.batch_size
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
    return size**3 / in_turn({"product": finished(product, ())}, runs=5, warm_up=0)["product"].spread().least


def finished(function, batch):
    """A function that runs `function` on the batch until its results are there."""

    def run():
        tf.nest.map_structure(lambda each: each.numpy() if hasattr(each, "numpy") else each, function(*batch))

    return run


def timed(variants, runs):
    """The `Spread` of milliseconds a pair of each variant, all in turn."""
    times = in_turn({name: finished(function, batch) for name, function, batch, _ in variants}, runs)
    return {name: times[name].milliseconds(pairs) for name, _, _, pairs in variants}


def main():
    """Prints the tables and writes the JSON file."""
    parser = parser_of(__doc__, runs=7)
    parser.add_argument("--models", nargs="+", default=list(models.BUILDERS), choices=list(models.BUILDERS))
    arguments = parser.parse_args()
    if not ops.describe_implementation()["library"]:
        parser.error("the compiled op is not there: run tfnxc build-ops first")
    one_dnn = {"TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS")}
    facts = show_facts(**one_dnn, **ops.describe_implementation())
    rows = []
    for name in arguments.models:
        times = timed(steps_of(name), arguments.runs)
        for variant, spread in times.items():
            ratio, rate = times["plain"].median / spread.median, 1e3 / spread.median
            row = {"model": name, "variant": variant, **spread.to_dict("ms")}
            rows.append({**row, "pairs_per_second": rate, "times_plain": ratio})
            shown = f"{name:10}{variant:9}{spread.median:8.2f} ms a pair {spread.text()}"
            print(f"{shown} {rate:7.0f} pairs/s {ratio:6.2f} times plain")
    speed, counted = speed_of_a_product(), multiply_adds()
    facts["multiply_adds_per_second"] = speed
    print(f"a large matrix product: {speed / 1e9:.0f} G multiply-adds a second")
    for part, spread in timed(parts_of_normxcorr(), arguments.runs).items():
        floor = 1e3 * counted[part] / GROUPED.batch_size / speed
        rows.append({"model": "normxcorr", "part": part, **spread.to_dict("ms"), "floor_ms": floor})
        print(f"normxcorr, {part:10}{spread.median:7.2f} ms a pair, floor {floor:.2f}")
    floor = 1e3 * sum(counted.values()) / GROUPED.batch_size / speed
    print(f"normxcorr, floor of a grouped step: {floor:.2f} ms a pair")
    write(arguments.json, facts, rows, floor_ms=floor)


if __name__ == "__main__":
    main()
