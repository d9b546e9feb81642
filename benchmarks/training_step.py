"""Times one training step and one scoring of the whole `normxcorr` model with each implementation of the correlation.

    python benchmarks/training_step.py [--batch 32] [--runs 7] [--json FILE]

"plain" is what one writes first (benchmarks/norm_xcorr.py), left to automatic differentiation; "python" is tfnxc in
plain TensorFlow; "native" is the compiled op (`tfnxc build-ops`), which goes from the towers' maps to the 25 maps of
the summary. A step is forward, backward and the update of the published recipe, on seeded random images; scoring is the
forward pass of the head alone, as ranking runs it. All take turns in one process, after two runs each to warm up.
"""

import argparse
import contextlib
import json
import os
import unittest.mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from norm_xcorr import milliseconds_a_pair, plain, summarized

from tfnxc import models, ops
from tfnxc.training import Recipe


def plain_summary(x, y, kernel, bias, **options):
    """The plain correlation in the place of `tfnxc.ops.norm_xcorr_summary`."""
    del options
    return summarized(plain)(x, y, kernel, bias)


def compiled(variant, batch):
    """A training step and the scoring of a batch with a variant, traced."""
    keras.utils.set_random_seed(0)
    model = models.normxcorr()
    head = models.split(model).head
    optimizer = Recipe().make_optimizer(1000)
    optimizer.build(model.trainable_variables)
    loss = keras.losses.SparseCategoricalCrossentropy()

    @tf.function
    def step(images, labels, maps):
        del maps
        with tf.GradientTape() as tape:
            total = loss(labels, model(images, training=True)) + tf.add_n(model.losses)
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return total

    @tf.function
    def score(images, labels, maps):
        del images, labels
        return head(maps, training=False)[:, 1]

    os.environ["TFNXC_OPS"] = "python" if variant == "plain" else variant
    arguments = inputs(batch)
    plain_in_place = unittest.mock.patch.object(ops, "norm_xcorr_summary", plain_summary)
    with plain_in_place if variant == "plain" else contextlib.nullcontext():
        step(*arguments)
        score(*arguments)
    return step, score


def inputs(batch):
    """Seeded images, labels and feature maps."""
    rng = np.random.default_rng(0)
    images = [tf.constant(rng.random((batch, 160, 60, 3)), tf.float32) for _ in range(2)]
    maps = [tf.constant(rng.random((batch, 37, 12, 25)), tf.float32) for _ in range(2)]
    return images, tf.constant(np.arange(batch) % 2), maps


def main():
    """Prints the table and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32, help="pairs a batch (default 32)")
    parser.add_argument("--runs", type=int, default=7, help="timed runs of each variant (default 7)")
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    names = ["plain", "python"] + ["native"] * bool(ops.describe_implementation()["library"])
    variants = {name: compiled(name, arguments.batch) for name in names}
    facts = {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "cores": os.cpu_count(),
        "batch": arguments.batch,
        **ops.describe_implementation(),
    }
    print(json.dumps(facts, indent=1))
    rows = []
    for index, title in enumerate(("training step", "scoring, head only")):
        functions = {name: both[index] for name, both in variants.items()}
        times = milliseconds_a_pair(functions, inputs(arguments.batch), arguments.batch, arguments.runs)
        for name, (median, least, most) in times.items():
            ratio = times["plain"][0] / median
            rows.append({"what": title, "variant": name, "median_ms": median, "min_ms": least, "max_ms": most})
            rows[-1]["times_plain"] = ratio
            print(f"{title:20} {name:8}{median:8.2f} ms a pair ({least:.2f} to {most:.2f}) {ratio:8.2f} times plain")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"facts": facts, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
